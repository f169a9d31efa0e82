"""From single labels to an outcome: the order of reasons that both generations share. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ...states import Reason
from ...types import Finding, Severity

#: Capabilities that look at the document, and those that look at the face (reference, 5.6).
DOCUMENT_CHECKS = ("usability", "imageChecks", "extraction", "dataChecks")
FACE_CHECKS = ("liveness", "similarity")
ALL_CHECKS = frozenset(DOCUMENT_CHECKS + FACE_CHECKS)


class Effect(Enum):
    """What a label asks for when the vendor's overall verdict follows it (reference, 5.7)."""

    decline = "declined"
    retry = "unreadable"  # other pictures, or other papers, may do
    review = "review"
    fault = "error"
    none = "ignored"


@dataclass(frozen=True)
class Meaning:
    """Our reading of one label: reason, weight and effect."""

    reason: Reason | None
    severity: Severity
    effect: Effect

    def finding(self, label: str) -> Finding:
        """Return the finding that keeps *label* beside this reading."""
        return Finding(label, self.reason, self.severity)


def fraud(reason: Reason) -> Meaning:
    """Return the meaning of a label that speaks of fraud."""
    return Meaning(reason, Severity.fraud, Effect.decline)


def quality(reason: Reason, *, suspicious: bool = False) -> Meaning:
    """Return the meaning of a bad picture, which may also look like an attempt to deceive."""
    severity = Severity.suspicious if suspicious else Severity.quality
    return Meaning(reason, severity, Effect.retry)


def unsupported(reason: Reason) -> Meaning:
    """Return the meaning of papers that the vendor or the tenant does not take."""
    return Meaning(reason, Severity.unsupported, Effect.retry)


def doubt(reason: Reason) -> Meaning:
    """Return the meaning of a label that a person has to look at."""
    return Meaning(reason, Severity.review, Effect.review)


UNKNOWN = Meaning(Reason.unknown_label, Severity.unknown, Effect.review)
TECHNICAL = Meaning(Reason.vendor_technical_error, Severity.technical, Effect.fault)
INFO = Meaning(None, Severity.info, Effect.none)


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings gravest first; equals stay in the order they came (reference, 5.8.5)."""
    return tuple(sorted(findings, key=lambda finding: finding.severity))


def reasons_of(findings: Iterable[Finding], fallback: Reason) -> tuple[Reason, ...]:
    """Return the distinct reasons of ranked *findings*, or *fallback* when none has one."""
    found = dict.fromkeys(finding.reason for finding in findings if finding.reason is not None)
    return tuple(found) or (fallback,)
