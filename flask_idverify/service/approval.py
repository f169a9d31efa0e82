"""Approving locks an identity, revoking takes that back; duplicates are looked for in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from typing import Any

from sqlalchemy import or_, select, update

from .. import audit, clock, runtime
from ..claims import Document
from ..locking import permitted
from ..matching import normalised_number
from ..models import Identity, Verification
from ..policy import Policy, Verdict, expires_on
from ..states import Reason, Standing, Status
from .transitions import conclude


def approve(
    session: Any,
    verification: Verification,
    document: Document | None,
    policy: Policy,
    *,
    actor: str,
    values: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    note: str | None = None,
    by_admin: bool = False,
    held: Status | None = None,
) -> bool:
    """Approve and, unless it is a test, lock the identity, in one transaction.

    The caller commits. Called for a vendor's decision that policy let pass, or for an admin's.
    """
    moved = conclude(
        session,
        verification,
        Status.approved,
        actor=actor,
        by_admin=by_admin,
        held=held,
        values=values,
        facts=facts,
        note=note,
    )
    if not moved or verification.is_test:
        return moved
    identity = verification.identity
    now = clock.now()
    last_day = expires_on(document, policy, now.date())
    if by_admin and last_day is not None and last_day < now.date():
        # Whoever signs for papers that have run out means more than a standing that is over.
        last_day = expires_on(document, replace(policy, expired_documents="accept"), now.date())
    expires_at = (
        datetime.combine(last_day + timedelta(days=1), time(), timezone.utc) if last_day else None
    )
    claim = verification.claim
    with permitted():
        locked = session.execute(
            update(Identity)
            .where(
                Identity.id == identity.id,
                or_(Identity.standing != Standing.verified, Identity.expires_at <= now),
            )
            .values(
                standing=Standing.verified,
                verified_at=now,
                expires_at=expires_at,
                verification_id=verification.id,
                claim_sealed=Identity.claim.seal(identity, claim) if claim else None,
                document_sealed=Identity.document.seal(identity, document) if document else None,
                number_fingerprint=fingerprint(document),
                updated_at=now,
            )
            .execution_options(synchronize_session=False)
        )
    session.expire(identity)
    if locked.rowcount == 1:
        audit.append(
            session,
            identity.subject,
            "identity.verified",
            actor=actor,
            facts={"verification": verification.id, "from": "", "to": str(Standing.verified)},
        )
        _write_profile(session, identity)
    return True


def _write_profile(session: Any, identity: Identity) -> None:
    """Let the host copy verified facts into its own columns before the lock falls over them."""
    writer = runtime.current().hooks.profile
    if writer is not None:
        with permitted():
            writer(identity)
            session.flush()


def revoke(session: Any, verification: Verification, *, actor: str) -> None:
    """Take the standing that *verification* gave. The caller commits."""
    identity = verification.identity
    with permitted():
        changed = session.execute(
            update(Identity)
            .where(
                Identity.id == identity.id,
                Identity.verification_id == verification.id,
                Identity.standing.in_((Standing.verified, Standing.expired)),
            )
            .values(standing=Standing.revoked, updated_at=clock.now())
            .execution_options(synchronize_session=False)
        )
    session.expire(identity)
    if changed.rowcount == 1:
        audit.append(
            session,
            identity.subject,
            "identity.revoked",
            actor=actor,
            facts={"verification": verification.id},
        )


def fingerprint(document: Document | None) -> str | None:
    """Return the keyed digest under which the same papers are found again, if they are legible."""
    data = papers_of(document)
    return runtime.current().fingerprint_macs.tagged(data) if data else None


def is_duplicate(session: Any, verification: Verification, document: Document | None) -> bool:
    """Whether the same papers verified somebody else before."""
    data = papers_of(document)
    if data is None:
        return False
    found = session.scalar(
        select(Identity.id).where(
            Identity.number_fingerprint.in_(runtime.current().fingerprint_macs.all_tagged(data)),
            Identity.id != verification.identity_id,
            Identity.standing.in_((Standing.verified, Standing.expired, Standing.revoked)),
        )
    )
    return found is not None


def against_locked(verification: Verification, verdict: Verdict) -> Verdict:
    """Let nobody confirm a verified identity with the papers of another claim."""
    if verdict.status is Status.approved and claims_another(verification):
        return Verdict(
            status=Status.in_review,
            reasons=(Reason.claim_mismatch,),
            retryable=False,
            rule="identity",
            match=verdict.match,
        )
    return verdict


def claims_another(verification: Verification) -> bool:
    """Whether the attempt's claim is not the one that its verified identity is locked to."""
    identity = verification.identity
    return (
        not verification.is_test and identity.is_verified and identity.claim != verification.claim
    )


def papers_of(document: Document | None) -> bytes | None:
    """Return what makes papers the same as others, or ``None`` when that was not read."""
    if document is None or not document.number:
        return None
    number = normalised_number(document.number)
    return f"{document.type}|{document.country}|{number}".encode() if number else None
