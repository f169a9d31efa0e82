"""Lists of identities: filtered, in order of time, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import aliased, load_only

from ..models import Identity, Verification
from ..states import Standing
from .keyset import PAGE_SIZE, Order, Page, Place, Span, beside, equal, page

#: What a list shows; the sealed values stay where they are.
_SHOWN = (
    *(Identity.id, Identity.user_id, Identity.standing, Identity.verified_at),
    *(Identity.expires_at, Identity.erased_at, Identity.created_at),
)


@dataclass(frozen=True)
class PeopleFilters:
    """Which identities a list shows; ``None`` does not filter.

    :ivar user_id: exactly so.
    :ivar application_id: they have a verification in this application, however it ended. A test
        is in none.
    :ivar since: verified at this moment or later.
    :ivar until: verified before this moment.
    """

    standing: Standing | None = None
    user_id: str | None = None
    application_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def by_verification(self) -> bool:
        """Whether the list is ordered by when people were verified, instead of when they came.

        An index gives rows in one order: asked for days, it is the order of these days.
        """
        return self.since is not None or self.until is not None

    @property
    def by_attempt(self) -> bool:
        """Whether the list is ordered by people's latest verifications in its application.

        Walked are the verifications there, so that an application of few users costs no look at
        all the others'.
        """
        alone = self.user_id is None and not self.by_verification
        return alone and self.application_id is not None


def identities(
    filters: PeopleFilters,
    at: Place | None = None,
    *,
    oldest_first: bool = False,
    size: int = PAGE_SIZE,
) -> Page[Identity]:
    """Return one page of identities, latest first unless *oldest_first*."""
    if filters.by_attempt:
        order = Order(Verification.created_at, Verification.id, oldest_first)
        found = page(_attempted(filters), order, at, size=size)
        return Page([identity for _attempt, identity in found.rows], found.newer, found.older)
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
    if filters.application_id is not None:
        found.append(_attempts(Verification, Identity.id, filters.application_id))
    conditions = span.conditions(Identity.verified_at)
    return select(Identity).where(*found, *conditions).options(load_only(*_SHOWN))


def _attempted(filters: PeopleFilters) -> Any:
    """Return the latest verification of each in the application, and whose it is."""
    other = aliased(Verification)
    later = _attempts(
        other,
        Verification.identity_id,
        filters.application_id,
        other.created_at >= Verification.created_at,
        or_(other.created_at > Verification.created_at, other.id > Verification.id),
    )
    return (
        select(Verification, Identity)
        .join(Identity, Identity.id == Verification.identity_id)
        .where(Verification.application_id == filters.application_id, ~later)
        .where(*equal((Identity.standing, filters.standing), walked=False))
        .options(load_only(Verification.id, Verification.created_at), load_only(*_SHOWN))
    )


def _attempts(
    of: Any, identity_id: Any, application_id: str | None, *which: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Whether somebody has such verifications in an application: read by their few, not by its."""
    theirs = of.identity_id == identity_id, beside(of.application_id) == application_id
    return exists().where(*theirs, *which)
