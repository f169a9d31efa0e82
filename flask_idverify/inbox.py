"""The durable inbox: what arrived is stored, then believed; and all that is owed is done.

Acting on a stored callback is :mod:`flask_idverify.processing`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from . import clock, runtime
from .encryption import digest_of_secret
from .engines import retrying
from .leases import Tally, never
from .models import CallbackRow, OutboxRow, Provider, Verification
from .outbox import drain_owed
from .processing import drain_callbacks
from .service.backoff import not_backed_off
from .service.expiry import expire_due
from .service.polling import poll_soon
from .service.sessions import require_clean
from .upkeep import drain_polls, end_silent


@retrying
def receive(
    provider_key: str, verification_key: str | None, body: bytes, content_type: str
) -> bool:
    """Store a notification and commit; ``False`` when a key is wrong (nothing is stored).

    Without *verification_key* it came to the bare URL: it is matched by reference later. The
    same body for the same verification is stored once, and a repetition still counts as a nudge.
    """
    session = require_clean()
    provider = session.scalar(
        select(Provider).where(Provider.callback_key_digest == digest_of_secret(provider_key))
    )
    if provider is None:
        return False
    verification = None
    if verification_key is not None:
        verification = session.scalar(
            select(Verification).where(
                Verification.callback_key_digest == digest_of_secret(verification_key),
                Verification.provider_id == provider.id,
            )
        )
        if verification is None:
            return False
        if verification.erased_at is not None:
            session.rollback()
            return True  # there is nothing left that it could be about
    verification_id = verification.id if verification else None
    scope = verification_id or provider.id
    # Under every key: it may have come before a rotation.
    digests = runtime.current().fingerprint_macs.all_tagged(body)
    row = CallbackRow(
        provider_id=provider.id,
        verification_id=verification_id,
        scope=scope,
        digest=digests[0],
        content_type="".join(filter(str.isprintable, content_type))[:100],
        received_at=clock.now(),
        next_try_at=clock.now(),
    )
    row.body = body
    try:
        known = _known(scope, digests) if len(digests) > 1 else None
        if known is None:
            session.add(row)
            session.commit()
            return True
        session.rollback()
    except IntegrityError:
        session.rollback()
        known = _known(scope, digests)
        if known is None:
            raise  # it was not refused as a repetition, so it is not stored
    if known.verification_id is not None:
        poll_soon(known.verification_id)
    return True


def _known(scope: str, digests: list[str]) -> Any:
    """Return the id of the same callback, and whose it is by now; ``None`` when there is none."""
    query = select(CallbackRow.id, CallbackRow.verification_id).where(
        CallbackRow.scope == scope, CallbackRow.digest.in_(digests)
    )
    return require_clean().execute(query).first()


def is_provider_key(provider_key: str) -> bool:
    """Whether a bare callback URL with this key is ours; for the connection probe."""
    found = require_clean().scalar(
        select(Provider.id).where(Provider.callback_key_digest == digest_of_secret(provider_key))
    )
    return found is not None


def drain(until: Callable[[], bool] = never) -> int:
    """Do what is due now, as :func:`work_through`; return how many pieces were tried."""
    return sum(work_through(until))


def work_through(until: Callable[[], bool] = never) -> Tally:
    """Do what is due now: callbacks, polls, endings, deliveries; say what became of it.

    In rounds of one batch of each kind: however fast one kind comes in, the others get their turn.

    :param until: asked between pieces, with nothing written that is not committed; true ends the
        work early.
    """
    steps: tuple[Callable[[], Tally], ...] = (
        lambda: drain_callbacks(until=until),
        lambda: drain_polls(until),
        _end_what_is_over,
        lambda: drain_owed(until=until),
    )
    done, failed, busy = 0, 0, True
    while busy:
        busy = False
        for step in steps:
            if until():
                return Tally(done, failed)
            tally = step()
            done, failed = done + tally.done, failed + tally.failed
            busy = busy or sum(tally) > 0
    return Tally(done, failed)


def _end_what_is_over() -> Tally:
    return Tally(end_silent() + expire_due())


def next_due() -> datetime | None:
    """Return when the next piece of work falls due that nobody is doing, if anything is owed."""
    session = require_clean()
    found = earliest(session)
    session.rollback()
    return found


def earliest(session: Any, *, after_peace: bool = False) -> datetime | None:
    """Return what :func:`next_due` does, within the caller's transaction.

    :param after_peace: take what had to wait for a vendor's peace as due from its end only; no
        index helps to find that.
    """
    now = clock.now()
    # What waits for a vendor's peace to end falls due together; what comes later is not looked at,
    # since all that was moved to that end stands there.
    standing = select(func.min(Provider.backed_off_until)).where(Provider.backed_off_until > now)
    peace = session.scalar(standing)
    found = [
        session.scalar(
            _from_peace_on(column, provider_id, needed=after_peace)
            .where(
                column.is_not(None) if peace is None else column < peace,
                or_(lease.is_(None), lease < now),
                not_backed_off(provider_id),
            )
            .limit(1)
        )
        for column, lease, provider_id in (
            (CallbackRow.next_try_at, CallbackRow.leased_until, CallbackRow.provider_id),
            (Verification.next_poll_at, Verification.leased_until, Verification.provider_id),
            (OutboxRow.next_try_at, OutboxRow.leased_until, OutboxRow.provider_id),
        )
    ]
    return min((moment for moment in (*found, peace) if moment is not None), default=None)


def _from_peace_on(column: Any, provider_id: Any, *, needed: bool) -> Any:
    if not needed:
        return select(column).order_by(column)
    sender = aliased(Provider)
    peace = sender.backed_off_until
    moment = case((peace > column, peace), else_=column)
    theirs = sender.id == provider_id
    return select(moment).outerjoin_from(column.class_, sender, theirs).order_by(moment)
