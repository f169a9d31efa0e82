"""Patience with a vendor that does not show a record: not yet, or not any more?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from .. import audit, clock
from ..engines import retrying
from ..errors import VendorRecordMissing
from ..models import Verification
from ..states import UNFINISHED, Reason, Status
from .polling import note_fetch
from .schedule import next_poll
from .sessions import require_clean
from .transitions import conclude

#: An attempt ends when the vendor has said so often, over so long, that it has no such record. A
#: result may be announced before it can be read, and a fresh record be unknown to some machines.
TIMES = 3
FOR = timedelta(minutes=10)


@retrying
def note_missing(verification: Verification, error: VendorRecordMissing) -> None:
    """Write a 404 down: ask again by the poll schedule, or end an undecided attempt in error.

    What was decided stays as it is. So does one in review, which was fetched already: the person
    who has to look can do so without the vendor.
    """
    session = require_clean()
    session.refresh(verification)
    told = f"{error} {error.detail}".strip()
    if verification.status not in UNFINISHED - {Status.in_review}:
        note_fetch(session, verification, problem=told)
    else:
        _count(session, verification, told, clock.now())
    session.commit()
    session.refresh(verification)


def _count(session: Any, verification: Verification, told: str, now: datetime) -> None:
    since = verification.missing_since or now
    times = verification.missing_times + 1
    end = since + FOR
    if times >= TIMES and now >= end:
        conclude(
            session,
            verification,
            Status.error,
            actor=audit.VENDOR,
            reasons=[Reason.vendor_record_missing],
            retryable=True,
            facts={"asked": times},
        )
        note_fetch(session, verification, problem=f"{told} So it has said since {_at(since)}.")
        return
    outlook = f"It is asked again; if it still says so at {_at(end)}, the attempt ends."
    note_fetch(session, verification, problem=f"{told} {outlook}")
    session.execute(
        update(Verification)
        .where(
            Verification.id == verification.id,
            Verification.erased_at.is_(None),
            # It may have been ended since it was read: then nothing is owed.
            Verification.status.in_(UNFINISHED),
        )
        .values(
            missing_since=since,
            missing_times=times,
            # As after the end of a capture: often at first.
            next_poll_at=next_poll(since, now),
        )
        .execution_options(synchronize_session=False)
    )


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


@retrying
def note_found(verification_id: str) -> None:
    """Forget what was said about a record that is there after all."""
    session = require_clean()
    session.execute(
        update(Verification)
        .where(Verification.id == verification_id)
        .values(missing_since=None, missing_times=0)
        .execution_options(synchronize_session=False)
    )
    session.commit()
