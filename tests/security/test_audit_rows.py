"""Somebody with the database's password works around the chains: it is told all the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from flask_idverify import audit, clock, key_usage, service
from flask_idverify.audit_chain import AuditUnchecked
from flask_idverify.encryption import Keyring, Macs, parse_keys
from flask_idverify.errors import AuditBroken
from flask_idverify.models import AuditEntry, Identity, Verification
from tests.erasing import SIGNED, identity_of, verified
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("app_context")
FIRST, SECOND = "a1:" + "A" * 43, "a2:" + "B" * 43


def use(host: Host, *keys: str) -> None:
    """Put other audit keys into the configuration."""
    app = host.app.extensions["idverify"]
    app.audit_macs = Macs(parse_keys(keys, "IDVERIFY_AUDIT_KEYS"), "IDVERIFY_AUDIT_KEYS")


def sql(host: Host, statement: str, **values: Any) -> None:
    host.db.session.execute(text(statement), values)
    host.db.session.commit()
    host.db.session.expire_all()


def told(host: Host) -> list[Any]:
    """Return what a walk through the whole log complains about."""
    host.db.session.rollback()
    found: list[Any] = []
    assert audit.verify_all(host.db.session, found.append).broken == len(found)
    return found


def lived(host: Host, vendor: Vendor) -> tuple[Verification, str]:
    """Return the attempt of a user whom an admin rejected, and what the log calls the user."""
    use(host, FIRST)
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    row = verified(host, vendor, user)
    service.decide(row, "rejected", admin="7", reason="Canary-Note")
    assert not told(host), "control: it holds"
    return row, identity_of(host, user).subject


def cut(host: Host, subject: str, keep: int, entry_key: str, head_key: str) -> None:
    """Cut a chain off and give it a head whose seal nobody can check."""
    sql(host, "DELETE FROM idverify_audit WHERE subject = :s AND sequence > :k", s=subject, k=keep)
    where = "WHERE subject = :s AND sequence = :k"
    sql(host, f"UPDATE idverify_audit SET key_id = :i {where}", s=subject, k=keep, i=entry_key)
    last = select(AuditEntry.mac).where(AuditEntry.subject == subject, AuditEntry.sequence == keep)
    sql(
        host,
        "UPDATE idverify_audit_head SET sequence = :k, mac = :m WHERE id = :s",
        s=subject,
        k=keep,
        m=(host.db.session.scalar(last) or "") + head_key,
    )


@pytest.mark.parametrize("entry_key", ["a1", "zz"])
@pytest.mark.parametrize("keep", [0, 2])
def test_cut_chain_is_not_whitewashed_by_a_head_under_an_unknown_key(
    host: Host, vendor: Vendor, keep: int, entry_key: str
) -> None:
    _, subject = lived(host, vendor)
    cut(host, subject, keep, entry_key, "zz:AAAAAAAAAAAAAAA")
    for number in range(2):
        audit.append(host.db.session, subject, f"later.{number}", actor="system")
        host.db.session.commit()
    assert len(told(host)) == 1
    sql(host, "UPDATE idverify_audit SET key_id = 'a1' WHERE subject = :s", s=subject)
    (found,) = told(host)
    assert f"the head before entry {keep + 1} was" in str(found)
    assert isinstance(found, AuditBroken if keep else AuditUnchecked)


def test_cut_chain_is_told_once_the_key_of_its_false_head_is_back(
    host: Host, vendor: Vendor
) -> None:
    """The attacker names a key that there is, but that was off the list when it was written on."""
    _, subject = lived(host, vendor)
    cut(host, subject, 2, "a1", "a1:AAAAAAAAAAAAAAA")
    use(host, SECOND)
    audit.append(host.db.session, subject, "later", actor="system")
    host.db.session.commit()
    use(host, SECOND, FIRST)
    (found,) = told(host)
    assert "the head before entry 3 was written by somebody without the key" in str(found)


def test_chain_written_on_while_a_key_was_away_is_whole_when_it_is_back(
    host: Host, vendor: Vendor
) -> None:
    _, subject = lived(host, vendor)
    count = audit.verify(host.db.session, subject)
    use(host, SECOND)
    for number in range(2):
        audit.append(host.db.session, subject, f"later.{number}", actor="system")
        host.db.session.commit()
    assert all("'a1'" in str(error) for error in told(host))
    use(host, SECOND, FIRST)
    assert not told(host)
    assert audit.verify(host.db.session, subject) == count + 2
    timeline = service.export(host.db.session.scalars(select(Identity)).one(), actor="admin:7")
    assert "earlier_head" not in str(timeline)


def test_key_that_only_a_kept_head_names_is_still_needed(host: Host, vendor: Vendor) -> None:
    """A chain was begun under a key that was away when its first entry was written."""
    own = dataclasses.replace(host.app.extensions["idverify"].settings, audit_keys=(FIRST,))
    host.app.extensions["idverify"].settings = own
    host.add_provider(vendor.url)
    use(host, FIRST)
    subject = service.identity_for(host.add_user("lena@example.com")).subject
    host.db.session.commit()
    use(host, SECOND)
    assert ("audit", "idverify_audit_head", "a1") in key_usage.missing(), "the head of the chain"
    audit.append(host.db.session, subject, "first", actor="system")
    host.db.session.commit()
    sql(host, "DELETE FROM idverify_audit WHERE subject <> :s", s=subject)
    (entry,) = host.db.session.scalars(select(AuditEntry))
    assert entry.key_id == "a2", "control: nothing else is under the first key"
    host.db.session.rollback()
    assert list(key_usage.missing()) == [("audit", "idverify_audit.facts", "a1")]
    (lost,) = _verdicts("a1")
    assert lost.is_missing
    assert lost.reasons == (
        "1 row(s) in idverify_audit.facts are chained with the key, and those are never rewritten",
    )
    use(host, SECOND, FIRST)
    (kept,) = _verdicts("a1")
    assert (kept.told, kept.reasons) == ("must stay:", lost.reasons)
    assert not list(key_usage.missing())


def _verdicts(key_id: str) -> list[key_usage.Verdict]:
    return [one for one in key_usage.verdicts(key_usage.usage()) if one.key_id == key_id]


def test_changed_entry_that_poses_as_a_lost_key_is_not_intact(host: Host, vendor: Vendor) -> None:
    _, subject = lived(host, vendor)
    changed = "UPDATE idverify_audit SET actor = 'admin:1', key_id = 'old'"
    sql(host, f"{changed} WHERE subject = :s AND sequence = 2", s=subject)
    (found,) = told(host)
    expected = "entry 2 was made with key 'old', which is not configured in IDVERIFY_AUDIT_KEYS, or"
    assert f"{expected} was altered" in str(found)
    shown = verify(host)
    assert shown.exit_code == 1
    assert "1 broken" in shown.output
    assert expected in shown.output
    assert subject in shown.output


def verify(host: Host) -> Any:
    host.db.session.remove()
    return host.app.test_cli_runner().invoke(args=["idverify", "audit", "verify"])


TABLES = (
    *("callback", "application_provider", "vendor_account", "outbox", "verification", "identity"),
    *("provider_usage", "provider", "application"),
)


@pytest.mark.parametrize("left", [True, False], ids=["rows left", "all gone"])
def test_emptied_log_is_no_intact_log(host: Host, vendor: Vendor, left: bool) -> None:
    lived(host, vendor)
    for table in ("audit", "audit_head", *(() if left else TABLES)):
        sql(host, f"DELETE FROM idverify_{table}")
    found = verify(host)
    assert found.exit_code == 1
    expected = "not a single chain, though there are providers, applications, identities"
    assert (expected if left else "nothing to verify, not even a provider") in found.output


def two(host: Host, vendor: Vendor) -> list[Identity]:
    """Return an approved person and a rejected one."""
    host.add_provider(vendor.url)
    users = [host.add_user("lena@example.com"), host.add_user("max@example.com")]
    verified(host, vendor, users[0])
    poor = host.idverify.start(users[1], lena(), consent())
    vendor.finish(poor, "blurred")
    host.idverify.refresh(poor)
    return [identity_of(host, user) for user in users]


def test_swapped_subjects_are_told(host: Host, vendor: Vendor) -> None:
    pairs = [(person.id, person.subject) for person in two(host, vendor)]
    (one, hers), (other, his) = pairs
    assert not told(host), "control: they hold"
    for identity, subject in ((one, "x"), (other, hers), (one, his)):
        sql(host, "UPDATE idverify_identity SET subject = :s WHERE id = :i", s=subject, i=identity)
    found = told(host)
    assert {error.subject for error in found} == {hers, his}
    assert all("belongs to another identity" in str(error) for error in found)
    with pytest.raises(AuditBroken, match="belongs to another identity"):
        audit.verify(host.db.session, hers)


def test_person_under_the_chain_of_a_provider_is_told(host: Host, vendor: Vendor) -> None:
    person = two(host, vendor)[0]
    provider = host.db.session.scalars(text("SELECT id FROM idverify_provider")).one()
    before, key = person.subject, person.id
    sql(host, "UPDATE idverify_identity SET subject = :s WHERE id = :i", s=provider, i=key)
    assert {error.subject for error in told(host)} == {before, provider}


def test_attempt_given_to_somebody_else_is_told(host: Host, vendor: Vendor) -> None:
    one, other = two(host, vendor)
    subject, new = one.subject, other.id
    attempt = one.verification_id
    sql(host, "UPDATE idverify_verification SET identity_id = :i WHERE id = :v", i=new, v=attempt)
    (found,) = told(host)
    assert found.subject == subject
    assert f"verification {attempt}, which belongs to another identity" in str(found)


def test_people_whose_rows_are_gone_leave_chains_that_hold(host: Host, vendor: Vendor) -> None:
    two(host, vendor)
    for table in ("callback", "outbox", "verification", "identity"):
        sql(host, f"DELETE FROM idverify_{table}")
    assert not told(host)


NOTES: dict[str, tuple[str, str]] = {
    "removed": ("note_sealed = NULL", "the note of entry 5 was removed"),
    "changed": ("note_sealed = 'Nice.'", "the note of entry 5 was changed"),
}


@pytest.mark.parametrize("how", NOTES)
def test_note_that_was_tampered_with_is_told(host: Host, vendor: Vendor, how: str) -> None:
    lived(host, vendor)
    change, expected = NOTES[how]
    sql(host, f"UPDATE idverify_audit SET {change} WHERE note_sealed IS NOT NULL")
    (found,) = told(host)
    assert expected in str(found)


def test_note_sealed_anew_with_other_words_is_told(host: Host, vendor: Vendor) -> None:
    """Even whoever has the encryption keys cannot put other words there."""
    lived(host, vendor)
    entry = host.db.session.scalars(
        select(AuditEntry).where(AuditEntry.note_sealed.is_not(None))
    ).one()
    sealed = AuditEntry.note.seal(entry, "Somebody else's words.")
    sql(host, "UPDATE idverify_audit SET note_sealed = :n WHERE id = :i", n=sealed, i=entry.id)
    assert "the note of entry 5 was changed" in str(told(host)[0])


def test_note_put_to_an_entry_without_one_is_told(host: Host, vendor: Vendor) -> None:
    _, subject = lived(host, vendor)
    added = "UPDATE idverify_audit SET note_sealed = 'x:y' WHERE subject = :s AND sequence = 2"
    sql(host, added, s=subject)
    assert "a note was put to entry 2" in str(told(host)[0])


def test_note_under_a_lost_encryption_key_is_not_called_changed(host: Host, vendor: Vendor) -> None:
    lived(host, vendor)
    host.app.extensions["idverify"].keyring = Keyring(parse_keys(["new:" + "N" * 43], "KEYS"))
    (found,) = told(host)
    assert isinstance(found, AuditUnchecked)
    assert "the note of entry 5 was sealed with key" in str(found)
    assert "IDVERIFY_ENCRYPTION_KEYS" in str(found)


def erased(host: Host, row: Verification) -> None:
    service.erase(row.identity, **SIGNED)


def purged(host: Host, row: Verification) -> None:
    with clock.shifted(days=40):
        service.purge()


@pytest.mark.parametrize("how", [erased, purged])
def test_notes_that_were_erased_or_purged_by_us_are_not_missed(
    host: Host, vendor: Vendor, how: Callable[[Host, Verification], None]
) -> None:
    row, _ = lived(host, vendor)
    host.app.extensions["idverify"].settings = _keeping(host, 30)
    how(host, row)
    left = host.db.session.scalars(
        select(AuditEntry.id).where(AuditEntry.note_sealed.is_not(None))
    ).all()
    assert not left, "control: the note is gone"
    assert not told(host)


def _keeping(host: Host, days: int) -> Any:
    from dataclasses import replace

    settings = host.app.extensions["idverify"].settings
    return replace(settings, retention_days=(("rejected", days),))
