"""The audit log of a real life: whatever is changed in it is named where it begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Boolean, DateTime, Integer, inspect, select, text

from flask_idverify import audit, clock, service
from flask_idverify.errors import AuditBroken, DecryptionFailed, KeyUnavailable
from flask_idverify.models import AuditEntry
from flask_idverify.sandbox import SandboxServer
from tests.hosts import MADE, Host, consent, lena, make_host
from tests.security.stage import Snapshot
from tests.vendor import Vendor

COLUMNS = [column.key for column in inspect(AuditEntry).columns if column.key != "note_sealed"]
TABLE = "idverify_audit"


class Life:
    """Two users' lives with a decision of an admin each, to be put back before each test."""

    def __init__(self, vendor: Vendor) -> None:
        self.host = make_host(SQLALCHEMY_DATABASE_URI="sqlite://")
        MADE.remove(self.host)  # it outlives the test
        with self.host.app.app_context():
            self.host.add_provider(vendor.url)
            for email in ("lena@example.com", "max@example.com"):
                user = self.host.add_user(email)
                row = self.host.idverify.start(user, lena(), consent())
                vendor.finish(row, "face-unclear")
                self.host.idverify.refresh(row)
                service.decide(row, "rejected", admin="7", reason="Canary-Note")
            known = self.host.idverify.identity_of(user)
            assert known is not None
            self.subject = known.subject
        self.snapshot = Snapshot(self.host)


@pytest.fixture(scope="module")
def _life(_sandbox_server: SandboxServer) -> Iterator[Life]:
    vendor = Vendor(_sandbox_server)
    vendor.reset()
    life = Life(vendor)
    yield life
    life.snapshot.close()
    with life.host.app.app_context():
        life.host.db.session.remove()
        life.host.db.engine.dispose()


@pytest.fixture
def host(_life: Life) -> Iterator[Host]:
    """The host of those lives, as new, with an app context."""
    _life.snapshot.restore()
    with _life.host.app.app_context():
        yield _life.host
        _life.host.db.session.rollback()


@pytest.fixture
def subject(_life: Life, host: Host) -> str:
    """What the log calls the second user."""
    assert audit.verify(host.db.session, _life.subject) == 4, "control: it holds"
    return _life.subject


def entry(host: Host, subject: str, number: int) -> dict[str, Any]:
    """Return an entry as it lies in the database."""
    asked = select(AuditEntry.__table__).where(
        AuditEntry.subject == subject, AuditEntry.sequence == number
    )
    return dict(host.db.session.execute(asked).mappings().one())


def rewrite(host: Host, row_id: str, **values: Any) -> None:
    """Change an entry by raw SQL, as somebody with the database's password would."""
    names = ", ".join(f"{name} = :{name}" for name in values)
    host.db.session.execute(
        text(f"UPDATE {TABLE} SET {names} WHERE id = :row"), {"row": row_id, **values}
    )
    host.db.session.commit()


def remove(host: Host, row_id: str) -> None:
    host.db.session.execute(text(f"DELETE FROM {TABLE} WHERE id = :row"), {"row": row_id})
    host.db.session.commit()


def insert(host: Host, source: dict[str, Any], **values: Any) -> None:
    """Put in a copy of an entry."""
    changed: dict[str, Any] = {**source, "id": "fresh", **values}
    changed["facts"] = json.dumps(changed["facts"])
    changed["at"] = str(changed["at"]).partition("+")[0]
    names = ", ".join(changed)
    marks = ", ".join(f":{name}" for name in changed)
    host.db.session.execute(text(f"INSERT INTO {TABLE} ({names}) VALUES ({marks})"), changed)
    host.db.session.commit()


def betrayed(host: Host, subject: str, number: int) -> None:
    """Assert that the break is named with the chain's subject and the entry's number."""
    with pytest.raises(AuditBroken) as named:
        audit.verify(host.db.session, subject)
    assert subject in str(named.value)
    assert named.value.sequence == number
    assert "Canary" not in str(named.value)


@pytest.mark.parametrize("number", [1, 2, 4], ids=["first", "middle", "last"])
@pytest.mark.parametrize("column", COLUMNS)
def test_audit_entry_changed_in_any_column_is_named(
    host: Host, subject: str, column: str, number: int
) -> None:
    found = entry(host, subject, number)
    kind = AuditEntry.__table__.c[column].type
    other: Any = "0" * 36 if column in ("id", "subject") else "0" * 64 if "mac" in column else "x"
    if isinstance(kind, Integer) and not isinstance(kind, Boolean):
        other = 99
    elif isinstance(kind.dialect_impl(host.db.engine.dialect), DateTime) or column == "at":
        other = "2001-01-01 00:00:00.000000"
    elif column == "facts":
        other = json.dumps({**found["facts"], "to": "approved"})
    rewrite(host, found["id"], **{column: other})
    if column == "key_id":
        # Which of the two it is cannot be told without that key; it does not pass either way.
        with pytest.raises((AuditBroken, KeyUnavailable)):
            audit.verify(host.db.session, subject)
        return
    betrayed(host, subject, number)


@pytest.mark.parametrize("number", [1, 2, 4], ids=["first", "middle", "last"])
def test_audit_entry_removed_is_named(host: Host, subject: str, number: int) -> None:
    remove(host, entry(host, subject, number)["id"])
    betrayed(host, subject, number)


def test_audit_entry_removed_and_the_rest_closed_up_is_named(host: Host, subject: str) -> None:
    remove(host, entry(host, subject, 2)["id"])
    for number in (3, 4):
        rewrite(host, entry(host, subject, number)["id"], sequence=number - 1)
    betrayed(host, subject, 2)


@pytest.mark.parametrize("head", ["kept", "cut back", "removed"])
def test_audit_chain_removed_as_a_whole_is_named(host: Host, subject: str, head: str) -> None:
    host.db.session.execute(text(f"DELETE FROM {TABLE} WHERE subject = :s"), {"s": subject})
    if head == "cut back":
        host.db.session.execute(
            text("UPDATE idverify_audit_head SET sequence = 0, mac = '' WHERE id = :s"),
            {"s": subject},
        )
    elif head == "removed":
        host.db.session.execute(
            text("DELETE FROM idverify_audit_head WHERE id = :s"), {"s": subject}
        )
    host.db.session.commit()
    if head == "kept":
        betrayed(host, subject, 1)
    told: list[Any] = []
    audit.verify_all(host.db.session, told.append)
    assert [subject in str(error) for error in told] == [True]


def test_audit_tail_cut_off_with_the_head_turned_back_is_named(host: Host, subject: str) -> None:
    """The head's old value is known to whoever reads the chain: it is the last mac but one."""
    last, before = entry(host, subject, 4), entry(host, subject, 3)
    remove(host, last["id"])
    host.db.session.execute(
        text("UPDATE idverify_audit_head SET sequence = 3, mac = :mac WHERE id = :s"),
        {"s": subject, "mac": before["mac"]},
    )
    host.db.session.commit()
    betrayed(host, subject, 4)


@pytest.mark.parametrize("number", [1, 2, 5], ids=["first", "middle", "last"])
def test_audit_entry_inserted_is_named(host: Host, subject: str, number: int) -> None:
    source = entry(host, subject, min(number, 4))
    for later in range(4, number - 1, -1):
        rewrite(host, entry(host, subject, later)["id"], sequence=later + 1)
    insert(host, source, sequence=number, action="verification.approved")
    betrayed(host, subject, number)


def test_audit_entry_inserted_at_the_end_with_the_head_moved_on_is_named(
    host: Host, subject: str
) -> None:
    last = entry(host, subject, 4)
    insert(host, last, sequence=5, previous_mac=last["mac"], mac="0" * 64)
    host.db.session.execute(
        text("UPDATE idverify_audit_head SET sequence = 5, mac = :mac WHERE id = :s"),
        {"s": subject, "mac": "0" * 64},
    )
    host.db.session.commit()
    betrayed(host, subject, 5)


@pytest.mark.parametrize("pair", [(1, 2), (2, 3), (3, 4), (1, 4)])
def test_audit_entries_reordered_are_named(host: Host, subject: str, pair: tuple[int, int]) -> None:
    one, two = (entry(host, subject, number)["id"] for number in pair)
    rewrite(host, one, sequence=99)
    rewrite(host, two, sequence=pair[0])
    rewrite(host, one, sequence=pair[1])
    betrayed(host, subject, pair[0])


def test_audit_entry_of_another_user_is_not_taken_for_ones_own(host: Host, subject: str) -> None:
    other = host.db.session.scalars(
        select(AuditEntry.subject)
        .where(AuditEntry.subject != subject, AuditEntry.action == "verification.rejected")
        .limit(1)
    ).one()
    foreign, own = entry(host, other, 4), entry(host, subject, 4)
    remove(host, own["id"])
    rewrite(host, foreign["id"], subject=subject)
    betrayed(host, subject, 4)


def test_audit_note_replaced_does_not_open_and_its_digest_stands_in_the_chain(
    host: Host, subject: str
) -> None:
    """A note may be erased, so the chain holds without it; but no other can be put in its place."""
    found = entry(host, subject, 4)
    macs = host.app.extensions["idverify"].audit_macs
    assert host.db.session.get_one(AuditEntry, found["id"]).note == "Canary-Note", "control"
    assert found["facts"]["note_digest"] == macs.mac(b"Canary-Note"), "control"
    notes = host.db.session.scalars(
        select(AuditEntry.note_sealed).where(
            AuditEntry.note_sealed.is_not(None), AuditEntry.id != found["id"]
        )
    ).all()
    assert notes
    for other in (notes[0], "a8f:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB", "The applicant was nice."):
        rewrite(host, found["id"], note_sealed=other)
        host.db.session.expire_all()
        with pytest.raises((DecryptionFailed, KeyUnavailable)) as refusal:
            _ = host.db.session.get_one(AuditEntry, found["id"]).note
        assert "nice" not in str(refusal.value)
    facts = json.dumps({**found["facts"], "note_digest": "0" * 64})
    rewrite(host, found["id"], facts=facts)
    betrayed(host, subject, 4)


def test_audit_goes_on_after_a_tampering_without_healing_it(host: Host, subject: str) -> None:
    rewrite(host, entry(host, subject, 2)["id"], actor="user")
    with clock.shifted(days=1):
        audit.append(host.db.session, subject, "verification.canceled", actor="user")
        host.db.session.commit()
    betrayed(host, subject, 2)
