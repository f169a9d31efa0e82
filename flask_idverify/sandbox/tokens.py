"""Bearer tokens that look and age like the vendor's (reference 2B.1), and link tokens."""

from __future__ import annotations

import base64
import json
import math
import secrets
from datetime import datetime, timedelta
from typing import Any

from .clock import seconds

DEFAULT_LIFETIME = 3600.0


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt_like(claims: dict[str, Any]) -> str:
    """Return three base64url parts with readable claims; nobody verifies the signature."""
    header = _part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    return f"{header}.{_part(json.dumps(claims).encode())}.{_part(secrets.token_bytes(32))}"


class Tokens:
    """OAuth tokens: the same one is handed out again, with less life left."""

    def __init__(self) -> None:
        self.lifetime = DEFAULT_LIFETIME
        self._expiry: dict[str, datetime] = {}
        self._cached: str | None = None

    def issue(self, now: datetime, *, lifetime: float | None = None) -> tuple[str, int]:
        """Return a token and the whole seconds it still has; ``lifetime`` forces a fresh one."""
        cached = self._cached
        if lifetime is None and cached is not None:
            left = math.floor((self._expiry[cached] - now) / timedelta(seconds=1))
            if left >= 1:
                return cached, left
        granted = self.lifetime if lifetime is None else lifetime
        expiry = now + seconds(granted)
        claims = {
            "jti": secrets.token_hex(8),
            "iat": int(now.timestamp()),
            "exp": int(expiry.timestamp()),
        }
        token = jwt_like(claims)
        self._expiry[token] = expiry
        self._cached = token
        return token, int(granted)

    def problem(self, token: str, now: datetime) -> str | None:
        """Say what is wrong with a presented token; None means it is good."""
        expiry = self._expiry.get(token)
        if expiry is None:
            return "The access token is invalid"
        return "The access token is expired" if now >= expiry else None

    def set_lifetime(self, lifetime: float) -> None:
        """Change the life of tokens issued from now on."""
        self.lifetime = lifetime
        self._cached = None

    def revoke_all(self) -> None:
        """Make every token handed out so far worthless."""
        self._expiry.clear()
        self._cached = None
