"""Who waits for a vendor, and for how long: not the onlooker, but the worker, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from flask_idverify import clock, inbox, service
from flask_idverify.errors import VendorRecordMissing, VendorUnavailable
from flask_idverify.models import Verification
from flask_idverify.service import missing
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, Vendor, status, steps

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture(params=GENERATIONS)
def verification(request: pytest.FixtureRequest, host: Host, vendor: Vendor) -> Verification:
    host.add_provider(vendor.url, request.param)
    return host.idverify.start(host.add_user("lena@example.com"), lena(), consent())


def test_a_look_asks_a_failing_vendor_once(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    vendor.finish(verification)
    vendor.sandbox.add_fault("5xx", where="status", code=503, times=None)
    service.refresh_if_due(verification)
    assert len(vendor.asked("status")) == 1
    assert verification.status is Status.started
    assert "503" in (verification.vendor_message or "")
    assert verification.next_poll_at is not None


def test_a_refresh_of_the_worker_repeats(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    # Without real waiting: the adapter's seam for tests.
    adapter = host.app.extensions["idverify"].vendors.adapter(verification.provider)
    adapter.http.sleep = lambda _seconds: None
    vendor.finish(verification)
    vendor.sandbox.add_fault("5xx", where="status", code=503, times=None)
    with pytest.raises(VendorUnavailable):
        host.idverify.refresh(verification)
    assert len(vendor.asked("status")) > 1


@pytest.mark.parametrize("wish", ["cancel", "start"])
def test_a_person_who_cancels_or_starts_anew_waits_for_one_question(
    host: Host, vendor: Vendor, verification: Verification, wish: str
) -> None:
    slept: list[float] = []
    adapter = host.app.extensions["idverify"].vendors.adapter(verification.provider)
    adapter.http.sleep = slept.append
    vendor.sandbox.set_faults([{"kind": "5xx", "where": "status", "code": 503}])
    user, agreed = host.db.session.get(host.User, 1), consent()
    if wish == "cancel":
        service.cancel(verification)
        assert status(host, verification) is Status.canceled
    else:
        with clock.shifted(minutes=31):
            assert host.idverify.start(user, lena(), agreed).id != verification.id
        assert status(host, verification) is Status.expired
    assert (len(vendor.asked("status")), slept) == (1, [])


def test_a_result_that_cannot_be_read_yet_is_no_end_for_a_look(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    vendor.finish(verification)
    vendor.sandbox.add_fault("not_found", where="details", times=1)
    service.refresh_if_due(verification)
    assert str(verification.status) == "started"
    host.idverify.refresh(verification)
    assert str(verification.status) == "approved"


@pytest.fixture
def gone(host: Host, vendor: Vendor, verification: Verification) -> Iterator[Verification]:
    """An attempt whose user came back, and whose record the vendor does not show."""
    assert verification.vendor_reference
    adapter = host.app.extensions["idverify"].vendors.adapter(verification.provider)
    adapter.http.sleep = lambda _seconds: None
    vendor.finish(verification)
    vendor.sandbox.set_faults([{"kind": "not_found", "where": "status"}])
    with clock.stopped():
        service.note_return(verification)
        yield verification


def poll(host: Host, row: Verification, *, late: float = 1.0) -> float:
    """Let a worker come when the next poll is due; return how many seconds from now that is."""
    host.db.session.refresh(row)
    assert row.next_poll_at is not None
    due = (row.next_poll_at - clock.now()).total_seconds() + late
    with clock.shifted(seconds=due):
        assert inbox.drain()
    host.db.session.refresh(row)
    return due


def test_a_record_that_is_not_shown_yet_is_asked_for_again(
    host: Host, vendor: Vendor, gone: Verification
) -> None:
    poll(host, gone)
    assert (gone.status, gone.missing_times) == (Status.started, 1)
    assert gone.retryable is False
    identity = host.idverify.identity_of(host.db.session.get(host.User, 1))
    assert identity is not None
    assert identity.standing is Standing.pending
    assert "does not know the record" in (gone.vendor_message or "")
    assert "It is asked again" in (gone.vendor_message or "")
    vendor.sandbox.clear_faults()
    poll(host, gone)
    assert gone.status is Status.approved
    assert (gone.missing_since, gone.missing_times, gone.vendor_message) == (None, 0, None)


def test_a_record_that_stays_away_ends_the_attempt_after_ten_minutes_of_asking(
    host: Host, vendor: Vendor, gone: Verification
) -> None:
    asked = [poll(host, gone)]
    while gone.status is Status.started:
        asked.append(poll(host, gone))
    assert [round(moment - asked[0]) for moment in asked] == [
        0,
        41,
        61,
        101,
        161,
        241,
        341,
        461,
        601,
    ]
    assert (gone.status, gone.reason, gone.retryable) == (
        Status.error,
        "vendor_record_missing",
        True,
    )
    assert (gone.next_poll_at, gone.leased_until, gone.active_key) == (None, None, None)
    assert "So it has said since" in (gone.vendor_message or "")
    identity = host.idverify.identity_of(host.db.session.get(host.User, 1))
    assert identity is not None
    assert identity.standing is Standing.unverified
    assert steps(host)[-1] == "verification.error"
    vendor.sandbox.clear_faults()
    assert host.idverify.start(host.db.session.get(host.User, 1), lena(), consent()).id != gone.id


def test_no_single_word_ends_an_attempt_however_late_it_comes(
    host: Host, vendor: Vendor, gone: Verification
) -> None:
    """Nobody worked for a day between the first question and the next."""
    day = timedelta(days=1).total_seconds()
    for number in (1, 2):
        poll(host, gone, late=day * number)
        assert (gone.status, gone.missing_times) == (Status.started, number)
    poll(host, gone, late=day * 3)
    assert str(gone.status) == "error"


def test_onlookers_do_not_shorten_the_patience(
    host: Host, vendor: Vendor, gone: Verification
) -> None:
    for number in range(20):
        with clock.shifted(seconds=60 + number * 12):
            service.refresh_if_due(gone)
    assert len(vendor.asked("status")) == 20
    assert (status(host, gone), gone.missing_times) == (Status.started, 20)


def test_a_refresh_by_hand_tells_what_the_vendor_says_and_ends_nothing(
    host: Host, vendor: Vendor, gone: Verification
) -> None:
    with pytest.raises(VendorRecordMissing, match="region"):
        host.idverify.refresh(gone)
    assert status(host, gone) is Status.started
    assert gone.next_poll_at is not None
    assert gone.next_poll_at > clock.now()


def test_a_callback_does_not_end_what_the_vendor_does_not_show_yet(
    host: Host, vendor: Vendor, gone: Verification
) -> None:
    assert vendor.notification(gone.vendor_reference).arrive()
    inbox.drain()
    assert status(host, gone) is Status.started
    vendor.sandbox.clear_faults()
    poll(host, gone)
    assert str(gone.status) == "approved"


def test_what_the_vendor_has_deleted_ends_too(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    """An attempt that was left to the daily poll, and whose record retention took away."""
    assert verification.vendor_reference
    vendor.sandbox.wipe(verification.vendor_reference, gone=True)
    with clock.stopped():
        while str(verification.status) == "started":
            last = poll(host, verification)
    assert (str(verification.status), verification.reason) == ("error", "vendor_record_missing")
    assert verification.link_expires_at is not None
    link = (verification.link_expires_at - verification.created_at).total_seconds()
    assert last < link + missing.FOR.total_seconds() + 60


def test_one_in_review_waits_for_a_person_whatever_becomes_of_the_record(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    """The papers are with us."""
    vendor.finish(verification, "face-unclear")
    host.idverify.refresh(verification)
    assert verification.vendor_reference
    vendor.sandbox.wipe(verification.vendor_reference, gone=True)
    for minutes in (1, 9, 17, 25):
        with clock.shifted(minutes=minutes), pytest.raises(VendorRecordMissing):
            host.idverify.refresh(verification)
    assert status(host, verification) is Status.in_review
    assert verification.next_poll_at is None


def test_one_who_starts_anew_is_not_held_up_by_a_record_that_is_missing(
    host: Host, vendor: Vendor, gone: Verification
) -> None:
    user, agreed = host.db.session.get(host.User, 1), consent()
    with clock.shifted(minutes=31):
        fresh = host.idverify.start(user, lena(), agreed)
    assert fresh.id != gone.id
    assert (gone.status, gone.retryable) == (Status.expired, True)
