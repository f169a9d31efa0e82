"""Nothing that reached us is lost: stored, then believed; failed, then tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from flask_idverify import clock, inbox, service
from flask_idverify.models import CallbackRow, Verification
from flask_idverify.signals import verification_updated
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor, owed, status, steps, together

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def begin(host: Host, vendor: Vendor) -> Callable[..., Verification]:
    """Return a function that starts a verification of a new user."""
    count = iter(range(99))
    made: set[str] = set()

    def start(kind: str = V4) -> Verification:
        if kind not in made:
            provider = host.add_provider(vendor.url, kind, name=kind, link=False)
            host.idverify.link(provider, application=kind)
            host.db.session.commit()
            made.add(kind)
        user = host.add_user(f"user{next(count)}@example.com")
        return host.idverify.start(user, lena(), consent(), application=kind)

    return start


Begin = Callable[..., Verification]


def stored(host: Host) -> list[CallbackRow]:
    host.db.session.rollback()
    return list(host.db.session.scalars(select(CallbackRow).order_by(CallbackRow.received_at)))


@pytest.mark.parametrize("kind", GENERATIONS)
def test_callback_is_committed_before_anything_is_done(
    host: Host, vendor: Vendor, begin: Begin, kind: str
) -> None:
    row = begin(kind)
    vendor.finish(row)
    asked = len(vendor.asked())
    told = vendor.notification(row.vendor_reference)
    assert told.arrive()
    (kept,) = stored(host)  # after a rollback: what was not committed would be gone
    assert kept.body == told.body
    assert kept.verification_id == row.id
    assert kept.processed_at is None
    assert len(vendor.asked()) == asked
    assert inbox.drain() == 1
    assert stored(host)[0].processed_at is not None
    assert stored(host)[0].error is None
    assert status(host, row) is Status.approved


def test_body_is_encrypted_at_rest(host: Host, vendor: Vendor, begin: Begin) -> None:
    row = begin()
    vendor.finish(row)
    assert vendor.notification(row.vendor_reference).arrive()
    raw = repr(host.db.session.execute(text("SELECT * FROM idverify_callback")).one())
    assert "U7301945" not in raw
    assert b"U7301945" in (stored(host)[0].body or b"")


def test_same_body_is_stored_once_and_accepted_each_time(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin()
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    assert [told.arrive() for _ in range(3)] == [True] * 3
    inbox.drain()
    assert told.arrive()
    assert inbox.drain() == 0
    assert len(stored(host)) == 1
    assert len(vendor.asked("details")) == 1
    assert steps(host).count("verification.approved") == 1


def test_deliveries_at_once_make_one_row_and_one_transition(
    file_host: Host, vendor: Vendor
) -> None:
    with file_host.app.app_context():
        file_host.add_provider(vendor.url)
        row = file_host.idverify.start(file_host.add_user("lena@example.com"), lena())
        vendor.finish(row)
        told = vendor.notification(row.vendor_reference)

    def deliver(_: int) -> bool:
        arrived = told.arrive()
        inbox.drain()
        return arrived

    assert together(file_host, 8, deliver) == [True] * 8
    with file_host.app.app_context():
        assert len(stored(file_host)) == 1
        assert steps(file_host).count("verification.approved") == 1
    assert len(vendor.asked("details")) == 1


def test_same_body_for_another_verification_is_another_callback(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    first, second = begin(), begin()
    told = vendor.notification(first.vendor_reference)
    assert told.arrive()
    other = vendor.notification(second.vendor_reference)
    assert told.arrive(key=other.key)
    assert len(stored(host)) == 2


@pytest.mark.parametrize("wrong", ["key", "provider", "swapped", "test"])
def test_wrong_key_is_refused_and_stores_nothing(
    host: Host, vendor: Vendor, begin: Begin, wrong: str
) -> None:
    row, other = begin(V4), begin(PLATFORM)
    told = vendor.notification(row.vendor_reference)
    elsewhere = vendor.notification(other.vendor_reference)
    body, kind = told.body, told.content_type
    if wrong == "key":
        assert not inbox.receive(told.provider_key, "x" * 43, body, kind)
    elif wrong == "provider":
        assert not inbox.receive("x" * 32, told.key, body, kind)
        assert not inbox.receive("x" * 32, None, body, kind)
    elif wrong == "swapped":
        assert not inbox.receive(elsewhere.provider_key, told.key, body, kind)
    else:
        assert not inbox.receive(told.provider_key, row.callback_key_digest, body, kind)
    assert stored(host) == []


@pytest.mark.parametrize("body", [b"", b"\xff\x00{{{", b"[" * 5000, b"null"])
@pytest.mark.parametrize("kind", GENERATIONS)
def test_unreadable_callback_is_kept_with_its_problem_and_still_makes_us_fetch(
    host: Host, vendor: Vendor, begin: Begin, kind: str, body: bytes
) -> None:
    row = begin(kind)
    vendor.finish(row)
    assert vendor.notification(row.vendor_reference).arrive(body=body)
    inbox.drain()
    (kept,) = stored(host)
    assert kept.body == body
    assert kept.error
    assert kept.processed_at is not None
    assert status(host, row) is Status.approved


def test_failed_callback_stays_owed_with_back_off_until_it_succeeds(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin()
    vendor.finish(row)
    vendor.sandbox.set_faults([{"kind": "403", "where": "status"}])
    assert vendor.notification(row.vendor_reference).arrive()
    gaps = []
    with clock.shifted(seconds=0):
        for _ in range(4):
            due = stored(host)[0].next_try_at
            assert due is not None
            wait = (due - clock.now()).total_seconds()
            with clock.shifted(seconds=max(wait, 0) + 0.1):
                before = clock.now()
                assert inbox.drain() >= 1
                (kept,) = stored(host)
                assert kept.processed_at is None
                assert kept.error
                assert kept.next_try_at is not None
                gaps.append(round((kept.next_try_at - before).total_seconds()))
                assert inbox.drain() == 0  # not before its time
    # The machine may be slow between the two looks at the clock.
    assert all(0 <= gap - due <= 5 for gap, due in zip(gaps, [15, 30, 60, 120], strict=True))
    assert row.status is Status.started
    vendor.sandbox.clear_faults()
    with clock.shifted(hours=1):
        inbox.drain()
    assert stored(host)[0].processed_at is not None
    assert status(host, row) is Status.approved


def test_callback_of_a_verification_never_ends_unprocessed_and_a_strangers_one_rests(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    """However long a vendor is away: eight hours of tries, then one a day, for ever."""
    row = begin()
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    vendor.sandbox.set_faults([{"kind": "403", "where": "status"}])
    assert told.arrive()
    strange = b"callBackType=NETVERIFYID&jumioIdScanReference=0b7c9a1e-0000-4000-8000-000000000000"
    assert inbox.receive(told.provider_key, None, strange, told.content_type)
    for item in stored(host):
        item.tries = 15
    host.db.session.commit()
    inbox.drain()
    ours, theirs = stored(host)
    assert (ours.tries, theirs.tries) == (16, 16)
    assert ours.next_try_at is not None
    assert timedelta(hours=23) < ours.next_try_at - clock.now() <= timedelta(days=1)
    assert (theirs.next_try_at, theirs.processed_at) == (None, None)
    assert theirs.error == "No verification has this reference (yet)."
    vendor.sandbox.clear_faults()
    with clock.shifted(days=1, seconds=1):
        inbox.drain()
    ours, theirs = stored(host)
    assert ours.processed_at is not None
    assert theirs.processed_at is None
    assert status(host, row) is Status.approved


def test_somebody_else_asking_at_this_moment_is_no_failure(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin()
    vendor.finish(row)
    assert vendor.notification(row.vendor_reference).arrive()
    row.leased_until = clock.now() + timedelta(seconds=30)
    host.db.session.commit()
    assert inbox.drain() == 1
    (kept,) = stored(host)
    assert (kept.tries, kept.error) == (0, None)
    assert kept.next_try_at is not None


def test_provider_that_cannot_be_read_is_told_in_our_words(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin()
    assert vendor.notification(row.vendor_reference).arrive()
    row.provider.type = "Nobody"
    host.db.session.commit()
    inbox.drain()
    assert "Nobody" in (stored(host)[0].error or "")
    assert owed(host) == 1


def test_dead_workers_lease_runs_out_and_its_callback_is_done(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    """Leases of both kinds are held by someone who never comes back."""
    row = begin()
    vendor.finish(row)
    assert vendor.notification(row.vendor_reference).arrive()
    (kept,) = stored(host)
    kept.leased_until = clock.now() + timedelta(minutes=2)
    host.db.session.commit()
    assert inbox.drain() == 0
    row.leased_until = clock.now() + timedelta(minutes=20)
    host.db.session.commit()
    for minute in range(3, 20):
        with clock.shifted(minutes=minute):
            inbox.drain()
    assert owed(host) == 1
    with clock.shifted(minutes=21):
        inbox.drain()
    assert owed(host) == 0
    assert status(host, row) is Status.approved


def test_any_bug_while_processing_keeps_the_row_owed_and_says_no_more_than_its_type(
    host: Host, vendor: Vendor, begin: Begin, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    row = begin()
    vendor.finish(row)
    assert vendor.notification(row.vendor_reference).arrive()

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("U7301945")

    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr("requests.Session.request", broken)
        inbox.drain()
        row.next_poll_at = clock.now()
        row.leased_until = None
        host.db.session.commit()
        assert inbox.drain() == 1  # a poll that breaks is put off, not repeated for ever
    assert owed(host) == 1
    assert "ZeroDivisionError" in (stored(host)[0].error or "")
    assert "U7301945" not in caplog.text + str(stored(host)[0].error) + str(row.vendor_message)
    with clock.shifted(hours=2):
        inbox.drain()
    assert owed(host) == 0
    assert status(host, row) is Status.approved


@pytest.mark.parametrize("kind", GENERATIONS)
def test_late_and_reordered_callbacks_move_nothing_backwards(
    host: Host, vendor: Vendor, begin: Begin, kind: str
) -> None:
    row = begin(kind)
    early = [vendor.notification(row.vendor_reference, word) for word in ("ACQUIRED", "INITIATED")]
    vendor.finish(row)
    assert vendor.notification(row.vendor_reference).arrive()
    inbox.drain()
    finished = steps(host)
    for told in early:
        assert told.arrive()
        inbox.drain()
    assert status(host, row) is Status.approved
    assert steps(host) == finished
    assert owed(host) == 0


def test_callback_for_an_ended_attempt_is_processed_and_blocks_nothing(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin()
    service.cancel(row, admin="7", reason="Asked to.")
    for word in ("APPROVED_VERIFIED", "DENIED_FRAUD"):
        assert vendor.notification(row.vendor_reference, word).arrive()
        inbox.drain()
    assert owed(host) == 0
    assert status(host, row) is Status.canceled


def test_bare_url_is_matched_by_reference_and_kept_when_nothing_matches(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin()
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    assert told.arrive_bare()
    assert inbox.receive(told.provider_key, None, b"callBackType=NETVERIFYID", "text/plain")
    strange = b"callBackType=NETVERIFYID&jumioIdScanReference=0b7c9a1e-0000-4000-8000-000000000000"
    assert inbox.receive(told.provider_key, None, strange, told.content_type)
    inbox.drain()
    assert status(host, row) is Status.approved
    kept = stored(host)
    assert [item.verification_id for item in kept] == [row.id, None, None]
    assert [item.processed_at is not None for item in kept] == [True, True, False]
    assert kept[2].error


def test_repetition_at_the_bare_url_makes_us_look_again(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin()
    told = vendor.notification(row.vendor_reference, "APPROVED_VERIFIED")
    assert told.arrive_bare()
    inbox.drain()
    row.next_poll_at = clock.now() + timedelta(days=1)
    host.db.session.commit()
    vendor.finish(row)
    assert told.arrive_bare()
    with clock.shifted(seconds=11):
        inbox.drain()
    assert (status(host, row), len(stored(host))) == (Status.approved, 1)


def test_bare_url_of_one_provider_never_reaches_anothers_verification(
    host: Host, vendor: Vendor, begin: Begin
) -> None:
    row = begin(V4)
    second = host.add_provider(vendor.url, V4, name="second", link=False)
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    assert inbox.receive(second.callback_key or "", None, told.body, told.content_type)
    inbox.drain()
    assert row.status is Status.started
    assert stored(host)[0].verification_id is None


def test_receiver_that_leaves_work_uncommitted_does_not_stop_the_inbox(
    host: Host, vendor: Vendor, begin: Begin, caplog: Any
) -> None:
    first, second = begin(), begin()
    for row in (first, second):
        vendor.finish(row)
        assert vendor.notification(row.vendor_reference).arrive()

    def careless(app: Any, verification: Verification) -> None:
        host.db.session.add(host.User(email=f"{verification.id}@example.com"))
        host.db.session.flush()

    with verification_updated.connected_to(careless, host.app):
        inbox.drain()
    assert owed(host) == 0
    assert [first.status, second.status] == ["approved", "in_review"]  # the same papers twice
    assert "uncommitted" in caplog.text
    assert "example.com" not in caplog.text
    assert len(host.db.session.scalars(select(host.User)).all()) == 2
