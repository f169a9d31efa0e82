"""From a scenario's findings to a consistent set of capability decisions (references 5.5, 5.6)."""

from __future__ import annotations

from dataclasses import dataclass

from .outcomes import Finding, KyxResult

_DOCUMENT = ("usability", "imageChecks", "extraction", "dataChecks")
_BOTH = (*_DOCUMENT, "liveness", "similarity")

# Workflow keys of reference 2B.3; anything else runs ID and face.
_BY_WORKFLOW: dict[str, tuple[str, ...]] = {
    "1": _DOCUMENT,
    "2": _DOCUMENT,
    "5": ("usability", "similarity"),
    "6": ("usability", "liveness"),
    "9": ("usability", "liveness", "authentication"),
    "10014": ("usability", "liveness", "authentication"),
    "16": ("usability", "liveness", "authentication"),
    "20": ("usability", "similarity"),
    "32": (*_BOTH, "watchlistScreening"),
    "10010": ("watchlistScreening",),
    "10013": (*_BOTH, "watchlistScreening"),
    "10026": ("usability", "extraction"),
    "10170": (),
}

_AFTER_EXTRACTION = (
    "dataChecks",
    "watchlistScreening",
    "addressValidation",
    "proofOfResidency",
    "drivingLicenseVerification",
)
# capability -> everything that cannot run once it has failed
_DEPENDENTS: dict[str, tuple[str, ...]] = {
    "usability": (
        "imageChecks",
        "extraction",
        *_AFTER_EXTRACTION,
        "similarity",
        "authentication",
    ),
    "imageChecks": ("extraction", *_AFTER_EXTRACTION),
    "extraction": _AFTER_EXTRACTION,
}
_UNSUPPORTED = ("UNSUPPORTED_COUNTRY", "UNSUPPORTED_DOCUMENT_TYPE")
_BLOCKED = "PRECONDITION_NOT_FULFILLED"
_NOT_UPLOADED = "NOT_UPLOADED"
_TECHNICAL = "TECHNICAL_ERROR"


@dataclass(frozen=True)
class Overall:
    """The overall decision (reference 5.5)."""

    type: str
    label: str
    score: float


def _fails(finding: Finding) -> bool:
    if finding.capability == "usability" and finding.label in _UNSUPPORTED:
        return True
    return finding.type in ("REJECTED", "NOT_EXECUTED")


def _blocked_by(finding: Finding) -> tuple[str, ...]:
    if not _fails(finding):
        return ()
    blocked = _DEPENDENTS.get(finding.capability, ())
    if finding.label in (_NOT_UPLOADED, _TECHNICAL) and finding.capability == "usability":
        return (*blocked, "liveness")
    if finding.label in _UNSUPPORTED:
        # A detectable face is enough for the comparison (reference 5.6).
        return tuple(item for item in blocked if item != "similarity")
    return blocked


def decisions(workflow: str, result: KyxResult) -> list[Finding]:
    """Return one decision for each capability that reports, in dependency order."""
    if result.no_checks:
        return []
    planned = [item for item in _BY_WORKFLOW.get(workflow, _BOTH) if item not in result.without]
    found = {finding.capability: finding for finding in result.findings}
    blocked = {item for finding in result.findings for item in _blocked_by(finding)}
    order = [*planned, *(item for item in found if item not in planned)]
    return [found.get(item) or _plain(item, blocked) for item in order]


def _plain(capability: str, blocked: set[str]) -> Finding:
    if capability in blocked:
        return Finding(capability, _BLOCKED, "NOT_EXECUTED")
    return Finding(capability, "MATCH" if capability == "similarity" else "OK", "PASSED")


def overall(result: KyxResult) -> Overall | None:
    """Return the overall decision the findings lead to; None leaves the object out."""
    if result.decision == "absent":
        return None
    chosen = result.decision or _derived(result.findings)
    scores = {"PASSED": 0.0, "WARNING": 50.0, "REJECTED": 100.0, "NOT_EXECUTED": -1.0}
    score = scores.get(chosen, 50.0) if result.score is None else result.score
    label = chosen
    if chosen == "NOT_EXECUTED" and result.findings:
        label = result.findings[0].label
    return Overall(chosen, label, score)


def _derived(findings: tuple[Finding, ...]) -> str:
    if any(
        item.label == _TECHNICAL or (item.capability == "usability" and item.label == _NOT_UPLOADED)
        for item in findings
    ):
        return "NOT_EXECUTED"
    if any(
        item.type == "REJECTED" or item.label in _UNSUPPORTED
        for item in findings
        if item.type != "NOT_EXECUTED"
    ):
        return "REJECTED"
    if any(item.type != "PASSED" and item.label != _BLOCKED for item in findings):
        return "WARNING"
    return "PASSED"
