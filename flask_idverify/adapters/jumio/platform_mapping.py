"""What a Platform result means (reference, sections 5.5 to 5.9). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...claims import Document
from ...states import Reason, Status
from ...types import Outcome, Severity
from .findings import ALL_CHECKS, Effect, ranked, reasons_of
from .platform_entries import Entry, entries, word
from .platform_labels import NOT_UPLOADED, TECHNICAL_ERROR
from .values import document, identifier, items, mapping, moment, reference, score

_NAMES = {
    "subtype": "subType",
    "state": "state",
    "number": "documentNumber",
    "date_of_birth": "dateOfBirth",
    "expires_on": "expiryDate",
}
#: Journeys that ended without a decision, whatever the decision says (reference, 5.8, step 2).
EXPIRED = {"TOKEN_EXPIRED": Reason.not_started, "SESSION_EXPIRED": Reason.dropped_out}
_PROGRESS = {
    "INITIATED": Status.started,
    "ACQUISITION_STARTED": Status.started,
    "ACQUIRED": Status.processing,
}
#: What a policy that accepts warnings must not wave through.
_NEVER_WAIVED = frozenset({Reason.watchlist_hit, Reason.screening_not_done, Reason.checks_missing})


@dataclass(frozen=True)
class _Verdict:
    status: Status
    reasons: tuple[Reason, ...] = ()
    retryable: bool = False
    waivable: bool = False


class _Evidence:
    """All entries of one result, and the questions that the evaluation order asks of them."""

    def __init__(self, capabilities: Any, required: frozenset[str]) -> None:
        self.entries = entries(capabilities)
        self.findings = ranked(entry.finding for entry in self.entries)
        self.rejected = [entry for entry in self.entries if entry.kind == "REJECTED"]
        denied = {entry.capability for entry in self.rejected}
        passed = {entry.capability for entry in self.entries if entry.passed}
        self.checks = frozenset(passed - denied)
        self.warned = frozenset(
            entry.capability for entry in self.entries if entry.kind == "WARNING"
        )
        # An empty requirement would approve a workflow that checks nothing (5.8, step 3).
        self.lacking = (required or ALL_CHECKS) - self.checks - denied

    def has(self, effect: Effect) -> bool:
        """Whether any entry asks for *effect*."""
        return any(entry.meaning.effect is effect for entry in self.entries)

    def any(self, test: Callable[[Entry], bool]) -> bool:
        """Whether any entry passes *test*."""
        return any(test(entry) for entry in self.entries)

    @property
    def alert(self) -> bool:
        """Whether a watchlist was hit, which a person always looks at (5.7)."""
        return self.any(lambda entry: entry.meaning.reason is Reason.watchlist_hit)

    @property
    def is_unsupported(self) -> bool:
        """Whether the papers are not taken, even if that is only a warning (5.7)."""
        return self.any(lambda entry: entry.meaning.severity is Severity.unsupported)

    @property
    def nothing_uploaded(self) -> bool:
        """Whether the user handed in nothing at all (5.7, ``NOT_UPLOADED``)."""
        usability = [entry for entry in self.entries if entry.capability == "usability"]
        return bool(usability) and all(entry.label.upper() == NOT_UPLOADED for entry in usability)

    def reasons(self, fallback: Reason, *, missing: bool = True) -> tuple[Reason, ...]:
        """Return the distinct reasons, gravest first, and *checks missing* where they are."""
        found = reasons_of(
            (finding for finding in self.findings if finding.severity is not Severity.info),
            fallback,
        )
        unheard = self.lacking - self.warned
        if missing and unheard and Reason.checks_missing not in found:
            # Before mere consequences (unknown, technical), after what was really seen.
            seen = [
                finding.reason
                for finding in self.findings
                if finding.severity <= Severity.review and finding.reason in found
            ]
            cut = len(dict.fromkeys(seen))
            found = (*found[:cut], Reason.checks_missing, *found[cut:])
        return found


def outcome_of(
    details: Mapping[str, Any], *, status: str = "", required_checks: frozenset[str] = frozenset()
) -> Outcome:
    """Return what the details of a transaction mean, in the order of the reference (5.8).

    :param status: the status as asked for separately; the details' own one is preferred.
    :param required_checks: what must have passed; empty stands for the six of ID and face.
    """
    workflow = mapping(details.get("workflow"))
    current = word(workflow.get("status")) or word(status)
    evidence = _Evidence(details.get("capabilities"), required_checks)
    if current in EXPIRED:
        verdict = _Verdict(Status.expired, (EXPIRED[current],), retryable=True)
    elif current != "PROCESSED":
        verdict = _Verdict(progress(current))
    else:
        verdict = _verdict(details, evidence)
    return Outcome(
        status=verdict.status,
        reasons=verdict.reasons,
        retryable=verdict.retryable,
        document=_document(evidence.entries),
        findings=evidence.findings,
        checks=evidence.checks,
        warned=evidence.warned,
        waivable=verdict.waivable,
        risk=score(mapping(mapping(details.get("decision")).get("risk")).get("score")),
        reference=reference(workflow.get("customerInternalReference")),
        account_id=identifier(mapping(details.get("account")).get("id")),
        related=_related(evidence.entries),
        completed_at=moment(details.get("completedAt")),
    )


def progress(status: str) -> Status:
    """Return where an unfinished journey stands; an unknown word leaves it where it was."""
    return _PROGRESS.get(word(status), Status.started)


def ended(status: str) -> bool:
    """Whether the details can hold a result."""
    return word(status) == "PROCESSED" or word(status) in EXPIRED


def _verdict(details: Mapping[str, Any], evidence: _Evidence) -> _Verdict:
    """Weigh a processed result (reference, 5.8, step 3)."""
    if "decision" not in details:
        return _derived(evidence)
    kind = word(mapping(details["decision"]).get("type"))
    weigh = {
        "PASSED": _passed,
        "WARNING": _warned,
        "REJECTED": _rejected,
        "NOT_EXECUTED": _not_executed,
    }.get(kind)
    if weigh is None:
        reasons = dict.fromkeys((Reason.unknown_label, *evidence.reasons(Reason.unknown_label)))
        return _Verdict(Status.in_review, tuple(reasons))
    return weigh(evidence)


def _passed(evidence: _Evidence) -> _Verdict:
    """Approve only what every required check confirms and nothing contradicts."""
    doubtful = (
        evidence.lacking
        or evidence.rejected
        or evidence.alert
        or evidence.any(lambda entry: entry.meaning.reason is Reason.screening_not_done)
        or evidence.any(lambda entry: entry.meaning.severity is Severity.unknown)
    )
    if not doubtful:
        return _Verdict(Status.approved)
    reasons = evidence.reasons(Reason.checks_missing)
    return _Verdict(Status.in_review, reasons, waivable=_waivable(evidence, reasons))


def _warned(evidence: _Evidence) -> _Verdict:
    """Let a person look, unless other papers would help."""
    reasons = evidence.reasons(Reason.unknown_label)
    if evidence.is_unsupported and not evidence.has(Effect.decline) and not evidence.alert:
        return _Verdict(
            Status.rejected, evidence.reasons(Reason.unknown_label, missing=False), True
        )
    return _Verdict(Status.in_review, reasons, waivable=_waivable(evidence, reasons))


def _rejected(evidence: _Evidence) -> _Verdict:
    """Decline, or let the user try again, or let a person look where the label asks for it."""
    reasons = evidence.reasons(Reason.rejected_unspecified, missing=False)
    if evidence.has(Effect.decline):
        return _Verdict(Status.rejected, reasons)
    if evidence.is_unsupported or any(
        entry.meaning.effect is Effect.retry for entry in evidence.rejected
    ):
        return _Verdict(Status.rejected, reasons, retryable=True)
    if evidence.alert or any(entry.meaning.effect is Effect.review for entry in evidence.rejected):
        # Labels that 5.7 sends to a person although they come with a rejection, and unknown ones.
        return _Verdict(Status.in_review, reasons)
    if evidence.nothing_uploaded:
        return _Verdict(Status.expired, (Reason.dropped_out,), retryable=True)
    others = (reason for reason in reasons if reason is not Reason.rejected_unspecified)
    return _Verdict(Status.rejected, (Reason.rejected_unspecified, *others))


def _not_executed(evidence: _Evidence) -> _Verdict:
    if evidence.nothing_uploaded:
        return _Verdict(Status.expired, (Reason.dropped_out,), retryable=True)
    if evidence.any(lambda entry: entry.label.upper() == TECHNICAL_ERROR):
        return _Verdict(Status.error, (Reason.vendor_technical_error,), retryable=True)
    return _Verdict(Status.in_review, evidence.reasons(Reason.checks_missing))


def _derived(evidence: _Evidence) -> _Verdict:
    """Weigh the entries alone: the oldest results carry no overall decision (2B.6)."""
    if evidence.rejected or evidence.has(Effect.decline):
        return _rejected(evidence)
    if evidence.warned:
        return _warned(evidence)
    if evidence.checks:
        return _passed(evidence)
    return _not_executed(evidence)


def _waivable(evidence: _Evidence, reasons: tuple[Reason, ...]) -> bool:
    """Whether nothing but warnings of a known kind stand against an approval."""
    return (
        not evidence.rejected
        and bool(evidence.warned)
        and not _NEVER_WAIVED.intersection(reasons)
        and all(
            entry.meaning.effect in (Effect.none, Effect.review, Effect.retry)
            and entry.meaning.severity is not Severity.unknown
            for entry in evidence.entries
        )
    )


def _document(found: list[Entry]) -> Document | None:
    """Return the papers: of a passed extraction of an ID if possible, the latest of several."""
    read = [entry for entry in found if entry.capability == "extraction" and entry.data]
    if not read:
        return None

    def rank(pair: tuple[int, Entry]) -> tuple[bool, bool, int]:
        position, entry = pair
        of_an_id = not entry.categories or "ID" in entry.categories
        return entry.passed, of_an_id, position

    return document(max(enumerate(read), key=rank)[1].data, _NAMES)


def _related(found: list[Entry]) -> tuple[str, ...]:
    """Return the executions in which the same face was seen (reference, 5.6)."""
    ids = (
        identifier(value)
        for entry in found
        for value in items(mapping(entry.data.get("faceSearchFindings")).get("findings"))
    )
    return tuple(dict.fromkeys(value for value in ids if value))
