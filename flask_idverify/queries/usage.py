"""How often vendors were called, and how often they refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from ..models import Provider, ProviderUsage
from ..service.sessions import session
from ..service.usage import today

#: The spans that a page shows, in days; the first is the present day (UTC).
SPANS = (1, 7, 30)


@dataclass(frozen=True)
class Usage:
    """Calls of one provider's vendor in a span of days.

    :ivar days: how many, the present day included.
    :ivar calls: requests that were sent, repetitions and requests for tokens included.
    :ivar refused: of these, the ones that met the vendor's rate limit.
    :ivar failed: of these, the ones without an answer or with an error.
    """

    days: int
    calls: int = 0
    refused: int = 0
    failed: int = 0

    @property
    def refused_share(self) -> float:
        """The refused part of all calls, from 0 to 1."""
        return self.refused / self.calls if self.calls else 0.0


def usage_of(provider: Provider) -> list[Usage]:
    """Return a provider's calls for each of :data:`SPANS`."""
    query = select(ProviderUsage).where(
        ProviderUsage.provider_id == provider.id, ProviderUsage.day > _before(SPANS[-1])
    )
    rows = session().scalars(query).all()
    return [_sum(days, [row for row in rows if row.day > _before(days)]) for days in SPANS]


def _before(days: int) -> date:
    return today() - timedelta(days=days)


def _sum(days: int, rows: list[ProviderUsage]) -> Usage:
    return Usage(
        days,
        calls=sum(row.calls for row in rows),
        refused=sum(row.refused for row in rows),
        failed=sum(row.failed for row in rows),
    )


def usage_today() -> dict[str, Usage]:
    """Return the present day's calls by provider id; one that was not called is left out."""
    rows = session().scalars(select(ProviderUsage).where(ProviderUsage.day == today()))
    return {row.provider_id: Usage(1, row.calls, row.refused, row.failed) for row in rows}
