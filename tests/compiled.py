"""What is compiled once for a run, however many apps the run makes. It took most of the time.

Templates, SQL and the builders of URLs; nothing of what they do changes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

_DIALECTS = (
    ("sqlalchemy.dialects.sqlite.pysqlite", "SQLiteDialect_pysqlite"),
    ("sqlalchemy.dialects.postgresql.psycopg", "PGDialect_psycopg"),
    ("sqlalchemy.dialects.mysql.pymysql", "MySQLDialect_pymysql"),
)

#: For ``SQLALCHEMY_ENGINE_OPTIONS``: statements compiled by any engine of this run.
ENGINE_OPTIONS: dict[str, Any] = {"execution_options": {"compiled_cache": LRUCache(3000)}}


class CompiledTemplates(BytecodeCache):
    """Keeps compiled templates in memory, told apart by name, file, text and extensions."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        found = self._kept.get(self._key(bucket))
        if found is not None:
            bucket.code = found

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._kept[self._key(bucket)] = bucket.code

    def _key(self, bucket: Bucket) -> tuple[str, ...]:
        return (bucket.key, bucket.checksum, *sorted(bucket.environment.extensions))


def share() -> None:
    """Let all apps of this process share what they compile."""
    Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}
    _share_statements()
    _share_url_builders()


def _share_statements() -> None:
    """Let engines of one kind count as one: a run meets one server of each kind, as one user."""
    for module, name in _DIALECTS:
        dialect: type[Dialect] = getattr(importlib.import_module(module), name)
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]


def _share_url_builders() -> None:
    """Let rules that read the same build URLs with the same function."""
    compiled: Callable[..., Any] = Rule._compile_builder
    kept: dict[tuple[Any, ...], Any] = {}

    def once(rule: Rule, append_unknown: bool = True) -> Any:
        # The function is told its rule when it is called.
        key = (rule.rule, rule.host, rule.subdomain, repr(rule.defaults), append_unknown)
        if key not in kept:
            kept[key] = compiled(rule, append_unknown)
        return kept[key]

    Rule._compile_builder = once  # type: ignore[method-assign,assignment]
