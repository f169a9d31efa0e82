"""Checks on single values of a request, worded for whoever has to mend the request."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from .countries import ALPHA3
from .errors import ApiError

# Reference 2A.3.
_LOCALES = (
    "ar bg cs da de el en en-GB es es-MX et fi fr he hr hu hy id it ja ka km ko lt ms nl no pl "
    "pt pt-BR ro ru sk sv sw th tr vi zh-CN zh-HK"
)
LOCALES = frozenset(_LOCALES.split())
_URI = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def refuse(field: str, problem: str) -> ApiError:
    """Build the 400 for one field."""
    return ApiError(400, f"{field}: {problem}")


def text(
    body: Mapping[str, Any], name: str, maximum: int, *, required: bool = False, path: str = ""
) -> str | None:
    """Return a text of 1 to ``maximum`` characters, or None when it may be missing."""
    field = f"{path}{name}"
    if body.get(name) is None:
        if required:
            raise refuse(field, "is required")
        return None
    value = body[name]
    if not isinstance(value, str):
        raise refuse(field, "must be a string")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise refuse(field, "must be valid Unicode")
    if not 1 <= len(value) <= maximum:
        raise refuse(field, f"must have 1 to {maximum} characters")
    return value


def mapping(
    body: Mapping[str, Any], name: str, *, required: bool = False, path: str = ""
) -> Mapping[str, Any]:
    """Return a nested object; an absent one reads as empty."""
    value = body.get(name)
    if value is None:
        if required:
            raise refuse(f"{path}{name}", "is required")
        return {}
    if not isinstance(value, Mapping):
        raise refuse(f"{path}{name}", "must be an object")
    return value


def country(field: str, value: object) -> str:
    """Return an alpha-3 country code."""
    if not isinstance(value, str) or value not in ALPHA3:
        raise refuse(field, "must be an ISO 3166-1 alpha-3 country code")
    return value


def locale(body: Mapping[str, Any], allowed: frozenset[str], *, path: str = "") -> str | None:
    """Return a supported locale."""
    value = text(body, "locale", 5, path=path)
    if value is not None and value not in allowed:
        raise refuse(f"{path}locale", f"unsupported: {value}")
    return value


def misplaced(body: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Refuse members that belong elsewhere (reference 9, point 7)."""
    for name, hint in names.items():
        if name in body:
            raise refuse(name, f"is not a member of this request; {hint}")


def url(
    body: Mapping[str, Any],
    name: str,
    maximum: int,
    *,
    local: bool,
    reserved: frozenset[str] = frozenset(),
    path: str = "",
) -> str | None:
    """Return a URL that keeps the rules of reference 2A.3.

    ``local`` permits http, ports, IP literals and loopback names; length, fragment and reserved
    parameters stay forbidden.
    """
    value = text(body, name, maximum, path=path)
    if value is None:
        return None
    field = f"{path}{name}"
    parts, port = _split(field, value)
    if not parts.hostname:
        raise refuse(field, "must be an absolute URL with a host")
    if "#" in value:
        raise refuse(field, "must not have a fragment")
    taken = sorted({key for key, _ in parse_qsl(parts.query, keep_blank_values=True)} & reserved)
    if taken:
        raise refuse(field, f"must not contain the reserved parameter {taken[0]}")
    if local:
        if parts.scheme not in ("http", "https"):
            raise refuse(field, "must be an http or https URL")
        return value
    if parts.scheme != "https":
        raise refuse(field, "must be an https URL")
    if port is not None or parts.netloc.endswith(":"):
        raise refuse(field, "must not name a port")
    _public_host(field, parts.hostname)
    return value


def _split(field: str, value: str) -> tuple[SplitResult, int | None]:
    problem = refuse(field, "must be an ASCII URL according to RFC 3986")
    if not value.isascii() or not _URI.fullmatch(value) or _BAD_ESCAPE.search(value):
        raise problem
    try:
        parts = urlsplit(value)
        return parts, parts.port
    except ValueError as error:
        raise problem from error


def _public_host(field: str, host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # Not an IP literal, as it should be.
        labels = host.rstrip(".").split(".")
    else:
        raise refuse(field, "must not use an IP address as host")
    if not _HOST.fullmatch(host.rstrip(".")) or len(labels) < 2 or labels[-1] == "localhost":
        raise refuse(field, "must use a public host name")
    if labels[-1].isdigit():
        raise refuse(field, "must not use an IP address as host")
