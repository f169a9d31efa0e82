"""The doctor finds the mistakes that are made, tells what to do, and shows no secret."""

from __future__ import annotations

from typing import Any

import pytest
from flask_login import LoginManager
from flask_wtf import CSRFProtect
from sqlalchemy import text, update

from flask_idverify import doctor, service, signals
from flask_idverify.models import Provider
from tests.hosts import Host, make_host

KEY = "q3ZkXo0m6l0bC1Yw2vHq0m8h5d7s9a1f3g5h7j9k1l0"
PRODUCTION: dict[str, Any] = {
    "TESTING": False,
    "IDVERIFY_ENCRYPTION_KEYS": [KEY],
    "IDVERIFY_AUDIT_KEYS": ["a" + KEY[1:]],
    "IDVERIFY_FINGERPRINT_KEYS": ["f" + KEY[1:]],
    "SESSION_COOKIE_SECURE": True,
}
SECRET = "hunter2-client-secret"


def look(host: Host) -> dict[str, tuple[str, str]]:
    """Return the advice by what it is about."""
    with host.app.app_context():
        found = {item.about: (item.level, item.message) for item in doctor.examine()}
        host.db.session.remove()
    assert SECRET not in str(found)
    assert KEY not in str(found)
    return found


def healthy(**config: Any) -> Host:
    host = make_host(**{**PRODUCTION, **config})
    vars(host.app)["login_manager"].login_view = "sign_in"
    with host.app.app_context():
        host.add_provider("https://netverify.com", client_secret=SECRET)
    return host


def dispose(host: Host) -> None:
    with host.app.app_context():
        host.db.engine.dispose()


@pytest.mark.sqlite("the advice is about it")
def test_good_installation_has_no_error_and_no_warning_but_the_database() -> None:
    found = look(healthy())
    assert {about for about, (level, _) in found.items() if level != "ok"} == {"database"}
    runner = healthy().app.test_cli_runner().invoke(args=["idverify", "doctor"])
    assert runner.exit_code == 0
    assert "0 error(s), 1 warning(s)." in runner.output
    assert SECRET not in runner.output


def test_template_that_is_nowhere_is_found() -> None:
    level, message = look(healthy(IDVERIFY_BASE_TEMPLATE="layuot.html"))["IDVERIFY_BASE_TEMPLATE"]
    assert level == "error"
    assert "'layuot.html' is in no template folder" in message


def test_key_of_two_purposes_is_pointed_out() -> None:
    found = look(healthy(IDVERIFY_AUDIT_KEYS=[f"audit:{KEY}"]))
    assert found["IDVERIFY_AUDIT_KEYS"][0] == "warning"
    assert "'audit' is an encryption key, too" in found["IDVERIFY_AUDIT_KEYS"][1]
    assert "IDVERIFY_FINGERPRINT_KEYS" not in found


def test_development_settings_are_pointed_out() -> None:
    found = look(
        healthy(
            TESTING=True,
            IDVERIFY_ENCRYPTION_KEYS=None,
            IDVERIFY_AUDIT_KEYS=None,
            IDVERIFY_FINGERPRINT_KEYS=None,
            IDVERIFY_EXTERNAL_URL="http://localhost:5000",
            IDVERIFY_USER_AGENT=None,
        )
    )
    for about in (
        *("IDVERIFY_ENCRYPTION_KEYS", "IDVERIFY_AUDIT_KEYS", "IDVERIFY_FINGERPRINT_KEYS"),
        *("IDVERIFY_EXTERNAL_URL", "IDVERIFY_USER_AGENT"),
    ):
        assert found[about][0] == "warning", about


def test_sandbox_in_production_is_pointed_out() -> None:
    assert look(healthy(IDVERIFY_ALLOW_SANDBOX=True))["IDVERIFY_ALLOW_SANDBOX"][0] == "warning"
    assert "IDVERIFY_ALLOW_SANDBOX" not in look(healthy())


def test_missing_tables_are_an_error_and_nothing_else_breaks() -> None:
    host = make_host(**PRODUCTION, tables=False)
    found = look(host)
    assert found["tables"][0] == "error"
    assert "idverify_verification" in found["tables"][1]
    assert host.app.test_cli_runner().invoke(args=["idverify", "doctor"]).exit_code == 1


@pytest.mark.sqlite("a server's databases are emptied after a test, not made anew")
def test_missing_column_is_named_with_what_adds_it() -> None:
    host = healthy()
    with host.app.app_context():
        host.db.session.execute(text("ALTER TABLE idverify_provider_usage DROP COLUMN accepted_at"))
        host.db.session.commit()
    level, message = look(host)["tables"]
    assert level == "error"
    assert "missing: idverify_provider_usage.accepted_at. Run `flask db migrate`" in message
    assert "db.create_all(), which adds whole tables only" in message


def test_missing_login_manager_and_loader_are_errors() -> None:
    host = healthy()
    del host.app.login_manager  # type: ignore[attr-defined]
    assert look(host)["Flask-Login"] == (
        "error",
        "no LoginManager: call login_manager.init_app(app).",
    )
    LoginManager(host.app)
    assert "user_loader" in look(host)["Flask-Login"][1]


def test_admin_pages_that_nobody_may_enter_are_pointed_out() -> None:
    host = healthy()
    assert look(host)["admin_check"][0] == "ok"
    from flask_idverify.runtime import nobody_is_admin

    host.idverify.admin_check(nobody_is_admin)
    assert look(host)["admin_check"][0] == "warning"


def test_rotating_user_ids_are_an_error_until_the_hook_is_set() -> None:
    host = healthy()
    host.User.fs_uniquifier = "x"
    assert look(host)["user_id_getter"][0] == "error"
    host.idverify.user_id_getter(lambda user: str(user.id))
    assert "user_id_getter" not in look(host)


def test_cookie_settings_that_break_the_return_are_pointed_out() -> None:
    assert look(healthy(SESSION_COOKIE_SAMESITE="Strict"))["SESSION_COOKIE_SAMESITE"][0] == (
        "warning"
    )
    assert look(healthy(SESSION_COOKIE_SECURE=False))["SESSION_COOKIE_SECURE"][0] == "warning"


def test_global_csrf_protection_is_fine() -> None:
    host = healthy()
    CSRFProtect(host.app)
    assert look(host)["CSRF"][0] == "ok"


def test_wal_is_recommended_and_recognised(tmp_path: Any) -> None:
    host = healthy(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.db")
    assert "journal_mode=WAL, once (docs/scaling.md)" in look(host)["database"][1]
    with host.app.app_context(), host.db.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert plain.execute(text("PRAGMA journal_mode=WAL")).scalar() == "wal"
    dispose(host)  # connections remember the mode they met
    assert look(host)["database"] == ("ok", "SQLite with WAL.")
    dispose(host)


def test_provider_that_cannot_work_is_an_error_with_the_reason() -> None:
    host = healthy()
    for values, told in (
        ({"endpoint": "https://attacker.example"}, "endpoint"),
        ({"endpoint": "https://netverify.com", "options": {"colour": "red"}}, "colour"),
        ({"options": {}, "client_secret_sealed": f"lost:{'A' * 40}"}, "'lost'"),
        ({"type": "Onfido"}, "Onfido"),
    ):
        with host.app.app_context():
            host.db.session.execute(update(Provider).values(**values))
            host.db.session.commit()
        found = look(host)["provider 'Jumio test'"]
        assert found[0] == "error"
        assert told in found[1]


def test_applications_without_a_way_to_start_are_pointed_out() -> None:
    host = make_host(**PRODUCTION)
    found = look(host)
    assert found["providers"][0] == "warning"
    assert "'default'" in found["applications"][1]
    with host.app.app_context():
        host.add_provider("https://netverify.com").enabled = False
        host.db.session.commit()
    assert look(host)["application 'default'"][0] == "warning"


def test_setup_in_which_nobody_can_start_is_an_error_that_tells_the_next_step() -> None:
    host = make_host(**PRODUCTION)

    def told() -> str:
        level, message = look(host)["starts"]
        assert level == "error"
        return message

    assert "flask idverify provider add" in told()
    done = host.app.test_cli_runner().invoke(args=["idverify", "doctor"])
    assert (done.exit_code, "ERROR    starts: " in done.output) == (1, True)
    with host.app.app_context():
        host.add_provider("https://netverify.com", link=False)
    assert "flask idverify link" in told()
    with host.app.app_context():
        service.link("Jumio test", enabled=False)
        host.db.session.commit()
    assert "--enable" in told()
    with host.app.app_context():
        service.link("Jumio test")
        host.db.session.commit()
    assert "starts" not in look(host)


def test_enabled_provider_that_nothing_links_is_pointed_out() -> None:
    host = healthy()
    with host.app.app_context():
        host.add_provider("https://netverify.com", name="idle", link=False)
    level, message = look(host)["provider 'idle'"]
    assert (level, "flask idverify link 'idle'" in message) == ("warning", True)
    with host.app.app_context():
        host.db.session.execute(
            update(Provider).where(Provider.name == "idle").values(enabled=False)
        )
        host.db.session.commit()
    assert look(host)["provider 'idle'"][0] == "ok"


def test_who_may_send_callbacks_is_told() -> None:
    assert "any address" in look(healthy())["callbacks"][1]
    level, message = look(healthy(IDVERIFY_CALLBACK_NETWORKS=["jumio-eu"]))["callbacks"]
    assert level == "ok"
    assert "ProxyFix" in message


def test_key_that_was_set_too_late_is_an_error() -> None:
    host = healthy()
    assert "IDVERIFY_LEGAL_HOLD" not in look(host)
    assert look(host)["legal hold"][1] == "nobody is asked."
    host.app.config["IDVERIFY_LEGAL_HOLD"] = lambda _: "Court order."
    level, message = look(host)["IDVERIFY_LEGAL_HOLD"]
    assert level == "error"
    assert "init_app" in message


def test_retention_and_hold_in_force_are_told() -> None:
    def under_hold(user_id: str) -> str | None:
        return None

    found = look(healthy(IDVERIFY_LEGAL_HOLD=under_hold, IDVERIFY_RETENTION_DAYS={"rejected": 90}))
    assert found["retention"][1] == "in days: rejected 90."
    assert "under_hold() is asked" in found["legal hold"][1]


def test_copies_that_an_erasure_would_leave_are_pointed_out() -> None:
    host = healthy()
    assert "identity_erased" not in look(host)
    host.idverify.profile_writer(lambda identity: None)
    assert look(host)["identity_erased"][0] == "warning"
    with signals.identity_erased.connected_to(lambda app, **rows: None, host.app):
        assert "identity_erased" not in look(host)


def test_celery_that_is_not_there_is_an_error() -> None:
    assert "Celery" not in look(healthy())
    host = healthy(IDVERIFY_DISPATCH="celery")
    assert look(host)["Celery"][0] == "error"
    host.app.extensions["celery"] = object()
    assert look(host)["Celery"][0] == "ok"
