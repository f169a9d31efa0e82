"""A list costs what it shows, not what there is: by the engine's own account, not by the clock."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import event, select

from flask_idverify.models import Verification
from flask_idverify.queries import Place
from tests.benchmarks.many import NOW, REGULAR, Filled, fill
from tests.hosts import Host, make_host
from tests.web_admin.desk import ADMIN, Desk

#: Filters, and the indexes of which an engine may take either.
CREATED = "created"
ASKED: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": ({}, {CREATED}),
    "oldest": ({"order": "oldest"}, {CREATED}),
    "status": ({"status": "in_review"}, {"status"}),
    "provider": ({"provider": "*"}, {"provider", CREATED}),
    "application": ({"application": "*"}, {"application", CREATED}),
    "reason": ({"reason": "face_mismatch"}, {"reason"}),
    "users": ({"kind": "real"}, {CREATED, "test"}),
    "tests": ({"kind": "test"}, {"test"}),
    "days": ({"since": "*", "until": "*"}, {CREATED}),
    "user": ({"user": REGULAR}, {"user"}),
    "reference": ({"reference": "*"}, {"vendor"}),
    "identity": ({"identity": "*"}, {"identity"}),
    "status and tests": ({"status": "approved", "kind": "test"}, {"test", "status"}),
    "user and status": ({"user": REGULAR, "status": "approved"}, {"user"}),
    "reference and provider": ({"reference": "*", "provider": "*"}, {"vendor"}),
}


class Hall:
    """A host with many verifications, and what its engine does for a page."""

    def __init__(self, count: int) -> None:
        self.host: Host = make_host()
        self.filled: Filled = fill(self.host, count)
        self.desk = Desk(self.host)
        self.count = count

    def address(self, name: str, **more: str) -> str:
        asked = dict(ASKED[name][0])
        known = {
            "provider": self.filled.provider,
            "application": self.filled.application,
            "reference": self.filled.reference,
            "identity": "00000000-0000-0000-0000-000000000001",
            "since": f"{NOW - timedelta(days=530):%Y-%m-%d}",
            "until": f"{NOW - timedelta(days=450):%Y-%m-%d}",
        }
        filled = {key: known[key] if value == "*" else value for key, value in asked.items()}
        return f"/verifications?{urlencode({**filled, **more})}"

    def middle(self) -> str:
        with self.host.app.app_context():
            half = NOW - timedelta(days=500)
            row = self.host.db.session.execute(
                select(Verification.created_at, Verification.id)
                .where(Verification.created_at <= half)
                .order_by(Verification.created_at.desc())
                .limit(1)
            ).one()
            return Place(*row, newer=False).cursor()

    @contextmanager
    def said(self) -> Iterator[list[tuple[str, Any]]]:
        """Give the statements that the host sends meanwhile, with their parameters."""
        found: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            found.append((statement, values))

        with self.host.app.app_context():
            engine = self.host.db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield found
        finally:
            event.remove(engine, "before_cursor_execute", note)

    def plan(self, statement: str, values: Any) -> str:
        """Return how the engine goes about a statement, in its own words."""
        with self.host.app.app_context(), self.host.db.engine.connect() as connection:
            word = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
            rows = connection.exec_driver_sql(f"{word} {statement}", values).all()
        return "\n".join(str(tuple(row)) for row in rows)

    def steps(self, path: str = "") -> int:
        """Return the steps that SQLite's machine takes for a page, or for the file, in tens."""
        taken = 0

        def step() -> int:
            nonlocal taken
            taken += 1
            return 0

        with self.host.app.app_context():
            connection = self.host.db.engine.raw_connection().driver_connection
            assert isinstance(connection, sqlite3.Connection)
            connection.set_progress_handler(step, 10)
            if path:
                assert self.desk.get(path).status_code == 200
            else:
                token = {"csrf_token": self.desk.token()}
                assert self.desk.post("/verifications/export", token).text.count("\n") > self.count
            connection.set_progress_handler(None, 0)
        return taken


@pytest.fixture
def hall(volume: Callable[[int, int], int]) -> Hall:
    return Hall(volume(5000, 20_000))


def test_every_filter_walks_an_index_and_sorts_nothing_but_one_persons_rows(hall: Hall) -> None:
    for name, (_, indexes) in ASKED.items():
        for place in ({}, {"older": hall.middle()}):
            with hall.said() as said:
                assert hall.desk.get(hall.address(name, **place)).status_code == 200
            # The page itself; a list that begins anew reads it twice.
            (asked,) = [one for one in said if "ORDER BY idverify_verification" in one[0]]
            plan = hall.plan(*asked)
            told = (name, place, plan)
            assert any(f"ix_idverify_verification_{each}" in plan for each in indexes), told
            few = name in ("user", "user and status", "reference", "identity")
            few |= name == "reference and provider"
            # PostgreSQL sorts what it takes for a handful.
            few |= bool(place) and "Sort Key" in plan and "rows=1 " in plan
            if not few and name != "days":
                for word in ("TEMP B-TREE", "filesort", "Sort Key"):
                    assert word not in plan, told


def test_the_overview_counts_what_ended_in_its_days_within_one_index(hall: Hall) -> None:
    for days in (7, 30, 90):
        for provider in ("", f"&provider={hall.filled.provider}"):
            with hall.said() as said:
                assert hall.desk.get(f"/?days={days}{provider}").status_code == 200
            (asked,) = [one for one in said if "AS day" in one[0]]
            plan = hall.plan(*asked)
            assert "ix_idverify_verification_finished" in plan, (days, provider, plan)
            if "SEARCH" in plan:  # SQLite
                assert "COVERING INDEX" in plan
                assert "finished_at>?" in plan


@pytest.mark.sqlite("counts the steps of its machine")
def test_a_twentyfold_table_costs_no_page_more() -> None:
    small, large = Hall(1000), Hall(20_000)
    for name in ASKED:
        for place in ("", "older", "newer"):
            costs = [
                hall.steps(hall.address(name, **({place: hall.middle()} if place else {})))
                for hall in (small, large)
            ]
            # Trees are a little deeper, and pages of the small one not always full.
            assert costs[1] <= 1.3 * costs[0] + 50, (name, place, costs)


@pytest.mark.sqlite("counts the steps of its machine")
def test_the_file_costs_each_row_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_idverify.queries.attempts.BATCH", 100)
    a_row = [hall.steps() / hall.count for hall in (Hall(1000), Hall(8000))]
    assert a_row[1] <= 1.1 * a_row[0]


def test_the_file_takes_no_more_memory_for_more_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_idverify.queries.attempts.BATCH", 100)
    peaks = []
    for hall in (Hall(1000), Hall(1000), Hall(8000)):  # the first pays for what is made once
        form = {"csrf_token": hall.desk.token()}
        tracemalloc.start()
        answer = hall.desk.browser.post(f"{ADMIN}/verifications/export", data=form, buffered=False)
        assert sum(piece.count(b"\n") for piece in answer.iter_encoded()) == hall.count + 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] <= 1.5 * peaks[1], peaks


def test_a_page_takes_as_many_statements_however_many_rows(
    volume: Callable[[int, int], int],
) -> None:
    numbers = []
    for hall in (Hall(1000), Hall(volume(3000, 20_000))):
        with hall.said() as said:
            for path in ("/", "/verifications", "/providers", "/callbacks", "/owed"):
                assert hall.desk.get(path).status_code == 200
        numbers.append(len(said))
    assert numbers[0] == numbers[1] <= 50
