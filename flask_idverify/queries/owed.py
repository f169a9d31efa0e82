"""Deletions that vendors have not made yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from ..models import Identity, OutboxRow
from ..service.owed import SIGNAL, VENDOR_ERASURE
from ..service.sessions import session
from .keyset import COUNTED, CappedCount, Order, Page, Place, capped, counts, page

#: Deletions on one page; whoever has more has one cause to look for.
OWED_SHOWN = 100
_OLDEST = Order(OutboxRow.created_at, OutboxRow.id, oldest_first=True)
_OWED = OutboxRow.kind == VENDOR_ERASURE


@dataclass(frozen=True)
class OwedNumbers:
    """How many deletions are owed.

    :ivar since: when the oldest came due.
    :ivar words: how the last try of the oldest that failed went, among as many as are counted.
    """

    count: CappedCount
    since: datetime
    words: str | None


@dataclass(frozen=True)
class OwedDeletion:
    """One deletion that is owed, and whom it is about; their identity may be gone."""

    row: OutboxRow
    identity: Identity | None


def owed_numbers() -> OwedNumbers | None:
    """Return what a notice says of owed deletions, or ``None`` when there is none."""
    (count,) = counts(capped(_OWED))
    oldest: Any = select(OutboxRow.created_at, OutboxRow.id, OutboxRow.error).where(_OWED)
    first = session().execute(_OLDEST.sorted(oldest, ascending=True).limit(1)).first()
    if first is None:
        return None
    looked = _OLDEST.sorted(oldest, ascending=True).limit(COUNTED).subquery()
    words = session().scalar(
        select(looked.c.error)
        .where(looked.c.error.is_not(None))
        .order_by(looked.c.created_at, looked.c.id)
        .limit(1)
    )
    return OwedNumbers(count, first.created_at, words)


def failed_signals() -> CappedCount:
    """Return how many signals are owed after a failure, among as many as are counted."""
    oldest: Any = select(OutboxRow.error).where(OutboxRow.kind == SIGNAL)
    looked = _OLDEST.sorted(oldest, ascending=True).limit(COUNTED + 1).subquery()
    seen, failed = session().execute(select(func.count(), func.count(looked.c.error))).one()
    return CappedCount(failed, more=failed > 0 and seen > COUNTED)


def owed_deletions(at: Place | None = None) -> Page[OwedDeletion]:
    """Return one page of the owed deletions, oldest first."""
    query: Any = (
        select(OutboxRow, Identity)
        .outerjoin(Identity, Identity.subject == OutboxRow.subject)
        .where(_OWED)
        .options(joinedload(OutboxRow.provider))
    )
    found = page(query, _OLDEST, at, size=OWED_SHOWN)
    return Page([OwedDeletion(*row) for row in found.rows], found.newer, found.older)
