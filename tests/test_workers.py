"""Workers give signs of life, and whoever looks learns when nobody does what is owed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from flask_idverify import clock, doctor, inbox, tasks, workers
from flask_idverify.cli.work import _Hand
from flask_idverify.leases import Tally
from flask_idverify.models import WorkerRow
from tests.hosts import Host, lena, make_host
from tests.vendor import Vendor, together
from tests.web_admin.desk import Desk, words


def rows(host: Host) -> list[WorkerRow]:
    host.db.session.rollback()
    return list(host.db.session.scalars(select(WorkerRow).order_by(WorkerRow.seen_at)))


def advice(host: Host) -> tuple[str, str]:
    """Return what the doctor says of workers."""
    with host.app.app_context():
        (found,) = (item for item in doctor.examine() if item.about == "worker")
        host.db.session.remove()
    return found.level, found.message


def told_of(host: Host, vendor: Vendor) -> None:
    """Have a callback stored that nobody has acted on."""
    with host.app.app_context():
        host.add_provider(vendor.url)
        row = host.idverify.start(host.add_user("lena@example.com"), lena())
        vendor.finish(row)
        assert vendor.notification(row.vendor_reference).arrive()
        host.db.session.remove()


@pytest.mark.usefixtures("app_context")
def test_worker_is_written_down_at_most_every_twenty_seconds(host: Host) -> None:
    with clock.stopped() as begun:
        life = workers.Heartbeat("work", 3)
        for _ in range(3):
            life.beat()
        (row,) = rows(host)
        assert (row.kind, row.concurrency, row.seen_at) == ("work", 3, begun)
        assert row.host
        assert row.pid
        for seconds, seen in ((19, 0), (20, 20), (39, 20), (45, 45)):
            with clock.shifted(seconds=seconds):
                life.beat()
            (row,) = rows(host)
            assert (row.seen_at - begun).total_seconds() == seen
            assert row.started_at == begun
        life.end()
        assert rows(host) == []


@pytest.mark.usefixtures("app_context")
@pytest.mark.parametrize("kind", ["cron", "celery"])
def test_runs_that_come_and_go_share_a_row(host: Host, kind: str) -> None:
    for seconds in (0, 30, 60):
        with clock.shifted(seconds=seconds):
            workers.Heartbeat(kind).beat()
    assert [row.kind for row in rows(host)] == [kind]
    workers.Heartbeat("work").beat()
    workers.Heartbeat("work").beat()
    assert sorted(row.kind for row in rows(host)) == sorted([kind, "work", "work"])


def test_tasks_at_once_write_one_row(file_host: Host) -> None:
    together(file_host, 8, lambda _: workers.Heartbeat("celery").beat())
    with file_host.app.app_context():
        assert len(rows(file_host)) == 1


@pytest.mark.usefixtures("app_context")
def test_dead_worker_is_forgotten_after_a_day(host: Host) -> None:
    workers.Heartbeat("work").beat()
    with clock.shifted(hours=23):
        workers.Heartbeat("work").beat()
    assert len(rows(host)) == 2
    with clock.shifted(hours=25):
        workers.Heartbeat("work").beat()
    assert len(rows(host)) == 2


@pytest.mark.usefixtures("app_context")
def test_worker_works_though_it_cannot_write_itself_down(host: Host, vendor: Vendor) -> None:
    """E.g. the app was updated before its database."""
    told_of(host, vendor)
    host.db.session.execute(text("DROP TABLE idverify_worker"))
    host.db.session.commit()
    answer = host.app.test_cli_runner().invoke(args=["idverify", "work", "--once"])
    assert answer.exit_code == 0, answer.output
    assert "done: 1" in answer.output
    levels = {item.about: item.level for item in doctor.examine()}
    assert levels["tables"] == "error"


def test_run_of_cron_and_of_celery_leave_a_sign(host: Host) -> None:
    answer = host.app.test_cli_runner().invoke(args=["idverify", "work", "--once"])
    assert answer.exit_code == 0
    with host.app.app_context():
        assert tasks.work.run() == 0
        assert sorted(row.kind for row in rows(host)) == ["celery", "cron"]


def test_long_drain_keeps_the_row_fresh_and_a_clean_end_removes_it(
    file_host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_to_stop: list[Any] = []
    monkeypatch.setattr(signal, "signal", lambda _number, handler: ask_to_stop.append(handler))
    ages = []

    def work_through(until: Callable[[], bool]) -> Tally:
        for minutes in (1, 2, 3):
            with clock.shifted(minutes=minutes):
                until()  # as between two pieces
                (row,) = rows(file_host)
                ages.append((clock.now() - row.seen_at).total_seconds())
        ask_to_stop[0]()
        return Tally()

    monkeypatch.setattr(inbox, "work_through", work_through)
    answer = file_host.app.test_cli_runner().invoke(args=["idverify", "work"])
    assert answer.exit_code == 0, answer.output
    assert len(ages) == 3
    assert max(ages) < 20
    with file_host.app.app_context():
        assert rows(file_host) == []


def test_long_pause_between_two_looks_keeps_the_row_fresh(host: Host) -> None:
    class Patience(threading.Event):
        """Lets the clock go on instead of waiting."""

        def __init__(self) -> None:
            super().__init__()
            self.waits: list[float] = []

        def wait(self, timeout: float | None = None) -> bool:
            self.waits.append(timeout or 0.0)
            time.enter_context(clock.shifted(seconds=timeout or 0.0))
            return False

    stop = Patience()
    with ExitStack() as time, host.app.app_context():
        life = workers.Heartbeat("work")
        life.beat()
        _Hand(host.app, stop, 70.0, life, once=False)._rest(70.0)
        assert stop.waits == [20, 20, 20, 10]
        (row,) = rows(host)
        assert (clock.now() - row.seen_at).total_seconds() < 15


@pytest.mark.parametrize("dispatch", ["inline", "worker", "celery"])
def test_doctor_misses_a_worker_where_one_is_needed(tmp_path: Path, dispatch: str) -> None:
    host = make_host(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.db", IDVERIFY_DISPATCH=dispatch
    )
    level, message = advice(host)
    assert level == ("ok" if dispatch == "inline" else "warning")
    assert "none is running" in message
    with host.app.app_context():
        workers.Heartbeat("work").beat()
    assert advice(host) == ("ok", "1 seen lately.")
    with clock.shifted(minutes=6):
        level, message = advice(host)
    assert level == ("ok" if dispatch == "inline" else "warning")
    assert "6 minutes ago" in message


def test_doctor_and_overview_take_the_last_run_of_cron_for_no_worker_that_was_seen(
    host: Host, vendor: Vendor
) -> None:
    told_of(host, vendor)
    desk = Desk(host)
    with host.app.app_context():
        workers.Heartbeat("cron").beat()
    with clock.shifted(minutes=10):
        with host.app.app_context():
            life = workers.Heartbeat("work")
            life.beat()
            life.end()
        assert "none is running (last run by cron: 10 minutes ago)" in advice(host)[1]
        page = words(desk.get("/"))
        assert "No worker is at work; cron or Celery last ran 10 minutes ago." in page


def test_doctor_finds_work_that_nobody_does(host: Host, vendor: Vendor) -> None:
    told_of(host, vendor)
    assert advice(host)[0] == "ok", "it has just come"
    with clock.shifted(minutes=6):
        level, message = advice(host)
        assert level == "error"
        assert "owed since 6 minutes" in message
        assert "flask idverify work" in message
        with host.app.app_context():
            workers.Heartbeat("work").beat()
        level, message = advice(host)
        assert level == "warning"
        assert "--concurrency" in message
        with host.app.app_context():
            inbox.drain()
        assert advice(host)[0] == "ok"


def test_overview_tells_who_works_and_what_waits(host: Host, vendor: Vendor) -> None:
    told_of(host, vendor)
    desk = Desk(host)
    assert "worker" not in words(desk.get("/")).lower()
    with clock.stopped():
        with host.app.app_context():
            workers.Heartbeat("work").beat()
        with clock.shifted(seconds=12):
            assert "1 worker, seen 12 seconds ago." in words(desk.get("/"))
        with clock.shifted(minutes=6):
            page = words(desk.get("/"))
            assert "No worker is at work; the last was seen 6 minutes ago." in page
            assert "Work is waiting since" in page
