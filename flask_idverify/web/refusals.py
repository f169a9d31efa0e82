"""Why a verification did not start, as the start page shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

from .. import clock, texts
from ..errors import (
    AttemptLimitReached,
    ClaimNotAccepted,
    ConsentMissing,
    IDVerifyError,
    InvalidClaim,
    InvalidConsent,
    InvalidInput,
    NoProvider,
    NotFound,
    VendorError,
)
from ..states import Reason
from .forms import ClaimForm
from .user_state import Standpoint, State


@dataclass(frozen=True)
class Refusal:
    """An answer that is not a start.

    :ivar code: of the sentence above the form; ``None``: the fields say it.
    :ivar state: the state that the page takes, if the error says more than the database.
    """

    status: int
    code: str | None = None
    state: State | None = None
    retry_at: datetime | None = None
    retry_after: float | None = None

    def applied_to(self, here: Standpoint) -> Standpoint:
        """Return *here* with what the refusal knows better."""
        if self.state is None:
            return here
        return replace(here, state=self.state, retry_at=self.retry_at)


def refusal(error: IDVerifyError, form: ClaimForm) -> Refusal:
    """Turn an error of ``service.start`` into the page's answer; errors of fields go to them."""
    if isinstance(error, ClaimNotAccepted):
        by_country = error.reason == Reason.country_not_accepted
        form.complain("country" if by_country else "id_type", str(texts.reason(error.reason).user))
        return Refusal(error.http_status)
    if isinstance(error, InvalidClaim):
        form.complain(error.field, texts.error(error.code))
        return Refusal(error.http_status)
    if isinstance(error, (InvalidConsent, ConsentMissing)):
        form.complain(getattr(error, "field", ""), texts.error(error.code), of_consent=True)
        return Refusal(error.http_status)
    if isinstance(error, (NoProvider, NotFound, InvalidInput)):
        # What an admin entered is at fault; the user can do nothing about it.
        return Refusal(503, state=State.unavailable)
    if isinstance(error, AttemptLimitReached):
        seconds = seconds_until(error.retry_at)
        return Refusal(
            error.http_status,
            state=State.limit,
            retry_at=error.retry_at,
            retry_after=seconds,
        )
    if isinstance(error, VendorError):
        return Refusal(error.http_status, error.code, retry_after=error.retry_after)
    return Refusal(error.http_status, error.code)


def retry_after(seconds: float | None) -> dict[str, str]:
    """Return the headers that say when to come again, if anybody knows."""
    return {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}


def seconds_until(moment: datetime | None) -> int | None:
    """Return the seconds until *moment* for a ``Retry-After``, at least one."""
    if moment is None:
        return None
    return max(1, math.ceil((moment - clock.now()).total_seconds()))
