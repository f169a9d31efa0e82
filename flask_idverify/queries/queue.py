"""What waits for a person: verifications in review, the one that waits longest first."""

from __future__ import annotations

from sqlalchemy import false, select

from ..models import Verification
from ..service.sessions import session
from ..states import Status
from .attempts import Filters, verifications
from .keyset import CappedCount, Order, Page, Place, capped
from .rows import number

#: Above this the queue is long, and that is all that a tab has to say.
REVIEWS_TOLD = 99
#: Tests verify nobody, so nobody has to decide on them.
_WAITING = Filters(status=Status.in_review, is_test=False)
_IN_REVIEW = (Verification.status == Status.in_review, Verification.is_test == false())
_OLDEST = Order(Verification.created_at, Verification.id, oldest_first=True)


def reviews(at: Place | None = None) -> Page[Verification]:
    """Return one page of the queue."""
    return verifications(_WAITING, at, oldest_first=True)


def review_count() -> CappedCount:
    """Return how many wait, at most as many as are told: every page of the admin asks."""
    found = number(select(capped(*_IN_REVIEW, most=REVIEWS_TOLD)))
    return CappedCount(min(found, REVIEWS_TOLD), more=found > REVIEWS_TOLD)


def next_review(behind: Verification | None = None) -> str | None:
    """Return the id of whose turn it is.

    :param behind: the one that has been looked at; behind the last comes the first again.
    """
    query = _OLDEST.sorted(select(Verification.id).where(*_IN_REVIEW), ascending=True).limit(1)
    if behind is not None:
        after = Place(behind.created_at, behind.id, newer=True)
        query = query.where(Verification.id != behind.id)
        found: str | None = session().scalar(query.where(_OLDEST.beyond(after)))
        if found is not None:
            return found
    return session().scalar(query)  # type: ignore[no-any-return]
