"""Callbacks that are tried again on request: each once, of whom was asked for, and truly told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import clock, doctor, inbox, queries, service
from flask_idverify.adapters.jumio.v4 import JumioV4
from flask_idverify.models import CallbackRow, Provider
from flask_idverify.service import backoff
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor
from tests.web_admin.desk import Desk, words

STRANGE = b"callBackType=NETVERIFYID&jumioIdScanReference=0b7c9a1e-0000-4000-8000-000000000000"
FORM = "application/x-www-form-urlencoded"
#: What the doctor's advice on them is headed by.
ABOUT = ("failed callbacks", "strangers' callbacks")


@pytest.fixture
def failed(host: Host, vendor: Vendor) -> Host:
    """A host with three callbacks of the provider A that failed, and none of B."""
    with host.app.app_context():
        host.add_provider(vendor.url, name="A")
        host.add_provider(vendor.url, name="B", link=False)
        begun = [
            service.start(host.add_user(f"{n}@example.com"), lena(id_number=f"U{n}"), consent())
            for n in range(3)
        ]
        vendor.sandbox.set_faults([{"kind": "403", "where": "status"}])
        for row in begun:
            vendor.finish(row, "fraud")
            assert vendor.notification(row.vendor_reference).arrive()
        inbox.drain()
        host.db.session.remove()
    return host


def prompt(host: Host, *arguments: str) -> tuple[int, str]:
    done = host.app.test_cli_runner().invoke(args=["idverify", "replay", *arguments])
    return done.exit_code, done.output


def change(host: Host, **values: Any) -> None:
    with host.app.app_context():
        host.db.session.execute(update(CallbackRow).values(**values))
        host.db.session.commit()


def be_silent(host: Host, name: str = "A", **delta: float) -> str:
    with host.app.app_context():
        sender = host.db.session.scalars(select(Provider.id).where(Provider.name == name)).one()
        until = clock.now() + timedelta(**delta)
        backoff.back_off(sender, until)
        host.db.session.remove()
    return f"{until:%H:%M:%S} UTC"


def stored(host: Host) -> list[CallbackRow]:
    with host.app.app_context():
        rows = list(host.db.session.scalars(select(CallbackRow)))
        host.db.session.expunge_all()
        return rows


def test_each_is_tried_once_however_long_the_others_take(
    failed: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = JumioV4.fetch
    shifts = []

    def fetch(self: Any, request: Any) -> Any:
        shifts.append(clock.shifted(seconds=20))
        shifts[-1].__enter__()
        assert len(shifts) < 20, "again and again"
        return asked(self, request)

    monkeypatch.setattr(JumioV4, "fetch", fetch)
    try:
        code, said = prompt(failed, "--all-failed")
    finally:
        for each in reversed(shifts):
            each.__exit__(None, None, None)
    assert len(shifts) == 3
    assert (code, "Done: 0; failed again: 3." in said) == (1, True)


def test_only_those_of_the_named_provider_are_tried(failed: Host, vendor: Vendor) -> None:
    with failed.app.app_context():
        other = failed.db.session.scalars(select(Provider).where(Provider.name == "B")).one()
        assert inbox.receive(other.callback_key or "", None, STRANGE, FORM)
        inbox.drain()
        failed.db.session.remove()
    change(failed, next_try_at=clock.now() - timedelta(seconds=1))
    before = len(vendor.asked("status"))
    code, said = prompt(failed, "--all-failed", "--provider", "B")
    assert (code, said.splitlines()[:2]) == (1, ["Due now: 1.", "Done: 0; failed again: 1."])
    assert len(vendor.asked("status")) == before


@pytest.mark.parametrize("one", [True, False])
def test_a_vendors_silence_is_named_and_no_failure(failed: Host, *, one: bool) -> None:
    with clock.stopped():
        until = be_silent(failed, minutes=10)
        code, said = prompt(failed, stored(failed)[0].id if one else "--all-failed")
    count = 1 if one else 3
    assert code == 0, said
    assert f"{count} of 'A' wait until {until}: the vendor's rate limit." in said
    assert "Done: 0; failed again: 0." in said


def test_a_limit_that_is_met_on_the_way_is_no_failure_either(failed: Host, vendor: Vendor) -> None:
    vendor.sandbox.set_faults([{"kind": "429", "where": "status", "retry_after": 60}])
    code, said = prompt(failed, "--all-failed")
    assert code == 0, said
    assert "3 of 'A' wait until" in said
    assert {row.tries for row in stored(failed)} == {0}


def test_admins_read_of_the_silence_too(failed: Host) -> None:
    desk = Desk(failed)
    with clock.stopped():
        until = be_silent(failed, minutes=10)
        shown = words(desk.get("/callbacks"))
        path = f"/callbacks/{stored(failed)[0].id}/replay"
        desk.post(path, desk.form("/callbacks", path))
        flashed = words(desk.get("/callbacks"))
    assert f" {until}: the vendor's rate limit." in flashed
    # No next try is promised for a moment at which nothing is sent.
    with failed.app.app_context():
        rows = queries.failed_callbacks().page.rows
        assert {row.next_try for row in rows} == {rows[0].provider.backed_off_until}
        assert {row.next_try_at for row in rows} != {rows[0].next_try}
        moment = f"{rows[0].next_try:%H:%M}"
    assert shown.count(moment) >= 3


def test_what_a_worker_is_at_is_left_to_it(failed: Host) -> None:
    desk = Desk(failed)
    change(failed, leased_until=clock.now() + timedelta(minutes=1), tries=5)
    code, said = prompt(failed, stored(failed)[0].id)
    assert (code, "A worker is processing this callback" in said) == (1, True)
    code, said = prompt(failed, "--all-failed")
    assert code == 0
    assert "Due now: 0." in said
    assert "3 are being processed by a worker at this moment." in said
    path = f"/callbacks/{stored(failed)[0].id}/replay"
    desk.post(path, desk.form("/callbacks", path))
    assert "A worker is processing it at this moment." in words(desk.get("/callbacks"))
    assert {row.tries for row in stored(failed)} == {5}


def test_a_worker_that_died_holds_nothing_up(failed: Host, vendor: Vendor) -> None:
    vendor.sandbox.clear_faults()
    change(failed, leased_until=clock.now() - timedelta(seconds=1))
    code, said = prompt(failed, "--all-failed")
    assert (code, "Done: 3; failed again: 0." in said) == (0, True)


def test_tries_never_fall_below_none(failed: Host, vendor: Vendor) -> None:
    """Its lease ran out while a slow worker had it, and an admin has begun it anew meanwhile."""
    vendor.sandbox.set_faults([{"kind": "429", "where": "status", "retry_after": 60}])
    change(failed, tries=-1, next_try_at=clock.now())
    with failed.app.app_context():
        inbox.drain()
    assert 0 in {row.tries for row in stored(failed)}


def test_what_matches_nothing_in_the_end_is_not_owed(host: Host, vendor: Vendor) -> None:
    desk = Desk(host)
    with host.app.app_context():
        row = host.add_provider(vendor.url)
        assert inbox.receive(row.callback_key, None, STRANGE, FORM)
        inbox.drain()
        assert queries.failed_callback_count() == 1
        assert [each.level for each in told()] == ["warning"]
        host.db.session.execute(update(CallbackRow).values(next_try_at=None, tries=16))
        host.db.session.commit()
        assert queries.failed_callback_count() == 0
        (advice,) = told()
    assert (advice.level, advice.message[:29]) == ("ok", "1 match no verification and a")
    assert "could not be acted on" not in words(desk.get("/"))
    page = words(desk.get("/callbacks"))
    assert "1 of them matches no verification of ours and is not tried by itself any more" in page


def told() -> list[Any]:
    return [each for each in doctor.examine() if each.about in ABOUT]
