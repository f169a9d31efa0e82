"""Our own public addresses, as the vendor and the browser are told them."""

from __future__ import annotations

from .. import runtime
from ..models import Provider, Verification


def callback_url(provider: Provider, key: str | None = None) -> str:
    """Return the public callback address; without *key* the bare one for the vendor's portal."""
    tail = f"/{key}" if key else ""
    return f"{_public()}/callbacks/{provider.callback_key}{tail}"


def return_url(verification: Verification) -> str:
    """Return where the vendor sends the browser back to."""
    return f"{_public()}/return/{verification.id}"


def _public() -> str:
    settings = runtime.current().settings
    return f"{settings.external_url}{settings.url_prefix}"
