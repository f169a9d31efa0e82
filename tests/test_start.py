"""Starting: one attempt, one vendor call, pseudonyms only, and nothing of the host committed."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask_login import AnonymousUserMixin
from sqlalchemy import select, text, update

from flask_idverify import clock, inbox
from flask_idverify.errors import (
    AlreadyVerified,
    ConsentMissing,
    IdentityLocked,
    NotSignedIn,
    PendingChanges,
    VendorError,
    VendorUnavailable,
    VerificationInProgress,
)
from flask_idverify.models import Identity, VendorAccount, Verification
from flask_idverify.service import resuming
from flask_idverify.service.attempts import failed
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor, steps, together

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def user(host: Host, vendor: Vendor) -> Any:
    """A saved user of a host whose default application has a v4 provider."""
    host.add_provider(vendor.url)
    return host.add_user("lena.gruber@example.com", real_name="Lena Marie Gruber")


def being_started(host: Host, user: Any) -> Verification:
    """Start; then let it be as if the vendor had not answered yet."""
    row = host.idverify.start(user, lena())
    row.status = Status.created
    host.db.session.commit()
    return row


def rows(host: Host) -> list[Verification]:
    return list(host.db.session.scalars(select(Verification).order_by(Verification.created_at)))


@pytest.mark.parametrize(("kind", "calls"), [(V4, 1), (PLATFORM, 2)])
def test_start_costs_one_request_and_one_more_for_a_token(
    host: Host, vendor: Vendor, kind: str, calls: int
) -> None:
    host.add_provider(vendor.url, kind)
    row = host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
    assert len(vendor.asked()) == calls
    assert row.status is Status.started
    assert row.redirect_url is not None
    assert row.redirect_url.startswith(vendor.url)
    assert row.link_expires_at is not None
    assert row.next_poll_at == row.link_expires_at + timedelta(seconds=40)
    assert steps(host) == ["verification.created", "verification.started"]


@pytest.mark.parametrize("kind", GENERATIONS)
def test_nothing_that_names_the_person_reaches_the_vendor(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena.gruber@example.com", real_name="Lena Marie Gruber")
    row = host.idverify.start(user, lena(), consent())
    vendor.finish(row)
    host.idverify.refresh(row)
    sent = json.dumps(vendor.asked()).lower()
    for canary in ("u7301945", "lena", "gruber", "marie", 'example.com"', "lena.gruber@"):
        assert canary not in sent
    (start,) = vendor.asked("start")
    assert start["json"]["customerInternalReference"] == row.reference
    assert start["json"]["userReference"] == row.identity_id
    assert row.user_id not in (row.reference, start["json"]["userReference"])


def test_callback_url_is_long_secret_and_stored_only_as_a_digest(
    host: Host, vendor: Vendor, user: Any
) -> None:
    row = host.idverify.start(user, lena())
    (start,) = vendor.asked("start")
    url = urlsplit(start["json"]["callbackUrl"])
    assert (url.scheme, url.netloc) == ("https", "id.example.com")
    key = url.path.rpartition("/")[2]
    assert len(key) == 43  # 256 bits
    assert len(start["json"]["callbackUrl"]) <= 255
    stored = host.db.session.execute(text("SELECT * FROM idverify_verification")).one()
    assert key not in repr(stored)
    assert len(row.callback_key_digest) == 64


def test_redirect_link_is_a_secret_at_rest(host: Host, vendor: Vendor, user: Any) -> None:
    row = host.idverify.start(user, lena())
    assert row.redirect_url is not None
    stored = host.db.session.execute(text("SELECT * FROM idverify_verification")).one()
    assert "authorizationToken" not in repr(stored)


def test_two_starts_at_once_make_one_attempt_and_one_vendor_call(
    file_host: Host, vendor: Vendor
) -> None:
    with file_host.app.app_context():
        file_host.add_provider(vendor.url)
        file_host.add_user("lena@example.com")

    def start(_: int) -> str:
        person = file_host.db.session.get(file_host.User, 1)
        return str(file_host.idverify.start(person, lena()).id)

    vendor.sandbox.set_defaults(latency=0.3)
    found = together(file_host, 6, start)
    # The slower ones wait for the vendor's answer to the first, or find the page open.
    assert len(set(map(str, found))) == 1, found
    assert isinstance(found[0], str)
    assert len(vendor.asked("start")) == 1
    with file_host.app.app_context():
        assert len(rows(file_host)) == 1


def test_second_start_while_the_page_is_open_returns_the_same_attempt(
    host: Host, vendor: Vendor, user: Any
) -> None:
    first = host.idverify.start(user, lena())
    assert host.idverify.start(user, lena()) is first
    assert len(vendor.asked()) == 1
    with pytest.raises(VerificationInProgress) as refusal:
        host.idverify.start(user, lena(id_number="U7301946"))
    assert refusal.value.verification is first


def test_second_half_of_a_double_click_waits_for_the_first(
    host: Host, vendor: Vendor, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = being_started(host, user)

    def answer(_seconds: float) -> None:
        host.db.session.execute(update(Verification).values(status=Status.started))
        host.db.session.commit()

    monkeypatch.setattr("time.sleep", answer)
    second = host.idverify.start(user, lena())
    assert (second.id, second.status) == (first.id, Status.started)
    assert second.redirect_url is not None
    assert len(vendor.asked("start")) == 1


def test_a_start_that_fails_while_it_is_waited_for_is_told_and_not_repeated(
    host: Host, vendor: Vendor, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = being_started(host, user)
    monkeypatch.setattr("time.sleep", lambda _: failed(first, VendorUnavailable("It is down.")))
    with pytest.raises(VendorError, match="has ended a moment ago"):
        host.idverify.start(user, lena())
    assert first.status is Status.error
    assert len(vendor.asked("start")) == 1


def test_a_vendor_that_takes_long_is_not_waited_for_by_two(
    host: Host, vendor: Vendor, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = being_started(host, user)
    monkeypatch.setattr("flask_idverify.service.resuming.PATIENCE", 0.0)
    with pytest.raises(VerificationInProgress, match="being started") as refusal:
        host.idverify.start(user, lena())
    assert refusal.value.verification is first
    assert first.status is Status.created
    assert len(vendor.asked("start")) == 1


def test_another_claim_does_not_wait_for_a_start(
    host: Host, vendor: Vendor, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = being_started(host, user)
    monkeypatch.delattr("time.sleep")
    with pytest.raises(VerificationInProgress, match="Another") as refusal:
        host.idverify.start(user, lena(id_number="U7301946"))
    assert refusal.value.verification is first


@pytest.mark.parametrize("seen", ["early", "when recorded"])
def test_double_click_on_the_last_attempt_is_one_attempt(
    host: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, seen: str
) -> None:
    """The first half uses it up before the second half looks for it."""
    host.add_provider(vendor.url, policy={"max_attempts": 1})
    user = host.add_user("lena@example.com")
    first = host.idverify.start(user, lena())
    starting = sys.modules["flask_idverify.service.start"]
    looked: list[Any] = []

    def look(*about: Any) -> Verification | None:
        looked.append(about)
        return resuming.resume(*about) if len(looked) > 1 else None

    monkeypatch.setattr(starting, "resume", look)
    if seen == "when recorded":
        monkeypatch.setattr(starting, "require_attempts_left", print)
    assert host.idverify.start(user, lena()) is first
    assert len(vendor.asked("start")) == 1


def test_start_is_refused_while_an_attempt_is_being_decided(
    host: Host, vendor: Vendor, user: Any
) -> None:
    row = host.idverify.start(user, lena())
    vendor.finish(row, "face-unclear")
    host.idverify.refresh(row)
    with pytest.raises(VerificationInProgress, match="not decided"):
        host.idverify.start(user, lena())
    assert len(vendor.asked("start")) == 1


def test_start_after_the_link_expired_opens_a_fresh_attempt(
    host: Host, vendor: Vendor, user: Any
) -> None:
    first = host.idverify.start(user, lena())
    with clock.shifted(minutes=31):
        second = host.idverify.start(user, lena())
    assert second.id != first.id
    assert (first.status, first.reason, first.retryable) == (Status.expired, "not_started", True)
    assert len(vendor.asked("start")) == 2
    assert len(vendor.asked("status")) == 1


def test_start_after_the_link_expired_finds_the_result_that_nobody_told(
    host: Host, vendor: Vendor, user: Any
) -> None:
    first = host.idverify.start(user, lena())
    vendor.finish(first)
    with clock.shifted(minutes=31), pytest.raises(AlreadyVerified):
        host.idverify.start(user, lena())
    assert first.status is Status.approved
    assert len(vendor.asked("start")) == 1


def test_verified_user_starts_nothing_and_the_vendor_hears_nothing(
    host: Host, vendor: Vendor, user: Any
) -> None:
    row = host.idverify.start(user, lena())
    vendor.finish(row)
    host.idverify.refresh(row)
    asked = len(vendor.asked())
    with pytest.raises(AlreadyVerified):
        host.idverify.start(user, lena())
    with pytest.raises(AlreadyVerified):
        host.idverify.start(user, lena(real_name="Somebody Else"))
    assert len(vendor.asked()) == asked
    assert len(rows(host)) == 1


def test_stricter_application_is_a_step_up_with_the_same_claim_only(
    host: Host, vendor: Vendor, user: Any
) -> None:
    row = host.idverify.start(user, lena())
    vendor.finish(row)
    host.idverify.refresh(row)
    bank = host.add_provider(vendor.url, PLATFORM, link=False)
    host.idverify.link(
        bank,
        "bank",
        policy={
            "required_capabilities": [
                *("usability", "imageChecks", "extraction", "dataChecks", "liveness"),
                *("similarity", "watchlistScreening"),
            ]
        },
    )
    host.db.session.commit()
    known = host.idverify.identity_of(user)
    assert known is not None
    assert known.satisfies()
    assert not known.satisfies("bank")
    with pytest.raises(IdentityLocked):
        host.idverify.start(user, lena(id_number="X1"), consent(), application="bank")
    step_up = host.idverify.start(user, lena(), consent(), application="bank")
    assert known.standing is Standing.verified
    assert known.satisfies()
    vendor.finish(step_up)
    host.idverify.refresh(step_up)
    assert known.verification_id == row.id
    assert known.is_verified


def test_platform_without_consent_asks_the_vendor_nothing(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, PLATFORM)
    user = host.add_user("lena@example.com")
    for given in (None, consent(obtained_at=None)):
        with pytest.raises(ConsentMissing):
            host.idverify.start(user, lena(), given)
    assert vendor.asked() == []
    assert rows(host) == []


def test_returning_platform_user_keeps_their_account(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, PLATFORM)
    user = host.add_user("lena@example.com")
    first = host.idverify.start(user, lena(), consent())
    vendor.finish(first, "blurred")
    host.idverify.refresh(first)
    second = host.idverify.start(user, lena(), consent())
    assert second.account_id == first.account_id
    assert [entry["method"] for entry in vendor.asked("start")] == ["POST", "PUT"]
    assert len(host.db.session.scalars(select(VendorAccount)).all()) == 1


@pytest.mark.parametrize("state", ["new", "dirty", "deleted", "flushed", "bulk", "core", "text"])
def test_uncommitted_work_of_the_host_is_never_committed(
    host: Host, vendor: Vendor, user: Any, state: str
) -> None:
    session, model = host.db.session, host.User
    other = host.add_user("other@example.com")
    if state in ("new", "flushed"):
        session.add(model(email="half@example.com"))
    if state == "dirty":
        other.nickname = "half"
    if state == "deleted":
        session.delete(other)
    if state == "flushed":
        session.flush()
    if state == "bulk":
        session.execute(update(model).values(nickname="half"))
    if state == "core":
        session.execute(model.__table__.insert().values(email="h@example.com", is_admin=False))
    if state == "text":
        session.execute(text("UPDATE member SET nickname = 'half'"))
    for call in (lambda: host.idverify.start(user, lena()), inbox.drain):
        with pytest.raises(PendingChanges):
            call()
    assert vendor.asked() == []
    session.rollback()
    assert session.scalars(select(model.nickname)).all() == [None, None]
    assert host.idverify.start(user, lena()).status is Status.started


def test_anonymous_and_unsaved_users_are_refused(host: Host, vendor: Vendor, user: Any) -> None:
    for nobody in (None, AnonymousUserMixin(), host.User(email="unsaved@example.com")):
        with pytest.raises(NotSignedIn):
            host.idverify.start(nobody, lena())
        assert host.idverify.identity_of(nobody) is None
    assert vendor.asked() == []
    assert host.db.session.scalars(select(Identity)).all() == []
