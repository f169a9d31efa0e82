"""Every ``IDVERIFY_*`` key, declared once: name, type, default, meaning."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from .errors import ConfigurationError

PREFIX = "IDVERIFY_"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a text")
    return value.strip()


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on"):
        return True
    if isinstance(value, str) and value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("expected True or False")


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        # Environment variables can only hold one string.
        value = [part for part in re.split(r"[,\s]+", value) if part]
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise ValueError("expected a list of texts")
    return tuple(_text(item) for item in value)


def _number(low: float, high: float, kind: type = int) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("expected a number")
        try:
            number = kind(value)
        except (TypeError, ValueError):
            raise ValueError("expected a number") from None
        if isinstance(value, float) and number != value:
            raise ValueError("expected a whole number")
        if not low <= number <= high:
            raise ValueError(f"expected a number from {low:g} to {high:g}")
        return number

    return parse


def _choice(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return str(value)

    return parse


def _prefix(value: Any) -> str:
    text = _text(value).rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise ValueError("expected a path such as /identity")
    return text


def _user_agent(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[\w.&-]+( [\w.&-]+)* [\w.-]+/[\w.-]+", text, re.ASCII):
        raise ValueError('expected "Company Application/version", which the vendor demands')
    return text


def _external_url(value: Any) -> str:
    text = _text(value).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("expected an absolute URL such as https://id.example.com")
    _ = parts.port  # raises ValueError for what is no port
    if parts.query or parts.fragment:
        raise ValueError("expected a URL without query and fragment")
    return text


def _key(default: Any, parse: Callable[[Any], Any], meaning: str, shown: str = "") -> Any:
    return field(default=default, metadata={"parse": parse, "meaning": meaning, "shown": shown})


@dataclass(frozen=True)
class Settings:
    """The configuration of one app, checked. Secrets do not show in the repr."""

    encryption_keys: tuple[str, ...] = _key(
        (),
        _texts,
        "Keys for encryption at rest, 32 random bytes each in url-safe base64; "
        "the first encrypts, all decrypt.",
        "required",
    )
    external_url: str = _key(
        "",
        _external_url,
        "The public address of your app, e.g. `https://id.example.com`: "
        "callback and return URLs are built from it, never from a Host header.",
        "required",
    )
    audit_keys: tuple[str, ...] = _key(
        (),
        _texts,
        "Keys that seal the audit log. Set your own before you ever drop an encryption key.",
        "derived from the encryption keys",
    )
    fingerprint_keys: tuple[str, ...] = _key(
        (),
        _texts,
        "Keys of the fingerprints that find the same papers on two accounts. Set "
        "your own before you ever drop an encryption key.",
        "derived from the encryption keys",
    )
    url_prefix: str = _key("/identity", _prefix, "Where our pages are mounted.")
    user_agent: str = _key(
        "Flask-IDVerify FlaskIDVerify/0.1",
        _user_agent,
        "`Company Application/version`, sent to the vendor, who demands it.",
    )
    allowed_endpoints: tuple[str, ...] = _key(
        (),
        _texts,
        "Further vendor hosts or base URLs that admins may enter as endpoints.",
        "none",
    )
    allow_sandbox: bool = _key(
        False,
        _flag,
        "Admit sandboxes, plain http and ports on loopback. Never in production.",
        "only under `TESTING` or `DEBUG`",
    )
    connect_timeout: float = _key(
        5.0, _number(0.1, 60, float), "Seconds until a connection to the vendor must stand."
    )
    read_timeout: float = _key(
        20.0, _number(0.1, 120, float), "Seconds to wait for the vendor's answer."
    )
    dispatch: str = _key(
        "thread",
        _choice("thread", "inline", "worker"),
        "Who processes a stored callback: a `thread` of this process, the request itself "
        "(`inline`), or only `flask idverify work` (`worker`).",
    )
    max_attempts: int = _key(
        5, _number(1, 1000), "Attempts a user has in 24 hours, unless a link's policy says."
    )
    end_after_days: int = _key(
        7, _number(1, 365), "Days after its link expired at which a silent attempt is ended."
    )
    callback_max_bytes: int = _key(
        65536, _number(1024, 1048576), "Largest callback body that is read; above it: 413."
    )
    consent_wording: str = _key(
        "1", _text, "Version of the consent wording on your start page, stored with each consent."
    )
    default_application: str = _key(
        "default", _text, "The application that users are verified for when none is named."
    )
    base_template: str = _key(
        "idverify/base.html", _text, "The template that all our pages extend."
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
