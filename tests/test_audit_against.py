"""An export of earlier finds what the database alone cannot tell: that it was turned back."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flask_idverify import audit, audit_compare
from tests.erasing import identity_of, verified
from tests.hosts import Host, make_host
from tests.test_audit_export import FORMATS, ONE, SEED, TWO, export, log, public_key, run
from tests.vendor import Vendor

__all__ = ["log"]


def execute(host: Host, statement: str, **values: Any) -> Any:
    with host.app.app_context():
        found: Any = host.db.session.execute(text(statement), values)
        rows = found.all() if found.returns_rows else None
        host.db.session.commit()
    return rows


def against(host: Host, path: Path) -> Any:
    return run(host, "verify", "--against", str(path), "--public-key", public_key(host))


def turned_back(host: Host) -> None:
    """Cut an entry off, and put in a true head of an earlier day out of a backup."""
    old = execute(host, "SELECT sequence, mac FROM idverify_audit_head WHERE id = 'kept'")
    sequence, mac = old[0]
    execute(host, "DELETE FROM idverify_audit_head WHERE id = 'kept'")
    execute(host, f"DELETE FROM idverify_audit WHERE subject = '{ONE}' AND sequence > {sequence}")
    execute(
        host,
        f"UPDATE idverify_audit_head SET sequence = {sequence}, mac = :m WHERE id = '{ONE}'",
        m=mac,
    )


@pytest.fixture
def backed_up() -> Host:
    """A host like ``log``, with its first subject's head of two entries ago kept aside."""
    host = make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED)
    with host.app.app_context():
        for subject in (ONE, TWO):
            audit.begin(host.db.session, subject)
            for _ in range(3):
                audit.append(host.db.session, subject, "step", actor="system")
        host.db.session.commit()
    keep = "INSERT INTO idverify_audit_head (id, sequence, mac) SELECT 'kept', sequence, mac"
    execute(host, f"{keep} FROM idverify_audit_head WHERE id = '{ONE}'")
    with host.app.app_context():
        for _ in range(2):
            audit.append(host.db.session, ONE, "step", actor="system")
        host.db.session.commit()
    return host


@pytest.mark.parametrize("kind", FORMATS)
def test_chain_turned_back_with_a_saved_head_is_found_by_an_export(
    backed_up: Host, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"log.{kind}"
    export(backed_up, path)
    turned_back(backed_up)
    assert run(backed_up, "verify").exit_code == 0, "control: nothing in the database tells"
    found = against(backed_up, path)
    assert found.exit_code == 1
    assert f"Audit of {ONE}: entry 4 is in the export, but not in the database" in found.output
    assert "1 chain(s) no longer agree" in found.output


def whole_person(host: Host) -> None:
    for table, column in (("audit", "subject"), ("audit_head", "id")):
        execute(host, f"DELETE FROM idverify_{table} WHERE {column} = '{TWO}'")


def rewritten(host: Host) -> None:
    """As whoever has the audit keys could."""
    whole_person(host)
    with host.app.app_context():
        audit.begin(host.db.session, TWO)
        for _ in range(3):
            audit.append(host.db.session, TWO, "another step", actor="system")
        host.db.session.commit()


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (whole_person, "entry 1 is in the export, but not in the database"),
        (rewritten, "entry 1 is not the one that is in the export"),
    ],
)
@pytest.mark.parametrize("size", [2, 500])
def test_chain_that_is_gone_or_another_is_found_by_an_export(
    log: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: Callable[[Host], None],
    expected: str,
    size: int,
) -> None:
    monkeypatch.setattr(audit_compare, "PAGE", size)
    path = tmp_path / "log.jsonl"
    export(log, path)
    how(log)
    assert run(log, "verify").exit_code == 0, "control: nothing in the database tells"
    found = against(log, path)
    assert found.exit_code == 1
    assert found.output.count(f"Audit of {TWO}: {expected}") == 1


def test_log_that_grew_since_agrees_with_its_export(log: Host, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    export(log, path)
    with log.app.app_context():
        audit.append(log.db.session, ONE, "later", actor="system")
        log.db.session.commit()
    found = against(log, path)
    assert found.exit_code == 0, found.output
    assert "8 entries of 2 chains in log.jsonl, 0 chain(s) no longer agree" in found.output
    assert "9 entries, 0 broken" in found.output


def test_comparison_believes_the_key_it_was_given_and_checks_the_chains_too(
    log: Host, tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    export(log, path)
    assert run(log, "verify", "--against", str(path)).exit_code == 2
    execute(log, f"UPDATE idverify_audit SET actor = 'x' WHERE subject = '{ONE}' AND sequence = 2")
    found = against(log, path)
    assert found.exit_code == 1
    assert "entry 2 was changed" in found.output
    path.write_bytes(path.read_bytes().replace(b"admin:7", b"admin:8", 1))
    found = against(log, path)
    assert found.exit_code == 1
    assert "changed after it was signed" in found.output


def test_files_of_an_export_are_for_their_owner_alone(log: Host, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    export(log, path)
    modes = [stat.S_IMODE(file.stat().st_mode) for file in sorted(tmp_path.iterdir())]
    assert modes == [0o600, 0o600]


def test_nothing_is_not_signed_as_unchanged(tmp_path: Path, vendor: Vendor) -> None:
    host = make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED)
    path = tmp_path / "log.jsonl"
    empty = export(host, path)
    assert (empty.exit_code, "nothing to verify" in empty.output) == (1, True)
    with host.app.app_context():
        host.add_provider(vendor.url)
        user = host.add_user("lena@example.com")
        verified(host, vendor, user)
        subject = identity_of(host, user).subject
    unknown = export(host, path, "--subject", "no-such-subject")
    assert unknown.exit_code == 1
    assert "Nothing is known of subject 'no-such-subject'" in unknown.output
    for table, column in (("audit", "subject"), ("audit_head", "id")):
        execute(host, f"DELETE FROM idverify_{table} WHERE {column} = :s", s=subject)
    gone = export(host, path, "--subject", subject)
    assert gone.exit_code == 1
    assert f"The whole chain of {subject} was removed" in gone.output
    assert list(tmp_path.iterdir()) == []
