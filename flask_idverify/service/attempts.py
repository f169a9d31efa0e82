"""One attempt before and after the vendor was asked: recorded, then opened or failed."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from .. import audit, clock
from ..claims import Claim
from ..errors import VendorError, VerificationInProgress
from ..models import Identity, VendorAccount, Verification
from ..signals import tell, verification_started, verification_updated
from ..states import LOCKED_STANDINGS, Reason, Standing, Status
from ..types import Started
from .schedule import first_poll
from .sessions import require_clean
from .transitions import conclude, move, set_standing

log = logging.getLogger("flask_idverify")


def record(verification: Verification, identity: Identity, claim: Claim) -> None:
    """Commit the attempt before the vendor hears of it; the unique key lets one of two win."""
    session = require_clean()
    session.add(verification)
    try:
        session.flush()
    except IntegrityError:
        session.rollback()
        found = session.scalar(
            select(Verification).where(Verification.active_key == verification.active_key)
        )
        raise VerificationInProgress("This verification is being started.", found) from None
    if not verification.is_test:
        _state_claim(session, identity, claim)
    audit.append(
        session,
        identity.subject,
        "verification.created",
        actor=f"admin:{verification.user_id}" if verification.is_test else "user",
        facts={
            "verification": verification.id,
            "provider": verification.provider_id,
            "application": verification.application_id,
            "test": verification.is_test,
            "policy": verification.policy,
        },
    )
    session.commit()


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
    """Write the vendor's answer down and tell; a callback may have been faster."""
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
            "next_poll_at": first_poll(started.link_expires_at),
        },
    )
    if not moved:
        # A callback was faster than the answer; keep what only the answer holds.
        session.execute(
            update(Verification)
            .where(Verification.id == verification.id)
            .values(
                vendor_reference=started.vendor_reference,
                account_id=started.account_id,
                facts=dict(started.facts),
                link_expires_at=started.link_expires_at,
            )
            .execution_options(synchronize_session=False)
        )
        session.expire(verification)
    audit.append(
        session,
        verification.identity.subject,
        "verification.started",
        actor=audit.VENDOR,
        facts={"verification": verification.id, "vendor_reference": started.vendor_reference},
    )
    session.commit()
    if started.account_id:
        _remember_account(session, verification, started.account_id)
    tell(verification_started, verification=verification)


def _remember_account(session: Any, verification: Verification, account_id: str) -> None:
    """Keep the vendor's account for the next time; the attempt is safe already."""
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
    session = require_clean()
    told = code = type(error).__name__
    status = None
    if isinstance(error, VendorError):
        told, code, status = f"{error} {error.detail}".strip(), error.code, error.status
    moved = conclude(
        session,
        verification,
        Status.error,
        actor=audit.SYSTEM,
        reasons=[Reason.start_failed],
        retryable=True,
        values={"vendor_message": told},
        facts={"error": code, "vendor_status": status},
    )
    session.commit()
    # Our words only: the vendor's may quote what was sent. They are on the attempt, for the admin.
    why = str(error) if isinstance(error, VendorError) else code
    log.warning("Verification %s could not be started: %s", verification.id, why)
    if moved:
        tell(verification_updated, verification=verification)
