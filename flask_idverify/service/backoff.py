"""What a vendor's refusals mean for all that follow: a time of peace, or a provider in trouble.

The rows of the providers say so to every worker and process; each word is one guarded UPDATE.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, exists, or_, select, update

from .. import clock
from ..engines import retrying
from ..errors import VendorBackedOff
from ..models import CallbackRow, OutboxRow, Provider, Verification
from ..phrases import phrase
from .sessions import require_clean, session

#: Ours, where the vendor names no time: doubles with each refusal in a row.
_FIRST = 10.0
_LONGEST = 900.0
#: What a vendor may ask for: less helps nobody, more is a mistake or an outage to look at.
_LEAST_ASKED = 1.0
_MOST_ASKED = 3600.0
#: How often in a row a time that a vendor named is believed.
_BELIEVED = 3
#: Of our words, and those of anybody's adapter.
_LONGEST_TROUBLE = 1000


@dataclass(frozen=True)
class ProviderState:
    """How a provider stands with its vendor.

    :ivar refusals: how often in a row its rate limit was reached.
    """

    backed_off_until: datetime | None
    refusals: int
    has_trouble: bool


def not_backed_off(provider_id: Any) -> Any:
    """Return the condition that the provider in a column (or none) may be asked now."""
    return ~exists().where(Provider.id == provider_id, _stands(clock.now()))


def _stands(now: datetime) -> Any:
    return and_(Provider.backed_off_until.is_not(None), Provider.backed_off_until > now)


def standing_of(provider_id: str) -> ProviderState:
    """Read how a provider stands now, whatever the session remembers."""
    row = (
        require_clean()
        .execute(
            select(Provider.backed_off_until, Provider.refusals, Provider.trouble).where(
                Provider.id == provider_id
            )
        )
        .one_or_none()
    )
    if row is None:
        return ProviderState(None, 0, has_trouble=False)
    return ProviderState(row.backed_off_until, row.refusals, has_trouble=row.trouble is not None)


def require_peace_over(until: datetime | None) -> None:
    """Raise :class:`VendorBackedOff` while the vendor has asked not to be asked."""
    now = clock.now()
    if until is not None and until > now:
        raise VendorBackedOff(
            phrase(
                "The vendor's rate limit was reached; nothing is sent to it before %(until)s UTC.",
                until=f"{until:%Y-%m-%d %H:%M:%S}",
            ),
            retry_after=math.ceil((until - now).total_seconds()),
        )


def pause_for(retry_after: float | None, refusals: int) -> float:
    """Return for how many seconds a provider is left alone after a 429.

    :param retry_after: what the vendor asked for, if it did.
    :param refusals: how many there were in a row before.
    """
    # Jitter, so that several installations of one tenant do not come back together.
    jitter = random.uniform(0.8, 1.2)  # noqa: S311  # nosec B311
    ours = min(_FIRST * 2.0 ** min(refusals, 20) * jitter, _LONGEST)
    if retry_after is None:
        return ours
    asked = min(max(retry_after, _LEAST_ASKED), _MOST_ASKED)
    # Whoever refuses again and again after the time it named did not mean it.
    return asked if refusals < _BELIEVED else max(asked, ours)


@retrying
def back_off(provider_id: str, until: datetime) -> None:
    """Leave a provider alone until then at least, in all processes, and commit.

    Answers to requests that were under way when the first was refused count as one with it.
    """
    current = require_clean()
    now = clock.now()
    current.execute(
        update(Provider)
        .where(
            Provider.id == provider_id,
            or_(Provider.backed_off_until.is_(None), Provider.backed_off_until < until),
        )
        # In this order: MariaDB's second assignment sees what the first has set.
        .ordered_values(
            (
                Provider.refusals,
                case((_stands(now), Provider.refusals), else_=Provider.refusals + 1),
            ),
            (Provider.backed_off_until, until),
            (Provider.updated_at, Provider.updated_at),
        )
        .execution_options(synchronize_session=False)
    )
    current.commit()


def note_welcome(provider_id: str) -> None:
    """Write down that the vendor answers again. A time of peace that still stands is kept.

    One that is over stays, too: what waited for its end is late from then on only.
    """
    now = clock.now()
    over = or_(Provider.backed_off_until.is_(None), Provider.backed_off_until <= now)
    _write(provider_id, Provider.refusals > 0, over, refusals=0)


def note_trouble(provider_id: str, told: str) -> None:
    """Write down that the vendor does not let us in, and why; the first refusal is kept.

    :param told: our words; the vendor's own may name a person.
    """
    _write(
        provider_id,
        Provider.trouble.is_(None),
        trouble=told[:_LONGEST_TROUBLE],
        trouble_since=clock.now(),
    )


def note_admitted(provider_id: str) -> None:
    """Write down that the vendor lets us in."""
    _write(provider_id, Provider.trouble.is_not(None), trouble=None, trouble_since=None)


@retrying
def _write(provider_id: str, condition: Any, *conditions: Any, **values: Any) -> None:
    current = require_clean()
    current.execute(
        update(Provider)
        .where(Provider.id == provider_id, condition, *conditions)
        .values(updated_at=Provider.updated_at, **values)
        .execution_options(synchronize_session=False)
    )
    current.commit()


def forgive(provider: Provider, *, other_account: bool) -> None:
    """Forget what an admin has just put right. The caller commits.

    :param other_account: its limit is another one, too.
    """
    provider.trouble = provider.trouble_since = None
    if not other_account:
        return
    end, provider.backed_off_until, provider.refusals = provider.backed_off_until, None, 0
    now = clock.now()
    if end is None or end <= now:
        return
    for model, due in (
        (CallbackRow, CallbackRow.next_try_at),
        (OutboxRow, OutboxRow.next_try_at),
        (Verification, Verification.next_poll_at),
    ):
        # What was moved out of the others' way waits for an end that does not come any more, or
        # for one before that which was put off since. Whatever else is due by then is only early.
        session().execute(
            update(model)
            .where(due > now, due <= end, model.provider_id == provider.id)
            .values({due: now})
            .execution_options(synchronize_session=False)
        )
