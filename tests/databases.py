"""Empty databases for tests: SQLite, or a server's with ``--database-url``.

A server's databases are made once, emptied after each test and dropped at the end.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

from sqlalchemy import Engine, MetaData, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool


class Databases:
    """Hands out databases of one server; ``url`` is any of its databases, to connect to."""

    def __init__(self, url: str) -> None:
        self._url: URL = make_url(url)
        self._numbers = itertools.count(1)
        self._free: list[str] = []
        self._used: list[str] = []

    def take(self, *, bare: bool = False) -> str:
        """Return the URL of an empty database that nobody uses.

        :param bare: without our tables, which may stand otherwise.
        """
        name = self._free.pop() if self._free else self._make()
        self._used.append(name)
        if bare:
            self._bare(name)
        return self._at(name).render_as_string(hide_password=False)

    def release(self) -> None:
        """Empty all that were taken, whoever is still connected."""
        for name in self._used:
            self._disconnect(name)
            self._empty(name)
            self._free.append(name)
        self._used.clear()

    def drop(self) -> None:
        """Leave nothing behind."""
        self.release()
        for name in self._free:
            self._admin(f"DROP DATABASE {name}")
        self._free.clear()

    @property
    def is_postgresql(self) -> bool:
        return self._url.get_backend_name() == "postgresql"

    def _at(self, name: str) -> URL:
        return self._url.set(database=name)

    def _make(self) -> str:
        name = f"idverify_{os.getpid()}_{next(self._numbers)}"
        self._admin(f"CREATE DATABASE {name}")
        return name

    def _admin(self, statement: str) -> None:
        with _connected(self._url) as engine, engine.connect() as connection:
            connection.execute(text(statement))

    def _disconnect(self, name: str) -> None:
        with _connected(self._url) as engine, engine.connect() as connection:
            if self.is_postgresql:
                connection.execute(
                    text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname=:n"),
                    {"n": name},
                )
                return
            found = connection.execute(
                text("SELECT id FROM information_schema.processlist WHERE db=:n"), {"n": name}
            )
            for (number,) in found.all():
                with contextlib.suppress(Exception):  # it may be gone by now
                    connection.execute(text(f"KILL {int(number)}"))

    def _empty(self, name: str) -> None:
        """Empty our tables and drop the host's: each host may have others."""
        metadata = MetaData()
        with _connected(self._at(name)) as engine:
            metadata.reflect(engine)
            hosts = [t for t in metadata.tables.values() if not t.name.startswith("idverify_")]
            metadata.drop_all(engine, tables=hosts)
            with engine.connect() as connection:
                for table in reversed(metadata.sorted_tables):
                    if table not in hosts:
                        connection.execute(table.delete())

    def _bare(self, name: str) -> None:
        """Drop every table."""
        metadata = MetaData()
        with _connected(self._at(name)) as engine:
            metadata.reflect(engine)
            metadata.drop_all(engine)


@contextlib.contextmanager
def _connected(url: URL):  # type: ignore[no-untyped-def]
    engine: Engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        yield engine
    finally:
        engine.dispose()


#: What ``--database-url`` says; ``None``: SQLite.
SERVER: list[Databases] = []


def memory_uri(*, bare: bool = False) -> str:
    """Return the URI of an empty database that only this process sees, where the engine has it."""
    return SERVER[0].take(bare=bare) if SERVER else "sqlite://"


def file_uri(folder: Path) -> str:
    """Return the URI of an empty database that several threads and processes may use."""
    return SERVER[0].take() if SERVER else f"sqlite:///{folder}/host.db"
