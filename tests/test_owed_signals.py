"""A signal is owed until its receivers have returned, whatever happens to them or to us."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import clock, inbox, service, signals
from flask_idverify.models import OutboxRow, Verification
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("app_context")


class Killed(BaseException):
    """Ends a process in the middle; nobody catches it."""


class Receiver:
    """Hears verified identities; ``troubles`` are raised first, one a call."""

    def __init__(self, *troubles: BaseException) -> None:
        self.troubles = list(troubles)
        self.heard: list[str] = []

    def __call__(self, app: Any, **rows: Any) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.heard.append(rows["verification"].id)


def finished(host: Host, vendor: Vendor) -> Verification:
    host.add_provider(vendor.url)
    row = host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
    vendor.finish(row)
    return row


def owed(host: Host) -> list[OutboxRow]:
    return list(host.db.session.scalars(select(OutboxRow)))


def test_receiver_that_raises_hears_again_until_it_returns(host: Host, vendor: Vendor) -> None:
    row = finished(host, vendor)
    receiver = Receiver(RuntimeError("mail server away"), RuntimeError("still away"))
    with signals.identity_verified.connected_to(receiver, host.app):
        host.idverify.refresh(row)
        assert row.status is Status.approved
        (left,) = owed(host)
        assert left.error
        assert "mail server" not in left.error
        assert inbox.drain() == 0  # not before its time
        with clock.shifted(seconds=16):
            assert inbox.drain() == 1
            assert receiver.heard == []
            assert row.status is Status.approved
        with clock.shifted(seconds=60):
            assert inbox.drain() == 1
        assert receiver.heard == [row.id]
        assert owed(host) == []
        with clock.shifted(hours=1):
            inbox.drain()
        assert receiver.heard == [row.id]


def test_process_that_dies_between_commit_and_receivers_loses_no_signal(
    host: Host, vendor: Vendor
) -> None:
    row = finished(host, vendor)
    receiver = Receiver(Killed())
    with signals.identity_verified.connected_to(receiver, host.app):
        with pytest.raises(Killed):
            host.idverify.refresh(row)
        host.db.session.remove()  # its memory is gone
        assert len(owed(host)) == 1
        assert inbox.drain() == 0  # somebody may still be at it
        with clock.shifted(minutes=4):
            assert inbox.drain() >= 1
    assert len(receiver.heard) == 1
    assert owed(host) == []


def test_signal_of_a_change_that_was_rolled_back_is_never_told(host: Host, vendor: Vendor) -> None:
    row = finished(host, vendor)
    told: list[str] = []

    def hear(app: Any, **rows: Any) -> None:
        told.append(rows["verification"].status.value)

    @host.idverify.profile_writer
    def broken(identity: Any) -> None:
        raise LookupError("no such profile")

    with (
        signals.verification_updated.connected_to(hear, host.app),
        signals.identity_verified.connected_to(hear, host.app),
    ):
        with pytest.raises(LookupError):
            host.idverify.refresh(row)
        host.db.session.rollback()
        assert owed(host) == []
        service.cancel(row, admin="7", reason="Wrong person.")
    assert told == ["canceled"]


def test_nobody_listens_and_nothing_is_owed(host: Host, vendor: Vendor) -> None:
    row = finished(host, vendor)
    written: list[str] = []

    from sqlalchemy import event

    event.listen(OutboxRow, "before_insert", lambda *_: written.append("row"))
    host.idverify.refresh(row)
    assert row.status is Status.approved
    assert written == []


def test_reset_and_erasure_tell_of_the_attempts_that_they_cancel(
    host: Host, vendor: Vendor
) -> None:
    host.add_provider(vendor.url)
    told: list[Any] = []

    def hear(app: Any, **rows: Any) -> None:
        told.append(rows["verification"].status.value)

    def gone(app: Any, user_id: str, identity: Any) -> None:
        told.append((user_id, identity.user_id.split(":")[0]))

    user = host.add_user("lena@example.com")
    with (
        signals.verification_updated.connected_to(hear, host.app),
        signals.identity_erased.connected_to(gone, host.app),
    ):
        row = host.idverify.start(user, lena(), consent())
        service.reset(row.identity, admin="7", reason="Wrong claim.")
        assert told == ["canceled"]
        row = host.idverify.start(user, lena(), consent())
        service.erase(row.identity, actor="user")
    assert told == ["canceled", "canceled", (user.get_id(), "erased")]


def test_who_was_erased_stays_owed_to_a_host_that_has_to_erase_too(
    host: Host, vendor: Vendor
) -> None:
    row = finished(host, vendor)
    user_id = row.user_id
    erased: list[str] = []
    troubles: list[Exception] = [RuntimeError("search index away")]

    def forget(app: Any, user_id: str, identity: Any) -> None:
        if troubles:
            raise troubles.pop()
        erased.append(user_id)

    with signals.identity_erased.connected_to(forget, host.app):
        service.erase(row.identity, actor="user")
        assert erased == []
        for left in owed(host):
            assert left.payload_sealed
            assert f'"{user_id}"' not in left.payload_sealed
        with clock.shifted(minutes=1):
            inbox.drain()
    assert erased == [user_id]


def test_what_a_receiver_leaves_uncommitted_is_undone_and_nothing_else(
    host: Host, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    row = finished(host, vendor)

    def forgetful(app: Any, **rows: Any) -> None:
        host.db.session.add(host.User(email="half@example.com"))

    with signals.identity_verified.connected_to(forgetful, host.app):
        host.idverify.refresh(row)
    assert "left uncommitted changes" in caplog.text
    assert host.db.session.query(host.User).count() == 1
    assert row.status is Status.approved
    assert owed(host) == []
