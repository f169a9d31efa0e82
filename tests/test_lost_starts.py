"""What becomes of a start whose call failed, or whose process died before it wrote it down."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import clock, inbox
from flask_idverify.errors import (
    VendorUnavailable,
    VerificationInProgress,
)
from flask_idverify.models import Verification
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, V4, Vendor, owed, status

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def user(host: Host, vendor: Vendor) -> Any:
    """A saved user of a host whose default application has a v4 provider."""
    host.add_provider(vendor.url)
    return host.add_user("lena.gruber@example.com", real_name="Lena Marie Gruber")


def rows(host: Host) -> list[Verification]:
    return list(host.db.session.scalars(select(Verification).order_by(Verification.created_at)))


def test_start_the_vendor_refuses_is_kept_as_a_retryable_error(
    host: Host, vendor: Vendor, user: Any
) -> None:
    vendor.sandbox.set_faults([{"kind": "5xx", "where": "start", "times": 1}])
    with pytest.raises(VendorUnavailable):
        host.idverify.start(user, lena())
    (row,) = rows(host)
    assert (row.status, row.reason, row.retryable) == (Status.error, "start_failed", True)
    assert row.vendor_message
    assert row.active_key is None
    assert len(vendor.asked("start")) == 1  # not repeated blindly
    known = host.idverify.identity_of(user)
    assert known is not None
    assert known.standing is Standing.unverified
    assert host.idverify.start(user, lena()).status is Status.started


def test_bug_in_an_adapter_leaves_no_attempt_in_the_way(
    host: Host, vendor: Vendor, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("U7301945")

    with monkeypatch.context() as patch:
        patch.setattr("requests.Session.request", broken)
        with pytest.raises(KeyError):
            host.idverify.start(user, lena())
    (row,) = rows(host)
    assert (row.status, row.reason) == (Status.error, "start_failed")
    assert "U7301945" not in str(row.vendor_message)
    assert host.idverify.start(user, lena()).status is Status.started


def test_lost_process_blocks_for_minutes_only(
    host: Host, vendor: Vendor, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose(host, vendor, user)
    monkeypatch.setattr("flask_idverify.service.resuming.PATIENCE", 0.0)
    with pytest.raises(VerificationInProgress, match="being started"):
        host.idverify.start(user, lena())
    with clock.shifted(minutes=4):
        fresh = host.idverify.start(user, lena())
    assert fresh.id != lost.id
    assert lost.status is Status.expired


def lose(host: Host, vendor: Vendor, user: Any) -> Verification:
    """Start, and let the process die before it wrote the vendor's answer down."""
    row = host.idverify.start(user, lena(), consent())
    host.db.session.execute(
        update(Verification).values(
            status=Status.created,
            vendor_reference=None,
            account_id=None,
            facts={},
            redirect_url_sealed=None,
            link_expires_at=None,
            next_poll_at=None,
        )
    )
    host.db.session.commit()
    return row


# The Platform's notifications do not carry our reference: only the key in the URL finds the row.
@pytest.mark.parametrize(("kind", "bare"), [(V4, False), (V4, True), (PLATFORM, False)])
def test_callback_supplies_the_id_that_a_lost_process_never_wrote(
    host: Host, vendor: Vendor, kind: str, bare: bool
) -> None:
    host.add_provider(vendor.url, kind)
    row = lose(host, vendor, host.add_user("lena@example.com"))
    reference = vendor.only_reference()
    vendor.sandbox.complete(reference, "approve")
    told = vendor.notification(reference)
    assert told.arrive_bare() if bare else told.arrive()
    inbox.drain()
    assert status(host, row) is Status.approved


@pytest.mark.parametrize(("kind", "bare"), [(V4, False), (V4, True), (PLATFORM, False)])
def test_callback_that_alone_knows_the_id_outlives_a_record_that_is_not_shown_yet(
    host: Host, vendor: Vendor, kind: str, bare: bool
) -> None:
    """No poll is owed to an attempt without an id, so nothing else would ask again."""
    host.add_provider(vendor.url, kind)
    row = lose(host, vendor, host.add_user("lena@example.com"))
    host.app.extensions["idverify"].vendors.adapter(row.provider).http.sleep = lambda _: None
    reference = vendor.only_reference()
    vendor.sandbox.complete(reference, "approve")
    vendor.sandbox.set_faults([{"kind": "not_found", "where": "status"}])
    told = vendor.notification(reference)
    assert told.arrive_bare() if bare else told.arrive()
    inbox.drain()
    assert status(host, row) is Status.created
    assert owed(host) == 1
    vendor.sandbox.clear_faults()
    with clock.shifted(minutes=1):
        inbox.drain()
    assert status(host, row) is Status.approved
    assert owed(host) == 0
    assert row.vendor_reference == reference


def lose_one(host: Host, vendor: Vendor, user: Any) -> Verification:
    row = host.idverify.start(user, lena(), consent())
    row.status, row.vendor_reference, row.account_id = Status.created, None, None
    row.link_expires_at = row.next_poll_at = None
    host.db.session.commit()
    return row


def test_unknown_id_in_a_callback_ends_nothing(host: Host, vendor: Vendor, user: Any) -> None:
    row = lose_one(host, vendor, user)
    told = vendor.notification(vendor.only_reference())
    vendor.sandbox.wipe(vendor.only_reference(), gone=True)
    assert told.arrive()
    inbox.drain()
    assert status(host, row) is Status.created
    assert row.leased_until is None
