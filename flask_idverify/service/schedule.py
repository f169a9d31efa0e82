"""When to ask the vendor without having been told to (reference, 2A.10)."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Seconds after the user has finished the journey; at most ten attempts, then daily.
OFFSETS = (40, 60, 100, 160, 240, 340, 460, 600, 760, 940)
_DAILY = timedelta(days=1)
#: However long a vendor asks to be left alone about one attempt.
LONGEST_ASKED = timedelta(days=1)
#: Callbacks, page views and repeated nudges together fetch no more often than this.
SHORTEST_GAP = timedelta(seconds=10)


def first_poll(since: datetime) -> datetime:
    """Return when to ask first, counted from the end of the capture or, failing that, the link."""
    return since + timedelta(seconds=OFFSETS[0])


def next_poll(since: datetime, now: datetime, *, retry_after: float | None = None) -> datetime:
    """Return when to ask again; never earlier than the shortest gap.

    The offsets are elapsed times: what others asked in between (a callback, a page view) uses
    none of them up. Before *since*, the end of a link that may be weeks away, it is once a day:
    who has finished long before may have told nobody.

    :param retry_after: nor earlier than the vendor asked, in seconds.
    """
    earliest = now + patience(retry_after)
    for offset in OFFSETS:
        if since + timedelta(seconds=offset) > now:
            return max(min(since + timedelta(seconds=offset), now + _DAILY), earliest)
    return now + _DAILY


def patience(retry_after: float | None) -> timedelta:
    """Return how long to leave the vendor alone that asked for so many seconds, or for none."""
    asked = min(retry_after or 0.0, LONGEST_ASKED.total_seconds())
    return max(timedelta(seconds=asked), SHORTEST_GAP)
