"""How many contenders were really at it at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Flask

from tests.figures import tell

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Overlap:
    """Notes when each contender began and ended.

    The clock is the machine's monotonic one, so that other processes may note theirs, too.
    """

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []
        self._lock = threading.Lock()

    @contextmanager
    def contender(self) -> Iterator[None]:
        """Note the time that the block takes."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.add(begun, time.monotonic())

    def add(self, begun: float, ended: float) -> None:
        """Note what somebody else has measured."""
        with self._lock:
            self._spans.append((begun, ended))

    @property
    def count(self) -> int:
        return len(self._spans)

    @property
    def overlapped(self) -> int:
        """How many contenders met at least one other."""
        return sum(
            any(other is not span and other[0] < span[1] and span[0] < other[1] for other in spans)
            for spans in [list(self._spans)]
            for span in spans
        )

    @property
    def at_once(self) -> int:
        """How many there were at the busiest moment."""
        steps = sorted([(begun, 1) for begun, _ in self._spans] + [(e, -1) for _, e in self._spans])
        most = now = 0
        for _, step in steps:
            now += step
            most = max(most, now)
        return most

    def report(self, what: str, least: int = 2) -> None:
        """Tell it; fail when fewer than *least* were at it at once, which tested nothing."""
        tell(
            f"{what}: {self.overlapped} of {self.count} contenders overlapped, "
            f"at most {self.at_once} at one moment"
        )
        assert self.at_once >= least, f"{what}: no race, at most {self.at_once} at one moment"


@contextmanager
def measured(app: Flask, *, path: str = "/") -> Iterator[Overlap]:
    """Note how long each request below *path* is inside *app*, where it is served."""
    meter = Overlap()
    inner = app.wsgi_app

    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith(path):
            return inner(environ, start_response)
        with meter.contender():
            return inner(environ, start_response)

    wrapped: WSGIApplication = outer
    app.wsgi_app = wrapped  # type: ignore[method-assign,assignment]
    try:
        yield meter
    finally:
        app.wsgi_app = inner  # type: ignore[method-assign]
