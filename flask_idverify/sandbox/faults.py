"""Faults on demand (reference 6.4): what may go wrong, where, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ControlError
from .options import Check, number, one_of

PLACES = ("token", "start", "status", "details", "erase", "health", "image", "any")

# Refusals answer instead of the vendor; the rest spoil an answer the vendor did give, so
# that the caller cannot know whether its request took effect.
REFUSALS = ("401", "403", "429", "5xx", "not_found", "redirect")
SPOILERS = (
    "latency",
    "malformed_json",
    "html",
    "truncated",
    "empty",
    "reset",
    "missing_field",
    "drip",
)
TOKEN_FAULTS = ("bad_token", "short_token")
CALLBACK_FAULTS = ("callback_drop", "callback_duplicate", "callback_late", "callback_reorder")
KINDS = (*REFUSALS, *SPOILERS, *TOKEN_FAULTS, *CALLBACK_FAULTS)


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ControlError("expected a text", field=name)


def _count(name: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ControlError("expected a whole number of at least 1, or null", field=name)


def _copies(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 2 <= value <= 20:
        raise ControlError("expected a whole number from 2 to 20", field=name)


def _code(hundred: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value // 100 != hundred:
            raise ControlError(f"expected an HTTP status of {hundred}xx", field=name)

    return check


_COMMON: dict[str, Check] = {"where": one_of(*PLACES), "times": _count}
_PARAMETERS: dict[str, dict[str, Check]] = {
    "401": {"plain": one_of(True, False)},
    "403": {"plain": one_of(True, False)},
    "429": {"retry_after": number(0, 86400), "plain": one_of(True, False)},
    "5xx": {"code": _code(5), "plain": one_of(True, False), "after": one_of(True, False)},
    "redirect": {"location": _text, "code": _code(3)},
    "latency": {"seconds": number(0, 120)},
    "missing_field": {"field": _text},
    "drip": {"seconds": number(0, 120)},
    "short_token": {"seconds": number(1, 3600)},
    "callback_drop": {"event": _text},
    "callback_duplicate": {
        "event": _text,
        "copies": _copies,
        "concurrent": one_of(True, False),
    },
    "callback_late": {"event": _text, "seconds": number(0, 10_000_000)},
}
_REQUIRED = {"latency": "seconds", "missing_field": "field", "callback_late": "seconds"}


@dataclass
class Fault:
    """One fault in force; ``times`` counts down, None never ends."""

    kind: str
    where: str = "any"
    times: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as the control API writes it."""
        return {"kind": self.kind, "where": self.where, "times": self.times, **self.parameters}


def parse_fault(raw: Any) -> Fault:
    """Read a fault; name the member that is wrong."""
    if not isinstance(raw, Mapping):
        raise ControlError("expected an object with at least a 'kind'", field="faults")
    values = {str(key): value for key, value in raw.items()}
    kind = values.pop("kind", None)
    if kind not in KINDS:
        raise ControlError(f"expected one of {', '.join(KINDS)}", field="kind")
    checks = {**_COMMON, **_PARAMETERS.get(str(kind), {})}
    for name, value in values.items():
        if name not in checks:
            raise ControlError(
                f"unknown member for kind {kind!r}; expected one of {', '.join(checks)}",
                field=name,
            )
        checks[name](name, value)
    needed = _REQUIRED.get(str(kind))
    if needed is not None and needed not in values:
        raise ControlError(f"kind {kind!r} needs it", field=needed)
    where = "token" if kind in TOKEN_FAULTS else values.pop("where", "any")
    values.pop("where", None)
    return Fault(str(kind), where, values.pop("times", None), values)


class FaultBook:
    """The faults in force, in the order they were laid down."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def replace(self, faults: list[Fault]) -> None:
        """Put these faults in force and lift all others."""
        self._faults = list(faults)

    def add(self, fault: Fault) -> None:
        """Put one more fault in force."""
        self._faults.append(fault)

    def all(self) -> list[Fault]:
        """Return the faults in force."""
        return list(self._faults)

    def strike(self, where: str) -> list[Fault]:
        """Return the faults that hit this request, and count them down.

        Of several refusals only the first strikes, so that the next request meets the second.
        """
        hits: list[Fault] = []
        refused = False
        for fault in list(self._faults):
            if fault.kind in CALLBACK_FAULTS or fault.where not in ("any", where):
                continue
            if fault.kind in REFUSALS:
                if refused:
                    continue
                refused = True
            hits.append(fault)
            self._spend(fault)
        return hits

    def strike_callback(self, event: str, *, terminal: bool) -> list[Fault]:
        """Return the faults that hit this callback, and count them down.

        Reordering holds an early message back behind the last one, so it spares the last one.
        """
        hits = [
            fault
            for fault in self._faults
            if fault.kind in CALLBACK_FAULTS
            and fault.parameters.get("event", event) == event
            and not (terminal and fault.kind == "callback_reorder")
        ]
        for fault in hits:
            self._spend(fault)
        return hits

    def _spend(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._faults.remove(fault)
