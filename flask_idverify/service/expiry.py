"""Verifications that have run out: the facts stay locked, the user may verify again."""

from __future__ import annotations

from sqlalchemy import select

from .. import audit, clock
from ..models import Identity
from ..states import Standing
from .sessions import require_clean
from .singly import singly
from .transitions import set_standing

_BATCH = 50


def expire_due() -> int:
    """Turn the standing of identities whose time has run out, and commit; return how many.

    ``is_verified`` has said so since the very moment; this makes lists and the audit log say it.
    """
    session = require_clean()
    due = session.scalars(
        select(Identity)
        .where(Identity.standing == Standing.verified, Identity.expires_at <= clock.now())
        .limit(_BATCH)
    ).all()
    return singly(due, _expire)


def _expire(identity: Identity) -> bool:
    session = require_clean()
    moved = set_standing(session, identity.id, Standing.verified, Standing.expired)
    if moved:
        facts = {"from": str(Standing.verified), "to": str(Standing.expired)}
        audit.append(session, identity.subject, "identity.expired", actor=audit.SYSTEM, facts=facts)
    session.commit()
    return moved
