"""Every ``IDVERIFY_*`` key, declared once: name, type, default, meaning."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from . import config_values as read
from .errors import ConfigurationError
from .networks import Networks
from .types import TokenCache

PREFIX = "IDVERIFY_"


def _key(default: Any, parse: Callable[[Any], Any], meaning: str, shown: str = "") -> Any:
    return field(default=default, metadata={"parse": parse, "meaning": meaning, "shown": shown})


@dataclass(frozen=True)
class Settings:
    """The configuration of one app, checked. Secrets do not show in the repr."""

    encryption_keys: tuple[str, ...] = _key(
        (),
        read.texts,
        "Keys for encryption at rest, 32 random bytes each in url-safe base64; "
        "the first encrypts, all decrypt.",
        "required",
    )
    external_url: str = _key(
        "",
        read.external_url,
        "The public address of your app, e.g. `https://id.example.com`: "
        "callback and return URLs are built from it, never from a Host header.",
        "required",
    )
    audit_keys: tuple[str, ...] = _key(
        (),
        read.texts,
        "Keys that seal the audit log. Set your own before you ever drop an encryption key.",
        "derived from the encryption keys",
    )
    fingerprint_keys: tuple[str, ...] = _key(
        (),
        read.texts,
        "Keys of the fingerprints that find the same papers on two accounts. Set "
        "your own before you ever drop an encryption key.",
        "derived from the encryption keys",
    )
    url_prefix: str = _key("/identity", read.prefix, "Where our pages are mounted.")
    user_agent: str = _key(
        "Flask-IDVerify FlaskIDVerify/0.1",
        read.user_agent,
        "`Company Application/version`, sent to the vendor, who demands it.",
    )
    allowed_endpoints: tuple[str, ...] = _key(
        (),
        read.endpoints,
        "Further vendor hosts or base URLs that admins may enter as endpoints.",
        "none",
    )
    allow_sandbox: bool = _key(
        False,
        read.flag,
        "Admit sandboxes, plain http and ports on loopback. Never in production.",
        "only under `TESTING` or `DEBUG`",
    )
    connect_timeout: float = _key(
        5.0, read.number(0.1, 60, float), "Seconds until a connection to the vendor must stand."
    )
    read_timeout: float = _key(
        20.0, read.number(0.1, 120, float), "Seconds to wait for the vendor's answer."
    )
    dispatch: str = _key(
        "thread",
        read.choice("thread", "inline", "worker", "celery"),
        "Who processes a stored callback: a `thread` of this process, the request itself "
        "(`inline`), your Celery worker (`celery`), or only `flask idverify work` (`worker`).",
    )
    cache: TokenCache | None = _key(
        None,
        read.cache,
        "A cachelib or Flask-Caching object that shares the Platform's tokens between processes. "
        "It holds bearer tokens: keep it as private as the secret.",
        "each process has its own",
    )
    max_attempts: int = _key(
        5, read.number(1, 1000), "Attempts a user has in 24 hours, unless a link's policy says."
    )
    end_after_days: int = _key(
        7, read.number(1, 365), "Days after its link expired at which a silent attempt is ended."
    )
    callback_max_bytes: int = _key(
        65536, read.number(1024, 1048576), "Largest callback body that is read; above it: 413."
    )
    callback_networks: Networks = _key(
        (),
        read.networks,
        "Addresses that callbacks are taken from: CIDR ranges, or the vendor's lists `jumio-us`, "
        "`jumio-eu`, `jumio-sgp`. Behind a proxy, ProxyFix must be set up.",
        "any",
    )
    retention_days: tuple[tuple[str, int], ...] = _key(
        (),
        read.retention,
        "Days after which `flask idverify purge` removes personal data, by status of the attempt, "
        'e.g. `{"rejected": 90, "approved": 1825, "in_review": 180, "unmatched": 30}`, or one '
        "number for all.",
        "kept until erased",
    )
    legal_hold: Callable[[str], str | bool | None] | None = _key(
        None,
        read.function,
        "A function that takes a user's id and returns why their data must be kept (or nothing): "
        "erasure, reset and purge then refuse. Of a deleted user it is asked with the id they had.",
        "nobody",
    )
    audit_addresses: str = _key(
        "network",
        read.choice("network", "full", "none"),
        "How the audit log keeps where a request came from: its `network` (/24, IPv6 /32), the "
        "`full` address (personal data, which the log cannot forget), or `none`.",
    )
    audit_signing_key: str = _key(
        "",
        read.seed,
        "Ed25519 key that signs audit exports, 32 random bytes in url-safe base64; "
        "`flask idverify audit public-key` shows its public half.",
        "exports are refused",
    )
    display: str = _key(
        "redirect",
        read.choice("redirect", "iframe"),
        "Where the vendor's page is shown: in the tab (`redirect`), or on a page of ours "
        "(`iframe`), on small screens in the tab all the same.",
    )
    consent_wording: str = _key(
        "1",
        read.label,
        "Version of the consent wording on your start page, stored with each consent: change it "
        "whenever you change the words.",
    )
    default_application: str = _key(
        "default", read.label, "The application that users are verified for when none is named."
    )
    base_template: str = _key(
        "idverify/base.html", read.text, "The template that all our pages extend."
    )

    def __repr__(self) -> str:
        return f"<Settings at {self.external_url}{self.url_prefix}>"


@dataclass(frozen=True)
class KeyInfo:
    """One configuration key as the documentation shows it."""

    name: str
    default: str
    meaning: str


def describe() -> list[KeyInfo]:
    """Return every key with its default and meaning, in order of importance."""
    return [
        KeyInfo(
            PREFIX + item.name.upper(),
            item.metadata["shown"] or f"`{item.default}`",
            item.metadata["meaning"],
        )
        for item in fields(Settings)
    ]


def load(app: Flask) -> Settings:
    """Read and check the keys of *app*.

    :raises ConfigurationError: naming the key that is unknown, missing or malformed. Values are
        never quoted, since some are secrets.
    """
    known = {PREFIX + item.name.upper(): item for item in fields(Settings)}
    for name in app.config:
        if name.startswith(PREFIX) and name not in known:
            # Without the prefix, which would make every key look near.
            tails = {key.removeprefix(PREFIX): key for key in known}
            near = difflib.get_close_matches(name.removeprefix(PREFIX), tails, 1)
            hint = f" Did you mean {tails[near[0]]}?" if near else ""
            raise ConfigurationError(f"{name} is no configuration key of Flask-IDVerify.{hint}")
    lenient = bool(app.testing or app.debug)
    values: dict[str, Any] = {"allow_sandbox": lenient}
    for name, item in known.items():
        if app.config.get(name) is None:
            continue
        try:
            values[item.name] = item.metadata["parse"](app.config[name])
        except ValueError as error:
            raise ConfigurationError(f"{name}: {error}.") from None
    settings = Settings(**values)
    return _complete(app, settings, lenient)


def _complete(app: Flask, settings: Settings, lenient: bool) -> Settings:
    changes: dict[str, Any] = {}
    if not settings.encryption_keys and not lenient:
        raise ConfigurationError(
            "IDVERIFY_ENCRYPTION_KEYS is required. Make a key with: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))" '
            "and keep it as you keep SECRET_KEY."
        )
    if not settings.encryption_keys and not app.config.get("SECRET_KEY"):
        raise ConfigurationError(
            "Set SECRET_KEY, or IDVERIFY_ENCRYPTION_KEYS: under TESTING or DEBUG the encryption "
            "key is derived from SECRET_KEY."
        )
    if not settings.external_url:
        if not lenient:
            raise ConfigurationError(
                "IDVERIFY_EXTERNAL_URL is required: the public address of your app, e.g. "
                "https://id.example.com. A Host header must not choose where callbacks go."
            )
        changes["external_url"] = "http://localhost:5000"
    parts = urlsplit(settings.external_url)
    if parts.scheme == "http" and not settings.allow_sandbox:
        raise ConfigurationError(
            "IDVERIFY_EXTERNAL_URL must begin with https:// (http is admitted only under TESTING, "
            "DEBUG or IDVERIFY_ALLOW_SANDBOX)."
        )
    return Settings(**{**{f.name: getattr(settings, f.name) for f in fields(settings)}, **changes})


def changed_since(app: Flask, settings: Settings) -> list[str]:
    """Return the keys that were set after ``init_app``, when it was too late for them.

    :raises ConfigurationError: as :func:`load`.
    """
    now = load(app)
    return [
        PREFIX + item.name.upper()
        for item in fields(Settings)
        # A database in memory has its dispatch chosen for it.
        if item.name != "dispatch" and getattr(now, item.name) != getattr(settings, item.name)
    ]
