"""The audit log as admins read it: a list over all subjects, and whether its chains hold."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, false, select

from .. import audit_rows
from ..audit_chain import AuditUnchecked, MissingKeys
from ..audit_walk import Tally, verify, verify_all
from ..errors import AuditBroken, IDVerifyError, NotFound
from ..models import Application, AuditEntry, Identity, Provider, Verification
from ..phrases import phrase
from ..service.sessions import session
from .details import Step, facts_of, step_of
from .keyset import PAGE_SIZE, CappedCount, Order, Page, Place, Span, capped, counts, equal, page
from .rows import Unsealer

#: A page that checks the log works no longer than this at a time: servers end what takes long.
PORTION_SECONDS = 10.0
#: Broken chains that a page names; where there are more, somebody has to look at all of it anyway.
BREAKS_NAMED = 50

#: Of a subject.
_LONGEST = 36
_BEGINNING = re.compile(r"[0-9a-f]{4}")


@dataclass(frozen=True)
class LogFilters:
    """Which entries a list of the log shows; ``None`` does not filter.

    :ivar subject: what the log calls a person, a provider or an application.
    :ivar user_id: whose chain; with *subject* both have to fit.
    :ivar actor: exactly as the log writes it, e.g. ``admin:7``.
    """

    subject: str | None = None
    user_id: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Entry:
    """One entry of the log, with what it is about as far as that is still known.

    :ivar verification_id: of a verification that there is.
    """

    id: str
    subject: str
    sequence: int
    origin: str | None
    step: Step
    identity: Identity | None
    provider: Provider | None
    application: Application | None
    verification_id: str | None


@dataclass
class Checked:
    """What came of checking the log, or a part of it.

    :ivar subject: the one whose chain alone was checked.
    :ivar reached: the rest begins behind this subject's chain; ``None`` when all were checked.
    :ivar broken: how many chains do not hold, or cannot be checked.
    :ivar named: the subjects of as many of these as a page names.
    :ivar breaks: the first break of each of them.
    :ivar keys: keys that are missing to tell, a sentence each.
    :ivar nothing: what it means that there is not a single chain.
    """

    chains: int = 0
    entries: int = 0
    broken: int = 0
    subject: str | None = None
    reached: str | None = None
    named: list[str] = field(default_factory=list)
    breaks: list[AuditBroken] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    nothing: str | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing that was checked speaks against the log."""
        return not self.broken and self.nothing is None

    @property
    def percent(self) -> int:
        """How much of the log that is, about: subjects are random numbers, read in their order."""
        if self.reached is None:
            return 100
        found = _BEGINNING.match(self.reached)
        # Who can write into the database can also call a chain something else.
        return min(99, int(found[0], 16) * 100 >> 16) if found else 99


def log_entries(
    filters: LogFilters,
    at: Place | None = None,
    *,
    oldest_first: bool = False,
    size: int = PAGE_SIZE,
) -> Page[Entry]:
    """Return one page of the log, latest first unless *oldest_first*."""
    subjects = _subjects(filters)
    order = Order(AuditEntry.at, AuditEntry.id, oldest_first)
    span = Span(filters.since, filters.until)
    query = _listed(filters, subjects, span)
    found = page(query, order, at, size=size, within=_listed(filters, subjects, span.beyond(at)))
    return Page(_entries(found.rows), found.newer, found.older)


def log_count(filters: LogFilters) -> CappedCount:
    """Return how many entries an export of a part of the log holds at least."""
    span = Span(filters.since, filters.until).conditions(AuditEntry.at)
    # True of every entry: without any condition the statement would name no table.
    every = AuditEntry.at.is_not(None)
    return counts(capped(every, *_equal(filters, _subjects(filters)), *span))[0]


def subject_of(user_id: str) -> str | None:
    """Return what the log calls a user."""
    if not user_id.isprintable():
        return None  # nobody's id; some databases raise
    found: str | None = session().scalar(
        select(Identity.subject).where(Identity.user_id == user_id)
    )
    return found


def has_chain(subject: str) -> bool:
    """Whether the log calls anybody or anything so."""
    return _is_one(subject) and audit_rows.has_chain(session(), subject)


def _is_one(subject: str) -> bool:
    """Whether it may be a subject: some databases raise at what they cannot hold."""
    return 0 < len(subject) <= _LONGEST and subject.isprintable()


def check_chain(subject: str) -> Checked:
    """Check one subject's chain. Raises :class:`NotFound` where there is none."""
    checked, told = Checked(subject=subject, chains=1), _Told()
    if _is_one(subject):
        checked.entries = _verified(subject, told)
    if not checked.entries and not told.named:
        raise NotFound(phrase("The log has no entry of this subject."))
    checked.broken = len(told.named)
    return told.all_in(checked)


def check_log(
    after: str | None = None, named: Sequence[str] = (), seconds: float | None = None
) -> Checked:
    """Check the whole log, or what comes behind the chain of *after*, for a limited time.

    :param named: subjects whose chains did not hold in an earlier portion; they are looked at
        again, so that nobody has to be believed, and are not counted again.
    """
    told = _Told()
    for subject in filter(_is_one, dict.fromkeys(named[:BREAKS_NAMED])):
        _verified(subject, told)
    end = time.monotonic() + (PORTION_SECONDS if seconds is None else seconds)
    tally: Tally = verify_all(
        session(), told.tell, after=after, enough=lambda: time.monotonic() >= end
    )
    checked = Checked(tally.chains, tally.entries, tally.broken)
    if tally.complete:
        checked.nothing = audit_rows.nothing_there(session())
    else:
        checked.reached = tally.reached
    session().rollback()
    return told.all_in(checked)


def _verified(subject: str, told: _Told) -> int:
    try:
        return verify(session(), subject)
    except (AuditBroken, AuditUnchecked) as error:
        told.tell(error)
        return 0


class _Told:
    """Keeps what a walk through the log tells, in bounded memory."""

    def __init__(self) -> None:
        self.named: list[str] = []
        self._breaks: list[AuditBroken] = []
        self._keys = MissingKeys()

    def tell(self, error: IDVerifyError) -> None:
        if len(self.named) == BREAKS_NAMED:
            return
        if isinstance(error, AuditBroken):
            self._breaks.append(error)
        elif not isinstance(error, AuditUnchecked):
            return
        self._keys.take(error)
        self.named.append(error.subject)

    def all_in(self, checked: Checked) -> Checked:
        """Write into *checked* what was told."""
        checked.named, checked.breaks, checked.keys = self.named, self._breaks, self._keys.told()
        return checked


def _subjects(filters: LogFilters) -> list[str | None]:
    """Return whose entries are wanted: of nobody who is not known."""
    found: list[str | None] = [filters.subject] if filters.subject is not None else []
    return [*found, subject_of(filters.user_id)] if filters.user_id is not None else found


def _equal(filters: LogFilters, subjects: list[str | None]) -> list[Any]:
    if None in subjects or len(set(subjects)) > 1:
        return [false()]
    return equal(
        (AuditEntry.subject, subjects[0] if subjects else None),
        (AuditEntry.actor, filters.actor),
        (AuditEntry.action, filters.action),
    )


def _listed(filters: LogFilters, subjects: list[str | None], span: Span) -> Select[Any]:
    conditions = [*_equal(filters, subjects), *span.conditions(AuditEntry.at)]
    return select(AuditEntry).where(*conditions)


def _entries(rows: Sequence[AuditEntry]) -> list[Entry]:
    """Return the entries with what they are about, in as many statements for any number."""
    subjects = {row.subject for row in rows}
    identities = _by(Identity.subject, Identity, subjects)
    providers = _by(Provider.id, Provider, subjects | _named(rows, "provider"))
    applications = _by(Application.id, Application, subjects | _named(rows, "application"))
    attempts = _named(rows, "verification")
    known = select(Verification.id).where(Verification.id.in_(attempts))
    verifications = set(session().scalars(known)) if attempts else set()
    unseal = Unsealer()

    def about(found: dict[str, Any], row: AuditEntry, fact: str) -> Any:
        return found.get(row.subject) or found.get(_fact(row, fact))

    return [
        Entry(
            id=row.id,
            subject=row.subject,
            sequence=row.sequence,
            origin=row.origin,
            step=step_of(row, unseal),
            identity=identities.get(row.subject),
            provider=about(providers, row, "provider"),
            application=about(applications, row, "application"),
            verification_id=next(iter(verifications & {_fact(row, "verification")}), None),
        )
        for row in rows
    ]


def _fact(row: AuditEntry, name: str) -> str:
    found = facts_of(row).get(name)
    return found if isinstance(found, str) else ""


def _named(rows: Sequence[AuditEntry], fact: str) -> set[str]:
    return {_fact(row, fact) for row in rows} - {""}


def _by(key: Any, model: Any, wanted: set[str]) -> dict[str, Any]:
    if not wanted:
        return {}
    rows = session().scalars(select(model).where(key.in_(wanted)))
    return {getattr(row, key.key): row for row in rows}
