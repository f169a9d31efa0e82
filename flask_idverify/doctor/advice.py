"""What the doctor says: good news, warnings and errors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """One finding. ``level`` is ``ok``, ``warning`` (may be meant so) or ``error``."""

    level: str
    about: str
    message: str


def ok(about: str, message: str) -> Advice:
    """Return good news."""
    return Advice("ok", about, message)
