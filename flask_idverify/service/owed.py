"""What we owe others: written down in the transaction that makes it due, delivered afterwards.

:mod:`flask_idverify.outbox` delivers, kind by kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from .. import audit, clock
from ..engines import retrying
from ..models import OutboxRow
from .lists import chains_of_all
from .sessions import require_clean, session

#: The vendor has to delete what it holds: of one verification, or of a whole account.
VENDOR_ERASURE = "vendor_erasure"
#: The host's receivers have to hear of something.
SIGNAL = "signal"
#: What the audit log calls it when somebody has them tried again.
_RETRIED: Mapping[str, str] = {
    VENDOR_ERASURE: "deletions.retried",
    SIGNAL: "signals.retried",
}
#: About eight days of tries, so that neither a long weekend nor a lost password ends anything. Then
#: a signal is given up; a deletion, which is a duty, is tried once a day for ever.
MAX_TRIES = 200


def owe(
    current: Any,
    kind: str,
    *,
    subject: str,
    payload: dict[str, Any],
    provider_id: str | None = None,
    leased_until: datetime | None = None,
) -> OutboxRow:
    """Write down a delivery within the caller's transaction; it is due at once.

    :param subject: what the audit log calls the person it is about.
    :param payload: what the delivery needs to know; kept sealed.
    :param leased_until: until then nobody else delivers it.
    """
    row = OutboxRow(
        kind=kind,
        subject=subject,
        provider_id=provider_id,
        created_at=clock.now(),
        next_try_at=clock.now(),
        leased_until=leased_until,
    )
    row.payload = payload
    current.add(row)
    current.flush()
    return row


def owe_vendor_erasure(
    current: Any,
    *,
    subject: str,
    provider_id: str,
    account_id: str | None = None,
    vendor_reference: str | None = None,
) -> None:
    """Have the vendor delete one verification, or without *vendor_reference* the whole account."""
    payload = {"vendor_reference": vendor_reference, "account_id": account_id}
    owe(current, VENDOR_ERASURE, subject=subject, payload=payload, provider_id=provider_id)


def owed_of(subject: str) -> list[OutboxRow]:
    """Return the deletions that vendors still owe a person, oldest first."""
    owed = OutboxRow.subject == subject, OutboxRow.kind == VENDOR_ERASURE
    return list(session().scalars(select(OutboxRow).where(*owed).order_by(OutboxRow.created_at)))


def owe_again(subject: str, *, actor: str) -> int:
    """Make everything owed about a person due now, also what was given up; count it.

    Audited, commits.

    :param actor: who asked for it, e.g. ``admin:7``.
    """
    theirs = OutboxRow.subject == subject
    return sum(_due_now(kind, theirs, chains=[subject], actor=actor) for kind in _RETRIED)


def owe_all_again(kind: str, *, actor: str) -> int:
    """Make everything owed of one kind due now that was tried in vain; count it.

    What somebody is delivering at this moment is left to them. Audited, commits: what a provider
    owes in its chain; signals, which no provider owes, where a look at the whole log is noted.

    :param actor: who asked for it, e.g. ``admin:7``.
    """
    current = require_clean()
    failed = OutboxRow.kind == kind, OutboxRow.error.is_not(None)
    debtors = current.scalars(select(OutboxRow.provider_id).where(*failed).distinct()).all()
    free = or_(OutboxRow.leased_until.is_(None), OutboxRow.leased_until <= clock.now())
    count = 0
    for debtor in sorted(debtors, key=str):
        chains = [debtor] if debtor is not None else chains_of_all(current)
        which = OutboxRow.provider_id == debtor, OutboxRow.error.is_not(None), free
        count += _due_now(kind, *which, chains=chains, actor=actor)
    return count


@retrying
def _due_now(kind: str, *which: Any, chains: Sequence[str], actor: str) -> int:
    current = require_clean()
    current.rollback()  # the first statement of a transaction is the one that writes
    changed: Any = current.execute(
        update(OutboxRow)
        .where(OutboxRow.kind == kind, *which)
        .values(next_try_at=clock.now(), tries=0)
        .execution_options(synchronize_session=False)
    )
    count = int(changed.rowcount)
    facts = {"retried": count}
    for chain in chains if count else ():
        audit.append(current, chain, _RETRIED[kind], actor=actor, facts=facts)
    current.commit()
    return count
