"""Where credentials may be sent: the rules for a provider's endpoint. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import InvalidProvider
from ..phrases import phrase

# ASCII labels only; a non-ASCII host must arrive in Punycode, so that what is shown is what is met.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# URL parsers of other languages read 127.1 or 0x7f.1 as addresses: a number may not end a name.
_NUMERIC_END = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_BARE = re.compile(r"[a-z]+-[0-9]{1,2}")


class _Base(NamedTuple):
    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def text(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}://{host}{port}{self.path}"


def check_endpoint(
    endpoint: str, *, vendor_hosts: Iterable[str], allowed: Iterable[str], allow_sandbox: bool
) -> str:
    """Return *endpoint* normalised, without a trailing slash, if credentials may go there.

    Admitted are https and a vendor host; https and what *allowed* names (hosts, ``*.``-patterns,
    or base URLs, with the port if there is one); and, with *allow_sandbox*, loopback over http
    or https, IP addresses over https, and any port. A bare data centre such as ``amer-1`` is read
    as ``https://amer-1.jumio.ai`` when the vendor has that host (reference, section 1).

    Call it when an endpoint is saved and again when it is used: the rules may have become
    stricter in between.

    :raises InvalidProvider: for the field ``endpoint``, saying what is expected.
    """
    vendor = tuple(vendor_hosts)
    base = _parse(_expanded(endpoint, vendor))
    loopback = _is_loopback(base.host)
    if base.scheme == "http" and loopback and not allow_sandbox:
        raise _refused(
            phrase(
                "plain http on this machine leads to a sandbox, and this app admits none. Run it "
                "with FLASK_DEBUG=1, or set IDVERIFY_ALLOW_SANDBOX."
            )
        )
    if base.scheme == "http" and not loopback:
        raise _refused(
            phrase("expected https://; plain http is for sandboxes on this machine only.")
        )
    if loopback and allow_sandbox:
        return base.text
    if _is_vendor(base.host, vendor):
        if base.port is not None and not allow_sandbox:
            raise _refused(phrase("expected the vendor's host without a port."))
        if base.path:
            raise _refused(
                phrase(
                    "expected the base only, %(text)s, no path.", text=base._replace(path="").text
                )
            )
        return base.text
    if any(_admits(entry, base, any_port=allow_sandbox) for entry in allowed):
        return base.text
    if host_is_address(base.host) and allow_sandbox:
        return base.text
    raise _refused(
        phrase(
            "%(host)s is not a host of this vendor; expected https:// and one of "
            "%(vendor)s. Other hosts are named in IDVERIFY_ALLOWED_ENDPOINTS.",
            host=base.host,
            vendor=", ".join(vendor),
        )
    )


def _refused(message: str) -> InvalidProvider:
    return InvalidProvider("endpoint", message)


def _expanded(endpoint: str, vendor: tuple[str, ...]) -> str:
    """Return the URL that a bare data centre or a bare host name stands for."""
    text = endpoint.strip() if isinstance(endpoint, str) else ""
    if not text:
        raise _refused(phrase("is missing; expected a URL such as https://host."))
    bare = text.lower()
    if _BARE.fullmatch(bare):
        for host in vendor:
            if not host.startswith("*") and host.startswith(f"{bare}."):
                return f"https://{host}"
    if _is_vendor(bare, vendor):
        return f"https://{bare}"
    return text


def _parse(text: str) -> _Base:
    if not text.isascii() or not text.isprintable() or any(mark in text for mark in '\\ "<>^`{|}%'):
        raise _refused(
            phrase("holds characters a base URL cannot have; write foreign names in Punycode.")
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _refused(phrase("is no URL; expected something like https://host.")) from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise _refused(phrase("expected a URL such as https://host."))
    if "@" in parts.netloc:
        raise _refused(phrase("must not hold a user name or password; they have their own fields."))
    if "?" in text or "#" in text:
        raise _refused(phrase("must not hold a query or a fragment."))
    if parts.netloc.endswith(":") or port == 0:
        raise _refused(phrase("holds no usable port."))
    host = parts.hostname.lower()
    if not host_is_address(host) and (not _is_name(host) or "[" in parts.netloc):
        raise _refused(phrase("holds no valid host name."))
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path):
        raise _refused(phrase("holds a path that cannot be used; expected the base URL only."))
    usual = {"https": 443, "http": 80}[parts.scheme]
    return _Base(parts.scheme, host, None if port == usual else port, path)


def _is_name(host: str) -> bool:
    return len(host) <= 253 and bool(_NAME.fullmatch(host)) and not _NUMERIC_END.search(host)


def host_is_address(host: str) -> bool:
    """Whether a host is an IP address in its usual spelling."""
    try:
        # A zone id (fe80::1%eth0) is refused before, by its percent sign.
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    # An IPv4-mapped address counts as loopback on some Pythons only: not here.
    return host_is_address(host) and ip_address(host).is_loopback and "ffff" not in host


def _is_vendor(host: str, vendor: Iterable[str]) -> bool:
    return any(_matches(host, pattern.lower()) for pattern in vendor)


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and _is_name(host)
    return host == pattern


def _admits(entry: str, base: _Base, *, any_port: bool) -> bool:
    """Whether one allowed host or base URL covers *base*."""
    if "://" in entry:
        try:
            wanted = _parse(entry.strip())
        except InvalidProvider:
            return False  # the configuration names and refuses it at start-up
        below = base.path == wanted.path or base.path.startswith(f"{wanted.path}/")
        return base[:3] == wanted[:3] and below
    host, _, port = entry.strip().lower().partition(":")
    if not _matches(base.host, host):
        return False
    return any_port or str(base.port or "") == ("" if port == "443" else port)
