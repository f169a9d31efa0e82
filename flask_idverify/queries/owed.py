"""Deletions that vendors have not made yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from ..models import Identity, OutboxRow
from ..service.owed import VENDOR_ERASURE
from ..service.sessions import session

#: Deletions that a page lists; whoever has more has one cause to look for.
OWED_SHOWN = 100


@dataclass(frozen=True)
class OwedNumbers:
    """How many deletions are owed.

    :ivar since: when the oldest came due.
    :ivar words: how the last try of the oldest that failed went.
    """

    count: int
    since: datetime
    words: str | None


@dataclass(frozen=True)
class OwedDeletion:
    """One deletion that is owed, and whom it is about; their identity may be gone."""

    row: OutboxRow
    identity: Identity | None


def owed_numbers() -> OwedNumbers | None:
    """Return what a notice says of owed deletions, or ``None`` when there is none."""
    owed = OutboxRow.kind == VENDOR_ERASURE
    counted = select(func.count(), func.min(OutboxRow.created_at)).where(owed)
    count, since = session().execute(counted).one()
    if not count:
        return None
    failed = select(OutboxRow.error).where(owed, OutboxRow.error.is_not(None))
    words = session().scalar(failed.order_by(OutboxRow.created_at, OutboxRow.id).limit(1))
    return OwedNumbers(count, since, words)


def owed_deletions() -> list[OwedDeletion]:
    """Return the owed deletions, oldest first, at most :data:`OWED_SHOWN`."""
    found = session().execute(
        select(OutboxRow, Identity)
        .outerjoin(Identity, Identity.subject == OutboxRow.subject)
        .where(OutboxRow.kind == VENDOR_ERASURE)
        .options(joinedload(OutboxRow.provider))
        .order_by(OutboxRow.created_at, OutboxRow.id)
        .limit(OWED_SHOWN)
    )
    return [OwedDeletion(row, identity) for row, identity in found]
