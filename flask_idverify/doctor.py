"""What ``flask idverify doctor`` looks at: the mistakes that are made in real installations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import inspect, select, text

from . import key_usage, runtime
from .adapters.endpoints import host_is_address
from .config import Settings
from .errors import ConfigurationError, IDVerifyError
from .models import Application, Base, OutboxRow, Provider
from .runtime import Runtime, nobody_is_admin
from .service.owed import MAX_TRIES, SIGNAL, VENDOR_ERASURE
from .service.providers import clean_endpoint


@dataclass(frozen=True)
class Advice:
    """One finding. ``level`` is ``ok``, ``warning`` (may be meant so) or ``error``."""

    level: str
    about: str
    message: str


def examine() -> list[Advice]:
    """Look at the current app and return everything worth saying, the good news included."""
    app = runtime.current()
    found: list[Advice] = []
    for part in (
        _settings,
        _login,
        _cookies,
        _callbacks,
        _tables,
        _database,
        _keys,
        _providers,
        _applications,
        _owed,
    ):
        found.extend(part(app))
    return found


def _ok(about: str, message: str) -> Advice:
    return Advice("ok", about, message)


def _settings(app: Runtime) -> Iterator[Advice]:
    settings = app.settings
    if not settings.encryption_keys:
        yield Advice(
            "warning",
            "IDVERIFY_ENCRYPTION_KEYS",
            "not set: a key is derived from SECRET_KEY, which only TESTING and DEBUG admit.",
        )
    else:
        yield _ok("IDVERIFY_ENCRYPTION_KEYS", f"{len(settings.encryption_keys)} key(s).")
    for name in ("audit_keys", "fingerprint_keys"):
        if not getattr(settings, name):
            yield Advice(
                "warning",
                f"IDVERIFY_{name.upper()}",
                "not set: derived from the encryption keys. Set it before you ever drop one.",
            )
    public = urlsplit(settings.external_url)
    if (
        public.scheme != "https"
        or public.port is not None
        or host_is_address(public.hostname or "")
    ):
        yield Advice(
            "warning",
            "IDVERIFY_EXTERNAL_URL",
            f"{settings.external_url} is fine for a sandbox; the real vendor takes only https, "
            "without port and without IP address.",
        )
    else:
        yield _ok("IDVERIFY_EXTERNAL_URL", settings.external_url)
    if not current_app.config.get("SECRET_KEY"):
        yield Advice("error", "SECRET_KEY", "is not set: no session, no form and no login works.")
    if settings.user_agent == Settings.user_agent:
        yield Advice(
            "warning",
            "IDVERIFY_USER_AGENT",
            'is our default; the vendor wants your names: "Company Application/version".',
        )
    if settings.allow_sandbox and not (current_app.debug or current_app.testing):
        yield Advice(
            "warning",
            "IDVERIFY_ALLOW_SANDBOX",
            "is on outside DEBUG and TESTING: anybody a sandbox approves is verified here.",
        )


def _login(app: Runtime) -> Iterator[Advice]:
    manager: Any = getattr(current_app, "login_manager", None)
    if manager is None:
        yield Advice("error", "Flask-Login", "no LoginManager: call login_manager.init_app(app).")
    elif manager._user_callback is None and manager._request_callback is None:
        yield Advice("error", "Flask-Login", "no user_loader is registered.")
    elif manager.login_view is None and manager.unauthorized_callback is None:
        yield Advice(
            "warning",
            "Flask-Login",
            "has no login_view: anonymous visitors of our pages get a bare 401 page.",
        )
    else:
        yield _ok("Flask-Login", "is set up.")
    if app.hooks.locks_columns and app.hooks.profile is None:
        yield Advice(
            "warning",
            "profile_writer",
            "not registered, though columns of yours are under the lock: it keeps whatever stands "
            "in them when a user is verified, checked or not. Use @idverify.profile_writer.",
        )
    if app.hooks.is_admin is nobody_is_admin:
        yield Advice(
            "warning",
            "admin_check",
            "not registered: nobody may enter the admin pages. Use @idverify.admin_check.",
        )
    else:
        yield _ok("admin_check", "is registered.")
    if app.hooks.user_id is runtime.default_user_id:
        yield from _rotating_ids(app)


def _rotating_ids(app: Runtime) -> Iterator[Advice]:
    model: Any = app.db.Model
    for mapper in model.registry.mappers:
        if hasattr(mapper.class_, "fs_uniquifier"):
            yield Advice(
                "error",
                "user_id_getter",
                f"{mapper.class_.__name__}.get_id() is a token that changes when the user signs "
                "out everywhere; their identity would be lost. Register @idverify.user_id_getter "
                "and return str(user.id).",
            )


def _cookies(app: Runtime) -> Iterator[Advice]:
    if current_app.config.get("SESSION_COOKIE_SAMESITE") == "Strict":
        yield Advice(
            "warning",
            "SESSION_COOKIE_SAMESITE",
            "'Strict' withholds the session when the browser comes back from the vendor: users "
            "meet the signed-out return page. 'Lax' is right here.",
        )
    https = app.settings.external_url.startswith("https:")
    if https and not current_app.config.get("SESSION_COOKIE_SECURE"):
        yield Advice(
            "warning", "SESSION_COOKIE_SECURE", "is off: session cookies may travel over http."
        )
    if "csrf" not in current_app.extensions:
        yield _ok("CSRF", "no global CSRFProtect; our own forms and API check their tokens.")
    else:
        yield _ok("CSRF", "CSRFProtect is on; our callback routes are exempt.")


def _callbacks(app: Runtime) -> Iterator[Advice]:
    if app.settings.callback_networks:
        yield _ok(
            "callbacks",
            "are taken from IDVERIFY_CALLBACK_NETWORKS only, from elsewhere they get 403. Behind a "
            "proxy, ProxyFix must be set up; 'provider test' tells when it is missing.",
        )
    else:
        yield _ok(
            "callbacks",
            "are taken from any address, by the keys in their URL. IDVERIFY_CALLBACK_NETWORKS "
            "(jumio-us, jumio-eu, jumio-sgp) would admit the vendor's networks only.",
        )


def _tables(app: Runtime) -> Iterator[Advice]:
    present = set(inspect(app.db.engine).get_table_names())
    missing = [table.name for table in Base.metadata.sorted_tables if table.name not in present]
    if missing:
        yield Advice(
            "error",
            "tables",
            f"missing: {', '.join(missing)}. Run `flask db migrate` and `flask db upgrade`, or "
            "db.create_all().",
        )
    else:
        yield _ok("tables", "all there.")


def _database(app: Runtime) -> Iterator[Advice]:
    engine = app.db.engine
    if engine.dialect.name != "sqlite":
        yield _ok("database", engine.dialect.name)
        return
    with engine.connect() as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar()
    if mode == "wal":
        yield _ok("database", "SQLite with WAL.")
    else:
        yield Advice(
            "warning",
            "database",
            f"SQLite with journal mode {mode!r}: correct, but readers and writers wait for each "
            "other. Set PRAGMA journal_mode=WAL.",
        )


def _keys(app: Runtime) -> Iterator[Advice]:
    if app.settings.audit_signing_key:
        yield _ok("IDVERIFY_AUDIT_SIGNING_KEY", "is set.")
    else:
        yield _ok("IDVERIFY_AUDIT_SIGNING_KEY", "not set: `audit export` is refused.")
    inspected = inspect(app.db.engine)
    if not all(inspected.has_table(table.name) for table in Base.metadata.sorted_tables):
        return
    lacking: dict[tuple[str, str], list[str]] = {}
    for purpose, place, key_id in key_usage.missing():
        lacking.setdefault((purpose, key_id), []).append(place)
    for (purpose, key_id), places in lacking.items():
        yield Advice(
            "error",
            f"{purpose} key {key_id!r}",
            f"is not configured, and is needed for {', '.join(places)}: "
            f"{key_usage.way_back(purpose, key_id)} (docs/keys.md).",
        )
    if len(app.keyring.ids) > 1:
        yield _ok(
            "keys",
            "there are older ones: `flask idverify rotate-keys --status` tells which can go.",
        )


def _tables_present(app: Runtime) -> bool:
    return inspect(app.db.engine).has_table(Provider.__tablename__)


def _providers(app: Runtime) -> Iterator[Advice]:
    if not _tables_present(app):
        return
    rows = app.db.session.scalars(select(Provider).order_by(Provider.name)).all()
    if not rows:
        yield Advice(
            "warning", "providers", "none yet: add one with `flask idverify provider add`."
        )
    for row in rows:
        about = f"provider {row.name!r}"
        problems = [p for p in (_problem(check, row) for check in _PROVIDER_CHECKS) if p]
        for problem in problems:
            yield Advice("error", about, problem)
        if not problems:
            yield _ok(about, f"{row.type} at {row.endpoint}{'' if row.enabled else ' (disabled)'}")


def _check_secret(row: Provider) -> None:
    _ = row.client_secret


def _check_endpoint(row: Provider) -> None:
    clean_endpoint(row.type, row.endpoint)


def _check_options(row: Provider) -> None:
    runtime.current().registry.get(row.type).clean_options(row.options)


_PROVIDER_CHECKS = (_check_secret, _check_endpoint, _check_options)


def _problem(check: Callable[[Provider], None], row: Provider) -> str | None:
    try:
        check(row)
    except (IDVerifyError, ConfigurationError) as error:
        return str(error)
    return None


def _applications(app: Runtime) -> Iterator[Advice]:
    if not _tables_present(app):
        return
    rows = app.db.session.scalars(select(Application).order_by(Application.name)).all()
    default = app.settings.default_application
    if default not in {row.name for row in rows}:
        yield Advice(
            "warning",
            "applications",
            f"the default application {default!r} does not exist: link a provider to it with "
            "`flask idverify link`.",
        )
    for row in rows:
        if any(link.enabled and link.provider.enabled for link in row.links):
            yield _ok(f"application {row.name!r}", "has a provider.")
        else:
            yield Advice(
                "warning", f"application {row.name!r}", "has no enabled provider: nobody can start."
            )


def _owed(app: Runtime) -> Iterator[Advice]:
    if not inspect(app.db.engine).has_table(OutboxRow.__tablename__):
        return
    failing = app.db.session.scalars(
        select(OutboxRow).where(OutboxRow.error.is_not(None)).order_by(OutboxRow.created_at)
    ).all()
    for kind, about, hint in (
        (
            VENDOR_ERASURE,
            "owed deletions",
            "then tried once a day; an identity's page has a button",
        ),
        (SIGNAL, "owed signals", "then given up; correct the receiver"),
    ):
        rows = [row for row in failing if row.kind == kind]
        given_up = sum(row.tries >= MAX_TRIES for row in rows)
        if rows:
            yield Advice(
                "error" if given_up else "warning",
                about,
                f"{len(rows)} failed, {given_up} of them {MAX_TRIES} times ({hint}). "
                f"The oldest says: {rows[0].error}",
            )
