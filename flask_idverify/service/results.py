"""Asking the vendor, and writing down what the answer means: the heart of the product."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import update

from .. import audit, clock, runtime
from ..engines import retrying
from ..errors import (
    ConfigurationError,
    IDVerifyError,
    TransitionRefused,
    VendorBackedOff,
    VendorError,
    VendorProtocolError,
    VendorRecordMissing,
    VendorUnavailable,
)
from ..models import Verification
from ..phrases import phrase
from ..policy import Policy, judge
from ..signals import decision_reversed
from ..states import Status
from ..types import Callback, FetchRequest, Outcome
from .announcing import announce, owe_signal
from .approval import against_locked, approve, is_duplicate, papers_of, revoke
from .asking import asking
from .gates import pass_gate
from .missing import note_found, note_missing
from .polling import claim_fetch, give_back, give_up, note_fetch, put_off, schedule_next
from .related import resolve, unknown
from .schedule import SHORTEST_GAP
from .sessions import require_clean
from .sessions import session as current_session
from .transitions import conclude

#: Statuses in which the vendor is still worth asking: unfinished ones, those that a late decision
#: may still change, and decisions, which a vendor sometimes takes back.
_ASKABLE = frozenset(Status) - {Status.canceled, Status.error}


def refresh(
    verification: Verification, *, hint: Callback | None = None, patient: bool = True
) -> Verification:
    """Ask the vendor how *verification* stands and apply the answer. Returns the same row, fresh.

    ``db.session`` is committed. A canceled or failed attempt is returned as it is.

    :param hint: a callback's content; supplies the vendor's id if the start's answer was lost.
    :param patient: repeat what the vendor answers with an error; not while a page waits.
    :raises VendorError: the vendor could not be asked; nothing has changed, a poll is scheduled.
    :raises VendorBackedOff: nobody asks it before its rate limit lets us; nothing was sent.
    """
    session = require_clean()
    session.refresh(verification)
    reference = verification.vendor_reference or (hint and hint.vendor_reference)
    over = verification.status not in _ASKABLE or verification.erased_at is not None
    if over or not reference:
        # Without a reference it may be opened at this moment: its poll is not ours to take away.
        (give_up if over else give_back)(verification)
        return verification
    policy = Policy.from_dict(verification.policy)
    provider = verification.provider
    required = policy.required_capabilities
    if required is None:
        required = runtime.current().vendors.default_checks(provider)
    request = FetchRequest(
        vendor_reference=reference,
        account_id=verification.account_id or (hint.account_id if hint else None),
        facts=verification.facts,
        required_checks=required,
        patient=patient,
    )
    adopted = verification.vendor_reference is None
    identifier, was_missing = verification.id, verification.missing_since is not None
    try:
        with asking(provider) as adapter:
            outcome = adapter.fetch(request)
        _require_ours(verification, outcome, adopted=adopted)
    except VendorBackedOff:
        give_back(verification)
        raise
    except VendorError as error:
        if isinstance(error, VendorRecordMissing) and not adopted:
            note_missing(verification, error)
            announce()
        else:
            _postpone(verification, error)
        raise
    if was_missing:
        note_found(identifier)
    if adopted:
        _adopt(verification, request)
    _apply(verification, outcome, policy, required)
    announce()
    return verification


def refresh_if_due(verification: Verification) -> Verification:
    """Ask the vendor if somebody's look is worth a request: at most one in ten seconds, by one.

    Trouble with the vendor or the provider's setup is not the onlooker's: it is kept for the
    admin, and the row is returned as it stands.
    """
    if verification.status.is_final or not claim_fetch(verification):
        return verification
    try:
        return refresh(verification, patient=False)
    except VendorError:
        return verification
    except (IDVerifyError, ConfigurationError) as error:
        current_session().rollback()
        put_off(verification, str(error), until=clock.now() + SHORTEST_GAP)
        return verification


def _require_ours(verification: Verification, outcome: Outcome, *, adopted: bool) -> None:
    """Refuse a record that is not about this attempt: the echo must be our own reference."""
    echo = outcome.reference
    if echo == verification.reference or (echo is None and not adopted):
        return
    if echo is None:
        raise VendorUnavailable(
            phrase("The vendor's record does not carry our reference yet; it is asked again later.")
        )
    raise VendorProtocolError(
        phrase(
            "The vendor's record carries another reference than this verification's; it "
            "was not applied. If one vendor account serves several installations, this "
            "one's reference was mixed up."
        )
    )


def _of_the_same_person(verification: Verification, policy: Policy) -> Policy:
    """Return the policy under which a further approval may confirm a verified identity.

    Its checks will count for every application, so the papers must bear the locked name and
    number even where this link does not ask for them.
    """
    if verification.is_test or not verification.identity.is_verified:
        return policy
    return replace(policy, match_name=True, match_number=True)


@retrying
def _adopt(verification: Verification, request: FetchRequest) -> None:
    session = require_clean()
    session.execute(
        update(Verification)
        .where(
            Verification.id == verification.id,
            Verification.vendor_reference.is_(None),
            Verification.erased_at.is_(None),
        )
        .values(vendor_reference=request.vendor_reference, account_id=request.account_id)
        .execution_options(synchronize_session=False)
    )
    session.commit()


@retrying
def _apply(
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


@retrying
def _postpone(verification: Verification, error: VendorError) -> None:
    """Keep the vendor's words for the admin, and ask again later."""
    session = require_clean()
    now = clock.now()
    session.execute(
        update(Verification)
        .where(Verification.id == verification.id, Verification.erased_at.is_(None))
        .values(vendor_message=f"{error} {error.detail}".strip(), leased_until=None, fetched_at=now)
        .execution_options(synchronize_session=False)
    )
    schedule_next(session, verification, now, error=error)
    session.commit()


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
