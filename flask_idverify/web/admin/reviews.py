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
    return page(
        "reviews", found=queries.reviews(at), first=queries.next_review(), unreadable=not readable
    )
