"""What the sandbox was asked: every vendor request, without the secrets it carried."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

_SECRET = {"authorization", "cookie", "proxy-authorization"}


class Journal:
    """The last few thousand vendor requests, oldest first."""

    def __init__(self, limit: int = 5000) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=limit)

    def add(self, entry: dict[str, Any]) -> None:
        """Keep one request."""
        self._entries.append(entry)

    def entries(self) -> list[dict[str, Any]]:
        """Return copies of all entries."""
        return [dict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def without_secrets(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Copy headers; of a credential only its scheme is kept."""
    return {name: _masked(value) if name.lower() in _SECRET else value for name, value in headers}


def _masked(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space and scheme.isalpha() else "***"
