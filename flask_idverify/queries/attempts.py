"""Lists of verifications: filtered, latest first, page by page, and counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import joinedload

from ..models import Verification
from ..service.sessions import session
from ..states import Status

T = TypeVar("T")

#: Verifications on one page of a list.
PAGE_SIZE = 25
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CURSOR = re.compile(r"(\d{1,18})\.([0-9a-f-]{36})", re.ASCII)


@dataclass(frozen=True)
class Filters:
    """Which verifications a list shows; ``None`` does not filter."""

    status: Status | None = None
    provider_id: str | None = None
    application_id: str | None = None
    user_id: str | None = None
    identity_id: str | None = None
    is_test: bool | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list, latest first, with the cursors of its neighbours."""

    rows: Sequence[T]
    newer: str | None = None
    older: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many verifications stand where, tests apart."""

    real: dict[Status, int]
    tests: dict[Status, int]


def verifications(
    filters: Filters,
    *,
    older_than: str | None = None,
    newer_than: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Verification]:
    """Return one page of verifications, latest first.

    Pages are found by the key of their neighbour, never by counting, so that the last costs what
    the first does. An unreadable cursor gives the first page.

    :param older_than: cursor of the row before the page.
    :param newer_than: cursor of the row after the page; a page that would not be full is the first.
    """
    query = (
        select(Verification)
        .where(*_conditions(filters))
        .options(joinedload(Verification.provider), joinedload(Verification.application))
        .limit(size + 1)
    )
    created, key = Verification.created_at, Verification.id
    after = _parse(newer_than)
    if after is not None:
        newer = or_(created > after[0], and_(created == after[0], key > after[1]))
        rows = list(session().scalars(query.where(newer).order_by(created, key)))
        if len(rows) >= size:
            more, rows = len(rows) > size, rows[:size][::-1]
            return Page(rows, _cursor(rows[0]) if more else None, _cursor(rows[-1]))
    before = _parse(older_than) if after is None else None
    if before is not None:
        older = or_(created < before[0], and_(created == before[0], key < before[1]))
        query = query.where(older)
    rows = list(session().scalars(query.order_by(created.desc(), key.desc())))
    more, rows = len(rows) > size, rows[:size]
    return Page(
        rows,
        _cursor(rows[0]) if before is not None and rows else None,
        _cursor(rows[-1]) if more else None,
    )


def status_counts() -> Counts:
    """Return how many verifications stand where."""
    found = Counts({}, {})
    grouped = select(Verification.status, Verification.is_test, func.count()).group_by(
        Verification.status, Verification.is_test
    )
    for status, is_test, count in session().execute(grouped):
        (found.tests if is_test else found.real)[status] = count
    return found


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    wanted = (
        (Verification.status, filters.status),
        (Verification.provider_id, filters.provider_id),
        (Verification.application_id, filters.application_id),
        (Verification.user_id, filters.user_id),
        (Verification.identity_id, filters.identity_id),
        (Verification.is_test, filters.is_test),
    )
    return [column == value for column, value in wanted if value is not None]


def _cursor(row: Verification) -> str:
    moment = (row.created_at - _EPOCH) // timedelta(microseconds=1)
    return f"{moment}.{row.id}"


def _parse(cursor: str | None) -> tuple[datetime, str] | None:
    found = _CURSOR.fullmatch(cursor or "")
    if found is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(found[1])), found[2]
    except OverflowError:
        return None
