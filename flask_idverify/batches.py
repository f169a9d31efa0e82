"""Rewriting many rows while the app works: short transactions, each write guarded by what it read.

Reading, computing and writing are three steps; only the last one holds a lock, and only as long as
it takes to write one batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Engine, Table, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from .engines import Patience, is_temporary, patiently
from .errors import DatabaseBusy
from .locking import permitted

T = TypeVar("T")

#: One row's change: column name ▶ (what was read, what shall stand there).
Change = Mapping[str, tuple[str, str]]
#: Further columns that must still hold what was read.
Guard = Mapping[str, str]

#: Longer than the service's: nobody looks at a page meanwhile.
_PATIENCE = Patience(seconds=30, longest=5)
#: How often one batch is read again because the app changed one of its rows meanwhile.
_ROUNDS = 5


def pages(engine: Engine, columns: Sequence[Any], where: Any, size: int) -> Iterator[list[Any]]:
    """Yield rows in pages by primary key, no transaction being open while one is worked on.

    :param columns: of one table, its ``id`` first.
    """
    key, last = columns[0], ""
    while True:
        asked = select(*columns).where(where, key > last).order_by(key).limit(size)
        page = _patiently(_all, engine, asked)
        if page:
            yield page
        if len(page) < size:
            return
        last = page[-1].id


@dataclass(frozen=True)
class Batches:
    """Goes through tables in batches of ``size`` rows.

    ``done`` is told how many rows were looked at, and how many of them were changed.
    """

    engine: Engine
    size: int
    done: Callable[[int, int], None]

    def rewrite(
        self, columns: Sequence[Any], where: Any, change: Callable[[Any], tuple[Change, Guard]]
    ) -> None:
        """Write what *change* says of each row; it may be asked again for the same row.

        A row that the app changes in between keeps the app's value and is looked at again.

        :param columns: what *change* wants to see of one table, its ``id`` first.
        """
        for page in pages(self.engine, columns, where, self.size):
            rows, written = page, 0
            for _ in range(_ROUNDS):
                changes = [item for item in ((row, *change(row)) for row in rows) if item[1]]
                if not changes:
                    break
                began = time.monotonic()
                taken = _patiently(_write, self.engine, columns[0].table, changes)
                # As long as it took: whoever waited for the lock comes in now.
                time.sleep(min(time.monotonic() - began, 0.05))
                written += taken
                if taken == len(changes):
                    break
                ids = [item[0].id for item in changes]
                again = select(*columns).where(where, columns[0].in_(ids))
                rows = _patiently(_all, self.engine, again)
            self.done(len(page), written)


def _patiently(work: Callable[..., T], *arguments: Any) -> T:
    """Do *work*, again while the database is locked or chose it as a deadlock's victim.

    :raises DatabaseBusy: it still was after about half a minute.
    """
    try:
        return patiently(lambda: work(*arguments), _PATIENCE, "A batch")
    except DBAPIError as error:
        if not is_temporary(error):
            raise
        # Without its words: a driver's message can hold values.
        raise DatabaseBusy(
            f"The database did not let us work ({type(error.orig).__name__}). What was done is "
            "kept; run the command again to go on."
        ) from None


def _all(engine: Engine, statement: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(statement))


def _write(engine: Engine, table: Table, changes: list[tuple[Any, Change, Guard]]) -> int:
    """Write in one transaction; return how many rows still held what was read."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[dict[str, str]]] = {}
    for row, change, guard in changes:
        values = {"row": row.id}
        values |= {f"old_{name}": old for name, (old, _) in change.items()}
        values |= {f"new_{name}": new for name, (_, new) in change.items()}
        values |= {f"old_{name}": old for name, old in guard.items()}
        groups.setdefault((tuple(change), tuple(guard)), []).append(values)
    written = 0
    with permitted(), engine.begin() as connection:
        for (changed, guarded), rows in groups.items():
            statement = _statement(table, changed, guarded)
            written += connection.execute(statement, rows).rowcount
    return written


def _statement(table: Table, changed: Sequence[str], guarded: Sequence[str]) -> Any:
    columns = table.c
    guards = [columns[name] == bindparam(f"old_{name}") for name in (*changed, *guarded)]
    # Nobody touched the row: times of change must not tell otherwise.
    kept = {column.name: column for column in columns if column.onupdate is not None}
    assigned: dict[str, Any] = {name: bindparam(f"new_{name}") for name in changed}
    return update(table).where(columns.id == bindparam("row"), *guards).values({**kept, **assigned})
