"""The first page: what stands where, and what is missing."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from ... import queries, runtime
from ...states import Status
from .blueprint import blueprint, page


@blueprint.get("/")
def overview() -> ResponseReturnValue:
    """Show numbers by status, and what has to be set up or looked at."""
    counts = queries.status_counts()
    return page(
        "overview",
        counts=counts,
        statuses=list(Status),
        setup=queries.setup_numbers(),
        ailing=queries.ailing_providers(),
        owed=queries.owed_numbers(),
        reviews=counts.real.get(Status.in_review, 0),
        settings=runtime.current().settings,
    )
