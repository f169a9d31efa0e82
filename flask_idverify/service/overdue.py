"""What has outlived its days: which attempts, callbacks and identities retention removes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, func, or_, select

from .. import clock, runtime
from ..models import AuditEntry, CallbackRow, Identity, VendorAccount, Verification
from ..states import Standing, Status
from .sessions import require_clean

BATCH = 200
#: Ends of a standing, in the log: from then on the time of the approval behind it counts.
_ENDS = (
    *("identity.verified", "identity.reset", "identity.closed", "identity.revoked"),
    "identity.expired",
)
_OVER = (Standing.unverified, Standing.expired, Standing.revoked)


def cutoffs() -> list[tuple[str, datetime]]:
    """Return each kind that the host gave a time, and before which moment it is over."""
    now = clock.now()
    days = runtime.current().settings.retention_days
    return [(name, now - timedelta(days=count)) for name, count in days]


def since(status: Status) -> Any:
    """Return the moment from which an attempt's days count: its end, or of a review its begin."""
    if status is Status.in_review:
        return func.coalesce(
            Verification.captured_at, Verification.fetched_at, Verification.created_at
        )
    return Verification.finished_at


def old(status: Status, before: datetime) -> Any:
    """Attempts that ended long ago, or have waited so long, and verify nobody now."""
    carries = exists().where(
        Identity.verification_id == Verification.id, Identity.standing == Standing.verified
    )
    return and_(
        Verification.status == status,
        Verification.erased_at.is_(None),
        since(status) < before,
        ~carries,
    )


def old_callbacks(before: datetime) -> Any:
    """What matched nothing, and what nobody will look at any more."""
    settled = or_(CallbackRow.verification_id.is_(None), CallbackRow.next_try_at.is_(None))
    return and_(CallbackRow.received_at < before, settled)


def emptied() -> Any:
    """Identities whose standing is over and of whose attempts nothing personal is left.

    What is left of them is their own: facts, a deleted user's id, an account at a vendor, words
    about them in the audit log.
    """
    full = exists().where(Verification.identity_id == Identity.id, Verification.erased_at.is_(None))
    account = exists().where(VendorAccount.user_id == Identity.user_id)
    note = exists().where(
        AuditEntry.subject == Identity.subject, AuditEntry.note_sealed.is_not(None)
    )
    return and_(
        Identity.standing.in_(_OVER),
        Identity.erased_at.is_(None),
        or_(
            Identity.claim_sealed.is_not(None),
            Identity.document_sealed.is_not(None),
            Identity.former_user_id_sealed.is_not(None),
            account,
            note,
        ),
        ~full,
    )


def in_turn(table: Any, moment: Any, which: Any) -> Iterator[Any]:
    """Yield ids and moments in order, batch by batch; what is gone meanwhile shifts nothing."""
    after: tuple[datetime, str] | None = None
    while True:
        query = select(table.id, moment).where(which).order_by(moment, table.id).limit(BATCH)
        if after is not None:
            later = or_(moment > after[0], and_(moment == after[0], table.id > after[1]))
            query = query.where(later)
        session = require_clean()
        rows = session.execute(query).all()
        session.rollback()
        yield from (row[0] for row in rows)
        if len(rows) < BATCH:
            return
        after = (rows[-1][1], rows[-1][0])


def counts_from(row: Verification) -> datetime:
    """Return when the days of an approval began: its own end, or the end of what it carried."""
    session = require_clean()
    entries = session.execute(
        select(AuditEntry.action, AuditEntry.facts, AuditEntry.at)
        .where(AuditEntry.subject == row.identity.subject, AuditEntry.action.in_(_ENDS))
        .order_by(AuditEntry.sequence)
    ).all()
    ended: datetime = row.finished_at or row.created_at
    carried = False
    for action, facts, moment in entries:
        if action == "identity.verified" and facts.get("verification") == row.id:
            carried = True
        elif carried:
            began: datetime = max(ended, moment)
            return began
    return ended
