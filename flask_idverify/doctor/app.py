"""The app around us: its configuration, its login, its cookies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from jinja2 import TemplateNotFound, TemplateSyntaxError

from .. import config, runtime
from ..adapters.endpoints import host_is_address
from ..config import Settings
from ..encryption import parse_keys
from ..runtime import Runtime, nobody_is_admin
from ..signals import has_receivers, identity_erased
from .advice import Advice, ok


def settings(app: Runtime) -> Iterator[Advice]:
    """Look at the configuration as it was read."""
    settings = app.settings
    if not settings.encryption_keys:
        yield Advice(
            "warning",
            "IDVERIFY_ENCRYPTION_KEYS",
            "not set: a key is derived from SECRET_KEY, which only TESTING and DEBUG admit.",
        )
    else:
        yield ok("IDVERIFY_ENCRYPTION_KEYS", f"{len(settings.encryption_keys)} key(s).")
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
        yield ok("IDVERIFY_EXTERNAL_URL", settings.external_url)
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


def late(app: Runtime) -> Iterator[Advice]:
    """Look for keys that were set too late."""
    for key in config.changed_since(current_app, app.settings):
        yield Advice(
            "error", key, "was set after init_app and has no effect: set it before, and restart."
        )


def keys(app: Runtime) -> Iterator[Advice]:
    """Look for a key that serves two purposes; whoever learns it has both."""
    settings, setting = app.settings, "IDVERIFY_ENCRYPTION_KEYS"
    sealing = {key.material for key in parse_keys(settings.encryption_keys, setting)}
    for name in ("audit_keys", "fingerprint_keys"):
        other = f"IDVERIFY_{name.upper()}"
        for key in parse_keys(getattr(settings, name), other):
            if key.material in sealing:
                yield Advice(
                    "warning",
                    other,
                    f"its key {key.id!r} is an encryption key, too: make one of its own, and put "
                    "it in front (docs/keys.md).",
                )


def templates(app: Runtime) -> Iterator[Advice]:
    """Look for the template that our pages extend; loaders may come after ``init_app``."""
    try:
        current_app.jinja_env.get_template(app.settings.base_template)
    except TemplateNotFound:
        yield Advice(
            "error",
            "IDVERIFY_BASE_TEMPLATE",
            f"{app.settings.base_template!r} is in no template folder: none of our pages works.",
        )
    except TemplateSyntaxError as error:
        yield Advice("error", "IDVERIFY_BASE_TEMPLATE", f"line {error.lineno} is no valid Jinja.")


def login(app: Runtime) -> Iterator[Advice]:
    """Look at Flask-Login and the hooks."""
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
        yield ok("Flask-Login", "is set up.")
    if app.hooks.locks_columns and app.hooks.profile is None:
        yield Advice(
            "warning",
            "profile_writer",
            "not registered, though columns of yours are under the lock: it keeps whatever stands "
            "in them when a user is verified, checked or not. Use @idverify.profile_writer.",
        )
    copies = app.hooks.locks_columns or app.hooks.profile is not None
    if copies and not has_receivers(identity_erased):
        yield Advice(
            "warning",
            "identity_erased",
            "nobody listens, though columns of yours hold what was verified: an erasure would "
            "leave it there (docs/host.md).",
        )
    if app.hooks.is_admin is nobody_is_admin:
        yield Advice(
            "warning",
            "admin_check",
            "not registered: nobody may enter the admin pages. Use @idverify.admin_check.",
        )
    else:
        yield ok("admin_check", "is registered.")
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


def celery(app: Runtime) -> Iterator[Advice]:
    """Look for the Celery app that callbacks are handed to."""
    if app.settings.dispatch != "celery":
        return
    if "celery" in current_app.extensions:
        yield ok("Celery", "is asked to work; its beat should run tasks.beat_schedule().")
    else:
        yield Advice(
            "error",
            "Celery",
            'IDVERIFY_DISPATCH is "celery", but app.extensions["celery"] is empty '
            "(docs/scaling.md).",
        )


def cookies(app: Runtime) -> Iterator[Advice]:
    """Look at the session cookie."""
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
        yield ok("CSRF", "no global CSRFProtect; our own forms and API check their tokens.")
    else:
        yield ok("CSRF", "CSRFProtect is on; our callback routes are exempt.")


def retention(app: Runtime) -> Iterator[Advice]:
    """Tell how long what is kept."""
    days = ", ".join(f"{name} {number}" for name, number in app.settings.retention_days)
    yield ok("retention", f"in days: {days}." if days else "everything is kept until erased.")
    hold = app.settings.legal_hold
    named = getattr(hold, "__qualname__", type(hold).__name__)
    yield ok("legal hold", f"{named}() is asked." if hold else "nobody is asked.")


def callbacks(app: Runtime) -> Iterator[Advice]:
    """Tell who may send callbacks."""
    if app.settings.callback_networks:
        yield ok(
            "callbacks",
            "are taken from IDVERIFY_CALLBACK_NETWORKS only, from elsewhere they get 403. Behind a "
            "proxy, ProxyFix must be set up; 'provider test' tells when it is missing.",
        )
    else:
        yield ok(
            "callbacks",
            "are taken from any address, by the keys in their URL. IDVERIFY_CALLBACK_NETWORKS "
            "(jumio-us, jumio-eu, jumio-sgp) would admit the vendor's networks only.",
        )
