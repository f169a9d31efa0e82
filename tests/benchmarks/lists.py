"""Whether the admins' list is as fast with many rows: ``python -m tests.benchmarks.lists``.

Two databases, a small and a large one, and the pages of the list through the view, templates and
all, by turns, so that what else the machine does meets both. Shown is the median of each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import select

from flask_idverify.models import Verification
from flask_idverify.queries import Place
from tests.benchmarks.many import DAYS, NOW, REGULAR, Filled, fill
from tests.faults.races import database
from tests.hosts import make_host
from tests.web_admin.desk import ADMIN, Desk

ENGINES = ["sqlite", "sqlite-wal", "postgresql", "mariadb"]


class Scene:
    """An admin before a list of *count* verifications."""

    def __init__(self, url: str, count: int, days: int) -> None:
        self.host = make_host(SQLALCHEMY_DATABASE_URI=url, IDVERIFY_DISPATCH="worker")
        self.days = days
        self.filled = fill(self.host, count, days)
        self.desk = Desk(self.host)

    def middle(self, **wanted: str) -> str:
        """Return the cursor of the middle: of a row that was made at half of the time."""
        with self.host.app.app_context():
            half = NOW - timedelta(days=self.days) / 2
            query = select(Verification.created_at, Verification.id).filter_by(**wanted)
            query = query.where(Verification.created_at <= half)
            row = self.host.db.session.execute(
                query.order_by(Verification.created_at.desc()).limit(1)
            ).one()
            return Place(*row, newer=False).cursor()

    def seconds(self, path: str) -> float:
        began = time.perf_counter()
        answer = self.desk.get(path)
        took = time.perf_counter() - began
        assert answer.status_code == 200, (path, answer.status_code)
        rows = answer.text.count('<th scope="row"')
        listed = path.startswith(("/verifications", "/identities"))
        assert rows == (1 if "reference=" in path else 25) or not listed, path
        return took

    def export(self) -> tuple[int, float]:
        """Return the rows of the file of all, and the seconds that it took."""
        form = {"csrf_token": self.desk.token()}
        began = time.perf_counter()
        answer = self.desk.browser.post(f"{ADMIN}/verifications/export", data=form)
        lines = sum(piece.count(b"\n") for piece in answer.iter_encoded())
        return lines - 1, time.perf_counter() - began

    def memory(self) -> list[int]:
        """Return the most KiB that Python held for the file, up to its tenth batch and in all."""
        form = {"csrf_token": self.desk.token()}
        tracemalloc.start()
        answer = self.desk.browser.post(f"{ADMIN}/verifications/export", data=form)
        peaks = []
        for number, _ in enumerate(answer.iter_encoded(), 1):
            if number == 10:
                peaks.append(tracemalloc.get_traced_memory()[1] // 1024)
        peaks.append(tracemalloc.get_traced_memory()[1] // 1024)
        tracemalloc.stop()
        return peaks


def addresses(filled: Filled, scene: Scene) -> dict[str, str]:
    """Return what is measured, by its name."""
    half, month = timedelta(days=scene.days) / 2, timedelta(days=30)
    span = {"since": f"{NOW - half - month:%Y-%m-%d}", "until": f"{NOW - half + month:%Y-%m-%d}"}
    asked: dict[str, dict[str, str]] = {
        "first page": {},
        "oldest first": {"order": "oldest"},
        "from the middle, older": {"older": scene.middle()},
        "from the middle, newer": {"newer": scene.middle()},
        "status": {"status": "in_review"},
        "status, from the middle": {
            "status": "in_review",
            "older": scene.middle(status="in_review"),
        },
        "provider": {"provider": filled.provider},
        "application": {"application": filled.application},
        "reason": {"reason": "face_mismatch"},
        "users": {"kind": "real"},
        "tests": {"kind": "test"},
        "days": span,
        "user": {"user": REGULAR},
        "vendor's reference": {"reference": filled.reference},
        "status and users": {"status": "approved", "kind": "real"},
        "status and provider": {"status": "rejected", "provider": filled.provider},
    }
    people: dict[str, dict[str, str]] = {
        "list of users": {},
        "list of users, application": {"application": filled.application},
        "list of users, small application": {"application": filled.small},
        "list of users, application and standing": {
            "application": filled.application,
            "standing": "verified",
        },
    }
    found = {name: f"/verifications?{urlencode(values)}" for name, values in asked.items()}
    found |= {name: f"/identities?{urlencode(values)}" for name, values in people.items()}
    for days in (7, 30, 90):
        found[f"overview, {days} days"] = f"/?days={days}"
    found["overview, 30 days of a provider"] = f"/?days=30&provider={filled.provider}"
    found["provider page"] = f"/providers/{filled.provider}"
    return {**found, "providers": "/providers"}


@contextmanager
def scene(engine: str, count: int, days: int) -> Iterator[Scene]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(database(engine, Path(folder)))
        began = time.perf_counter()
        made = Scene(url, count, days)
        print(f"{engine}: {count} written in {time.perf_counter() - began:.0f} s", flush=True)
        yield made
        with made.host.app.app_context():
            made.host.db.session.remove()
            made.host.db.engine.dispose()


def compare(engine: str, small: int, large: int, times: int, days: int, only: str) -> None:
    """Print a line for each page: both medians in milliseconds, and their ratio.

    :param only: how the names of the pages begin that are measured.
    """
    with scene(engine, small, days) as few, scene(engine, large, days) as many:
        pairs = [(one, addresses(one.filled, one)) for one in (few, many)]
        print(f"| {engine} | {small:,} | {large:,} | ratio |\n|---|---|---|---|")
        worst = 0.0
        for name in filter(lambda name: name.startswith(only), pairs[0][1]):
            taken: list[list[float]] = [[], []]
            for turn in range(times + 3):
                for which, (one, paths) in enumerate(pairs):
                    seconds = one.seconds(paths[name])
                    if turn >= 3:  # before that, caches fill
                        taken[which].append(seconds)
            first, second = (1000 * statistics.median(each) for each in taken)
            worst = max(worst, second / first)
            print(f"| {name} | {first:.1f} | {second:.1f} | {second / first:.2f} |", flush=True)
        print(f"{engine}: worst ratio {worst:.2f}, load {os.getloadavg()[0]:.1f}")
        if only:
            return
        rows, took = many.export()
        print(f"{engine}: {rows} rows exported in {took:.0f} s", flush=True)
        print(f"{engine}: at most {many.memory()} KiB up to the tenth batch, and in all")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: all")
    parser.add_argument("--small", type=int, default=1_000, help="rows of the small list")
    parser.add_argument("--large", type=int, default=1_000_000, help="rows of the large list")
    parser.add_argument("--times", type=int, default=20, help="pages of which the median is shown")
    parser.add_argument("--days", type=int, default=DAYS, help="in which the rows were made")
    parser.add_argument("--only", default="", help="pages whose names begin so, and no export")
    given = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before")
    for engine in given.engine or ENGINES:
        compare(
            engine,
            given.small,
            given.large,
            given.times,
            given.days,
            given.only,
        )


if __name__ == "__main__":
    main()
