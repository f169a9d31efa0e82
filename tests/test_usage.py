"""Calls to vendors are counted, once each, however many workers there are, and shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

import flask_idverify
from flask_idverify import clock, connection, inbox, queries, service, tasks
from flask_idverify.errors import VendorError
from flask_idverify.models import Provider, ProviderUsage, Verification
from flask_idverify.service.providers import delete_provider
from flask_idverify.service.usage import KEPT_DAYS, add_calls, today
from flask_idverify.states import Status
from tests.databases import file_uri
from tests.erasing import SIGNED, identity_of
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import GENERATIONS, V4, Vendor, together
from tests.web_admin.desk import Desk, words


def counted(host: Host) -> tuple[int, int, int]:
    """Return all calls, refused and failed ones."""
    host.db.session.rollback()
    rows = host.db.session.scalars(select(ProviderUsage)).all()
    assert len({(row.provider_id, row.day) for row in rows}) == len(rows)
    found = [(row.calls, row.refused, row.failed) for row in rows]
    return (sum(a for a, _, _ in found), sum(b for _, b, _ in found), sum(c for _, _, c in found))


@pytest.mark.usefixtures("app_context")
@pytest.mark.parametrize("kind", GENERATIONS)
def test_calls_are_counted_once_per_exchange(
    host: Host, vendor: Vendor, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    provider = host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    row = service.start(user, lena(), consent())
    vendor.finish(row)
    assert counted(host) == (len(vendor.asked()), 0, 0)
    # A repetition is an exchange of its own, and so is a new token.
    vendor.sandbox.revoke_tokens()
    vendor.sandbox.set_faults([{"kind": "5xx", "where": "status", "times": 2}])
    assert service.refresh(row).status is Status.approved
    refused = 1 if kind != V4 else 0  # the old token
    assert counted(host) == (len(vendor.asked()), 0, 2 + refused)
    service.image(row, "front", admin="1")
    connection.check(provider)
    service.erase(identity_of(host, user), **SIGNED)
    inbox.drain()
    assert vendor.asked("erase")
    assert counted(host) == (len(vendor.asked()), 0, 2 + refused)
    vendor.sandbox.set_faults([{"kind": "429"}])
    with pytest.raises(VendorError):
        service.start(host.add_user("max@example.com"), lena(), consent())
    assert counted(host) == (len(vendor.asked()), 1, 2 + refused)


@pytest.mark.usefixtures("app_context")
def test_what_got_no_answer_has_failed(
    host: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.add_provider(vendor.url)

    def lost(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "request", lost)
    with pytest.raises(VendorError):
        service.start(host.add_user("lena@example.com"), lena())
    assert counted(host) == (1, 0, 1)


@pytest.mark.parametrize("kind", GENERATIONS)
def test_count_survives_parallel_workers(tmp_path: Path, vendor: Vendor, kind: str) -> None:
    hosts = [make_host(SQLALCHEMY_DATABASE_URI=file_uri(tmp_path))]
    uri = hosts[0].app.config["SQLALCHEMY_DATABASE_URI"]
    hosts.append(make_host(SQLALCHEMY_DATABASE_URI=uri))
    with hosts[0].app.app_context():
        hosts[0].add_provider(vendor.url, kind)
        ids = []
        for number in range(8):
            user = hosts[0].add_user(f"user{number}@example.com")
            ids.append(service.start(user, lena(), consent()).id)
        # The day begins in the middle of the crowd.
        hosts[0].db.session.query(ProviderUsage).delete()
        hosts[0].db.session.commit()
    vendor.sandbox.clear_journal()

    def ask(index: int) -> None:
        with hosts[index % 2].app.app_context():
            for _ in range(3):
                service.refresh(hosts[index % 2].db.session.get_one(Verification, ids[index]))

    assert together(hosts[0], 8, ask) == [None] * 8
    with hosts[0].app.app_context():
        assert counted(hosts[0]) == (len(vendor.asked()), 0, 0)
        assert len(vendor.asked("status")) == 24


@pytest.mark.usefixtures("app_context")
def test_counting_never_fails_whoever_asks(
    host: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host.add_provider(vendor.url)

    def full(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full of Lena")

    for name in ("add_calls", "back_off", "note_trouble"):
        monkeypatch.setattr(f"flask_idverify.service.asking.{name}", full)
    row = service.start(host.add_user("lena@example.com"), lena())
    vendor.finish(row)
    for fault in ({"kind": "429"}, {"kind": "401"}):
        vendor.sandbox.set_faults([fault])
        with pytest.raises(VendorError) as told:
            service.refresh(row)
        assert told.value.status == int(fault["kind"])
    vendor.sandbox.clear_faults()
    assert service.refresh(row).status is Status.approved
    assert "Lena" not in caplog.text
    assert "OSError" in caplog.text


@pytest.mark.usefixtures("app_context")
def test_days_are_those_of_utc_and_old_ones_go(host: Host, vendor: Vendor) -> None:
    provider = host.add_provider(vendor.url)
    for days in (0, 1, 6, 7, 29, 30, KEPT_DAYS, KEPT_DAYS + 1):
        with clock.shifted(days=-days):
            add_calls(provider.id, calls=10, refused=2, failed=1)
    found = [(each.days, each.calls, each.refused) for each in queries.usage_of(provider)]
    assert found == [(1, 10, 2), (7, 30, 6), (30, 50, 10)]
    service.purge(dry_run=True)
    assert counted(host)[0] == 80
    done = host.app.test_cli_runner().invoke(args=["idverify", "purge"])
    assert done.exit_code == 0
    oldest = min(host.db.session.scalars(select(ProviderUsage.day)))
    assert oldest == today() - timedelta(days=KEPT_DAYS)


@pytest.mark.usefixtures("app_context")
def test_numbers_go_with_their_provider(host: Host, vendor: Vendor) -> None:
    provider = host.add_provider(vendor.url, link=False)
    assert connection.check(provider)[0].ok
    assert counted(host)[0] > 0
    delete_provider(provider, actor="admin:1")
    host.db.session.commit()
    assert counted(host) == (0, 0, 0)
    add_calls(provider_id := "gone", calls=1, refused=0, failed=0)
    assert host.db.session.get(Provider, provider_id) is None


def test_nobody_calls_a_vendor_past_the_counter() -> None:
    package = Path(flask_idverify.__file__).parent
    borrowers = {
        path.name for path in package.rglob("*.py") if ".vendors.adapter(" in path.read_text()
    }
    # The start looks at what the adapter is before it asks.
    assert borrowers == {"asking.py", "start.py"}
    start = (package / "service" / "start.py").read_text()
    assert "with asking(provider) as adapter:\n            started = adapter.start(" in start


def test_numbers_are_shown_to_admins(host: Host, vendor: Vendor) -> None:
    desk = Desk(host)
    with host.app.app_context():
        provider_id = host.add_provider(vendor.url, name="Main account").id
        with clock.shifted(days=-3):
            add_calls(provider_id, calls=1200, refused=31, failed=7)
        add_calls(provider_id, calls=40, refused=2, failed=1)
    assert "Main account" in words(desk.get("/providers"))
    assert ' class="idv-number">40</td>' in desk.get("/providers").text
    page = words(desk.get(f"/providers/{provider_id}"))
    assert "Today 40 2 1 Last 7 1,240 33 8 Last 30 1,240 33 8" in page
    listed = host.app.test_cli_runner().invoke(args=["idverify", "provider", "list"])
    assert "40 calls today" in listed.output


@pytest.mark.usefixtures("app_context")
def test_old_numbers_go_by_the_hosts_beat_too_though_no_retention_is_set(
    host: Host, vendor: Vendor
) -> None:
    provider = host.add_provider(vendor.url)
    for days in (0, KEPT_DAYS + 1):
        with clock.shifted(days=-days):
            add_calls(provider.id, calls=10, refused=2, failed=1)
    assert not host.app.extensions["idverify"].settings.retention_days
    assert tasks.purge() == 0
    assert [row.day for row in host.db.session.scalars(select(ProviderUsage))] == [today()]
