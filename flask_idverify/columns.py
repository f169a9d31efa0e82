"""Column types, sealed attributes, and the copy of our tables into the host's metadata."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Generic, TypeVar, overload

from sqlalchemy import DateTime, MetaData, String, Table, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from . import runtime
from .errors import ConfigurationError

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

#: MariaDB cuts fractions of a second off unless told how many digits to keep.
_MOMENT = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def Exact(length: int) -> String:  # noqa: N802 - reads as the type that it makes
    """Return a text type that tells ``Ab`` from ``aB`` and ``é`` from ``e`` on every engine.

    MariaDB's default collation does not: two users could share one identity.
    """
    exact = mysql.VARCHAR(length, collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql", "mariadb")


#: A sealed callback body does not fit the 64 KiB of MariaDB's TEXT.
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


class Moment(TypeDecorator[datetime]):
    """A time, aware and in UTC on every engine; SQLite and MariaDB would drop the zone."""

    impl = _MOMENT
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored; give it a time zone")
        return value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)


class TextEnum(TypeDecorator[E]):
    """A string enum stored as its value; new members need no migration."""

    impl = String(40)
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: E | str | None, dialect: Dialect) -> str | None:
        """Accept a member or its value."""
        return None if value is None else str(self.enum(value).value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        """Return the member."""
        return None if value is None else self.enum(value)


def bound_to(table: str, column: str, row_id: str) -> str:
    """Return what a ciphertext is bound to: it opens nowhere else."""
    return f"{table}.{column}.{row_id}"


class Sealed(Generic[T]):
    """An attribute that is encrypted in its column and bound to table, column and row.

    :param column: the mapped text column that holds the sealed value.
    """

    def __init__(self, column: str, dump: Callable[[T], bytes], load: Callable[[bytes], T]) -> None:
        self.column = column
        self._dump = dump
        self.load = load

    def context(self, row: Any) -> str:
        """Return what the ciphertext is bound to."""
        return bound_to(row.__tablename__, self.column, row.id)

    @overload
    def __get__(self, row: None, owner: type) -> Sealed[T]: ...
    @overload
    def __get__(self, row: Any, owner: type) -> T | None: ...
    def __get__(self, row: Any, owner: type) -> Sealed[T] | T | None:
        """Decrypt. Raises :class:`KeyUnavailable` or :class:`DecryptionFailed`."""
        if row is None:
            return self
        sealed = getattr(row, self.column)
        if sealed is None:
            return None
        return self.load(runtime.current().keyring.open(sealed, self.context(row)))

    def __set__(self, row: Any, value: T | None) -> None:
        setattr(row, self.column, None if value is None else self.seal(row, value))

    def seal(self, row: Any, value: T) -> str:
        """Return the sealed text, for a guarded update that names its columns."""
        return runtime.current().keyring.seal(self._dump(value), self.context(row))


def sealed_text(column: str) -> Sealed[str]:
    """Return a sealed text attribute over *column*."""
    return Sealed(column, str.encode, bytes.decode)


def sealed_json(column: str, dump: Callable[[T], Any], load: Callable[[Any], T]) -> Sealed[T]:
    """Return a sealed attribute over *column* whose value travels as JSON."""
    return Sealed(
        column,
        lambda value: json.dumps(dump(value), ensure_ascii=False).encode(),
        lambda raw: load(json.loads(raw)),
    )


def sealed_bytes(column: str) -> Sealed[bytes]:
    """Return a sealed attribute over *column* for raw bytes."""
    return Sealed(column, b64encode, b64decode)


def sealed_columns(base: type[DeclarativeBase]) -> dict[Table, tuple[str, ...]]:
    """Return every table of *base* that holds sealed values, with the columns that hold them."""
    found: dict[Table, tuple[str, ...]] = {}
    for mapper in base.registry.mappers:
        names = {
            value.column
            for each in mapper.class_.__mro__
            for value in vars(each).values()
            if isinstance(value, Sealed)
        }
        if names and isinstance(mapper.local_table, Table):
            found[mapper.local_table] = tuple(sorted(names))
    return dict(sorted(found.items(), key=lambda item: item[0].name))


def copy_tables(source: MetaData, target: MetaData) -> None:
    """Copy our tables into the host's metadata, once, for ``create_all`` and migrations.

    The copies carry plain SQLAlchemy types, so that generated migrations import nothing of ours.

    :raises ConfigurationError: when the host's metadata has a default schema: our models would
        look for their tables outside of it.
    """
    if target.schema:
        raise ConfigurationError(
            f"The metadata of your SQLAlchemy object has the default schema {target.schema!r}, "
            "which Flask-IDVerify does not support. Set the schema on your own tables, or on the "
            "connection (search_path), instead of on the metadata."
        )
    for table in source.sorted_tables:
        if table.key not in target.tables:
            _plain(table.to_metadata(target))


def _plain(table: Table) -> None:
    for column in table.columns:
        if isinstance(column.type, TypeDecorator):
            column.type = column.type.impl_instance
