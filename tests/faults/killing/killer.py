"""Kills parts of the app at random moments at which something is at stake."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from tests.faults.killing.crowd import Crowd
from tests.faults.killing.ledger import Lease
from tests.faults.killing.world import PAST_LEASES, World

#: A web worker; gunicorn as a whole; the worker of the inbox; everything, as in a power cut.
KINDS = ("web worker", "gunicorn", "work", "everything")
_PATIENCE = 60.0


@dataclass(frozen=True)
class Kill:
    """One kill, and what was at stake.

    :ivar callbacks: stored and not processed when it came.
    :ivar polls: due when it came.
    :ivar leases: rows that only the dead can have held; known where everybody died.
    """

    kind: str
    callbacks: int
    polls: int
    leases: list[Lease] = field(default_factory=list)

    @property
    def owed(self) -> int:
        return self.callbacks + self.polls


class Killer:
    """Kills *count* times, evenly over the crowd's errands, each kind about as often."""

    def __init__(self, world: World, crowd: Crowd, count: int, rng: random.Random) -> None:
        self.kills: list[Kill] = []
        self._world = world
        self._crowd = crowd
        self._rng = rng
        # The last kind, which tells most, comes at least once in every four.
        self._plan = [KINDS[-1 - index % len(KINDS)] for index in range(count)]
        rng.shuffle(self._plan)

    def run(self) -> None:
        """Kill, start anew, and let the leases of the dead run out; time and again."""
        for number, kind in enumerate(self._plan):
            share = (number + self._rng.random()) / (len(self._plan) + 1)
            while not self._crowd.wait(int(self._crowd.total * share), _PATIENCE * 3):
                self._pass_time()
            time.sleep(self._rng.uniform(0.0, 0.2))
            self._strike(kind)
            self._world.service.start()
            self._pass_time()

    def finish(self) -> None:
        """Let everybody come to their end who still waits."""
        while self._crowd.done < self._crowd.total:
            if not self._crowd.wait(self._crowd.total, _PATIENCE * 5):
                self._pass_time()

    def _pass_time(self) -> None:
        self._world.jump(PAST_LEASES)
        self._crowd.again()

    def _strike(self, kind: str) -> None:
        service, ledger = self._world.service, self._world.ledger
        service.require_running()
        deadline = time.monotonic() + 10
        while True:
            owed = ledger.owed()
            at_stake = any(owed) and (kind != "everything" or ledger.leases())
            if at_stake or time.monotonic() > deadline:
                break
            time.sleep(0.002)
        if kind == "web worker":
            service.gunicorn.kill_child(self._rng.randrange(8))
        elif kind == "gunicorn":
            service.gunicorn.kill()
        elif kind == "work":
            service.work.kill()
        else:
            service.kill_all()
        leases = self._left_behind() if kind == "everything" else []
        self.kills.append(Kill(kind, *owed, leases))

    def _left_behind(self) -> list[Lease]:
        """Return the leases of the dead. Their last commit may still be on its way: look twice."""
        found = self._world.ledger.leases()
        time.sleep(0.2)
        return [lease for lease in self._world.ledger.leases() if lease in found]
