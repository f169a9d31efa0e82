"""Acting on stored callbacks: each makes us ask the vendor, and nothing else.

A row is marked processed, or stays owed with its error and the time of the next try. Any number of
processes may do so at once: work is taken by guarded updates that give a lease.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from . import clock, runtime
from .engines import retrying
from .errors import (
    ConfigurationError,
    IDVerifyError,
    VendorBusy,
    VendorError,
    VendorRecordMissing,
)
from .leases import Tally, make_way, never, taken
from .models import CallbackRow, Identity, Provider, Verification
from .service.asking import longest_operation
from .service.polling import claim_fetch, note_captured, poll_soon
from .service.results import refresh
from .service.schedule import patience
from .service.sessions import drop_leftovers, require_clean
from .types import Callback, Hint
from .upkeep import UNDECIDED

log = logging.getLogger("flask_idverify")

#: At least; a slow vendor may take longer.
_LEASE = timedelta(minutes=2)
_FIRST_RETRY = timedelta(seconds=15)
_BUSY_RETRY = timedelta(seconds=2)
_LAST_RETRY = timedelta(hours=1)
#: After about eight hours what belongs to a verification is tried once a day; what matched nothing
#: in all that time is not tried again by itself, or strangers' callbacks would pile up for ever.
_MANY_TRIES = 16
_DAILY = timedelta(days=1)


def drain_callbacks(*which: Any, until: Callable[[], bool] = never) -> Tally:
    """Process one batch of the stored callbacks that are due.

    :param which: further conditions on :class:`CallbackRow`.
    :param until: asked between two of them; true ends the work early.
    """
    waiting = CallbackRow.processed_at.is_(None)
    lease = max(_LEASE, longest_operation())
    make_way(CallbackRow, CallbackRow.next_try_at, until)
    due = taken(CallbackRow, lease, waiting, *which, until=until)
    return Tally.of(_process(row_id) for row_id in due)


def _process(row_id: str) -> bool:
    """Act on one leased row and write down how that went; say whether it is done."""
    session = require_clean()
    owed, answer = True, None
    try:
        problem = _act(row_id)
        owed = problem in (_UNMATCHED, _BUSY)
    except VendorRecordMissing as error:
        # Polls go on asking, unless the row alone knows what the vendor calls the attempt.
        session.rollback()
        problem, owed = str(error), _is_all_that_knows(row_id)
    except (IDVerifyError, ConfigurationError) as error:
        session.rollback()
        problem, answer = str(error), error if isinstance(error, VendorError) else None
    except Exception as error:  # noqa: BLE001 - whatever it is, the row must stay owed
        session.rollback()
        # Only the type: a driver's message can hold the row's values.
        log.error("Processing callback %s raised %s.", row_id, type(error).__name__)
        problem = f"Internal error: {type(error).__name__}"
    _close(row_id, problem, owed=owed, answer=answer)
    return not owed


def _is_all_that_knows(row_id: str) -> bool:
    """Whether the start's answer was lost, so that no poll is owed and only this row leads on."""
    session = require_clean()
    known = session.scalar(
        select(Verification.id)
        .join(CallbackRow, CallbackRow.verification_id == Verification.id)
        .where(
            CallbackRow.id == row_id,
            Verification.status.in_(UNDECIDED),
            Verification.vendor_reference.is_(None),
        )
    )
    session.rollback()
    return known is not None


_UNMATCHED = "No verification has this reference (yet)."
_BUSY = "The vendor is being asked about this verification at this moment."


def _act(row_id: str) -> str | None:
    """Ask the vendor about the row's verification; say what was odd, if anything."""
    session = require_clean()
    row = session.get(CallbackRow, row_id, populate_existing=True)
    if row is None:
        return None  # deleted a moment ago, with the person it was about
    provider = session.get(Provider, row.provider_id)
    assert provider is not None  # nosec B101  # noqa: S101 - a foreign key holds it
    registry = runtime.current().registry
    hint = registry.get(provider.type).parse_callback(row.body or b"", row.content_type)
    verification = row.verification or _match(session, provider, hint)
    if verification is None and not _is_of_erased(session, hint):
        session.rollback()
        return hint.problem or _UNMATCHED
    if verification is None or verification.erased_at is not None:
        session.execute(delete(CallbackRow).where(CallbackRow.id == row_id))
        session.commit()
        return None
    if row.verification_id is None:
        row.verification_id = verification.id
    session.commit()
    if hint.hint is Hint.captured:
        note_captured(verification)
    if not claim_fetch(verification, after_gap=False):
        return _BUSY
    refresh(verification, hint=hint)
    if hint.hint is Hint.finished and verification.status in UNDECIDED:
        poll_soon(verification.id)
    return hint.problem


def _match(session: Any, provider: Provider, hint: Callback) -> Verification | None:
    """Find the verification of a notification that came to the bare URL."""
    for column, value in (
        (Verification.vendor_reference, hint.vendor_reference),
        (Verification.reference, hint.reference),
    ):
        if value:
            found: Verification | None = session.scalar(
                select(Verification).where(column == value, Verification.provider_id == provider.id)
            )
            if found is not None:
                return found
    return None


def _is_of_erased(session: Any, hint: Callback) -> bool:
    """Whether a notification that matches nothing is about a person who was erased."""
    if not hint.user_reference:
        return False
    gone = Identity.id == hint.user_reference, Identity.erased_at.is_not(None)
    return session.scalar(select(Identity.id).where(*gone)) is not None


@retrying
def _close(
    row_id: str, problem: str | None, *, owed: bool, answer: VendorError | None = None
) -> None:
    """Write down what became of a row; a vendor is not asked earlier than its *answer* wants."""
    drop_leftovers()
    session = require_clean()
    now = clock.now()
    row = session.get(CallbackRow, row_id, populate_existing=True)
    if row is None or row.processed_at is not None:
        return  # gone, or done by another worker, who was faster
    row.leased_until = None
    if owed and problem == _BUSY:
        # Nothing was tried; whoever asks may also have died and never come back.
        row.tries = max(row.tries - 1, 0)
        row.next_try_at = now + _BUSY_RETRY
        session.commit()
        return
    row.error = problem
    asked = patience(answer.retry_after if answer is not None else None)
    if not owed:
        row.processed_at, row.next_try_at = now, None
    elif isinstance(answer, VendorBusy):
        row.tries = max(row.tries - 1, 0)  # the provider's limit says nothing of this callback
        row.next_try_at = now + asked
    elif row.tries < _MANY_TRIES:
        wait = min(_FIRST_RETRY * 2 ** (row.tries - 1), _LAST_RETRY)
        row.next_try_at = now + max(wait, asked)
    else:
        row.next_try_at = now + _DAILY if row.verification_id is not None else None
    session.commit()
