"""A vendor's rate limit: one refusal silences the whole provider, and nothing is lost meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.ctx import AppContext
from requests_mock import ANY
from sqlalchemy import event, select

from flask_idverify import clock, connection, inbox, leases, service
from flask_idverify.errors import VendorBackedOff, VendorBusy
from flask_idverify.models import CallbackRow, OutboxRow, Provider, Verification
from flask_idverify.service import backoff
from flask_idverify.states import Status
from tests.databases import file_uri
from tests.erasing import SIGNED, identity_of
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import GENERATIONS, V4, Vendor, status, together
from tests.web.people import TYPED, Person, words

LONG = {"kind": "429", "retry_after": 300}
SILENT = {"kind": "429"}


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    with clock.stopped() as moment:
        yield moment


@pytest.fixture(params=GENERATIONS)
def apart(request: pytest.FixtureRequest, tmp_path: Path, vendor: Vendor) -> list[Host]:
    """Two apps on one database, as two processes have them: each with adapters and tokens."""
    uri = file_uri(tmp_path)
    hosts = [make_host(SQLALCHEMY_DATABASE_URI=uri) for _ in range(2)]
    with hosts[0].app.app_context():
        hosts[0].add_provider(vendor.url, request.param)
    return hosts


def begin(host: Host, vendor: Vendor, count: int) -> list[Verification]:
    """Let *count* users hand their papers in; the vendor has decided."""
    made = []
    for number in range(count):
        user = host.add_user(f"user{number}@example.com")
        made.append(host.idverify.start(user, lena(id_number=f"U730194{number}"), consent()))
        vendor.finish(made[-1], number=f"U730194{number}")
        service.note_return(made[-1])
    return made


def provider(host: Host) -> Provider:
    """Return the one that the host began with; the clock stands still, so that no age tells it."""
    host.db.session.rollback()
    return host.db.session.scalars(select(Provider).where(Provider.name.like("Jumio%"))).one()


def change(host: Host, provider_id: str, **changes: Any) -> None:
    row = host.db.session.get_one(Provider, provider_id)
    fields = ("name", "type", "endpoint", "options", "enabled", "calls_per_day")
    kept = {name: getattr(row, name) for name in fields}
    values = {**kept, "client_secret": None, "actor": "admin:1", **changes}
    service.providers.change_provider(row, **values)
    host.db.session.commit()


def attempts(host: Host) -> list[Verification]:
    host.db.session.rollback()
    return list(host.db.session.scalars(select(Verification)))


def silence(host: Host, vendor: Vendor, fault: dict[str, Any]) -> None:
    """Let the next call meet the vendor's rate limit."""
    vendor.sandbox.set_faults([fault])
    vendor.sandbox.clear_journal()
    with clock.shifted(minutes=1):
        inbox.drain()


def test_one_429_silences_the_provider_for_all_workers(apart: list[Host], vendor: Vendor) -> None:
    first, second = apart
    with first.app.app_context():
        rows = begin(first, vendor, 4)
        told = [vendor.notification(row.vendor_reference) for row in rows]
        service.erase(identity_of(first, first.db.session.get(first.User, 1)), **SIGNED)
        silence(first, vendor, LONG)
        assert len(vendor.asked()) == 1
    person = Person(second, "look@example.com")
    with second.app.app_context(), clock.shifted(minutes=2):
        inbox.drain()
        assert all(each.arrive() for each in told[1:])
        inbox.drain()
        second.app.test_cli_runner().invoke(args=["idverify", "work", "--once"])
        left = [row for row in attempts(second) if row.status is not Status.canceled]
        assert len(left) == 3
        for row in left:
            assert not service.claim_fetch(row), "nobody takes a turn that nobody can have"
            assert service.refresh_if_due(row).status is Status.started
            with pytest.raises(VendorBackedOff):
                service.refresh(row)
            with pytest.raises(VendorBackedOff):
                service.image_names(row)
        with pytest.raises(VendorBackedOff) as refused:
            service.start(person.user(), lena(), consent())
        # One minute after the refusal, of five.
        assert refused.value.retry_after == 240
        with pytest.raises(VendorBackedOff):
            service.start_test(person.user(), lena(), provider(second), consent())
    assert len(vendor.asked()) == 1


def test_backed_off_work_is_done_after_the_back_off(apart: list[Host], vendor: Vendor) -> None:
    first, second = apart
    with first.app.app_context():
        rows = begin(first, vendor, 3)
        told = vendor.notification(rows[2].vendor_reference)
        gone = first.db.session.get(first.User, 1)
        service.erase(identity_of(first, gone), **SIGNED)
        silence(first, vendor, LONG)
        with clock.shifted(minutes=2):
            assert told.arrive()
            assert sum(inbox.work_through()) == 0
    vendor.sandbox.clear_faults()
    with second.app.app_context():
        with clock.shifted(minutes=5, seconds=59):
            inbox.drain()
            assert len(vendor.asked()) == 1
        with clock.shifted(minutes=6, seconds=1):
            inbox.drain()
        ended = sorted(str(row.status) for row in attempts(second))
        assert ended == ["approved", "approved", "canceled"]
        assert second.db.session.scalars(select(OutboxRow)).all() == []
        (kept,) = second.db.session.scalars(select(CallbackRow))
        assert (kept.processed_at is not None, kept.tries) == (True, 1)
        row = provider(second)
        assert row.refusals == 0


class TestOneHost:
    @pytest.fixture(autouse=True)
    def _provider(self, app_context: AppContext, host: Host, vendor: Vendor) -> None:
        host.add_provider(vendor.url)

    def test_a_refused_try_is_not_counted_and_made_up_for(self, host: Host, vendor: Vendor) -> None:
        row, other = begin(host, vendor, 2)
        assert vendor.notification(row.vendor_reference).arrive()
        vendor.sandbox.set_faults([LONG])
        # Past the last of the schedule's offsets: the next would be a day later.
        with clock.shifted(minutes=20):
            inbox.drain()
            (kept,) = host.db.session.scalars(select(CallbackRow))
            until = clock.now() + timedelta(seconds=300)
            assert (kept.tries, kept.processed_at, kept.leased_until) == (0, None, None)
            assert "rate limit" in (kept.error or "")
            assert kept.next_try_at is not None
            assert kept.next_try_at >= until
            assert provider(host).backed_off_until == until
            host.db.session.refresh(row)
            assert row.next_poll_at == until
            host.db.session.refresh(other)
            assert other.next_poll_at is not None
            assert other.next_poll_at < clock.now(), "it waits, but nobody needs to look before"
            assert inbox.next_due() == until

    def test_a_deletion_counts_no_try_while_the_vendor_wants_peace(
        self, host: Host, vendor: Vendor
    ) -> None:
        begin(host, vendor, 1)
        service.erase(identity_of(host, host.db.session.get(host.User, 1)), **SIGNED)
        vendor.sandbox.set_faults([LONG])
        inbox.drain()
        (owed,) = host.db.session.scalars(select(OutboxRow))
        assert owed.tries == 0
        assert owed.next_try_at is not None
        assert owed.next_try_at >= clock.now() + timedelta(seconds=300)

    def test_silence_is_cheap(self, host: Host, vendor: Vendor) -> None:
        begin(host, vendor, 5)
        silence(host, vendor, LONG)
        written: list[str] = []

        def watch(_: Any, __: Any, statement: str, *___: Any) -> None:
            written.extend([statement] if statement.startswith(("UPDATE", "INSERT")) else [])

        event.listen(host.db.engine, "before_cursor_execute", watch)
        with clock.shifted(minutes=2):
            assert inbox.drain() == 0
        event.remove(host.db.engine, "before_cursor_execute", watch)
        assert [each for each in written if "idverify_verification" in each] == []

    def test_many_that_wait_stand_in_nobodys_way(self, host: Host, vendor: Vendor) -> None:
        crowd, (row,) = 130, begin(host, vendor, 1)
        told = vendor.notification(row.vendor_reference)
        silent = host.add_provider(vendor.url, name="silent", link=False).id
        late = clock.now() - timedelta(hours=1)
        for number in range(crowd):
            key = f"waiting-{number}"
            kept = CallbackRow(provider_id=silent, scope=key, digest=key, next_try_at=late)
            kept.body = b""
            owed = OutboxRow(provider_id=silent, kind="nobody's", subject=key, next_try_at=late)
            host.db.session.add_all([kept, owed])
        host.db.session.commit()
        assert told.arrive()
        backoff.back_off(silent, clock.now() + timedelta(minutes=5))
        inbox.drain()
        assert status(host, row) is Status.approved
        end = host.db.session.get_one(Provider, silent).backed_off_until
        models: list[Any] = [CallbackRow, OutboxRow]
        for model in models:
            theirs = select(model).where(model.provider_id == silent)
            waits = host.db.session.scalars(theirs).all()
            assert {each.next_try_at for each in waits} == {end}
            assert {(each.tries, each.error) for each in waits} == {(0, None)}
        host.db.session.rollback()
        change(host, silent, client_id="other-id", same_account=True)
        assert inbox.next_due() == clock.now(), "with another limit nobody waits for this one"
        inbox.drain()
        for model in models:
            tried = select(model.tries).where(model.provider_id == silent)
            assert set(host.db.session.scalars(tried)) == {1}

    def test_nobody_waits_for_an_end_that_was_put_off_and_then_forgiven(
        self, host: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_FEW", 1)
        silent = host.add_provider(vendor.url, name="silent", link=False).id
        late, later = clock.now() - timedelta(hours=1), clock.now() + timedelta(minutes=3)
        for number, due in enumerate((late, late, late, later)):
            owed = OutboxRow(provider_id=silent, kind="x", subject=str(number), next_try_at=due)
            host.db.session.add(owed)
        host.db.session.commit()
        backoff.back_off(silent, clock.now() + timedelta(minutes=5))
        leases.make_way(OutboxRow, OutboxRow.next_try_at)
        backoff.back_off(silent, clock.now() + timedelta(minutes=15))
        change(host, silent, client_id="other-id", same_account=True)
        now = clock.now()
        due_now = host.db.session.scalars(select(OutboxRow.next_try_at)).all()
        assert list(due_now) == [now] * 4, "as early as somebody asks anew"

    def test_polls_that_wait_stand_in_nobodys_way(
        self, host: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_FEW", 1)
        rows = begin(host, vendor, 3)
        end = clock.now() + timedelta(minutes=5)
        with clock.shifted(minutes=1):
            backoff.back_off(provider(host).id, end)
            inbox.drain()
            for row in rows:
                host.db.session.refresh(row)
                assert (row.next_poll_at, row.polls, row.leased_until) == (end, 0, None)
        with clock.shifted(minutes=5, seconds=1):
            inbox.drain()
        assert {status(host, row) for row in rows} == {Status.approved}

    def test_the_wait_doubles_with_each_refusal_and_ends_with_a_success(
        self, host: Host, vendor: Vendor
    ) -> None:
        (row,) = begin(host, vendor, 1)
        vendor.sandbox.set_faults([SILENT])
        waits, passed = [], 0.0
        for _ in range(9):
            with clock.shifted(seconds=passed):
                with pytest.raises(VendorBusy) as refused:
                    service.refresh(row)
                assert refused.value.status == 429, "the earlier wait was over"
                until = provider(host).backed_off_until
                assert until is not None
                waits.append((until - clock.now()).total_seconds())
                assert refused.value.retry_after == waits[-1]
            passed += waits[-1] + 1
        for wait, expected in zip(waits, (10, 20, 40, 80, 160, 320, 640, 900, 900), strict=True):
            assert 0.8 * expected <= wait <= 1.2 * expected + 1
        assert len(vendor.asked("status")) == 9, "none was repeated within its call"
        vendor.sandbox.clear_faults()
        with clock.shifted(seconds=passed):
            assert service.refresh(row).status is Status.approved
        assert provider(host).refusals == 0

    @pytest.mark.parametrize(("asked", "kept"), [(0, 1), (7200, 3600)])
    def test_what_the_vendor_asks_for_is_kept_within_reason(
        self, host: Host, vendor: Vendor, asked: int, kept: int
    ) -> None:
        vendor.sandbox.set_faults([{"kind": "429", "retry_after": asked}])
        with pytest.raises(VendorBusy) as refused:
            service.start(host.add_user("lena@example.com"), lena())
        assert refused.value.retry_after == kept
        assert provider(host).backed_off_until == clock.now() + timedelta(seconds=kept)

    @pytest.mark.parametrize("asked", [0, 1])
    def test_a_time_that_proves_too_short_is_not_believed_for_ever(
        self, host: Host, vendor: Vendor, asked: int
    ) -> None:
        (row,) = begin(host, vendor, 1)
        vendor.sandbox.set_faults([{"kind": "429", "retry_after": asked}])
        waits, passed = [], 0.0
        for _ in range(6):
            with clock.shifted(seconds=passed):
                with pytest.raises(VendorBusy) as refused:
                    service.refresh(row, patient=False)
                assert refused.value.retry_after is not None
                waits.append(refused.value.retry_after)
            passed += waits[-1] + 1
        assert waits[:3] == [1, 1, 1]
        for wait, expected in zip(waits[3:], (80, 160, 320), strict=True):
            assert 0.8 * expected <= wait <= 1.2 * expected + 1
        assert backoff.pause_for(3600, 6) == 3600, "more than ours is believed at any time"

    @pytest.mark.parametrize("wish", ["cancel", "start"])
    def test_a_finished_check_is_not_thrown_away_because_nobody_may_ask(
        self, host: Host, vendor: Vendor, wish: str
    ) -> None:
        (row,) = begin(host, vendor, 1)
        user, agreed = host.db.session.get(host.User, 1), consent()
        wishes = {
            "cancel": lambda: service.cancel(row),
            "start": lambda: service.start(user, lena(id_number="U7301940"), agreed),
        }
        vendor.sandbox.clear_journal()
        with clock.shifted(minutes=31):
            backoff.back_off(provider(host).id, clock.now() + timedelta(minutes=5))
            with pytest.raises(VendorBackedOff) as refused:
                wishes[wish]()
            assert refused.value.retry_after == 300
            assert (status(host, row), vendor.asked()) == (Status.started, [])
        with clock.shifted(minutes=37):
            inbox.drain()
            assert status(host, row) is Status.approved

    @pytest.mark.parametrize("wish", ["cancel", "start"])
    def test_a_finished_check_is_not_thrown_away_by_the_first_refusal(
        self, host: Host, vendor: Vendor, wish: str
    ) -> None:
        (row,) = begin(host, vendor, 1)
        user, agreed = host.db.session.get(host.User, 1), consent()
        wishes = {
            "cancel": lambda: service.cancel(row),
            "start": lambda: service.start(user, lena(id_number="U7301940"), agreed),
        }
        vendor.sandbox.set_faults([{"kind": "429", "retry_after": 60, "times": 1}])
        with clock.shifted(minutes=31):
            with pytest.raises(VendorBusy):
                wishes[wish]()
            assert status(host, row) is Status.started
        with clock.shifted(minutes=37):
            inbox.drain()
            assert status(host, row) is Status.approved

    def test_an_admin_may_end_an_attempt_while_nobody_may_ask(
        self, host: Host, vendor: Vendor
    ) -> None:
        (row,) = begin(host, vendor, 1)
        backoff.back_off(provider(host).id, clock.now() + timedelta(minutes=5))
        assert service.cancel(row, admin="7", reason="Asked to.").status is Status.canceled

    def test_a_refusal_that_is_got_over_within_the_call_leaves_no_trace(
        self, host: Host, vendor: Vendor
    ) -> None:
        (row,) = begin(host, vendor, 1)
        slept: list[float] = []
        seen: list[datetime | None] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            # Meanwhile the others know.
            seen.append(provider(host).backed_off_until)
            host.db.session.rollback()

        adapter = host.app.extensions["idverify"].vendors.adapter(row.provider)
        adapter.http.sleep = sleep
        host.db.session.commit()
        vendor.sandbox.set_faults([{"kind": "429", "retry_after": 3, "times": 1}])
        assert service.refresh(row).status is Status.approved
        assert (slept, seen) == ([3.0], [clock.now() + timedelta(seconds=3)])
        with clock.shifted(seconds=4):
            service.refresh(row)
        assert provider(host).refusals == 0

    def test_the_end_only_ever_moves_later(self, host: Host) -> None:
        row = provider(host)
        for seconds, kept in ((60, 60), (30, 60), (90, 90)):
            backoff.back_off(row.id, clock.now() + timedelta(seconds=seconds))
            assert provider(host).backed_off_until == clock.now() + timedelta(seconds=kept)
        assert provider(host).refusals == 1, "answers to what was under way are one refusal"
        backoff.note_welcome(row.id)
        assert provider(host).is_backed_off

    def test_next_link_takes_over(self, host: Host, vendor: Vendor) -> None:
        second = host.add_provider(vendor.url, name="second")
        germans = host.add_provider(vendor.url, name="germans", link=False)
        host.idverify.link(germans, position=1, conditions={"countries": ["DEU"]})
        host.db.session.commit()
        backoff.back_off(provider(host).id, clock.now() + timedelta(minutes=5))
        user = host.add_user("lena@example.com")
        row = service.start(user, lena())
        assert row.provider_id == second.id
        with clock.shifted(minutes=6):
            # The first is back; the open page is still the one to go on with.
            assert service.start(user, lena()).id == row.id
        with pytest.raises(VendorBackedOff):
            service.start(host.add_user("max@example.com"), lena(), provider="Jumio test")
        backoff.back_off(second.id, clock.now() + timedelta(minutes=3))
        with pytest.raises(VendorBackedOff) as refused:
            service.start(host.add_user("eva@example.com"), lena())
        assert refused.value.retry_after == 180, "until the first of them is back"
        assert len(attempts(host)) == 1, "a start that was not sent is no attempt"

    def test_a_connection_check_goes_out_and_ends_no_silence(
        self, host: Host, vendor: Vendor
    ) -> None:
        until = clock.now() + timedelta(minutes=5)
        backoff.back_off(provider(host).id, until)
        assert connection.check(provider(host))[0].ok
        assert provider(host).backed_off_until == until
        with clock.shifted(minutes=6):
            vendor.sandbox.set_faults([LONG])
            assert not connection.check(provider(host))[0].ok
            row = provider(host)
            assert (row.is_backed_off, row.refusals) == (True, 2)

    def test_another_account_has_another_limit(self, host: Host) -> None:
        row = provider(host)
        backoff.back_off(row.id, clock.now() + timedelta(minutes=5))
        change(host, row.id, client_id=row.client_id)
        assert provider(host).is_backed_off
        change(host, row.id, client_id="other-id")
        assert not provider(host).is_backed_off

    def test_an_outage_with_a_time_puts_off_that_attempt_alone(
        self, host: Host, requests_mock: Any
    ) -> None:
        row = provider(host)
        row.endpoint = "https://netverify.com"
        host.db.session.commit()
        answer = {
            "transactionReference": "0f4d9a6b-8a3c-4b57-9c61-2e7d5f8a1b33",
            "redirectUrl": "https://exampleco.netverify.com/web/v4/app",
        }
        requests_mock.post("https://netverify.com/api/v4/initiate", json=answer)
        attempt = service.start(host.add_user("lena@example.com"), lena())
        asked = requests_mock.get(ANY, status_code=503, headers={"Retry-After": "7200"})
        with clock.shifted(minutes=31):
            assert service.refresh_if_due(attempt).status is Status.started
            host.db.session.refresh(attempt)
            assert attempt.next_poll_at == clock.now() + timedelta(hours=2)
        assert asked.call_count == 1
        assert provider(host).backed_off_until is None
        requests_mock.get(ANY, status_code=503, headers={"Retry-After": "9999999"})
        with clock.shifted(hours=3):
            service.refresh_if_due(attempt)
            host.db.session.refresh(attempt)
            assert attempt.next_poll_at == clock.now() + timedelta(days=1)


def test_requests_under_way_when_the_first_is_refused_are_one_refusal(
    tmp_path: Path, vendor: Vendor
) -> None:
    host = make_host(SQLALCHEMY_DATABASE_URI=file_uri(tmp_path))
    with host.app.app_context():
        host.add_provider(vendor.url, V4)
        ids = [row.id for row in begin(host, vendor, 6)]
    vendor.sandbox.set_faults([{"kind": "latency", "seconds": 0.5}, SILENT])
    vendor.sandbox.clear_journal()

    def ask(index: int) -> None:
        service.refresh(host.db.session.get_one(Verification, ids[index]))

    found = together(host, 6, ask)
    assert {type(each) for each in found} <= {VendorBusy, VendorBackedOff}
    with host.app.app_context():
        row = provider(host)
        assert row.refusals == 1
        assert row.backed_off_until is not None
        assert row.backed_off_until <= clock.now() + timedelta(seconds=13)


@pytest.mark.parametrize("by_api", [False, True])
def test_a_user_is_told_when_to_come_back(host: Host, vendor: Vendor, *, by_api: bool) -> None:
    with host.app.app_context():
        row = host.add_provider(vendor.url)
        backoff.back_off(row.id, clock.now() + timedelta(seconds=90))
    person = Person(host)
    if by_api:
        answer = person.browser.post(
            "/identity/api/verifications",
            json={"claim": lena().to_dict()},
            headers={"X-CSRFToken": person.token()},
        )
        assert answer.json is not None
        assert answer.json["code"] == "vendor_busy"
    else:
        answer = person.post(**TYPED)
        assert "busy" in words(answer)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "90")
    assert vendor.asked() == []
