"""What engines call temporary, asked of real engines, and what becomes of such transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from flask_idverify import engines
from flask_idverify.engines import can_skip_locked, is_temporary, retrying, skip_locked
from tests.faults.races import database
from tests.hosts import Host

_sqlite = pytest.mark.sqlite("an engine of its own")


def filled(name: str, folder: Path) -> Iterator[Engine]:
    """Give an engine with a table of two rows."""
    with database(name, folder) as url:
        arguments = {"timeout": 0} if name == "sqlite" else {}
        made = create_engine(url, connect_args=arguments)
        with made.begin() as connection:
            connection.execute(text("CREATE TABLE pair (id INTEGER PRIMARY KEY, n INTEGER)"))
            connection.execute(text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
        yield made
        made.dispose()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Engine]:
    yield from filled("postgresql", tmp_path)


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[Engine]:
    yield from filled("mariadb", tmp_path)


def raised(call: Callable[[], Any]) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught:
        call()
    return caught.value


def write(connection: Connection, row: int) -> None:
    connection.execute(text("UPDATE pair SET n = n + 1 WHERE id = :row"), {"row": row})


def deadlocked(engine: Engine) -> list[DBAPIError]:
    """Let two writers wait for each other; return what the engine says to the one it chose."""
    barrier, found = threading.Barrier(2), list[DBAPIError]()

    def run(first: int, second: int) -> None:
        with engine.connect() as connection:
            write(connection, first)
            barrier.wait(30)
            try:
                write(connection, second)
            except DBAPIError as error:
                found.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


@_sqlite
def test_a_locked_sqlite_file_is_temporary(tmp_path: Path) -> None:
    for engine in filled("sqlite", tmp_path):
        with engine.connect() as one, engine.connect() as two:
            write(one, 1)
            error = raised(lambda: write(two, 1))
        assert is_temporary(error)
        assert is_temporary(without_code(error))
        with engine.connect() as connection:
            missing = raised(lambda: connection.execute(text("SELECT * FROM nowhere")))
            twice = raised(lambda: connection.execute(text("INSERT INTO pair VALUES (1, 0)")))
        assert not is_temporary(missing)
        assert not is_temporary(without_code(missing))
        assert not is_temporary(twice)


def without_code(error: DBAPIError) -> DBAPIError:
    """Return the error as Python 3.10 raises it."""
    assert error.orig is not None
    return OperationalError(None, None, type(error.orig)(str(error.orig)))


def test_a_deadlock_of_postgresql_is_temporary(postgres: Engine) -> None:
    (error,) = deadlocked(postgres)
    assert getattr(error.orig, "sqlstate", None) == "40P01"
    assert is_temporary(error)


def test_a_serialization_failure_of_postgresql_is_temporary(postgres: Engine) -> None:
    with postgres.connect() as one, postgres.connect() as two:
        two.execution_options(isolation_level="REPEATABLE READ")
        two.execute(text("SELECT n FROM pair"))
        write(one, 1)
        one.commit()
        error = raised(lambda: write(two, 1))
    assert getattr(error.orig, "sqlstate", None) == "40001"
    assert is_temporary(error)


def test_a_lock_that_postgresql_does_not_wait_for_is_temporary(postgres: Engine) -> None:
    with postgres.connect() as one, postgres.connect() as two:
        write(one, 1)
        asked = text("SELECT n FROM pair WHERE id = 1 FOR UPDATE NOWAIT")
        error = raised(lambda: two.execute(asked))
    assert getattr(error.orig, "sqlstate", None) == "55P03"
    assert is_temporary(error)


def test_a_mistake_is_not_temporary_on_postgresql(postgres: Engine) -> None:
    with postgres.connect() as connection:
        error = raised(lambda: connection.execute(text("SELECT * FROM nowhere")))
    assert isinstance(error, ProgrammingError)
    assert not is_temporary(error)


def test_a_deadlock_of_mariadb_is_temporary(mariadb: Engine) -> None:
    (error,) = deadlocked(mariadb)
    assert error.orig is not None
    assert error.orig.args[0] == 1213
    assert is_temporary(error)


def test_a_lock_that_mariadb_waited_for_in_vain_is_temporary(mariadb: Engine) -> None:
    with mariadb.connect() as one, mariadb.connect() as two:
        two.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
        write(one, 1)
        error = raised(lambda: write(two, 1))
    assert error.orig is not None
    assert error.orig.args[0] == 1205
    assert is_temporary(error)


def test_a_row_changed_since_it_was_read_is_temporary_on_mariadb(mariadb: Engine) -> None:
    with mariadb.connect() as one, mariadb.connect() as two:
        try:
            two.execute(text("SET SESSION innodb_snapshot_isolation = ON"))
        except OperationalError:
            pytest.skip("this MariaDB does not know snapshot isolation")
        two.commit()
        two.execute(text("SELECT n FROM pair"))
        write(one, 1)
        one.commit()
        error = raised(lambda: write(two, 1))
    assert error.orig is not None
    assert error.orig.args[0] == 1020
    assert is_temporary(error)


def test_a_mistake_is_not_temporary_on_mariadb(mariadb: Engine) -> None:
    with mariadb.connect() as connection:
        missing = raised(lambda: connection.execute(text("SELECT * FROM nowhere")))
        twice = raised(lambda: connection.execute(text("INSERT INTO pair VALUES (1, 0)")))
    assert not is_temporary(missing)
    assert isinstance(twice, IntegrityError)
    assert not is_temporary(twice)


def test_what_no_database_said_is_not_temporary() -> None:
    assert not is_temporary(ValueError("database is locked"))


class Locked(Exception):
    """What a driver says."""

    sqlstate = "40P01"


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.mark.usefixtures("_no_pause", "app_context")
class TestRetrying:
    """A transaction as the service writes it: reads, writes, commits."""

    def test_it_runs_again_from_its_first_statement(self, host: Host) -> None:
        tries = []

        @retrying
        def add(email: str) -> int:
            tries.append(email)
            host.db.session.add(host.User(email=email))
            host.db.session.flush()
            if len(tries) < 3:
                raise OperationalError(None, None, Locked())
            host.db.session.commit()
            return len(tries)

        assert add("lena@example.com") == 3
        assert [user.email for user in host.db.session.scalars(select(host.User))] == [
            "lena@example.com"
        ]

    def test_it_gives_up_in_the_end_and_says_what_the_engine_said(self, host: Host) -> None:
        tries = []

        @retrying
        def refused() -> None:
            tries.append(1)
            raise OperationalError(None, None, Locked())

        with pytest.raises(OperationalError):
            refused()
        assert len(tries) == engines._SERVICE.tries

    def test_other_errors_pass_at_once(self, host: Host) -> None:
        tries = []

        @retrying
        def mistaken() -> None:
            tries.append(1)
            host.db.session.execute(text("SELECT * FROM nowhere"))

        with pytest.raises(DBAPIError):
            mistaken()
        assert len(tries) == 1

    def test_what_it_raises_quotes_no_parameter(self, host: Host) -> None:
        @retrying
        def mistaken() -> None:
            host.db.session.execute(text("SELECT :name FROM nowhere"), {"name": "Gruber"})

        with pytest.raises(DBAPIError, match="nowhere") as caught:
            mistaken()
        assert "Gruber" not in str(caught.value)

    def test_only_the_outermost_repeats(self, host: Host) -> None:
        outer, inner = [], []

        @retrying
        def part() -> None:
            inner.append(1)
            if len(inner) < 2:
                raise OperationalError(None, None, Locked())

        @retrying
        def whole() -> None:
            outer.append(1)
            part()

        whole()
        assert (len(outer), len(inner)) == (2, 2)


def can_skip(dialect: Any, version: tuple[int, ...] | None = None) -> bool:
    """Return what is thought of an engine of that kind and version."""
    made = dialect.dialect()
    if version is not None:
        made.server_version_info = version

    class Pretended:
        dialect = made

    return can_skip_locked(Pretended())  # type: ignore[arg-type]


def test_locked_rows_are_skipped_where_the_engine_can() -> None:
    assert can_skip(postgresql)
    assert can_skip(mysql, (8, 0, 36))
    assert not can_skip(mysql, (5, 7, 44))
    assert not can_skip(sqlite)


def test_mariadb_skips_locked_rows(mariadb: Engine) -> None:
    pair = select(text("id")).select_from(text("pair")).order_by(text("id"))
    with mariadb.connect() as one, mariadb.connect() as two:
        first = one.execute(skip_locked(pair.limit(1))).scalars().all()
        assert (first, two.execute(skip_locked(pair)).scalars().all()) == ([1], [2])


def test_postgresql_skips_locked_rows(postgres: Engine) -> None:
    pair = select(text("id")).select_from(text("pair")).order_by(text("id"))
    with postgres.connect() as one, postgres.connect() as two:
        first = one.execute(skip_locked(pair.limit(1))).scalars().all()
        assert (first, two.execute(skip_locked(pair)).scalars().all()) == ([1], [2])
