"""What becomes of a vendor's outcome under an application's rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from .claims import Claim, Document
from .matching import Agreement, Match, compare
from .rules import Conditions, Policy, Treatment, admits
from .states import Reason, Status
from .types import Outcome

__all__ = [
    "Conditions",
    "Policy",
    "Treatment",
    "Verdict",
    "admits",
    "expires_on",
    "judge",
    "meets",
]


@dataclass(frozen=True)
class Verdict:
    """What becomes of a verification.

    :param reasons: primary reason first; empty when approved.
    :param retryable: the user may try again: with other papers, better pictures or a mended claim.
    :param rule: what decided: ``vendor``, ``on_warning``, ``checks``, or the field of policy, claim
        or document at fault, e.g. ``minimum_age``, ``match_name``, ``claimed_type``.
    :param match: claim and document field by field; ``None`` without a document.
    """

    status: Status
    reasons: tuple[Reason, ...]
    retryable: bool
    rule: str
    match: Match | None = None


class _Objection(NamedTuple):
    """One rule that stands against an approval."""

    status: Status
    reason: Reason
    rule: str
    retryable: bool = False


def _review(reason: Reason, rule: str) -> _Objection:
    return _Objection(Status.in_review, reason, rule)


def _reject(reason: Reason, rule: str, *, retryable: bool) -> _Objection:
    return _Objection(Status.rejected, reason, rule, retryable)


def _treated(objection: _Objection, treatment: Treatment) -> list[_Objection]:
    """Return an objection as the policy has it: as it is, for a person to see, or not at all."""
    if treatment == "accept":
        return []
    return [objection if treatment == "reject" else _review(objection.reason, objection.rule)]


def judge(
    outcome: Outcome,
    claim: Claim,
    policy: Policy,
    *,
    today: date,
    required_checks: frozenset[str],
    duplicate: bool,
) -> Verdict:
    """Decide what an outcome means for this claim under this policy.

    Only what the vendor approved, or doubts on nothing but warnings that the policy accepts, can
    become approved; any other outcome passes through. All objections are collected and the
    gravest decides.

    :param required_checks: capabilities without which nothing is approved.
    :param duplicate: the same papers verify another account.
    """
    document = outcome.document or Document()
    match = compare(claim, document)
    shown = match if outcome.document else None
    vendors = Verdict(outcome.status, outcome.reasons, outcome.retryable, "vendor", shown)
    checks = outcome.checks
    if outcome.status is not Status.approved:
        if not _is_waivable(outcome):
            return vendors
        if policy.on_warning == "reject":
            return replace(vendors, status=Status.rejected, rule="on_warning")
        if policy.on_warning == "review":
            return replace(vendors, rule="on_warning")
        checks |= outcome.warned
        if not required_checks <= checks:
            reasons = (Reason.checks_missing, *outcome.reasons)
            return replace(vendors, reasons=reasons, retryable=False, rule="checks")
    objections = [
        *_against_papers(document, policy),
        *_against_claimed_papers(match),
        *_against_dates(document, policy, today),
        *_against_claimed_person(match, policy),
    ]
    if not required_checks <= checks:
        objections.insert(0, _review(Reason.checks_missing, "checks"))
    if duplicate:
        again = _reject(Reason.duplicate_document, "duplicates", retryable=False)
        objections += _treated(again, policy.duplicates)
    return _weigh(objections, shown)


def meets(
    claim: Claim,
    document: Document | None,
    checks: frozenset[str],
    policy: Policy,
    *,
    today: date,
    required_checks: frozenset[str],
) -> bool:
    """Whether facts that were locked for another application satisfy this policy too."""
    papers = document or Document()
    return required_checks <= checks and not [
        *_against_papers(papers, policy),
        *_against_dates(papers, policy, today),
        *_against_claimed_person(compare(claim, papers), policy),
    ]


def expires_on(document: Document | None, policy: Policy, verified_at: date) -> date | None:
    """Return the last day on which a verification holds, or ``None`` when it has no end."""
    ends = []
    if policy.expired_documents != "accept" and (expiry := _expiry(document or Document())):
        ends.append(expiry)
    if policy.valid_for is not None:
        day = verified_at.date() if isinstance(verified_at, datetime) else verified_at
        ends.append(day + timedelta(days=policy.valid_for))
    return min(ends, default=None)


def _is_waivable(outcome: Outcome) -> bool:
    # The adapter promises as much of a waivable outcome; a watchlist is worth asking twice.
    reasons = {*outcome.reasons, *(finding.reason for finding in outcome.findings)}
    doubtful = outcome.status is Status.in_review and outcome.waivable
    return doubtful and Reason.watchlist_hit not in reasons


def _weigh(objections: list[_Objection], match: Match | None) -> Verdict:
    """Let the gravest objection decide, in the order in which the rules are asked."""
    if not objections:
        return Verdict(Status.approved, (), False, "policy", match)
    ranked = sorted(objections, key=lambda objection: objection.status is not Status.rejected)
    first = ranked[0]
    deciding = [objection for objection in ranked if objection.status is first.status]
    reasons = tuple(dict.fromkeys(objection.reason for objection in ranked))
    retryable = all(objection.retryable for objection in deciding)
    return Verdict(first.status, reasons, retryable, first.rule, match)


def _against_papers(document: Document, policy: Policy) -> Iterator[_Objection]:
    for rule, accepted, read, reason in (
        ("id_types", policy.id_types, document.type, Reason.document_type_not_accepted),
        ("countries", policy.countries, document.country, Reason.country_not_accepted),
    ):
        if accepted is not None and not read:
            yield _review(Reason.claim_unverifiable, rule)
        elif accepted is not None and read not in accepted:
            yield _reject(reason, rule, retryable=True)


def _against_claimed_papers(match: Match) -> Iterator[_Objection]:
    if match.id_type is Agreement.differs:
        yield _review(Reason.claim_mismatch, "claimed_type")
    if match.country is Agreement.differs:
        yield _review(Reason.claim_mismatch, "claimed_country")


def _against_dates(document: Document, policy: Policy, today: date) -> Iterator[_Objection]:
    expiry = _expiry(document)
    if expiry is not None and expiry < today:
        expired = _reject(Reason.document_expired, "expired_documents", retryable=True)
        yield from _treated(expired, policy.expired_documents)
    if policy.minimum_age is not None:
        birth = document.date_of_birth
        if birth is not None and _age(birth.earliest, today) < policy.minimum_age:
            yield _reject(Reason.underage, "minimum_age", retryable=False)
        elif birth is None or _age(birth.latest, today) < policy.minimum_age:
            yield _review(Reason.claim_unverifiable, "minimum_age")


def _against_claimed_person(match: Match, policy: Policy) -> Iterator[_Objection]:
    if policy.match_name and match.name is Agreement.unverifiable:
        yield _review(Reason.claim_unverifiable, "match_name")
    elif policy.match_name and match.name is Agreement.differs:
        if match.name_unrelated:
            yield _reject(Reason.claim_mismatch, "match_name", retryable=True)
        else:
            yield _review(Reason.claim_mismatch, "match_name")
    if policy.match_number and match.number is Agreement.unverifiable:
        yield _review(Reason.claim_unverifiable, "match_number")
    elif policy.match_number and match.number is Agreement.differs:
        yield _reject(Reason.claim_mismatch, "match_number", retryable=True)


def _expiry(document: Document) -> date | None:
    """Return the last day that the papers may be valid; the year 9999 is how some print none."""
    printed = document.expires_on
    return None if printed is None or printed.year == date.max.year else printed.latest


def _age(birth: date, today: date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
