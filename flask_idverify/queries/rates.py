"""How verifications end, by day and by provider. Tests of admins are left out.

Counted from the rows themselves: each counts once, on the day (UTC) of its present end and as what
it is now, so an admin who overrules a decision takes it out of one number and into another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from typing import Any

from sqlalchemy import case, false, func, select

from ..engines import utc_day
from ..models import Verification
from ..service.sessions import session
from ..states import Status
from .keyset import beside
from .usage import days_until_today


@dataclass(frozen=True)
class Tally:
    """How many verifications ended in which way.

    :ivar other: expired, canceled, failed: nobody was judged.
    """

    approved: int = 0
    rejected: int = 0
    other: int = 0

    def __add__(self, more: Tally) -> Tally:
        return Tally(
            self.approved + more.approved, self.rejected + more.rejected, self.other + more.other
        )

    @property
    def decided(self) -> int:
        """How many were approved or rejected."""
        return self.approved + self.rejected

    @property
    def total(self) -> int:
        """How many ended."""
        return self.decided + self.other

    @property
    def rate(self) -> float | None:
        """The approved part of what was decided, from 0 to 1; ``None``: nothing was."""
        return self.approved / self.decided if self.decided else None


@dataclass(frozen=True)
class Ended:
    """What ended in a span of days.

    :ivar by_day: every day of the span in order, the present one last.
    :ivar by_provider: those of which something ended, by provider id.
    """

    by_day: Sequence[tuple[date, Tally]]
    by_provider: Mapping[str, Tally]
    total: Tally


def ended(days: int, provider_id: str | None = None) -> Ended:
    """Return how verifications ended in the last *days*, the present one included."""
    span = days_until_today(days)
    by_day = dict.fromkeys(span, Tally())
    by_provider: dict[str, Tally] = {}
    for day, provider, *numbers in session().execute(_counted(span[0], provider_id)):
        approved, rejected, total = map(int, numbers)
        tally = Tally(approved, rejected, total - approved - rejected)
        # A clock that was set back has written days that are still to come.
        if day in by_day:
            by_day[day] += tally
            by_provider[provider] = by_provider.get(provider, Tally()) + tally
    return Ended(list(by_day.items()), by_provider, sum(by_day.values(), Tally()))


def _counted(first: date, provider_id: str | None) -> Any:
    day = utc_day(Verification.finished_at, session().get_bind().dialect.name).label("day")
    # All of it stands in one index, which is read from the first day to its end.
    # Sums of each group, not a group of each status, which costs MariaDB twice as much.
    approved, rejected = _sum(Status.approved), _sum(Status.rejected)
    query = select(day, Verification.provider_id, approved, rejected, func.count()).where(
        Verification.finished_at >= datetime.combine(first, time(), timezone.utc),
        Verification.is_test == false(),
    )
    if provider_id is not None:
        query = query.where(beside(Verification.provider_id) == provider_id)
    return query.group_by(day, Verification.provider_id)


def _sum(status: Status) -> Any:
    return func.sum(case((Verification.status == status, 1), else_=0))
