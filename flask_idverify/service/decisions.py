"""What people decide: an admin signs with a name and a reason, a user gives an attempt up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from .. import audit
from ..engines import retrying
from ..errors import (
    ChangedMeanwhile,
    ConfigurationError,
    IDVerifyError,
    ReasonMissing,
    TransitionRefused,
    VendorBusy,
)
from ..models import Verification
from ..phrases import phrase
from ..policy import Policy
from ..states import Reason, Status
from .announcing import announce
from .approval import approve, claims_another, revoke
from .results import ASKABLE, refresh
from .sessions import require_clean
from .sessions import session as current_session
from .transitions import conclude

_HELD = {
    Status.approved: phrase("The verification is approved already."),
    Status.rejected: phrase("The verification is rejected already."),
}
_FASTER = phrase(
    "Somebody else, or the vendor, was faster. Nothing was changed; look at it again before you "
    "decide."
)
_DECIDES = phrase("A decision needs the admin's name and a reason.")
_ASKS = phrase("Asking the vendor needs the admin's name and a reason.")
_MOVED_ON = phrase("This verification cannot be decided so any more: it has moved on.")


def decide(
    verification: Verification,
    status: Status | str,
    *,
    admin: str,
    reason: str,
    seen: Status | str | None = None,
) -> Verification:
    """Approve or reject in the name of an admin, also against an earlier decision.

    :param status: ``approved`` or ``rejected``.
    :param admin: user id of the admin who signs; kept in the audit log.
    :param reason: the admin's words; kept encrypted.
    :param seen: how it stood when the admin looked at it. Two who decide at once shall not overrule
        each other unawares.
    :raises ReasonMissing: *admin* or *reason* is empty.
    :raises ChangedMeanwhile: it does not stand any more as it was *seen*.
    :raises TransitionRefused: the status is no decision, is held already, this is a test, or the
        identity is locked with another claim.
    """
    target = Status(status)
    if target not in (Status.approved, Status.rejected):
        raise TransitionRefused(phrase("An admin decides 'approved' or 'rejected', nothing else."))
    known = Status(seen) if seen is not None else None
    signed = _signed(admin, reason, _DECIDES)
    session = require_clean()
    session.refresh(verification)
    _require_decidable(verification, target, known)
    held = verification.status
    values = {"decided_by": admin, "rule": "admin"}
    verification_note = Verification.note.seal(verification, reason.strip())
    if target is Status.approved:
        moved = approve(
            session,
            verification,
            verification.document,
            Policy.from_dict(verification.policy),
            actor=signed,
            by_admin=True,
            held=known,
            values={**values, "note_sealed": verification_note},
            note=reason.strip(),
        )
    else:
        moved = conclude(
            session,
            verification,
            target,
            actor=signed,
            reasons=[Reason.manual],
            retryable=True,
            by_admin=True,
            held=known,
            values={**values, "note_sealed": verification_note},
            note=reason.strip(),
        )
        if moved and held is Status.approved:
            revoke(session, verification, actor=signed)
    if not moved:
        session.rollback()
        session.refresh(verification)
        if known is not None and verification.status is not known:
            raise ChangedMeanwhile(_FASTER)
        raise TransitionRefused(_HELD.get(held, _MOVED_ON))
    session.commit()
    session.refresh(verification)
    announce()
    return verification


def cancel(
    verification: Verification, *, admin: str | None = None, reason: str = ""
) -> Verification:
    """End an unfinished attempt: for its user while the papers are not handed in, or for an admin.

    The vendor is asked first, so that a finished check is not thrown away.

    :param admin: user id of the admin who signs; ``None`` when the user cancels.
    :raises ReasonMissing: an admin gave no reason.
    :raises TransitionRefused: the attempt has ended, or its papers are being checked.
    """
    actor = "user" if admin is None else _signed(admin, reason, _DECIDES)
    if admin is None and verification.status is Status.started:
        try:
            verification = refresh(verification, patient=False)
        except VendorBusy:
            current_session().rollback()
            raise
        except (IDVerifyError, ConfigurationError):
            # Neither an unreachable vendor nor an unusable provider may trap the user.
            current_session().rollback()
            current_session().refresh(verification)
    if admin is None and verification.status not in (Status.created, Status.started):
        raise TransitionRefused(phrase("This verification is being checked or has ended already."))
    session = require_clean()
    moved = conclude(
        session,
        verification,
        Status.canceled,
        actor=actor,
        reasons=[Reason.canceled_by_user if admin is None else Reason.manual],
        retryable=True,
        values={} if admin is None else {"decided_by": admin},
        note=reason.strip() or None,
    )
    session.commit()
    if not moved:
        raise TransitionRefused(phrase("This verification has ended already."))
    announce()
    return verification


def ask(verification: Verification, *, admin: str, reason: str) -> Verification:
    """Ask the vendor in the name of an admin. That they did is committed before it is asked.

    :param admin: user id of the admin who signs; kept in the audit log.
    :param reason: the admin's words; kept encrypted.
    :raises ReasonMissing: *admin* or *reason* is empty.
    :raises TransitionRefused: there is nothing to ask: canceled, failed, erased, never opened.
    :raises VendorError: as :func:`.results.refresh`.
    """
    _note_asking(verification, _signed(admin, reason, _ASKS), reason.strip())
    return refresh(verification)


@retrying
def _note_asking(verification: Verification, actor: str, note: str) -> None:
    session = require_clean()
    row_id, subject = verification.id, verification.identity.subject
    session.rollback()  # the first statement of a transaction is the one that writes
    # Changes nothing: it takes the row, so that an erasure comes before these words or takes them.
    found: Any = session.execute(
        update(Verification)
        .where(
            Verification.id == row_id,
            Verification.status.in_(ASKABLE),
            Verification.vendor_reference.is_not(None),
            Verification.erased_at.is_(None),
        )
        .values(polls=Verification.polls)
        .execution_options(synchronize_session=False)
    )
    if found.rowcount != 1:
        session.rollback()
        raise TransitionRefused(
            phrase(
                "There is nothing to ask the vendor about this verification: it was never opened "
                "there, was canceled, failed, or was erased."
            )
        )
    facts = {"verification": row_id}
    audit.append(session, subject, "verification.asked", actor=actor, facts=facts, note=note)
    session.commit()


def _require_decidable(verification: Verification, target: Status, seen: Status | None) -> None:
    if seen is not None and verification.status is not seen:
        raise ChangedMeanwhile(_FASTER)
    if verification.erased_at is not None:
        raise TransitionRefused(
            phrase("This verification was erased; there is nothing left to decide on.")
        )
    if verification.is_test and target is Status.approved:
        raise TransitionRefused(phrase("A test verification never verifies anybody."))
    if target is Status.approved and claims_another(verification):
        raise TransitionRefused(
            phrase("The identity is verified and locked with another claim; reset it first.")
        )
    identity = verification.identity
    if target is Status.approved and identity.is_verified and identity.claim != verification.claim:
        raise TransitionRefused(
            phrase(
                "The user is verified with another claim than this attempt's. Reset the "
                "identity first if this attempt is the right one."
            )
        )


def _signed(admin: str, reason: str, demand: str) -> str:
    if not admin or not admin.strip() or not reason.strip():
        raise ReasonMissing(demand)
    return f"admin:{admin.strip()}"
