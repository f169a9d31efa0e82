"""Nudges: somebody should look at what is owed. The row in the database is what is owed."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import clock, inbox, runtime

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger("flask_idverify")

#: Threads of one process that do what is owed, at most. Each has a database connection at work.
HANDS = 4
#: How long a hand stays for work that falls due soon, e.g. a poll ten seconds after a callback.
_LINGER_SECONDS = 15.0
#: How long an exit waits for the pieces at hand; what is not done by then stays owed.
_EXIT_SECONDS = 10.0
#: Between two tries while the database is away, and how many of them; then the next nudge counts.
_RETRY_SECONDS = 5.0
_RETRIES = 3


class Nudger:
    """Has the inbox drained after a nudge: by threads of this process, in the request, or not.

    :param mode: ``thread``, ``inline``, ``celery`` or ``worker`` (leave it to
        ``flask idverify work``).
    """

    def __init__(self, app: Flask, mode: str) -> None:
        self._app = app
        self._mode = mode
        self._hands = Hands(app)

    def nudge(self) -> None:
        """Have what is due done soon. Never raises for work that fails: it stays owed."""
        if self._mode == "inline":
            _drained()
        elif self._mode == "thread":
            self._hands.call()
        elif self._mode == "celery":
            self._send()

    def _send(self) -> None:
        """Ask the host's Celery; if its broker is away, the beat's next run finds the work."""
        try:
            self._app.extensions["celery"].send_task("idverify.work", retry=False)
        except Exception as error:  # noqa: BLE001 - whatever a broker raises
            log.error(
                "Celery could not be asked: %s. What is due stays owed; `flask idverify doctor` "
                "tells whether app.extensions has a Celery, and whether anybody works.",
                type(error).__name__,
            )

    def stop(self) -> None:
        """Finish the pieces at hand, within ten seconds, and end the threads for good."""
        self._hands.dismiss()
        self._hands.join(time.monotonic() + _EXIT_SECONDS)


class Hands:
    """A few threads that look for work when called, and go when there is none.

    Not an executor: its queue has no end, and its exit waits for whatever the vendor takes. Here a
    call is one bit, ``wanted``. A hand clears it before it looks and rests only while it is clear,
    both under the lock; so after every call somebody begins to look, and a call that finds all
    hands busy has nothing to leave behind.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._stopping = False
        self.forget()
        _everybody.add(self)

    def forget(self) -> None:
        """Begin without threads: at first, and in a forked child, which has none of its parent."""
        self._turn = threading.Condition()
        self._threads: set[threading.Thread] = set()
        self._wanted = False
        self._watching = False
        #: Until when, on the monotonic clock.
        self._watch_ends = 0.0

    def call(self) -> None:
        """Have somebody look from now on."""
        with self._turn:
            if self._stopping:
                return
            one_is_free = self._watching and not self._wanted
            self._wanted = True
            if one_is_free:
                self._turn.notify()
            elif len(self._threads) < HANDS:
                self._begin()

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="idverify-inbox", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:  # the interpreter ends, or the system has no thread left
            self._threads.discard(thread)
            log.error("No thread could be started: %s.", error)

    def _run(self) -> None:
        failures = 0
        try:
            while True:
                with self._turn:
                    self._wanted = False
                failures = 0 if self._look() else failures + 1
                if not self._goes_on(self._pause(failures)):
                    return
        finally:
            with self._turn:
                self._threads.discard(threading.current_thread())

    def _look(self) -> bool:
        try:
            with self._app.app_context():
                return _drained(lambda: self._stopping)
        except Exception as error:  # noqa: BLE001 - what a host does when a context ends
            log.error("The end of an app context raised %s.", type(error).__name__)
            return False

    def _goes_on(self, pause: float) -> bool:
        """Rest if there is reason to; say whether to look again."""
        with self._turn:
            again = self._wanted
            if not again and pause:
                due = time.monotonic() + pause
                if not self._watching:
                    # One stays for what falls due soon; the others may go.
                    self._watch(due)
                    again = True
                elif due < self._watch_ends:
                    self._watch_ends = due
                    self._turn.notify()
            if again and not self._stopping:
                return True
            self._threads.discard(threading.current_thread())
            return False

    def _watch(self, ends: float) -> None:
        """Rest, with the lock, until then, or until there is reason to look earlier."""
        self._watching, self._watch_ends = True, ends
        while not (self._wanted or self._stopping):
            left = self._watch_ends - time.monotonic()
            if left <= 0:
                break
            self._turn.wait(left)
        self._watching = False

    def _pause(self, failures: int) -> float:
        """Seconds until there is reason to look again; 0 when there is none."""
        if failures and not self._stopping:
            return _RETRY_SECONDS if failures <= _RETRIES else 0.0
        return self._soon()

    def _soon(self) -> float:
        """Seconds until work that is worth staying for; 0 when there is none."""
        if self._stopping:
            return 0.0
        try:
            with self._app.app_context():
                due = inbox.next_due()
        except Exception as error:  # noqa: BLE001 - the database may be away
            log.error("The inbox could not be read: %s.", type(error).__name__)
            return 0.0
        if due is None:
            return 0.0
        seconds = (due - clock.now()).total_seconds()
        return max(seconds, 0.05) if seconds <= _LINGER_SECONDS else 0.0

    def dismiss(self) -> None:
        """Tell all to end after the piece at hand; nobody begins any more."""
        with self._turn:
            self._stopping = True
            self._turn.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for all to end, until *deadline* on the monotonic clock."""
        with self._turn:
            others = self._threads - {threading.current_thread()}
        for thread in others:
            thread.join(max(deadline - time.monotonic(), 0.0))


_everybody: weakref.WeakSet[Hands] = weakref.WeakSet()


def _forget_all() -> None:
    for hands in list(_everybody):
        hands.forget()


@atexit.register
def _end_all() -> None:
    """End the threads of all apps; the threads are daemons, so that nobody waits any longer."""
    deadline = time.monotonic() + _EXIT_SECONDS
    everybody = list(_everybody)
    for hands in everybody:
        hands.dismiss()
    for hands in everybody:
        hands.join(deadline)


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forget_all)


def _drained(until: Callable[[], bool] = lambda: False) -> bool:
    try:
        inbox.drain(until)
    except Exception as error:  # noqa: BLE001 - the database may be away; work stays owed
        log.error("The inbox could not be drained: %s.", type(error).__name__)
        return False
    return True


def nudge() -> None:
    """Nudge the current app's nudger."""
    runtime.current().nudger.nudge()
