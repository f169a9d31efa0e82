"""Small host apps, as a developer would write them; each call makes one of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, current_app
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.serving import make_server

from flask_idverify import Claim, Consent, IDVerify, clock, identity_required
from tests.compiled import ENGINE_OPTIONS
from tests.databases import create_tables, memory_uri


class Host:
    """An app with its database, its users and the extension."""

    def __init__(self, app: Flask, db: SQLAlchemy, user_model: Any, idverify: IDVerify) -> None:
        self.app = app
        self.db = db
        self.User = user_model
        self.idverify = idverify

    def add_user(self, email: str, **values: Any) -> Any:
        """Add and commit a user; needs an app context."""
        user = self.User(email=email, **values)
        self.db.session.add(user)
        self.db.session.commit()
        return user

    def add_provider(
        self, endpoint: str, provider_type: str = "Jumio", *, link: bool = True, **values: Any
    ) -> Any:
        """Add, link to the default application and commit a provider; needs an app context."""
        policy = values.pop("policy", None)
        provider = self.idverify.add_provider(
            name=values.pop("name", f"{provider_type} test"),
            type=provider_type,
            client_id=values.pop("client_id", "sandbox-id"),
            client_secret=values.pop("client_secret", "sandbox-secret"),
            endpoint=endpoint,
            options=values.pop("options", {}),
            calls_per_day=values.pop("calls_per_day", None),
        )
        assert not values, f"unknown values {values}"
        if link:
            self.idverify.link(provider, policy=policy)
        self.db.session.commit()
        return provider


#: Those of the present test.
MADE: list[Host] = []


def make_host(
    *, csrf: bool = True, tables: bool = True, idverify: IDVerify | None = None, **config: Any
) -> Host:
    """Make a host app. Keys in *config* override the defaults below."""
    app = Flask("host")
    app.config.update(
        TESTING=True,
        SECRET_KEY="a test's secret key",
        SQLALCHEMY_DATABASE_URI=config.get("SQLALCHEMY_DATABASE_URI")
        or memory_uri(bare=not tables),
        SQLALCHEMY_ENGINE_OPTIONS=ENGINE_OPTIONS,
        WTF_CSRF_ENABLED=csrf,
        IDVERIFY_EXTERNAL_URL="https://id.example.com",
        IDVERIFY_USER_AGENT="ExampleCo IdentityGate/1.0",
        IDVERIFY_DISPATCH="inline",
    )
    app.config.update(config)
    db = SQLAlchemy()

    class User(db.Model, UserMixin):  # type: ignore[name-defined,misc]
        __tablename__ = "member"  # "user" is a reserved word on some engines
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(255), unique=True)
        real_name: Mapped[str | None] = mapped_column(String(200))
        nickname: Mapped[str | None] = mapped_column(String(200))
        is_admin: Mapped[bool] = mapped_column(default=False)

    db.init_app(app)
    login = LoginManager(app)

    @login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def load(user_id: str) -> Any:
        return db.session.get(User, int(user_id))

    idverify = idverify or IDVerify()
    idverify.init_app(app, db)

    @idverify.admin_check
    def is_admin() -> bool:
        return bool(current_user.is_authenticated and current_user.is_admin)

    @app.get("/login/<int:user_id>")
    def sign_in(user_id: int) -> str:
        login_user(db.session.get(User, user_id))
        return "signed in"

    @app.get("/logout")
    def sign_out() -> str:
        logout_user()
        return "signed out"

    @app.get("/members")
    @identity_required
    def members() -> str:
        return f"welcome to {current_app.name}"

    if tables:
        with app.app_context():
            create_tables(db)
    made = Host(app, db, User, idverify)
    MADE.append(made)
    return made


def close_all() -> None:
    """Give back what the hosts of a test still hold: threads and connections."""
    while MADE:
        host = MADE.pop()
        if "idverify" in host.app.extensions:
            host.idverify.close(host.app)
        with host.app.app_context():
            host.db.session.remove()
            for engine in host.db.engines.values():
                engine.dispose()


def lena(**changes: str) -> Claim:
    """Return an invented person's claim, the one whose papers the sandbox shows by default."""
    values = {
        "id_type": "passport",
        "id_number": "U7301945",
        "real_name": "Lena Marie Gruber",
        "country": "AUT",
    }
    return Claim(**{**values, **changes})


def consent(**changes: Any) -> Consent:
    """Return a complete consent."""
    values = {"ip": "203.0.113.24", "country": "AUT", "obtained_at": clock.now(), "wording": "1"}
    return Consent(**{**values, **changes})


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve *app* on a real socket; give its base URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    # Ending it waits for one more look at whether it should end.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
