"""One attempt before and after the vendor was asked: recorded, then opened or failed."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from .. import audit, clock
from ..claims import Claim
from ..engines import retrying
from ..errors import (
    AttemptLimitReached,
    ProviderUnusable,
    TransitionRefused,
    VendorError,
    VerificationInProgress,
)
from ..models import Identity, Provider, VendorAccount, Verification
from ..phrases import phrase
from ..signals import verification_started
from ..states import LOCKED_STANDINGS, Reason, Standing, Status
from ..types import Started
from .announcing import announce, owe_signal
from .gates import pass_gate
from .owed import owe_vendor_erasure
from .routing import require_attempts_left
from .schedule import next_poll
from .sessions import require_clean
from .transitions import conclude, move, set_standing

log = logging.getLogger("flask_idverify")


@retrying
def record(
    verification: Verification, identity: Identity, claim: Claim, *, limit: int | None
) -> None:
    """Commit the attempt before the vendor hears of it; the unique key lets one of two win.

    Counting the user's attempts and adding one is a single step: whoever starts several at once
    has them counted one after the other.

    :param limit: how many attempts the user has in 24 hours; ``None`` does not count.
    :raises AttemptLimitReached: they are used up; nothing was recorded.
    :raises VerificationInProgress: another request records an attempt for the same application.
    :raises ProviderUnusable: the provider is gone.
    """
    session = require_clean()
    if limit is not None:
        # A new transaction, of which the gate is the first statement.
        session.rollback()
        pass_gate(session, f"attempts of {verification.identity_id}".encode())
        try:
            require_attempts_left(verification.identity_id, limit)
        except AttemptLimitReached:
            session.rollback()
            raise
    key, provider_id = verification.active_key, verification.provider_id
    session.add(verification)
    try:
        session.flush()
    except IntegrityError:
        session.rollback()
        _require_provider(session, provider_id)
        # Without a key there is none that could stand in the way, and any would be a stranger's.
        theirs = select(Verification).where(Verification.active_key == key)
        found = session.scalar(theirs) if key is not None else None
        raise VerificationInProgress(phrase("This verification is being started."), found) from None
    _require_provider(session, provider_id)
    _require_their_own(session, verification, identity)
    if not verification.is_test:
        _state_claim(session, identity, claim)
    audit.append(
        session,
        identity.subject,
        "verification.created",
        # Also of a test: the chain cannot forget a user's id, which an erasure has to.
        actor="user",
        facts={
            "verification": verification.id,
            "provider": verification.provider_id,
            "application": verification.application_id,
            "test": verification.is_test,
            "policy": verification.policy,
        },
    )
    session.commit()


def _require_provider(session: Any, provider_id: str) -> None:
    """Refuse a start whose provider was deleted since it was read; some engines let it pass."""
    if session.scalar(select(Provider.id).where(Provider.id == provider_id)) is None:
        session.rollback()
        raise ProviderUnusable(phrase("The provider was deleted a moment ago."))


def _require_their_own(session: Any, verification: Verification, identity: Identity) -> None:
    """Refuse a start for a person who was erased or closed since their identity was read.

    The update makes the two follow each other: an erasure after it sees this attempt.
    """
    own = session.execute(
        update(Identity)
        .where(
            Identity.id == identity.id,
            Identity.user_id == verification.user_id,
            Identity.erased_at.is_(None),
        )
        .values(updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if own.rowcount != 1:
        session.rollback()
        raise TransitionRefused(phrase("The user's identity was erased or closed a moment ago."))


def _state_claim(session: Any, identity: Identity, claim: Claim) -> None:
    """Keep the claim, unless the identity is locked by now: another attempt may just have won."""
    session.execute(
        update(Identity)
        .where(Identity.id == identity.id, Identity.standing.not_in(LOCKED_STANDINGS))
        .values(claim_sealed=Identity.claim.seal(identity, claim), updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    session.expire(identity)
    set_standing(session, identity.id, Standing.unverified, Standing.pending)


def opened(verification: Verification, started: Started) -> None:
    """Write the vendor's answer down and tell; a callback may have been faster.

    :raises TransitionRefused: the person was erased while the vendor was asked. What the vendor
        has made is owed a deletion.
    """
    _write_opened(verification, started)
    if started.account_id:
        _remember_account(require_clean(), verification, started.account_id)
    announce()


@retrying
def _write_opened(verification: Verification, started: Started) -> None:
    session = require_clean()
    moved = move(
        session,
        verification,
        Status.started,
        values={
            "vendor_reference": started.vendor_reference,
            "account_id": started.account_id,
            "facts": dict(started.facts),
            "answer": dict(started.answer) if verification.is_test else {},
            "redirect_url_sealed": Verification.redirect_url.seal(
                verification, started.redirect_url
            ),
            "link_expires_at": started.link_expires_at,
            "started_at": clock.now(),
            "next_poll_at": next_poll(started.link_expires_at, clock.now()),
        },
    )
    if not moved:
        # A callback was faster than the answer; keep what only the answer holds.
        kept: Any = session.execute(
            update(Verification)
            .where(Verification.id == verification.id, Verification.erased_at.is_(None))
            .values(
                vendor_reference=started.vendor_reference,
                account_id=started.account_id,
                facts=dict(started.facts),
                link_expires_at=started.link_expires_at,
            )
            .execution_options(synchronize_session=False)
        )
        session.expire(verification)
        if kept.rowcount != 1:
            _opened_too_late(session, verification, started)
    audit.append(
        session,
        verification.identity.subject,
        "verification.started",
        actor=audit.VENDOR,
        # Not the vendor's reference: the chain could never let go of it.
        facts={"verification": verification.id},
    )
    owe_signal(
        session,
        verification_started,
        subject=verification.identity.subject,
        verification=verification.id,
    )
    session.commit()


def _opened_too_late(session: Any, verification: Verification, started: Started) -> NoReturn:
    """Have the vendor delete what it made for a person who was erased meanwhile."""
    subject = verification.identity.subject
    owe_vendor_erasure(
        session,
        subject=subject,
        provider_id=verification.provider_id,
        account_id=started.account_id,
        # With an account, all of it: the person is gone, and nothing else may stand in it.
        vendor_reference=None if started.account_id else started.vendor_reference,
    )
    facts = {"verification": verification.id}
    audit.append(session, subject, "vendor.erasure_owed", actor=audit.SYSTEM, facts=facts)
    session.commit()
    raise TransitionRefused(
        phrase("The user's data was erased while the verification was being started.")
    )


@retrying
def _remember_account(session: Any, verification: Verification, account_id: str) -> None:
    """Keep the vendor's account for the next time; the attempt is safe already."""
    there: Any = session.execute(
        update(Verification)
        .where(Verification.id == verification.id, Verification.erased_at.is_(None))
        .values(account_id=account_id)
        .execution_options(synchronize_session=False)
    )
    if there.rowcount != 1:
        session.rollback()  # erased since; the account is owed a deletion
        return
    session.refresh(verification)
    row = session.scalar(
        select(VendorAccount).where(
            VendorAccount.user_id == verification.user_id,
            VendorAccount.provider_id == verification.provider_id,
        )
    )
    if row is None:
        row = VendorAccount(
            user_id=verification.user_id, provider_id=verification.provider_id, account_id=""
        )
        session.add(row)
    row.account_id = account_id
    try:
        session.commit()
    except IntegrityError:
        session.rollback()  # another start of the same user has just kept theirs


def failed(verification: Verification, error: Exception) -> None:
    """End an attempt that the vendor did not open; its words are kept for the admin."""
    told = code = type(error).__name__
    status = None
    if isinstance(error, VendorError):
        told, code, status = f"{error} {error.detail}".strip(), error.code, error.status
    _write_failed(verification, told, {"error": code, "vendor_status": status})
    # Our words only: the vendor's may quote what was sent. They are on the attempt, for the admin.
    why = str(error) if isinstance(error, VendorError) else code
    log.warning("Verification %s could not be started: %s", verification.id, why)
    announce()


@retrying
def _write_failed(verification: Verification, told: str, facts: dict[str, Any]) -> None:
    session = require_clean()
    conclude(
        session,
        verification,
        Status.error,
        actor=audit.SYSTEM,
        reasons=[Reason.start_failed],
        retryable=True,
        values={"vendor_message": told},
        facts=facts,
    )
    session.commit()
