"""The lock on verified facts, where no caller gets around it: in front of every statement.

``before_execute`` of the engine sees flushes, bulk updates and Core statements of any Session or
Connection alike. A statement that touches a locked column is asked which rows it would change; if
one of them belongs to a locked identity, the whole statement is refused. The audit log is kept from
changes in the same place. Raw ``text()`` is outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Table, event, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from sqlalchemy.sql.dml import Delete, Insert, Update

from .audit import AuditIsAppendOnly
from .errors import ConfigurationError, IdentityLocked
from .models import AuditEntry, Identity
from .runtime import Hooks, default_user_id
from .states import LOCKED_STANDINGS

_OURS = (
    *("claim_sealed", "document_sealed", "number_fingerprint", "user_id", "standing"),
    *("verified_at", "expires_at", "verification_id"),
)
_CHUNK = 500

_permitted: ContextVar[bool] = ContextVar("idverify_lock_permitted", default=False)


@contextmanager
def permitted() -> Iterator[None]:
    """Let the service write locked facts; for the statements inside only."""
    token = _permitted.set(True)
    try:
        yield
    finally:
        _permitted.reset(token)


@dataclass
class _Locked:
    """What is locked in one table, and which of its columns names the user; all by key.

    ``model`` is the host's where its primary key was taken to be the user's id.
    """

    columns: set[str]
    user_id: str
    model: Any = None


class Lock:
    """What is locked in one app's database. Attached to each of its engines once."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._tables = {Identity.__tablename__: _Locked(set(_OURS), "user_id")}

    def add(self, attributes: Sequence[Any], user_id: Any = None) -> None:
        """Put columns of a host model under the lock.

        :param attributes: mapped attributes of one model, e.g. ``User.real_name``.
        :param user_id: the column that holds what ``user.get_id()`` returns. Needed only when
            that is not the primary key.
        :raises ConfigurationError: for anything that is not a mapped column.
        """
        for attribute in attributes:
            if not isinstance(attribute, InstrumentedAttribute):
                raise ConfigurationError(
                    "idverify.lock() takes mapped columns, e.g. idverify.lock(User.real_name)."
                )
            column = attribute.property.columns[0]
            table = column.table
            entry = self._tables.get(table.key)
            if entry is None:
                model = attribute.class_
                entry = _Locked(
                    set(), _id_key(model, table, user_id), model if user_id is None else None
                )
                self._tables[table.key] = entry
                # A row that could be handed to another user would take the facts along.
                entry.columns.add(entry.user_id)
            entry.columns.add(column.key)
            # Has the old value loaded first: writing back what is there is then no change.
            event.listen(attribute, "set", _look, active_history=True)

    def attach(self, engines: Iterable[Engine], home: Engine) -> None:
        """Watch every statement of these engines.

        :param home: the engine of the database that holds the identities.
        """

        def before_execute(
            connection: Connection, statement: Any, multiparams: Any, params: Any, _options: Any
        ) -> None:
            if isinstance(statement, (Update, Insert, Delete)) and not _permitted.get():
                self._check(connection, home, statement, _parameter_sets(multiparams, params))

        for engine in engines:
            event.listen(engine, "before_execute", before_execute)

    def _check(
        self,
        connection: Connection,
        home: Engine,
        statement: Update | Insert | Delete,
        sets: Sequence[Mapping[str, Any]],
    ) -> None:
        if _table_key(statement.table) == AuditEntry.__tablename__:
            if not isinstance(statement, Insert):
                raise AuditIsAppendOnly("Audit entries are never changed or deleted.")
            return
        for source, keys in _written(statement, sets):
            entry = self._tables.get(_table_key(source))
            if entry is None:
                continue
            if isinstance(statement, Delete):
                # A host deletes its users as it likes; identities only end through the service.
                touched = entry.columns if _table_key(source) == Identity.__tablename__ else set()
            else:
                touched = entry.columns if keys is None else keys & entry.columns
            if not touched:
                continue
            names = ", ".join(sorted(f"{_table_key(source)}.{key}" for key in touched))
            if isinstance(statement, Insert):
                raise IdentityLocked(
                    f"An upsert may not change locked columns ({names}): insert, or load the rows "
                    "and change them."
                )
            for parameters in sets or [{}]:
                found = self._users(connection, statement, source, entry, dict(parameters))
                if _any_locked(connection, home, found):
                    raise IdentityLocked(
                        f"{names} may not change: the identity is verified. Only an audited reset "
                        "by an admin reopens it."
                    )

    def _users(
        self,
        connection: Connection,
        statement: Update | Delete,
        source: Any,
        entry: _Locked,
        parameters: dict[str, Any],
    ) -> list[str]:
        """Return whose rows the statement would change: its own condition says so."""
        criteria = statement._where_criteria
        hook = self._hooks.user_id
        if entry.model is None or hook is default_user_id:
            asked = select(source.c[entry.user_id]).select_from(statement.table).where(*criteria)
            return [str(row[0]) for row in connection.execute(asked, parameters)]
        # The host says by a function what a user's id is; only it can tell.
        model = entry.model if isinstance(source, Table) else aliased(entry.model, source)
        with Session(bind=connection) as session:
            users = session.scalars(select(model).where(*criteria), parameters)
            return [str(found) for found in map(hook, users) if found is not None]


def _any_locked(connection: Connection, home: Engine, user_ids: list[str]) -> bool:
    if connection.engine.pool is not home.pool:
        # The host keeps its users in another database than our tables.
        with home.connect() as at_home:
            return _any_locked(at_home, home, user_ids)
    identity = Identity.__table__
    for start in range(0, len(user_ids), _CHUNK):
        # Locked whatever they say now: an approval waits until the host has committed its change.
        rows = connection.execute(
            select(identity.c.standing)
            .where(identity.c.user_id.in_(user_ids[start : start + _CHUNK]))
            .with_for_update(read=True)
        )
        if any(standing in LOCKED_STANDINGS for (standing,) in rows):
            return True
    return False


def _parameter_sets(multiparams: Any, params: Any) -> list[Mapping[str, Any]]:
    """Return the parameters as dictionaries; SQLAlchemy hands them over in two shapes."""
    sets: list[Mapping[str, Any]] = []
    for item in multiparams or ():
        if isinstance(item, Mapping):
            sets.append(item)
        elif isinstance(item, (list, tuple)):
            sets.extend(each for each in item if isinstance(each, Mapping))
    if params:
        sets.append(params)
    return sets


def _written(
    statement: Update | Insert | Delete, sets: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, set[str] | None]]:
    """Return what the statement writes to: tables or aliases, with column keys (``None``: all)."""
    if isinstance(statement, Delete):
        return [(statement.table, None)]
    if isinstance(statement, Insert):
        if any("replace" in str(prefix).lower() for prefix, _ in statement._prefixes):
            return [(statement.table, None)]
        clause = getattr(statement, "_post_values_clause", None)
        values = getattr(clause, "update_values_to_set", None) or getattr(clause, "update", None)
        pairs = values.items() if isinstance(values, Mapping) else values or ()
        return [(statement.table, {_key(column) for column, _ in pairs})]
    columns = list(getattr(statement, "_values", None) or ())
    columns += [pair[0] for pair in getattr(statement, "_ordered_values", None) or ()]
    found: dict[Any, set[str]] = {statement.table: {str(key) for each in sets for key in each}}
    for column in columns:
        # Some engines update several tables at once; a plain name means the first.
        source = getattr(column, "table", None)
        known = source is None or _table_key(source) == _table_key(statement.table)
        found.setdefault(statement.table if known else source, set()).add(_key(column))
    return list(found.items())


def _table_key(source: Any) -> str:
    while not isinstance(source, Table) and hasattr(source, "element"):
        source = source.element  # an alias
    return str(getattr(source, "key", ""))


def _key(column: Any) -> str:
    return str(getattr(column, "key", column))


def _look(*_: Any) -> None:
    """Listen for the sake of ``active_history`` only."""


def _id_key(model: Any, table: Table, given: Any) -> str:
    if given is not None:
        return str(getattr(given, "__clause_element__", lambda: given)().key)
    from flask_login import UserMixin

    keys = list(table.primary_key.columns)
    own = getattr(model, "get_id", None)
    if len(keys) != 1 or own not in (UserMixin.get_id, None):
        raise ConfigurationError(
            f"{model.__name__} has its own get_id(): tell which column holds what it returns, "
            f"e.g. idverify.lock({model.__name__}.real_name, user_id={model.__name__}.public_id)."
        )
    return str(keys[0].key)
