"""The log only grows, tells who did what, betrays every tampering, and names nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

from flask_idverify import audit, audit_walk, service
from flask_idverify.audit import AuditIsAppendOnly
from flask_idverify.encryption import Macs, parse_keys
from flask_idverify.errors import AuditBroken, KeyUnavailable
from flask_idverify.models import AuditEntry, Identity
from tests.hosts import Host, lena, make_host
from tests.vendor import Vendor, together

pytestmark = pytest.mark.usefixtures("app_context")

SUBJECT = "5f4dcc3b-0000-4000-8000-000000000001"


@pytest.fixture
def chain(host: Host) -> Any:
    """Return the session, with five entries about one subject and two about another."""
    session = host.db.session
    for subject in (SUBJECT, "other"):
        audit.begin(session, subject)
    for number in range(5):
        audit.append(session, SUBJECT, f"step.{number}", actor="system", facts={"n": number})
    for number in range(2):
        audit.append(session, "other", f"step.{number}", actor="user")
    session.commit()
    return session


def test_chain_holds_and_is_counted(chain: Any) -> None:
    assert audit.verify(chain, SUBJECT) == 5
    assert audit.verify(chain, "other") == 2
    assert audit.verify(chain, "nobody") == 0


Tamper = Callable[[Any], Any]
WHERE = f"WHERE subject = '{SUBJECT}' AND sequence"


def sql(*statements: str) -> Tamper:
    """Return a tampering by raw SQL, as somebody with the database's password would do it."""
    return lambda session: [session.execute(text(statement)) for statement in statements]


COPY = (
    "INSERT INTO idverify_audit (id, subject, sequence, at, actor, action, facts, key_id, "
    "previous_mac, mac) SELECT 'fresh', subject, 6, at, actor, action, facts, key_id, mac, mac "
    f"FROM idverify_audit {WHERE} = 5"
)
TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "action": (sql(f"UPDATE idverify_audit SET action = 'x' {WHERE} = 3"), "entry 3 was changed"),
    "facts": (sql(f"UPDATE idverify_audit SET facts = '{{}}' {WHERE} = 1"), "entry 1 was changed"),
    "actor": (sql(f"UPDATE idverify_audit SET actor = 'x' {WHERE} = 5"), "entry 5 was changed"),
    "time": (
        sql(f"UPDATE idverify_audit SET at = '2001-01-01 00:00:00' {WHERE} = 2"),
        "entry 2 was changed",
    ),
    "removed": (sql(f"DELETE FROM idverify_audit {WHERE} = 2"), "entry 2 was removed"),
    "removed and closed up": (
        sql(
            f"DELETE FROM idverify_audit {WHERE} = 2",
            f"UPDATE idverify_audit SET sequence = 2 {WHERE} = 3",
        ),
        "entry 2 was removed, and those after",
    ),
    "tail cut": (sql(f"DELETE FROM idverify_audit {WHERE} = 5"), "after number 4 were removed"),
    "all gone": (sql(f"DELETE FROM idverify_audit {WHERE} > 0"), "after number 0 were removed"),
    "head gone": (
        sql(f"DELETE FROM idverify_audit_head WHERE id = '{SUBJECT}'"),
        "head was removed",
    ),
    "inserted": (sql(COPY), "entry 6 was inserted"),
    "reordered": (
        sql(
            f"UPDATE idverify_audit SET sequence = 99 {WHERE} = 2",
            f"UPDATE idverify_audit SET sequence = 2 {WHERE} = 3",
            f"UPDATE idverify_audit SET sequence = 3 {WHERE} = 99",
        ),
        "entry 2 was reordered: it stands at number 3",
    ),
    "moved to another subject": (
        sql(f"UPDATE idverify_audit SET subject = 'other', sequence = 3 {WHERE} = 5"),
        "after number 4 were removed",
    ),
}


def set_back(number: int) -> Tamper:
    """Cut what comes after entry *number*, and make the head fit as well as one can."""

    def tamper(session: Any) -> None:
        session.execute(text(f"DELETE FROM idverify_audit {WHERE} > {number}"))
        head = session.execute(
            text(f"SELECT mac FROM idverify_audit_head WHERE id = '{SUBJECT}'")
        ).scalar_one()
        last = session.execute(text(f"SELECT mac FROM idverify_audit {WHERE} = {number}")).scalar()
        session.execute(
            text("UPDATE idverify_audit_head SET sequence = :number, mac = :mac WHERE id = :id"),
            {"number": number, "mac": (last or "") + head[64:], "id": SUBJECT},
        )

    return tamper


HEAD = "head was written by somebody without the key"
RESTORED: dict[str, tuple[Tamper, str]] = {
    "tail cut, head set back": (set_back(4), HEAD),
    "all gone, head set back": (set_back(0), HEAD),
    "inserted, the rest moved down": (
        sql(
            f"UPDATE idverify_audit SET sequence = 15 {WHERE} = 5",
            f"UPDATE idverify_audit SET sequence = 14 {WHERE} = 4",
            COPY.replace("subject, 6, at", "subject, 4, at").replace("= 5", "= 3"),
            f"UPDATE idverify_audit SET sequence = 5 {WHERE} = 14",
            f"UPDATE idverify_audit SET sequence = 6 {WHERE} = 15",
        ),
        "entry 4 was inserted: the one that was here stands at number 5",
    ),
    "number taken out of turn": (
        sql(f"UPDATE idverify_audit SET sequence = 99 {WHERE} = 2"),
        "entry 2 was reordered: it stands at number 99",
    ),
    "origin": (sql(f"UPDATE idverify_audit SET origin = 'x' {WHERE} = 4"), "entry 4 was changed"),
    "link": (sql(f"UPDATE idverify_audit SET previous_mac = '' {WHERE} = 4"), "entry 4 was chang"),
}
TAMPERINGS |= RESTORED


@pytest.mark.parametrize("how", TAMPERINGS)
def test_tampering_is_named_by_its_first_entry(chain: Any, how: str) -> None:
    tamper, expected = TAMPERINGS[how]
    tamper(chain)
    chain.commit()
    with pytest.raises(AuditBroken, match=expected):
        audit.verify(chain, SUBJECT)


@pytest.mark.parametrize("how", TAMPERINGS)
def test_whole_log_is_walked_and_each_broken_chain_told_once(chain: Any, how: str) -> None:
    tamper, expected = TAMPERINGS[how]
    tamper(chain)
    chain.commit()
    found: list[Any] = []
    tally = audit.verify_all(chain, found.append)
    told = [error for error in found if error.subject == SUBJECT]
    assert len(told) == 1
    assert re.search(expected, str(told[0]))
    assert told[0].what in ("changed", "removed", "inserted", "reordered", "cut off")
    assert tally.broken == len(found) == (2 if how == "moved to another subject" else 1)


def test_walk_in_small_pages_sees_what_a_large_page_sees(
    chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        audit.begin(chain, f"quiet-{number}")
    chain.commit()
    for size in (1, 2, 3, 100):
        monkeypatch.setattr(audit_walk, "PAGE", size)
        found: list[Any] = []
        steps: list[int] = []
        tally = audit.verify_all(chain, found.append, steps.append)
        assert not found
        assert (tally.chains, tally.entries, tally.broken) == (6, 7, 0)
        assert sum(steps) == 7
        assert max(steps) <= size


def test_head_that_was_set_back_is_not_healed_by_writing_on(chain: Any) -> None:
    RESTORED["tail cut, head set back"][0](chain)
    audit.append(chain, SUBJECT, "afterwards", actor="system")
    chain.commit()
    with pytest.raises(AuditBroken, match=HEAD):
        audit.verify(chain, SUBJECT)


def test_audit_key_that_was_away_for_a_while_marks_nothing(host: Host, chain: Any) -> None:
    app = host.app.extensions["idverify"]
    first, second = "a1:" + "A" * 43, "a2:" + "B" * 43

    def use(*keys: str) -> None:
        app.audit_macs = Macs(parse_keys(keys, "IDVERIFY_AUDIT_KEYS"), "IDVERIFY_AUDIT_KEYS")

    use(first)
    audit.begin(chain, "kept")
    audit.append(chain, "kept", "one", actor="system")
    use(second)
    audit.append(chain, "kept", "two", actor="system")
    chain.commit()
    with pytest.raises(KeyUnavailable, match="'a1'"):
        audit.verify(chain, "kept")
    use(second, first)
    assert audit.verify(chain, "kept") == 2


def test_subjects_without_their_chain_are_told(host: Host, vendor: Vendor) -> None:
    session = host.db.session
    provider = host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    host.idverify.start(user, lena())
    known = host.idverify.identity_of(user)
    assert known is not None
    session.execute(text("DELETE FROM idverify_audit"))
    session.execute(text("DELETE FROM idverify_audit_head"))
    session.commit()
    subjects = {known.subject, provider.id, service.application_named("default").id}
    found: list[Any] = []
    assert audit.verify_all(session, found.append).broken == 3
    assert {error.subject for error in found} == subjects
    assert {(error.sequence, error.what) for error in found} == {(1, "removed")}


def shell(host: Host, *words: str) -> Any:
    host.db.session.remove()
    return host.app.test_cli_runner().invoke(args=["idverify", "audit", "verify", *words])


def test_command_counts_and_names_the_breaks(host: Host, chain: Any) -> None:
    found = shell(host)
    assert found.exit_code == 0
    assert "2 chains, 7 entries, 0 broken." in found.output
    assert "holds: 5 entries" in shell(host, "--subject", SUBJECT).output
    assert shell(host, "--subject", "nobody").exit_code == 1
    TAMPERINGS["action"][0](host.db.session)
    host.db.session.commit()
    found = shell(host)
    assert found.exit_code == 1
    assert f"Audit of {SUBJECT}: entry 3 was changed." in found.output
    assert "2 chains, 7 entries, 1 broken." in found.output
    assert shell(host, "--subject", SUBJECT).exit_code == 1
    assert shell(host, "--subject", "other").exit_code == 0


def test_command_finds_the_chain_of_a_user(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    host.idverify.start(user, lena())
    assert "holds: 2 entries" in shell(host, "--user", str(user.id)).output
    assert shell(host, "--user", "no-such-user").exit_code == 1


def test_command_says_which_key_is_missing_and_says_it_once(host: Host, chain: Any) -> None:
    chain.execute(text("UPDATE idverify_audit SET key_id = 'lost'"))
    chain.commit()
    found = shell(host)
    assert found.exit_code == 1
    assert found.output.count("'lost'") == 1
    assert "2 chain(s) cannot be checked" in found.output
    assert "changed" not in found.output


def test_tampering_is_seen_though_the_session_remembers_the_entries(chain: Any) -> None:
    remembered = chain.scalars(select(AuditEntry)).all()
    TAMPERINGS["action"][0](chain)
    with pytest.raises(AuditBroken):
        audit.verify(chain, SUBJECT)
    assert len(remembered) == 7


def test_another_key_is_told_from_tampering(host: Host, chain: Any) -> None:
    chain.execute(text("UPDATE idverify_audit SET key_id = 'lost'"))
    with pytest.raises(KeyUnavailable, match="IDVERIFY_AUDIT_KEYS"):
        audit.verify(chain, SUBJECT)


@pytest.mark.parametrize("how", ["flush", "bulk", "engine"])
@pytest.mark.parametrize("what", ["update", "delete"])
def test_entries_are_not_changed_or_deleted_through_sqlalchemy(
    host: Host, chain: Any, how: str, what: str
) -> None:
    entry = chain.scalars(select(AuditEntry)).first()
    statement: Any = delete(AuditEntry)
    if what == "update":
        statement = update(AuditEntry).values(action="x")

    def write() -> None:
        if how == "flush" and what == "update":
            entry.action = "x"
            chain.flush()
        elif how == "flush":
            chain.delete(entry)
            chain.flush()
        elif how == "bulk":
            chain.execute(statement)
        else:
            chain.rollback()
            with host.db.engine.begin() as connection:
                connection.execute(statement)

    with pytest.raises(AuditIsAppendOnly):
        write()
    chain.rollback()
    assert audit.verify(chain, SUBJECT) == 5


def test_writers_at_once_make_one_chain(file_host: Host) -> None:
    def write(number: int) -> int:
        for _ in range(5):
            audit.append(file_host.db.session, SUBJECT, "step", actor=f"admin:{number}")
            file_host.db.session.commit()
        return number

    with file_host.app.app_context():
        audit.begin(file_host.db.session, SUBJECT)
        file_host.db.session.commit()
    assert together(file_host, 6, write) == list(range(6))
    with file_host.app.app_context():
        assert audit.verify(file_host.db.session, SUBJECT) == 30


def test_entry_and_deed_are_one_transaction(host: Host, chain: Any) -> None:
    audit.append(chain, SUBJECT, "undone", actor="system")
    chain.rollback()
    assert audit.verify(chain, SUBJECT) == 5


def test_note_is_sealed_and_its_digest_chained(host: Host, chain: Any) -> None:
    audit.append(chain, SUBJECT, "decided", actor="admin:7", note="Lena is my neighbour.")
    chain.commit()
    raw = repr(chain.execute(text("SELECT * FROM idverify_audit")).all())
    assert "neighbour" not in raw
    entry = chain.scalars(select(AuditEntry).where(AuditEntry.action == "decided")).one()
    assert entry.note == "Lena is my neighbour."
    assert audit.verify(chain, SUBJECT) == 6
    # A person's words may have to be erased; the chain holds without them, if it says so.
    chain.execute(text("UPDATE idverify_audit SET note_sealed = NULL"))
    with pytest.raises(AuditBroken, match="the note of entry 6 was removed"):
        audit.verify(chain, SUBJECT)
    audit.append(chain, SUBJECT, "identity.erased", actor="system")
    assert audit.verify(chain, SUBJECT) == 7


def test_whole_life_leaves_a_trace_without_personal_data(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, policy={"on_reversal": "revoke"})
    user = host.add_user("lena.gruber@example.com", real_name="Lena Marie Gruber")
    row = host.idverify.start(user, lena())
    vendor.finish(row)
    host.idverify.refresh(row)
    known = host.idverify.identity_of(user)
    assert known is not None
    vendor.reverse(row, "fraud")
    host.idverify.refresh(row)
    service.reset(known, admin="7", reason="Gruber called.")
    again = host.idverify.start(user, lena())
    service.cancel(again)
    third = host.idverify.start(user, lena())
    vendor.finish(third, "face-unclear")
    host.idverify.refresh(third)
    service.decide(third, "approved", admin="7", reason="Gruber came.")
    host.idverify.forget(user)
    entries = host.db.session.scalars(
        select(AuditEntry).where(AuditEntry.subject == known.subject).order_by(AuditEntry.sequence)
    ).all()
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("user", "verification.created"),
        ("vendor", "verification.started"),
        ("vendor", "verification.approved"),
        ("vendor", "identity.verified"),
        ("vendor", "verification.reversed"),
        ("vendor", "identity.revoked"),
        ("admin:7", "identity.reset"),
        ("user", "verification.created"),
        ("vendor", "verification.started"),
        ("user", "verification.canceled"),
        ("user", "verification.created"),
        ("vendor", "verification.started"),
        ("vendor", "verification.in_review"),
        ("admin:7", "verification.approved"),
        ("admin:7", "identity.verified"),
        ("system", "identity.closed"),
    ]
    assert audit.verify(host.db.session, known.subject) == 16
    raw = repr(host.db.session.execute(text("SELECT * FROM idverify_audit")).all()).lower()
    for canary in ("lena", "gruber", "u7301945", 'example.com"', "1994", "sandbox-secret"):
        assert canary not in raw
    assert f"'{known.user_id}'" not in raw
    assert known.subject in raw


def test_mapping_is_the_only_way_from_a_user_to_their_entries(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    host.idverify.start(host.add_user("lena@example.com"), lena())
    known = host.db.session.scalars(select(Identity)).one()
    assert known.subject not in (known.id, known.user_id)


def test_audit_keys_are_kept_apart_from_encryption_keys() -> None:
    """So that an encryption key can be dropped without breaking the chain."""
    keys = ["e1:" + "A" * 43, "e2:" + "B" * 43]
    host = make_host(IDVERIFY_ENCRYPTION_KEYS=keys[:1], IDVERIFY_AUDIT_KEYS=["a1:" + "C" * 43])
    with host.app.app_context():
        audit.append(host.db.session, SUBJECT, "step", actor="system")
        host.db.session.commit()
        assert host.db.session.scalars(select(AuditEntry.key_id)).one() == "a1"
        host.db.session.remove()
        host.db.engine.dispose()
