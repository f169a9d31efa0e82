"""Rows done one by one: what is wrong with one is told, and stops none of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

from ..models.base import Base
from .sessions import require_clean

log = logging.getLogger("flask_idverify")

T = TypeVar("T", bound=Base)


def singly(rows: Sequence[T], do: Callable[[T], bool]) -> int:
    """Do each row in a transaction of its own, which *do* ends; return how many were done.

    A row that cannot be written, e.g. since somebody has broken its chain in the audit log, is
    left as it is and met again at the next look.
    """
    session = require_clean()
    done = 0
    for identifier, row in [(row.id, row) for row in rows]:
        try:
            done += do(row)
        except (OperationalError, InterfaceError):
            raise  # the database is away or busy, which is no row's fault
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are done
            session.rollback()
            _tell(row.__tablename__, identifier, type(error).__name__)
    return done


@lru_cache(maxsize=1000)
def _tell(table: str, identifier: str, kind: str) -> None:
    """Log it once in a process, not at every look. Only the type: a message can hold values."""
    log.error("What is due for %s of %s raised %s; it is tried again.", identifier, table, kind)
