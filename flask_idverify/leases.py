"""Taking work: of all who look at once exactly one gets a row, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, or_, select, update

from . import clock
from .engines import can_skip_locked, retrying, skip_locked
from .models import CallbackRow, OutboxRow, Provider, Verification
from .service.backoff import not_backed_off
from .service.sessions import require_clean

_BATCH = 50
#: How much of a queue is looked at from its front, and how many pieces of silenced providers may
#: stand there: to pass over a few costs less than to move them.
_FRONT = 500
_FEW = 100
_Queue = type[CallbackRow] | type[OutboxRow] | type[Verification]


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


def make_way(model: _Queue, due: Any, until: Callable[[], bool] = never) -> None:
    """Have what may be done found at once behind what waits for its vendor's peace to end.

    What is due stands in an index, oldest first, and whoever looks for work would pass over the
    pieces of silenced providers each time. So many of them are moved, once, to that end.

    :param due: the column that says when a piece is.
    :param until: asked between batches; true ends it early.
    """
    while not until() and _moved(model, due):
        pass


@retrying
def _moved(model: Any, due: Any) -> bool:
    """Move one batch; say whether there may be more."""
    session = require_clean()
    now = clock.now()
    standing = select(Provider.id, Provider.backed_off_until)
    silenced = session.execute(standing.where(Provider.backed_off_until > now))
    ends = {row.id: row.backed_off_until for row in silenced}
    is_due = and_(due <= now, or_(model.leased_until.is_(None), model.leased_until < now))
    front = select(model.id, model.provider_id).where(is_due).order_by(due).limit(_FRONT)
    found = session.execute(front).all() if ends else []
    session.rollback()  # the first statement of a transaction is the one that writes
    waiting = [row for row in found if row.provider_id in ends]
    if len(waiting) <= _FEW:
        return False
    if can_skip_locked(session.connection()):
        # Where a writer does not wait for readers: whoever ends the peace early has to
        # find what is moved to its end here. Others have one writer at a time.
        held = select(Provider.id).where(Provider.id.in_(ends)).order_by(Provider.id)
        session.execute(held.with_for_update(read=True))
    moved = 0
    for provider_id, end in ends.items():
        # In one order, so that two who do this wait for each other, and not both.
        ids = sorted(row.id for row in waiting if row.provider_id == provider_id)
        changed: Any = session.execute(
            update(model)
            .where(model.id.in_(ids), is_due, ~not_backed_off(provider_id))
            .values({due: end})
            .execution_options(synchronize_session=False)
        )
        moved += changed.rowcount
    session.commit()
    return moved > 0


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
