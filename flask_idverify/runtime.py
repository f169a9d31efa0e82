"""What one app has of us: its settings, keys, registry, hooks and database. Kept on the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import current_app

from .config import Settings
from .encryption import Keyring, Macs
from .errors import ConfigurationError

if TYPE_CHECKING:
    from flask_sqlalchemy import SQLAlchemy

    from .adapters import Registry
    from .dispatch import Nudger
    from .models import Identity
    from .vendors import Vendors

EXTENSION = "idverify"


def not_a_user(given: Any) -> TypeError:
    """Return the error for something that stands where a user is expected."""
    return TypeError(
        f"Expected a user, as Flask-Login's current_user, and got {type(given).__name__}. Pass "
        "the user, not their id."
    )


def default_user_id(user: Any) -> str | None:
    """Return ``str(user.get_id())``, or ``None`` for anonymous and not yet saved users."""
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    if not hasattr(user, "get_id"):
        raise not_a_user(user)
    identifier = user.get_id()
    # Flask-Login's UserMixin turns a missing primary key into the text "None".
    return None if identifier in (None, "", "None") else str(identifier)


def nobody_is_admin() -> bool:
    """Refuse everybody: the host has not said who may enter the admin pages."""
    return False


@dataclass
class Hooks:
    """What the host tells us by decorating a function."""

    user_id: Callable[[Any], str | None] = default_user_id
    is_admin: Callable[[], bool] = nobody_is_admin
    application: Callable[[], str | None] | None = None
    claim: Callable[[Any], Mapping[str, str]] | None = None
    profile: Callable[[Identity], None] | None = None
    #: Whether columns of the host are under the lock, which a profile writer should fill.
    locks_columns: bool = False


@dataclass(eq=False)
class Runtime:
    """The state of one app; ``app.extensions["idverify"]``."""

    settings: Settings
    db: SQLAlchemy
    keyring: Keyring
    audit_macs: Macs
    fingerprint_macs: Macs
    registry: Registry
    vendors: Vendors
    hooks: Hooks
    nudger: Nudger
    #: The service's answer to :meth:`Identity.satisfies`, so that models need not import it.
    satisfies: Callable[[Identity, Any], bool]

    def __repr__(self) -> str:
        return f"<Runtime at {self.settings.external_url}>"


def current() -> Runtime:
    """Return the runtime of the current app.

    :raises ConfigurationError: when the extension was not initialised on it.
    """
    runtime = current_app.extensions.get(EXTENSION)
    if not isinstance(runtime, Runtime):
        raise ConfigurationError(
            "Flask-IDVerify is not initialised on this app: call IDVerify().init_app(app, db)."
        )
    return runtime
