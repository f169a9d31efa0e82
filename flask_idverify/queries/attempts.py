"""Lists of verifications: filtered, in order of time, page by page or as a whole, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, false, select, true
from sqlalchemy.orm import joinedload, load_only

from .. import clock
from ..models import Application, Provider, Verification
from ..service.sessions import session
from ..states import Reason, Status
from .keyset import (
    COUNTED,
    PAGE_SIZE,
    CappedCount,
    Order,
    Page,
    Place,
    Span,
    capped,
    counts,
    equal,
    page,
)

#: Rows of an export that are in memory at once.
BATCH = 1000
#: What a list shows; the sealed values stay where they are.
_SHOWN = (
    *(Verification.id, Verification.user_id, Verification.identity_id, Verification.is_test),
    *(Verification.status, Verification.reason, Verification.reversed_at, Verification.created_at),
    *(Verification.provider_id, Verification.application_id),
    *(Verification.rule, Verification.captured_at),
)


@dataclass(frozen=True)
class Filters:
    """Which verifications a list shows; ``None`` does not filter.

    :ivar reason: the first of a verification's reasons, the one that lists show.
    :ivar user_id: exactly so.
    :ivar vendor_reference: exactly so.
    :ivar since: created at this moment or later.
    :ivar until: created before this moment.
    """

    status: Status | None = None
    provider_id: str | None = None
    application_id: str | None = None
    reason: Reason | None = None
    user_id: str | None = None
    vendor_reference: str | None = None
    identity_id: str | None = None
    is_test: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Counts:
    """How many verifications stand where, tests apart."""

    real: dict[Status, CappedCount]
    tests: dict[Status, CappedCount]


@dataclass(frozen=True)
class Line:
    """What a list shows of one verification, for an export."""

    id: str
    created_at: datetime
    user_id: str
    identity_id: str
    status: Status
    reason: str | None
    is_test: bool
    reversed_at: datetime | None
    provider: str
    application: str | None


def verifications(
    filters: Filters,
    at: Place | None = None,
    *,
    oldest_first: bool = False,
    size: int = PAGE_SIZE,
) -> Page[Verification]:
    """Return one page of verifications, latest first unless *oldest_first*."""
    shown = (
        load_only(*_SHOWN),
        joinedload(Verification.provider).load_only(Provider.name),
        joinedload(Verification.application).load_only(Application.name, Application.display_name),
    )
    query = _listed(filters).options(*shown)
    within = _listed(_narrowed(filters, at)).options(*shown)
    return page(query, _order(oldest_first), at, size=size, within=within)


def verification_lines(filters: Filters, *, oldest_first: bool = False) -> Iterator[Sequence[Line]]:
    """Yield all verifications of a list in batches, those that there are at the first.

    Between two batches no transaction is open. Who moves meanwhile from one state to another may
    be missed, or be told as they were.
    """
    until = clock.now()
    filters = replace(filters, until=min(until, filters.until or until))
    order = _order(oldest_first)
    names = {row[0]: row[1] for row in session().execute(select(Provider.id, Provider.name))}
    known = select(Application.id, Application.display_name, Application.name)
    applications = {row[0]: row[1] or row[2] for row in session().execute(known)}
    at: Place | None = None
    last: Any = None
    while last is None or len(last) == BATCH:
        query: Any = _listed(_narrowed(filters, at)).with_only_columns(*_SHOWN).limit(BATCH)
        if at is not None:
            query = query.where(order.beyond(at))
        last = session().execute(order.sorted(query, ascending=oldest_first)).all()
        session().rollback()
        if last:
            at = Place(last[-1].created_at, last[-1].id, newer=oldest_first)
        yield [
            Line(
                id=row.id,
                created_at=row.created_at,
                user_id=row.user_id,
                identity_id=row.identity_id,
                status=row.status,
                reason=row.reason,
                is_test=row.is_test,
                reversed_at=row.reversed_at,
                # One that was added meanwhile has no name yet.
                provider=names.get(row.provider_id, row.provider_id),
                application=applications.get(row.application_id, row.application_id),
            )
            for row in last
        ]


def status_counts() -> Counts:
    """Return how many verifications stand where; of tests only the latest are looked at."""
    asked = (capped(*_conditions(Filters(status=status, is_test=False))) for status in Status)
    tests = _order(oldest_first=False).sorted(
        select(Verification.status).where(*_conditions(Filters(is_test=True))), ascending=False
    )
    latest: list[Status] = list(session().scalars(tests.limit(COUNTED + 1)))
    more = len(latest) > COUNTED
    return Counts(
        real=dict(zip(Status, counts(*asked), strict=True)),
        tests={status: CappedCount(latest.count(status), more=more) for status in Status},
    )


def _order(oldest_first: bool) -> Order:
    return Order(Verification.created_at, Verification.id, oldest_first)


def _listed(filters: Filters) -> Select[Any]:
    return select(Verification).where(*_conditions(filters))


def _narrowed(filters: Filters, at: Place | None) -> Filters:
    span = Span(filters.since, filters.until).beyond(at)
    return replace(filters, since=span.since, until=span.until)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found = equal(
        (Verification.vendor_reference, filters.vendor_reference),
        (Verification.user_id, filters.user_id),
        (Verification.identity_id, filters.identity_id),
        # As it stands in the index of tests: an engine does not look into a parameter.
        (Verification.is_test, true() if filters.is_test else None),
        (Verification.reason, filters.reason),
        (Verification.status, filters.status),
        (Verification.application_id, filters.application_id),
        (Verification.provider_id, filters.provider_id),
    )
    if filters.is_test is False:
        found.append(Verification.is_test == false())
    return found + Span(filters.since, filters.until).conditions(Verification.created_at)
