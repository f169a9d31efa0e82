"""Scenario names and what they end in: the table of reference 6.3 and the parametrised forms."""

from __future__ import annotations

from dataclasses import replace

from . import kyx_vocabulary, v4_vocabulary
from .errors import ControlError
from .outcomes import Face, Finding, Journey, KyxResult, Scenario, V4Result

_FACE = frozenset({"liveness", "similarity"})
_NO_ID = "NO_ID_UPLOADED"


def _kyx(capability: str, label: str, *, score: float | None = None) -> KyxResult:
    kind = kyx_vocabulary.decision_type(capability, label)
    return KyxResult(findings=(Finding(capability, label, kind),), score=score)


def _unfinished(journey: Journey) -> V4Result:
    return V4Result(verification=_NO_ID, status="FAILED", journey=journey)


_TABLE = (
    Scenario(
        "approve",
        "Everything is in order: document genuine, face matches.",
        V4Result(face=Face()),
        KyxResult(),
    ),
    Scenario(
        "approve-id-only",
        "Document genuine, but no face check was run.",
        V4Result(),
        KyxResult(without=_FACE),
    ),
    Scenario(
        "face-mismatch",
        "Document genuine, but the face belongs to somebody else.",
        V4Result(face=Face("NO_MATCH")),
        _kyx("similarity", "NO_MATCH"),
    ),
    Scenario(
        "face-unclear",
        "Document genuine, but the faces cannot be compared.",
        V4Result(face=Face("NOT_POSSIBLE")),
        _kyx("similarity", "NOT_POSSIBLE"),
    ),
    Scenario(
        "spoof",
        "The selfie is a picture of a screen.",
        V4Result(face=Face(valid=False, reason="SELFIE_IS_SCREEN_PAPER_VIDEO")),
        _kyx("liveness", "DIGITAL_COPY"),
    ),
    Scenario(
        "fraud",
        "The document was manipulated.",
        v4_vocabulary.rejected("100", ("1001", "1004")),
        _kyx("imageChecks", "MANIPULATED_DOCUMENT_PHOTO"),
    ),
    Scenario(
        "repeated-face",
        "The same face was seen before under another name.",
        v4_vocabulary.rejected("113"),
        _kyx("dataChecks", "MISMATCHING_DATA_REPEATED_FACE", score=80.0),
    ),
    Scenario(
        "blurred",
        "The pictures are blurred; the user may try again.",
        v4_vocabulary.rejected("200", ("2001",)),
        _kyx("usability", "BLURRED", score=100.0),
    ),
    Scenario(
        "unsupported",
        "A kind of document that is not accepted.",
        V4Result(verification="DENIED_UNSUPPORTED_ID_TYPE"),
        _kyx("usability", "UNSUPPORTED_DOCUMENT_TYPE"),
    ),
    Scenario(
        "watchlist",
        "Everything passes, but the name is on a watch list.",
        kyx=_kyx("watchlistScreening", "ALERT"),
    ),
    Scenario(
        "warning",
        "Passable, but the selfie is of poor quality.",
        kyx=KyxResult(
            findings=(Finding("liveness", "BAD_QUALITY", "WARNING"),),
            score=40.0,
            facemap_missing=True,
        ),
    ),
    Scenario(
        "no-checks",
        "The workflow ran no checks at all, yet reports PASSED.",
        kyx=KyxResult(no_checks=True),
    ),
    Scenario(
        "document-expired",
        "Everything is in order, except that the document has run out.",
        V4Result(face=Face()),
        KyxResult(),
        expired_document=True,
    ),
    Scenario(
        "never-opened",
        "Nobody follows the link; it expires by itself.",
        _unfinished("unopen"),
        KyxResult(status="TOKEN_EXPIRED", journey="unopen"),
    ),
    Scenario(
        "drop-off",
        "The user leaves; the session ends after 15 idle minutes.",
        _unfinished("leave"),
        KyxResult(status="SESSION_EXPIRED", journey="leave"),
    ),
    Scenario(
        "expired",
        "The link has expired, at once.",
        _unfinished("expire"),
        KyxResult(status="TOKEN_EXPIRED", journey="expire"),
    ),
    Scenario(
        "session-expired",
        "The session has expired, at once.",
        _unfinished("drop"),
        KyxResult(status="SESSION_EXPIRED", journey="drop"),
    ),
    Scenario(
        "session-expired-rejected",
        "The session has expired, and the body reads like a rejection.",
        replace(v4_vocabulary.rejected("200", ("2001",)), journey="drop"),
        KyxResult(status="SESSION_EXPIRED", decision="REJECTED", score=100.0, journey="drop"),
    ),
    Scenario(
        "technical",
        "The vendor has a technical problem and never reaches a verdict.",
        V4Result(status="PENDING", journey="hang"),
        _kyx("usability", "TECHNICAL_ERROR"),
    ),
    Scenario(
        "wiped",
        "Approved, and the vendor erases the data 14 minutes later.",
        V4Result(face=Face()),
        KyxResult(),
        wipe_after=14 * 60.0,
    ),
)

SCENARIOS = {scenario.name: scenario for scenario in _TABLE}


def resolve(name: object) -> Scenario:
    """Return the scenario of that name; refuse a name that means nothing."""
    if not isinstance(name, str) or len(name) > 255:
        raise ControlError("expected the name of a scenario", field="scenario")
    if name.startswith("v4:"):
        return Scenario(name, f"Parametrised: {name}", v4=v4_vocabulary.from_name(name))
    if name.startswith("kyx:"):
        return Scenario(name, f"Parametrised: {name}", kyx=kyx_vocabulary.from_name(name))
    if name not in SCENARIOS:
        raise ControlError(
            f"unknown scenario {name!r}; expected one of {', '.join(SCENARIOS)}, "
            "or v4:reject:CODE, v4:face:..., v4:status:..., kyx:CAPABILITY:LABEL",
            field="scenario",
        )
    return SCENARIOS[name]


def resolve_for(name: object, generation: str) -> Scenario:
    """Return the scenario; refuse one that the generation cannot end in."""
    scenario = resolve(name)
    if scenario.result(generation) is None:
        raise ControlError(
            f"scenario {scenario.name!r} does not exist in generation {generation}",
            field="scenario",
        )
    return scenario


def choices(generation: str) -> list[Scenario]:
    """List what a tester may choose on the hosted page, which is open by then."""
    return [
        scenario
        for scenario in _TABLE
        if scenario.result(generation) is not None and scenario.name != "never-opened"
    ]
