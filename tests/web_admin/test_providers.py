"""Adding, changing and deleting providers by their form."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from flask_idverify.models import AuditEntry, Provider
from flask_idverify.sandbox import SandboxServer
from tests.hosts import Host
from tests.vendor import Vendor
from tests.web_admin.desk import (
    ADMIN,
    REAL,
    SECRET,
    Desk,
    add_provider,
    field_error,
    provider_row,
    start,
    words,
)

ACCOUNT = {
    "name": "Jumio Europe",
    "client_id": "account-token",
    "client_secret": SECRET,
    "endpoint": REAL,
}


def stored(host: Host) -> list[Provider]:
    return host.db.session.query(Provider).order_by(Provider.name).all()


def location_id(answer: Any) -> str:
    assert answer.status_code == 303, words(answer)
    return str(answer.headers["Location"].rpartition("/")[2])


@pytest.mark.parametrize(
    ("kind", "endpoint", "options"),
    [
        ("Jumio", REAL, {"workflow_id": "201", "token_lifetime": "60", "locale": "de"}),
        ("Jumio Platform", "https://emea-1.jumio.ai", {"workflow_key": "10164"}),
    ],
)
def test_a_provider_is_added_with_the_settings_of_its_type(
    host: Host, desk: Desk, kind: str, endpoint: str, options: dict[str, str]
) -> None:
    page = f"/providers/new?type={kind.replace(' ', '+')}"
    fields = {**desk.form(page, "/providers/new"), **ACCOUNT, **options, "endpoint": endpoint}
    answer = desk.post("/providers/new", fields)
    with host.app.app_context():
        row = provider_row(host, location_id(answer))
        assert (row.name, row.type, row.category) == ("Jumio Europe", kind, "ID Verification")
        assert (row.client_id, row.client_secret) == ("account-token", SECRET)
        assert (row.endpoint, row.enabled) == (endpoint, True)
        assert {name: str(row.options[name]) for name in options} == options


def test_a_client_that_sends_only_the_account_gets_the_types_defaults(
    host: Host, desk: Desk
) -> None:
    fields = {**ACCOUNT, "type": "Jumio", "enabled": "y", "csrf_token": desk.token()}
    answer = desk.post("/providers/new", fields)
    with host.app.app_context():
        options = provider_row(host, location_id(answer)).options
        assert (options["workflow_id"], options["token_lifetime"]) == ("200", 30)


def test_choosing_another_type_shows_its_settings_and_saves_nothing(host: Host, desk: Desk) -> None:
    fields = {**desk.form("/providers/new"), **ACCOUNT, "type": "Jumio Platform", "show_type": "1"}
    answer = desk.post("/providers/new", fields)
    assert answer.status_code == 200
    assert 'name="workflow_key"' in answer.text
    assert 'name="workflow_id"' not in answer.text
    assert 'value="account-token"' in answer.text
    assert SECRET not in answer.text
    assert "required" not in field_error(answer, "client_secret")
    with host.app.app_context():
        assert stored(host) == []


def test_what_is_missing_is_told_at_its_field(host: Host, desk: Desk) -> None:
    answer = desk.send("/providers/new")
    assert answer.status_code == 422
    for field in ("name", "client_id", "client_secret", "endpoint"):
        assert field_error(answer, field).startswith("Please enter"), field
    with host.app.app_context():
        assert stored(host) == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://vendor.example.com",
        "http://lon.netverify.com",
        "https://netverify.com.evil.example",
        "https://user:pass@netverify.com",
        "https://netverify.com/api?x=1",
        "no url",
    ],
)
def test_a_wrong_endpoint_is_refused_at_its_field(host: Host, desk: Desk, endpoint: str) -> None:
    answer = desk.send("/providers/new", **{**ACCOUNT, "endpoint": endpoint})
    assert answer.status_code == 422
    assert field_error(answer, "endpoint")
    assert SECRET not in answer.text
    with host.app.app_context():
        assert stored(host) == []


def test_a_host_admits_further_endpoints(desk: Desk) -> None:
    settings = desk.host.app.extensions["idverify"].settings
    object.__setattr__(settings, "allowed_endpoints", ("https://vendor.example.com",))
    answer = desk.send("/providers/new", **{**ACCOUNT, "endpoint": "https://vendor.example.com"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("workflow_id", "999"),
        ("token_lifetime", "1"),
        ("token_lifetime", "soon"),
        ("locale", "xx"),
        ("type", "Unheard Of"),
        ("name", "x" * 101),
        ("reporting_criteria", "x" * 101),
    ],
)
def test_settings_that_cannot_be_used_are_refused_at_their_field(
    host: Host, desk: Desk, field: str, value: str
) -> None:
    answer = desk.send("/providers/new", **{**ACCOUNT, field: value})
    assert answer.status_code == 422
    assert field_error(answer, field), words(answer)
    with host.app.app_context():
        assert stored(host) == []


def test_a_taken_name_is_refused_at_its_field(desk: Desk) -> None:
    assert desk.send("/providers/new", **ACCOUNT).status_code == 303
    answer = desk.send("/providers/new", **ACCOUNT)
    assert answer.status_code == 422
    assert "taken" in field_error(answer, "name")


def test_undeclared_fields_change_nothing(host: Host, desk: Desk) -> None:
    more = {"id": "mine", "category": "Other", "callback_key": "known", "created_at": "2001-01-01"}
    answer = desk.send("/providers/new", **{**ACCOUNT, **more, "option_extra": "x"})
    with host.app.app_context():
        row = provider_row(host, location_id(answer))
        assert (row.category, row.callback_key == "known") == ("ID Verification", False)
        assert row.id != "mine"
        assert "option_extra" not in row.options


def test_the_secret_is_stored_encrypted_and_shown_by_no_answer(host: Host, desk: Desk) -> None:
    row_id = location_id(desk.send("/providers/new", **ACCOUNT))
    with host.app.app_context():
        rows = host.db.session.execute(text("SELECT * FROM idverify_provider")).all()
        assert SECRET not in str(rows)
        assert provider_row(host, row_id).client_secret == SECRET
        audited = host.db.session.query(AuditEntry).all()
        assert SECRET not in str([(entry.facts, entry.action) for entry in audited])
    for path in ("/providers", f"/providers/{row_id}", f"/providers/{row_id}/test"):
        assert SECRET not in desk.get(path).text
    field = desk.get(f"/providers/{row_id}").text.split('name="client_secret"')[1].split(">")[0]
    assert 'value=""' in field


def test_an_empty_secret_keeps_the_stored_one_and_a_new_one_replaces_it(
    host: Host, desk: Desk
) -> None:
    row_id = add_provider(host, name="Jumio Europe")
    answer = desk.send(f"/providers/{row_id}", client_id="another-token")
    assert answer.status_code == 303
    with host.app.app_context():
        row = provider_row(host, row_id)
        assert (row.client_id, row.client_secret) == ("another-token", SECRET)
    desk.send(f"/providers/{row_id}", client_secret="a new one")
    with host.app.app_context():
        assert provider_row(host, row_id).client_secret == "a new one"


def test_a_refused_change_leaves_the_row_as_it_was(host: Host, desk: Desk) -> None:
    row_id = add_provider(host, name="Jumio Europe")
    answer = desk.send(f"/providers/{row_id}", name="Renamed", endpoint="https://evil.example")
    assert answer.status_code == 422
    assert field_error(answer, "endpoint")
    with host.app.app_context():
        row = provider_row(host, row_id)
        assert (row.name, row.endpoint) == ("Jumio Europe", REAL)


def test_settings_are_changed_and_emptied(host: Host, desk: Desk) -> None:
    row_id = add_provider(host, options={"locale": "de", "reporting_criteria": "signup"})
    path = f"/providers/{row_id}"
    assert desk.form(path)["locale"] == "de"
    answer = desk.send(path, locale="", reporting_criteria="", workflow_id="101", enabled=None)
    assert answer.status_code == 303
    with host.app.app_context():
        row = provider_row(host, row_id)
        assert row.enabled is False
        assert row.options["workflow_id"] == "101"
        assert not {"locale", "reporting_criteria"} & set(row.options)
    assert desk.form(path)["locale"] == ""


def test_changes_are_audited_in_the_admins_name(host: Host, desk: Desk) -> None:
    row_id = add_provider(host)
    desk.send(f"/providers/{row_id}", client_secret="a new one")
    with host.app.app_context():
        entry = host.db.session.query(AuditEntry).filter_by(action="provider.changed").one()
        assert entry.actor == f"admin:{desk.id}"
        assert entry.facts == {"changed": ["client_secret"]}


def test_the_type_may_change_only_while_nothing_refers_to_the_provider(
    host: Host, desk: Desk
) -> None:
    free, used = add_provider(host, name="free"), add_provider(host, name="used", link=True)
    change = {"type": "Jumio Platform", "endpoint": "https://emea-1.jumio.ai"}
    assert desk.send(f"/providers/{free}", **change).status_code == 303
    answer = desk.send(f"/providers/{used}", **change)
    assert answer.status_code == 422
    assert field_error(answer, "type")
    with host.app.app_context():
        assert provider_row(host, free).type == "Jumio Platform"
        assert provider_row(host, used).type == "Jumio"


def test_another_endpoint_for_what_the_vendor_holds_has_to_be_confirmed(
    host: Host, desk: Desk, at_vendor: str
) -> None:
    page = f"/providers/{at_vendor}"
    assert "same_account" not in desk.form(page)
    assert 'name="same_account"' not in desk.get(page).text
    start(host, "lena@example.com")
    refused = desk.send(page, page, endpoint=REAL)
    assert refused.status_code == 422
    assert "Add another provider" in field_error(refused, "endpoint")
    assert 'name="same_account"' in refused.text
    with host.app.app_context():
        assert provider_row(host, at_vendor).endpoint != REAL
    assert desk.send(page, page, endpoint=REAL, same_account="y").status_code == 303
    with host.app.app_context():
        assert provider_row(host, at_vendor).endpoint == REAL
    assert "same_account" not in desk.form(page), "asked each time anew"


def test_a_provider_in_use_cannot_be_deleted_only_disabled(host: Host, desk: Desk) -> None:
    used = add_provider(host, name="used", link=True)
    page = desk.get(f"/providers/{used}")
    assert "cannot be deleted" in words(page)
    assert f'action="{ADMIN}/providers/{used}/delete"' not in page.text
    answer = desk.post(f"/providers/{used}/delete", {"csrf_token": desk.token()})
    assert answer.status_code == 409
    assert "Disable it instead" in words(answer)
    assert desk.send(f"/providers/{used}", enabled=None).status_code == 303
    with host.app.app_context():
        assert provider_row(host, used).enabled is False


def test_an_unused_provider_is_deleted(host: Host, desk: Desk) -> None:
    row_id = add_provider(host)
    answer = desk.send(f"/providers/{row_id}/delete", f"/providers/{row_id}")
    assert answer.status_code == 303
    assert desk.get(f"/providers/{row_id}").status_code == 404
    with host.app.app_context():
        assert stored(host) == []


def test_the_edit_page_shows_the_bare_callback_url_for_the_vendors_portal(
    host: Host, desk: Desk
) -> None:
    row_id = add_provider(host)
    with host.app.app_context():
        key = provider_row(host, row_id).callback_key
    page = desk.get(f"/providers/{row_id}")
    assert f'value="https://id.example.com/identity/callbacks/{key}"' in page.text
    assert "source addresses" in words(page)
    assert "optional" in words(page)


def test_a_lost_encryption_key_does_not_lock_the_admin_out(host: Host, desk: Desk) -> None:
    row_id = add_provider(host)
    with host.app.app_context():
        row = provider_row(host, row_id)
        row.client_secret_sealed = row.callback_key_sealed = "lost.AAAA"
        host.db.session.commit()
    page = desk.get(f"/providers/{row_id}")
    assert page.status_code == 200
    assert "IDVERIFY_ENCRYPTION_KEYS" in words(page)
    assert desk.send(f"/providers/{row_id}", client_secret="once more").status_code == 303
    answer = desk.send(f"/providers/{row_id}/check", f"/providers/{row_id}")
    assert answer.status_code == 200
    assert "Failed" in words(answer)


def test_the_list_tells_how_providers_are_used(host: Host, desk: Desk, paths: list[str]) -> None:
    page = words(desk.get("/providers"))
    assert "Spare Jumio https://lon.netverify.com Enabled 0 0" in page
    assert "Vendor in use Jumio" in page
    assert "Enabled 1 5" in page


def test_the_list_counts_verifications_in_words_for_those_who_listen(
    host: Host, desk: Desk, vendor: Vendor
) -> None:
    add_provider(host, vendor.url, name="One", link=True, client_secret="sandbox-secret")
    start(host, "one@example.com")
    assert 'aria-label="1 verification of One"' in desk.get("/providers").text
    start(host, "two@example.com")
    assert 'aria-label="2 verifications of One"' in desk.get("/providers").text


def test_a_provider_whose_package_is_gone_is_still_listed(host: Host, desk: Desk) -> None:
    row_id = add_provider(host, name="Orphan")
    with host.app.app_context():
        provider_row(host, row_id).type = "Gone"
        host.db.session.commit()
    assert "Orphan" in words(desk.get("/providers"))
    answer = desk.get(f"/providers/{row_id}")
    assert "Orphan" in words(answer)


def test_the_whole_form_works_against_a_served_vendor(desk: Desk) -> None:
    with SandboxServer(allow_local_urls=True) as server:
        account = {**ACCOUNT, "client_id": "sandbox-id", "client_secret": "sandbox-secret"}
        answer = desk.send("/providers/new", **{**account, "endpoint": server.url})
        row_id = location_id(answer)
        checked = desk.send(f"/providers/{row_id}/check", f"/providers/{row_id}")
        assert "The credentials are accepted" in words(checked)


def test_everything_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    add_provider(desk.host, name="Jumio Europe")
    changes = {**ACCOUNT, "client_id": "", "endpoint": "https://vendor.example.com"}
    answer = desk.send("/providers/new", **changes)
    assert answer.status_code == 422
    assert "Jumio Europe is taken" in field_error(answer, "name")
    assert "Please enter the client ID" in field_error(answer, "client_id")
    assert field_error(answer, "endpoint").startswith("vendor.example.com is not a host")


def test_the_next_step_after_adding_a_provider_is_told_until_it_is_taken(
    host: Host, desk: Desk
) -> None:
    row_id = location_id(desk.send("/providers/new", **ACCOUNT))
    page = desk.get(f"/providers/{row_id}")
    assert "was added. Next: check its connection, then link it" in words(page)
    assert "No application uses this provider yet" in words(page)
    assert f'<a href="{ADMIN}/applications">Link it to an application</a>' in page.text
    with host.app.app_context():
        host.idverify.link("Jumio Europe")
        host.db.session.commit()
    assert "No application uses" not in words(desk.get(f"/providers/{row_id}"))


def test_the_address_of_a_check_leads_back_to_the_provider(host: Host, desk: Desk) -> None:
    row_id = add_provider(host)
    answer = desk.get(f"/providers/{row_id}/check")
    assert answer.status_code == 303
    assert answer.location == f"{ADMIN}/providers/{row_id}"
    assert desk.get("/providers/nobody/check").status_code == 404
