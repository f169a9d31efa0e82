"""What a failed exchange means, in words an admin can act on."""

from __future__ import annotations

import ssl
from email.utils import parsedate_to_datetime

import requests

from ..clock import now
from ..errors import (
    VendorBusy,
    VendorError,
    VendorProtocolError,
    VendorRecordMissing,
    VendorRefused,
    VendorRejectedRequest,
    VendorUnavailable,
)
from ..phrases import phrase
from ..safe_json import loads

Failure = tuple[type[VendorError], str]


def explained(error: Exception, host: str) -> Failure:
    """Return what a broken exchange means to an admin; *error*'s own text may hold anything."""
    kind: type[VendorError] = VendorUnavailable
    if isinstance(error, (requests.exceptions.SSLError, ssl.SSLError)):
        return kind, phrase(
            "No trusted TLS connection to %(host)s; check certificates, proxy and clock.", host=host
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return kind, phrase(
            "The proxy refused the way to %(host)s; check HTTPS_PROXY and NO_PROXY.", host=host
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return kind, phrase(
            "%(host)s did not accept a connection in time; check network and firewall.", host=host
        )
    if isinstance(error, (requests.Timeout, TimeoutError)):
        return kind, phrase(
            "%(host)s did not answer in time; the vendor may be slow or down.", host=host
        )
    if isinstance(error, (requests.exceptions.InvalidURL, UnicodeError)):
        return VendorRejectedRequest, phrase("The request has no valid URL; check the endpoint.")
    return kind, phrase(
        "The connection to %(host)s failed; check network, DNS and the endpoint.", host=host
    )


_ADVICE: dict[int, Failure] = {
    401: (
        VendorRefused,
        phrase(
            "it does not accept the credentials; check client id, client secret, and that "
            "the endpoint is of the region and API generation they were issued for."
        ),
    ),
    403: (
        VendorRefused,
        phrase(
            "it refuses access; check the credentials and their permissions (start, "
            "retrieve and delete), and that IDVERIFY_USER_AGENT names company and "
            "application."
        ),
    ),
    404: (
        VendorRecordMissing,
        phrase(
            "it does not know the record; it was deleted, is not there yet, or the "
            "provider's endpoint (also its region) or credentials have changed since the "
            "verification was started."
        ),
    ),
    429: (VendorBusy, phrase("its rate limit is reached; wait before the next request.")),
}


def advice(status: int) -> Failure:
    """Return the error for an HTTP status, and what the admin should do about it."""
    if status in _ADVICE:
        return _ADVICE[status]
    if status >= 500:
        return VendorUnavailable, phrase("it is out of order; try again later.")
    if status >= 400:
        return (
            VendorRejectedRequest,
            phrase(
                "it does not accept the request; its own words say why. Check the provider's "
                "options."
            ),
        )
    return (
        VendorProtocolError,
        phrase(
            "redirects are not followed, so that credentials go nowhere else; check the endpoint."
        ),
    )


def words(body: bytes) -> str:
    """Return the human part of an error body of any shape (reference, 2A.8 and 2B.9)."""
    text = body[:16384].decode("utf-8", "replace")
    try:
        found = loads(text)
    except ValueError:
        return text
    if isinstance(found, dict):
        keys = ("title", "detail", "error", "error_description", "message", "details")
        said = [found[key] for key in keys if isinstance(found.get(key), str)]
        return ": ".join(said) or text
    return text


def seconds(value: str | None) -> float | None:
    """Return a ``Retry-After`` header in seconds from now; it holds seconds or a date."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - now()).total_seconds())
