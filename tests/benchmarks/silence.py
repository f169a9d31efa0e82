"""What a claim of work costs behind a silenced provider: ``python -m tests.benchmarks.silence``.

Many rows of a provider that its vendor has silenced have been due for longer than those of one
that may be asked. Shown is what a worker that comes by then needs: for its first look at each kind
of work, for each piece that it takes afterwards, and to learn when the next falls due.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from flask_idverify import clock, inbox, leases, upkeep
from flask_idverify.models import CallbackRow, OutboxRow, Verification
from flask_idverify.service import backoff
from tests.benchmarks.many import analyze, fill
from tests.faults.races import database
from tests.hosts import Host, make_host

ENGINES = ["sqlite", "sqlite-wal", "postgresql", "mariadb"]
BATCH = 5000
LEASE = timedelta(minutes=5)
HEALTHY = 60


def crowd(host: Host, count: int) -> None:
    """Write what is due: *count* pieces of each kind for a silenced provider, then a few others."""
    filled = fill(host, count * 5)
    with host.app.app_context():
        session = host.db.session
        now = clock.now()
        silent = filled.provider
        others = select(Verification.provider_id).where(Verification.provider_id != silent)
        other = session.scalars(others.limit(1)).one()
        for owner, number, age in ((silent, count, 2), (other, HEALTHY, 1)):
            due = now - timedelta(hours=age)
            for model in (CallbackRow, OutboxRow):
                rows = [_row(model, owner, due + timedelta(milliseconds=n)) for n in range(number)]
                for start in range(0, number, BATCH):
                    session.execute(insert(model), rows[start : start + BATCH])
            theirs = Verification.provider_id == owner
            ids = session.scalars(select(Verification.id).where(theirs).limit(number)).all()
            assert len(ids) == number
            session.execute(
                update(Verification)
                .where(Verification.id.in_(ids))
                .values(next_poll_at=due)
                .execution_options(synchronize_session=False)
            )
        session.commit()
        analyze(host)
        backoff.back_off(silent, now + timedelta(hours=1))


def _row(model: Any, provider_id: str, due: Any) -> dict[str, Any]:
    key = str(uuid.uuid4())
    common = {"id": key, "provider_id": provider_id, "next_try_at": due, "tries": 0}
    if model is OutboxRow:
        return {**common, "kind": "vendor_erasure", "subject": key, "created_at": due}
    return {**common, "scope": key, "digest": key, "body_sealed": "x" * 900, "received_at": due}


def measure(host: Host) -> list[tuple[str, float]]:
    """Return what was done, and its milliseconds."""
    found: list[tuple[str, float]] = []
    with host.app.app_context():
        for model in (CallbackRow, OutboxRow):
            name = model.__tablename__.rpartition("_")[2]
            found.append((f"{name}: way made", _way(model, model.next_try_at)))
            first, *rest = _each(iter(leases.taken(model, LEASE)))
            assert len(rest) >= HEALTHY // 2, "what may be asked is found behind what may not"
            found += [(f"{name}: first", first), (f"{name}: each", statistics.median(rest))]
        found.append(("polls: way made", _way(Verification, Verification.next_poll_at)))
        polls = [_timed(lambda: upkeep.drain_polls(lambda: True)) for _ in range(7)]
        found += [("polls: first", polls[0]), ("polls: each look", statistics.median(polls[1:]))]
        looks = [_timed(inbox.next_due) for _ in range(7)]
        found.append(("next due", statistics.median(looks)))
    return found


def _way(model: Any, due: Any) -> float:
    """Return what it takes, once, to move aside what has to wait."""
    return _timed(lambda: leases.make_way(model, due))


def _each(pieces: Any) -> list[float]:
    took: list[float] = []
    while True:
        began = time.perf_counter()
        if next(pieces, None) is None:
            return took
        took.append((time.perf_counter() - began) * 1000)


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure one engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--rows", type=int, default=10_000)
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(database(wanted.engine, folder))
        host = make_host(SQLALCHEMY_DATABASE_URI=url, IDVERIFY_DISPATCH="worker")
        crowd(host, wanted.rows)
        for name, took in measure(host):
            print(f"{wanted.engine:12} {name:20} {took:8.1f} ms")


if __name__ == "__main__":
    main()
