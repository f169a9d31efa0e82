"""The three engines side by side, and a crowd that does one thing at one moment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.databases import Databases
from tests.figures import tell
from tests.hosts import Host

T = TypeVar("T")

SERVERS = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1/test",
    "mariadb": "mysql+pymysql://root@127.0.0.1/test",
}
_alone = pytest.mark.sqlite("a file of its own")
ENGINES = [
    pytest.param("sqlite", marks=_alone),
    pytest.param("sqlite-wal", marks=_alone),
    *SERVERS,
]


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database of *engine*, as a host would configure it.

    A server that cannot be reached skips the test.
    """
    if engine not in SERVERS:
        path = folder / "host.db"
        if engine == "sqlite-wal":
            _write_ahead(path)
        yield f"sqlite:///{path}"
        return
    url = os.environ.get(f"TEST_{engine.upper()}_URL") or SERVERS[engine]
    _require(engine, url)
    databases = Databases(url)
    try:
        yield databases.take()
    finally:
        databases.drop()


def _write_ahead(path: Path) -> None:
    """Switch the file to WAL, which it then stays in."""
    made = create_engine(f"sqlite:///{path}")
    with made.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode=WAL")) == "wal"
    made.dispose()


def _require(engine: str, url: str) -> None:
    probe = create_engine(url, connect_args={"connect_timeout": 5})
    try:
        probe.connect().close()
    except OperationalError as error:
        pytest.skip(f"NO RACE ON {engine.upper()}: the server does not answer ({error.orig})")
    finally:
        probe.dispose()


def crowd(count: int, act: Callable[[int], T]) -> list[T]:
    """Let *count* threads run *act* at one moment; return what came of each.

    :raises Exception: the first that one of them raised.
    """
    barrier = threading.Barrier(count)
    found: dict[int, T] = {}
    raised: list[Exception] = []

    def run(index: int) -> None:
        barrier.wait(30)
        try:
            found[index] = act(index)
        except Exception as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if raised:
        raise raised[0]
    return [found[index] for index in range(count)]


class Troubles:
    """Collects what the database refused for a while: allowed where it was tried again."""

    def __init__(self, host: Host) -> None:
        self.met: list[str] = []
        with host.app.app_context():
            event.listen(host.db.engine, "before_cursor_execute", self._begin)
            event.listen(host.db.engine, "handle_error", self._note)

    def _begin(self, connection: Connection, *_: object) -> None:
        connection.info["begun"] = time.monotonic()

    def _note(self, context: ExceptionContext) -> None:
        error = context.original_exception
        if context.connection is None or isinstance(context.sqlalchemy_exception, IntegrityError):
            return
        waited = time.monotonic() - context.connection.info.get("begun", time.monotonic())
        said = f"{type(error).__name__} after {waited:.2f} s: {str(error)[:100]}"
        self.met.append(f"{said} [{(context.statement or '')[:60]}]")

    def report(self) -> None:
        """Tell it: what was not tried again shows in the answers."""
        tell(f"refused by the database and repeated: {self.met}")
