"""An exported log is signed; anybody with the public key sees every change, without our app."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shlex
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flask_idverify import audit, audit_check, audit_export, audit_walk, clock
from flask_idverify.errors import ConfigurationError
from tests.hosts import Host, lena, make_host
from tests.vendor import Vendor

SEED, OTHER_SEED = "S" * 43, "T" * 43
ONE, TWO = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
FORMATS = ["jsonl", "csv"]


@pytest.fixture
def log() -> Host:
    """A host whose log tells of two subjects, five and three steps, a day between each two."""
    host = make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED)
    with host.app.app_context(), clock.stopped():
        for subject, count in ((ONE, 5), (TWO, 3)):
            audit.begin(host.db.session, subject)
            for number in range(count):
                with clock.shifted(days=number - 10):
                    facts = {"from": str(number), "to": str(number + 1)}
                    audit.append(host.db.session, subject, "step", actor="admin:7", facts=facts)
        host.db.session.commit()
    return host


def run(host: Host, *words: str) -> Any:
    with host.app.app_context():
        host.db.session.remove()
    found = host.app.test_cli_runner().invoke(args=["idverify", "audit", *words])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert SEED not in found.output
    return found


def export(host: Host, path: Path, *words: str) -> Any:
    return run(host, "export", "--format", path.suffix[1:], "--output", str(path), *words)


def public_key(host: Host) -> str:
    return str(run(host, "public-key").output.strip())


def check(host: Host, path: Path) -> Any:
    return run(host, "verify", "--file", str(path), "--public-key", public_key(host))


def rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", FORMATS)
def test_export_holds_every_entry_and_is_signed(log: Host, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"log.{kind}"
    found = export(log, path)
    assert found.exit_code == 0, found.output
    assert "8 entries of 2 chains" in found.output
    entries = rows(path)
    assert [(row["subject"], int(row["sequence"])) for row in entries] == [
        *((ONE, number) for number in range(1, 6)),
        *((TWO, number) for number in range(1, 4)),
    ]
    assert set(entries[0]) == set(audit_export.FIELDS)
    facts = entries[1]["facts"]
    assert (json.loads(facts) if kind == "csv" else facts) == {"from": "1", "to": "2"}
    header = json.loads((tmp_path / f"log.{kind}.sig").read_text())
    assert (header["version"], header["algorithm"]) == (1, "Ed25519")
    assert (header["entries"], header["chains"], header["chains_intact"]) == (8, 2, True)
    assert header["first_at"] == entries[0]["at"]
    assert header["last_at"] == entries[4]["at"]
    told = check(log, path)
    assert told.exit_code == 0
    assert "The signature holds: 8 entries in 2 chains" in told.output


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], Any]:
    def spoil(path: Path) -> None:
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return spoil


def header(**changes: Any) -> Callable[[Path], Any]:
    def spoil(path: Path) -> None:
        beside = audit_check.signature_file(path)
        content = {**json.loads(beside.read_text()), **changes}
        beside.write_bytes(audit_check.signature_text(content))

    return spoil


def beside(change: Callable[[str], str]) -> Callable[[Path], Any]:
    """Write what was signed in other bytes."""

    def spoil(path: Path) -> None:
        file = audit_check.signature_file(path)
        file.write_text(change(file.read_text()))

    return spoil


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a byte changed": (
        lambda path: path.write_bytes(path.read_bytes().replace(b"admin:7", b"admin:8", 1)),
        "changed after it was signed",
    ),
    "a line missing": (lines(lambda all_: all_[:3] + all_[4:]), "follows number"),
    "the last line missing": (lines(lambda all_: all_[:-1]), "7 entries, 8 were signed"),
    "a line twice": (lines(lambda all_: [*all_[:3], all_[2], *all_[3:]]), "follows number"),
    "lines reordered": (
        lines(lambda all_: [*all_[:2], all_[3], all_[2], *all_[4:]]),
        "follows number",
    ),
    "chains reordered": (
        lines(lambda all_: [*all_[:-2], all_[3], *all_[-2:]]),
        "changed after it was signed",
    ),
    "a line break added": (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "changed"),
    "emptied": (lambda path: path.write_bytes(b""), "changed after it was signed"),
    "no text": (lambda path: path.write_bytes(b"\xff\xfe\x00" * 9), "changed after it was signed"),
    "signature file gone": (
        lambda path: audit_check.signature_file(path).unlink(),
        "log.* is missing",
    ),
    "signature file broken": (
        lambda path: audit_check.signature_file(path).write_text("[]"),
        "not a signature file",
    ),
    "header: entries": (header(entries=7), "its signature does not hold"),
    "header: intact": (header(chains_intact=False), "its signature does not hold"),
    "header: added": (header(comment="all is well"), "its signature does not hold"),
    "header: version": (header(version=2), "its signature does not hold"),
    "signature": (header(signature="A" * 86 + "=="), "its signature does not hold"),
    "header: a field twice": (
        beside(lambda raw: '{"chains_intact": false,' + raw[1:]),
        "not a signature file",
    ),
    "header: spaces": (beside(lambda raw: raw + " "), "not in the bytes that were written"),
    "header: order": (
        beside(lambda raw: json.dumps(dict(reversed(json.loads(raw).items())), indent=2) + "\n"),
        "not in the bytes that were written",
    ),
    "header: something far behind": (beside(lambda raw: raw + " " * 70000 + "x"), "too large"),
    "signature: letters that are skipped": (
        beside(lambda raw: raw.replace('"signature": "', '"signature": "!!!!')),
        "not in the bytes that were written",
    ),
    "file gone": (lambda path: path.unlink(), "cannot be read"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("how", SPOILT)
def test_every_change_is_seen(log: Host, tmp_path: Path, kind: str, how: str) -> None:
    path = tmp_path / f"log.{kind}"
    export(log, path)
    key = public_key(log)
    spoil, expected = SPOILT[how]
    spoil(path)
    with pytest.raises(audit_check.CheckFailed, match=expected):
        audit_check.check(path, key)


def test_another_key_is_told_and_the_key_in_the_file_is_not_believed(
    log: Host, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    forger = make_host(IDVERIFY_AUDIT_SIGNING_KEY=OTHER_SEED)
    with forger.app.app_context():
        audit.begin(forger.db.session, ONE)
        forger.db.session.commit()
    export(forger, path)
    found = run(log, "verify", "--file", str(path), "--public-key", public_key(log))
    assert found.exit_code == 1
    assert "signed with another key than the one you passed" in found.output
    refused = run(log, "verify", "--file", str(path))
    assert refused.exit_code == 2
    assert "proves nothing" in " ".join(refused.output.split())
    odd = run(log, "verify", "--file", str(path), "--public-key", "AAAA")
    assert odd.exit_code == 1
    assert "32 bytes" in odd.output


def test_signed_file_whose_entries_do_not_link_is_refused(log: Host, tmp_path: Path) -> None:
    """The holder of the signing key cannot leave entries out either."""
    path = tmp_path / "log.jsonl"
    export(log, path)
    lines(lambda all_: all_[:2] + all_[3:])(path)
    with log.app.app_context():
        key = audit_export.signing_key()
    beside = audit_check.signature_file(path)
    content = json.loads(beside.read_text())
    content |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "entries": 7}
    signature = key.sign(audit_check.signed_bytes(content))
    content["signature"] = urlsafe_b64encode(signature).decode()
    beside.write_bytes(audit_check.signature_text(content))
    with pytest.raises(audit_check.CheckFailed, match="is what was signed, but line 3: number 4"):
        audit_check.check(path, public_key(log))


@pytest.mark.parametrize("kind", FORMATS)
def test_broken_log_is_exported_and_says_so(log: Host, tmp_path: Path, kind: str) -> None:
    with log.app.app_context():
        where = f"WHERE subject = '{ONE}' AND sequence = 2"
        log.db.session.execute(text(f"DELETE FROM idverify_audit {where}"))
        log.db.session.commit()
    path = tmp_path / f"log.{kind}"
    found = export(log, path)
    assert found.exit_code == 1
    assert f"Audit of {ONE}: entry 2 was removed." in found.output
    assert len(rows(path)) == 7
    assert json.loads(audit_check.signature_file(path).read_text())["chains_intact"] is False
    told = check(log, path)
    assert told.exit_code == 1
    assert "is what was signed, but the log was broken already" in told.output
    assert "follows number 1" in told.output


@pytest.mark.parametrize("kind", FORMATS)
def test_part_of_the_time_is_exported_without_a_gap(log: Host, tmp_path: Path, kind: str) -> None:
    with clock.stopped() as now:
        since = (now - timedelta(days=9)).date().isoformat()
        until = (now - timedelta(days=8)).date().isoformat()
    path = tmp_path / f"log.{kind}"
    found = export(log, path, "--since", since, "--until", until)
    assert found.exit_code == 0
    assert [(row["subject"], int(row["sequence"])) for row in rows(path)] == [
        *((ONE, number) for number in (2, 3)),
        *((TWO, number) for number in (2, 3)),
    ]
    assert check(log, path).exit_code == 0
    assert export(log, tmp_path / f"x.{kind}", "--since", until, "--until", since).exit_code == 2
    assert export(log, tmp_path / f"x.{kind}", "--since", "yesterday").exit_code == 2
    tomorrow = (clock.now() + timedelta(days=1)).date().isoformat()
    refused = export(log, tmp_path / f"x.{kind}", "--since", tomorrow)
    assert refused.exit_code == 2, "nothing signed and empty"
    assert "lies in the future" in refused.output


def test_entry_with_a_late_clock_leaves_no_hole(tmp_path: Path) -> None:
    host = make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED)
    with host.app.app_context(), clock.stopped() as now:
        audit.begin(host.db.session, ONE)
        for days in (0, 5, 1):
            with clock.shifted(days=days - 10):
                audit.append(host.db.session, ONE, "step", actor="system")
        host.db.session.commit()
        until = (now - timedelta(days=8)).isoformat()
    path = tmp_path / "log.jsonl"
    export(host, path, "--until", until)
    assert [row["sequence"] for row in rows(path)] == [1, 2, 3]
    assert check(host, path).exit_code == 0


def test_one_subject_alone_can_be_exported(log: Host, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert export(log, path, "--subject", TWO).exit_code == 0
    assert {row["subject"] for row in rows(path)} == {TWO}
    assert check(log, path).exit_code == 0


def test_nothing_is_overwritten(log: Host, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for file in (path, audit_check.signature_file(path)):
        file.write_text("precious")
        found = export(log, path)
        assert found.exit_code == 1
        assert "exists already" in found.output
        assert file.read_text() == "precious"
        file.unlink()
    assert list(tmp_path.iterdir()) == []


def test_export_that_fails_leaves_no_half_file(
    log: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "PAGE", 2)
    with log.app.app_context():
        seen: list[int] = []

        def stop(count: int) -> None:
            seen.append(count)
            if len(seen) == 2:
                raise KeyboardInterrupt

        part = audit_export.Part()
        with pytest.raises(KeyboardInterrupt):
            audit_export.export(
                log.db.session, tmp_path / "x", "jsonl", part, tell=print, progress=stop
            )
        assert max(seen) <= 2, "it goes in pages"
    assert list(tmp_path.iterdir()) == []
    found = run(log, "export", "--output", str(tmp_path / "no" / "such.jsonl"))
    assert found.exit_code == 1
    assert "cannot be written" in found.output


def test_spreadsheet_takes_no_value_for_a_formula(tmp_path: Path) -> None:
    host = make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED)
    evil = ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "'=1"]
    with host.app.app_context():
        audit.begin(host.db.session, ONE)
        for actor in evil:
            audit.append(host.db.session, ONE, "step", actor=actor)
        host.db.session.commit()
    path = tmp_path / "log.csv"
    assert export(host, path).exit_code == 0
    assert [row["actor"] for row in rows(path)] == [f"'{actor}" for actor in evil]
    assert check(host, path).exit_code == 0


def test_signing_key_is_checked_at_start_and_needed_for_exports(host: Host, tmp_path: Path) -> None:
    for wrong in ("short", "S" * 60, "not base64 at all!"):
        with pytest.raises(ConfigurationError, match="IDVERIFY_AUDIT_SIGNING_KEY") as found:
            make_host(IDVERIFY_AUDIT_SIGNING_KEY=wrong)
        assert wrong not in str(found.value)
    for words in (("public-key",), ("export", "--output", str(tmp_path / "log.jsonl"))):
        refused = run(host, *words)
        assert refused.exit_code == 1
        assert "IDVERIFY_AUDIT_SIGNING_KEY is not set" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_export_names_nobody(tmp_path: Path, vendor: Vendor) -> None:
    host = make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED)
    with host.app.app_context():
        host.add_provider(vendor.url)
        user = host.add_user("lena.gruber@example.com", real_name="Lena Marie Gruber")
        row = host.idverify.start(user, lena())
        vendor.finish(row)
        host.idverify.refresh(row)
    for kind in FORMATS:
        path = tmp_path / f"log.{kind}"
        assert export(host, path).exit_code == 0
        raw = path.read_text().lower()
        assert "identity.verified" in raw
        for canary in ("lena", "gruber", "u7301945", "sandbox-secret", "1994"):
            assert canary not in raw


def test_checker_runs_alone(log: Host, tmp_path: Path) -> None:
    """As a file in a folder of its own, with nothing of ours and no Flask in sight."""
    path = tmp_path / "log.jsonl"
    export(log, path)
    key = public_key(log)
    program = tmp_path / "audit_check.py"
    program.write_bytes(Path(audit_check.__file__).read_bytes())
    watched = (
        "import runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n"
        "    bad = {'flask', 'sqlalchemy', 'flask_idverify', 'requests'} & set(sys.modules)\n"
        "    assert not bad, bad\n"
    )

    def checked(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", watched, str(program), *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    found = checked(str(path), "--public-key", key)
    assert (found.returncode, found.stderr) == (0, "")
    assert "The signature holds: 8 entries" in found.stdout
    path.write_bytes(path.read_bytes() + b" ")
    found = checked(str(path), "--public-key", key)
    assert found.returncode == 1
    assert "changed after it was signed" in found.stderr
    assert checked(str(path)).returncode == 2


def test_checker_runs_as_a_module(log: Host, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    export(log, path)
    command = [sys.executable, "-m", "flask_idverify.audit_check", str(path)]
    found = subprocess.run(
        [*command, "--public-key", public_key(log)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_commands_of_the_keys_page_run(
    log: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parent.parent / "docs" / "keys.md").read_text()
    blocks = re.findall(r"^ *```console\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)
    commands = [line.strip() for block in blocks for line in block.splitlines()]
    assert len(commands) == 9
    with log.app.app_context():
        log.db.session.remove()
    for command in commands:
        words = shlex.split(command.replace("KEY", public_key(log)))
        if words[0] == "python":
            made = subprocess.run([sys.executable, *words[1:]], check=False, capture_output=True)
            assert made.returncode == 0, (command, made.stderr)
        else:
            found = log.app.test_cli_runner().invoke(args=words[1:])
            assert found.exit_code == 0, (command, found.output)
