"""Stored callbacks that failed: owed at once again when an admin asks for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, update

from .. import audit, clock
from ..engines import retrying
from ..models import CallbackRow, Provider
from .sessions import require_clean

#: Not processed, and tried before: owed with back-off, or not tried by itself any more.
FAILED: tuple[Any, ...] = (CallbackRow.processed_at.is_(None), CallbackRow.error.is_not(None))
#: Those of them that matched nothing in all their tries; and all others, which are owed.
STRANGE: tuple[Any, ...] = (
    *FAILED,
    CallbackRow.verification_id.is_(None),
    CallbackRow.next_try_at.is_(None),
)
OWED: tuple[Any, ...] = (
    *FAILED,
    or_(CallbackRow.verification_id.is_not(None), CallbackRow.next_try_at.is_not(None)),
)


@retrying
def replay_callback(callback_id: str, *, actor: str) -> bool:
    """Make an unprocessed callback due now; audited, commits.

    The pauses between its tries begin anew. ``False`` when it has been processed, is being
    processed at this moment, or is gone.

    :param actor: who asked for it, e.g. ``admin:7``.
    """
    session = require_clean()
    row = session.get(CallbackRow, callback_id, populate_existing=True)
    if row is None:
        return False
    verification = row.verification
    subject = verification.identity.subject if verification else row.provider_id
    facts = {"callback": callback_id}
    if verification is not None:
        facts["verification"] = verification.id
    session.rollback()  # the first statement of a transaction is the one that writes
    if not _owe(session, CallbackRow.id == callback_id, CallbackRow.processed_at.is_(None)):
        session.rollback()
        return False
    audit.append(session, subject, "callback.replayed", actor=actor, facts=facts)
    session.commit()
    return True


@retrying
def replay_failed(provider: Provider, *, actor: str) -> int:
    """Make every callback of *provider* that failed due now; audited, commits; count them.

    One that is being processed at this moment is left to whoever does so.
    """
    session = require_clean()
    provider_id = provider.id
    session.rollback()
    count = _owe(session, CallbackRow.provider_id == provider_id, *FAILED)
    if count:
        facts = {"replayed": count}
        audit.append(session, provider_id, "callbacks.replayed", actor=actor, facts=facts)
    session.commit()
    return count


def _owe(session: Any, *which: Any) -> int:
    now = clock.now()
    free = or_(CallbackRow.leased_until.is_(None), CallbackRow.leased_until <= now)
    changed: Any = session.execute(
        update(CallbackRow)
        .where(*which, free)
        .values(next_try_at=now, tries=0)
        .execution_options(synchronize_session=False)
    )
    return int(changed.rowcount)
