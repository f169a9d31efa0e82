"""What we owe others, delivered: taken by a lease, tried again with back-off, never forgotten.

Each kind of delivery registers a function that reads what it needs of a row and returns the
:class:`Delivery`: the call itself is made after that transaction has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, true

from . import audit, clock
from .engines import retrying
from .errors import ConfigurationError, IDVerifyError, VendorBusy, VendorError
from .leases import Tally, make_way, never, taken
from .models import OutboxRow
from .service.announcing import call_receivers
from .service.asking import asking, longest_operation
from .service.owed import MAX_TRIES, SIGNAL, VENDOR_ERASURE
from .service.schedule import patience
from .service.sessions import require_clean

log = logging.getLogger("flask_idverify")

#: Of a delivery, at least; after it, and what a slow vendor may take, another worker may try.
_LEASE = timedelta(minutes=3)
_FIRST_RETRY = timedelta(seconds=15)
_LAST_RETRY = timedelta(hours=1)
#: How often a deletion is tried that nothing but an admin will help.
_DUTY_RETRY = timedelta(days=1)


@dataclass(frozen=True)
class Delivery:
    """One delivery, ready to be made.

    :ivar call: makes it; called with no transaction open. Raises what went wrong.
    :ivar action: what the audit log of the subject says once it is done, if anything.
    """

    call: Callable[[], Any]
    action: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


Prepare = Callable[[OutboxRow], Delivery]
_KINDS: dict[str, Prepare] = {}


def delivers(kind: str) -> Callable[[Prepare], Prepare]:
    """Register the function that prepares deliveries of one kind."""

    def register(function: Prepare) -> Prepare:
        _KINDS[kind] = function
        return function

    return register


@delivers(VENDOR_ERASURE)
def _vendor_erasure(row: OutboxRow) -> Delivery:
    """Have the vendor delete an account, or one verification; a disabled provider does it too."""
    payload, provider = row.payload or {}, row.provider
    if provider is None:
        raise ConfigurationError("The provider of this deletion does not exist any more.")
    reference, account_id = payload.get("vendor_reference"), payload.get("account_id")

    def call() -> None:
        with asking(provider, tells_standing=False) as adapter:
            if reference:
                adapter.erase(reference, account_id)
            else:
                adapter.erase_account(str(account_id))

    whole = "verification" if reference else "account"
    return Delivery(call, "vendor.erased", {"provider": provider.id, "scope": whole})


@delivers(SIGNAL)
def _signal(row: OutboxRow) -> Delivery:
    """Call the host's receivers, whom the process that owed it has not reached."""
    payload = row.payload or {}

    def call() -> None:
        if not call_receivers(payload):
            raise IDVerifyError("A receiver raised; the log tells which signal and what.")

    return Delivery(call)


def drain_owed(subject: str | None = None, *, until: Callable[[], bool] = never) -> Tally:
    """Try what is due, of one person or of all.

    :param until: asked between two pieces; true ends the work early.
    """
    theirs = OutboxRow.subject == subject if subject is not None else true()
    lease = max(_LEASE, longest_operation())
    make_way(OutboxRow, OutboxRow.next_try_at, until)
    return Tally.of(_deliver(row_id) for row_id in taken(OutboxRow, lease, theirs, until=until))


def _deliver(row_id: str) -> bool:
    """Deliver one leased row, and write down how that went; say whether it is done."""
    session = require_clean()
    try:
        row = session.get(OutboxRow, row_id, populate_existing=True)
        if row is None:
            return True
        prepare = _KINDS.get(row.kind)
        if prepare is None:
            raise ConfigurationError(f"This version delivers nothing of the kind {row.kind!r}.")
        delivery = prepare(row)
        session.rollback()  # no call inside an open transaction
        delivery.call()
        _done(row_id, delivery)
    except (IDVerifyError, ConfigurationError) as error:
        # Our words only: a vendor's own may quote what has just been erased here.
        _put_off(row_id, str(error), error if isinstance(error, VendorError) else None)
    except Exception as error:  # noqa: BLE001 - whatever it is, the row must stay owed
        # Only the type: the text of a stranger's exception may hold values.
        log.error("Delivering %s raised %s.", row_id, type(error).__name__)
        # Also what was done and could not be noted, e.g. in a chain that somebody has broken: a
        # row that only its lease held would be due again for ever, and stop those behind it.
        session.rollback()
        _put_off(row_id, f"Internal error: {type(error).__name__}")
    else:
        return True
    return False


@retrying
def _done(row_id: str, delivery: Delivery) -> None:
    session = require_clean()
    subject = session.scalar(select(OutboxRow.subject).where(OutboxRow.id == row_id))
    session.rollback()  # the first statement of a transaction is the one that writes
    gone: Any = session.execute(
        delete(OutboxRow).where(OutboxRow.id == row_id).execution_options(synchronize_session=False)
    )
    if subject is not None and delivery.action is not None and gone.rowcount == 1:
        # Once, also when a lease ran out and two have delivered.
        audit.append(
            session, subject, delivery.action, actor=audit.SYSTEM, facts=dict(delivery.facts)
        )
    session.commit()


@retrying
def _put_off(row_id: str, problem: str, answer: VendorError | None = None) -> None:
    """Keep the row owed; a vendor is not asked earlier than its *answer* wants."""
    session = require_clean()
    session.rollback()
    row = session.get(OutboxRow, row_id, populate_existing=True)
    if row is None:
        return
    row.error, row.leased_until = problem, None
    asked = patience(answer.retry_after if answer is not None else None)
    if isinstance(answer, VendorBusy):
        row.tries = max(row.tries - 1, 0)  # the provider's limit says nothing of this deletion
        row.next_try_at = clock.now() + asked
        session.commit()
        return
    wait = max(min(_FIRST_RETRY * 2 ** min(row.tries - 1, 10), _LAST_RETRY), asked)
    if row.tries < MAX_TRIES:
        row.next_try_at = clock.now() + wait
    elif row.kind == VENDOR_ERASURE:
        row.next_try_at = clock.now() + _DUTY_RETRY
        log.error(
            "A deletion at a vendor has failed %s times and is tried once a day from now on: %s",
            row.tries,
            problem,
        )
    else:
        row.next_try_at = None
        log.error("A delivery of the kind %s was given up: %s", row.kind, problem)
    session.commit()
