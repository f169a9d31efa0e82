"""The host app that is measured: every commit of a transaction that wrote leaves one byte."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from sqlalchemy import event

from tests.faults.host_app import create_app

#: Names the file; its size is the number of commits.
COMMITS = "BENCHMARK_COMMITS"
_WRITES = ("INSERT", "UPDATE", "DELETE")


def make() -> Flask:
    """Make the app, for gunicorn and for ``flask``."""
    app = create_app()
    db = app.extensions["sqlalchemy"]
    with app.app_context():
        engine = db.engine
    target = os.open(os.environ[COMMITS], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith(_WRITES):
            connection.info["wrote"] = True

    @event.listens_for(engine, "commit")
    def committed(connection: Any) -> None:
        if connection.info.pop("wrote", False):
            os.write(target, b".")

    @event.listens_for(engine, "rollback")
    def rolled_back(connection: Any) -> None:
        connection.info.pop("wrote", None)

    return app
