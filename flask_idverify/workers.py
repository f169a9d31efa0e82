"""Workers' signs of life, and whether what is owed is being done.

The threads of ``IDVERIFY_DISPATCH = "thread"`` give none: they come with a nudge, so that having
seen one says nothing about the next poll, of which nobody is told.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from . import clock, inbox, runtime
from .engines import retrying
from .errors import PendingChanges
from .models import WorkerRow
from .service.sessions import require_clean
from .service.sessions import session as current_session

log = logging.getLogger("flask_idverify")

#: A worker is not written down more often than this.
BEAT = timedelta(seconds=20)
#: Nobody seen for so long, or a piece due for so long: something is wrong.
LATE = timedelta(minutes=5)
#: Rows of workers that died are removed after this.
_FORGOTTEN = timedelta(days=1)
#: Ours, for the ids of rows that all processes of one machine share.
_NAMESPACE = uuid.UUID("6f6d0a3e-0b8f-4c55-9a0b-3d1f6e1c7a52")


class Heartbeat:
    """The sign of life of one worker; its threads may share the object.

    :param kind: ``work`` for a process that stays, with a row of its own; ``cron`` and ``celery``
        for runs that come and go, of which each machine has one row.
    :param concurrency: how many threads it has.
    """

    def __init__(self, kind: str, concurrency: int = 1) -> None:
        host = "".join(filter(str.isprintable, socket.gethostname()))[:64]
        stays = kind == "work"
        self._id = str(uuid.uuid4() if stays else uuid.uuid5(_NAMESPACE, f"{kind}@{host}"))
        self._shared = not stays
        self._values = {"kind": kind, "host": host, "concurrency": concurrency}
        self._started = clock.now()
        self._next = self._started
        self._lock = threading.Lock()

    def beat(self) -> None:
        """Write down that the worker lives, unless that was done a moment ago.

        Needs an app context whose session holds nothing. Never raises: without its row a worker
        works as well, e.g. while the table is still to be migrated.
        """
        with self._lock:
            now = clock.now()
            if now < self._next:
                return
            self._next = now + BEAT
        try:
            self._write(now)
        except (SQLAlchemyError, PendingChanges) as error:
            # Perhaps another process of this machine has just written the row that they share.
            runtime.current().db.session.rollback()
            # Only the type: a driver's message can hold values.
            log.info("A worker's sign of life was not written: %s.", type(error).__name__)

    @retrying
    def _write(self, now: datetime) -> None:
        session = require_clean()
        known = session.scalar(select(WorkerRow.seen_at).where(WorkerRow.id == self._id))
        dead = select(WorkerRow.id).where(WorkerRow.seen_at < now - _FORGOTTEN)
        forgotten = session.scalars(dead).all()
        session.rollback()  # the first statement of a transaction is the one that writes
        if self._shared and known is not None and known > now - BEAT:
            return
        values = {**self._values, "pid": os.getpid(), "started_at": self._started, "seen_at": now}
        if known is None:
            session.execute(insert(WorkerRow).values(id=self._id, **values))
        else:
            mine = update(WorkerRow).where(WorkerRow.id == self._id)
            session.execute(_quietly(mine.values(**values)))
        for identifier in set(forgotten) - {self._id}:
            session.execute(_quietly(delete(WorkerRow).where(WorkerRow.id == identifier)))
        session.commit()

    def end(self) -> None:
        """Remove the row of a worker that ends cleanly; needs an app context."""
        try:
            self._remove()
        except (SQLAlchemyError, PendingChanges) as error:
            runtime.current().db.session.rollback()
            log.info("A worker's sign of life was not removed: %s.", type(error).__name__)

    @retrying
    def _remove(self) -> None:
        session = require_clean()
        session.execute(_quietly(delete(WorkerRow).where(WorkerRow.id == self._id)))
        session.commit()


def _quietly(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)


@dataclass(frozen=True)
class Shift:
    """Who is at work, and what waits for them.

    :ivar seen_at: the last sign of life that is kept; ``None``: there is none within a day, of a
        process that ended cleanly neither.
    :ivar kind: whose it is: ``work``, ``cron`` or ``celery``.
    :ivar alive: how many workers were seen lately.
    :ivar waiting_since: when the oldest piece fell due that nobody is doing, if it is due.
    :ivar expected: whether the dispatch leaves the work to workers, so that one must be seen.
    """

    seen_at: datetime | None
    alive: int
    waiting_since: datetime | None
    expected: bool
    kind: str | None = None

    @property
    def is_late(self) -> bool:
        """Whether something is due for longer than workers ever leave it."""
        return self.waiting_since is not None and self.waiting_since < clock.now() - LATE

    @property
    def is_missed(self) -> bool:
        """Whether there should be a worker, and none was seen lately."""
        return not self.alive and (self.expected or self.is_late)


def shift() -> Shift:
    """Return who is at work now. Only reads."""
    now = clock.now()
    session = current_session()
    lately = select(func.count()).where(WorkerRow.seen_at >= now - LATE)
    alive = int(session.scalar(lately) or 0)
    # Read as a column, not as max(): an aggregate loses the type that makes times aware.
    last = select(WorkerRow.seen_at, WorkerRow.kind).order_by(WorkerRow.seen_at.desc()).limit(1)
    seen = session.execute(last).first()
    due = inbox.earliest(session)
    if due is not None and due < now:
        due = inbox.earliest(session, after_peace=True)
    return Shift(
        seen_at=seen.seen_at if seen else None,
        alive=alive,
        waiting_since=due if due is not None and due < now else None,
        expected=runtime.current().settings.dispatch in ("worker", "celery"),
        kind=seen.kind if seen else None,
    )
