"""The Platform's OAuth token: fetched once, shared, renewed in time (reference, 2B.1)."""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ...clock import now
from ...errors import VendorError, VendorProtocolError
from ...phrases import phrase
from ...safe_json import loads
from ...types import TokenCache
from ..http import Answer
from .values import score

log = logging.getLogger("flask_idverify")

#: Renewed this many seconds before the end, but never in the last tenth only of a short life.
_EARLY = 300.0
_DEFAULT_LIFE = 3600.0
#: A token whose times make no sense (skewed clocks) serves this long before we ask again.
_LEAST_LIFE = 5.0


@dataclass(frozen=True, repr=False)
class _Token:
    value: str
    good_until: float

    def __repr__(self) -> str:
        return "<token>"


class TokenSource:
    """Hands out one token to all threads; concurrent renewals collapse into one request.

    :param ask: sends the token request and returns the vendor's answer.
    :param name: what the token belongs to (account and endpoint); hashed into the cache key.
    :param cache: shares tokens between processes. It holds bearer tokens: keep it private.
    """

    def __init__(self, ask: Callable[[], Answer], name: str, cache: TokenCache | None = None):
        self._ask = ask
        self._cache = cache
        self._key = "idverify-token-" + hashlib.sha256(name.encode()).hexdigest()
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._refused: set[str] = set()
        self._rounds = 0
        self._failure: VendorError | None = None

    def __repr__(self) -> str:
        return "<TokenSource>"

    def get(self) -> str:
        """Return a token with some life left.

        :raises VendorError: the vendor gives none.
        """
        token = self._token
        if token is not None and now().timestamp() < token.good_until:
            return token.value
        rounds = self._rounds
        with self._lock:
            token = self._token or self._shared()
            if token is not None and now().timestamp() < token.good_until:
                self._token = token
                return token.value
            if self._rounds != rounds and self._failure is not None:
                # Somebody failed while we waited; a hundred threads do not fail one by one.
                raise _again(self._failure)
            self._token, self._failure = None, None
            try:
                self._token = self._fetch()
            except VendorError as error:
                self._failure = _again(error)
                raise
            finally:
                self._rounds += 1
            return self._token.value

    def renew(self) -> None:
        """Fetch a token now, whatever there is: for a check of the credentials."""
        with self._lock:
            self._token = self._fetch()

    def drop(self, value: str) -> None:
        """Forget a token that the vendor refused; a newer one of another thread stays."""
        with self._lock:
            self._refused = {value}
            if self._token is not None and self._token.value == value:
                self._token = None

    def _shared(self) -> _Token | None:
        try:
            found = self._cache.get(self._key) if self._cache is not None else None
        except Exception as error:  # noqa: BLE001 - whatever the host's cache raises
            log.warning("IDVERIFY_CACHE could not be read: %s.", type(error).__name__)
            return None
        if not isinstance(found, Mapping):
            return None
        value, until = found.get("token"), score(found.get("good_until"))
        if not isinstance(value, str) or until is None or value in self._refused:
            return None
        return _Token(value, until)

    def _fetch(self) -> _Token:
        answer = self._ask()
        found = answer.object()
        value = found.get("access_token")
        if not isinstance(value, str) or not _is_header_safe(value):
            raise VendorProtocolError(
                phrase(
                    "The vendor's token answer holds no usable access_token; check the endpoint."
                )
            )
        life = _life(value, score(found.get("expires_in")), _date(answer.date) or now())
        # A tenth of a short life, five minutes of a long one: no loop of renewals either way.
        left = max(life - min(_EARLY, life / 10), _LEAST_LIFE if life <= 0 else 0.0)
        token = _Token(value, now().timestamp() + left)
        if self._cache is not None and left >= 1:
            kept = {"token": value, "good_until": token.good_until}
            try:
                self._cache.set(self._key, kept, timeout=int(left))
            except Exception as error:  # noqa: BLE001 - a cache only spares requests
                log.warning("IDVERIFY_CACHE could not be written: %s.", type(error).__name__)
        return token


def _life(value: str, expires_in: float | None, at_vendor: datetime) -> float:
    """Return the token's seconds to live by the vendor's own clock.

    The vendor caches tokens, so ``expires_in`` may promise more than is left; ``exp`` does not.
    """
    promised = expires_in if expires_in is not None else _DEFAULT_LIFE
    expiry = score(_claims(value).get("exp"))
    if expiry is None:
        return promised
    return min(promised, expiry - at_vendor.timestamp())


def _claims(value: str) -> Mapping[str, Any]:
    """Return the claims of a JWT, unverified: it is the vendor's business, we want its age."""
    parts = value.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _date(header: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(header or "")
    except (TypeError, ValueError, IndexError):
        return None
    return found if found.tzinfo is not None else None


def _is_header_safe(value: str) -> bool:
    return 0 < len(value) <= 16384 and value.isascii() and value.isprintable() and " " not in value


def _again(error: VendorError) -> VendorError:
    """Return a fresh copy: one exception object must not be raised by several threads."""
    return type(error)(
        error.args[0], status=error.status, detail=error.detail, retry_after=error.retry_after
    )
