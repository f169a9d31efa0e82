"""Time as the sandbox sees it: the real clock plus an offset that tests may push forward."""

from __future__ import annotations

import re
import threading
import time
from datetime import date, datetime, timedelta, timezone

_STAMP = re.compile(
    r"(?P<head>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.(?P<fraction>\d{1,9}))?"
    r"(?P<zone>[Zz]|[+-]\d{2}:\d{2})?"
)


class Clock:
    """Real UTC time plus an offset; it never runs backwards on request."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the simulated present, with its zone (UTC)."""
        with self._lock:
            return datetime.fromtimestamp(time.time() + self._offset, timezone.utc)

    def advance(self, seconds: float) -> None:
        """Move the simulated present forward."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        with self._lock:
            self._offset += seconds

    def reset(self) -> None:
        """Return to real time."""
        with self._lock:
            self._offset = 0.0


def stamp(moment: datetime) -> str:
    """Write a UTC time with exactly three fraction digits (reference 2A.4 and 3.5)."""
    utc = moment.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def loose_stamp(moment: datetime) -> str:
    """Write a UTC time with zero to three fraction digits, as v4 callbacks do (reference 3.4)."""
    head, fraction = stamp(moment)[:-1].split(".")
    fraction = fraction.rstrip("0")
    return f"{head}.{fraction}Z" if fraction else f"{head}Z"


def parse_stamp(text: str) -> datetime:
    """Read a UTC time with or without fraction; Python 3.10 cannot parse the ``Z`` itself."""
    match = _STAMP.fullmatch(text)
    if match is None:
        raise ValueError("not a timestamp")
    fraction = f"{match['fraction'] or '':0<6}"[:6]
    zone = "+00:00" if match["zone"] in ("Z", "z") else match["zone"] or ""
    moment = datetime.fromisoformat(f"{match['head']}.{fraction}{zone}")
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    return moment


def years_from(day: date, years: int) -> date:
    """Shift a day by whole years; 29 February becomes 28 February where it must."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def seconds(amount: float) -> timedelta:
    """Shorthand that keeps arithmetic on moments readable."""
    return timedelta(seconds=amount)
