"""What a scenario makes of a transaction, one result type for each generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# How the journey goes on once the user has handed in the pictures:
# finish  - a result after the processing time
# hang    - no result, ever
# leave   - the user walks away; the idle timer ends the session
# unopen  - nobody ever follows the link; the token lifetime ends it
# expire  - ended at once, without waiting for the token lifetime
# drop    - ended at once, without waiting for the idle timer
Journey = Literal["finish", "hang", "leave", "unopen", "expire", "drop"]


@dataclass(frozen=True)
class Face:
    """The v4 face result (reference 5.4)."""

    similarity: str = "MATCH"
    valid: bool = True
    reason: str | None = None


@dataclass(frozen=True)
class V4Result:
    """How a Netverify transaction ends (references 5.1 to 5.4)."""

    verification: str = "APPROVED_VERIFIED"
    status: str = "DONE"
    reject: dict[str, Any] | None = None
    face: Face | None = None
    journey: Journey = "finish"


@dataclass(frozen=True)
class Finding:
    """One capability that does not simply pass (reference 5.6)."""

    capability: str
    label: str
    type: str


@dataclass(frozen=True)
class KyxResult:
    """How a Platform transaction ends (references 5.5 to 5.8)."""

    status: str = "PROCESSED"
    findings: tuple[Finding, ...] = ()
    # Capabilities left out of the body although the workflow should run them.
    without: frozenset[str] = frozenset()
    no_checks: bool = False
    facemap_missing: bool = False
    # Overall decision: None derives it from the findings, "absent" leaves the object out.
    decision: str | None = None
    score: float | None = None
    journey: Journey = "finish"


Result = V4Result | KyxResult


@dataclass(frozen=True)
class Scenario:
    """A named ending, with a sentence for the tester who chooses it."""

    name: str
    summary: str
    v4: V4Result | None = None
    kyx: KyxResult | None = None
    expired_document: bool = False
    # Seconds after completion at which the vendor erases the data (reference 2B.10).
    wipe_after: float | None = None

    def result(self, generation: str) -> Result | None:
        """Return the ending in one generation; None when that generation cannot end so."""
        return self.v4 if generation == "v4" else self.kyx
