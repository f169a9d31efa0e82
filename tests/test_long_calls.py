"""Leases outlive the slowest call that the settings admit: nobody is ended or asked about twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import clock, processing, service
from flask_idverify.errors import VerificationInProgress
from flask_idverify.models import CallbackRow, OutboxRow, Verification
from flask_idverify.states import Status
from flask_idverify.web import user_state
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import Vendor

#: What one POST may take: a connection, and the answer's begin and end.
ONE_CALL = timedelta(seconds=5 + 2 * 120)


@pytest.fixture
def slow(vendor: Vendor) -> Any:
    host = make_host(IDVERIFY_READ_TIMEOUT=120)
    with host.app.app_context():
        host.add_provider(vendor.url)
        yield host
        host.db.session.remove()


def begun(host: Host) -> tuple[Any, Verification]:
    """Return a user, and their attempt whose vendor has not answered yet."""
    user = host.add_user("lena@example.com")
    row = service.start(user, lena(), consent())
    host.db.session.execute(update(Verification).values(status=Status.created))
    host.db.session.commit()
    return user, row


def test_a_start_is_not_ended_while_its_vendor_may_still_answer(
    slow: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_idverify.service.resuming.PATIENCE", 0.0)
    user, row = begun(slow)
    with clock.shifted(seconds=ONE_CALL.total_seconds() + 1):
        assert user_state.is_open(row)
        with pytest.raises(VerificationInProgress):
            service.start(user, lena(), consent())
        slow.db.session.refresh(row)
        assert row.status is Status.created
    with clock.shifted(hours=1):
        assert not user_state.is_open(row)
        assert service.start(user, lena(), consent()).id != row.id


def test_with_the_usual_timeouts_three_minutes_are_enough(host: Host, vendor: Vendor) -> None:
    with host.app.app_context():
        host.add_provider(vendor.url)
        _, row = begun(host)
        with clock.shifted(seconds=181):
            assert not service.is_being_started(row)


def test_nobody_takes_work_that_a_slow_vendor_keeps_somebody_at(
    slow: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, row = begun(slow)
    slow.db.session.execute(update(Verification).values(status=Status.started))
    slow.db.session.commit()
    assert vendor.notification(row.vendor_reference).arrive()
    seen: list[bool] = []

    def look(*_: Any, **__: Any) -> Any:
        with clock.shifted(seconds=ONE_CALL.total_seconds() + 1):
            slow.db.session.rollback()
            seen.append(service.claim_fetch(row, after_gap=False))
            leased = slow.db.session.scalars(select(CallbackRow.leased_until)).one()
            seen.append(leased is not None and leased < clock.now())
            slow.db.session.rollback()
        return row

    monkeypatch.setattr(processing, "refresh", look)
    assert processing.drain_callbacks().done == 1
    assert seen == [False, False]
    assert slow.db.session.scalars(select(OutboxRow)).all() == []


def test_whoever_is_late_does_not_make_due_again_what_another_has_done(
    slow: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, row = begun(slow)
    slow.db.session.execute(update(Verification).values(status=Status.started))
    slow.db.session.commit()
    assert vendor.notification(row.vendor_reference).arrive()

    def act(_row_id: str) -> str:
        slow.db.session.execute(
            update(CallbackRow).values(processed_at=clock.now(), next_try_at=None)
        )
        slow.db.session.commit()
        return processing._BUSY

    monkeypatch.setattr(processing, "_act", act)
    processing.drain_callbacks()
    assert slow.db.session.scalars(select(CallbackRow.next_try_at)).one() is None
