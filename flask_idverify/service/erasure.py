"""Erasing a person: what is personal goes, here and at the vendors; what was decided stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from .. import audit, clock
from ..engines import retrying
from ..errors import ErasureRefused, ReasonMissing, TransitionRefused
from ..locking import permitted
from ..models import Identity, Verification
from ..phrases import phrase
from ..signals import identity_erased
from ..states import Reason, Standing, Status
from . import wiping
from .announcing import announce, owe_signal
from .holds import held, require_free
from .sessions import require_clean
from .transitions import conclude

#: What the audit log calls the person themself.
SELF = "user"


@dataclass(frozen=True)
class Erased:
    """What an erasure removed, or would remove.

    :ivar attempts: verifications that lost their personal data, tests included.
    :ivar canceled: of these, the ones that were not decided yet.
    :ivar callbacks: stored notifications deleted.
    :ivar notes: reasons of admins taken off the audit log.
    :ivar owed: deletions owed at vendors.
    :ivar fingerprint_kept: the policy keeps the keyed digest of the papers.
    """

    attempts: int
    canceled: int
    callbacks: int
    notes: int
    owed: int
    fingerprint_kept: bool


def erase(identity: Identity, *, actor: str, reason: str = "") -> Erased:
    """Erase a person: claim, document, callbacks, notes; the vendors' deletions are owed.

    One transaction, committed; then ``identity_erased`` is sent. That there were attempts, how
    they ended and by which rule stays. The user's id is free afterwards: they may start anew.
    The reason may name the person, so its text is not kept: the audit log has its keyed digest,
    by which a copy of it kept elsewhere (a ticket, a letter) can be proven.

    :param actor: ``admin:<user id>``, or ``user`` when the person asks themself.
    :param reason: why; an admin has to give one.
    :raises ReasonMissing: an admin's name or reason is empty.
    :raises ErasureRefused: ``IDVERIFY_LEGAL_HOLD`` keeps the data; audited.
    :raises TransitionRefused: the identity was erased already.
    """
    name = actor.removeprefix("admin:")
    if not name.strip() or (actor != SELF and not reason.strip()):
        raise ReasonMissing(phrase("An erasure needs the admin's name and a reason."))
    require_clean().rollback()
    identity_id = identity.id
    require_free(identity, "erasure", actor=actor, reason=reason)
    found = _erase(identity_id, actor, reason.strip())
    announce()
    return found


def would_erase(identity: Identity) -> Erased:
    """Return what :func:`erase` would remove. Writes nothing.

    :raises ErasureRefused: ``IDVERIFY_LEGAL_HOLD`` keeps the data.
    """
    session = require_clean()
    hold = held(identity)
    if hold is not None:
        raise ErasureRefused(phrase("Nothing can be erased. %(hold)s", hold=hold))
    attempts = _attempts(session, identity.id)
    accounts = wiping.accounts_of(session, identity.user_id)
    return Erased(
        attempts=sum(row.erased_at is None for row in attempts),
        canceled=sum(not row.status.is_final for row in attempts),
        callbacks=wiping.callbacks_of(session, [row.id for row in attempts]),
        notes=len(wiping.notes_of(session, identity.subject)),
        owed=len(wiping.vendor_debts(attempts, accounts)),
        fingerprint_kept=wiping.kept_fingerprint(session, identity) is not None,
    )


def _attempts(session: Any, identity_id: str) -> list[Verification]:
    return list(
        session.scalars(
            select(Verification)
            .where(Verification.identity_id == identity_id)
            .order_by(Verification.created_at)
        )
    )


@retrying
def _erase(identity_id: str, actor: str, reason: str) -> Erased:
    """Do all of it, in one transaction. Locks attempts before the identity, as all others do."""
    session = require_clean()
    now = clock.now()
    _stop(session, identity_id)
    with permitted():
        taken: Any = session.execute(
            update(Identity)
            .where(Identity.id == identity_id, Identity.erased_at.is_(None))
            .values(erased_at=now)
            .execution_options(synchronize_session=False)
        )
    if taken.rowcount != 1:
        session.rollback()
        raise TransitionRefused(phrase("This identity was erased already."))
    _stop(session, identity_id)  # one that began in between; now none can
    session.expire_all()
    identity = session.get_one(Identity, identity_id)
    attempts = _attempts(session, identity_id)
    ids = [row.id for row in attempts]
    kept = wiping.kept_fingerprint(session, identity)
    owed = wiping.settle_accounts(
        session, identity.subject, attempts, wiping.accounts_of(session, identity.user_id)
    )
    canceled = [row for row in attempts if not row.status.is_final]
    for row in canceled:
        conclude(
            session,
            row,
            Status.canceled,
            actor=actor,
            reasons=[Reason.canceled_by_user if actor == SELF else Reason.manual],
            by_admin=True,
        )
    found = Erased(
        attempts=wiping.wipe_attempts(session, Verification.identity_id == identity_id, now=now),
        canceled=len(canceled),
        callbacks=wiping.drop_callbacks(session, ids),
        notes=len(wiping.notes_of(session, identity.subject)),
        owed=owed,
        fingerprint_kept=kept is not None,
    )
    owe_signal(
        session,
        identity_erased,
        subject=identity.subject,
        user_id=identity.user_id,
        identity=identity_id,
    )
    _rename(session, identity, kept, now)
    audit.append(
        session,
        identity.subject,
        "identity.erased",
        actor=actor,
        facts={
            "attempts": found.attempts,
            "callbacks": found.callbacks,
            "notes": found.notes,
            "owed": found.owed,
            "fingerprint_kept": found.fingerprint_kept,
        },
        note=reason or None,
    )
    # After the last entry, so that the reason goes with the others; its digest stays chained.
    wiping.drop_notes(session, wiping.notes_of(session, identity.subject))
    session.commit()
    return found


def _stop(session: Any, identity_id: str) -> None:
    """Take the rows of all attempts, so that nobody moves them meanwhile."""
    session.execute(
        update(Verification)
        .where(Verification.identity_id == identity_id)
        .values(next_poll_at=None)
        .execution_options(synchronize_session=False)
    )


def _rename(session: Any, identity: Identity, fingerprint: str | None, now: datetime) -> None:
    """Take claim, papers and the user's id off; what was verified when stays."""
    gone = f"erased:{identity.id}"
    with permitted():
        session.execute(
            update(Identity)
            .where(Identity.id == identity.id)
            .values(
                user_id=gone,
                former_user_id_sealed=None,
                standing=Standing.revoked,
                claim_sealed=None,
                document_sealed=None,
                number_fingerprint=fingerprint,
                # The day the papers run out stands on them.
                expires_at=None,
                updated_at=now,
            )
            .execution_options(synchronize_session=False)
        )
    session.execute(
        update(Verification)
        .where(Verification.identity_id == identity.id)
        .values(user_id=gone)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
