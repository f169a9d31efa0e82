"""Retention: personal data of ended attempts goes after the days that the host has set.

Piece by piece, each in a transaction of its own, so that the app may run meanwhile and a run may
be broken off at any time: the next one finds what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import case, delete, func, select, update

from .. import audit, clock, runtime
from ..config_values import UNMATCHED
from ..locking import permitted
from ..models import CallbackRow, Identity, Verification
from ..signals import identity_erased
from ..states import Standing, Status
from . import wiping
from .announcing import announce, owe_signal
from .holds import held
from .overdue import (
    BATCH,
    counts_from,
    cutoffs,
    emptied,
    in_turn,
    old,
    old_callbacks,
    since,
)
from .owed import owe_vendor_erasure
from .sessions import require_clean
from .transitions import conclude
from .usage import forget_old


@dataclass
class Purged:
    """What a run removed, or would remove.

    :ivar attempts: attempts that lost their personal data, by status.
    :ivar identities: identities that lost claim and papers.
    :ivar callbacks: stored notifications deleted by their own age.
    :ivar attempts_callbacks: stored notifications deleted with their attempts.
    :ivar owed: deletions owed at vendors.
    :ivar held: attempts and identities passed over because of a legal hold.
    """

    attempts: Counter[str] = field(default_factory=Counter)
    identities: int = 0
    callbacks: int = 0
    attempts_callbacks: int = 0
    owed: int = 0
    held: int = 0

    @property
    def pieces(self) -> int:
        """How many pieces of work that was."""
        return self.attempts.total() + self.identities + self.callbacks


class _Run:
    """One run: what it has done, and when it has done enough."""

    def __init__(
        self, progress: Callable[[int], Any] | None, limit: int | None, *, dry: bool
    ) -> None:
        self.found = Purged()
        self.dry = dry
        self._progress = progress
        self._limit = limit

    def is_full(self) -> bool:
        return self._limit is not None and self.found.pieces >= self._limit

    def room(self) -> int:
        """Return how many pieces the next statement may take."""
        return BATCH if self._limit is None else min(BATCH, self._limit - self.found.pieces)

    def seen(self, pieces: int = 1) -> None:
        if self._progress is not None:
            self._progress(pieces)


def _is_held(identity_id: str) -> bool:
    """Ask the host anew for each piece: a run takes long, and a hold counts at once."""
    identity = require_clean().get(Identity, identity_id, populate_existing=True)
    kept = identity is not None and held(identity) is not None
    require_clean().rollback()
    return kept


def is_configured() -> bool:
    """Whether the host has set any time at all."""
    return bool(runtime.current().settings.retention_days)


def due() -> int:
    """Return about how many pieces a run has to look at; for a progress bar. Only reads."""
    session = require_clean()
    count = 0
    for name, before in cutoffs():
        query = select(func.count()).where(
            old_callbacks(before) if name == UNMATCHED else old(Status(name), before)
        )
        count += int(session.scalar(query) or 0)
    count += int(session.scalar(select(func.count()).where(emptied())) or 0)
    session.rollback()
    return count


def purge(
    *,
    progress: Callable[[int], Any] | None = None,
    limit: int | None = None,
    dry_run: bool = False,
) -> Purged:
    """Remove the personal data whose days (``IDVERIFY_RETENTION_DAYS``) are over; audited.

    An approved attempt that carries a live standing stays until that ends (its papers running out
    is an end), and its days count from then. One that waits for a person ends as expired. The
    vendors' deletions are owed. An identity whose standing is over and whose attempts are all gone
    loses everything too, and ``identity_erased`` is sent. A legal hold skips. Numbers of calls to
    vendors go after 400 days, whatever is set.

    :param progress: called with the number of pieces looked at since the last call.
    :param limit: stop after so many pieces; the next run goes on.
    :param dry_run: only count. What follows from other removals of the run is then not counted.
    """
    run = _Run(progress, limit, dry=dry_run)
    if not dry_run:
        forget_old(clock.now())
    for name, before in cutoffs():
        if name == UNMATCHED:
            _purge_callbacks(run, before)
        else:
            _purge_attempts(run, Status(name), before)
    if is_configured():
        _purge_identities(run)
    return run.found


def _purge_attempts(run: _Run, status: Status, before: datetime) -> None:
    overdue = old(status, before)
    for key in in_turn(Verification, since(status), overdue):
        if run.is_full():
            return
        run.seen()
        session = require_clean()
        row = session.get(Verification, key, populate_existing=True)
        identity_id = row.identity_id if row is not None else ""
        early = row is None or (status is Status.approved and counts_from(row) >= before)
        session.rollback()
        if early:
            continue
        if _is_held(identity_id):
            run.found.held += 1
        elif run.dry:
            run.found.attempts[str(status)] += 1
            run.found.attempts_callbacks += wiping.count_callbacks(session, key)
            session.rollback()
        else:
            _purge_attempt(run, key, status, overdue)


def _purge_attempt(run: _Run, key: str, status: Status, overdue: Any) -> None:
    """Wipe one attempt if it still is what it was a moment ago, and commit."""
    session = require_clean()
    # First of all take the row; only then read what the vendor has to be told.
    taken: Any = session.execute(
        update(Verification)
        .where(Verification.id == key, overdue)
        .values(next_poll_at=None)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:
        session.rollback()
        return
    row = session.get_one(Verification, key, populate_existing=True)
    subject = row.identity.subject
    owed = bool(row.vendor_reference)
    if owed:
        owe_vendor_erasure(
            session,
            subject=subject,
            provider_id=row.provider_id,
            account_id=row.account_id,
            vendor_reference=row.vendor_reference,
        )
    if not status.is_final:
        conclude(session, row, Status.expired, actor=audit.SYSTEM, retryable=True)
    callbacks = wiping.drop_callbacks(session, [key])
    wiping.wipe_attempts(session, Verification.id == key, now=clock.now())
    wiping.drop_notes(session, wiping.notes_of(session, subject, key))
    audit.append(
        session,
        subject,
        "verification.purged",
        actor=audit.SYSTEM,
        facts={"verification": key, "status": str(status), "callbacks": callbacks},
    )
    session.commit()
    announce()
    run.found.attempts[str(status)] += 1
    run.found.attempts_callbacks += callbacks
    run.found.owed += owed


def _purge_identities(run: _Run) -> None:
    for key in in_turn(Identity, Identity.created_at, emptied()):
        if run.is_full():
            return
        run.seen()
        if _is_held(key):
            run.found.held += 1
        elif run.dry:
            run.found.identities += 1
        else:
            _purge_identity(run, key)


def _purge_identity(run: _Run, key: str) -> None:
    session = require_clean()
    row = session.get_one(Identity, key, populate_existing=True)
    kept = wiping.kept_fingerprint(session, row)
    subject = row.subject
    session.rollback()
    with permitted():
        taken: Any = session.execute(
            update(Identity)
            .where(Identity.id == key, emptied())
            .values(
                claim_sealed=None,
                document_sealed=None,
                former_user_id_sealed=None,
                number_fingerprint=kept,
                # Without facts nothing is locked, and the person may start anew.
                standing=case(
                    (Identity.standing == Standing.expired, Standing.unverified),
                    else_=Identity.standing,
                ),
                expires_at=None,
                updated_at=clock.now(),
            )
            .execution_options(synchronize_session=False)
        )
    if taken.rowcount != 1:
        session.rollback()
        return
    row = session.get_one(Identity, key, populate_existing=True)
    accounts = wiping.accounts_of(session, row.user_id)
    run.found.owed += wiping.settle_accounts(session, subject, [], accounts)
    wiping.drop_notes(session, wiping.notes_of(session, subject))
    audit.append(session, subject, "identity.purged", actor=audit.SYSTEM)
    owe_signal(session, identity_erased, subject=subject, user_id=row.user_id, identity=key)
    session.commit()
    announce()
    run.found.identities += 1


def _purge_callbacks(run: _Run, before: datetime) -> None:
    overdue = old_callbacks(before)
    keys = in_turn(CallbackRow, CallbackRow.received_at, overdue)
    while not run.is_full() and (batch := list(islice(keys, BATCH))):
        run.seen(len(batch))
        session = require_clean()
        rows = session.execute(
            select(CallbackRow.id, CallbackRow.provider_id, Verification.identity_id)
            .outerjoin(Verification, Verification.id == CallbackRow.verification_id)
            .where(CallbackRow.id.in_(batch))
        ).all()
        session.rollback()
        kept = {key for key in {row.identity_id for row in rows} - {None} if _is_held(key)}
        free = [row for row in rows if row.identity_id not in kept]
        free = free[: run.room()]
        if run.dry:
            run.found.callbacks += len(free)
            continue
        for provider_id in sorted({row.provider_id for row in free}):
            chosen = [row.id for row in free if row.provider_id == provider_id]
            gone: Any = session.execute(
                delete(CallbackRow)
                .where(CallbackRow.id.in_(chosen), overdue)
                .execution_options(synchronize_session=False)
            )
            audit.append(
                session,
                provider_id,
                "callbacks.purged",
                actor=audit.SYSTEM,
                facts={"callbacks": gone.rowcount},
            )
            session.commit()
            run.found.callbacks += gone.rowcount
