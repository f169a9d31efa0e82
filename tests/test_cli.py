"""The command line does what it says, fails with a sentence, and shows no secret."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from flask_idverify import clock
from flask_idverify.models import AuditEntry, Identity, Link, Provider, Verification
from flask_idverify.sandbox import program
from flask_idverify.states import Standing, Status
from tests.databases import file_uri
from tests.hosts import Host, lena, make_host
from tests.vendor import PLATFORM, V4, Vendor

SECRET = "hunter2-client-secret"


class Shell:
    """Runs ``flask idverify …`` on one host."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def run(self, *words: str, **values: Any) -> Any:
        found = self.host.app.test_cli_runner().invoke(args=["idverify", *words], **values)
        assert SECRET not in found.output
        assert "Traceback" not in found.output
        assert found.exception is None or isinstance(found.exception, SystemExit)
        return found


@pytest.fixture
def shell(host: Host) -> Shell:
    return Shell(host)


def add(shell: Shell, endpoint: str, *words: str, **values: Any) -> Any:
    return shell.run(
        *("provider", "add", "--name", "main", "--type", V4, "--client-id", "sandbox-id"),
        *("--endpoint", endpoint, *words),
        **values,
    )


def test_secret_is_asked_for_and_never_echoed(shell: Shell, vendor: Vendor) -> None:
    found = add(shell, vendor.url, "--option", "workflow_id=100", input=f"{SECRET}\n")
    assert found.exit_code == 0
    assert "Added provider 'main'" in found.output
    assert "https://id.example.com/identity/callbacks/" in found.output
    listed = shell.run("provider", "list")
    assert listed.output.splitlines() == [
        "name\ttype\tendpoint\tstate\tcalls\tlinks",
        f"main\tJumio\t{vendor.url}\tenabled\t0 calls today\tnot linked",
    ]
    with shell.host.app.app_context():
        row = shell.host.db.session.scalars(select(Provider)).one()
        assert row.client_secret == SECRET
        assert row.options["workflow_id"] == "100"
        entry = shell.host.db.session.scalars(select(AuditEntry)).one()
        assert (entry.actor, entry.action) == ("cli", "provider.added")


def test_unknown_callback_is_named_in_plain_words(shell: Shell) -> None:
    found = shell.run("replay", "nope")
    assert found.exit_code == 1
    assert "There is no stored callback with this id." in found.output


def test_secret_may_come_from_the_environment(shell: Shell, vendor: Vendor) -> None:
    assert add(shell, vendor.url, env={"IDVERIFY_CLIENT_SECRET": SECRET}).exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--option", "workflow_id"), "expected name=value"),
        (("--option", "workflow_id=999"), "workflow_id"),
        (("--option", "colour=red"), "colour: is no option"),
        (("--type", "Onfido"), "type: expected one of Jumio"),
        (("--endpoint", "https://attacker.example"), "endpoint"),
        (("--name", " "), "name: is required"),
        (("--type", PLATFORM), "add --option workflow_key=…"),
        (("--type", PLATFORM, "--option", "workflow_key= "), "workflow_key: is required"),
    ],
)
def test_wrong_provider_is_refused_with_a_sentence(
    shell: Shell, vendor: Vendor, words: tuple[str, ...], told: str
) -> None:
    found = add(shell, vendor.url, "--client-secret", SECRET, *words)
    assert found.exit_code == 1
    assert found.output.startswith("Error: ")
    assert told in found.output
    with shell.host.app.app_context():
        assert shell.host.db.session.scalars(select(Provider)).all() == []


def entries(shell: Shell, action: str) -> list[AuditEntry]:
    found = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.at)
    return list(shell.host.db.session.scalars(found))


def test_provider_is_changed_where_it_was_told_and_nowhere_else(
    shell: Shell, vendor: Vendor
) -> None:
    add(shell, vendor.url, "--client-secret", "first", "--option", "workflow_id=100")
    words = ("--rename", "Europe", "--disable", "--option", "locale=de", "--client-id", "new-id")
    found = shell.run("provider", "change", "main", *words)
    assert found.exit_code == 0, found.output
    assert "Changed provider 'Europe'" in found.output
    with shell.host.app.app_context():
        row = shell.host.db.session.scalars(select(Provider)).one()
        assert (row.name, row.enabled, row.client_id) == ("Europe", False, "new-id")
        assert (row.client_secret, row.endpoint) == ("first", vendor.url)
        assert (row.options["workflow_id"], row.options["locale"]) == ("100", "de")
        (entry,) = entries(shell, "provider.changed")
        assert entry.actor == "cli"
        assert entry.facts == {"changed": ["client_id", "enabled", "options"]}
    assert (
        shell.run("provider", "change", "Europe", "--enable", "--option", "locale=").exit_code == 0
    )
    with shell.host.app.app_context():
        row = shell.host.db.session.scalars(select(Provider)).one()
        assert (row.enabled, "locale" in row.options) == (True, False)


@pytest.mark.parametrize("typed", [True, False])
def test_new_secret_is_asked_for_or_given_and_never_echoed(
    shell: Shell, vendor: Vendor, typed: bool
) -> None:
    add(shell, vendor.url, "--client-secret", "first")
    values = {"input": f"{SECRET}\n"} if typed else {}
    words = ("--client-secret",) if typed else ("--client-secret", SECRET)
    assert shell.run("provider", "change", "main", *words, **values).exit_code == 0
    with shell.host.app.app_context():
        assert shell.host.db.session.scalars(select(Provider)).one().client_secret == SECRET
        (entry,) = entries(shell, "provider.changed")
        assert entry.facts == {"changed": ["client_secret"]}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Nothing was given to change"),
        (("--client-id", " "), "client_id: is required"),
        (("--client-id", ""), "client_id: is required"),
        (("--endpoint", "https://attacker.example"), "endpoint"),
        (("--option", "colour=red"), "colour: is no option"),
        (("--option", "colour"), "expected name=value"),
        (("--rename", "other"), "'other' is taken"),
        (("--type", "Onfido"), "type: expected one of Jumio"),
        (("--type", PLATFORM), "add --option workflow_key=…"),
    ],
)
def test_wrong_change_is_refused_with_a_sentence_and_changes_nothing(
    shell: Shell, vendor: Vendor, words: tuple[str, ...], told: str
) -> None:
    add(shell, vendor.url, "--client-secret", SECRET)
    with shell.host.app.app_context():
        shell.host.add_provider(vendor.url, name="other", link=False)
    found = shell.run("provider", "change", "main", *words)
    assert (found.exit_code, found.output.startswith("Error: ")) == (1, True)
    assert told in found.output
    with shell.host.app.app_context():
        assert entries(shell, "provider.changed") == []


def test_records_at_the_vendor_hold_the_account_until_somebody_confirms(
    shell: Shell, vendor: Vendor
) -> None:
    with shell.host.app.app_context():
        name = shell.host.add_provider(vendor.url).name
        shell.host.idverify.start(shell.host.add_user("lena@example.com"), lena())
    words = ("provider", "change", name, "--endpoint", "https://lon.netverify.com")
    refused = shell.run(*words)
    assert refused.exit_code == 1
    assert "endpoint: cannot change just so" in refused.output
    assert "--same-account" in refused.output
    assert shell.run(*words, "--same-account").exit_code == 0
    with shell.host.app.app_context():
        assert entries(shell, "provider.changed")[0].facts["same_account"] is True


def test_provider_is_removed_only_if_nothing_refers_to_it_and_somebody_means_it(
    shell: Shell, vendor: Vendor
) -> None:
    add(shell, vendor.url, "--client-secret", SECRET)
    with shell.host.app.app_context():
        linked = shell.host.add_provider(vendor.url, name="linked").name
    unsure = shell.run("provider", "remove", "main")
    assert (unsure.exit_code, "Add --yes" in unsure.output) == (1, True)
    refused = shell.run("provider", "remove", linked, "--yes")
    assert refused.exit_code == 1
    assert "is linked to default and cannot be deleted" in refused.output
    assert "flask idverify provider change 'linked' --disable" in refused.output
    assert "flask idverify unlink 'linked' --application" in refused.output
    assert "no provider named 'nope'" in shell.run("provider", "remove", "nope", "--yes").output
    assert shell.run("provider", "remove", "main", "--yes").output == "Removed provider 'main'.\n"
    with shell.host.app.app_context():
        assert shell.host.db.session.scalars(select(Provider.name)).all() == ["linked"]
        assert [entry.actor for entry in entries(shell, "provider.deleted")] == ["cli"]


def test_provider_with_verifications_says_so_and_how_it_is_disabled(
    shell: Shell, vendor: Vendor
) -> None:
    with shell.host.app.app_context():
        started(shell, vendor)
    assert shell.run("unlink", "Jumio test").exit_code == 0
    refused = shell.run("provider", "remove", "Jumio test", "--yes")
    assert refused.exit_code == 1
    assert "has verifications and cannot be deleted" in refused.output
    assert "flask idverify provider change 'Jumio test' --disable" in refused.output
    assert "unlink" not in refused.output


def test_unlink_removes_one_link_audited_and_tells_where_nobody_can_start(
    shell: Shell, vendor: Vendor
) -> None:
    add(shell, vendor.url, "--client-secret", SECRET)
    shell.run("link", "main")
    shell.run("link", "main", "--application", "bank")
    assert (
        shell.run("provider", "list")
        .output.splitlines()[1]
        .endswith("\tbank at position 0, default at position 0")
    )
    assert shell.run("unlink", "main", "--application", "bank").output == (
        "bank: main is linked no more; the link's policy is gone.\n"
        "Nobody can start a verification there now.\n"
    )
    again = shell.run("unlink", "main", "--application", "bank")
    assert (again.exit_code, "'main' is not linked to 'bank'" in again.output) == (1, True)
    for words in (("nothing",), ("main", "--application", "nothing")):
        missing = shell.run("unlink", *words)
        assert (missing.exit_code, missing.output[:7]) == (1, "Error: ")
    assert shell.run("provider", "list").output.endswith("\tdefault at position 0\n")
    with shell.host.app.app_context():
        assert [entry.actor for entry in entries(shell, "link.removed")] == ["cli"]


def test_type_is_taken_in_any_case_and_a_mistake_is_shown_with_its_neighbour(
    shell: Shell, vendor: Vendor
) -> None:
    wrong = add(shell, vendor.url, "--client-secret", SECRET, "--type", "Jumio Plattform")
    assert "not 'Jumio Plattform'. Did you mean 'Jumio Platform'?" in wrong.output
    assert add(shell, vendor.url, "--client-secret", SECRET, "--type", "jumio").exit_code == 0
    words = ("--type", "JUMIO  platform", "--option", "workflow_key=10013")
    assert shell.run("provider", "change", "main", *words).exit_code == 0
    with shell.host.app.app_context():
        assert shell.host.db.session.scalars(select(Provider)).one().type == PLATFORM


def test_mistakes_are_told_before_the_secret_is_asked_for(shell: Shell, vendor: Vendor) -> None:
    found = add(shell, vendor.url, "--type", "Onfido")
    assert (found.exit_code, "Client secret" in found.output) == (1, False)


@pytest.mark.parametrize(
    "words",
    [
        ("provider", "list"),
        (
            *("provider", "add", "--name", "a", "--type", V4, "--client-id", "b"),
            *("--endpoint", "https://netverify.com"),
        ),
        ("link", "main"),
        ("work", "--once"),
        ("erase", "1", "--admin", "7", "--reason", "x", "--yes"),
        ("callbacks", "--failed"),
        ("replay", "--all-failed"),
        ("rotate-keys", "--status"),
        ("audit", "verify"),
    ],
)
def test_command_without_tables_ends_in_one_line_that_says_what_to_do(
    words: tuple[str, ...],
) -> None:
    found = Shell(make_host(tables=False)).run(*words)
    assert found.exit_code == 1
    (line,) = found.output.splitlines()
    assert "Missing in the database: idverify_" in line
    for way in ("flask db upgrade", "db.create_all()", "flask idverify doctor"):
        assert way in line


@pytest.mark.sqlite("a server's databases are emptied after a test, not made anew")
def test_column_that_an_update_brought_is_named_by_any_command() -> None:
    host = make_host()
    with host.app.app_context():
        host.db.session.execute(text("ALTER TABLE idverify_provider DROP COLUMN trouble"))
        host.db.session.commit()
    found = Shell(host).run("provider", "list")
    assert (found.exit_code, len(found.output.splitlines())) == (1, 1)
    assert "Missing in the database: idverify_provider.trouble. Run" in found.output


@pytest.mark.parametrize("word", ["", "idverify_provider"])
def test_other_trouble_of_the_database_keeps_its_own_words(shell: Shell, word: str) -> None:
    """Whether it lets us look for what is missing, or nothing at all."""

    def break_off(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if word in statement and (not word or statement.startswith("SELECT")):
            raise OperationalError("SELECT 1", {}, Exception("the disk is full"))

    with shell.host.app.app_context():
        event.listen(shell.host.db.engine, "before_cursor_execute", break_off)
    found = shell.host.app.test_cli_runner().invoke(args=["idverify", "provider", "list"])
    assert isinstance(found.exception, OperationalError)
    assert "the disk is full" in str(found.exception)
    assert "Missing in the database" not in found.output


def test_platform_is_added_with_its_workflow_key(shell: Shell, vendor: Vendor) -> None:
    words = ("--type", PLATFORM, "--option", "workflow_key=10013", "--client-secret", SECRET)
    assert add(shell, vendor.url, *words).exit_code == 0
    with shell.host.app.app_context():
        row = shell.host.db.session.scalars(select(Provider)).one()
        assert row.options["workflow_key"] == "10013"


def test_help_lists_what_each_type_can_be_given(shell: Shell) -> None:
    told = shell.run("provider", "add", "--help").output
    registry = shell.host.app.extensions["idverify"].registry
    for name in registry.types():
        _, _, section = told.partition(f"--option names of type {name!r}:")
        for option in registry.get(name).options:
            assert f"\n  {option.name} " in section
    assert "200 (ID and face: camera or upload)" in " ".join(told.split())
    assert "Required." in told


def test_second_provider_of_a_name_is_refused(shell: Shell, vendor: Vendor) -> None:
    assert add(shell, vendor.url, "--client-secret", SECRET).exit_code == 0
    found = add(shell, vendor.url, "--client-secret", SECRET)
    assert (found.exit_code, "taken" in found.output) == (1, True)


def test_empty_list_says_what_to_do(shell: Shell) -> None:
    assert "provider add" in shell.run("provider", "list").output


def test_link_makes_the_application_and_keeps_the_order(shell: Shell, vendor: Vendor) -> None:
    add(shell, vendor.url, "--client-secret", SECRET)
    assert shell.run("link", "main").output == (
        "default (a new application): main at position 0.\nTried in this order: main.\n"
    )
    add(shell, vendor.url, "--client-secret", SECRET, "--name", "other")
    assert shell.run("link", "main", "--application", "bank", "--position", "3").output == (
        "bank (a new application): main at position 0.\nTried in this order: main.\n"
    )
    assert shell.run("link", "other", "--application", "bank", "--position", "0").output == (
        "bank: other at position 0.\nTried in this order: other, main.\n"
    )
    for command in ("link", "unlink"):  # alike
        refused = shell.run(command, "main", "bank")
        assert (refused.exit_code, "unexpected extra argument" in refused.output) == (2, True)
    missing = shell.run("link", "nothing")
    assert (missing.exit_code, "no provider named 'nothing'" in missing.output) == (1, True)
    with shell.host.app.app_context():
        assert len(shell.host.db.session.scalars(select(Link)).all()) == 3


def test_provider_test_tells_good_credentials_from_bad(shell: Shell, vendor: Vendor) -> None:
    add(shell, vendor.url, "--client-secret", SECRET)
    found = shell.run("provider", "test", "main")
    assert found.exit_code == 1
    assert "ERROR" in found.output
    assert vendor.asked("start") == []
    missing = shell.run("provider", "test", "nothing")
    assert (missing.exit_code, "Error: " in missing.output) == (1, True)


def started(shell: Shell, vendor: Vendor) -> tuple[str, Verification]:
    shell.host.add_provider(vendor.url)
    row = shell.host.idverify.start(shell.host.add_user("lena@example.com"), lena())
    return row.id, row


def test_refresh_asks_the_vendor(shell: Shell, vendor: Vendor) -> None:
    with shell.host.app.app_context():
        identifier, row = started(shell, vendor)
        vendor.finish(row, "blurred")
    found = shell.run("refresh", identifier)
    assert found.output == f"{identifier}: rejected document_unreadable\n"
    missing = shell.run("refresh", "nothing")
    assert (missing.exit_code, "no verification" in missing.output) == (1, True)
    vendor.sandbox.set_faults([{"kind": "403"}])
    refused = shell.run("refresh", identifier)
    assert (refused.exit_code, "HTTP 403" in refused.output) == (1, True)


def test_refresh_that_is_signed_is_noted_and_half_a_signature_asks_nobody(
    shell: Shell, vendor: Vendor
) -> None:
    with shell.host.app.app_context():
        identifier, _ = started(shell, vendor)
    before = len(vendor.asked())
    for half in (("--admin", "Vera"), ("--reason", "She called us."), ("--admin", "")):
        refused = shell.run("refresh", identifier, *half)
        assert (refused.exit_code, "a reason" in refused.output) == (1, True)
    assert len(vendor.asked()) == before
    signed = shell.run("refresh", identifier, "--admin", "Vera", "--reason", "She called us.")
    assert signed.output == f"{identifier}: started\n"
    assert len(vendor.asked()) > before
    with shell.host.app.app_context():
        (entry,) = shell.host.db.session.query(AuditEntry).filter_by(action="verification.asked")
        assert (entry.actor, entry.note) == ("admin:Vera", "She called us.")


def test_reset_needs_a_name_a_reason_and_somebody_who_means_it(
    shell: Shell, vendor: Vendor
) -> None:
    with shell.host.app.app_context():
        _, row = started(shell, vendor)
        vendor.finish(row)
        shell.host.idverify.refresh(row)
    assert shell.run("reset", "1").exit_code == 2
    assert shell.run("reset", "1", "--admin", "7", "--reason", " ", "--yes").exit_code == 1
    assert shell.run("reset", "99", "--admin", "7", "--reason", "x", "--yes").exit_code == 1
    unsure = shell.run("reset", "1", "--admin", "7", "--reason", "Married.")
    assert (unsure.exit_code, "Add --yes" in unsure.output) == (1, True)
    with shell.host.app.app_context():
        identity = shell.host.db.session.scalars(select(Identity)).one()
        assert identity.is_verified
    assert shell.run("reset", "1", "--admin", "7", "--reason", "Married.", "--yes").exit_code == 0
    with shell.host.app.app_context():
        identity = shell.host.db.session.scalars(select(Identity)).one()
        assert identity.standing is Standing.unverified


def test_work_once_does_what_is_owed(shell: Shell, vendor: Vendor) -> None:
    with shell.host.app.app_context():
        identifier, row = started(shell, vendor)
        vendor.finish(row)
        assert vendor.notification(row.vendor_reference).arrive()
    assert shell.run("work", "--once").output.endswith(" done: 1\n")
    assert shell.run("work", "--once").output.endswith(" done: 0\n")
    with shell.host.app.app_context():
        found = shell.host.db.session.get_one(Verification, identifier)
        assert found.status is Status.approved


def test_work_once_tells_what_was_done_from_what_failed(shell: Shell, vendor: Vendor) -> None:
    with shell.host.app.app_context():
        identifier, row = started(shell, vendor)
        vendor.finish(row)
        assert vendor.notification(row.vendor_reference).arrive()
    vendor.sandbox.set_faults([{"kind": "403"}])
    found = shell.run("work", "--once")
    assert found.output.endswith(" done: 0, failed and still owed: 1\n")
    vendor.sandbox.clear_faults()
    with clock.shifted(minutes=2):
        assert shell.run("work", "--once").output.endswith(" done: 1\n")
    with shell.host.app.app_context():
        found = shell.host.db.session.get_one(Verification, identifier)
        assert found.status is Status.approved


def test_sandbox_command_explains_itself(shell: Shell) -> None:
    found = shell.run("sandbox", "--help")
    assert found.exit_code == 0
    assert "--port" in found.output


def test_sandbox_on_a_taken_port_names_the_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert program.main(["--port", str(taken.getsockname()[1])]) == 1
    assert "choose another with --port" in capsys.readouterr().err


def test_status_of_keys_fits_a_terminal_and_gives_each_reason_a_line(
    tmp_path: Path, vendor: Vendor
) -> None:
    uri, old, new = file_uri(tmp_path), "old:" + "A" * 43, "new:" + "B" * 43
    host = make_host(SQLALCHEMY_DATABASE_URI=uri, IDVERIFY_ENCRYPTION_KEYS=[old])
    with host.app.app_context():
        host.add_provider(vendor.url)
    keys = [new, old]
    host = make_host(tables=False, SQLALCHEMY_DATABASE_URI=uri, IDVERIFY_ENCRYPTION_KEYS=keys)
    told = Shell(host).run("rotate-keys", "--status").output
    assert max(map(len, told.splitlines())) <= 80
    _, _, why = told.partition("IDVERIFY_ENCRYPTION_KEYS: old must stay:\n")
    assert "  - 1 value(s) in idverify_provider.client_secret_sealed are sealed with it\n" in why
    assert "  - 1 value(s) in idverify_provider.callback_key_sealed are sealed with it\n" in why
    assert re.search(r"\n  - \d+ row\(s\) in idverify_audit are chained", why)


@pytest.mark.parametrize("command", ["doctor", "work --once", "provider list", "rotate-keys"])
def test_app_without_the_extension_gets_a_sentence(command: str) -> None:
    host = make_host()
    del host.app.extensions["idverify"]
    found = host.app.test_cli_runner().invoke(args=["idverify", *command.split()])
    assert found.exit_code == 1
    assert found.output.startswith("Error: Flask-IDVerify is not initialised")
    assert isinstance(found.exception, SystemExit)


BROKEN = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_idverify import IDVerify

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
app.config["IDVERIFY_DISPACH"] = "thread"
IDVerify(app, SQLAlchemy(app))
"""


@pytest.mark.parametrize("command", ["-m flask idverify doctor", "-m flask run --port 0"])
def test_wrong_setting_ends_a_command_of_flask_in_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "app.py").write_text(BROKEN)
    found = python(tmp_path, *command.split())
    assert found.returncode == 1
    assert found.stderr.startswith("Error: IDVERIFY_DISPACH is no configuration key")
    assert len(found.stderr.splitlines()) == 1


def test_wrong_setting_shows_a_server_its_traceback(tmp_path: Path) -> None:
    """Which imports the app, as gunicorn does."""
    (tmp_path / "app.py").write_text(BROKEN)
    found = python(tmp_path, "-c", "import app")
    assert found.returncode == 1
    assert "Traceback" in found.stderr
    assert "ConfigurationError: IDVERIFY_DISPACH is no configuration key" in found.stderr


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder), *sys.path])
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "FLASK_APP": "app"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
