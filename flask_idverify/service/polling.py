"""Whose turn it is to ask the vendor, and when the next turn comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, or_, true, update

from .. import clock
from ..engines import retrying
from ..errors import VendorBusy, VendorError
from ..models import Verification
from ..states import UNFINISHED
from . import schedule
from .asking import longest_operation
from .backoff import not_backed_off
from .sessions import require_clean

#: A fetch keeps others away for so long at least, and as long as a slow vendor may take.
_LEASE = timedelta(seconds=90)


@retrying
def claim_fetch(verification: Verification, *, after_gap: bool = True, due: bool = False) -> bool:
    """Take the right to fetch now; ``False`` while somebody else does or the vendor wants peace.

    :param after_gap: also ``False`` when somebody has just done so.
    :param due: also ``False`` when the poll that was owed has been made meanwhile.
    """
    session = require_clean()
    now = clock.now()
    long_ago = or_(
        Verification.fetched_at.is_(None),
        Verification.fetched_at <= now - schedule.SHORTEST_GAP,
    )
    taken: Any = session.execute(
        update(Verification)
        .where(
            Verification.id == verification.id,
            or_(Verification.leased_until.is_(None), Verification.leased_until < now),
            long_ago if after_gap else true(),
            Verification.next_poll_at <= now if due else true(),
            not_backed_off(Verification.provider_id),
        )
        .values(leased_until=now + max(_LEASE, longest_operation()))
        .execution_options(synchronize_session=False)
    )
    session.commit()
    return bool(taken.rowcount == 1)


@retrying
def note_return(verification: Verification) -> None:
    """Write down that the browser came back: a reason to poll, never a decision."""
    session = require_clean()
    now = clock.now()
    session.execute(
        update(Verification)
        .where(Verification.id == verification.id, Verification.returned_at.is_(None))
        .values(returned_at=now)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Verification)
        .where(
            Verification.id == verification.id,
            Verification.next_poll_at > schedule.first_poll(now),
        )
        .values(next_poll_at=schedule.first_poll(now), polls=0)
        .execution_options(synchronize_session=False)
    )
    session.commit()


def note_captured(verification: Verification) -> None:
    """Write down that the vendor says the papers were handed in: polling counts from here."""
    _write(
        require_clean(),
        verification.id,
        Verification.captured_at.is_(None),
        captured_at=clock.now(),
        polls=0,
    )


def poll_soon(verification_id: str) -> None:
    """Make the next poll of an unfinished attempt due at once, at most one in ten seconds."""
    soon = clock.now() + schedule.SHORTEST_GAP
    _write(
        require_clean(),
        verification_id,
        Verification.status.in_(UNFINISHED),
        Verification.vendor_reference.is_not(None),
        or_(Verification.next_poll_at.is_(None), Verification.next_poll_at > soon),
        next_poll_at=soon,
    )


def put_off(verification: Verification, problem: str, *, until: datetime) -> None:
    """Keep *problem* for the admin; try an unfinished attempt again at *until*, no other."""
    _write(
        require_clean(),
        verification.id,
        next_poll_at=case((Verification.status.in_(UNFINISHED), until)),
        leased_until=None,
        vendor_message=problem,
    )


def give_back(verification: Verification) -> None:
    """Give the turn back without having asked."""
    _write(require_clean(), verification.id, leased_until=None)


def give_up(verification: Verification) -> None:
    """Give the turn back for good: there is nothing to ask about any more."""
    _write(require_clean(), verification.id, leased_until=None, next_poll_at=None)


def _owe_no_poll(session: Any, verification_id: str) -> None:
    session.execute(
        update(Verification)
        .where(Verification.id == verification_id)
        .values(next_poll_at=None)
        .execution_options(synchronize_session=False)
    )


@retrying
def _write(session: Any, verification_id: str, *conditions: Any, **values: Any) -> None:
    session.execute(
        update(Verification)
        .where(Verification.id == verification_id, Verification.erased_at.is_(None), *conditions)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    session.commit()


def note_fetch(session: Any, verification: Verification, *, problem: str | None = None) -> None:
    """Write down that the vendor was asked, and give the turn back. The caller commits.

    No further poll is owed unless :func:`schedule_next` says so: a result is there.
    """
    session.execute(
        update(Verification)
        .where(Verification.id == verification.id, Verification.erased_at.is_(None))
        .values(
            fetched_at=clock.now(), leased_until=None, vendor_message=problem, next_poll_at=None
        )
        .execution_options(synchronize_session=False)
    )


def schedule_next(
    session: Any, verification: Verification, now: datetime, *, error: VendorError | None = None
) -> None:
    """Set the next poll of an unfinished attempt. The caller commits.

    :param error: what the vendor has just answered instead of a result. A poll that its rate limit
        refused is made up for as soon as that lets us.
    """
    session.refresh(verification)
    if verification.status.is_final:
        _owe_no_poll(session, verification.id)
        return
    if verification.vendor_reference is None:
        return
    since = verification.captured_at or verification.returned_at or verification.link_expires_at
    since = since or verification.created_at
    wait = error.retry_after if error is not None else None
    if isinstance(error, VendorBusy):
        moment = now + schedule.patience(wait)
    else:
        moment = schedule.next_poll(since, now, retry_after=wait)
    session.execute(
        update(Verification)
        .where(Verification.id == verification.id)
        .values(next_poll_at=moment, polls=verification.polls + 1)
        .execution_options(synchronize_session=False)
    )
