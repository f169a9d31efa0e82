"""What is owed at a vendor is delivered, whatever happens in between, and is seen until then."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import clock, doctor, inbox, service
from flask_idverify.errors import InvalidProvider
from flask_idverify.models import AuditEntry, OutboxRow, Provider
from flask_idverify.service.owed import MAX_TRIES, owe
from flask_idverify.service.providers import delete_provider
from tests.erasing import SIGNED, deleted, during_a_call, identity_of, owed, verified
from tests.hosts import Host
from tests.vendor import GENERATIONS, Vendor

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def gone(host: Host, vendor: Vendor, request: pytest.FixtureRequest) -> str:
    """The vendor's reference of a person who was erased here; the vendor does not know yet."""
    host.add_provider(vendor.url, getattr(request, "param", GENERATIONS[0]))
    user = host.add_user("lena@example.com")
    reference = str(verified(host, vendor, user).vendor_reference)
    service.erase(identity_of(host, user), **SIGNED)
    return reference


def only(host: Host) -> OutboxRow:
    (row,) = owed(host)
    return row


@pytest.mark.parametrize("gone", GENERATIONS, indirect=True)
def test_vendor_that_is_down_is_told_later_by_the_worker(
    host: Host, vendor: Vendor, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    vendor.sandbox.set_faults([{"kind": "5xx"}])
    assert inbox.next_due() is not None
    assert host.app.test_cli_runner().invoke(args=["idverify", "work", "--once"]).exit_code == 0
    row = only(host)
    assert row.error
    assert row.next_try_at is not None
    assert inbox.next_due() == row.next_try_at
    assert not deleted(vendor, gone)
    assert inbox.drain() == 0, "not before its time"
    vendor.sandbox.clear_faults()
    with clock.shifted(hours=1):
        inbox.drain()
    assert deleted(vendor, gone)
    assert owed(host) == []
    told = host.db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "vendor.erased")
    ).one()
    assert told.facts["scope"] in ("account", "verification")


def test_waits_double_from_15_seconds_to_an_hour(host: Host, vendor: Vendor, gone: str) -> None:
    vendor.sandbox.set_faults([{"kind": "403", "where": "erase"}])
    waits = []
    shift = 0.0
    for _ in range(11):
        with clock.shifted(seconds=shift):
            before = clock.now()
            assert inbox.drain() == 1
            due = only(host).next_try_at
            assert due is not None
            waits.append((due - before).total_seconds())
            shift += waits[-1] + 1
    due_waits = [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert all(0 <= wait - due <= 5 for wait, due in zip(waits, due_waits, strict=True)), waits


def test_deletion_is_a_duty_and_is_tried_once_a_day_for_ever(
    host: Host, vendor: Vendor, gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.sandbox.set_faults([{"kind": "403", "where": "erase"}])
    host.db.session.execute(update(OutboxRow).values(tries=MAX_TRIES - 1))
    host.db.session.commit()
    with caplog.at_level(logging.ERROR):
        before = clock.now()
        inbox.drain()
    row = only(host)
    assert "once a day" in caplog.text
    assert "403" in str(row.error)
    assert row.next_try_at is not None
    assert timedelta(days=1) <= row.next_try_at - before < timedelta(days=1, minutes=1)
    assert inbox.next_due() == row.next_try_at
    (advice,) = [item for item in doctor.examine() if item.about == "owed deletions"]
    assert advice.level == "error"
    assert str(row.error) in advice.message
    with clock.shifted(days=2):
        assert inbox.drain() == 1
        assert inbox.drain() == 0, "not before the next day"
        assert only(host).next_try_at is not None
    vendor.sandbox.clear_faults()
    with clock.shifted(days=400):
        inbox.drain()
    assert deleted(vendor, gone)
    assert not [item for item in doctor.examine() if item.about == "owed deletions"]


def test_admin_need_not_wait_for_the_next_day(host: Host, vendor: Vendor, gone: str) -> None:
    vendor.sandbox.set_faults([{"kind": "403", "where": "erase"}])
    host.db.session.execute(update(OutboxRow).values(tries=MAX_TRIES - 1))
    host.db.session.commit()
    inbox.drain()
    vendor.sandbox.clear_faults()
    assert inbox.drain() == 0
    assert service.owe_again(only(host).subject, actor="admin:7") == 1
    inbox.drain()
    assert deleted(vendor, gone)


def test_anything_else_is_given_up_at_last_and_stays_with_its_error(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    owe(host.db.session, "pigeon", subject="somebody", payload={"to": "x"}, provider_id=None)
    host.db.session.execute(update(OutboxRow).values(tries=MAX_TRIES - 1))
    host.db.session.commit()
    with caplog.at_level(logging.ERROR):
        inbox.drain()
    assert "given up" in caplog.text
    assert (only(host).next_try_at, inbox.next_due()) == (None, None)


def test_disabled_provider_still_deletes(host: Host, vendor: Vendor, gone: str) -> None:
    host.db.session.execute(update(Provider).values(enabled=False))
    host.db.session.commit()
    inbox.drain()
    assert deleted(vendor, gone)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("endpoint", "https://gone.example.com"),
        ("client_secret_sealed", "lost:AAAA"),
        ("type", "Nobody"),
    ],
)
def test_provider_that_cannot_be_used_stays_owed_with_its_error(
    host: Host, vendor: Vendor, gone: str, column: str, value: str
) -> None:
    host.db.session.execute(update(Provider).values(**{column: value}))
    host.db.session.commit()
    inbox.drain()
    row = only(host)
    assert row.error
    assert "Internal error" not in row.error
    assert row.next_try_at is not None


def test_provider_with_owed_deletions_cannot_be_deleted(
    host: Host, vendor: Vendor, gone: str
) -> None:
    provider = host.db.session.scalars(select(Provider)).one()
    with pytest.raises(InvalidProvider, match="still owes deletions"):
        delete_provider(provider, actor="admin:7")


def test_vendor_is_called_with_no_transaction_open(host: Host, vendor: Vendor, gone: str) -> None:
    open_then: list[bool] = []
    with during_a_call(lambda: open_then.append(host.db.session().in_transaction()), gone):
        inbox.drain()
    assert open_then == [False]


def test_dead_workers_lease_runs_out(host: Host, vendor: Vendor, gone: str) -> None:
    host.db.session.execute(
        update(OutboxRow).values(leased_until=clock.now() + timedelta(minutes=3))
    )
    host.db.session.commit()
    assert inbox.drain() == 0
    with clock.shifted(minutes=4):
        assert inbox.drain() == 1
    assert deleted(vendor, gone)


def test_kind_that_nobody_delivers_stays_and_disturbs_no_other(
    host: Host, vendor: Vendor, gone: str
) -> None:
    owe(host.db.session, "pigeon", subject="somebody", payload={"to": "x"}, provider_id=None)
    host.db.session.commit()
    inbox.drain()
    assert deleted(vendor, gone)
    assert "pigeon" in str(only(host).error)


def test_any_bug_keeps_the_row_owed_and_says_no_more_than_its_type(
    host: Host, vendor: Vendor, gone: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("U7301945")

    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr("requests.Session.request", broken)
        patch.setattr("requests.Session.send", broken)
        inbox.drain()
    assert only(host).error == "Internal error: ZeroDivisionError"
    assert "U7301945" not in caplog.text


def test_deletion_that_the_vendor_has_made_already_counts_as_done(
    host: Host, vendor: Vendor, gone: str
) -> None:
    vendor.sandbox.wipe(gone, gone=True)
    inbox.drain()
    assert owed(host) == []
