"""What differs between database engines: the only room that knows their words.

An engine may refuse a transaction that would succeed a moment later: two writers met, and it chose
one of them. Such a transaction is begun again from its first statement.
"""

from __future__ import annotations

import functools
import logging
import math
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Date, Select, func, literal_column
from sqlalchemy.exc import DBAPIError

from . import runtime

log = logging.getLogger("flask_idverify")

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds before the first repetition; doubles each time, with jitter.
_PAUSE = 0.05

#: SQLite: busy, locked (extended codes carry them in their lowest byte).
_SQLITE = frozenset({5, 6})
_SQLITE_WORDS = ("database is locked", "database table is locked", "database schema is locked")
#: PostgreSQL: serialization failure, deadlock, lock not available.
_SQLSTATES = frozenset({"40001", "40P01", "55P03"})
#: MySQL and MariaDB: lock wait timeout, deadlock, row changed since it was read.
_NUMBERS = frozenset({1205, 1213, 1020})


@dataclass(frozen=True)
class Patience:
    """How long a transaction is tried again while the engine refuses it for the moment.

    :ivar tries: no more than so many.
    :ivar seconds: none begins after so many.
    :ivar longest: no pause between two is longer, in seconds.
    """

    tries: float = math.inf
    seconds: float = math.inf
    longest: float = math.inf


_SERVICE = Patience(tries=6)

_inside: ContextVar[bool] = ContextVar("idverify_retrying", default=False)


def is_temporary(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is begun again."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    original: Any = error.orig
    states = {getattr(original, "sqlstate", None), getattr(original, "pgcode", None)}
    if states & _SQLSTATES:
        return True
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE
    first = original.args[0] if original.args else None
    if isinstance(first, int):
        return first in _NUMBERS
    # Python 3.10's sqlite3 has no codes.
    return type(original).__module__ == "sqlite3" and str(original).startswith(_SQLITE_WORDS)


def patiently(
    call: Callable[[], T], patience: Patience, name: str, undo: Callable[[], object] | None = None
) -> T:
    """Return what *call* returns, which is repeated while its error is a temporary one.

    :param name: what the log calls it.
    :param undo: is called before each repetition.
    :raises sqlalchemy.exc.DBAPIError: the last one, or one that is not temporary. Its text holds
        the statement without parameters.
    """
    began, tries, pause = time.monotonic(), 0, _PAUSE
    while True:
        try:
            return call()
        except DBAPIError as error:
            error.hide_parameters = True
            tries += 1
            over = tries >= patience.tries or time.monotonic() - began >= patience.seconds
            if over or not is_temporary(error):
                raise
            # Only the type: a driver's message can hold the row's values.
            log.info("%s is tried again after %s.", name, type(error).__name__)
        if undo is not None:
            undo()
        # Jitter, so that those who met do not meet again.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # nosec B311
        pause = min(pause * 2, patience.longest)


def retrying(function: Callable[P, T]) -> Callable[P, T]:
    """Make *function* repeat itself when the engine refuses its transaction for the moment.

    It is one transaction: it begins with a clean ``db.session``, commits at its end and makes no
    call to a vendor; it reads again whatever it decides by. What it has not committed is rolled
    back before it runs again. Inside another such function only the outer one repeats.

    :raises sqlalchemy.exc.OperationalError: the engine still refuses after the last try.
    """

    @functools.wraps(function)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        if _inside.get():
            return function(*args, **kwargs)
        token = _inside.set(True)
        try:
            return patiently(
                lambda: function(*args, **kwargs), _SERVICE, function.__name__, _rollback
            )
        finally:
            _inside.reset(token)

    return repeated


def _rollback() -> None:
    runtime.current().db.session.rollback()


def can_skip_locked(connection: Connection) -> bool:
    """Whether the engine can pass over rows that others have locked."""
    dialect: Any = connection.dialect
    if dialect.name == "postgresql":
        return True
    if dialect.name not in ("mysql", "mariadb"):
        return False
    version = tuple(dialect.server_version_info or ())
    return version >= ((10, 6) if getattr(dialect, "is_mariadb", False) else (8, 0, 1))


def skip_locked(statement: Select[Any]) -> Select[Any]:
    """Return *statement* so that it locks what it reads and passes over what others hold."""
    return statement.with_for_update(skip_locked=True)


def utc_day(moment: Any, dialect: str) -> Any:
    """Return the day (UTC) of a column of times, as an expression to select and to group by."""
    if dialect == "postgresql":
        # Its times know a zone, and would become days of the connection's.
        moment = func.timezone(literal_column("'UTC'"), moment)
    return func.date(moment, type_=Date())
