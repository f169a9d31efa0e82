"""Whether what is owed is being done, and what failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .. import clock, queries, workers
from ..runtime import Runtime
from .advice import Advice, ok

_START = "Run `flask idverify work` as a service, `flask idverify work --once` by cron, or a beat"

#: What a kept sign of life was, by the kind of worker; a process that ends cleanly leaves none.
_LAST = {"work": "sign of life", "cron": "run by cron", "celery": "task of Celery"}


def seen(app: Runtime) -> Iterator[Advice]:
    """Look for workers, and for work that waits for them."""
    shift = workers.shift()
    last = "none is running"
    if shift.seen_at is not None:
        last += (
            f" (last {_LAST.get(shift.kind or '', 'seen')}: {_minutes(shift.seen_at)} minutes ago)"
        )
    if shift.is_missed and shift.is_late:
        yield Advice(
            "error",
            "worker",
            f"{last}, and work is owed since {_minutes(shift.waiting_since)} minutes. {_START} "
            "(docs/scaling.md).",
        )
    elif shift.is_missed:
        yield Advice(
            "warning",
            "worker",
            f"{last}, and IDVERIFY_DISPATCH is {app.settings.dispatch!r}: callbacks wait for one. "
            f"{_START} (docs/scaling.md).",
        )
    elif shift.is_late:
        yield Advice(
            "warning",
            "worker",
            f"{shift.alive} at work, but work is owed since {_minutes(shift.waiting_since)} "
            "minutes: more --concurrency, or more workers, would catch up.",
        )
    elif shift.alive:
        yield ok("worker", f"{shift.alive} seen lately.")
    else:
        yield ok("worker", f"{last}; nothing waits for one now.")


def callbacks(_app: Runtime) -> Iterator[Advice]:
    """Look for callbacks that could not be processed."""
    failed = queries.failed_callbacks(limit=1, owed=True)
    if failed.count:
        yield Advice(
            "warning",
            "failed callbacks",
            f"{failed.count}; the latest says: {failed.page.rows[0].error} They are tried again by "
            "themselves; `flask idverify callbacks --failed` lists them.",
        )
    if failed.strange:
        yield ok(
            "strangers' callbacks",
            f"{failed.strange} match no verification and are not tried by themselves any more.",
        )


def _minutes(moment: datetime | None) -> int:
    return 0 if moment is None else int((clock.now() - moment).total_seconds() // 60)
