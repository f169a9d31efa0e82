"""Pages of a list by the key of their neighbour, and counts that stop: both cost what they show.

An OFFSET reads all that it leaves out, and a count all that it counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.sql import operators
from sqlalchemy.sql.expression import UnaryExpression

from ..errors import InvalidInput
from ..phrases import phrase
from ..service.sessions import session

T = TypeVar("T")

#: Rows on one page of a list.
PAGE_SIZE = 25
#: Nobody is served by an exact number above this.
COUNTED = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CURSOR = re.compile(r"(\d{1,18})\.([0-9a-f-]{36})", re.ASCII)


class CappedCount(int):
    """A number of rows that reads ``1000+`` where counting stopped, though there may be more.

    :ivar more: whether it stopped.
    """

    more: bool

    def __new__(cls, found: int, *, more: bool = False) -> CappedCount:
        """Take what was found, at most one more than :data:`COUNTED`."""
        made = super().__new__(cls, min(found, COUNTED))
        made.more = more or found > COUNTED
        return made

    def __bool__(self) -> bool:
        return self.more or self > 0

    def __str__(self) -> str:
        return f"{int(self)}+" if self.more else int.__str__(self)

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)


@dataclass(frozen=True)
class Place:
    """A place in a list, beside a row: what follows is newer or older than that row.

    :ivar moment: of the row, by which the list is ordered.
    :ivar key: the row's id, which decides between rows of one moment.
    """

    moment: datetime
    key: str
    newer: bool

    def cursor(self) -> str:
        """Return what an address carries; opaque to whoever reads it there."""
        return f"{(self.moment - _EPOCH) // timedelta(microseconds=1)}.{self.key}"


def place(*, newer: str | None = None, older: str | None = None) -> Place | None:
    """Read the cursor of a page's address; ``None``: the page at the list's beginning.

    :raises InvalidInput: (field ``cursor``) it was cut off or changed on its way.
    """
    text = newer or older
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is not None:
        try:
            moment = _EPOCH + timedelta(microseconds=int(found[1]))
        except OverflowError:
            pass
        else:
            return Place(moment, found[2], newer is not None)
    raise InvalidInput("cursor", phrase("is not one that a page of this list has given out"))


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list, with the cursors of its neighbours."""

    rows: Sequence[T]
    newer: str | None = None
    older: str | None = None


@dataclass(frozen=True)
class Order:
    """How a list is ordered; an index has to begin with what it is filtered by, then these.

    :ivar moment: a mapped time.
    :ivar key: the mapped primary key of the same table.
    """

    moment: Any
    key: Any
    oldest_first: bool = False

    def sorted(self, query: Select[Any], *, ascending: bool) -> Select[Any]:
        """Return *query* in this order or the other way round."""
        if ascending:
            return query.order_by(self.moment, self.key)
        return query.order_by(self.moment.desc(), self.key.desc())

    def beyond(self, at: Place) -> ColumnElement[bool]:
        """Return the condition of what lies beyond a place."""
        # Not an OR of both: engines would read the index from its end and compare each row.
        if at.newer:
            return and_(self.moment >= at.moment, or_(self.moment > at.moment, self.key > at.key))
        return and_(self.moment <= at.moment, or_(self.moment < at.moment, self.key < at.key))

    def cursor(self, row: Any) -> str:
        """Return the cursor of a row, an object or a result row that begins with one."""
        found = row[0] if isinstance(row, Row) else row
        return Place(getattr(found, self.moment.key), getattr(found, self.key.key), False).cursor()


def page(
    query: Select[Any],
    order: Order,
    at: Place | None = None,
    *,
    size: int = PAGE_SIZE,
    within: Select[Any] | None = None,
) -> Page[Any]:
    """Return one page of *query*; a page before the first row that would not be full is the first.

    :param query: filtered, without order; of one entity, or of several beginning with the ordered.
    :param within: the same for what lies beyond *at*, where that needs fewer conditions.
    """
    if at is not None:
        beyond = (query if within is None else within).where(order.beyond(at))
        rows = _rows(order.sorted(beyond, ascending=at.newer), size)
        more = len(rows) > size
        if at.newer is order.oldest_first:
            return _page(rows[:size], order, before=True, after=more)
        if len(rows) >= size:
            return _page(rows[:size][::-1], order, before=more, after=True)
    rows = _rows(order.sorted(query, ascending=order.oldest_first), size)
    return _page(rows[:size], order, before=False, after=len(rows) > size)


def _rows(query: Select[Any], size: int) -> list[Any]:
    found = session().execute(query.limit(size + 1))
    several = len(query.column_descriptions) > 1
    return list(found if several else found.scalars())


def _page(rows: list[Any], order: Order, *, before: bool, after: bool) -> Page[Any]:
    first = order.cursor(rows[0]) if before and rows else None
    last = order.cursor(rows[-1]) if after else None
    return Page(rows, last, first) if order.oldest_first else Page(rows, first, last)


@dataclass(frozen=True)
class Span:
    """A span of time in which the rows of a list lie: ``since`` <= moment < ``until``."""

    since: datetime | None = None
    until: datetime | None = None

    def beyond(self, at: Place | None) -> Span:
        """Return the span without the bound that a place inside of it makes needless.

        Of two upper or two lower bounds SQLite searches by one, and reads whatever lies between.
        """
        if at is None:
            return self
        if at.newer:
            inside = self.since is None or at.moment >= self.since
            return Span(None, self.until) if inside else self
        inside = self.until is None or at.moment < self.until
        return Span(self.since, None) if inside else self

    def conditions(self, moment: Any) -> list[ColumnElement[bool]]:
        """Return what a row's *moment* has to meet."""
        found = [moment >= self.since] if self.since is not None else []
        return [*found, moment < self.until] if self.until is not None else found


def equal(*wanted: tuple[Any, Any], walked: bool = True) -> list[ColumnElement[bool]]:
    """Return the conditions of what a list is filtered by, without those whose value is ``None``.

    :param wanted: columns and values; what leaves fewest rows comes first, and its index is taken.
    :param walked: false: none of their indexes is, since the list walks another one.
    """
    given = [(column, value) for column, value in wanted if value is not None]
    first = 1 if walked else 0
    found = [column == value for column, value in given[:first]]
    return found + [beside(column) == value for column, value in given[first:]]


def beside(column: Any) -> Any:
    """Return *column* so that its index does not tempt an engine that keeps no statistics.

    SQLite takes every index for equally good, and would look through a million approvals for
    those of one user.
    """
    if session().get_bind().dialect.name != "sqlite":
        return column
    return UnaryExpression(column, operator=operators.custom_op("+"), type_=column.type)


def capped(*wanted: Any, most: int = COUNTED) -> Any:
    """Return the count of rows that meet all of *wanted*, as a column; :func:`counts` reads it.

    :param most: nobody is served by an exact number above this.
    """
    found = select(1).where(*wanted).limit(most + 1).subquery()
    return select(func.count()).select_from(found).scalar_subquery()


def counts(*columns: Any) -> list[CappedCount]:
    """Return what :func:`capped` asked for, of all *columns* in one statement."""
    if not columns:
        return []
    return [CappedCount(number) for number in session().execute(select(*columns)).one()]
