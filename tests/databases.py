"""Empty databases for tests: SQLite, or a server's with ``--database-url``.

A server's databases are made once, emptied after each test and dropped at the end.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url

#: Several `Databases` may stand on one server.
_NUMBERS = itertools.count(1)


class Databases:
    """Hands out databases of one server; ``url`` is any of its databases, to connect to."""

    def __init__(self, url: str) -> None:
        self._url: URL = make_url(url)
        if not self.is_postgresql:
            # Else each connection reads all certificates of the machine: longer than most tests.
            self._url = self._url.update_query_dict({"ssl_disabled": "true"})
        self._free: list[str] = []
        self._used: list[str] = []
        self._engines: dict[str, Engine] = {}
        self._orders: dict[frozenset[str], list[Table]] = {}

    def take(self, *, bare: bool = False) -> str:
        """Return the URL of an empty database that nobody uses.

        :param bare: without our tables, which may stand otherwise.
        """
        name = self._free.pop() if self._free else self._make()
        self._used.append(name)
        if bare:
            with self._at(name) as connection:
                self._drop_tables(connection, inspect(connection).get_table_names())
        return self._url.set(database=name).render_as_string(hide_password=False)

    def release(self) -> None:
        """Empty all that were taken, whoever is still connected."""
        for name in self._used:
            with self._at(name) as connection:
                self._disconnect_others(connection, name)
                self._empty(connection)
            self._free.append(name)
        self._used.clear()

    def drop(self) -> None:
        """Leave nothing behind."""
        self.release()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        with _administered(self._url) as connection:
            for name in self._free:
                connection.execute(text(f"DROP DATABASE {name}"))
        self._free.clear()

    @property
    def is_postgresql(self) -> bool:
        return self._url.get_backend_name() == "postgresql"

    def _make(self) -> str:
        name = f"idverify_{os.getpid()}_{next(_NUMBERS)}"
        with _administered(self._url) as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
            if self.is_postgresql:
                # No test pulls the server's plug; those that kill our processes lose nothing so.
                connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        return name

    @contextlib.contextmanager
    def _at(self, name: str) -> Iterator[Connection]:
        """Give the connection to that database that is kept for taking and releasing it."""
        if name not in self._engines:
            self._engines[name] = _engine(self._url.set(database=name))
        with self._engines[name].connect() as connection:
            yield connection

    def _disconnect_others(self, connection: Connection, name: str) -> None:
        if self.is_postgresql:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = :n AND pid <> pg_backend_pid()"
                ),
                {"n": name},
            )
            return
        found = connection.execute(
            text(
                "SELECT id FROM information_schema.processlist"
                " WHERE db = :n AND id <> connection_id()"
            ),
            {"n": name},
        )
        for (number,) in found.all():
            with contextlib.suppress(Exception):  # it may be gone by now
                connection.execute(text(f"KILL {int(number)}"))

    def _empty(self, connection: Connection) -> None:
        """Empty our tables and drop the host's: each host may have others."""
        found = inspect(connection).get_table_names()
        ours = frozenset(name for name in found if name.startswith("idverify_"))
        self._drop_tables(connection, [name for name in found if name not in ours])
        if ours not in self._orders:
            metadata = MetaData()
            metadata.reflect(connection)
            self._orders[ours] = metadata.sorted_tables
        for table in reversed(self._orders[ours]):
            connection.execute(table.delete())

    def _drop_tables(self, connection: Connection, names: list[str]) -> None:
        """Drop these, whatever refers to them."""
        if not names:
            return
        quoted = ", ".join(map(connection.dialect.identifier_preparer.quote, names))
        if not self.is_postgresql:
            connection.execute(text("SET foreign_key_checks = 0"))
        connection.execute(text(f"DROP TABLE {quoted} CASCADE"))
        if not self.is_postgresql:
            connection.execute(text("SET foreign_key_checks = 1"))


def _engine(url: URL) -> Engine:
    return create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)


@contextlib.contextmanager
def _administered(url: URL) -> Iterator[Connection]:
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            yield connection
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


#: Databases of SQLite with nothing but tables, by the names of these.
_MADE: dict[frozenset[str], sqlite3.Connection] = {}


def create_tables(db: SQLAlchemy) -> None:
    """Do as ``db.create_all()``; on an empty SQLite by copying what it made before."""
    if db.engine.dialect.name != "sqlite":
        db.create_all()
        return
    names = frozenset(db.metadata.tables)
    with db.engine.connect() as connection:
        ours: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        empty = not ours.execute("SELECT 1 FROM sqlite_master").fetchone()
        if names in _MADE and empty:
            _MADE[names].backup(ours)
            return
    db.create_all()
    if empty:
        with db.engine.connect() as connection:
            _MADE[names] = sqlite3.connect(":memory:", check_same_thread=False)
            connection.connection.driver_connection.backup(_MADE[names])  # type: ignore[union-attr]
