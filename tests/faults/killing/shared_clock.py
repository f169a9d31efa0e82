"""One clock for all processes of the kill test: a file says how far it was pushed forward."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from flask_idverify import clock

#: What gunicorn takes for an app that cannot be loaded: it then ends instead of trying again.
_GIVE_UP = 4


class SharedClock:
    """The hand that moves the clock; closing it sets this process' clock back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._moved = 0.0
        self._stack = ExitStack()
        self._write()

    def jump(self, seconds: float) -> None:
        """Move the clock of this process and of all that follow the file."""
        self._moved += seconds
        self._stack.enter_context(clock.shifted(seconds=seconds))
        self._write()

    def close(self) -> None:
        self._stack.close()

    def _write(self) -> None:
        # Whoever reads must never see half a number.
        fresh = self.path.with_suffix(".new")
        fresh.write_text(repr(self._moved))
        fresh.replace(self.path)


class Follower:
    """Keeps the clock of a child process at what the file says, and ends with the test."""

    def __init__(self, path: Path, owner: int) -> None:
        self._path = path
        self._owner = owner
        self._moved = 0.0
        self._stack = ExitStack()
        self._look()
        threading.Thread(target=self._run, name="shared-clock", daemon=True).start()

    def _look(self) -> None:
        moved = float(self._path.read_text())
        if moved != self._moved:
            self._stack.enter_context(clock.shifted(seconds=moved - self._moved))
            self._moved = moved

    def _run(self) -> None:
        while True:
            time.sleep(0.05)
            try:
                os.kill(self._owner, 0)
                self._look()
            except (OSError, ValueError):
                os._exit(_GIVE_UP)  # the test is gone, and with it every reason to run
