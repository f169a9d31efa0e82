"""The factory: settings, extensions, pages, headers, and what a first start puts in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, Response

from . import languages, seed, views
from .errors import register_errors
from .extensions import csrf, db, idverify, login, use_wal
from .keys import make_private, own_keys

#: Where the database and the keys are, unless told otherwise.
INSTANCE = Path(__file__).parent / "instance"

_DATABASE = "alpenbank.sqlite3"
_HEADERS = {
    # Strict on purpose: the pages of Flask-IDVerify have to pass it too.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    # Flask-WTF compares the referrer on https; nobody else gets to know our addresses.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the bank's app, its tables and its demonstration data.

    :param config: overrides any setting. Own ones are ``EXAMPLE_INSTANCE`` (folder of database
        and keys), ``EXAMPLE_SANDBOX_URL`` (where the simulated vendor answers) and
        ``EXAMPLE_SEED_PROVIDERS`` (false leaves the providers to the admin).
    """
    given = dict(config or {})
    folder = Path(given.get("EXAMPLE_INSTANCE", INSTANCE)).resolve()
    make_private(folder, _DATABASE)
    app = Flask("example_app", instance_path=str(folder))
    app.config.from_mapping(
        EXAMPLE_SANDBOX_URL="http://127.0.0.1:8090",
        EXAMPLE_SEED_PROVIDERS=True,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / _DATABASE}",
        SESSION_COOKIE_NAME="alpenbank",  # other apps on this machine keep their own
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=1024 * 1024,
        IDVERIFY_EXTERNAL_URL="http://127.0.0.1:8000",
        IDVERIFY_USER_AGENT="Alpenbank IdentityDesk/1.0",
        # Only because the vendor is simulated: never in production.
        IDVERIFY_ALLOW_SANDBOX=True,
        **own_keys(folder),
    )
    app.config.update(given)

    db.init_app(app)
    login.init_app(app)
    csrf.init_app(app)
    # One for each app, since it keeps the catalogues that it has read.
    languages.Babel(app, locale_selector=languages.chosen)
    idverify.init_app(app, db)

    app.register_blueprint(views.bank)
    register_errors(app)
    app.after_request(_add_headers)
    with app.app_context():
        use_wal(db.engine)
        db.create_all()
        seed.people()
        if app.config["EXAMPLE_SEED_PROVIDERS"]:
            # Only whoever runs the simulated vendor knows where it is now; a command does not.
            seed.providers(app.config["EXAMPLE_SANDBOX_URL"], follow="EXAMPLE_SANDBOX_URL" in given)
        # Requests and threads begin without what the seeding left in the session.
        db.session.remove()
    return app


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
