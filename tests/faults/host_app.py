"""The host app of the kill test, for gunicorn and for ``flask``: configured by the environment.

Every variable ``KILL_X`` becomes the configuration key ``X``. ``KILL_CLOCK`` and ``KILL_OWNER``
name the file of the shared clock and the process that the children end with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String, event, update
from sqlalchemy.orm import Mapped, mapped_column

from flask_idverify import IDVerify
from flask_idverify.models import Identity
from tests.faults.killing.shared_clock import Follower


def create_app(**config: Any) -> Flask:
    """Make the app; keys in *config* override the environment and follow no clock."""
    app = Flask("kill_host")
    if config:
        app.config.update(config)
    else:
        app.config.from_prefixed_env("KILL")
    db = SQLAlchemy()

    class Member(db.Model, UserMixin):  # type: ignore[name-defined,misc]
        __tablename__ = "member"
        id: Mapped[int] = mapped_column(primary_key=True)
        real_name: Mapped[str | None] = mapped_column(String(200))

    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _use_wal)
    login = LoginManager(app)

    @login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def load(user_id: str) -> Any:
        return db.session.get(Member, int(user_id))

    idverify = IDVerify()
    idverify.init_app(app, db)
    idverify.lock(Member.real_name)

    @idverify.profile_writer
    def keep_name(identity: Identity) -> None:
        name = identity.claim.real_name if identity.claim else None
        statement = update(Member).where(Member.id == int(identity.user_id)).values(real_name=name)
        db.session.execute(statement)

    @app.post("/sign-in/<int:user_id>")
    def sign_in(user_id: int) -> str:
        login_user(db.session.get(Member, user_id))
        return "signed in"

    @app.get("/ready")
    def ready() -> str:
        return "ready"

    app.extensions["kill_test"] = (db, idverify, Member)
    if "CLOCK" in app.config:
        Follower(Path(app.config["CLOCK"]), int(app.config["OWNER"]))
    return app


def _use_wal(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
