"""How often vendors were called, and how often they refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from ..models import Provider, ProviderUsage
from ..service.sessions import session
from ..service.usage import today

#: The spans that a page shows, in days; the first is the present day (UTC).
SPANS = (1, 7, 30)
#: From this part of what a contract allows on, somebody should look.
NEAR = 0.8


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

    @property
    def accepted(self) -> int:
        """The ones that were answered as we hoped."""
        return max(self.calls - self.refused - self.failed, 0)


@dataclass(frozen=True)
class QuotaUse:
    """One day's calls, and how many the contract with the vendor allows."""

    calls: int
    allowed: int

    @property
    def share(self) -> float:
        """Which part was made; above 1 where the vendor let more pass."""
        return self.calls / self.allowed

    @property
    def is_near(self) -> bool:
        """Whether the vendor may soon refuse more, or does so already."""
        return self.share >= NEAR


def quota_use(provider: Provider, calls: int) -> QuotaUse | None:
    """Return a day's calls beside what is allowed; ``None`` where nobody has said how many are."""
    allowed = provider.calls_per_day
    return QuotaUse(calls, allowed) if allowed else None


@dataclass(frozen=True)
class Calls:
    """Calls in a span of days, as a chart shows them.

    :ivar by_day: every day of the span in order, the present one last.
    :ivar by_provider: by provider id; one that was not called is left out.
    :ivar busiest: by provider id, the most calls of one day.
    """

    by_day: Sequence[tuple[date, Usage]]
    by_provider: Mapping[str, Usage]
    busiest: Mapping[str, int]
    total: Usage


def usage_of(provider: Provider) -> list[Usage]:
    """Return a provider's calls for each of :data:`SPANS`."""
    query = select(ProviderUsage).where(
        ProviderUsage.provider_id == provider.id, ProviderUsage.day > _before(SPANS[-1])
    )
    rows = session().scalars(query).all()
    return [_sum(days, [row for row in rows if row.day > _before(days)]) for days in SPANS]


def calls(days: int, provider_id: str | None = None) -> Calls:
    """Return the calls of the last *days*, the present one included; of all, or of one provider."""
    query = select(ProviderUsage).where(ProviderUsage.day > _before(days))
    if provider_id is not None:
        query = query.where(ProviderUsage.provider_id == provider_id)
    rows = session().scalars(query).all()
    by_day: dict[date, list[ProviderUsage]] = {day: [] for day in days_until_today(days)}
    by_provider: dict[str, list[ProviderUsage]] = {}
    for row in rows:
        by_day.setdefault(row.day, []).append(row)
        by_provider.setdefault(row.provider_id, []).append(row)
    return Calls(
        by_day=[(day, _sum(1, found)) for day, found in sorted(by_day.items())],
        by_provider={key: _sum(days, found) for key, found in by_provider.items()},
        busiest={key: max(row.calls for row in found) for key, found in by_provider.items()},
        total=_sum(days, rows),
    )


def last_accepted() -> dict[str, datetime]:
    """Return when a vendor last answered as we hoped, by provider id, as far as is kept."""
    accepted = func.max(ProviderUsage.accepted_at, type_=ProviderUsage.accepted_at.type)
    query = select(ProviderUsage.provider_id, accepted).group_by(ProviderUsage.provider_id)
    return {key: moment for key, moment in session().execute(query) if moment is not None}


def days_until_today(days: int) -> list[date]:
    """Return the present day (UTC) and those before it, *days* in all, the oldest first."""
    last = today()
    return [last - timedelta(days=back) for back in range(days - 1, -1, -1)]


def _before(days: int) -> date:
    return today() - timedelta(days=days)


def _sum(days: int, rows: Sequence[ProviderUsage]) -> Usage:
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
