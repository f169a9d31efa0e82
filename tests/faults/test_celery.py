"""With a real Celery worker on a real Redis: what the app is told, the worker does."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import insert, select

from flask_idverify.models import CallbackRow, Verification
from flask_idverify.sandbox import SandboxServer
from tests.faults.host_app import create_app
from tests.faults.killing.processes import ROOT, Process
from tests.hosts import consent, lena, served
from tests.vendor import Vendor

REDIS = ("127.0.0.1", 6379)
PATIENCE = 60.0


def redis_url() -> str:
    """Return the broker's URL; skip loudly without it."""
    try:
        socket.create_connection(REDIS, 2).close()
    except OSError:
        pytest.skip(f"NO REDIS at {REDIS[0]}:{REDIS[1]}: Celery was not tested")
    return f"redis://{REDIS[0]}:{REDIS[1]}/9"


class World:
    """The app, a vendor, and a Celery worker in a process of its own."""

    def __init__(self, stack: ExitStack, folder: Path, dispatch: str, *, beat: bool) -> None:
        server = SandboxServer(allow_local_urls=True, processing_seconds=0.0)
        self.vendor = Vendor(stack.enter_context(server))
        self.vendor.reset()
        queue = f"idverify-{secrets.token_hex(4)}"
        config: dict[str, Any] = {
            "SECRET_KEY": secrets.token_urlsafe(32),
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/host.db",
            "IDVERIFY_ENCRYPTION_KEYS": [secrets.token_urlsafe(32)],
            "IDVERIFY_EXTERNAL_URL": "http://127.0.0.1:1",
            "IDVERIFY_ALLOW_SANDBOX": True,
            "IDVERIFY_USER_AGENT": "ExampleCo IdentityGate/1.0",
            "IDVERIFY_DISPATCH": dispatch,
        }
        broker = {"TEST_CELERY_BROKER": redis_url(), "TEST_CELERY_QUEUE": queue}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in broker.items():
                patch.setenv(name, value)
            from tests.faults.celery_app import celery_of

            self.app: Flask = create_app(**config)
            celery = celery_of(self.app)
        stack.callback(celery.close)
        self.url = stack.enter_context(served(self.app))
        self._set_up()
        env = {f"KILL_{name}": json.dumps(value) for name, value in config.items()}
        command = ["celery", "-A", "tests.faults.celery_app", "worker", "--pool", "solo"]
        command += ["--queues", queue, "--loglevel", "WARNING", "--without-mingle"]
        if beat:
            command += ["--beat", "--schedule", f"{folder}/beat"]
        own = {**os.environ, **env, **broker, "TEST_CELERY_WORKER": "1", "PYTHONPATH": str(ROOT)}
        self.worker = Process("celery", command, own, folder)
        stack.callback(self.worker.kill)
        stack.callback(self._close)
        self.worker.start()

    def _set_up(self) -> None:
        db, idverify, member = self.app.extensions["kill_test"]
        with self.app.app_context():
            db.create_all()
            db.session.execute(insert(member), [{"id": 1}])
            provider = idverify.add_provider(
                name="vendor",
                type="Jumio Platform",
                client_id="sandbox-id",
                client_secret="sandbox-secret",
                endpoint=self.vendor.url,
            )
            idverify.link(provider)
            db.session.commit()

    def told(self) -> str:
        """Have user 1's papers approved, and the vendor tell it; return the verification's id."""
        db, idverify, member = self.app.extensions["kill_test"]
        with self.app.app_context():
            row = idverify.start(db.session.get_one(member, 1), lena(), consent())
            self.vendor.finish(row)
            told = self.vendor.notification(row.vendor_reference)
            found = str(row.id)
        path = f"/identity/callbacks/{told.provider_key}/{told.key}"
        headers = {"Content-Type": told.content_type}
        answer = requests.post(self.url + path, data=told.body, headers=headers, timeout=30)
        assert answer.status_code == 200
        return found

    def wait(self, verification_id: str, wanted: str) -> None:
        """Wait until the worker has brought the verification there."""

        def status() -> str:
            return str(db.session.get_one(Verification, verification_id).status)

        db, *_ = self.app.extensions["kill_test"]
        self._see(status, wanted)

    def wait_for_nothing_owed(self) -> None:
        """Wait until no callback is owed: a commit after the one of the verdict."""

        def owed() -> int:
            rows = select(CallbackRow).where(CallbackRow.processed_at.is_(None))
            return len(db.session.scalars(rows).all())

        db, *_ = self.app.extensions["kill_test"]
        self._see(owed, 0)

    def _see(self, look: Callable[[], object], wanted: object) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with self.app.app_context():
                found = look()
            if found == wanted:
                return
            assert time.monotonic() < deadline, f"still {found}\n{self.worker.tail()}"
            time.sleep(0.1)

    def _close(self) -> None:
        db, idverify, _ = self.app.extensions["kill_test"]
        idverify.close(self.app)
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


Build = Callable[..., World]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    with ExitStack() as stack:
        yield lambda dispatch, *, beat=False: World(stack, tmp_path, dispatch, beat=beat)


def test_callback_is_processed_by_a_celery_worker(build: Build) -> None:
    world = build("celery")
    verification_id = world.told()
    world.wait(verification_id, "approved")
    world.wait_for_nothing_owed()


def test_beat_finds_what_nobody_was_told_of(build: Build) -> None:
    world = build("worker", beat=True)
    verification_id = world.told()
    world.wait(verification_id, "approved")


def test_broker_that_is_away_costs_no_callback(
    build: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = build("celery", beat=True)
    world.app.extensions["celery"].conf.broker_url = "redis://127.0.0.1:1/0"
    verification_id = world.told()
    assert "Celery could not be asked" in caplog.text
    world.wait(verification_id, "approved")
