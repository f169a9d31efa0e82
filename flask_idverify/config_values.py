"""How configuration values are read. Each parser returns the value in its type, or raises
``ValueError`` with what was expected, and where: an element of a list is named by its place.
Values are never quoted, since some are secrets.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .networks import NAMED, Network, Networks, normal
from .states import FINAL, Status

T = TypeVar("T")

#: What the vendor told about no verification of ours.
UNMATCHED = "unmatched"


def text(value: Any) -> str:
    """Return a text without space around it."""
    if not isinstance(value, str):
        raise ValueError("expected a text")
    return value.strip()


def label(value: Any) -> str:
    """Return a text that may well be a whole number, which is taken for its digits.

    ``from_prefixed_env`` reads what it can as JSON. Of a number with a point the text is lost
    (2.10 is 2.1 by then).
    """
    if isinstance(value, float):
        raise ValueError(
            "expected a text; write a number in quotes, in the environment as '\"2.10\"'"
        )
    number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if number else text(value)


def flag(value: Any) -> bool:
    """Return a truth value, also from what an environment variable can hold."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on"):
        return True
    if isinstance(value, str) and value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("expected True or False")


def texts(value: Any) -> tuple[str, ...]:
    """Return several texts, from a list or from one text with commas or spaces."""
    if isinstance(value, str):
        # Environment variables can only hold one string.
        value = [part for part in re.split(r"[,\s]+", value) if part]
    if not isinstance(value, Iterable) or isinstance(value, (Mapping, bytes)):
        raise ValueError("expected a list of texts")
    return tuple(element(place, text, item) for place, item in enumerate(value, 1))


def element(place: int, parse: Callable[[Any], T], item: Any) -> T:
    """Return one element of a list, read by *parse*; an error names its place, from 1 on."""
    try:
        return parse(item)
    except ValueError as error:
        raise ValueError(f"element {place}: {error}") from None


def number(low: float, high: float, kind: type = int) -> Callable[[Any], Any]:
    """Return a parser of numbers from *low* to *high*."""

    def parse(value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("expected a number")
        try:
            number = kind(value)
        except (OverflowError, TypeError, ValueError):
            raise ValueError("expected a number") from None
        if isinstance(value, float) and number != value:
            raise ValueError("expected a whole number")
        if not low <= number <= high:
            raise ValueError(f"expected a number from {low:g} to {high:g}")
        return number

    return parse


def choice(*choices: str) -> Callable[[Any], str]:
    """Return a parser that takes one of *choices*."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return str(value)

    return parse


def prefix(value: Any) -> str:
    """Return a URL path without a slash at its end."""
    found = text(value).rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", found):
        raise ValueError("expected a path such as /identity")
    return found


def user_agent(value: Any) -> str:
    """Return what the vendor takes as a ``User-Agent`` (reference, 2A.1)."""
    found = text(value)
    if not re.fullmatch(r"[\w.&-]+( [\w.&-]+)* [\w.-]+/[\w.-]+", found, re.ASCII):
        raise ValueError('expected "Company Application/version", which the vendor demands')
    return found


def external_url(value: Any) -> str:
    """Return an absolute URL without query, fragment or user."""
    found = text(value).rstrip("/")
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("expected an absolute URL such as https://id.example.com")
    _ = parts.port  # raises ValueError for what is no port
    if parts.query or parts.fragment:
        raise ValueError("expected a URL without query and fragment")
    return found


_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?", re.IGNORECASE)


def endpoints(value: Any) -> tuple[str, ...]:
    """Return hosts (``*.`` in front stands for any below), hosts with a port, or base URLs."""
    found = texts(value)
    for place, item in enumerate(found, 1):
        element(place, _endpoint, item)
    return found


def _endpoint(item: str) -> str:
    if "://" in item:
        return external_url(item)
    if not _HOST.fullmatch(item):
        raise ValueError("expected a host such as id.example.com or *.example.com, or a base URL")
    return item


def seed(value: Any) -> str:
    """Return the text of a 32-byte key, checked; an empty one means none."""
    found = text(value)
    try:
        material = urlsafe_b64decode(found + "=" * (-len(found) % 4))
    except ValueError:
        material = b""
    if found and len(material) != 32:
        raise ValueError(
            "expected 32 random bytes in url-safe base64; make them with: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return found


def retention(value: Any) -> tuple[tuple[str, int], ...]:
    """Return days by status, from such a mapping, from one number for all, or from a text.

    Statuses are the final ones, and the one that waits for a person and might never end.
    """
    kinds = [*sorted(str(status.value) for status in {*FINAL, Status.in_review}), UNMATCHED]
    if isinstance(value, str):
        pairs = [part.partition("=") for part in re.split(r"[,\s]+", value) if part]
        names = [name for name, _, _ in pairs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice!r} stands there twice")
        value = value if any(not equals for _, equals, _ in pairs) else {n: d for n, _, d in pairs}
    days = number(1, 36500)
    if not isinstance(value, Mapping):
        return tuple((name, days(value)) for name in kinds)
    found = []
    for name, given in value.items():
        if str(name) not in kinds:
            raise ValueError(
                f"{str(name)!r} cannot be kept for a time; known are {', '.join(kinds)}"
            )
        try:
            found.append((str(name), days(given)))
        except ValueError as error:
            raise ValueError(f"{str(name)!r}: {error}") from None
    return tuple(found)


def networks(value: Any) -> Networks:
    """Return address ranges, each given in CIDR or as one of the named sets."""
    found: list[Network] = []
    for place, item in enumerate(texts(value), 1):
        found += element(place, _network, item)
    return tuple(dict.fromkeys(found))


def _network(item: str) -> Networks:
    try:
        return NAMED[item] if item in NAMED else (normal(ip_network(item)),)
    except ValueError:
        raise ValueError(
            "expected an address, a range such as 203.0.113.0/24 or 2001:db8::/32 (no bits set "
            f"behind its length), or {', '.join(NAMED)}"
        ) from None


def function(value: Any) -> Callable[..., Any]:
    """Return a callable as it is."""
    if not callable(value):
        raise ValueError("expected a function")
    return value  # type: ignore[no-any-return]


def cache(value: Any) -> Any:
    """Return an object with the ``get`` and ``set`` of a cachelib cache."""
    if not all(callable(getattr(value, name, None)) for name in ("get", "set")):
        raise ValueError("expected an object with get() and set(), such as cachelib.RedisCache")
    return value
