"""A nudge gets what is owed done soon; it is never what the work depends on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_idverify import clock, dispatch, inbox
from flask_idverify.models import Verification
from tests.hosts import Host, lena, make_host
from tests.vendor import Notification, Vendor, owed

Make = Callable[..., Host]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a host on a database file, closed at the end."""
    made: list[Host] = []

    def build(mode: str, **config: Any) -> Host:
        values = {
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/host.db",
            "IDVERIFY_DISPATCH": mode,
        }
        made.append(make_host(**{**values, **config}))
        return made[-1]

    yield build
    for host in made:
        nudger(host).stop()
        with host.app.app_context():
            host.db.session.remove()
            host.db.engine.dispose()


def nudger(host: Host) -> dispatch.Nudger:
    found: dispatch.Nudger = host.app.extensions["idverify"].nudger
    return found


def told_of(host: Host, vendor: Vendor) -> tuple[str, Notification]:
    """Return the id of a finished attempt, and the callback about it."""
    with host.app.app_context():
        host.add_provider(vendor.url)
        row = host.idverify.start(host.add_user("lena@example.com"), lena())
        vendor.finish(row)
        return row.id, vendor.notification(row.vendor_reference)


def status_of(host: Host, identifier: str) -> str:
    with host.app.app_context():
        row = host.db.session.get(Verification, identifier)
        assert row is not None
        return str(row.status)


def hands() -> list[threading.Thread]:
    """Return the living hands of this process."""
    return [thread for thread in threading.enumerate() if thread.name == "idverify-inbox"]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def test_thread_processes_after_a_nudge_and_then_ends(make: Make, vendor: Vendor) -> None:
    host = make("thread")
    identifier, told = told_of(host, vendor)
    with host.app.app_context():
        assert told.arrive()
        assert not hands()  # started lazily
        dispatch.nudge()
    wait_for(lambda: status_of(host, identifier) == "approved")
    wait_for(lambda: not hands())
    with host.app.app_context():
        assert owed(host) == 0


def test_thread_stays_for_work_that_falls_due_soon(make: Make, vendor: Vendor) -> None:
    host = make("thread")
    with host.app.app_context():
        host.add_provider(vendor.url)
        row = host.idverify.start(host.add_user("lena@example.com"), lena())
        identifier = row.id
        assert vendor.notification(row.vendor_reference, "APPROVED_VERIFIED").arrive()
        dispatch.nudge()
    wait_for(lambda: len(vendor.asked("status")) == 1)
    with host.app.app_context():
        # Only then does it say when the vendor is asked again.
        wait_for(lambda: not owed(host))
        vendor.finish(host.db.session.get_one(Verification, identifier))
        # What is due in ten seconds is due at once for a clock that has gone on.
        with clock.shifted(seconds=11):
            dispatch.nudge()
            wait_for(lambda: status_of(host, identifier) == "approved")


class Busy:
    """Stands in for the inbox: a look takes until it is let go; counts who is at it at once."""

    def __init__(self) -> None:
        self.begun = 0
        self.most = 0
        self.let_go = threading.Event()
        self.real = inbox.drain
        self._now = 0
        self._lock = threading.Lock()

    def drain(self, _until: Any = None) -> int:
        with self._lock:
            self.begun += 1
            self._now += 1
            self.most = max(self.most, self._now)
        self.let_go.wait(10)
        with self._lock:
            self._now -= 1
        return 0


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Busy]:
    found = Busy()
    monkeypatch.setattr(inbox, "drain", found.drain)
    yield found
    found.let_go.set()


def test_however_many_nudges_there_are_few_hands(make: Make, busy: Busy) -> None:
    host = make("thread")
    with host.app.app_context():
        for _ in range(200):
            dispatch.nudge()
        wait_for(lambda: busy.begun == dispatch.HANDS)
        for _ in range(200):
            dispatch.nudge()
    assert len(hands()) == dispatch.HANDS
    busy.let_go.set()
    wait_for(lambda: not hands())
    assert busy.most == dispatch.HANDS
    # What found all of them busy was looked after, and not two hundred times.
    assert dispatch.HANDS < busy.begun <= 2 * dispatch.HANDS


def test_nudge_that_finds_all_hands_busy_is_not_lost(
    make: Make, vendor: Vendor, busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make("thread")
    identifier, told = told_of(host, vendor)
    monkeypatch.setattr(inbox, "next_due", lambda: None)  # nobody stays for another reason
    with host.app.app_context():
        for _ in range(dispatch.HANDS):
            dispatch.nudge()
        wait_for(lambda: busy.begun == dispatch.HANDS)
        # Those at work have looked before it came, and find nothing themselves.
        assert told.arrive()
        dispatch.nudge()
        monkeypatch.setattr(inbox, "drain", busy.real)
    busy.let_go.set()
    wait_for(lambda: status_of(host, identifier) == "approved")


def test_nudge_for_which_no_thread_can_be_had_fails_nobody(
    make: Make, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """The system has none left, or the interpreter ends: the callback is stored all the same."""
    host = make("thread")
    identifier, told = told_of(host, vendor)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with host.app.app_context():
        assert told.arrive()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            for _ in range(2 * dispatch.HANDS):
                dispatch.nudge()
        assert "can't start new thread" in caplog.text
        assert owed(host) == 1
        dispatch.nudge()
    wait_for(lambda: status_of(host, identifier) == "approved")


def test_after_every_nudge_somebody_begins_to_look(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nudges from many threads against hands that come and go: no row stays behind."""
    host = make("thread")
    stored, seen, lock = set[int](), set[int](), threading.Lock()

    def drain(_until: Any = None) -> int:
        with lock:
            seen.update(stored)
        return 0

    monkeypatch.setattr(inbox, "drain", drain)
    monkeypatch.setattr(inbox, "next_due", lambda: None)

    def work(first: int) -> None:
        for number in range(first, first + 300):
            with lock:
                stored.add(number)
            nudger(host).nudge()

    crowd = [threading.Thread(target=work, args=(1000 * index,)) for index in range(4)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(20)
    wait_for(lambda: not hands())
    assert len(stored) == 1200
    assert seen == stored


def test_worker_mode_leaves_everything_to_the_worker(make: Make, vendor: Vendor) -> None:
    host = make("worker")
    identifier, told = told_of(host, vendor)
    with host.app.app_context():
        assert told.arrive()
        dispatch.nudge()
        assert owed(host) == 1
    assert status_of(host, identifier) == "started"
    found = host.app.test_cli_runner().invoke(args=["idverify", "work", "--once"])
    assert found.exit_code == 0
    assert "done: 1" in found.output
    assert status_of(host, identifier) == "approved"


def test_inline_mode_works_within_the_request(make: Make, vendor: Vendor) -> None:
    host = make("inline")
    identifier, told = told_of(host, vendor)
    with host.app.app_context():
        assert told.arrive()
        dispatch.nudge()
    assert status_of(host, identifier) == "approved"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_database_in_memory_forces_inline(make: Make, url: str) -> None:
    """A background thread would commit the host's open work on the shared connection."""
    host = make("thread", SQLALCHEMY_DATABASE_URI=url)
    assert host.app.extensions["idverify"].settings.dispatch == "inline"
    assert nudger(host)._mode == "inline"


def test_database_that_is_away_loses_no_work_and_leaks_nothing(
    make: Make, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    host = make("thread")
    identifier, told = told_of(host, vendor)

    def away(_until: Any = None) -> int:
        raise OSError("Lena Gruber")

    monkeypatch.setattr(dispatch, "_RETRY_SECONDS", 0.05)
    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr(inbox, "drain", away)
        with host.app.app_context():
            assert told.arrive()
            dispatch.nudge()
        wait_for(lambda: "OSError" in caplog.text)
        wait_for(lambda: not hands())
    assert caplog.text.count("OSError") == 4  # it does not spin
    assert "Lena" not in caplog.text
    with host.app.app_context():
        dispatch.nudge()
    wait_for(lambda: status_of(host, identifier) == "approved")


def test_inline_nudge_never_fails_the_request_it_runs_in(
    make: Make, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    host = make("inline")
    _, told = told_of(host, vendor)

    def away(_until: Any = None) -> int:
        raise OSError("Lena Gruber")

    monkeypatch.setattr(inbox, "drain", away)
    with host.app.app_context():
        assert told.arrive()
        dispatch.nudge()
        assert owed(host) == 1
    assert "OSError" in caplog.text
    assert "Lena" not in caplog.text


def test_stopped_nudger_starts_no_further_thread(make: Make, vendor: Vendor) -> None:
    host = make("thread")
    _, told = told_of(host, vendor)
    nudger(host).stop()
    with host.app.app_context():
        assert told.arrive()
        dispatch.nudge()
        assert not hands()
        assert owed(host) == 1


def test_hand_that_stays_learns_of_work_that_falls_due_earlier(
    make: Make, busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands_of = dispatch.Hands(make("thread").app)
    pauses = iter([600.0, 0.2, 0.0])
    turn = threading.Lock()

    def pause(_failures: int) -> float:
        with turn:
            return next(pauses, 0.0)

    monkeypatch.setattr(hands_of, "_pause", pause)
    busy.let_go.set()
    hands_of.call()
    wait_for(lambda: hands_of._watching)
    # Another one that has been at work meanwhile, and leaves something for soon.
    monkeypatch.setattr(dispatch, "_drained", lambda *_: True)
    assert hands_of._goes_on(pause(0)) is False
    wait_for(lambda: not hands())


def test_celery_that_was_never_set_up_is_told_and_raises_nothing(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    nudger(make("celery")).nudge()
    assert "Celery could not be asked: KeyError. What is due stays owed" in caplog.text
    assert "`flask idverify doctor` tells" in caplog.text
