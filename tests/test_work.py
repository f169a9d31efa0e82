"""``flask idverify work``: side by side, each piece once, and a clean end."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from flask_idverify.models import AuditEntry, Verification
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("hands", ["1", "4"])
def test_hands_side_by_side_do_each_piece_once(file_host: Host, vendor: Vendor, hands: str) -> None:
    with file_host.app.app_context():
        file_host.add_provider(vendor.url)
        for number in range(12):
            user = file_host.add_user(f"{number}@example.com")
            row = file_host.idverify.start(user, lena(id_number=f"U73019{number:02d}"), consent())
            vendor.finish(row, "fraud")
            assert vendor.notification(row.vendor_reference).arrive()
        file_host.db.session.remove()
    command = ["idverify", "work", "--once", "--concurrency", hands]
    answer = file_host.app.test_cli_runner().invoke(args=command)
    assert answer.exit_code == 0, answer.output
    assert answer.output.count("done: ") == int(hands)
    with file_host.app.app_context():
        ends = file_host.db.session.scalars(select(Verification.status)).all()
        assert set(map(str, ends)) == {"rejected"}
        rejected = select(AuditEntry).where(AuditEntry.action == "verification.rejected")
        entries = file_host.db.session.scalars(rejected).all()
        assert len(entries) == 12
        assert {entry.origin for entry in entries} == {None}, "nobody asked for it"
        file_host.db.session.remove()
    assert len(vendor.asked("details")) == 12


def test_asked_to_end_it_ends_cleanly(tmp_path: Path) -> None:
    config = {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/host.db",
        "IDVERIFY_ENCRYPTION_KEYS": [secrets.token_urlsafe(32)],
        "IDVERIFY_EXTERNAL_URL": "https://id.example.com",
    }
    env = {**os.environ, **{f"KILL_{name}": json.dumps(value) for name, value in config.items()}}
    command = [sys.executable, "-m", "flask", "--app", "tests.faults.host_app:create_app()"]
    command += ["idverify", "work", "--concurrency", "3", "--interval", "0.1"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        assert "at work: 3 thread(s)" in process.stdout.readline()
        # Without tables every look fails, and says so: all three are at work then.
        said = [process.stdout.readline() for _ in range(3)]
        assert all("failed: Missing in the database: idverify_" in line for line in said), said
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0, rest
        assert time.monotonic() - begun < 50
        assert "Traceback" not in rest
        assert rest.endswith(" ended.\n")
