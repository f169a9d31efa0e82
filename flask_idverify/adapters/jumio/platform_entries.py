"""The Platform's capability entries, read one by one (reference, sections 2B.6 and 5.6). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...states import Reason
from ...types import Finding
from .findings import INFO, TECHNICAL, UNKNOWN, Meaning, doubt
from .platform_labels import (
    LABELS,
    NOT_MADE,
    NOT_UPLOADED,
    ORDER,
    PASSED_LABELS,
    PRECONDITION,
    TECHNICAL_ERROR,
)
from .values import items, label, mapping


def word(value: Any) -> str:
    """Return a word of the protocol in upper case; empty when there is none."""
    return value.strip().upper() if isinstance(value, str) else ""


@dataclass(frozen=True, repr=False)
class Entry:
    """One decision of one capability, with our reading of it.

    :param kind: ``PASSED``, ``WARNING``, ``REJECTED``, ``NOT_EXECUTED``, or empty when unknown.
    """

    capability: str
    kind: str
    label: str
    meaning: Meaning
    data: Mapping[str, Any]
    categories: frozenset[str]

    @property
    def finding(self) -> Finding:
        """The vendor's words beside our reading."""
        kind = self.kind or "(unknown type)"
        shown = self.label if self.label not in ("", "(none)") else kind
        note = "" if self.kind in ("PASSED", "REJECTED", "WARNING") else f" ({kind})"
        return self.meaning.finding(f"{label(self.capability)}: {shown}{note}")

    @property
    def passed(self) -> bool:
        """Whether this entry counts as a pass: the right type, and no word that denies it."""
        return self.kind == "PASSED" and self.meaning is INFO


def entries(capabilities: Any) -> list[Entry]:
    """Return all entries, known capabilities first, in the order they depend on each other."""
    given = mapping(capabilities)
    names = [name for name in ORDER if name in given]
    names += sorted(name for name in given if name not in ORDER)
    return [_entry(name, raw) for name in names for raw in items(given[name])]


def _entry(capability: str, raw: Any) -> Entry:
    given = mapping(raw)
    decision = mapping(given.get("decision"))
    kind = word(decision.get("type"))
    found = mapping(decision.get("details")).get("label")
    if kind not in ("PASSED", "WARNING", "REJECTED", "NOT_EXECUTED"):
        kind = ""
    categories = (word(mapping(item).get("category")) for item in items(given.get("credentials")))
    return Entry(
        capability=capability,
        kind=kind,
        label=label(found),
        meaning=_meaning(capability, kind, found),
        data=mapping(given.get("data")),
        categories=frozenset(filter(None, categories)),
    )


def _meaning(capability: str, kind: str, found: Any) -> Meaning:
    """Return the reading of one label under its decision type (reference, 5.7)."""
    name = word(found)
    if kind == "PASSED":
        return INFO if found is None or name in PASSED_LABELS else UNKNOWN
    if kind == "NOT_EXECUTED":
        return _not_executed(capability, name)
    if not kind:
        return UNKNOWN
    if name == TECHNICAL_ERROR:
        return TECHNICAL
    if capability == "imageChecks" and name.startswith("MANIPULATED_DOCUMENT"):
        return LABELS[capability]["MANIPULATED_DOCUMENT"]  # the list of parts grows (5.7)
    return LABELS.get(capability, {}).get(name, UNKNOWN)


def _not_executed(capability: str, name: str) -> Meaning:
    if name == PRECONDITION:
        return INFO
    if capability == "watchlistScreening":
        return doubt(Reason.screening_not_done)
    if name == NOT_UPLOADED:
        return INFO
    if name == TECHNICAL_ERROR:
        return TECHNICAL
    return doubt(Reason.checks_missing) if name in NOT_MADE else UNKNOWN
