"""Signals tell, after the commit and in order; no receiver can steer or break anything."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flask_idverify import service, signals
from flask_idverify.models import Identity, Verification
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, Vendor

pytestmark = pytest.mark.usefixtures("app_context")

NAMES = (
    "verification_started",
    "verification_updated",
    "identity_verified",
    "review_needed",
    "decision_reversed",
)


@pytest.fixture
def heard(host: Host) -> Any:
    """Collect what is told: name, status, further keywords."""
    found: list[tuple[str, str, list[str]]] = []
    with ExitStack() as stack:
        for name in NAMES:

            def hear(app: Any, *, told: str = name, **rows: Any) -> None:
                assert app is host.app
                found.append((told, str(rows["verification"].status), sorted(rows)))

            stack.enter_context(getattr(signals, name).connected_to(hear, host.app))
        yield found


def begin(host: Host, vendor: Vendor, **values: Any) -> Verification:
    host.add_provider(vendor.url, **values)
    return host.idverify.start(host.add_user("lena@example.com"), lena(), consent())


def test_signals_come_in_order_with_their_rows(
    host: Host, vendor: Vendor, heard: list[Any]
) -> None:
    row = begin(host, vendor, provider_type=PLATFORM)
    assert row.vendor_reference
    vendor.sandbox.plan(row.vendor_reference, processing_seconds=30)
    vendor.finish(row)
    host.idverify.refresh(row)
    vendor.sandbox.advance(31)
    host.idverify.refresh(row)
    vendor.reverse(row, "fraud")
    host.idverify.refresh(row)
    both = ["identity", "verification"]
    assert heard == [
        ("verification_started", "started", ["verification"]),
        ("verification_updated", "processing", ["verification"]),
        ("verification_updated", "approved", ["verification"]),
        ("identity_verified", "approved", both),
        ("decision_reversed", "approved", ["verification"]),
    ]


def test_person_is_called_when_one_has_to_decide(
    host: Host, vendor: Vendor, heard: list[Any]
) -> None:
    row = begin(host, vendor)
    vendor.finish(row, "face-unclear")
    host.idverify.refresh(row)
    service.decide(row, "approved", admin="7", reason="Seen.")
    assert [name for name, *_ in heard] == [
        "verification_started",
        "verification_updated",
        "review_needed",
        "verification_updated",
        "identity_verified",
    ]


def test_nothing_new_is_nothing_told(host: Host, vendor: Vendor, heard: list[Any]) -> None:
    row = begin(host, vendor)
    vendor.finish(row)
    host.idverify.refresh(row)
    heard.clear()
    host.idverify.refresh(row)
    assert heard == []


def test_test_verifications_verify_nobody_in_signals_either(
    host: Host, vendor: Vendor, heard: list[Any]
) -> None:
    provider = host.add_provider(vendor.url)
    row = service.start_test(host.add_user("admin@example.com"), lena(), provider)
    vendor.finish(row)
    host.idverify.refresh(row)
    assert "identity_verified" not in [name for name, *_ in heard]


def test_receivers_hear_of_committed_facts_only(host: Host, vendor: Vendor) -> None:
    seen: list[str] = []

    def look(app: Any, **rows: Any) -> None:
        assert not host.db.session.registry().in_transaction() or not host.db.session.dirty
        with Session(host.db.engine) as other:
            seen.append(str(other.get_one(Verification, rows["verification"].id).status))

    with (
        signals.verification_started.connected_to(look, host.app),
        signals.identity_verified.connected_to(look, host.app),
    ):
        row = begin(host, vendor)
        vendor.finish(row)
        host.idverify.refresh(row)
    assert seen == ["started", "approved"]


def test_raising_receiver_undoes_nothing_and_is_logged_without_its_words(
    host: Host, vendor: Vendor, heard: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(app: Any, **rows: Any) -> None:
        host.db.session.add(host.User(email="half@example.com"))
        host.db.session.flush()
        raise RuntimeError(f"mail to {rows['verification'].claim.real_name} failed")

    with (
        signals.verification_updated.connected_to(broken, host.app),
        caplog.at_level(logging.DEBUG),
    ):
        row = begin(host, vendor)
        vendor.finish(row)
        host.idverify.refresh(row)
    assert row.status is Status.approved
    assert host.db.session.query(Identity).one().is_verified
    assert "identity_verified" in [name for name, *_ in heard]
    assert "verification-updated raised RuntimeError" in caplog.text
    assert "Gruber" not in caplog.text
    # Its half-done work was not made permanent by our next commit.
    host.db.session.commit()
    assert host.db.session.query(host.User).count() == 1


def test_receivers_return_value_steers_nothing(host: Host, vendor: Vendor) -> None:
    def veto(app: Any, **rows: Any) -> bool:
        return False

    with ExitStack() as stack:
        for name in NAMES:
            stack.enter_context(getattr(signals, name).connected_to(veto, host.app))
        row = begin(host, vendor)
        vendor.finish(row)
        assert host.idverify.refresh(row).status is Status.approved


def test_other_apps_receivers_hear_nothing(host: Host, vendor: Vendor) -> None:
    told: list[str] = []

    def hear(app: Any, **rows: Any) -> None:
        told.append("heard")

    with signals.verification_started.connected_to(hear, object()):
        begin(host, vendor)
    assert told == []
