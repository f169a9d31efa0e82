"""Callbacks as a list shows them: when, how they fared, never what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import defer, joinedload

from .. import clock
from ..models import CallbackRow, Provider
from ..service.callbacks import FAILED, OWED, STRANGE
from ..service.sessions import session
from .keyset import CappedCount, Order, Page, Place, capped, counts, page
from .rows import number, one
from .setup import provider_rows

#: Callbacks on one page; whoever has more has one cause to look for.
CALLBACKS_SHOWN = 50
_LATEST = Order(CallbackRow.received_at, CallbackRow.id)


@dataclass(frozen=True)
class FailedCallbacks:
    """One page of the callbacks that are owed after a failure, latest first.

    :ivar count: how many there are in all.
    :ivar strange: how many of them match no verification and are not tried by themselves any more.
    :ivar providers: those who sent any of them, with how many, by name.
    """

    page: Page[CallbackRow]
    count: CappedCount
    strange: CappedCount
    providers: Sequence[tuple[Provider, CappedCount]]


@dataclass(frozen=True)
class Replayed:
    """What has become of callbacks that were made due, of those that are not done.

    :ivar failed: they were tried, and are put off.
    :ivar in_process: a worker has taken them.
    :ivar waiting: providers that want peace, and how many of the callbacks wait for its end.
    """

    failed: int
    in_process: int
    waiting: Sequence[tuple[Provider, int]]


def failed_callbacks(
    provider_id: str | None = None,
    at: Place | None = None,
    *,
    limit: int = CALLBACKS_SHOWN,
    owed: bool = False,
) -> FailedCallbacks:
    """Return the callbacks that failed and are not processed yet, latest first.

    :param owed: without the strange ones.
    """
    theirs = () if provider_id is None else (CallbackRow.provider_id == provider_id,)
    kind = OWED if owed else FAILED
    providers = provider_rows()
    count, strange, *each = counts(
        capped(*kind, *theirs),
        capped(*STRANGE, *theirs),
        *(capped(*kind, CallbackRow.provider_id == row.id) for row in providers),
    )
    return FailedCallbacks(
        page=page(_listed(*kind, *theirs), _LATEST, at, size=limit),
        count=count,
        strange=strange,
        providers=[pair for pair in zip(providers, each, strict=True) if pair[1]],
    )


def latest_callbacks(
    provider_id: str | None = None, *, limit: int = CALLBACKS_SHOWN
) -> Sequence[CallbackRow]:
    """Return what came last, however it fared."""
    wanted = [CallbackRow.provider_id == provider_id] if provider_id else []
    return page(_listed(*wanted), _LATEST, size=limit).rows


def failed_callback_count() -> CappedCount:
    """Return how many callbacks are owed after a failure; strange ones in the end are not."""
    return counts(capped(*OWED))[0]


def replayed(which: Sequence[Any], since: datetime) -> Replayed:
    """Return what has become of the callbacks that meet *which* and were made due at *since*."""
    now = clock.now()
    left = (*which, CallbackRow.processed_at.is_(None), CallbackRow.received_at <= since)
    free = or_(CallbackRow.leased_until.is_(None), CallbackRow.leased_until <= now)
    rows = session().execute(
        select(CallbackRow.provider_id, func.count())
        .where(*left, free)
        .group_by(CallbackRow.provider_id)
    )
    counted: dict[str, int] = {row[0]: row[1] for row in rows}
    senders = session().scalars(
        select(Provider)
        .where(Provider.id.in_(counted))
        .order_by(Provider.name)
        .execution_options(populate_existing=True)
    )
    silent = [(row, counted[row.id]) for row in senders if row.is_backed_off]
    spoken = CallbackRow.provider_id.not_in([row.id for row, _count in silent])
    put_off = or_(CallbackRow.next_try_at.is_(None), CallbackRow.next_try_at > since)
    return Replayed(
        failed=_count(*left, free, spoken, put_off),
        in_process=_count(*left, CallbackRow.leased_until > now),
        waiting=silent,
    )


def callback(callback_id: str) -> CallbackRow:
    """Return one callback. Raises :class:`NotFound`."""
    return one(CallbackRow, callback_id)


def _count(*wanted: Any) -> int:
    return number(select(func.count()).select_from(CallbackRow).where(*wanted))


def _listed(*wanted: Any) -> Select[Any]:
    return (
        select(CallbackRow)
        .where(*wanted)
        .options(defer(CallbackRow.body_sealed), joinedload(CallbackRow.provider))
    )
