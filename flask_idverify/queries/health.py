"""How vendors answer, and what waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from .. import clock
from ..models import Provider, Verification
from ..service.sessions import session
from ..states import Status
from .usage import QuotaUse, Usage, last_accepted, quota_use, usage_today

#: Owed fetches that are looked at, the oldest first; whoever owes more has one cause to look for.
_LOOKED_AT = 1000
#: Attempts of a provider, the latest first, among which errors are looked for.
ERRORS_AMONG = 500
#: Errors that the provider's page shows.
_ERRORS = 5


@dataclass(frozen=True)
class Health:
    """How one provider's vendor answers.

    :ivar accepted_at: when it last answered as we hoped; ``None``: never, as far as we know.
    :ivar owed_since: when the oldest question fell due that was not put to it yet.
    """

    provider: Provider
    accepted_at: datetime | None
    today: Usage
    owed_since: datetime | None

    @property
    def is_silent(self) -> bool:
        """Whether it was called today, and never answered as we hoped."""
        return self.today.calls > 0 and not self.today.accepted

    @property
    def quota(self) -> QuotaUse | None:
        """Today's calls beside what is allowed; ``None`` where nobody has said how many are."""
        return quota_use(self.provider, self.today.calls)


@dataclass(frozen=True)
class LastError:
    """A vendor's words that stand on a verification."""

    verification_id: str
    moment: datetime
    status: Status
    is_test: bool
    words: str


def vendor_health() -> list[Health]:
    """Return how the vendor of each enabled provider answers, by the provider's name."""
    rows = session().scalars(
        select(Provider).where(Provider.enabled.is_(True)).order_by(Provider.name)
    )
    accepted, today, owed = last_accepted(), usage_today(), _owed_since()
    return [
        Health(row, accepted.get(row.id), today.get(row.id, Usage(1)), owed.get(row.id))
        for row in rows
    ]


def _owed_since() -> dict[str, datetime]:
    due: Any = Verification.next_poll_at
    oldest = (
        select(Verification.provider_id, due)
        .where(due <= clock.now())
        .order_by(due)
        .limit(_LOOKED_AT)
        .subquery()
    )
    first = func.min(oldest.c.next_poll_at, type_=due.type)
    found = select(oldest.c.provider_id, first).group_by(oldest.c.provider_id)
    return {row[0]: row[1] for row in session().execute(found)}


def last_errors(provider: Provider) -> Sequence[LastError]:
    """Return what the vendor last complained of, among a provider's latest attempts.

    An attempt whose vendor has answered since then complains no more.
    """
    latest = (
        select(Verification.id)
        .where(Verification.provider_id == provider.id)
        .order_by(Verification.created_at.desc(), Verification.id.desc())
        .limit(ERRORS_AMONG)
        .subquery()
    )
    asked = func.coalesce(
        Verification.fetched_at, Verification.created_at, type_=Verification.created_at.type
    )
    rows: Any = session().execute(
        select(
            *(Verification.id, asked.label("moment"), Verification.status),
            *(Verification.is_test, Verification.vendor_message),
        )
        .join(latest, latest.c.id == Verification.id)
        .where(Verification.vendor_message.is_not(None))
        .order_by(asked.desc(), Verification.id)
        .limit(_ERRORS)
    )
    return [LastError(*row) for row in rows]
