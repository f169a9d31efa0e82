"""The databases of the kill test: a file for SQLite, or one of its own on a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

#: Unless ``--database-url`` names another server.
POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/test"


@contextlib.contextmanager
def database(server: str | None, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database; without a *server* it is a file in *folder*."""
    if server is None:
        yield f"sqlite:///{folder}/host.db"
        return
    name = f"idverify_kill_{os.getpid()}"
    _require(server)
    _administer(server, f"CREATE DATABASE {name}")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        # The connections of what was killed may not all be gone yet.
        force = " WITH (FORCE)" if server.startswith("postgresql") else ""
        _administer(server, f"DROP DATABASE {name}{force}")


def _require(server: str) -> None:
    try:
        _administer(server, "SELECT 1")
    except OperationalError as error:
        pytest.skip(f"THE KILL TEST DID NOT RUN: no server answers at {server}: {error.orig}")


def _administer(server: str, statement: str) -> None:
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
