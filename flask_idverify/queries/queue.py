"""What waits for a person: verifications in review, in the order in which they were begun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import false, select
from sqlalchemy.orm import load_only

from ..models import AuditEntry, Identity, Verification
from ..service.sessions import session
from ..states import Status
from .attempts import Filters, verifications
from .details import facts_of
from .keyset import CappedCount, Order, Page, Place, beside, capped
from .rows import number

#: Above this the queue is long, and that is all that a tab has to say.
REVIEWS_TOLD = 99
#: Tests verify nobody, so nobody has to decide on them.
_WAITING = Filters(status=Status.in_review, is_test=False)
_IN_REVIEW = (Verification.status == Status.in_review, Verification.is_test == false())
#: What tells since when one waits.
_DATED = (Verification.identity_id, Verification.captured_at, Verification.created_at)
_OLDEST = Order(Verification.created_at, Verification.id, oldest_first=True)


def reviews(at: Place | None = None) -> Page[Verification]:
    """Return one page of the queue."""
    return verifications(_WAITING, at, oldest_first=True)


def waiting_since(rows: Sequence[Verification]) -> dict[str, datetime]:
    """Return by id since when each of *rows* waits for a person.

    The log knows when the review began, which is once at most; where it does not tell, it is when
    the papers were handed in, or the attempt began.
    """
    # One short chain for each person. Those who ever came into review are far more.
    entries = session().scalars(
        select(AuditEntry)
        .join(Identity, Identity.subject == AuditEntry.subject)
        .where(
            Identity.id.in_({row.identity_id for row in rows}),
            beside(AuditEntry.action) == f"verification.{Status.in_review}",
        )
        .options(load_only(AuditEntry.at, AuditEntry.facts))
    )
    began = {facts_of(entry).get("verification"): entry.at for entry in entries}
    return {row.id: began.get(row.id) or row.captured_at or row.created_at for row in rows}


def oldest_review() -> datetime | None:
    """Return since when the first of the queue waits; ``None``: nobody does."""
    query = _OLDEST.sorted(select(Verification).where(*_IN_REVIEW), ascending=True)
    row = session().scalar(query.options(load_only(*_DATED)).limit(1))
    return waiting_since([row])[row.id] if row is not None else None


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
