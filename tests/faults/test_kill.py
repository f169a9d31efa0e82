"""Whatever is killed, and whenever: nothing that was answered is lost, and nothing happens twice.

gunicorn with two workers and ``flask idverify work`` are real processes that are killed without
warning while users are being verified and the vendor drops, repeats, delays and reorders callbacks.
``IDVERIFY_TEST_SEED`` repeats the chance of a failed run, though not its timing.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.killing.crowd import Crowd
from tests.faults.killing.databases import POSTGRESQL
from tests.faults.killing.killer import Kill, Killer
from tests.faults.killing.promises import Auditor
from tests.faults.killing.stories import errands
from tests.faults.killing.world import World
from tests.figures import tell

#: Figures without which the run has shown nothing.
_NEEDED = ("callbacks answered 200", "leases reclaimed", "duplicates refused")


@pytest.mark.skipif(sys.platform != "linux", reason="finds gunicorn's children in /proc")
@pytest.mark.parametrize(
    "server",
    [pytest.param(None, id="sqlite", marks=pytest.mark.sqlite), pytest.param("", id="server")],
)
def test_nothing_is_lost_or_done_twice_while_processes_are_killed(
    server: str | None,
    volume: Callable[[int, int], int],
    seed: int,
    pytestconfig: pytest.Config,
    tmp_path: Path,
) -> None:
    rng = random.Random(seed)
    users, count = volume(60, 2000), volume(4, 24)
    url = None if server is None else pytestconfig.getoption("--database-url") or POSTGRESQL
    began = time.monotonic()
    with ExitStack() as stack:
        world = World(stack, url, tmp_path)
        world.set_up(users)
        world.service.start()
        crowd = Crowd(world.service.url, world.vendor, errands(users, rng))
        stack.callback(crowd.close)
        killer = Killer(world, crowd, count, rng)
        try:
            killer.run()
            killer.finish()
            ran = time.monotonic() - began
            world.settle(900)
        except BaseException:
            tell(f"{_table(killer.kills, {})}\n{world.service.logs()}")
            raise
        stops = [world.service.gunicorn.stop(), world.service.work.stop()]
        found = Auditor(world).check()
        figures = {
            **found.figures,
            "leases reclaimed": sum(world.ledger.reclaimed(kill.leases) for kill in killer.kills),
            "leases of the dead": sum(len(kill.leases) for kill in killer.kills),
            "seconds under fire": round(ran),
            "seconds in all": round(time.monotonic() - began),
        }
        tell(f"kill test, {url or 'SQLite'}\n{_table(killer.kills, figures)}")
        for what, times in sorted(crowd.met.items()):
            tell(f"  users met: {what:<45} {times:>6}")
        told = "\n".join(found.broken[:40]) + f"\n{world.service.logs()}"
        assert not found.broken, told
        assert stops == [0, 0], told
    assert len(killer.kills) == count
    assert all(kill.owed for kill in killer.kills), "nothing was owed at a kill"
    assert figures["leases reclaimed"] == figures["leases of the dead"]
    assert not [name for name in _NEEDED if not figures[name]]


def _table(kills: list[Kill], figures: dict[str, int]) -> str:
    lines = [
        f"  kill {number:>2}: {kill.kind:<12} rows owed {kill.owed:>4}"
        f" (callbacks {kill.callbacks:>4}, polls {kill.polls:>4})"
        + (f", leases of the dead {len(kill.leases):>2}" if kill.kind == "everything" else "")
        for number, kill in enumerate(kills, 1)
    ]
    lines += [f"  {name:<48} {value:>6}" for name, value in figures.items()]
    return "\n".join(lines)
