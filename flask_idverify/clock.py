"""The one place that time comes from, so that tests can move it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

_offset = timedelta()
_stopped: datetime | None = None


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return (_stopped or datetime.now(timezone.utc)) + _offset


@contextmanager
def shifted(**delta: float) -> Iterator[None]:
    """Move the clock of this process for a while; the arguments are those of ``timedelta``."""
    global _offset  # noqa: PLW0603 - one clock per process is the point
    before = _offset
    _offset = before + timedelta(**delta)
    try:
        yield
    finally:
        _offset = before


@contextmanager
def stopped() -> Iterator[datetime]:
    """Hold the clock of this process still; ``shifted`` moves it all the same."""
    global _stopped  # noqa: PLW0603 - one clock per process is the point
    before = _stopped
    _stopped = before or datetime.now(timezone.utc)
    try:
        yield now()
    finally:
        _stopped = before
