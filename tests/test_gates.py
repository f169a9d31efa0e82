"""One gate lets transactions through one after another, also where nobody has made it yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from flask_idverify.engines import retrying
from flask_idverify.models import Application, Gate
from flask_idverify.service.gates import pass_gate
from tests.faults.races import ENGINES, crowd, database
from tests.hosts import Host, make_host

CROWD = 8
ROUNDS = 5


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_passes_a_gate_that_another_holds(engine: str, tmp_path: Path) -> None:
    """Everybody reads a number and writes the next one; without the gate some would be lost."""
    with database(engine, tmp_path) as url:
        host = make_host(SQLALCHEMY_DATABASE_URI=url)

        def one_more(_index: int) -> None:
            with host.app.app_context():
                _count(host)

        for done in range(1, ROUNDS + 1):
            with host.app.app_context():
                # Nobody has been at this gate yet: all of them make it at one moment.
                host.db.session.execute(delete(Gate))
                if done == 1:
                    host.db.session.execute(
                        insert(Application).values(id="a", name="a", display_name="0")
                    )
                host.db.session.commit()
            crowd(CROWD, one_more)
            with host.app.app_context():
                assert _read(host) == done * CROWD
                (gate,) = host.db.session.scalars(select(Gate))
                assert gate.passes == CROWD
                host.db.session.remove()
        with host.app.app_context():
            host.db.engine.dispose()


@retrying
def _count(host: Host) -> None:
    session = host.db.session
    pass_gate(session, b"the number")
    number = _read(host) + 1
    session.execute(update(Application).values(display_name=str(number)))
    session.commit()


def _read(host: Host) -> int:
    return int(host.db.session.scalar(select(Application.display_name)) or 0)
