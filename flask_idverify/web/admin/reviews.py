"""The queue of verifications that wait for a person, one after another."""

from __future__ import annotations

from typing import Any

from flask.typing import ResponseReturnValue

from ... import queries
from .blueprint import blueprint, page
from .filters import asked_place


@blueprint.context_processor
def _context() -> dict[str, Any]:
    """Let every page of ours tell how many wait."""
    return {"review_count": queries.review_count}


@blueprint.get("/reviews")
def reviews() -> ResponseReturnValue:
    """Show what waits for a decision, the oldest first."""
    at, readable = asked_place()
    found = queries.reviews(at)
    return page(
        "reviews",
        found=found,
        since=queries.waiting_since(found.rows),
        first=queries.next_review(),
        unreadable=not readable,
    )
