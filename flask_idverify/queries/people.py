"""Lists of identities: filtered, in order of time, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import load_only

from ..models import Identity
from ..states import Standing
from .keyset import PAGE_SIZE, Order, Page, Place, Span, equal, page

#: What a list shows; the sealed values stay where they are.
_SHOWN = (
    *(Identity.id, Identity.user_id, Identity.standing, Identity.verified_at),
    *(Identity.expires_at, Identity.erased_at, Identity.created_at),
)


@dataclass(frozen=True)
class PeopleFilters:
    """Which identities a list shows; ``None`` does not filter.

    :ivar user_id: exactly so.
    :ivar since: verified at this moment or later.
    :ivar until: verified before this moment.
    """

    standing: Standing | None = None
    user_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def by_verification(self) -> bool:
        """Whether the list is ordered by when people were verified, instead of when they came.

        An index gives rows in one order: asked for days, it is the order of these days.
        """
        return self.since is not None or self.until is not None


def identities(
    filters: PeopleFilters,
    at: Place | None = None,
    *,
    oldest_first: bool = False,
    size: int = PAGE_SIZE,
) -> Page[Identity]:
    """Return one page of identities, latest first unless *oldest_first*."""
    moment = Identity.verified_at if filters.by_verification else Identity.created_at
    span = Span(filters.since, filters.until)
    order = Order(moment, Identity.id, oldest_first)
    query, within = (_listed(filters, each) for each in (span, span.beyond(at)))
    return page(query, order, at, size=size, within=within)


def _listed(filters: PeopleFilters, span: Span) -> Select[Any]:
    found = equal(
        (Identity.user_id, filters.user_id),
        (Identity.standing, filters.standing),
        walked=filters.user_id is not None or not filters.by_verification,
    )
    conditions = span.conditions(Identity.verified_at)
    return select(Identity).where(*found, *conditions).options(load_only(*_SHOWN))
