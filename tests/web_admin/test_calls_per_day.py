"""What a contract allows a day: told by an admin, compared with what was counted, holds nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask_babel import Babel

from flask_idverify import clock, doctor
from flask_idverify.errors import InvalidProvider
from flask_idverify.models import AuditEntry, Provider, Verification
from flask_idverify.service.usage import add_calls
from flask_idverify.states import Status
from tests.hosts import Host
from tests.vendor import GENERATIONS, V4, Vendor
from tests.web_admin.desk import Desk, add_provider, ended, field_error, provider_row, words
from tests.web_admin.test_dashboard import put, table
from tests.web_admin.test_providers import ACCOUNT, location_id

VENDORS = "Vendors of enabled providers"
BY_PROVIDER = "Calls to vendors by provider"


def allowed(host: Host, provider_id: str) -> int | None:
    with host.app.app_context():
        return provider_row(host, provider_id).calls_per_day


def call(host: Host, provider_id: str, calls: int, *, days_ago: int = 0) -> None:
    with host.app.app_context(), clock.shifted(days=-days_ago):
        add_calls(provider_id, calls=calls, refused=0, failed=0)


def meters(page: str) -> list[tuple[str, str]]:
    """Return paint and length of each bar."""
    return re.findall(r'class="idv-paint--(wait|warn)" width="([\d.]+)%" height="6"', page)


# -- the setting --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GENERATIONS)
def test_every_type_of_provider_has_it_and_may_leave_it_empty(
    host: Host, desk: Desk, kind: str
) -> None:
    page = f"/providers/new?type={kind.replace(' ', '+')}"
    account = dict(ACCOUNT)
    if kind != V4:
        account |= {"endpoint": "https://emea-1.jumio.ai", "workflow_key": "10164"}
    fields = {**desk.form(page, "/providers/new"), **account}
    assert fields["calls_per_day"] == ""
    empty = location_id(desk.post("/providers/new", fields))
    told = {**fields, "name": "Told", "calls_per_day": "5000"}
    given = location_id(desk.post("/providers/new", told))
    assert (allowed(host, empty), allowed(host, given)) == (None, 5000)


def test_it_is_shown_again_changed_taken_away_and_kept_by_who_does_not_send_it(
    host: Host, desk: Desk
) -> None:
    row_id = add_provider(host, calls_per_day=5000)
    path = f"/providers/{row_id}"
    fields = desk.form(path)
    assert fields["calls_per_day"] == "5000"
    del fields["calls_per_day"]
    assert desk.post(path, fields).status_code == 303
    assert allowed(host, row_id) == 5000
    assert desk.send(path, calls_per_day="6000").status_code == 303
    assert allowed(host, row_id) == 6000
    assert desk.send(path, calls_per_day="").status_code == 303
    assert allowed(host, row_id) is None


def test_a_change_of_it_is_in_the_log_and_in_words(host: Host, desk: Desk) -> None:
    row_id = add_provider(host)
    path = f"/providers/{row_id}"
    desk.send(path, calls_per_day="5000")
    desk.send(path, calls_per_day="5000")
    with host.app.app_context():
        entries = host.db.session.query(AuditEntry).filter_by(action="provider.changed")
        found = [(entry.actor, entry.facts) for entry in entries.order_by(AuditEntry.sequence)]
    by = f"admin:{desk.id}"
    assert found == [(by, {"changed": ["calls_per_day"]}), (by, {"changed": []})]
    assert "Changed: Calls per day" in words(desk.get(f"/audit?subject={row_id}"))


@pytest.mark.parametrize("value", ["0", "-1", "10000001", "1.5", "many", "9" * 500])
def test_what_is_no_number_of_calls_is_refused_at_its_field(
    host: Host, desk: Desk, value: str
) -> None:
    answer = desk.send("/providers/new", **ACCOUNT, calls_per_day=value)
    assert answer.status_code == 422
    assert field_error(answer, "calls_per_day"), words(answer)
    with host.app.app_context():
        assert host.db.session.query(Provider).count() == 0
        values: dict[str, Any] = {**ACCOUNT, "type": V4, "calls_per_day": value}
        with pytest.raises(InvalidProvider, match=r"^calls_per_day: expected a"):
            host.idverify.add_provider(**values)


def test_the_command_line_tells_changes_and_takes_it_away(host: Host) -> None:
    def run(*given: str) -> str:
        found = host.app.test_cli_runner().invoke(args=["idverify", "provider", *given])
        return str(found.output)

    row_id = add_provider(host, name="main")
    assert "\t0 calls today\t" in run("list")
    assert "Changed" in run("change", "main", "--calls-per-day", "5000")
    assert allowed(host, row_id) == 5000
    assert "\t0 calls today of 5,000\t" in run("list")
    assert "Changed" in run("change", "main", "--disable")
    assert allowed(host, row_id) == 5000, "what is not given stays as it is"
    told = run("change", "main", "--calls-per-day", "0")
    assert "calls_per_day: expected a number from 1 to 10000000." in told
    assert "Changed" in run("change", "main", "--calls-per-day", "")
    assert allowed(host, row_id) is None
    account = ("--type", V4, "--client-id", "id", "--client-secret", "x")
    endpoint = ("--endpoint", ACCOUNT["endpoint"])
    told = run("add", "--name", "new", *account, *endpoint, "--calls-per-day", "70")
    assert "Added" in told
    assert "\t0 calls today of 70\t" in run("list")


def test_it_holds_nothing_back(host: Host, desk: Desk, vendor: Vendor, at_vendor: str) -> None:
    assert desk.send(f"/providers/{at_vendor}", calls_per_day="1").status_code == 303
    one = ended(host, vendor, "one@example.com")
    other = ended(host, vendor, "other@example.com", id_number="X2")
    assert len(vendor.asked()) > 1
    with host.app.app_context():
        found = [host.db.session.get_one(Verification, each).status for each in (one, other)]
        assert found == [Status.approved, Status.rejected], "each as its papers deserve"
        assert not host.db.session.get_one(Provider, at_vendor).is_backed_off


# -- what is made of it -------------------------------------------------------------------------


def test_use_and_busiest_day_are_shown_where_it_is_known_and_nowhere_else(
    host: Host, desk: Desk
) -> None:
    known = add_provider(host, name="Known", calls_per_day=5000)
    other = add_provider(host, name="Other")
    for provider in (known, other):
        call(host, provider, 1204)
        call(host, provider, 3920, days_ago=5)
    page = desk.get("/").text
    assert [row[4] for row in table(page, VENDORS)[1:]] == ["1,204 of 5,000 (24%)", "1,204"]
    with host.app.app_context():  # before the first verification there are no charts
        put(host, {"finished_at": clock.now(), "provider_id": other})
    page = desk.get("/").text
    assert [row[2] for row in table(page, BY_PROVIDER)[1:]] == ["3,920 (78%)", "3,920"]
    assert meters(page) == [("wait", "24.08")]
    own = desk.get(f"/providers/{known}")
    assert "Quota used today 1,204 of 5,000 (24%)" in words(own)
    assert "Quota used on the busiest of 30 days 3,920 of 5,000 (78%)" in words(own)
    assert meters(own.text) == [("wait", "24.08"), ("wait", "78.4")]
    unknown = desk.get(f"/providers/{other}")
    assert "Quota" not in words(unknown)
    assert meters(unknown.text) == []


@pytest.mark.parametrize(
    ("calls", "warns", "words_of_it", "bar"),
    [
        (3999, False, "3,999 of 5,000 (80%)", ("wait", "79.98")),
        (4000, True, "4,000 of the 5,000 calls a day (80%)", ("warn", "80.0")),
        (6000, True, "6,000 of the 5,000 calls a day (120%)", ("warn", "100")),
    ],
)
def test_from_four_fifths_on_overview_and_doctor_name_the_provider(
    host: Host, desk: Desk, calls: int, warns: bool, words_of_it: str, bar: tuple[str, str]
) -> None:
    busy = add_provider(host, name="Busy", calls_per_day=5000)
    add_provider(host, name="Calm", calls_per_day=5000)
    call(host, busy, calls)
    page = desk.get("/")
    assert words_of_it in words(page)
    assert ("Today Busy has made" in words(page)) is warns
    assert "Today Calm" not in words(page)
    assert meters(page.text) == [bar, ("wait", "0.0")]
    with host.app.app_context():
        advice = {each.about: each for each in doctor.examine()}
    assert advice["calls of 'Busy'"].level == ("warning" if warns else "ok")
    assert ("of the 5000 a day" in advice["calls of 'Busy'"].message) is warns
    assert advice["calls of 'Calm'"].level == "ok"


def test_yesterdays_calls_warn_nobody(host: Host, desk: Desk) -> None:
    call(host, add_provider(host, name="Busy", calls_per_day=10), 10, days_ago=1)
    assert "Today Busy" not in words(desk.get("/"))


def test_numbers_are_written_as_the_language_does(host: Host, desk: Desk) -> None:
    Babel(host.app, default_locale="de")
    call(host, add_provider(host, calls_per_day=5000), 1204)
    (row,) = table(desk.get("/").text, "[^<]*")[1:]
    assert re.fullmatch(r"1\.204 \w+ 5\.000 \(24\s%\)", row[4]), row
