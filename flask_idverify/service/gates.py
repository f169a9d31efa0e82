"""Making transactions about one thing follow each other, on every engine."""

from __future__ import annotations

import zlib
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError, OperationalError

from ..models import Gate

#: Few rows, so that none of them says anything about the papers that passed it.
_GATES = 32
_TRIES = 5


def pass_gate(session: Any, about: bytes) -> None:
    """Wait for whoever is at the same gate, and hold it until the transaction ends.

    Must be the first statement of its transaction: what is read afterwards is then what the one
    before has committed, also where reads repeat.

    :param about: what must not be decided twice at once; only a coarse checksum of it is used.
    """
    gate = f"gate-{zlib.crc32(about) % _GATES:02d}"
    for attempt in range(_TRIES):
        try:
            passed = session.execute(
                update(Gate)
                .where(Gate.id == gate)
                .values(passes=Gate.passes + 1)
                .execution_options(synchronize_session=False)
            )
            if passed.rowcount == 0:
                session.execute(insert(Gate).values(id=gate, passes=1))
        except (IntegrityError, OperationalError):
            # Two made the row at once, or one engine saw a deadlock in that: it is there now.
            session.rollback()
            if attempt == _TRIES - 1:
                raise
        else:
            return
