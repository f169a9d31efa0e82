"""The extensions of the app, made once and initialised for each app by the factory."""

from __future__ import annotations

from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Engine, event

from flask_idverify import IDVerify

from .languages import lazy_gettext

db = SQLAlchemy()
login = LoginManager()
csrf = CSRFProtect()
idverify = IDVerify()

login.login_view = "bank.sign_in"
login.login_message = lazy_gettext("Please sign in first.")
login.login_message_category = "info"


def use_wal(engine: Engine) -> None:
    """Let readers of an SQLite file go on while somebody writes, and writers wait their turn."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA busy_timeout=5000")
        cursor.close()
