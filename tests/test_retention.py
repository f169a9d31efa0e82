"""Personal data goes when its days are over, and not a day earlier; what is owed is paid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import audit, clock, inbox, service
from flask_idverify.models import (
    AuditEntry,
    CallbackRow,
    Identity,
    OutboxRow,
    VendorAccount,
    Verification,
)
from flask_idverify.service import retention
from flask_idverify.service.transitions import move
from flask_idverify.states import Standing, Status
from tests.erasing import deleted, identity_of, owed, verified
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import PLATFORM, Vendor, status

Held = set[str]


@pytest.fixture
def held() -> Held:
    """Ids of users whose data a court wants kept."""
    return set()


@pytest.fixture
def keeper(held: Held) -> Iterator[Host]:
    """A host that keeps data for a time."""
    host = make_host(
        IDVERIFY_RETENTION_DAYS={"rejected": 90, "approved": 365, "expired": 30, "unmatched": 30},
        IDVERIFY_LEGAL_HOLD=held.__contains__,
    )
    with host.app.app_context():
        yield host


def refused(host: Host, vendor: Vendor, user: Any) -> Verification:
    row = host.idverify.start(user, lena(), consent())
    vendor.finish(row, "blurred")
    return host.idverify.refresh(row)


def actions(host: Host, name: str) -> list[AuditEntry]:
    return list(host.db.session.scalars(select(AuditEntry).where(AuditEntry.action == name)))


def test_nothing_goes_before_its_day(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url)
    row = refused(keeper, vendor, keeper.add_user("lena@example.com"))
    with clock.shifted(days=89):
        assert service.purge().pieces == 0
    assert row.claim == lena()


@pytest.mark.parametrize("kind", ["Jumio", PLATFORM])
def test_rejected_attempt_loses_what_is_personal_and_the_vendor_deletes_it(
    keeper: Host, vendor: Vendor, kind: str
) -> None:
    keeper.add_provider(vendor.url, kind)
    user = keeper.add_user("lena@example.com")
    row = refused(keeper, vendor, user)
    assert vendor.notification(row.vendor_reference).arrive()
    inbox.drain()
    reference = str(row.vendor_reference)
    seen: list[int] = []
    with clock.shifted(days=91):
        assert retention.due() == 2, "the attempt, and its callback by its own age"
        found = service.purge(progress=seen.append)
        account_too = kind == PLATFORM
        assert (found.attempts, found.owed) == ({"rejected": 1}, 1 + account_too)
        assert sum(seen) == 2, "the attempt with its callback, and the identity"
        assert found.identities == 1, "nothing of their attempts is left to verify"
        inbox.drain()
        assert service.purge().pieces == 0
    keeper.db.session.refresh(row)
    assert (row.claim, row.consent, row.vendor_reference, row.facts) == (None, None, None, {})
    assert (row.status, row.reasons, row.user_id) == ("rejected", ["document_unreadable"], "1")
    assert deleted(vendor, reference)
    assert owed(keeper) == []
    assert keeper.db.session.scalars(select(CallbackRow)).all() == []
    assert keeper.db.session.scalars(select(VendorAccount)).all() == []
    identity = identity_of(keeper, user)
    assert (identity.claim, identity.erased_at) == (None, None)
    assert len(actions(keeper, "verification.purged")) == 1
    assert audit.verify(keeper.db.session, identity.subject) > 3
    assert verified(keeper, vendor, user).status is Status.approved


def test_status_without_days_is_kept(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url)
    row = keeper.idverify.start(keeper.add_user("lena@example.com"), lena(), consent())
    service.cancel(row)
    assert row.status is Status.canceled
    with clock.shifted(days=4000):
        assert service.purge().pieces == 0


def end_by(host: Host, identity: Identity, how: str) -> None:
    if how == "reset":
        service.reset(identity, admin="7", reason="Wrong papers.")
    elif how == "closed":
        service.close(host.db.session, identity)
        host.db.session.commit()
    else:
        host.db.session.execute(update(Verification).values(policy={"on_reversal": "revoke"}))
        host.db.session.commit()


@pytest.mark.parametrize("how", ["reset", "closed", "revoked"])
def test_approval_is_kept_as_long_as_it_carries_a_standing_and_its_days_count_from_its_end(
    keeper: Host, vendor: Vendor, how: str
) -> None:
    keeper.add_provider(vendor.url, PLATFORM)
    user = keeper.add_user("lena@example.com")
    row = verified(keeper, vendor, user)
    identity = identity_of(keeper, user)
    with clock.shifted(days=800):
        assert service.purge().pieces == 0
        end_by(keeper, identity, how)
        if how == "revoked":
            vendor.reverse(row, "fraud")
            keeper.idverify.refresh(row)
            assert identity.standing is Standing.revoked
    with clock.shifted(days=800 + 364):
        assert service.purge().pieces == 0
        assert row.claim == lena()
    with clock.shifted(days=800 + 366):
        found = service.purge()
        assert found.attempts == {"approved": 1}
        assert found.identities == 1
    assert keeper.db.session.scalars(select(VendorAccount)).all() == []
    keeper.db.session.expire_all()
    assert [row.claim, row.document, identity.claim, identity.document] == [None] * 4
    assert identity.number_fingerprint is None


def test_approval_that_another_one_replaced_counts_from_then(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url, policy={"valid_for": 30})
    user = keeper.add_user("lena@example.com")
    first = verified(keeper, vendor, user)
    with clock.shifted(days=500):
        second = verified(keeper, vendor, user)
        assert identity_of(keeper, user).verification_id == second.id
        assert service.purge().pieces == 0
    with clock.shifted(days=500 + 366):
        assert service.purge().attempts == {"approved": 1}
    keeper.db.session.expire_all()
    assert (first.claim, second.claim) == (None, lena())
    assert identity_of(keeper, user).claim == lena()


def test_late_decision_does_not_revive_what_was_purged(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url)
    row = keeper.idverify.start(keeper.add_user("lena@example.com"), lena(), consent())
    reference = row.vendor_reference
    with clock.shifted(days=20):
        inbox.drain()
        assert status(keeper, row) is Status.expired
    vendor.finish(row)
    told = vendor.notification(reference)
    with clock.shifted(days=60):
        assert service.purge().attempts == {"expired": 1}
        assert told.arrive()
        assert told.arrive_bare()
        inbox.drain()
    assert status(keeper, row) is Status.expired
    # Whoever asked before the purge, and answers after it, moves nothing either.
    assert not move(keeper.db.session, row, Status.rejected)
    keeper.db.session.rollback()
    assert row.document is None
    assert keeper.db.session.scalars(select(CallbackRow)).all() == []


def test_legal_hold_skips_and_counts(keeper: Host, vendor: Vendor, held: Held) -> None:
    keeper.add_provider(vendor.url)
    rows = [refused(keeper, vendor, keeper.add_user(f"u{n}@example.com")) for n in range(3)]
    assert vendor.notification(rows[1].vendor_reference).arrive()
    inbox.drain()
    held.add(rows[1].user_id)
    with clock.shifted(days=91):
        found = service.purge()
        assert (found.attempts, found.held) == ({"rejected": 2}, 1)
        assert [row.claim for row in fresh(keeper, rows)] == [None, lena(), None]
        assert len(keeper.db.session.scalars(select(CallbackRow)).all()) == 1
        held.clear()
        assert service.purge().attempts == {"rejected": 1}


def fresh(host: Host, rows: list[Verification]) -> list[Verification]:
    host.db.session.expire_all()
    return rows


def test_run_stops_at_its_limit_and_the_next_goes_on(
    keeper: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_idverify.service.overdue.BATCH", 2)
    keeper.add_provider(vendor.url)
    for number in range(7):
        refused(keeper, vendor, keeper.add_user(f"u{number}@example.com"))
    with clock.shifted(days=91):
        dry = service.purge(dry_run=True)
        assert dry.attempts == {"rejected": 7}
        assert keeper.db.session.scalars(select(OutboxRow)).all() == []
        assert service.purge(limit=3).pieces == 3
        found = service.purge()
        assert (found.attempts, found.identities) == ({"rejected": 4}, 7)


def test_unmatched_and_settled_callbacks_go_owed_ones_stay(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url)
    row = verified(keeper, vendor, keeper.add_user("lena@example.com"))
    told = vendor.notification(row.vendor_reference)
    assert told.arrive()
    inbox.drain()
    strange = b"callBackType=NETVERIFYID&jumioIdScanReference=0b7c9a1e-0000-4000-8000-000000000000"
    assert inbox.receive(told.provider_key, None, strange, told.content_type)
    assert told.arrive(body=b"not processed yet")
    with clock.shifted(days=29):
        assert service.purge().callbacks == 0
    with clock.shifted(days=31):
        assert retention.due() == 2
        assert service.purge(dry_run=True).callbacks == 2
        assert service.purge().callbacks == 2
    (left,) = keeper.db.session.scalars(select(CallbackRow)).all()
    assert left.body == b"not processed yet"
    (entry,) = actions(keeper, "callbacks.purged")
    assert entry.facts == {"callbacks": 2}
    assert audit.verify(keeper.db.session, row.provider_id) == 2


def test_what_changes_under_the_run_is_left_alone(keeper: Host, vendor: Vendor) -> None:
    """Two runs at once, or an admin who decides: the row is taken by a guarded update."""
    keeper.add_provider(vendor.url)
    row = refused(keeper, vendor, keeper.add_user("lena@example.com"))

    def decide_meanwhile(_: int) -> None:
        with keeper.app.app_context():
            other = keeper.db.session.get_one(Verification, row.id)
            if other.status is Status.rejected:
                service.decide(other, "approved", admin="7", reason="Saw the papers.")

    with clock.shifted(days=91):
        assert service.purge(progress=decide_meanwhile).pieces == 0
    assert status(keeper, row) is Status.approved
    assert row.claim == lena()


def test_housekeeping_does_not_purge_by_itself(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url)
    row = refused(keeper, vendor, keeper.add_user("lena@example.com"))
    with clock.shifted(days=91):
        inbox.drain()
    assert row.claim == lena()


@pytest.fixture
def run(keeper: Host) -> Callable[..., Any]:
    def invoke(*words: str) -> Any:
        return keeper.app.test_cli_runner().invoke(args=["idverify", *words])

    return invoke


def test_command_counts_first_and_removes_then(
    keeper: Host, vendor: Vendor, run: Callable[..., Any], held: Held
) -> None:
    keeper.add_provider(vendor.url)
    rows = [refused(keeper, vendor, keeper.add_user(f"u{n}@example.com")) for n in range(3)]
    held.add(rows[0].user_id)
    for number, row in enumerate([rows[0], rows[1], rows[1], rows[2]]):
        keeper.db.session.add(
            CallbackRow(
                verification_id=row.id,
                provider_id=row.provider_id,
                scope=f"{number}",
                digest=f"{number}",
                content_type="text/plain",
                body=b"told",
            )
        )
    keeper.db.session.commit()
    with clock.shifted(days=91):
        dry = run("purge", "--dry-run")
        assert "Would remove: 2 verification(s) (2 rejected)" in dry.output
        assert "legal hold: 1" in dry.output
        done = run("purge")
        assert done.exit_code == 0
        assert "Removed: 2 verification(s) (2 rejected), 2 identity(ies)" in done.output
        assert "2 deletion(s)" in done.output
        for told in (dry.output, done.output):
            assert "3 callback(s) with their verification, 0 by their own age" in told
        assert "Removed: 0 verification(s) (none)" in run("purge").output


def test_command_says_when_nothing_is_configured(host: Host) -> None:
    answer = host.app.test_cli_runner().invoke(args=["idverify", "purge"])
    assert answer.exit_code == 0
    assert "IDVERIFY_RETENTION_DAYS is not set" in answer.output
