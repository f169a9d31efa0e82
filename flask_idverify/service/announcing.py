"""Signals, owed from the transaction that makes them due until their receivers have returned.

Whoever has committed calls the receivers at once. If that process dies, or a receiver raises, the
worker calls them again (``outbox``): at least once, so that receivers should not mind a repetition.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from blinker import NamedSignal
from sqlalchemy import delete, update
from sqlalchemy.exc import SQLAlchemyError

from .. import clock
from ..models import Identity, OutboxRow, Verification
from ..signals import (
    has_receivers,
    identity_verified,
    named,
    review_needed,
    tell,
    verification_updated,
)
from ..states import Status
from .owed import SIGNAL, owe
from .sessions import drop_leftovers, session

log = logging.getLogger("flask_idverify")

_HERE = "idverify.signals"
#: While the process that committed calls the receivers itself; afterwards the worker may.
_LEASE = timedelta(minutes=3)
_RETRY = timedelta(seconds=15)


def owe_signal(current: Any, signal: NamedSignal, *, subject: str, **rows: str | None) -> None:
    """Write a signal down within the caller's transaction, if anybody listens.

    :param rows: ids of the rows that the receivers get: ``verification``, ``identity``; other
        names are handed over as they are.
    """
    if not has_receivers(signal):
        return
    row = owe(
        current,
        SIGNAL,
        subject=subject,
        payload={"signal": signal.name, "rows": rows},
        leased_until=clock.now() + _LEASE,
    )
    current.info.setdefault(_HERE, []).append(row.id)


def owe_change(current: Any, verification: Verification) -> None:
    """Owe what follows from the status that *verification* has just got."""
    subject, about = verification.identity.subject, verification.id
    owe_signal(current, verification_updated, subject=subject, verification=about)
    if verification.status is Status.in_review:
        owe_signal(current, review_needed, subject=subject, verification=about)
    if verification.status is Status.approved and not verification.is_test:
        owe_signal(
            current,
            identity_verified,
            subject=subject,
            identity=verification.identity_id,
            verification=about,
        )


def announce() -> None:
    """Call the receivers of what this session has committed. Raises nothing."""
    current = session()
    for row_id in current.info.pop(_HERE, []):
        try:
            _announce(current, row_id)
        except SQLAlchemyError as error:
            # The change is committed, and the signal stays owed.
            current.rollback()
            log.error("A signal was put off: %s.", type(error).__name__)


def _announce(current: Any, row_id: str) -> None:
    row = current.get(OutboxRow, row_id, populate_existing=True)
    if row is None:
        return  # its transaction was rolled back
    settled: Any = delete(OutboxRow)
    if not call_receivers(row.payload):
        problem = "A receiver raised; the log tells which signal and what."
        settled = update(OutboxRow).values(
            tries=1, error=problem, next_try_at=clock.now() + _RETRY, leased_until=None
        )
    current.execute(
        settled.where(OutboxRow.id == row_id).execution_options(synchronize_session=False)
    )
    current.commit()


def call_receivers(payload: dict[str, Any]) -> bool:
    """Call the receivers of one owed signal; say whether all returned."""
    current = session()
    models: dict[str, Any] = {"verification": Verification, "identity": Identity}
    rows = {
        name: current.get(models[name], value) if name in models else value
        for name, value in payload["rows"].items()
    }
    if any(rows[name] is None for name in models if name in rows):
        return True  # there is nothing left to tell of
    returned = tell(named(payload["signal"]), **rows)
    drop_leftovers()
    return returned
