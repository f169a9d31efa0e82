"""One verification, one identity: all that is known, for the person who has to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from ..audit_chain import FOR_CHECKING
from ..claims import Claim, Consent, Document
from ..matching import Match, compare
from ..models import AuditEntry, CallbackRow, Identity, Verification
from ..service.sessions import session
from .rows import Unsealer, one

#: Attempts on an identity's page; the list filtered by user shows all.
HISTORY = 50


@dataclass(frozen=True)
class Step:
    """One entry of the audit log as a timeline shows it."""

    at: datetime
    actor: str
    action: str
    facts: dict[str, Any]
    note: str | None


@dataclass(frozen=True)
class VerificationDetail:
    """One verification with all that is known of it.

    :ivar sealed: something could not be decrypted and is missing here.
    :ivar related: other users' verifications in which the vendor saw the same face, oldest first.
    :ivar related_gone: how many more there were that are not kept any more.
    :ivar related_unknown: in how many records that are not known here the vendor saw it, too.
    """

    verification: Verification
    claim: Claim | None
    document: Document | None
    consent: Consent | None
    note: str | None
    match: Match | None
    callbacks: Sequence[CallbackRow]
    timeline: Sequence[Step]
    sealed: bool
    related: Sequence[Verification] = ()
    related_gone: int = 0
    related_unknown: int = 0


@dataclass(frozen=True)
class IdentityDetail:
    """One user's standing with its history.

    :ivar former_user_id: who a deleted user was.
    """

    identity: Identity
    claim: Claim | None
    document: Document | None
    attempts: Sequence[Verification]
    timeline: Sequence[Step]
    sealed: bool
    former_user_id: str | None = None


def verification(verification_id: str) -> VerificationDetail:
    """Return one verification with its callbacks and its part of the audit log.

    :raises NotFound: there is none.
    """
    row = one(Verification, verification_id)
    unseal = Unsealer()
    claim = unseal(lambda: row.claim)
    document = unseal(lambda: row.document)
    callbacks = session().scalars(
        select(CallbackRow)
        .where(CallbackRow.verification_id == row.id)
        .order_by(CallbackRow.received_at)
    )
    steps = [
        step
        for step in _timeline(row.identity.subject, unseal)
        if step.facts.get("verification") == row.id
    ]
    related = _related(row)
    return VerificationDetail(
        verification=row,
        claim=claim,
        document=document,
        consent=unseal(lambda: row.consent),
        note=unseal(lambda: row.note),
        match=compare(claim, document) if claim and document else None,
        callbacks=callbacks.all(),
        timeline=steps,
        sealed=unseal.failed,
        related=related,
        related_gone=len(row.related) - len(related),
        # Of the latest outcome; gone with everything else personal.
        related_unknown=0 if row.erased_at else _latest(steps, "related_unknown"),
    )


def _latest(steps: Sequence[Step], fact: str) -> int:
    """Return a number that the last step with an outcome told, or nought."""
    told = [step.facts.get(fact, 0) for step in steps if "rule" in step.facts]
    return int(told[-1]) if told else 0


def _related(row: Verification) -> Sequence[Verification]:
    if not row.related:
        return ()
    found: Sequence[Verification] = (
        session()
        .scalars(
            select(Verification)
            .where(Verification.related_key.in_(row.related))
            .order_by(Verification.created_at, Verification.id)
        )
        .all()
    )
    return found


def identity(identity_id: str) -> IdentityDetail:
    """Return one identity with its latest attempts and its audit log. Raises :class:`NotFound`."""
    row = one(Identity, identity_id)
    unseal = Unsealer()
    attempts = session().scalars(
        select(Verification)
        .where(Verification.identity_id == row.id)
        .options(joinedload(Verification.provider), joinedload(Verification.application))
        .order_by(Verification.created_at.desc(), Verification.id.desc())
        .limit(HISTORY)
    )
    return IdentityDetail(
        identity=row,
        claim=unseal(lambda: row.claim),
        document=unseal(lambda: row.document),
        former_user_id=unseal(lambda: row.former_user_id),
        attempts=attempts.all(),
        timeline=_timeline(row.subject, unseal),
        sealed=unseal.failed,
    )


def _timeline(subject: str, unseal: Unsealer) -> list[Step]:
    entries = session().scalars(
        select(AuditEntry).where(AuditEntry.subject == subject).order_by(AuditEntry.sequence)
    )
    return [step_of(entry, unseal) for entry in entries]


def facts_of(entry: AuditEntry) -> dict[str, Any]:
    """Return the facts of an entry; none where somebody else has put something in their place."""
    return entry.facts if isinstance(entry.facts, dict) else {}


def step_of(entry: AuditEntry, unseal: Unsealer) -> Step:
    """Return an entry of the log without what serves its checking."""
    return Step(
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        facts={name: value for name, value in facts_of(entry).items() if name not in FOR_CHECKING},
        note=unseal(lambda: entry.note),
    )
