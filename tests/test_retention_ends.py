"""Where retention begins to count, and that it leaves nothing: expiry, resets, reviews."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import audit, clock, inbox, service, signals
from flask_idverify.models import AuditEntry, Identity, VendorAccount
from flask_idverify.states import Standing, Status
from tests.databases import file_uri
from tests.erasing import deleted, identity_of, owed, verified
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import PLATFORM, Vendor, status


@pytest.fixture
def keeper() -> Any:
    """A host that keeps everything for 30 days after its end."""
    host = make_host(IDVERIFY_RETENTION_DAYS=30)
    with host.app.app_context():
        yield host


def test_standing_that_ran_out_keeps_its_facts_for_their_days_from_then_on(
    keeper: Host, vendor: Vendor
) -> None:
    keeper.add_provider(vendor.url, policy={"valid_for": 100})
    keeper.idverify.lock(keeper.User.real_name)
    user = keeper.add_user("lena@example.com", real_name="Lena Gruber")
    row = verified(keeper, vendor, user)
    identity = identity_of(keeper, user)
    with clock.shifted(days=101):
        inbox.drain()
        assert identity.standing is Standing.expired
        assert service.purge().pieces == 0
    with clock.shifted(days=101 + 29):
        assert service.purge().pieces == 0
        assert identity.is_locked
        assert identity.claim == lena()
    with clock.shifted(days=101 + 31):
        found = service.purge()
        assert (found.attempts, found.identities) == ({"approved": 1}, 1)
        keeper.db.session.expire_all()
        assert [row.claim, row.document, identity.claim, identity.document] == [None] * 4
        assert identity.number_fingerprint is None
        assert str(identity.standing) == "unverified"
        assert service.purge().pieces == 0
        again = verified(keeper, vendor, user)
        assert again.status is Status.approved
        assert identity_of(keeper, user).is_verified
    assert audit.verify(keeper.db.session, identity.subject) > 5


def test_expired_standing_stays_while_an_attempt_of_its_user_is_left(
    keeper: Host, vendor: Vendor
) -> None:
    keeper.add_provider(vendor.url, policy={"valid_for": 100})
    user = keeper.add_user("lena@example.com")
    verified(keeper, vendor, user)
    with clock.shifted(days=101):
        inbox.drain()
    with clock.shifted(days=131):
        keeper.idverify.start(user, lena(), consent())
        assert service.purge().identities == 0
        assert identity_of(keeper, user).claim == lena()


def test_nothing_is_left_after_a_reset_here_or_at_the_vendor(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url, PLATFORM)
    row = verified(keeper, vendor, keeper.add_user("lena@example.com"))
    reference = str(row.vendor_reference)
    service.reset(row.identity, admin="7", reason="Spoke to Lena Gruber.")
    with clock.shifted(days=31):
        found = service.purge()
        assert (found.attempts, found.identities) == ({"approved": 1}, 1)
        inbox.drain()
        assert service.purge().pieces == 0
    assert keeper.db.session.scalars(select(VendorAccount)).all() == []
    notes = select(AuditEntry).where(AuditEntry.note_sealed.is_not(None))
    assert keeper.db.session.scalars(notes).all() == []
    assert deleted(vendor, reference)
    assert any(
        item["method"] == "DELETE" and "/accounts/" in str(item) for item in vendor.asked("erase")
    )
    assert owed(keeper) == []


@pytest.mark.parametrize("days", [{"in_review": 30}, 30])
def test_review_that_nobody_makes_ends_and_goes(vendor: Vendor, days: Any) -> None:
    host = make_host(IDVERIFY_RETENTION_DAYS=days)
    with host.app.app_context():
        host.add_provider(vendor.url)
        user = host.add_user("lena@example.com")
        row = host.idverify.start(user, lena(), consent())
        vendor.finish(row, "face-unclear")
        assert host.idverify.refresh(row).status is Status.in_review
        reference, heard = str(row.vendor_reference), list[str]()

        def hear(_: Any, verification: Any) -> None:
            heard.append(f"{verification.status} {verification.claim}")

        with clock.shifted(days=29):
            assert service.purge().pieces == 0
        with clock.shifted(days=31), signals.verification_updated.connected_to(hear, host.app):
            assert service.purge(dry_run=True).attempts == {"in_review": 1}
            found = service.purge()
            assert (found.attempts, found.identities) == ({"in_review": 1}, 1)
            inbox.drain()
            assert status(host, row) is Status.expired
            assert (row.claim, row.document, row.active_key) == (None, None, None)
            assert heard == ["expired None"]
            assert deleted(vendor, reference)
            assert identity_of(host, user).standing is Standing.unverified
            assert verified(host, vendor, user).status is Status.approved
        assert audit.verify(host.db.session, row.identity.subject) > 5


def test_purged_person_is_told_of_like_an_erased_one(keeper: Host, vendor: Vendor) -> None:
    keeper.add_provider(vendor.url)
    user = keeper.add_user("lena@example.com", real_name="Lena Gruber")
    row = keeper.idverify.start(user, lena(), consent())
    vendor.finish(row, "blurred")
    keeper.idverify.refresh(row)
    told: list[tuple[str, str]] = []

    def clear(_: Any, user_id: str, identity: Identity) -> None:
        told.append((user_id, identity.id))

    with signals.identity_erased.connected_to(clear, keeper.app), clock.shifted(days=31):
        service.purge(dry_run=True)
        assert told == []
        service.purge()
        service.purge()
    assert told == [(str(user.id), row.identity_id)]
    assert [item.kind for item in owed(keeper)] == ["vendor_erasure"]


@pytest.mark.sqlite("locks its file")
@pytest.mark.parametrize(
    "words",
    [
        ["purge"],
        ["erase", "lena@example.com", "--admin", "7", "--reason", "Art. 17", "--yes"],
        ["export", "lena@example.com"],
    ],
)
def test_command_that_meets_a_locked_database_says_so_and_nothing_else(
    tmp_path: Path, vendor: Vendor, words: list[str]
) -> None:
    host = make_host(
        SQLALCHEMY_DATABASE_URI=f"{file_uri(tmp_path)}?timeout=0.05", IDVERIFY_RETENTION_DAYS=30
    )
    with host.app.app_context():
        host.idverify.user_id_getter(lambda user: user.email)
        host.add_provider(vendor.url)
        row = host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
        vendor.finish(row, "blurred")
        host.idverify.refresh(row)
        host.db.session.remove()
        path = host.db.engine.url.database
    busy = sqlite3.connect(str(path))
    busy.execute("begin immediate")
    try:
        with clock.shifted(days=40):
            answer = host.app.test_cli_runner().invoke(args=["idverify", *words])
    finally:
        busy.rollback()
        busy.close()
    assert answer.exit_code == 1
    assert isinstance(answer.exception, SystemExit)
    assert "The database refused: OperationalError" in answer.output
    assert "UPDATE" not in answer.output
