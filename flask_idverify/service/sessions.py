"""The host's session: ours to commit only while the host has nothing open in it."""

from __future__ import annotations

import logging
import re
from typing import Any

from sqlalchemy import TextClause, event
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, scoped_session

from .. import runtime
from ..errors import PendingChanges
from ..phrases import phrase

log = logging.getLogger("flask_idverify")

_DIRTY = "idverify.uncommitted"
_READS = re.compile(
    r"\s*(SELECT|VALUES|SHOW|PRAGMA|EXPLAIN|WITH(?!.*\b(INSERT|UPDATE|DELETE)\b))\b", re.I | re.S
)


def session() -> scoped_session[Any]:
    """Return ``db.session`` of the current app."""
    return runtime.current().db.session


def watch(sessions: scoped_session[Any]) -> None:
    """Remember on each session whether something was written and not committed yet.

    ``session.new`` and ``session.dirty`` forget what was flushed, and never knew of statements; a
    commit of ours would make the host's half-done work permanent.
    """

    @event.listens_for(sessions, "after_flush")
    def flushed(session: Session, _context: Any) -> None:
        session.info[_DIRTY] = True

    @event.listens_for(sessions, "do_orm_execute")
    def executed(state: ORMExecuteState) -> None:
        statement = state.statement
        raw = isinstance(statement, TextClause) and not _READS.match(statement.text)
        if state.is_insert or state.is_update or state.is_delete or raw:
            state.session.info[_DIRTY] = True

    @event.listens_for(sessions, "after_transaction_end")
    def ended(session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            session.info.pop(_DIRTY, None)


def require_clean() -> scoped_session[Any]:
    """Return the session if committing it commits nothing of the host.

    :raises PendingChanges: otherwise.
    """
    current = session()
    if current.new or current.dirty or current.deleted or current.info.get(_DIRTY):
        raise PendingChanges(
            phrase(
                "db.session holds uncommitted changes, which this call would commit. Call "
                "db.session.commit() (or rollback()) first: results of a vendor call must be "
                "stored at once, on their own."
            )
        )
    return current


def drop_leftovers() -> None:
    """Undo what a signal's receiver wrote and did not commit: nobody else would do it."""
    current = session()
    try:
        require_clean()
    except PendingChanges:
        current.rollback()
        log.error(
            "A receiver of a signal left uncommitted changes in db.session, which were undone. "
            "Receivers commit what they write."
        )
