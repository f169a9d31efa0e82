"""The first page: what stands where, how it ends, and what is missing."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from ... import queries, runtime
from ...states import Status
from . import figures
from .blueprint import blueprint, chosen, page

#: The spans of days that can be looked at, and the one that is shown unless another is asked for.
PERIODS = (7, 30, 90)
_USUAL = 30


@blueprint.get("/")
def overview() -> ResponseReturnValue:
    """Show numbers by status, by day and by provider, and what has to be looked at."""
    days = _days()
    wanted = chosen(request.args, "provider")
    provider = queries.provider(wanted) if wanted else None
    providers = queries.provider_rows()
    counts = queries.status_counts()
    reviews = counts.real.get(Status.in_review, 0)
    ended = queries.ended(days, wanted)
    calls = queries.calls(days, wanted)
    health = queries.vendor_health()
    return page(
        "overview",
        counts=counts,
        statuses=list(Status),
        setup=queries.setup_numbers(),
        ailing=queries.ailing_providers(),
        owed=queries.owed_numbers(),
        reviews=reviews,
        oldest_review=queries.oldest_review() if reviews else None,
        settings=runtime.current().settings,
        days=days,
        periods=PERIODS,
        chosen_provider=provider,
        providers=providers,
        is_new=not any((*counts.real.values(), *counts.tests.values())),
        ended=ended.total,
        outcomes=figures.outcomes(ended),
        rates=figures.rates(ended),
        provider_rates=figures.provider_rates(ended, providers),
        calls=calls,
        call_figure=figures.vendor_calls(calls),
        busiest={
            each.id: queries.quota_use(each, calls.busiest[each.id])
            for each in providers
            if each.id in calls.busiest
        },
        health=health,
        meters={each.provider.id: figures.quota(each.quota) for each in health},
    )


def _days() -> int:
    """Return the span that is asked for; a strange one is the usual one."""
    asked = request.args.get("days", "")
    return next((days for days in PERIODS if str(days) == asked), _USUAL)
