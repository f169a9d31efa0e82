"""What stands beside a chain and must agree with it: the rows that it names, and its notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, or_, select

from . import runtime
from .audit_chain import AuditUnchecked
from .columns import bound_to
from .encryption import Macs, key_id_of
from .errors import AuditBroken, DecryptionFailed, KeyUnavailable
from .models import Application, AuditEntry, AuditHead, Identity, Provider, Verification

#: After these, people's own words about a person are gone, and about one attempt.
_ALL_DROPPED = ("identity.erased", "identity.purged")
_DROPPED = "verification.purged"


class Rows:
    """What the tables say now of those whom one page of entries names."""

    def __init__(self) -> None:
        #: Ids of identities by subject, those that there are, and the identities of attempts.
        self.holders: dict[str, str] = {}
        self.identities: set[str] = set()
        self.owners: dict[str, str] = {}

    def read(self, session: Any, page: Sequence[Any]) -> None:
        """Look up what *page* needs; what was known of the page before is forgotten."""
        first = [entry for entry in page if entry.sequence == 1]
        named = {_fact(entry, "identity") for entry in first} - {None}
        attempts = {_fact(entry, "verification") for entry in page} - {None}
        known = select(Identity.subject, Identity.id)
        subjects = {entry.subject for entry in first}
        self.holders = _pairs(session, known.where(Identity.subject.in_(subjects)), subjects)
        self.identities = set(
            _pairs(session, known.where(Identity.id.in_(named)), named).values()
        ) | set(self.holders.values())
        owned = select(Verification.id, Verification.identity_id)
        self.owners = _pairs(session, owned.where(Verification.id.in_(attempts)), attempts)


class Beside:
    """Compares the entries of one chain, as they come, with the rows and notes beside them."""

    def __init__(self, macs: Macs, subject: str, rows: Rows) -> None:
        self._macs = macs
        self._subject = subject
        self._rows = rows
        self._identity: str | None = None
        #: Numbers of the first entries without their notes, by attempt.
        self._without: dict[str | None, int] = {}
        self._unread: AuditUnchecked | None = None

    def problem(self, entry: Any) -> AuditBroken | None:
        """Return what does not agree with *entry*, whose mac was checked before."""
        if entry.sequence == 1:
            self._identity = _fact(entry, "identity")
            holder = self._rows.holders.get(self._subject)
            gone = holder is None and self._identity not in self._rows.identities
            if holder != self._identity and not gone:
                return self._broken(entry, "the chain belongs to another identity")
        attempt = _fact(entry, "verification")
        owner = self._rows.owners.get(attempt) if attempt is not None else None
        if None not in (owner, self._identity) and owner != self._identity:
            return self._broken(
                entry,
                f"entry {entry.sequence} tells of verification {attempt}, which belongs to "
                "another identity",
            )
        return self._note(entry, attempt)

    def end(self) -> None:
        """Say what is left to say after the last entry.

        :raises AuditBroken: a note is gone, and nothing in the chain says that it may be.
        :raises AuditUnchecked: a note is sealed with a key that is not configured.
        """
        if self._without:
            number = min(self._without.values())
            what = f"the note of entry {number} was removed."
            raise AuditBroken(self._subject, number, "removed", what)
        if self._unread is not None:
            raise self._unread

    def _note(self, entry: Any, attempt: str | None) -> AuditBroken | None:
        digest, number = entry.facts.get("note_digest"), entry.sequence
        if entry.note_sealed is None:
            if digest is not None:
                self._without.setdefault(attempt, number)
        elif digest is None:
            return self._broken(entry, f"a note was put to entry {number}, which had none")
        elif not self._holds(entry, digest):
            return self._broken(entry, f"the note of entry {number} was changed")
        if entry.action in _ALL_DROPPED:
            self._without.clear()
        elif entry.action == _DROPPED:
            self._without.pop(attempt, None)
        return None

    def _holds(self, entry: Any, digest: str) -> bool:
        context = bound_to(AuditEntry.__tablename__, "note_sealed", entry.id)
        try:
            note = runtime.current().keyring.open(entry.note_sealed, context)
        except DecryptionFailed:
            return False
        except KeyUnavailable:
            key_id = key_id_of(entry.note_sealed) or ""
            made = f"the note of entry {entry.sequence} was sealed"
            self._unread = self._unread or AuditUnchecked(
                self._subject, made, key_id, "IDVERIFY_ENCRYPTION_KEYS"
            )
            return True
        return self._macs.matches(note, digest, entry.key_id)

    def _broken(self, entry: Any, how: str) -> AuditBroken:
        return AuditBroken(self._subject, entry.sequence, "changed", f"{how}.")


def _fact(entry: Any, name: str) -> str | None:
    """Return a fact that is a text; entries are read before anybody checked them."""
    found = entry.facts.get(name) if isinstance(entry.facts, dict) else None
    return found if isinstance(found, str) else None


def _pairs(session: Any, asked: Any, wanted: Any) -> dict[str, str]:
    return {key: value for key, value in session.execute(asked)} if wanted else {}  # noqa: C416


def has_chain(session: Any, subject: str) -> bool:
    """Whether there is an entry or a head of *subject*."""
    return bool(
        session.scalar(
            select(
                or_(
                    exists().where(AuditHead.id == subject),
                    exists().where(AuditEntry.subject == subject),
                )
            )
        )
    )


def is_known(session: Any, subject: str) -> bool:
    """Whether *subject* must have a chain."""
    return any(
        session.scalar(select(exists().where(column == subject)))
        for column in (Identity.subject, Provider.id, Application.id)
    )


def nothing_there(session: Any) -> str | None:
    """Say what it means if there is not a single chain; ``None`` when there is one."""
    if session.scalar(select(or_(exists(select(AuditHead.id)), exists(select(AuditEntry.id))))):
        return None
    held = [
        words
        for model, words in (
            (Provider, "providers"),
            (Application, "applications"),
            (Identity, "identities"),
            (Verification, "verifications"),
        )
        if session.scalar(select(exists(select(model.id))))
    ]
    if held:
        return (
            f"There is not a single chain, though there are {', '.join(held)}: the log was removed."
        )
    return "There is nothing to verify, not even a provider: is this the right database?"
