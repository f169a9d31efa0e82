"""Taking work: of all who look at once exactly one gets a row, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, or_, select, update

from . import clock
from .engines import can_skip_locked, retrying, skip_locked
from .models import CallbackRow, OutboxRow
from .service.backoff import not_backed_off
from .service.sessions import require_clean

_BATCH = 50


def never() -> bool:
    """Work on until nothing is due: what ``until`` is by default."""
    return False


class Tally(NamedTuple):
    """What became of some pieces of work: *failed* ones were tried, and stay owed."""

    done: int = 0
    failed: int = 0

    @classmethod
    def of(cls, pieces: Iterable[bool]) -> Tally:
        """Count pieces; each says whether it was done."""
        results = list(pieces)
        return cls(sum(results), len(results) - sum(results))


def taken(
    model: type[CallbackRow] | type[OutboxRow],
    lease: timedelta,
    *conditions: Any,
    until: Callable[[], bool] = never,
) -> Iterator[str]:
    """Yield ids of rows that are due, each taken for *lease* a moment before; at most one batch.

    A row whose taker died is due again when its lease has run out.

    :param until: asked before each; true ends it early.
    """
    for _ in range(_BATCH):
        if until():
            return
        row_id = _take(model, lease, conditions)
        if row_id is None:
            return
        yield row_id


@retrying
def _take(model: Any, lease: timedelta, conditions: tuple[Any, ...]) -> str | None:
    session = require_clean()
    now = clock.now()
    due = select(model.id).where(_is_due(model, now), *conditions).order_by(model.next_try_at)
    if can_skip_locked(session.connection()):
        row_id: str | None = session.scalar(skip_locked(due.limit(1)))
        if row_id is not None:
            _lease(session, model, row_id, now, lease)
        session.commit()
        return row_id
    # A transaction that reads and then writes is refused by some engines: read first, then write,
    # and let the UPDATE say who was first.
    while ids := session.scalars(due.limit(_BATCH)).all():
        session.rollback()
        for candidate in ids:
            first = _lease(session, model, candidate, now, lease)
            session.commit()
            if first:
                return str(candidate)
    session.rollback()
    return None


def _lease(session: Any, model: Any, row_id: str, now: datetime, lease: timedelta) -> bool:
    changed = session.execute(
        update(model)
        .where(model.id == row_id, _is_due(model, now))
        .values(leased_until=now + lease, tries=model.tries + 1)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount == 1)


def _is_due(model: Any, now: datetime) -> Any:
    free = or_(model.leased_until.is_(None), model.leased_until < now)
    return and_(model.next_try_at <= now, free, not_backed_off(model.provider_id))
