"""What every read model needs: rows by id, counts, and sealed values that may not open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Select, func, select

from ..errors import DecryptionFailed, KeyUnavailable, NotFound
from ..models import Base
from ..phrases import phrase
from ..service.sessions import session

R = TypeVar("R", bound=Base)
T = TypeVar("T")


@dataclass
class Unsealer:
    """Opens sealed attributes; what does not open is left out and remembered."""

    failed: bool = field(default=False)

    def __call__(self, read: Callable[[], T | None]) -> T | None:
        try:
            return read()
        except (KeyUnavailable, DecryptionFailed):
            self.failed = True
            return None


_MISSING = {
    "Application": phrase("There is no application with this id."),
    "CallbackRow": phrase("There is no stored callback with this id."),
    "Identity": phrase("There is no identity with this id."),
    "Link": phrase("There is no link with this id."),
    "Provider": phrase("There is no provider with this id."),
    "Verification": phrase("There is no verification with this id."),
}
_NOTHING = phrase("There is nothing with this id.")


def one(table: type[R], key: str) -> R:
    """Return one row. Raises :class:`NotFound`."""
    row: R | None = session().get(table, key)
    if row is None:
        raise NotFound(_MISSING.get(table.__name__, _NOTHING))
    return row


def number(query: Select[Any]) -> int:
    """Return the one number that *query* asks for."""
    return int(session().scalar(query) or 0)


def counted(column: Any) -> dict[str, int]:
    """Return how often each value stands in *column*."""
    found = session().execute(select(column, func.count()).group_by(column))
    return {key: count for key, count in found if key is not None}
