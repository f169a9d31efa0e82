"""What happens when nobody tells us anything: polls by the clock, and an end at last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text, update

from flask_idverify import clock, inbox, service
from flask_idverify.errors import VendorError
from flask_idverify.models import Verification
from flask_idverify.service import polling
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor, owed, status

pytestmark = pytest.mark.usefixtures("app_context", "stopped_clock")


@pytest.fixture
def stopped_clock() -> Iterator[None]:
    """A plan is compared to the second, and a busy machine takes seconds."""
    with clock.stopped():
        yield


def begin(host: Host, vendor: Vendor, kind: str = V4) -> Verification:
    host.add_provider(vendor.url, kind)
    return host.idverify.start(host.add_user("lena@example.com"), lena(), consent())


def seconds(moment: datetime | None, since: datetime) -> int:
    assert moment is not None
    return round((moment - since).total_seconds())


def test_polls_follow_the_vendors_schedule_from_the_browsers_return(
    host: Host, vendor: Vendor
) -> None:
    row = begin(host, vendor)
    since = clock.now()
    service.note_return(row)
    host.db.session.refresh(row)
    planned = [seconds(row.next_poll_at, since)]
    for _ in range(11):
        with clock.shifted(seconds=planned[-1] + 1):
            assert inbox.drain() == 1
            assert inbox.drain() == 0
            host.db.session.refresh(row)
            planned.append(seconds(row.next_poll_at, since))
    assert planned[:10] == [40, 60, 100, 160, 240, 340, 460, 600, 760, 940]
    assert planned[10] - planned[9] == 86401
    assert planned[11] - planned[10] == 86401
    assert len(vendor.asked("status")) == 11


@pytest.mark.parametrize("kind", GENERATIONS)
def test_link_that_is_open_for_weeks_hides_no_result_for_weeks(
    host: Host, vendor: Vendor, kind: str
) -> None:
    """The callback is lost, and the user has closed the window before it led back to us."""
    host.add_provider(vendor.url, kind, options={"token_lifetime": 60 * 24 * 30})
    row = host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
    for days in (1, 2):
        with clock.shifted(days=days, seconds=1):
            assert inbox.drain() == 1
            host.db.session.refresh(row)
            assert seconds(row.next_poll_at, clock.now()) == 24 * 60 * 60
    vendor.finish(row)
    with clock.shifted(days=3, seconds=2):
        inbox.drain()
    assert status(host, row) is Status.approved


def test_looking_at_the_page_uses_up_no_poll(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    since = clock.now()
    service.note_return(row)
    for second in range(1, 240, 15):
        with clock.shifted(seconds=second):
            service.refresh_if_due(row)
    host.db.session.refresh(row)
    assert seconds(row.next_poll_at, since) == 240


def test_polls_count_from_the_vendors_word_that_the_papers_are_in(
    host: Host, vendor: Vendor
) -> None:
    row = begin(host, vendor, PLATFORM)
    assert row.vendor_reference
    vendor.sandbox.plan(row.vendor_reference, processing_seconds=3600)
    vendor.finish(row)
    with clock.shifted(seconds=300):
        since = clock.now()
        assert vendor.notification(row.vendor_reference, "ACQUIRED").arrive()
        inbox.drain()
        assert status(host, row) is Status.processing
        assert seconds(row.next_poll_at, since) == 40


def test_silent_attempt_is_polled_from_its_links_end(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row)
    with clock.shifted(minutes=30):
        assert inbox.drain() == 0
    with clock.shifted(minutes=31):
        assert inbox.drain() == 1
    assert status(host, row) is Status.approved


@pytest.mark.parametrize("kind", GENERATIONS)
def test_callback_that_was_early_or_repeated_makes_the_next_poll_due(
    host: Host, vendor: Vendor, kind: str
) -> None:
    row = begin(host, vendor, kind)
    told = vendor.notification(row.vendor_reference, "PROCESSED")
    since = clock.now()
    assert told.arrive()
    inbox.drain()
    assert status(host, row) is Status.started
    assert seconds(row.next_poll_at, since) == 10
    vendor.finish(row)
    for _ in range(5):
        assert told.arrive()
        inbox.drain()
    assert len(vendor.asked("status")) == 1  # at most one fetch per ten seconds
    with clock.shifted(seconds=11):
        inbox.drain()
    assert status(host, row) is Status.approved


def test_decided_and_reviewed_attempts_are_polled_no_more(host: Host, vendor: Vendor) -> None:
    """Or the worker would ask about them for ever."""
    row = begin(host, vendor)
    vendor.finish(row, "face-unclear")
    with clock.shifted(minutes=31):
        assert inbox.drain() == 1
        assert inbox.drain() == 0
    assert status(host, row) is Status.in_review
    assert row.next_poll_at is None
    assert inbox.next_due() is None
    # The vendor may still change its mind, and tell.
    vendor.reverse(row, "approve")
    assert vendor.notification(row.vendor_reference).arrive()
    inbox.drain()
    assert status(host, row) is Status.approved
    assert row.next_poll_at is None


def test_repeated_callback_for_a_reviewed_attempt_asks_once_more_and_ends(
    host: Host, vendor: Vendor
) -> None:
    row = begin(host, vendor)
    vendor.finish(row, "face-unclear")
    told = vendor.notification(row.vendor_reference)
    assert told.arrive()
    inbox.drain()
    assert told.arrive()
    with clock.shifted(seconds=11):
        assert inbox.drain() == 1
        assert inbox.drain() == 0
    assert len(vendor.asked("details")) == 2


def test_attempt_without_a_vendors_id_is_never_polled(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    told = vendor.notification(row.vendor_reference)
    lost: dict[str, Any] = {
        "status": Status.created,
        "vendor_reference": None,
        "link_expires_at": None,
        "next_poll_at": None,
    }
    host.db.session.execute(update(Verification).values(lost))
    host.db.session.commit()
    for _ in range(2):
        assert told.arrive()
    inbox.drain()
    host.db.session.refresh(row)
    assert row.next_poll_at is None
    assert row.leased_until is None


def test_failing_polls_are_put_off_and_do_not_stand_in_the_others_way(
    host: Host, vendor: Vendor
) -> None:
    row = begin(host, vendor)
    healthy = host.add_provider(vendor.url, name="healthy", link=False)
    host.idverify.link(healthy, "other")
    host.db.session.commit()
    other = host.idverify.start(host.add_user("b@example.com"), lena(), application="other")
    row.provider.endpoint = "https://attacker.example"
    host.db.session.commit()
    vendor.finish(other)
    with clock.shifted(minutes=31):
        assert inbox.drain() == 2
        assert status(host, other) is Status.approved
        host.db.session.refresh(row)
        assert row.next_poll_at is not None
        assert row.next_poll_at > clock.now() + timedelta(minutes=50)
        assert row.vendor_message


def test_attempt_that_never_ends_is_ended_a_week_after_its_link(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.sandbox.set_faults([{"kind": "403"}])  # or the poll would learn that it expired
    with clock.shifted(days=7):
        inbox.drain()
        assert status(host, row) is Status.started
    with clock.shifted(days=7, minutes=31):
        assert inbox.drain() >= 1
    assert (status(host, row), row.reason, row.retryable) == (Status.expired, "not_started", True)
    assert row.identity.standing is Standing.unverified
    assert row.next_poll_at is None
    assert owed(host) == 0


def test_lost_start_is_ended_within_the_hour(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    row.status, row.vendor_reference = Status.created, None
    row.link_expires_at = row.next_poll_at = None
    host.db.session.commit()
    with clock.shifted(minutes=59):
        inbox.drain()
        assert status(host, row) is Status.created
    with clock.shifted(minutes=61):
        inbox.drain()
    assert status(host, row) is Status.expired


def test_attempt_under_review_is_never_ended_by_the_clock(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row, "face-unclear")
    host.idverify.refresh(row)
    with clock.shifted(days=400):
        inbox.drain()
    assert status(host, row) is Status.in_review


def test_next_due_looks_past_what_somebody_is_doing(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    row.next_poll_at = clock.now() - timedelta(seconds=5)
    host.db.session.commit()
    assert inbox.next_due() == row.next_poll_at
    row.leased_until = clock.now() + timedelta(seconds=60)
    host.db.session.commit()
    assert inbox.next_due() is None


@contextmanager
def ended_meanwhile(host: Host, row: Verification) -> Iterator[None]:
    """Let somebody else's cancel be committed just before the next write to the attempts."""
    ending = text(
        "UPDATE idverify_verification"
        " SET status = 'canceled', active_key = NULL, next_poll_at = NULL WHERE id = :id"
    ).bindparams(id=row.id)
    left = [ending]

    def first(connection: Any, _: Any, statement: str, *__: Any) -> None:
        if left and statement.startswith("UPDATE idverify_verification "):
            connection.execute(left.pop())

    event.listen(host.db.engine, "before_cursor_execute", first)
    try:
        yield
    finally:
        event.remove(host.db.engine, "before_cursor_execute", first)
    assert not left, "nothing was written, so nothing raced"


@pytest.mark.parametrize("answer", ["not_found", "5xx", None])
def test_attempt_that_is_ended_while_its_poll_is_written_down_owes_none(
    host: Host, vendor: Vendor, answer: str | None
) -> None:
    row = begin(host, vendor)
    host.app.extensions["idverify"].vendors.adapter(row.provider).http.sleep = lambda _: None
    vendor.finish(row)
    host.db.session.commit()
    if answer is None:
        with ended_meanwhile(host, row):
            polling.put_off(row, "A key is lost.", until=clock.now())
    else:
        vendor.sandbox.set_faults([{"kind": answer, "where": "status"}])
        with ended_meanwhile(host, row), pytest.raises(VendorError):
            service.refresh(row)
    assert status(host, row) is Status.canceled
    assert (row.next_poll_at, row.leased_until, row.missing_times) == (None, None, 0)
    assert inbox.next_due() is None


@pytest.mark.parametrize("trouble", ["5xx", "endpoint"])
@pytest.mark.parametrize("ended", sorted(each for each in Status if each.is_final))
def test_ended_attempt_that_owes_a_poll_all_the_same_is_asked_about_once_at_most(
    host: Host, vendor: Vendor, ended: Status, trouble: str
) -> None:
    """Or a worker that finds one would ask, and ask again, for ever."""
    row = begin(host, vendor)
    host.app.extensions["idverify"].vendors.adapter(row.provider).http.sleep = lambda _: None
    vendor.finish(row)
    left: dict[str, Any] = {"status": ended, "active_key": None, "next_poll_at": clock.now()}
    host.db.session.execute(update(Verification).values(left))
    if trouble == "endpoint":
        row.provider.endpoint = "https://attacker.example"
    else:
        vendor.sandbox.set_faults([{"kind": trouble, "where": "status"}])
    host.db.session.commit()
    looks = iter(range(20))
    tried = sum(inbox.work_through(lambda: next(looks, None) is None))
    assert (tried, next(looks, None) is None) == (1, False), "the work came to no end"
    assert (status(host, row), row.next_poll_at) == (ended, None)
    with clock.shifted(days=2):
        assert inbox.drain() == 0
