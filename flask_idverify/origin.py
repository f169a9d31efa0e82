"""From where the present work was asked for, as the audit log tells it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_origin: ContextVar[str | None] = ContextVar("idverify_origin", default=None)


def current() -> str | None:
    """Return the origin, or ``None`` when nobody asked: the vendor called, or time passed."""
    return _origin.get()


@contextmanager
def working_for(origin: str | None) -> Iterator[None]:
    """Name the origin of what happens inside.

    :param origin: an address as the settings let it be kept, or ``cli``.
    """
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
