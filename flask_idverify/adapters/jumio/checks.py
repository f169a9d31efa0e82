"""Single steps of a connection check."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...errors import VendorBusy, VendorError, VendorRecordMissing
from ...phrases import phrase
from ...types import CheckStep
from ..http import Answer
from .values import mapping

#: Parts of the vendor's service that a health report may name.
_PARTS = frozenset({"api", "callback", "mobile", "processing", "retrieval", "web"})


def probe(name: str, ask: Callable[[], Answer]) -> CheckStep:
    """Ask for a record that cannot exist: *not found* is what good credentials hear."""
    begun = time.monotonic()
    try:
        ask()
    except VendorRecordMissing:
        return CheckStep(name, True, phrase("The credentials are accepted."), since(begun))
    except VendorBusy as error:
        message = phrase("The vendor's rate limit is reached; the credentials could not be tried.")
        return CheckStep(name, False, message, since(begun), error.detail)
    except VendorError as error:
        return CheckStep(name, False, error.args[0], since(begun), error.detail)
    message = phrase(
        "The vendor answered for a record that cannot exist; is this a mock or a proxy?"
    )
    return CheckStep(name, False, message, since(begun))


def since(begun: float) -> int:
    """Return whole milliseconds since a monotonic moment."""
    return round((time.monotonic() - begun) * 1000)


def health(ask: Callable[[], Answer]) -> CheckStep:
    """Ask how the vendor feels (reference, 2B.8)."""
    begun = time.monotonic()
    try:
        report = ask().object()
    except VendorError as error:
        return CheckStep("health", False, error.args[0], since(begun), error.detail)
    status = _word(report.get("status"))
    ailing = sorted(
        f"{name} {_word(state)}"
        for name, state in mapping(report.get("details")).items()
        if name in _PARTS and _word(state) in ("DEGRADED", "DOWN")
    )
    shown = status if status in ("UP", "DEGRADED", "DOWN") else "unknown"
    message = phrase("The vendor reports: %(states)s.", states=", ".join([shown, *ailing]))
    return CheckStep("health", status in ("UP", "DEGRADED"), message, since(begun))


def _word(value: object) -> str:
    return value.strip().upper() if isinstance(value, str) else ""
