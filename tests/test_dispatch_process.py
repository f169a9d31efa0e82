"""The hands of a process at its two edges: a fork, and its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flask_idverify import inbox
from tests.hosts import Host, lena
from tests.vendor import Vendor, owed

ROOT = Path(__file__).parent.parent
_BEGIN = """
import os, sys, threading, time
from pathlib import Path
from flask_idverify import dispatch, inbox
from tests.hosts import make_host

folder = Path(sys.argv[1])
host = make_host(SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/host.db", IDVERIFY_DISPATCH="thread")
looked, hold = threading.Event(), threading.Event()


def drain(until):
    looked.set()
    hold.wait(60)
    return 0


inbox.drain = drain
inbox.next_due = lambda: None
context = host.app.app_context()
context.push()
"""
_FORK = """
for _ in range(dispatch.HANDS):
    dispatch.nudge()
assert looked.wait(10)
looked.clear()
child = os.fork()
if child == 0:
    # All four are the parent's, and busy; none of them is here.
    hold = threading.Event()
    hold.set()
    dispatch.nudge()
    os._exit(0 if looked.wait(10) else 1)
_, status = os.waitpid(child, 0)
hold.set()
sys.exit(os.waitstatus_to_exitcode(status))
"""
_END = """
dispatch._EXIT_SECONDS = 0.3
dispatch.nudge()
assert looked.wait(10)
print("ends", flush=True)
"""


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", _BEGIN + script, str(folder)]
    return subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_child_begins_with_hands_of_its_own(tmp_path: Path) -> None:
    """As gunicorn --preload does, while the parent's hands are all busy."""
    done = run(tmp_path, _FORK)
    assert done.returncode == 0, done.stderr


def test_process_ends_soon_though_the_vendor_does_not_answer(tmp_path: Path) -> None:
    done = run(tmp_path, _END)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ends\n"
    assert "Traceback" not in done.stderr


def test_told_to_end_the_inbox_ends_after_the_piece_at_hand(host: Host, vendor: Vendor) -> None:
    with host.app.app_context():
        host.add_provider(vendor.url)
        for number in range(4):
            user = host.add_user(f"{number}@example.com")
            row = host.idverify.start(user, lena(id_number=f"U73019{number:02d}"))
            vendor.finish(row, "fraud")
            assert vendor.notification(row.vendor_reference).arrive()
        assert inbox.drain(until=lambda: len(vendor.asked("details")) >= 2) == 2
        assert owed(host) == 2
        assert inbox.drain() == 2
