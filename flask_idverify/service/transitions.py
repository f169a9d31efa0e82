"""The only place that writes a verification's status: one guarded UPDATE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import exists, update

from .. import audit, clock
from ..locking import permitted
from ..models import Identity, Verification
from ..states import Reason, Standing, Status, sources
from .announcing import owe_change


def move(
    session: Any,
    verification: Verification,
    target: Status,
    *,
    by_admin: bool = False,
    held: Status | None = None,
    values: dict[str, Any] | None = None,
) -> bool:
    """Move *verification* to *target* if its status admits that; say whether it did.

    The database decides: of many workers at once exactly one is told ``True``. The caller
    commits.

    :param held: move it from this status alone.
    :param values: further columns to set in the same statement.
    """
    admitted = sources(target, by_admin=by_admin)
    changes: dict[str, Any] = {"status": target, **(values or {})}
    if target.is_final:
        changes["active_key"] = None
        changes.setdefault("finished_at", clock.now())
        changes["next_poll_at"] = None
        changes["redirect_url_sealed"] = None
    changed = session.execute(
        update(Verification)
        .where(
            Verification.id == verification.id,
            Verification.status.in_(admitted if held is None else admitted & {held}),
            # What was erased is over, whatever a vendor or an admin still says.
            Verification.erased_at.is_(None),
        )
        .values(**changes)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:
        return False
    session.expire(verification)
    return True


def conclude(
    session: Any,
    verification: Verification,
    target: Status,
    *,
    actor: str,
    reasons: Sequence[Reason] = (),
    retryable: bool = False,
    by_admin: bool = False,
    held: Status | None = None,
    values: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    note: str | None = None,
) -> bool:
    """Move to *target* with its reasons, settle the user's standing, and audit; say whether it did.

    Everything but an approval, which locks the identity, and which only ``results`` writes.
    The caller commits.
    """
    before = verification.status
    codes = [str(reason) for reason in reasons]
    moved = move(
        session,
        verification,
        target,
        by_admin=by_admin,
        held=held,
        values={
            "reason": codes[0] if codes else None,
            "reasons": codes,
            "retryable": retryable,
            **(values or {}),
        },
    )
    if not moved:
        return False
    if target.is_final and not verification.is_test:
        release_standing(session, verification.identity_id)
    audit.append(
        session,
        verification.identity.subject,
        f"verification.{target}",
        actor=actor,
        facts={
            "verification": verification.id,
            "from": str(before),
            "to": str(target),
            "reasons": codes,
            **(facts or {}),
        },
        note=note,
    )
    owe_change(session, verification)
    return True


def release_standing(session: Any, identity_id: str) -> None:
    """Take *pending* off an identity that has no unfinished attempt any more."""
    unfinished = exists().where(
        Verification.identity_id == identity_id, Verification.active_key.is_not(None)
    )
    set_standing(session, identity_id, Standing.pending, Standing.unverified, ~unfinished)


def set_standing(
    session: Any, identity_id: str, before: Standing, after: Standing, *conditions: Any
) -> bool:
    """Move an identity from one standing to another, guarded; say whether it did."""
    with permitted():
        changed = session.execute(
            update(Identity)
            .where(Identity.id == identity_id, Identity.standing == before, *conditions)
            .values(standing=after, updated_at=clock.now())
            .execution_options(synchronize_session=False)
        )
    if changed.rowcount != 1:
        return False
    known = session.identity_map.get(session.identity_key(Identity, identity_id))
    if known is not None:
        session.expire(known)
    return True
