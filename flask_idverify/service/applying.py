"""What a fetched outcome makes of an attempt, once: the heart of the product."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import update

from .. import audit, clock
from ..engines import retrying
from ..errors import TransitionRefused
from ..models import Verification
from ..phrases import phrase
from ..policy import Policy, judge
from ..signals import decision_reversed
from ..states import Status
from ..types import Outcome
from .announcing import owe_signal
from .approval import against_locked, approve, is_duplicate, papers_of, revoke
from .gates import pass_gate
from .polling import note_fetch, schedule_next
from .related import resolve, unknown
from .sessions import require_clean
from .transitions import conclude


@retrying
def apply_outcome(
    verification: Verification, outcome: Outcome, policy: Policy, required: frozenset[str]
) -> None:
    """Turn an outcome into a transition, once, whoever else is doing the same."""
    session = require_clean()
    session.refresh(verification)
    if verification.erased_at is not None:
        session.rollback()  # erased while the vendor was asked: nothing of the answer is kept
        return
    if outcome.status in (Status.started, Status.processing):
        _progress(session, verification, outcome)
        return
    claim = verification.claim
    if claim is None:
        raise TransitionRefused(
            phrase("The claim of this verification was erased; it cannot be judged.")
        )
    if papers := papers_of(outcome.document):
        # The same papers on two accounts at once: the second must see the first.
        session.rollback()
        pass_gate(session, papers)
    verdict = judge(
        outcome,
        claim,
        _of_the_same_person(verification, policy),
        today=clock.now().date(),
        required_checks=required,
        duplicate=is_duplicate(session, verification, outcome.document),
    )
    verdict = against_locked(verification, verdict)
    accepted = outcome.checks
    if verdict.status is Status.approved:
        accepted |= required & outcome.warned
    related = resolve(session, verification, outcome.related)
    values: dict[str, Any] = {
        "related": related,
        "findings": [finding.to_dict() for finding in outcome.findings],
        "checks": sorted(accepted),
        "rule": verdict.rule,
        "risk": outcome.risk,
        "fetched_at": clock.now(),
        "leased_until": None,
        "vendor_message": None,
    }
    if outcome.document is not None:
        values["document_sealed"] = Verification.document.seal(verification, outcome.document)
    facts: dict[str, Any] = {
        "rule": verdict.rule,
        "vendor_status": str(outcome.status),
        "risk": outcome.risk,
        **_faces(len(related), unknown(session, verification, outcome.related)),
    }
    if verdict.status is Status.approved:
        moved = approve(
            session,
            verification,
            outcome.document,
            policy,
            actor=audit.VENDOR,
            values=values,
            facts=facts,
        )
    else:
        moved = conclude(
            session,
            verification,
            verdict.status,
            actor=audit.VENDOR,
            reasons=verdict.reasons,
            retryable=verdict.retryable,
            values=values,
            facts=facts,
        )
    if not moved:
        _reversal(session, verification, outcome, policy)
    note_fetch(session, verification)
    session.commit()
    session.refresh(verification)


def _faces(related: int, strangers: int) -> dict[str, int]:
    """Return in how many attempts the same face was seen; not in which, since the chain could
    never let go of them.
    """
    counted = {"related": related, "related_unknown": strangers}
    return {name: count for name, count in counted.items() if count}


def _progress(session: Any, verification: Verification, outcome: Outcome) -> None:
    """The vendor is not done: move forward if that is news, and ask again later."""
    now = clock.now()
    values: dict[str, Any] = {}
    if outcome.status is Status.processing and verification.captured_at is None:
        values["captured_at"] = now
    conclude(session, verification, outcome.status, actor=audit.VENDOR, values=values)
    note_fetch(session, verification)
    schedule_next(session, verification, now)
    session.commit()
    session.refresh(verification)


def _of_the_same_person(verification: Verification, policy: Policy) -> Policy:
    """Return the policy under which a further approval may confirm a verified identity.

    Its checks will count for every application, so the papers must bear the locked name and
    number even where this link does not ask for them.
    """
    if verification.is_test or not verification.identity.is_verified:
        return policy
    return replace(policy, match_name=True, match_number=True)


def _reversal(session: Any, verification: Verification, outcome: Outcome, policy: Policy) -> None:
    """Flag, once, that the vendor contradicts the decision we hold; revoke if policy says so."""
    contradicts = {verification.status, outcome.status} == {Status.approved, Status.rejected}
    # A rejection of ours (claim, age, country) is no contradiction of the vendor's approval.
    if not contradicts or (
        verification.status is Status.rejected and verification.rule != "vendor"
    ):
        return
    signed = verification.decided_by is not None
    if signed and verification.findings == [finding.to_dict() for finding in outcome.findings]:
        return  # what the admin overruled, told once more
    flagged = session.execute(
        update(Verification)
        .where(Verification.id == verification.id, Verification.reversed_at.is_(None))
        .values(reversed_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if flagged.rowcount != 1:
        return
    audit.append(
        session,
        verification.identity.subject,
        "verification.reversed",
        actor=audit.VENDOR,
        facts={
            "verification": verification.id,
            "held": str(verification.status),
            "vendor_status": str(outcome.status),
            "reasons": [str(reason) for reason in outcome.reasons],
        },
    )
    owe_signal(
        session,
        decision_reversed,
        subject=verification.identity.subject,
        verification=verification.id,
    )
    if verification.status is Status.approved and policy.on_reversal == "revoke" and not signed:
        revoke(session, verification, actor=audit.VENDOR)
