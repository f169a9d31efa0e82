"""The thread that wakes up when a transaction or a delayed callback falls due."""

from __future__ import annotations

import threading

from .callbacks import Dispatcher
from .clock import Clock
from .engine import Engine

_LONGEST_NAP = 3600.0


class Timer:
    """Started only when there is something to announce, so that idle sandboxes cost nothing."""

    def __init__(
        self,
        clock: Clock,
        condition: threading.Condition,
        engine: Engine,
        dispatcher: Dispatcher,
    ) -> None:
        self._clock = clock
        self._condition = condition
        self._engine = engine
        self._dispatcher = dispatcher
        self._thread: threading.Thread | None = None
        self._closed = False

    def ensure_running(self) -> None:
        """Start the thread unless it runs already."""
        with self._condition:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="sandbox-timer", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop the thread and wait for it."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(5)

    def _run(self) -> None:
        with self._condition:
            while not self._closed:
                self._engine.refresh_all()
                self._dispatcher.release_due()
                self._condition.wait(self._nap())

    def _nap(self) -> float:
        moments = [
            moment
            for moment in (self._engine.next_due(), self._dispatcher.next_due())
            if moment is not None
        ]
        if not moments:
            return _LONGEST_NAP
        left = (min(moments) - self._clock.now()).total_seconds()
        # Never zero: rounding must not turn the wait into a spin.
        return min(max(left, 0.001), _LONGEST_NAP)
