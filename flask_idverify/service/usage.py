"""How often vendors are called: a number per provider and day, kept for a little over a year."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..adapters.base import clean_option
from ..engines import retrying
from ..models import ProviderUsage
from ..types import Option
from .sessions import require_clean

#: A year to compare with, and a month to look at it.
KEPT_DAYS = 400
#: More a day (over a hundred a second) than any contract allows.
MOST_CALLS = 10_000_000
_CALLS_PER_DAY = Option("calls_per_day", "Calls per day", "integer", limits=(1, MOST_CALLS))


def clean_calls_per_day(value: int | str | None) -> int | None:
    """Return how many calls a day a contract allows; ``None``, also of nothing: it is not known.

    :raises InvalidProvider: it is no whole number, or out of range.
    """
    cleaned = clean_option(_CALLS_PER_DAY, value)
    return None if cleaned is None else int(cleaned)


def today() -> date:
    """Return the present day in UTC, by which calls are counted."""
    return clock.now().astimezone(timezone.utc).date()


@retrying
def add_calls(provider_id: str, *, calls: int, refused: int, failed: int) -> None:
    """Add to the present day's numbers and commit.

    Workers meet at this row: it is held for one statement and its commit. Whoever is the second
    to begin a day adds to the row of the first.
    """
    session = require_clean()
    counted = {"calls": calls, "refused": refused, "failed": failed}
    accepted = {"accepted_at": clock.now()} if calls > refused + failed else {}
    day = today()
    if _added(session, provider_id, day, counted, accepted):
        return
    # A new transaction: on MariaDB the UPDATE that met nothing locks the gap that we now fill.
    session.add(ProviderUsage(provider_id=provider_id, day=day, **counted, **accepted))
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        # The day was begun a moment ago; or the provider is gone, and its numbers with it.
        _added(session, provider_id, day, counted, accepted)


def _added(
    session: Any,
    provider_id: str,
    day: date,
    counted: dict[str, int],
    accepted: dict[str, datetime],
) -> bool:
    changed = session.execute(
        update(ProviderUsage)
        .where(ProviderUsage.provider_id == provider_id, ProviderUsage.day == day)
        .values(
            {name: getattr(ProviderUsage, name) + more for name, more in counted.items()} | accepted
        )
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:
        session.rollback()
        return False
    session.commit()
    return True


@retrying
def forget_old(now: datetime) -> int:
    """Delete numbers that nobody compares with any more, and commit; return how many."""
    session = require_clean()
    oldest = (now - timedelta(days=KEPT_DAYS)).date()
    gone: Any = session.execute(
        delete(ProviderUsage)
        .where(ProviderUsage.day < oldest)
        .execution_options(synchronize_session=False)
    )
    session.commit()
    return int(gone.rowcount)


def forget_provider(session: Any, provider_id: str) -> None:
    """Delete the numbers of a provider that is being deleted. The caller commits."""
    session.execute(
        delete(ProviderUsage)
        .where(ProviderUsage.provider_id == provider_id)
        .execution_options(synchronize_session=False)
    )
