"""What the app's database owes at a moment, read from outside the app."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import scoped_session

from flask_idverify import clock
from flask_idverify.models import CallbackRow, Verification
from flask_idverify.states import Status

#: A lease: table, row, and until when.
Lease = tuple[str, str, datetime]

_OPEN = CallbackRow.processed_at.is_(None)
_UNDECIDED = Verification.status.in_((Status.created, Status.started, Status.processing))


class Ledger:
    """Looks into the database through an app of this process, which does no work itself."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def read(self, look: Callable[[scoped_session[Any]], Any]) -> Any:
        """Return what *look* finds, in a transaction of its own."""
        with self.app.app_context():
            return look(self.app.extensions["kill_test"][0].session)

    def owed(self) -> tuple[int, int]:
        """Count what is owed now: callbacks that were not processed yet, and polls that are due."""
        polls = and_(_UNDECIDED, Verification.next_poll_at <= clock.now())
        found: tuple[int, int] = self.read(
            lambda session: (self._count(session, _OPEN), self._count(session, polls))
        )
        return found

    def undone(self) -> int:
        """Count what is owed now or ever: callbacks, and attempts without an outcome."""
        found = self.read(
            lambda session: [self._count(session, what) for what in (_OPEN, _UNDECIDED)]
        )
        return sum(found)

    def leases(self) -> list[Lease]:
        """Return every row that somebody has taken and not given back."""

        def look(session: Any) -> list[Lease]:
            found: list[Lease] = []
            for model in (CallbackRow, Verification):
                taken = select(model.id, model.leased_until).where(model.leased_until > clock.now())
                found += [(model.__tablename__, *row) for row in session.execute(taken)]
            return found

        found: list[Lease] = self.read(look)
        return found

    def next_due(self) -> datetime | None:
        """Return when the next row falls due, or the lease on it ends."""

        def look(session: Any) -> datetime | None:
            moments: list[datetime | None] = []
            for due, lease, which in (
                (CallbackRow.next_try_at, CallbackRow.leased_until, _OPEN),
                (Verification.next_poll_at, Verification.leased_until, _UNDECIDED),
            ):
                for row in session.execute(select(due, lease).where(which, due.is_not(None))):
                    moments.append(max(moment for moment in row if moment is not None))
            return min((moment for moment in moments if moment is not None), default=None)

        found: datetime | None = self.read(look)
        return found

    def reclaimed(self, leases: list[Lease]) -> int:
        """Count those leases of the dead whose row somebody else has finished since."""

        def look(session: Any) -> int:
            done = 0
            for table, identifier, until in leases:
                model: Any = CallbackRow if table == CallbackRow.__tablename__ else Verification
                unfinished = _OPEN if model is CallbackRow else _UNDECIDED
                taken_over = or_(model.leased_until.is_(None), model.leased_until != until)
                done += self._count(session, and_(model.id == identifier, ~unfinished, taken_over))
            return done

        found: int = self.read(look)
        return found

    @staticmethod
    def _count(session: Any, which: Any) -> int:
        found: int | None = session.scalar(select(func.count()).where(which))
        return found or 0
