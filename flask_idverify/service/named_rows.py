"""What the forms of providers and applications have in common."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..errors import InvalidProvider
from ..models import Application, Provider
from ..phrases import phrase
from .sessions import session

UNPRINTABLE = phrase("holds characters that cannot be printed.")


def required(field: str, value: str) -> str:
    """Return *value* without surrounding space. Raises :class:`InvalidProvider`."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidProvider(field, phrase("is required."))
    if len(value.strip()) > 255:
        raise InvalidProvider(field, phrase("is longer than 255 characters."))
    if not value.isprintable():
        raise InvalidProvider(field, UNPRINTABLE)
    return value.strip()


def flush_unique(row: Provider | Application) -> None:
    """Flush *row*, refusing a taken name.

    The look beforehand spares the caller's transaction; the constraint wins the race.
    """
    taken = InvalidProvider(
        "name", phrase("%(name)s is taken; choose another.", name=repr(row.name))
    )
    table = type(row)
    with session().no_autoflush:
        other = session().scalar(select(table.id).where(table.name == row.name, table.id != row.id))
    if other is not None:
        if row in session():
            session().expire(row)
        raise taken
    session().add(row)
    try:
        session().flush()
    except IntegrityError:
        session().rollback()
        raise taken from None
