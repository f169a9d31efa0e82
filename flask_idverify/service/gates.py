"""Making transactions about one thing follow each other, on every engine."""

from __future__ import annotations

import zlib
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from ..models import Gate

#: Few rows, so that none of them says anything about the papers that passed it.
_GATES = 32


def pass_gate(session: Any, about: bytes) -> None:
    """Wait for whoever is at the same gate, and hold it until the transaction ends.

    Must be the first statement of its transaction: what is read afterwards is then what the one
    before has committed, also where reads repeat. Whoever calls is :func:`.engines.retrying`,
    which begins that transaction again when the engine refuses the gate for the moment.

    :param about: what must not be decided twice at once; only a coarse checksum of it is used.
    """
    gate = f"gate-{zlib.crc32(about) % _GATES:02d}"
    if not _pass(session, gate):
        _make(session, gate)
        if not _pass(session, gate):
            raise RuntimeError("A row of idverify_gate was deleted as soon as it was made.")


def _pass(session: Any, gate: str) -> bool:
    passed = session.execute(
        update(Gate)
        .where(Gate.id == gate)
        .values(passes=Gate.passes + 1)
        .execution_options(synchronize_session=False)
    )
    return bool(passed.rowcount == 1)


def _make(session: Any, gate: str) -> None:
    """Commit the gate's row: rolled back by one, it would be missing to those who wait for it."""
    # On some engines an UPDATE that finds nothing locks the place where the row would stand:
    # whoever inserted there now would wait for all the others that came as early.
    session.rollback()
    try:
        session.execute(insert(Gate).values(id=gate, passes=0))
        session.commit()
    except IntegrityError:
        session.rollback()  # somebody else made it at the same moment
