"""``python -m example_app`` as a person starts and stops it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]


@contextmanager
def started(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "example_app", "--instance", str(folder), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


def session() -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.headers["Accept"] = "text/html"  # as a browser: at "/" the vendor's API would answer
    return made


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_both_and_stops_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    """App and vendor answer at the printed addresses; Ctrl-C ends the process within seconds."""
    with started(tmp_path, "--port", "0", "--sandbox-port", "0") as process, session() as client:
        text = announced(process)
        bank, vendor = re.findall(r"http://127\.0\.0\.1:\d+", text)
        page = client.get(bank, timeout=10)
        assert page.status_code == 200
        assert "A bank that knows who you are" in page.text
        assert vendor in page.text
        assert client.get(vendor, timeout=10).status_code == 200
        assert "vera@alpenbank.example" in text
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - begun < 20


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A second start says which port is taken and what to do, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for option, other in (("--port", "--sandbox-port"), ("--sandbox-port", "--port")):
            with started(tmp_path, option, port, other, "0") as process:
                text, _ = process.communicate(timeout=30)
            assert process.returncode == 1
            assert port in text
            assert "--sandbox-port" in text
            assert "Traceback" not in text


def test_only_this_machine_is_served(tmp_path: Path) -> None:
    """The control addresses of the simulated vendor ask nobody who they are."""
    with started(tmp_path, "--host", "0.0.0.0") as process:
        text, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "0.0.0.0" in text
