"""Callbacks as a list shows them: when, how they fared, never what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload

from ..models import CallbackRow, Provider
from ..service.callbacks import FAILED
from ..service.sessions import session
from .rows import number, one

#: Callbacks that a page lists; whoever has more has one cause to look for.
CALLBACKS_SHOWN = 50


@dataclass(frozen=True)
class FailedCallbacks:
    """The latest callbacks that are owed after a failure.

    :ivar count: how many there are in all.
    :ivar providers: those who sent any of them, with how many, by name.
    """

    rows: Sequence[CallbackRow]
    count: int
    providers: Sequence[tuple[Provider, int]]


def failed_callbacks(
    provider_id: str | None = None, *, limit: int = CALLBACKS_SHOWN
) -> FailedCallbacks:
    """Return the callbacks that failed and are not processed yet, latest first."""
    wanted = FAILED if provider_id is None else (*FAILED, CallbackRow.provider_id == provider_id)
    grouped = session().execute(
        select(CallbackRow.provider_id, func.count())
        .where(*FAILED)
        .group_by(CallbackRow.provider_id)
    )
    counted: dict[str, int] = {row[0]: row[1] for row in grouped}
    senders = session().scalars(
        select(Provider).where(Provider.id.in_(counted)).order_by(Provider.name)
    )
    return FailedCallbacks(
        rows=_latest(*wanted, limit=limit),
        count=counted.get(provider_id, 0) if provider_id else sum(counted.values()),
        providers=[(row, counted[row.id]) for row in senders],
    )


def latest_callbacks(
    provider_id: str | None = None, *, limit: int = CALLBACKS_SHOWN
) -> Sequence[CallbackRow]:
    """Return what came last, however it fared."""
    return _latest(*([CallbackRow.provider_id == provider_id] if provider_id else []), limit=limit)


def failed_callback_count() -> int:
    """Return how many callbacks are owed after a failure."""
    return number(select(func.count()).select_from(CallbackRow).where(*FAILED))


def callback(callback_id: str) -> CallbackRow:
    """Return one callback. Raises :class:`NotFound`."""
    return one(CallbackRow, callback_id)


def _latest(*wanted: Any, limit: int) -> Sequence[CallbackRow]:
    found: Sequence[CallbackRow] = (
        session()
        .scalars(
            select(CallbackRow)
            .where(*wanted)
            .options(defer(CallbackRow.body_sealed), joinedload(CallbackRow.provider))
            .order_by(CallbackRow.received_at.desc(), CallbackRow.id)
            .limit(limit)
        )
        .all()
    )
    return found
