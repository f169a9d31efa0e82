"""Everything sealed moves to the first key, nothing else changes, nothing is lost on the way."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, event, literal, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from flask_idverify import batches, columns, engines, inbox, key_usage, rotation, runtime
from flask_idverify.encryption import Keyring, Macs, parse_keys
from flask_idverify.errors import DatabaseBusy, DecryptionFailed, KeyUnavailable
from flask_idverify.locking import permitted
from flask_idverify.models import AuditEntry, Base, CallbackRow, Identity, OutboxRow, Verification
from tests.databases import file_uri
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import Vendor

OLD, NEW, LOST = "old:" + "A" * 43, "new:" + "B" * 43, "lost:" + "C" * 43
OWN_MACS: dict[str, Any] = {
    "IDVERIFY_AUDIT_KEYS": ["a1:" + "D" * 43],
    "IDVERIFY_FINGERPRINT_KEYS": ["f1:" + "E" * 43],
}


def use(host: Host, *keys: str, fingerprint: tuple[str, ...] = ()) -> None:
    """Give the running app other keys, as a restart with another configuration would."""
    app = host.app.extensions["idverify"]
    app.keyring = Keyring(parse_keys(keys, "IDVERIFY_ENCRYPTION_KEYS"))
    app.settings = replace(app.settings, encryption_keys=keys)
    if fingerprint:
        setting = "IDVERIFY_FINGERPRINT_KEYS"
        app.fingerprint_macs = Macs(parse_keys(fingerprint, setting), setting)


def run(host: Host, *words: str) -> Any:
    """Run ``flask idverify`` on *host*; whatever it says quotes no key and no value."""
    with host.app.app_context():
        host.db.session.remove()
    found = host.app.test_cli_runner().invoke(args=["idverify", *words])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    for secret in ("Gruber", "U7301945", *(key.split(":")[1] for key in (OLD, NEW, LOST))):
        assert secret not in found.output
    return found


@pytest.fixture
def filled(tmp_path: Path, vendor: Vendor) -> Host:
    """A host with a value in every sealed column, all under the old key."""
    host = make_host(
        SQLALCHEMY_DATABASE_URI=file_uri(tmp_path),
        IDVERIFY_ENCRYPTION_KEYS=[OLD],
        **OWN_MACS,
    )
    with host.app.app_context():
        host.add_provider(vendor.url)
        row = host.idverify.start(host.add_user("ada@example.com"), lena(), consent())
        vendor.finish(row)
        assert vendor.notification(row.vendor_reference).arrive()
        inbox.drain()
        host.db.session.refresh(row)
        assert row.status == "approved"
        row.note, row.redirect_url = "Gruber came.", "https://vendor.example/once"
        row.identity.former_user_id = "Gruber"
        entry = host.db.session.scalars(select(AuditEntry).limit(1)).one()
        note = AuditEntry.note.seal(entry, "Gruber came.")
        with permitted():
            host.db.session.execute(
                update(AuditEntry).where(AuditEntry.id == entry.id).values(note_sealed=note)
            )
        owed = OutboxRow(kind="test", subject=row.identity.subject, next_try_at=None)
        owed.payload = {"account": "U7301945"}
        host.db.session.add(owed)
        host.db.session.commit()
        host.db.session.remove()
    return host


def counted(host: Host) -> dict[str, dict[str, int]]:
    with host.app.app_context():
        return {use.place: dict(use.counts) for use in key_usage.usage()}


def everything(host: Host) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows without what is sealed."""
    found = {}
    with host.app.app_context(), host.db.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            plain = [column for column in table.c if not column.name.endswith("_sealed")]
            found[table.name] = [tuple(row) for row in connection.execute(select(*plain))]
    return found


def test_every_column_that_is_named_sealed_is_found_by_rotation() -> None:
    known = {
        f"{table.name}.{name}"
        for table, names in columns.sealed_columns(Base).items()
        for name in names
    }
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.c
        if column.name.endswith("_sealed")
    }
    assert known == named
    assert len(named) >= 12


def test_all_values_end_on_the_new_key_and_nothing_else_changes(filled: Host) -> None:
    use(filled, NEW, OLD)
    before = everything(filled)
    found = run(filled, "rotate-keys", "--batch", "1")
    assert found.exit_code == 0, found.output
    sealed = {place: keys for place, keys in counted(filled).items() if "_sealed" in place}
    assert len(sealed) >= 12
    assert all(set(keys) == {"new"} for keys in sealed.values()), sealed
    assert everything(filled) == before, "times of change included"
    use(filled, NEW)
    with filled.app.app_context():
        session = filled.db.session
        row = session.scalars(select(Verification)).one()
        assert (row.claim, row.note) == (lena(), "Gruber came.")
        assert row.identity.document is not None
        assert row.provider.client_secret == "sandbox-secret"
        assert session.scalars(select(CallbackRow)).one().body
        assert session.scalars(select(OutboxRow)).one().payload == {"account": "U7301945"}
        session.remove()


def test_second_run_writes_nothing(filled: Host) -> None:
    use(filled, NEW, OLD)
    assert run(filled, "rotate-keys").exit_code == 0
    with filled.app.app_context(), filled.db.engine.connect() as connection:
        asked = text("SELECT claim_sealed, document_sealed FROM idverify_identity")
        before = connection.execute(asked).all()
        report = rotation.rotate()
        assert report.changed == 0
        assert connection.execute(asked).all() == before


def test_stopped_run_is_taken_up_where_it_ended(
    filled: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(filled, NEW, OLD)
    with filled.app.app_context():

        def stop(_count: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(stop)
        left = key_usage.needs_rotation(key_usage.usage())
        assert left > 0
        seen: list[int] = []
        rotation.rotate(seen.append)
        assert key_usage.needs_rotation(key_usage.usage()) == 0
        assert sum(seen) == rotation.rows_to_look_at()


def test_lost_key_is_told_and_harms_nothing_else(filled: Host) -> None:
    use(filled, LOST, OLD)
    with filled.app.app_context():
        user = filled.add_user("bob@example.com")
        row = filled.idverify.start(user, lena(id_number="P1", real_name="Bob Lost"), consent())
        verification_id = row.id
        filled.db.session.remove()
    use(filled, NEW, OLD)
    found = run(filled, "rotate-keys")
    assert found.exit_code == 1
    assert "idverify_verification.claim_sealed: 1 value(s) cannot be read" in found.output
    assert "key 'lost' is missing" in found.output
    assert f"  {verification_id}" in found.output
    assert "everything else is done" in found.output
    assert "IDVERIFY_ENCRYPTION_KEYS: lost is missing: put it back" in found.output
    assert "IDVERIFY_ENCRYPTION_KEYS: old can be dropped" in found.output
    assert "unless you have just added it" in " ".join(found.output.split())
    with filled.app.app_context():
        row = filled.db.session.get_one(Verification, verification_id)
        with pytest.raises(KeyUnavailable, match="'lost'"):
            _ = row.claim
        others = filled.db.session.scalars(select(Identity).where(Identity.document_sealed != ""))
        assert others.one().claim == lena()
        filled.db.session.remove()
    use(filled, NEW, OLD, LOST)
    assert run(filled, "rotate-keys").exit_code == 0, "the key is back, nothing was lost"


def test_value_moved_to_another_row_or_column_does_not_open_after_rotation(filled: Host) -> None:
    with filled.app.app_context():
        filled.db.session.execute(
            text("UPDATE idverify_verification SET document_sealed = claim_sealed")
        )
        filled.db.session.commit()
    use(filled, NEW, OLD)
    found = run(filled, "rotate-keys")
    assert found.exit_code == 1
    assert "idverify_verification.document_sealed: 1 value(s) cannot be read" in found.output
    assert "changed, or copied from another place" in found.output
    with filled.app.app_context():
        row = filled.db.session.scalars(select(Verification)).one()
        assert row.claim == lena()
        with pytest.raises(DecryptionFailed):
            _ = row.document
        filled.db.session.remove()


def interfering(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let *act* happen once between what rotation reads and what it writes."""
    write = batches._write
    done: list[bool] = []

    def between(*arguments: Any) -> int:
        if not done:
            done.append(True)
            act()
        return write(*arguments)

    monkeypatch.setattr(batches, "_write", between)


def test_what_the_app_writes_meanwhile_wins(filled: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    use(filled, NEW, OLD)

    def edit() -> None:
        with filled.app.app_context():
            row = filled.db.session.scalars(select(Identity)).one()
            sealed = Identity.claim.seal(row, lena(real_name="Lena Huber"))
            with permitted():
                filled.db.session.execute(update(Identity).values(claim_sealed=sealed))
            filled.db.session.commit()

    with filled.app.app_context():
        filled.db.session.remove()
        # The tables go by name; identities are the first to be written after callbacks and log.
        table = Identity.__table__
        names = columns.sealed_columns(Base)[table]  # type: ignore[index]  # a Table in fact
        monkeypatch.setattr(rotation, "sealed_columns", lambda _base: {table: names})
        interfering(monkeypatch, edit)
        report = rotation.rotate()
        assert report.changed >= 1
        row = filled.db.session.scalars(select(Identity)).one()
        assert row.claim == lena(real_name="Lena Huber")
        assert str(row.document_sealed).startswith("new:"), "the other column is not forgotten"
        filled.db.session.remove()


@contextmanager
def locked(host: Host) -> Iterator[sqlite3.Connection]:
    """Hold the write lock of the host's SQLite file, which then nobody waits for by itself."""
    with host.app.app_context():
        engine = host.db.engine
        path = engine.url.database
        host.db.session.remove()
        engine.dispose()

    def impatient(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 0")

    event.listen(engine, "connect", impatient)
    holder = sqlite3.connect(str(path))
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield holder
    finally:
        holder.close()
        event.remove(engine, "connect", impatient)


@pytest.mark.sqlite("locks the file")
def test_locked_database_is_waited_for(filled: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    use(filled, NEW, OLD)
    pauses: list[float] = []
    with locked(filled) as holder:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                holder.rollback()

        monkeypatch.setattr("time.sleep", pause)
        found = run(filled, "rotate-keys")
    assert found.exit_code == 0, found.output
    assert len(pauses) >= 3


@pytest.mark.sqlite("locks the file")
def test_database_that_stays_locked_is_given_up_and_what_was_done_is_kept(
    filled: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(filled, NEW, OLD)
    monkeypatch.setattr(batches, "_PATIENCE", engines.Patience(seconds=0.2))
    with locked(filled):
        found = run(filled, "rotate-keys")
    assert found.exit_code == 1
    assert isinstance(found.exception, SystemExit)
    assert "run the command again to go on" in found.output
    assert "UPDATE" not in found.output
    assert run(filled, "rotate-keys").exit_code == 0


def test_rotation_waits_for_about_half_a_minute(
    app_context: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0

    def pause(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    def refuse() -> None:
        raise OperationalError("UPDATE x", {"new": "secret"}, Deadlock("row (Gruber)"))

    monkeypatch.setattr("time.sleep", pause)
    monkeypatch.setattr("time.monotonic", lambda: passed)
    with pytest.raises(DatabaseBusy) as caught:
        batches._patiently(refuse)
    assert 30 <= passed <= 40
    assert not re.search("secret|Gruber", str(caught.value)), "giving up names no value"


class Deadlock(Exception):
    """What PostgreSQL's driver says."""

    sqlstate = "40P01"


def test_missing_table_is_told_at_once_and_without_values(filled: Host) -> None:
    with filled.app.app_context():
        secret = "U7301945"
        asked = select(literal(secret), Table("idverify_nowhere", MetaData(), Column("id")).c.id)
        tries: list[bool] = []

        def look() -> None:
            tries.append(True)
            batches._all(filled.db.engine, asked)

        with pytest.raises(DBAPIError, match="idverify_nowhere") as caught:
            batches._patiently(look)
        assert not isinstance(caught.value, DatabaseBusy)
        assert len(tries) == 1
        assert secret not in str(caught.value)


def test_process_that_still_writes_under_the_old_key_is_told(filled: Host) -> None:
    use(filled, NEW, OLD)
    found_before = run(filled, "rotate-keys", "--status")
    assert found_before.exit_code == 1, "not everything is on the first key"
    assert re.search(r"idverify_identity.claim_sealed +old +1\b", found_before.output)
    assert "old must stay:" in found_before.output
    with filled.app.app_context():
        row = filled.db.session.scalars(select(Identity)).one()
        stale = Keyring(parse_keys([OLD], "x")).seal(b"{}", Identity.claim.context(row))

        def late(_count: int) -> None:
            with permitted(), filled.db.engine.begin() as connection:
                connection.execute(update(Identity).values(claim_sealed=stale))

        rotation.rotate(late)
        assert key_usage.needs_rotation(key_usage.usage()) == 1
        filled.db.session.remove()


def test_fingerprints_and_digests_move_to_the_new_fingerprint_key(
    filled: Host, vendor: Vendor
) -> None:
    use(filled, OLD, fingerprint=("f2:" + "F" * 43, *OWN_MACS["IDVERIFY_FINGERPRINT_KEYS"]))
    found = run(filled, "rotate-keys")
    assert found.exit_code == 0
    assert counted(filled)["idverify_identity.number_fingerprint"] == {"f2": 1}
    assert counted(filled)["idverify_callback.digest"] == {"f2": 1}
    assert "IDVERIFY_FINGERPRINT_KEYS: f1 can be dropped" in found.output
    use(filled, OLD, fingerprint=("f2:" + "F" * 43,))
    with filled.app.app_context():
        # The same papers are still found, and the same body is still stored once.
        row = filled.db.session.scalars(select(Verification)).one()
        assert vendor.notification(row.vendor_reference).arrive()
        assert len(filled.db.session.scalars(select(CallbackRow)).all()) == 1
        twin = filled.idverify.start(filled.add_user("eve@example.com"), lena(), consent())
        vendor.finish(twin)
        assert filled.idverify.refresh(twin).reasons == ["duplicate_document"]
        filled.db.session.remove()


def test_fingerprint_whose_document_is_gone_stays_and_its_key_too(filled: Host) -> None:
    with filled.app.app_context():
        with permitted():
            filled.db.session.execute(update(Identity).values(document_sealed=None))
        filled.db.session.commit()
    use(filled, OLD, fingerprint=("f2:" + "F" * 43, *OWN_MACS["IDVERIFY_FINGERPRINT_KEYS"]))
    found = run(filled, "rotate-keys")
    assert found.exit_code == 0
    assert "1 value(s) in idverify_identity.number_fingerprint stay under key f1" in found.output
    assert "IDVERIFY_FINGERPRINT_KEYS: f1 must stay" in found.output


def test_repeated_callback_is_known_under_an_older_fingerprint_key(
    filled: Host, vendor: Vendor
) -> None:
    use(filled, OLD, fingerprint=("f2:" + "F" * 43, *OWN_MACS["IDVERIFY_FINGERPRINT_KEYS"]))
    with filled.app.app_context():
        row = filled.db.session.scalars(select(Verification)).one()
        assert vendor.notification(row.vendor_reference).arrive()
        assert len(filled.db.session.scalars(select(CallbackRow)).all()) == 1
        filled.db.session.remove()


def test_body_stored_twice_under_two_keys_keeps_both_rows_and_frees_the_old_key(
    filled: Host, vendor: Vendor
) -> None:
    use(filled, OLD, fingerprint=("f2:" + "F" * 43,))
    with filled.app.app_context():
        row = filled.db.session.scalars(select(Verification)).one()
        assert vendor.notification(row.vendor_reference).arrive()
        assert len(filled.db.session.scalars(select(CallbackRow)).all()) == 2
        filled.db.session.remove()
    use(filled, OLD, fingerprint=("f2:" + "F" * 43, *OWN_MACS["IDVERIFY_FINGERPRINT_KEYS"]))
    found = run(filled, "rotate-keys")
    assert found.exit_code == 0, found.output
    assert counted(filled)["idverify_callback.digest"] == {"f2": 2}


def test_keys_that_others_derive_from_must_stay_and_can_be_carried_over(
    tmp_path: Path, vendor: Vendor
) -> None:
    uri = file_uri(tmp_path)
    host = make_host(SQLALCHEMY_DATABASE_URI=uri, IDVERIFY_ENCRYPTION_KEYS=[OLD])
    with host.app.app_context():
        host.add_provider(vendor.url)
        host.db.session.remove()
    host = make_host(tables=False, SQLALCHEMY_DATABASE_URI=uri, IDVERIFY_ENCRYPTION_KEYS=[NEW, OLD])
    found = run(host, "rotate-keys")
    assert found.exit_code == 0
    assert re.search(r"old must stay:\s.*chained with the key derived from it", found.output)
    derived = host.app.test_cli_runner().invoke(args=["idverify", "derived-keys", "audit"])
    carried = [line for line in derived.output.splitlines() if line.startswith("old:")]
    host = make_host(
        tables=False,
        SQLALCHEMY_DATABASE_URI=uri,
        IDVERIFY_ENCRYPTION_KEYS=[NEW],
        IDVERIFY_AUDIT_KEYS=["a1:" + "D" * 43, *carried],
    )
    assert run(host, "audit", "verify").exit_code == 0
    told = run(host, "rotate-keys", "--status").output
    assert "IDVERIFY_AUDIT_KEYS: old must stay" in told
    assert "is missing" not in told


def test_doctor_names_a_key_that_was_dropped_too_early(filled: Host) -> None:
    use(filled, NEW)
    found = run(filled, "doctor")
    assert found.exit_code == 1
    (told,) = [line for line in found.output.splitlines() if "encryption key 'old'" in line]
    assert "idverify_identity.claim_sealed" in told
    assert run(filled, "rotate-keys", "--status").exit_code == 1
    use(filled, NEW, OLD)
    assert "is not configured" not in run(filled, "doctor").output


def test_runtime_of_a_rotated_app_opens_old_values_until_it_ends(filled: Host) -> None:
    use(filled, NEW, OLD)
    with filled.app.app_context():
        assert filled.db.session.scalars(select(Identity)).one().claim == lena()
        assert runtime.current().keyring.current_id == "new"
        filled.db.session.remove()


def test_doctor_names_a_fingerprint_key_that_was_dropped(filled: Host) -> None:
    use(filled, OLD, fingerprint=("f2:" + "F" * 43,))
    found = run(filled, "doctor")
    assert found.exit_code == 1
    assert "fingerprint key" in found.output
    assert "idverify_identity.number_fingerprint" in found.output


def test_own_keys_set_late_are_told_how_to_carry_the_derived_ones_over(vendor: Vendor) -> None:
    host = make_host(IDVERIFY_ENCRYPTION_KEYS=[OLD])
    with host.app.app_context():
        host.add_provider(vendor.url)
        host.idverify.start(host.add_user("ada@example.com"), lena(), consent())
        host.db.session.remove()
    app = host.app.extensions["idverify"]
    own = "own:" + "A" * 43
    app.audit_macs = Macs(parse_keys([own], "IDVERIFY_AUDIT_KEYS"), "IDVERIFY_AUDIT_KEYS")
    app.settings = replace(app.settings, audit_keys=(own,))
    for command in (("doctor",), ("rotate-keys", "--status")):
        found = run(host, *command)
        assert found.exit_code == 1
        assert "derived-keys audit" in found.output
