"""How we stand with the vendors: whether they let us in, and whether we ask too much."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from .. import queries
from ..models import Provider
from ..runtime import Runtime
from .advice import Advice, ok

#: A refused share of the present day's calls above this deserves a look.
_MUCH = 0.05


def standing(app: Runtime) -> Iterator[Advice]:
    """Look for providers in trouble, left alone, refused too often, or near their quota."""
    today = queries.usage_today()
    for row in app.db.session.scalars(select(Provider).order_by(Provider.name)):
        about = f"calls of {row.name!r}"
        usage = today.get(row.id, queries.Usage(1))
        quiet = True
        if row.trouble:
            quiet = False
            yield Advice(
                "error" if row.enabled else "warning",
                about,
                f"the vendor has not let us in since {row.trouble_since:%Y-%m-%d %H:%M} UTC: "
                f"{row.trouble}",
            )
        if row.is_backed_off:
            quiet = False
            yield Advice(
                "warning",
                about,
                "the vendor's rate limit was reached: nothing is sent before "
                f"{row.backed_off_until:%Y-%m-%d %H:%M:%S} UTC, and starts are refused or go to "
                "the application's next provider.",
            )
        if usage.refused_share > _MUCH:
            quiet = False
            yield Advice(
                "warning",
                about,
                f"{usage.refused} of today's {usage.calls} met the vendor's rate limit. Ask the "
                "vendor for a higher one, or spread users over several accounts.",
            )
        quota = queries.quota_use(row, usage.calls)
        if quota is not None and quota.is_near:
            quiet = False
            yield Advice(
                "warning",
                about,
                f"{quota.calls} of the {quota.allowed} a day (UTC) that the contract allows were "
                "made today. Nothing is held back, but the vendor may refuse more: ask for a "
                "higher limit, or spread users over several accounts.",
            )
        if quiet:
            yield ok(about, f"{usage.calls} today, {usage.failed} failed.")
