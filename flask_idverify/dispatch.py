"""Nudges: somebody should look at what is owed. The row in the database is what is owed."""

from __future__ import annotations

import atexit
import logging
import threading
from typing import TYPE_CHECKING

from . import clock, inbox, runtime

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger("flask_idverify")

#: How long the thread stays for work that falls due soon, e.g. a poll ten seconds after a callback.
_LINGER_SECONDS = 15.0
_EXIT_SECONDS = 5.0
#: Between two tries while the database is away, and how many of them; then the next nudge counts.
_RETRY_SECONDS = 5.0
_RETRIES = 3


class Nudger:
    """Drains the inbox after a nudge: in a thread of this process, in the request, or not at all.

    :param mode: ``thread``, ``inline``, ``celery`` or ``worker`` (leave it to
        ``flask idverify work``).
    """

    def __init__(self, app: Flask, mode: str) -> None:
        self._app = app
        self._mode = mode
        self._wanted = threading.Event()
        self._stopping = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        """Have what is due done soon. Never raises for work that fails: it stays owed."""
        if self._mode == "inline":
            _drained()
        elif self._mode == "thread":
            self._wanted.set()
            self._ensure_thread()
        elif self._mode == "celery":
            self._send()

    def _send(self) -> None:
        """Ask the host's Celery; if its broker is away, the beat's next run finds the work."""
        try:
            self._app.extensions["celery"].send_task("idverify.work", retry=False)
        except Exception as error:  # noqa: BLE001 - whatever a broker raises
            log.error("Celery could not be asked: %s.", type(error).__name__)

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._stopping or (self._thread and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._run, name="idverify-inbox", daemon=True)
            self._thread.start()
            atexit.unregister(self.stop)
            atexit.register(self.stop)

    def _run(self) -> None:
        failures = 0
        while True:
            self._wanted.clear()
            with self._app.app_context():
                failures = 0 if _drained() else failures + 1
            if self._wanted.wait(self._pause(failures)):
                continue
            with self._lock:
                # Under the lock no nudge can be missed between the look and the end.
                if not self._wanted.is_set() and not self._pause(failures):
                    self._thread = None
                    return

    def _pause(self, failures: int) -> float:
        """Seconds until there is reason to look again; 0 when there is none."""
        if failures and not self._stopping:
            return _RETRY_SECONDS if failures <= _RETRIES else 0.0
        return self._soon()

    def _soon(self) -> float:
        """Seconds until work that is worth staying for; 0 when there is none."""
        if self._stopping:
            return 0.0
        with self._app.app_context():
            try:
                due = inbox.next_due()
            except Exception as error:  # noqa: BLE001 - as above
                log.error("The inbox could not be read: %s.", type(error).__name__)
                return 0.0
        if due is None:
            return 0.0
        seconds = (due - clock.now()).total_seconds()
        return max(seconds, 0.05) if seconds <= _LINGER_SECONDS else 0.0

    def stop(self) -> None:
        """Finish the piece at hand and end the thread."""
        self._stopping = True
        self._wanted.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_EXIT_SECONDS)


def _drained() -> bool:
    try:
        inbox.drain()
    except Exception as error:  # noqa: BLE001 - the database may be away; work stays owed
        log.error("The inbox could not be drained: %s.", type(error).__name__)
        return False
    return True


def nudge() -> None:
    """Nudge the current app's nudger."""
    runtime.current().nudger.nudge()
