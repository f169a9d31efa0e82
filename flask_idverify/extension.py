"""The extension: wires one app to its database, its pages and its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from . import config, i18n, service
from .adapters import Registry
from .cli import commands
from .columns import copy_tables
from .dispatch import Nudger, nudge
from .encryption import Key, Keyring, Macs, parse_keys
from .errors import ConfigurationError
from .locking import Lock
from .models import Application, Base, Identity, Link, Provider, Verification
from .runtime import EXTENSION, Hooks, Runtime
from .service import sessions
from .vendors import Vendors
from .web import register

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

    from .claims import Claim, Consent
    from .policy import Conditions, Policy
    from .service import Erased

F = TypeVar("F", bound=Callable[..., Any])


class IDVerify:
    """Identity verification for Flask apps.

    One object may serve several apps. ``init_app`` comes after ``db.init_app``::

        db = SQLAlchemy()
        idverify = IDVerify()

        def create_app():
            app = Flask(__name__)
            db.init_app(app)
            login_manager.init_app(app)
            idverify.init_app(app, db)
            return app
    """

    def __init__(self, app: Flask | None = None, db: SQLAlchemy | None = None) -> None:
        self._hooks = Hooks()
        self._lock = Lock(self._hooks)
        self._watched: set[type] = set()
        if app is not None:
            if db is None:
                raise ConfigurationError("IDVerify(app, db) needs the SQLAlchemy object too.")
            self.init_app(app, db)

    # -- wiring ---------------------------------------------------------------------------------

    def init_app(self, app: Flask, db: SQLAlchemy) -> None:
        """Set up one app.

        :param db: the host's Flask-SQLAlchemy object, already initialised on *app*.
        :raises ConfigurationError: naming the key or the step that is wrong.
        """
        if EXTENSION in app.extensions:
            raise ConfigurationError("Flask-IDVerify is initialised on this app already.")
        if app.extensions.get("sqlalchemy") is not db:
            raise ConfigurationError(
                "Call db.init_app(app) before idverify.init_app(app, db), with the same db."
            )
        settings = config.load(app)
        copy_tables(Base.metadata, db.metadata)
        keys = _encryption_keys(app, settings)
        registry = Registry()
        with app.app_context():
            engines, home = list(db.engines.values()), db.engine
        if settings.dispatch == "thread" and any(_shares_one_connection(e) for e in engines):
            # A background thread would commit the host's open work on the shared connection.
            settings = replace(settings, dispatch="inline")
        app.extensions[EXTENSION] = Runtime(
            settings=settings,
            db=db,
            keyring=Keyring(keys),
            audit_macs=_macs(settings.audit_keys, keys, "IDVERIFY_AUDIT_KEYS", "audit"),
            fingerprint_macs=_macs(
                settings.fingerprint_keys, keys, "IDVERIFY_FINGERPRINT_KEYS", "fingerprint"
            ),
            registry=registry,
            vendors=Vendors(registry, settings),
            hooks=self._hooks,
            nudger=Nudger(app, settings.dispatch),
            satisfies=service.satisfies,
        )
        if not db.metadata.info.get(EXTENSION):
            db.metadata.info[EXTENSION] = True
            sessions.watch(db.session)
        self._lock.attach(engines, home)
        register(app, settings)
        app.cli.add_command(commands)

    def close(self, app: Flask) -> None:
        """End the background thread of *app*; for tests and for hosts that reload themselves."""
        app.extensions[EXTENSION].nudger.stop()

    # -- what the host tells us -----------------------------------------------------------------

    def user_id_getter(self, function: F) -> F:
        """Register how a user's id is found, where ``get_id()`` may change.

        The function takes the user and returns a text that stays the same for life, or ``None``.
        """
        self._hooks.user_id = function
        return function

    def admin_check(self, function: F) -> F:
        """Register who may enter the admin pages: a function without arguments, true for admins.

        It is asked at every request, with Flask-Login's ``current_user`` at hand.
        """
        self._hooks.is_admin = function
        return function

    def application_getter(self, function: F) -> F:
        """Register which application the current request is for, by name (``None``: default)."""
        self._hooks.application = function
        return function

    def claim_getter(self, function: F) -> F:
        """Register what the host knows of a user already, to fill in the claim form.

        The function takes the user and returns any of ``real_name``, ``country`` (alpha-3),
        ``id_type`` and ``id_number``. The user may still change what it says.
        """
        self._hooks.claim = function
        return function

    def profile_writer(self, function: F) -> F:
        """Register what writes verified facts into the host's own columns.

        The function takes the :class:`~flask_idverify.models.Identity` and changes rows of
        ``db.session``, locked columns included; it does not commit. It runs in the transaction
        that verifies the user, so that what is locked is what was verified. If it raises, nothing
        is written, and the result is applied at the next try.
        """
        self._hooks.profile = function
        return function

    def lock(self, *columns: Any, user_id: Any = None) -> None:
        """Put columns of a host model under the lock: they cannot change once the user is verified.

        ``idverify.lock(User.real_name, User.date_of_birth)``

        :param user_id: the column that holds what ``get_id()`` returns, if not the primary key.
        :raises ConfigurationError: for anything but mapped columns.
        """
        self._lock.add(columns, user_id)
        self._hooks.locks_columns = True

    def watch_users(self, model: type) -> None:
        """Close the identity of a deleted user, so that nobody inherits it with a reused id."""
        if model in self._watched:
            return
        self._watched.add(model)

        @event.listens_for(Session, "before_flush")
        def close_deleted(session: Session, _context: Any, _instances: Any) -> None:
            for row in list(session.deleted):
                if isinstance(row, model):
                    identity = service.identity_of(row)
                    if identity is not None:
                        service.close(session, identity)

    # -- what the host asks ---------------------------------------------------------------------

    def add_provider(
        self,
        *,
        name: str,
        type: str,  # noqa: A002 - the public name of the field
        client_id: str,
        client_secret: str,
        endpoint: str,
        options: Mapping[str, Any] | None = None,
        calls_per_day: int | None = None,
    ) -> Provider:
        """Store a vendor account and flush; the caller commits.

        :param type: ``Jumio`` (API v4) or ``Jumio Platform``.
        :param calls_per_day: what the contract with the vendor allows, if that is known.
        :raises InvalidProvider: naming the field that cannot be used.
        """
        return service.add_provider(
            name=name,
            type=type,
            client_id=client_id,
            client_secret=client_secret,
            endpoint=endpoint,
            options=options,
            calls_per_day=calls_per_day,
        )

    def link(
        self,
        provider: Provider | str,
        application: Application | str | None = None,
        position: int | None = None,
        policy: Policy | Mapping[str, Any] | None = None,
        *,
        conditions: Conditions | Mapping[str, Any] | None = None,
    ) -> Link:
        """Link a provider to an application, made when it is new, and flush; the caller commits.

        :raises InvalidPolicy: naming the field of *policy* or *conditions* that cannot be used.
        """
        return service.link(provider, application, position, policy, conditions=conditions)

    def start(
        self,
        user: Any,
        claim: Claim,
        consent: Consent | None = None,
        application: Application | str | None = None,
        provider: Provider | str | None = None,
        *,
        locale: str | None = None,
    ) -> Verification:
        """Start verifying *user*; send the browser to ``verification.redirect_url``.

        Commits ``db.session`` around the vendor call. A second call with the same claim while
        the vendor's page is open returns the same verification.

        :param claim: what the user says of themself.
        :param consent: where they are and when they agreed; the Platform demands it.
        :param application: name or row; the default one when left out.
        :param provider: name or row; the application's first link that takes the claim when left
            out.
        :param locale: the user's language, e.g. ``de-AT``, for the vendor's page; the one that
            Flask-Babel chose when left out.
        :raises IDVerifyError: one of ``InvalidClaim``, ``PendingChanges``, ``NotSignedIn``,
            ``AlreadyVerified``, ``IdentityLocked``, ``VerificationInProgress``,
            ``AttemptLimitReached``, ``NotConfigured``, ``NoProvider``, ``ClaimNotAccepted``,
            ``ConsentMissing``, ``VendorError``; see :mod:`flask_idverify.errors`.
        :raises TypeError: *user* is an id, or nothing that has one.
        """
        locale = locale or i18n.chosen_language()
        return service.start(user, claim, consent, application, provider, locale=locale)

    def refresh(self, verification: Verification) -> Verification:
        """Ask the vendor how *verification* stands and apply the answer. Commits ``db.session``.

        :raises VendorError: the vendor could not be asked; nothing has changed.
        """
        return service.refresh(verification)

    def identity_of(self, user: Any) -> Identity | None:
        """Return what we hold of *user*, or ``None``."""
        return service.identity_of(user)

    def identities_of(self, users: Iterable[Any]) -> dict[str, Identity]:
        """Return the identities of many users by user id, in one query."""
        return service.identities_of(users)

    def forget(self, user: Any) -> None:
        """Close the identity of a user who leaves. Commits ``db.session``."""
        service.forget(user)

    def erase(self, user: Any, *, admin: str | None = None, reason: str = "") -> Erased | None:
        """Erase what we and vendors hold of *user*; *admin*: None if they ask; `service.erase`."""
        identity = service.identity_of(user)
        actor = "user" if admin is None else f"admin:{admin}"
        found = service.erase(identity, actor=actor, reason=reason) if identity else None
        nudge()
        return found

    def export(self, user: Any, *, admin: str | None = None) -> dict[str, Any] | None:
        """Return what we hold of *user* as JSON values, audited; see `service.export`."""
        identity = service.identity_of(user)
        actor = "user" if admin is None else f"admin:{admin}"
        return service.export(identity, actor=actor) if identity else None


def _encryption_keys(app: Flask, settings: config.Settings) -> tuple[Key, ...]:
    if settings.encryption_keys:
        return parse_keys(settings.encryption_keys, "IDVERIFY_ENCRYPTION_KEYS")
    secret = app.config["SECRET_KEY"]
    material = secret if isinstance(secret, bytes) else str(secret).encode()
    return (Key.derive(material, "development encryption"),)


def _macs(texts: tuple[str, ...], keys: tuple[Key, ...], setting: str, purpose: str) -> Macs:
    if texts:
        return Macs(parse_keys(texts, setting), setting)
    source = f"IDVERIFY_ENCRYPTION_KEYS (from which {setting} is derived)"
    return Macs([Key.derive(key, purpose) for key in keys], source)


def _shares_one_connection(engine: Any) -> bool:
    return engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:")
