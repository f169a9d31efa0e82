"""What may be switched for the whole sandbox, with the checks on each switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .documents import Document
from .errors import ControlError
from .scenarios import resolve


@dataclass(frozen=True)
class Options:
    """Sandbox-wide behaviour; the control API calls it the defaults."""

    scenario: str = "approve"
    document: Mapping[str, str] = field(default_factory=dict)
    processing_seconds: float = 5.0
    latency: float = 0.0
    callbacks: bool = True
    # "Older guides send only the terminal statuses" (reference 3.5).
    terminal_callbacks_only: bool = False
    acquisition_started_callback: bool = False
    callback_timeout: float = 5.0
    token_expires_in: float = 3600.0
    v4_auth_failure: int = 401
    create_status: int = 200
    # Without a domain prefix in the portal, no link is returned (reference 2B.4).
    web_href: bool = True
    expired_details: str = "body"
    pending_details: str = "body"
    health: str = "UP"
    health_details: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the switches as JSON-able values."""
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in ((name, getattr(self, name)) for name in _CHECKS)
        }

    def changed(self, changes: Mapping[str, Any]) -> Options:
        """Return a copy with some switches set; refuse unknown ones and wrong values."""
        for name, value in changes.items():
            if name not in _CHECKS:
                raise ControlError(
                    f"unknown default; expected one of {', '.join(_CHECKS)}", field=name
                )
            _CHECKS[name](name, value)
        return replace(self, **dict(changes))


Check = Callable[[str, Any], None]


def number(minimum: float, maximum: float) -> Check:
    """Build a check for a number within limits."""

    def check(name: str, value: Any) -> None:
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not good or not minimum <= value <= maximum:
            raise ControlError(f"expected a number from {minimum:g} to {maximum:g}", field=name)

    return check


def one_of(*allowed: object) -> Check:
    """Build a check for a value of a fixed set."""

    def check(name: str, value: Any) -> None:
        # 1 == True in Python; a switch must not take one for the other.
        if not any(type(value) is type(item) and value == item for item in allowed):
            words = ", ".join(repr(item) for item in allowed)
            raise ControlError(f"expected one of {words}", field=name)

    return check


def _scenario(_name: str, value: Any) -> None:
    resolve(value)


def _document(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise ControlError("expected an object of document fields", field=name)
    Document().changed(value)


def _health_details(name: str, value: Any) -> None:
    areas = ("api", "callback", "mobile", "processing", "retrieval", "web")
    levels = ("UP", "DEGRADED", "DOWN")
    if not isinstance(value, Mapping) or not all(
        area in areas and level in levels for area, level in value.items()
    ):
        raise ControlError(f"expected an object of {areas} with values {levels}", field=name)


_CHECKS: dict[str, Check] = {
    "scenario": _scenario,
    "document": _document,
    "processing_seconds": number(0, 86400),
    "latency": number(0, 60),
    "callbacks": one_of(True, False),
    "terminal_callbacks_only": one_of(True, False),
    "acquisition_started_callback": one_of(True, False),
    "callback_timeout": number(0.05, 60),
    "token_expires_in": number(1, 86400),
    "v4_auth_failure": one_of(401, 403),
    "create_status": one_of(200, 201),
    "web_href": one_of(True, False),
    "expired_details": one_of("body", "404"),
    "pending_details": one_of("body", "404"),
    "health": one_of("UP", "DEGRADED", "DOWN"),
    "health_details": _health_details,
}
