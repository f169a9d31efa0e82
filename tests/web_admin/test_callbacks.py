"""Callbacks that failed: seen by admins without what they say, and tried again when one asks."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import doctor, inbox
from flask_idverify.models import AuditEntry, CallbackRow, Provider, Verification
from tests.hosts import Host
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, start, words

STRANGE = b"callBackType=NETVERIFYID&jumioIdScanReference=0b7c9a1e-0000-4000-8000-000000000000"


def failed(host: Host, vendor: Vendor, *emails: str) -> list[str]:
    """Have callbacks fail, since the vendor refuses to be asked; return their verifications."""
    found = [start(host, email) for email in emails]
    vendor.sandbox.set_faults([{"kind": "403", "where": "status"}])
    with host.app.app_context():
        for identifier in found:
            row = host.db.session.get_one(Verification, identifier)
            vendor.finish(row, "fraud")
            assert vendor.notification(row.vendor_reference).arrive()
        inbox.drain()
    vendor.sandbox.clear_faults()
    return found


def rows(host: Host) -> list[CallbackRow]:
    return list(host.db.session.scalars(select(CallbackRow).order_by(CallbackRow.received_at)))


def statuses(host: Host) -> list[str]:
    with host.app.app_context():
        ordered = select(Verification.status).order_by(Verification.created_at)
        return [str(status) for status in host.db.session.scalars(ordered)]


def entries(host: Host, action: str) -> list[AuditEntry]:
    with host.app.app_context():
        found = host.db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)).all()
        host.db.session.expunge_all()
        return list(found)


def test_failed_callback_is_listed_with_its_error_and_not_its_content(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    assert "No callback has failed" in words(desk.get("/callbacks"))
    (verification,) = failed(host, vendor, "one@example.com")
    answer = desk.get("/callbacks")
    page = words(answer)
    assert "Vendor in use" in page
    assert "refuses" in page
    assert f'href="{ADMIN}/verifications/{verification}#callbacks-title"' in answer.text
    assert "U7301945" not in answer.text
    assert "jumioIdScanReference" not in answer.text
    overview = desk.get("/")
    assert "1 callback could not be acted on yet." in words(overview)
    assert f'href="{ADMIN}/callbacks"' in overview.text


def test_one_is_tried_again_at_once_and_that_is_audited(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    verification, _ = failed(host, vendor, "one@example.com", "two@example.com")
    with host.app.app_context():
        chosen = next(row.id for row in rows(host) if row.verification_id == verification)
    answer = desk.send(f"/callbacks/{chosen}/replay", "/callbacks")
    assert (answer.status_code, answer.location) == (303, f"{ADMIN}/callbacks")
    assert statuses(host) == ["rejected", "started"]
    (entry,) = entries(host, "callback.replayed")
    assert entry.actor == f"admin:{desk.id}"
    assert entry.facts["callback"] == chosen
    assert entry.facts["verification"] == verification
    page = words(desk.get(f"/verifications/{verification}"))
    assert "Failed callback tried again" in page
    again = desk.post(f"/callbacks/{chosen}/replay", {"csrf_token": desk.token()})
    assert again.status_code == 303
    assert "It has been processed meanwhile." in words(desk.get("/callbacks"))
    assert len(entries(host, "callback.replayed")) == 1


def test_button_on_a_verifications_page_leads_back_to_it(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    (verification,) = failed(host, vendor, "one@example.com")
    page = f"/verifications/{verification}"
    assert "Next try:" in words(desk.get(page))
    with host.app.app_context():
        chosen = rows(host)[0].id
    answer = desk.send(f"/callbacks/{chosen}/replay", page)
    assert (answer.status_code, answer.location) == (303, f"{ADMIN}{page}")
    shown = desk.get(page)
    assert "Processed" in words(shown)
    assert "/replay" not in shown.text


def test_all_that_failed_of_one_provider_are_tried_again(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    other = add_provider(host, vendor.url, name="Other", client_secret="sandbox-secret")
    failed(host, vendor, "one@example.com", "two@example.com")
    with host.app.app_context():
        keys = {row.provider_id: row.provider.callback_key or "" for row in rows(host)}
        assert set(keys) == {at_vendor}
        key = host.db.session.get_one(Provider, other).callback_key or ""
        assert inbox.receive(key, None, STRANGE, "application/x-www-form-urlencoded")
        inbox.drain()
        host.db.session.commit()
    page = desk.get("/callbacks")
    assert "Try all 2 failed callbacks of Vendor in use again now" in words(page)
    assert "Other" not in words(desk.get(f"/callbacks?provider={at_vendor}"))
    answer = desk.send(f"/providers/{at_vendor}/callbacks/replay", "/callbacks")
    assert answer.status_code == 303
    assert "2 callbacks of Vendor in use are due now" in words(desk.get("/callbacks"))
    assert set(statuses(host)) == {"rejected"}
    (entry,) = entries(host, "callbacks.replayed")
    assert (entry.subject, entry.actor) == (at_vendor, f"admin:{desk.id}")
    assert entry.facts["replayed"] == 2
    with host.app.app_context():
        assert [row.tries for row in rows(host) if row.processed_at is None] == [1]
    token = {"csrf_token": desk.token()}
    desk.post(f"/providers/{at_vendor}/callbacks/replay", token)
    assert "No callback of Vendor in use has failed." in words(desk.get("/callbacks"))


def test_replay_needs_our_form_and_an_admin_of_that_moment(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    failed(host, vendor, "one@example.com")
    with host.app.app_context():
        paths = [
            f"/callbacks/{rows(host)[0].id}/replay",
            f"/providers/{at_vendor}/callbacks/replay",
        ]
    fields = {path: desk.form("/callbacks", path) for path in paths}
    for path in paths:
        assert desk.post(path, {}).status_code == 400
    with host.app.app_context():
        host.db.session.get_one(host.User, desk.id).is_admin = False
        host.db.session.commit()
    for path in paths:
        assert desk.post(path, fields[path]).status_code == 403
    assert statuses(host) == ["started"]
    assert not entries(host, "callback.replayed") + entries(host, "callbacks.replayed")


def test_doctor_tells_of_failed_callbacks(host: Host, vendor: Vendor, at_vendor: str) -> None:
    def told() -> list[str]:
        with host.app.app_context():
            return [each.message for each in doctor.examine() if each.about == "failed callbacks"]

    assert told() == []
    failed(host, vendor, "one@example.com", "two@example.com")
    (message,) = told()
    assert message.startswith("2; the latest says: The vendor answered HTTP 403")
    assert "flask idverify callbacks --failed" in message


# -- the same at the prompt -----------------------------------------------------------------------


def command(host: Host, *arguments: str) -> Any:
    return host.app.test_cli_runner().invoke(args=["idverify", *arguments])


def test_prompt_lists_callbacks_and_replays_one(host: Host, vendor: Vendor, at_vendor: str) -> None:
    assert "No callback is stored." in command(host, "callbacks").output
    verification, _ = failed(host, vendor, "one@example.com", "two@example.com")
    listed = command(host, "callbacks", "--failed", "--provider", "Vendor in use").output
    assert listed.count("failed, tries: 1") == 2
    assert "U7301945" not in listed
    assert "of 2" in command(host, "callbacks", "--failed", "--limit", "1").output
    chosen = next(line.split("\t")[1] for line in listed.splitlines() if verification in line)
    done = command(host, "replay", chosen, "--admin", "vera")
    assert done.exit_code == 0, done.output
    assert "Done: 1; failed again: 0." in done.output
    assert statuses(host) == ["rejected", "started"]
    (entry,) = entries(host, "callback.replayed")
    assert (entry.actor, entry.origin) == ("admin:vera", "cli")
    assert command(host, "replay", chosen).exit_code == 1
    assert "processed" in command(host, "callbacks").output


def test_prompt_replays_all_and_says_what_failed_again(
    host: Host, vendor: Vendor, at_vendor: str
) -> None:
    failed(host, vendor, "one@example.com", "two@example.com")
    vendor.sandbox.set_faults([{"kind": "403", "where": "status"}])
    done = command(host, "replay", "--all-failed")
    assert done.exit_code == 1
    assert "Due now: 2." in done.output
    assert "Done: 0; failed again: 2." in done.output
    vendor.sandbox.clear_faults()
    assert "Done" not in command(host, "replay", "--all-failed", "--no-wait").output
    assert statuses(host) == ["started", "started"]
    assert command(host, "work", "--once").exit_code == 0
    assert statuses(host) == ["rejected", "rejected"]


@pytest.mark.parametrize(
    "arguments",
    [[], ["no-such-id"], ["x", "--all-failed"], ["--all-failed", "--provider", "no such"]],
)
def test_prompt_says_what_is_missing(
    host: Host, vendor: Vendor, at_vendor: str, arguments: list[str]
) -> None:
    done = command(host, "replay", *arguments)
    assert done.exit_code != 0
    assert "Traceback" not in done.output
    assert "Error" in done.output
