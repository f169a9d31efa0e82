"""Wiring: one line in the host, errors that say what to do, and nothing shared between apps."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import flask_idverify
from flask_idverify import IDVerify, runtime
from flask_idverify.errors import ConfigurationError
from tests.hosts import make_host

KEY = "q3ZkXo0m6l0bC1Yw2vHq0m8h5d7s9a1f3g5h7j9k1l0"


def bare(**config: Any) -> Flask:
    app = Flask("bare")
    app.config.update(TESTING=True, SECRET_KEY="s", SQLALCHEMY_DATABASE_URI="sqlite://", **config)
    return app


def test_second_init_of_one_app_is_refused() -> None:
    host = make_host()
    with pytest.raises(ConfigurationError, match="already"):
        IDVerify().init_app(host.app, host.db)


def test_database_comes_first() -> None:
    app, db = bare(), SQLAlchemy()
    with pytest.raises(ConfigurationError, match=r"db\.init_app\(app\) before"):
        IDVerify().init_app(app, db)
    SQLAlchemy().init_app(app)
    with pytest.raises(ConfigurationError, match="same db"):
        IDVerify().init_app(app, db)
    with pytest.raises(ConfigurationError, match="SQLAlchemy object"):
        IDVerify(app)


def test_failed_init_leaves_the_app_as_it_was() -> None:
    app, db = bare(IDVERIFY_DISPATCH="no"), SQLAlchemy()
    db.init_app(app)
    with pytest.raises(ConfigurationError):
        IDVerify(app, db)
    assert "idverify" not in app.extensions
    assert not app.blueprints
    app.config["IDVERIFY_DISPATCH"] = "inline"
    IDVerify(app, db)
    assert "idverify" in app.extensions


def test_wrong_keys_leave_the_app_as_it_was() -> None:
    app, db = bare(IDVERIFY_ENCRYPTION_KEYS=["short"]), SQLAlchemy()
    db.init_app(app)
    with pytest.raises(ConfigurationError):
        IDVerify(app, db)
    app.config["IDVERIFY_ENCRYPTION_KEYS"] = [KEY]
    IDVerify(app, db)


def test_app_without_the_extension_is_told_so() -> None:
    with bare().app_context(), pytest.raises(ConfigurationError, match="not initialised"):
        runtime.current()


def test_apps_share_neither_settings_nor_keys_nor_adapters() -> None:
    hosts = [make_host(SECRET_KEY=f"secret {number}") for number in range(2)]
    found = [host.app.extensions["idverify"] for host in hosts]
    for name in ("settings", "keyring", "audit_macs", "registry", "vendors", "nudger", "hooks"):
        assert getattr(found[0], name) is not getattr(found[1], name)
    sealed = found[0].keyring.seal(b"x", "c")
    assert sealed.partition(":")[0] not in repr(found[1].keyring)


def test_one_object_serves_several_apps() -> None:
    db, extension = SQLAlchemy(), IDVerify()
    for _ in range(2):
        app = bare()
        db.init_app(app)
        extension.init_app(app, db)
        with app.app_context():
            db.create_all()
            provider = extension.add_provider(
                name="only here",
                type="Jumio",
                client_id="id",
                client_secret="secret",
                endpoint="https://netverify.com",
            )
            extension.link(provider)
            db.session.commit()
            db.session.remove()
            db.engine.dispose()


def test_nothing_runs_before_it_is_needed() -> None:
    before = threading.active_count()
    make_host(IDVERIFY_DISPATCH="thread")
    assert threading.active_count() == before


def test_development_key_lives_as_long_as_the_secret_key() -> None:
    first, same, other = (make_host(SECRET_KEY=key) for key in ("a", "a", b"other"))
    sealed = first.app.extensions["idverify"].keyring.seal(b"x", "c")
    assert same.app.extensions["idverify"].keyring.open(sealed, "c") == b"x"
    assert repr(other.app.extensions["idverify"].keyring) != repr(
        same.app.extensions["idverify"].keyring
    )


def test_runtime_shows_no_secret() -> None:
    host = make_host(IDVERIFY_ENCRYPTION_KEYS=[KEY], SECRET_KEY="hunter2")
    found = host.app.extensions["idverify"]
    shown = repr((found, found.settings, found.keyring, found.hooks, found.vendors))
    assert KEY not in shown
    assert "hunter2" not in shown


def test_public_names_are_the_promised_ones() -> None:
    promised = {"Claim", "Consent", "IDVerify", "current_identity", "identity_required"}
    assert promised <= set(flask_idverify.__all__)
    for name in flask_idverify.__all__:
        assert getattr(flask_idverify, name) is not None
    for name in (
        *("init_app", "add_provider", "link", "start", "refresh", "identity_of", "lock", "forget"),
        *("user_id_getter", "admin_check", "application_getter", "identities_of", "watch_users"),
    ):
        assert callable(getattr(IDVerify, name))
