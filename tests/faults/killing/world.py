"""Everything together: vendor, database, processes, clock, and an app to look into the tables."""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from flask_idverify import clock
from flask_idverify.sandbox import SandboxServer
from tests.faults.host_app import create_app
from tests.faults.killing.databases import database
from tests.faults.killing.ledger import Ledger
from tests.faults.killing.processes import Service, free_port
from tests.faults.killing.shared_clock import SharedClock

#: Longer than any lease.
PAST_LEASES = 130.0


class World:
    """Built on *stack*, which takes everything down again, whatever happened."""

    def __init__(self, stack: ExitStack, server: str | None, folder: Path) -> None:
        self.vendor = SandboxServer(allow_local_urls=True, processing_seconds=0.0, latency=0.03)
        stack.enter_context(self.vendor)
        url = stack.enter_context(database(server, folder))
        self.clock = SharedClock(folder / "clock")
        stack.callback(self.clock.close)
        port = free_port()
        config: dict[str, Any] = {
            "SECRET_KEY": secrets.token_urlsafe(32),
            "SQLALCHEMY_DATABASE_URI": url,
            "IDVERIFY_ENCRYPTION_KEYS": [secrets.token_urlsafe(32)],
            "IDVERIFY_EXTERNAL_URL": f"http://127.0.0.1:{port}",
            "IDVERIFY_ALLOW_SANDBOX": True,
            "IDVERIFY_USER_AGENT": "ExampleCo IdentityGate/1.0",
        }
        children = {"CLOCK": str(self.clock.path), "OWNER": os.getpid(), **config}
        env = {f"KILL_{name}": json.dumps(value) for name, value in children.items()}
        self.service = Service(port, env, folder)
        stack.callback(self.service.kill_all)
        # Looks on, and does none of the work.
        self.app = create_app(**config, IDVERIFY_DISPATCH="worker")
        stack.callback(self._close_app)
        self.ledger = Ledger(self.app)

    def set_up(self, users: int) -> None:
        """Make tables, users and one provider of each generation."""
        db, idverify, member = self.app.extensions["kill_test"]
        with self.app.app_context():
            db.create_all()
            db.session.execute(insert(member), [{"id": one + 1} for one in range(users)])
            for name, kind in (("default", "Jumio"), ("platform", "Jumio Platform")):
                provider = idverify.add_provider(
                    name=f"{kind} account",
                    type=kind,
                    client_id="sandbox-id",
                    client_secret="sandbox-secret",
                    endpoint=self.vendor.url,
                )
                idverify.link(provider, name)
            db.session.commit()

    def jump(self, seconds: float) -> None:
        """Let time pass for the vendor and for every process of ours."""
        self.vendor.sandbox.advance(seconds)
        self.clock.jump(seconds)

    def settle(self, seconds: float) -> None:
        """Work on until nothing is owed any more: what falls due later falls due now.

        :raises AssertionError: after *seconds*, with what the processes said.
        """
        deadline = time.monotonic() + seconds
        self.jump(PAST_LEASES)  # callbacks that the vendor has delayed come now
        while self.ledger.undone() or not self.vendor.sandbox.settle(5)["settled"]:
            assert time.monotonic() < deadline, (
                f"{self.ledger.undone()} rows are still owed\n{self.service.logs()}"
            )
            due = self.ledger.next_due()
            if due is None:
                # Nothing is scheduled: an attempt that lost its process, or a silent one.
                self.jump(3700)
            elif (wait := (due - clock.now()).total_seconds()) > 0:
                self.jump(wait + 1)
            time.sleep(0.3)

    def _close_app(self) -> None:
        db, idverify, _ = self.app.extensions["kill_test"]
        idverify.close(self.app)
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
