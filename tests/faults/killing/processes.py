"""The app's processes: started, killed without warning, started again, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import requests

#: The checkout, so that children import the same code and the same tests.
ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
_APP = "tests.faults.host_app:create_app()"
_SETTINGS = "python:tests.faults.killing.gunicorn_conf"


class Process:
    """One program of the app, in a process group of its own."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.starts = 0
        self._command = [sys.executable, "-m", *command]
        self._env = env
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.starts += 1
        with self._opened() as out:
            self._popen = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill the whole group at once, as a power cut would."""
        popen, self._popen = self._popen, None
        if popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait(PATIENCE)

    def kill_child(self, index: int) -> int:
        """Kill one of the children (which the parent replaces); return its id."""
        assert self._popen is not None
        deadline = time.monotonic() + PATIENCE
        while not (children := self._children()):
            assert time.monotonic() < deadline, f"{self.name} has no children"
            time.sleep(0.02)
        pid = children[index % len(children)]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> int | None:
        """Ask to end, as a service manager does; return the exit code, or ``None`` after a kill."""
        if self._popen is None:
            return None
        os.kill(self._popen.pid, signal.SIGTERM)
        try:
            return self._popen.wait(20)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()  # leaves nothing of the group alive

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def tail(self, lines: int = 60) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"-- {self.name} --\n" + "\n".join(text.splitlines()[-lines:])

    def family(self) -> list[int]:
        """Return the ids of the process and of its children."""
        assert self._popen is not None
        return [self._popen.pid, *self._children()]

    def _opened(self) -> IO[bytes]:
        return self.log.open("ab")

    def _children(self) -> list[int]:
        assert self._popen is not None
        pid = self._popen.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Service:
    """gunicorn with two workers, and one ``flask idverify work``."""

    def __init__(self, port: int, env: dict[str, str], folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        own = {**os.environ, **env, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        serve = [_APP, "--bind", f"127.0.0.1:{port}", "--config", _SETTINGS]
        self.gunicorn = Process("gunicorn", ["gunicorn", *serve], own, folder)
        work = ["flask", "--app", _APP, "idverify", "work", "--interval", "0.5"]
        self.work = Process("work", work, own, folder)

    def start(self) -> None:
        """Start whatever does not run, and wait until the app answers."""
        for process in (self.gunicorn, self.work):
            if not process.is_running:
                process.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if requests.get(f"{self.url}/ready", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                pass
            self.require_running()
            assert time.monotonic() < deadline, f"the app never answered\n{self.gunicorn.tail()}"
            time.sleep(0.05)

    def require_running(self) -> None:
        """Fail if one of them has ended by itself: here nothing ends but by a kill."""
        for process in (self.gunicorn, self.work):
            assert process.is_running, f"{process.name} ended by itself\n{process.tail()}"

    def kill_all(self) -> None:
        self.gunicorn.kill()
        self.work.kill()

    def logs(self) -> str:
        return f"{self.gunicorn.tail()}\n{self.work.tail()}"


def free_port() -> int:
    """Return a free port below the ephemeral range: nobody takes it while the app is down."""
    start = 20000 + os.getpid() % 10000
    ports: list[int] = [*range(start, 30000), *range(20000, start)]
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 20000 and 30000")
