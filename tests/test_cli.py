"""The command line does what it says, fails with a sentence, and shows no secret."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify.models import AuditEntry, Identity, Link, Provider, Verification
from flask_idverify.states import Standing, Status
from tests.hosts import Host, lena, make_host
from tests.vendor import V4, Vendor

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
    assert listed.output == f"main\tJumio\t{vendor.url}\tenabled\n"
    with shell.host.app.app_context():
        row = shell.host.db.session.scalars(select(Provider)).one()
        assert row.client_secret == SECRET
        assert row.options["workflow_id"] == "100"
        entry = shell.host.db.session.scalars(select(AuditEntry)).one()
        assert (entry.actor, entry.action) == ("cli", "provider.added")


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
    assert shell.run("link", "main", "bank", "--position", "3").output == (
        "bank (a new application): main at position 0.\nTried in this order: main.\n"
    )
    assert shell.run("link", "other", "bank", "--position", "0").output == (
        "bank: other at position 0.\nTried in this order: other, main.\n"
    )
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


def test_reset_needs_a_name_and_a_reason(shell: Shell, vendor: Vendor) -> None:
    with shell.host.app.app_context():
        _, row = started(shell, vendor)
        vendor.finish(row)
        shell.host.idverify.refresh(row)
    assert shell.run("reset", "1").exit_code == 2
    assert shell.run("reset", "1", "--admin", "7", "--reason", " ").exit_code == 1
    assert shell.run("reset", "99", "--admin", "7", "--reason", "x").exit_code == 1
    with shell.host.app.app_context():
        identity = shell.host.db.session.scalars(select(Identity)).one()
        assert identity.is_verified
    assert shell.run("reset", "1", "--admin", "7", "--reason", "Married.").exit_code == 0
    with shell.host.app.app_context():
        identity = shell.host.db.session.scalars(select(Identity)).one()
        assert identity.standing is Standing.unverified


def test_work_once_does_what_is_owed(shell: Shell, vendor: Vendor) -> None:
    with shell.host.app.app_context():
        identifier, row = started(shell, vendor)
        vendor.finish(row)
        assert vendor.notification(row.vendor_reference).arrive()
    assert "done: 1" in shell.run("work", "--once").output
    assert "done: 0" in shell.run("work", "--once").output
    with shell.host.app.app_context():
        found = shell.host.db.session.get_one(Verification, identifier)
        assert found.status is Status.approved


def test_sandbox_command_explains_itself(shell: Shell) -> None:
    found = shell.run("sandbox", "--help")
    assert found.exit_code == 0
    assert "--port" in found.output


def test_app_without_the_extension_gets_a_sentence() -> None:
    host = make_host()
    del host.app.extensions["idverify"]
    found = host.app.test_cli_runner().invoke(args=["idverify", "doctor"])
    assert found.exit_code == 1
    assert "not initialised" in found.output
