"""What a Netverify v4 result means (reference, sections 5.1 to 5.4 and 5.9). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...states import Reason, Status
from ...types import Finding, Outcome, Severity
from .findings import (
    DOCUMENT_CHECKS,
    FACE_CHECKS,
    INFO,
    UNKNOWN,
    Effect,
    Meaning,
    doubt,
    fraud,
    quality,
    ranked,
    reasons_of,
)
from .v4_tables import (
    ADDITIONAL,
    ADDITIONAL_DOUBTS,
    BEGUN,
    FACELESS_WORKFLOWS,
    FRAUD_CODES,
    SELFIE,
    UNREADABLE_CODES,
    UNSUPPORTED,
)
from .values import document, identifier, items, label, mapping, moment, reference

# Jumio's keys where the generations differ (reference, 5.9).
_NAMES = {
    "subtype": "idSubtype",
    "state": "usState",
    "number": "number",
    "date_of_birth": "dob",
    "expires_on": "expiry",
}

#: What a policy that accepts warnings must not wave through.
_NEVER_WAIVED = frozenset(
    {Reason.watchlist_hit, Reason.screening_not_done, Reason.vendor_manual_reject}
)


def progress(value: Any) -> str:
    """Return a status word as v4 writes it, in upper case; empty when there is none."""
    return value.strip().upper() if isinstance(value, str) else ""


def never_finished(details: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a journey without a verdict (reference, 5.1, ``NO_ID_UPLOADED``)."""
    transaction = mapping(details.get("transaction"))
    source = progress(transaction.get("source")).replace("-", "_")
    begun = source.endswith(BEGUN) or bool(transaction.get("firstAttemptDate"))
    reason = Reason.dropped_out if begun else Reason.not_started
    return _outcome(details, Status.expired, (reason,), retryable=True)


def outcome_of(
    details: Mapping[str, Any],
    *,
    workflow_id: Any,
    required_checks: frozenset[str] = frozenset(),
    failed: bool = False,
) -> Outcome:
    """Return what the details of an ended transaction mean (reference, 5.1).

    :param workflow_id: what was started; it says whether a face was to be compared (5.4).
    :param failed: the status was ``FAILED``, with which no verdict is plausible but a refusal.
    """
    word = mapping(details.get("document")).get("status")
    verdict = progress(word)
    if verdict == "NO_ID_UPLOADED" or (failed and not verdict):
        return never_finished(details)
    refusal = mapping(mapping(details.get("verification")).get("rejectReason"))
    if verdict == "DENIED_FRAUD":
        otherwise = fraud(Reason.fraud_unspecified)
        return _weighed(details, _reject(refusal, FRAUD_CODES, otherwise))
    if verdict == "ERROR_NOT_READABLE_ID":
        otherwise = quality(Reason.document_unreadable)
        return _weighed(details, _reject(refusal, UNREADABLE_CODES, otherwise))
    if verdict in UNSUPPORTED:
        return _weighed(details, [(UNSUPPORTED[verdict], f"verificationStatus: {verdict}")])
    contradiction = failed or bool(mapping(details.get("verification")).get("rejectReason"))
    if verdict != "APPROVED_VERIFIED" or contradiction:
        # A verdict we do not know, or one that the rest of the answer denies.
        return _weighed(details, [(UNKNOWN, f"verificationStatus: {label(word)}")])
    return _approved_document(details, workflow_id, required_checks)


_Read = list[tuple[Meaning, str]]


def _reject(refusal: Mapping[str, Any], known: Mapping[str, Meaning], otherwise: Meaning) -> _Read:
    """Read ``rejectReason`` with its details, which come as object or array (reference, 5.3)."""
    code = label(refusal.get("rejectReasonCode"))
    meaning = known.get(code, otherwise)
    words = label(refusal.get("rejectReasonDescription"))
    read = [(meaning, f"rejectReason: {code} {words}")]
    for detail in items(refusal.get("rejectReasonDetails")):
        given = mapping(detail)
        if given:
            words = label(given.get("detailsDescription"))
            read.append(
                (meaning, f"rejectReason: {code}/{label(given.get('detailsCode'))} {words}")
            )
    return read


def _approved_document(
    details: Mapping[str, Any], workflow_id: Any, required_checks: frozenset[str]
) -> Outcome:
    """Weigh the face and the further checks of a document that is in order (reference, 5.4)."""
    verification = mapping(details.get("verification"))
    face = verification.get("identityVerification")
    read, passed, warned = _face(face)
    read += _additional(mapping(verification.get("additionalChecks")))
    checks = frozenset(DOCUMENT_CHECKS) | passed
    expected = required_checks
    if face is None:
        faceless = str(workflow_id) in FACELESS_WORKFLOWS
        expected |= frozenset() if faceless else frozenset(FACE_CHECKS)
    else:
        expected -= frozenset(FACE_CHECKS)  # its findings say what is amiss with it
    missing = expected - checks
    if missing:
        read.append((doubt(Reason.checks_missing), f"missing: {', '.join(sorted(missing))}"))
    read.append((INFO, "verificationStatus: APPROVED_VERIFIED"))
    return _weighed(details, read, checks=checks, warned=warned, complete=not missing)


def _face(value: Any) -> tuple[_Read, frozenset[str], frozenset[str]]:
    """Read ``identityVerification``: its findings, and the capabilities passed and warned.

    ``APPROVED_VERIFIED`` speaks of the document only. The order is the reference's (5.4):
    ``NO_MATCH``, validity false, ``NOT_POSSIBLE``, ``MATCH``; anything else is unknown.
    """
    if value is None:
        return [], frozenset(), frozenset()
    face = mapping(value)
    similarity = progress(face.get("similarity"))
    # A JSON boolean in some samples, "true" or "TRUE" in others.
    validity = str(face.get("validity")).strip().lower()
    read: _Read = []
    warned = set()
    if similarity == "NO_MATCH":
        read.append((fraud(Reason.face_mismatch), "similarity: NO_MATCH"))
    if validity == "false":
        meaning = SELFIE.get(progress(face.get("reason")), UNKNOWN)
        read.append((meaning, f"validity: false {label(face.get('reason'))}"))
        warned |= {"liveness"} if meaning.effect is Effect.review else set()
    elif validity != "true" and similarity != "NO_MATCH":
        read.append((UNKNOWN, f"validity: {label(face.get('validity'))}"))
    if similarity == "NOT_POSSIBLE":
        read.append((doubt(Reason.face_not_comparable), "similarity: NOT_POSSIBLE"))
        warned.add("similarity")
    elif similarity not in ("NO_MATCH", "MATCH"):
        read.append((UNKNOWN, f"similarity: {label(face.get('similarity'))}"))
    passed = {"liveness"} if validity == "true" else set()
    if similarity == "MATCH":
        passed.add("similarity")
        read.append((INFO, "similarity: MATCH"))
    return read, frozenset(passed), frozenset(warned)


def _additional(given: Mapping[str, Any]) -> _Read:
    """Read the checks that a tenant may have booked besides (reference, 2A.6)."""
    read: _Read = []
    for name, reason in ADDITIONAL.items():
        result = progress(mapping(given.get(name)).get("searchResults"))
        if result:
            meaning = doubt(reason) if result in ADDITIONAL_DOUBTS else INFO
            read.append((meaning, f"{name}: {label(result)}"))
    watchlist = mapping(given.get("watchlistScreening"))
    if watchlist:
        hits = str(watchlist.get("searchResults")).strip()
        searched = progress(watchlist.get("searchStatus"))
        if hits.isdigit() and hits.strip("0"):
            read.append((doubt(Reason.watchlist_hit), "watchlistScreening: ALERT"))
        elif searched not in ("DONE", "SUCCESS"):
            read.append(
                (doubt(Reason.screening_not_done), f"watchlistScreening: {label(searched)}")
            )
    return read


def _weighed(
    details: Mapping[str, Any],
    read: _Read,
    *,
    checks: frozenset[str] = frozenset(),
    warned: frozenset[str] = frozenset(),
    complete: bool = False,
) -> Outcome:
    """Return the outcome that the gravest of the findings asks for; none of weight approves.

    :param complete: nothing that had to be checked is missing, so that a policy may waive.
    """
    findings = ranked(meaning.finding(words) for meaning, words in read)
    effects = {meaning.effect for meaning, _ in read} - {Effect.none}
    if not effects:
        return _outcome(details, Status.approved, (), findings=findings, checks=checks)
    weighty = [finding for finding in findings if finding.severity is not Severity.info]
    reasons = reasons_of(weighty, Reason.unknown_label)
    retryable = False
    waivable = False
    if Effect.decline in effects:
        status = Status.rejected
    elif Effect.retry in effects:
        status, retryable = Status.rejected, True
    else:
        status = Status.in_review
        known = all(finding.severity is Severity.review for finding in weighty)
        waivable = complete and known and not _NEVER_WAIVED.intersection(reasons)
    return _outcome(
        details,
        status,
        reasons,
        retryable=retryable,
        findings=findings,
        checks=checks,
        warned=warned,
        waivable=waivable,
    )


def _outcome(
    details: Mapping[str, Any],
    status: Status,
    reasons: tuple[Reason, ...],
    *,
    retryable: bool = False,
    findings: tuple[Finding, ...] = (),
    checks: frozenset[str] = frozenset(),
    warned: frozenset[str] = frozenset(),
    waivable: bool = False,
) -> Outcome:
    """Put everything that does not depend on the verdict beside it."""
    verification = mapping(details.get("verification"))
    search = mapping(mapping(verification.get("additionalChecks")).get("faceSearchFindings"))
    related = (identifier(found) for found in items(search.get("findings")))
    echoed = mapping(details.get("transaction")).get("merchantScanReference")
    return Outcome(
        status=status,
        reasons=reasons,
        retryable=retryable,
        document=document(mapping(details.get("document")), _NAMES),
        findings=findings,
        checks=checks,
        warned=warned,
        waivable=waivable,
        reference=reference(echoed),
        related=tuple(dict.fromkeys(found for found in related if found)),
        # ``transaction.date`` is the creation: the time of the answer stands in (5.9).
        completed_at=moment(details.get("timestamp")),
    )
