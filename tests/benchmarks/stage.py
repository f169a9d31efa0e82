"""What is measured: the app behind gunicorn, a worker, and a vendor in this process."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import insert, text

from flask_idverify.sandbox import SandboxServer
from tests.benchmarks.host_app import COMMITS
from tests.faults.host_app import create_app
from tests.faults.killing.processes import ROOT, Process, free_port
from tests.faults.races import database

_APP = "tests.benchmarks.host_app:make()"
_SETTINGS = "python:tests.benchmarks.gunicorn_conf"
_COMPACT = {"postgresql": "VACUUM FULL", "sqlite": "VACUUM"}
_SIZE = {
    "postgresql": "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
    "WHERE relkind = 'r' AND relname LIKE 'idverify%'",
    "mysql": "SELECT sum(data_length + index_length) FROM information_schema.tables "
    "WHERE table_schema = database() AND table_name LIKE 'idverify%'",
}


class Stage:
    """One engine, one empty database, one run."""

    def __init__(self, stack: ExitStack, url: str, folder: Path, users: int, hands: int) -> None:
        self.vendor = stack.enter_context(
            SandboxServer(allow_local_urls=True, processing_seconds=0.0)
        )
        self.users = users
        self._commits = folder / "commits"
        self._file = folder / "host.db"
        port = free_port()
        config: dict[str, Any] = {
            "SECRET_KEY": secrets.token_urlsafe(32),
            "SQLALCHEMY_DATABASE_URI": url,
            "WTF_CSRF_ENABLED": False,  # else each user would fetch a token first
            "IDVERIFY_ENCRYPTION_KEYS": [secrets.token_urlsafe(32)],
            "IDVERIFY_EXTERNAL_URL": f"http://127.0.0.1:{port}",
            "IDVERIFY_ALLOW_SANDBOX": True,
            "IDVERIFY_USER_AGENT": "ExampleCo IdentityGate/1.0",
            "IDVERIFY_DISPATCH": "worker",
        }
        self.app = create_app(**config)
        stack.callback(self._dispose)
        self._set_up()
        env = {f"KILL_{name}": json.dumps(value) for name, value in config.items()}
        own = {**os.environ, **env, "PYTHONPATH": str(ROOT), COMMITS: str(self._commits)}
        serve = ["gunicorn", _APP, "--bind", f"127.0.0.1:{port}", "--config", _SETTINGS]
        work = ["flask", "--app", _APP, "idverify", "work", "--interval", "0.2"]
        self.server = Process("gunicorn", serve, own, folder)
        self.worker = Process("work", [*work, "--concurrency", str(hands)], own, folder)
        self.port = port
        for process in (self.server, self.worker):
            stack.callback(process.stop)
            process.start()

    def _set_up(self) -> None:
        db, idverify, member = self.app.extensions["kill_test"]
        with self.app.app_context():
            db.create_all()
            db.session.execute(insert(member), [{"id": one + 1} for one in range(self.users)])
            provider = idverify.add_provider(
                name="vendor",
                type="Jumio",
                client_id="sandbox-id",
                client_secret="sandbox-secret",
                endpoint=self.vendor.url,
            )
            idverify.link(provider)
            db.session.commit()

    def _dispose(self) -> None:
        db, *_ = self.app.extensions["kill_test"]
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def number(self, statement: str) -> int:
        """Return the one number that *statement* asks for."""
        db, *_ = self.app.extensions["kill_test"]
        with self.app.app_context():
            return int(db.session.scalar(text(statement)) or 0)

    def commits(self) -> int:
        return self._commits.stat().st_size if self._commits.exists() else 0

    def cpu_seconds(self) -> float:
        """Return what gunicorn and the worker have used of the processors."""
        pids = [*self.server.family(), *self.worker.family()]
        return sum(map(_cpu_seconds, pids))

    def bytes(self) -> int:
        """Return how large our tables and their indexes are, without what is free in them."""
        db, *_ = self.app.extensions["kill_test"]
        with self.app.app_context():
            name = db.engine.dialect.name
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if name == "sqlite":
                    connection.execute(text(_COMPACT[name]))
                    connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
                    return self._file.stat().st_size
                if name == "postgresql":
                    connection.execute(text(_COMPACT[name]))
                else:
                    tables = [one for one in db.metadata.tables if one.startswith("idverify")]
                    connection.execute(text(f"OPTIMIZE TABLE {', '.join(tables)}"))
                return int(connection.scalar(text(_SIZE[name])) or 0)


@contextmanager
def stage(engine: str, folder: Path, *, users: int, hands: int) -> Iterator[Stage]:
    """Give a stage on an empty database of *engine*."""
    with ExitStack() as stack:
        url = stack.enter_context(database(engine, folder))
        made = Stage(stack, url, folder, users, hands)
        yield made


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class Line:
    """One connection that is kept, with the cookie of one user at a time."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes, str]:
        """Post; return status, body and the cookie that was set."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._http.request("POST", path, body, named)
            answer = self._http.getresponse()
        except (http.client.HTTPException, OSError):
            self._http.close()  # the server closed what was idle
            self._http.request("POST", path, body, named)
            answer = self._http.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return answer.status, answer.read(), cookie

    def close(self) -> None:
        self._http.close()


def side_by_side(port: int, lines: int, count: int, act: Callable[[Line, int], None]) -> None:
    """Have *lines* clients do pieces 0 … *count* - 1 between them."""
    numbers = iter(range(count))
    lock = threading.Lock()
    problems: list[BaseException] = []

    def work() -> None:
        line = Line(port)
        try:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None or problems:
                    return
                act(line, number)
        except BaseException as error:  # noqa: BLE001 - raised below
            problems.append(error)
        finally:
            line.close()

    threads = [threading.Thread(target=work) for _ in range(lines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def path_of(url: str) -> str:
    return urlsplit(url).path
