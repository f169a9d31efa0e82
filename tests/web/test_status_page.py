"""An attempt's own page: whose it is, what it says, and what it offers."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests_mock

from flask_idverify import clock, texts
from flask_idverify.service import backoff
from flask_idverify.states import Reason, Status
from tests.web.people import Person, inline_code, seen, vendor, words


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/identity/verifications/{}"),
        ("GET", "/identity/verifications/{}/continue"),
        ("POST", "/identity/verifications/{}/cancel"),
        ("GET", "/identity/api/verifications/{}"),
    ],
)
def test_anothers_attempt_is_as_unknown_as_one_that_never_was(
    lena_at: Person, method: str, path: str
) -> None:
    row_id = lena_at.attempt(Status.started)
    stranger = Person(lena_at.host, "stranger@example.com")
    stranger.attempt(Status.rejected, Reason.document_unreadable)
    data = {"csrf_token": stranger.token()}
    theirs = stranger.browser.open(path.format(row_id), method=method, data=data)
    nobodys = stranger.browser.open(path.format("no-such-id"), method=method, data=data)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.data == nobodys.data
    assert lena_at.status_of(row_id) is Status.started


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_of_a_rejection_is_explained(lena_at: Person, reason: Reason) -> None:
    row_id = lena_at.attempt(Status.rejected, reason, finished_at=clock.now())
    page = words(seen(lena_at, row_id))
    assert str(texts.reason(reason).user) in page
    assert str(texts.reason(reason).next_step) in page
    assert str(texts.reason(reason).admin) not in page
    assert str(reason) not in page


def test_reasons_that_read_the_same_are_said_once(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.rejected, Reason.document_fake, Reason.mrz_check_failed)
    page = words(seen(lena_at, row_id))
    assert page.count(str(texts.reason(Reason.document_fake).user)) == 1


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_page(lena_at: Person, status: Status) -> None:
    row_id = lena_at.attempt(status)
    page = seen(lena_at, row_id)
    assert page.status_code == 200
    assert inline_code(page.text) == []


def test_the_vendor_is_asked_once_the_browser_came_back_and_not_before(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    with vendor() as mocked:
        lena_at.browser.get(f"/identity/verifications/{row_id}")
        assert mocked.call_count == 0
        lena_at.browser.get(f"/identity/return/{row_id}")
        lena_at.browser.get(f"/identity/verifications/{row_id}")
        assert mocked.call_count == 1
        lena_at.browser.get(f"/identity/verifications/{row_id}")
        assert mocked.call_count == 1, "not more often than every ten seconds"
        with clock.shifted(seconds=11):
            lena_at.browser.get(f"/identity/verifications/{row_id}")
        assert mocked.call_count == 2


@pytest.mark.parametrize("path", ["/identity/verifications/{}", "/identity/api/verifications/{}"])
def test_after_a_grace_period_a_look_asks_though_nobody_came_back(
    lena_at: Person, path: str
) -> None:
    """They finished on their phone, and its callback is late or lost."""
    row_id = lena_at.attempt(Status.started)
    with vendor() as mocked:
        with clock.shifted(seconds=110):
            lena_at.browser.get(path.format(row_id))
        assert mocked.call_count == 0
        with clock.shifted(seconds=130):
            lena_at.browser.get(path.format(row_id))
            lena_at.browser.get(path.format(row_id))
        assert mocked.call_count == 1


def test_a_vendor_out_of_reach_does_not_break_the_status_page(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.processing, captured_at=clock.now())
    with vendor() as mocked:
        mocked.get(requests_mock.ANY, status_code=403)
        page = lena_at.browser.get(f"/identity/verifications/{row_id}")
    assert page.status_code == 200
    assert "checking" in words(page)


@pytest.mark.parametrize(("age", "seconds"), [(0, "5;"), (5, "15;"), (30, "60;"), (120, None)])
def test_a_waiting_page_renews_itself_less_and_less_often(
    lena_at: Person, age: int, seconds: str | None
) -> None:
    then = clock.now() - timedelta(minutes=age)
    row_id = lena_at.attempt(Status.processing, captured_at=then, created_at=then)
    page = seen(lena_at, row_id)
    assert ('http-equiv="refresh"' in page.text) == (seconds is not None)
    if seconds is not None:
        expected = f'content="{seconds}url=/identity/verifications/{row_id}"'
        assert f'<noscript><meta http-equiv="refresh" {expected}></noscript>' in page.text


def test_a_decided_attempt_does_not_renew_its_page(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.rejected, Reason.manual)
    assert 'http-equiv="refresh"' not in seen(lena_at, row_id).text


def test_retry_is_offered_while_it_is_allowed(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.rejected, Reason.document_unreadable, retryable=True)
    assert "Try again" in words(seen(lena_at, row_id)).split("This attempt")[0]
    hopeless = lena_at.attempt(Status.rejected, Reason.document_fake, retryable=False)
    assert "Try again" not in words(seen(lena_at, hopeless))
    for _ in range(5):
        lena_at.attempt(Status.rejected, Reason.document_unreadable, retryable=True)
    page = words(seen(lena_at, row_id))
    assert "Try again" not in page
    assert "You can try again from" in page


def test_a_link_that_ran_out_leads_to_the_status_page(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started, link_expires_at=clock.now() - timedelta(seconds=1))
    answer = lena_at.browser.get(f"/identity/verifications/{row_id}/continue")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/identity/verifications/{row_id}"
    page = seen(lena_at, row_id)
    assert "/continue" not in page.text
    assert "The time for taking the pictures has run out." in words(page)
    assert "Continue where you left off" not in words(page)
    assert '<a class="idv-button" href="/identity/?application=default">Try again</a>' in page.text
    told = lena_at.browser.get(f"/identity/api/verifications/{row_id}").get_json()
    assert (told["label"], told["resumable"]) == ("Expired", False)


def test_a_link_that_ran_out_behind_handed_in_pictures_is_no_matter(lena_at: Person) -> None:
    over = clock.now() - timedelta(seconds=1)
    row_id = lena_at.attempt(Status.started, link_expires_at=over, returned_at=over)
    page = words(seen(lena_at, row_id))
    assert "they are being checked now" in page
    assert "run out" not in page
    assert "Try again" not in page


def test_a_user_gives_an_attempt_up(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    with vendor():
        answer = lena_at.post(f"/identity/verifications/{row_id}/cancel")
    assert answer.status_code == 303
    assert lena_at.status_of(row_id) is Status.canceled


def test_papers_that_are_handed_in_are_not_given_up(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.processing)
    assert "Cancel" not in words(seen(lena_at, row_id))
    answer = lena_at.post(f"/identity/verifications/{row_id}/cancel")
    assert answer.status_code == 409
    assert "moved on" in words(answer)
    assert lena_at.status_of(row_id) is Status.processing


def test_giving_up_waits_until_the_vendor_may_be_asked_again(lena_at: Person) -> None:
    """It may have finished the check, which nobody can know before."""
    row_id = lena_at.attempt(Status.started)
    with clock.stopped(), vendor() as mocked:
        with lena_at.host.app.app_context():
            provider_id = lena_at.row(row_id).provider_id
            backoff.back_off(provider_id, clock.now() + timedelta(seconds=90))
        answer = lena_at.post(f"/identity/verifications/{row_id}/cancel")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "90")
    assert "very busy. Please try again in 2 minutes." in words(answer)
    assert "Cancel" in words(answer)
    assert lena_at.status_of(row_id) is Status.started
    assert not mocked.called


def test_giving_up_needs_the_token(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    answer = lena_at.browser.post(f"/identity/verifications/{row_id}/cancel")
    assert answer.status_code == 400
    assert lena_at.status_of(row_id) is Status.started


def test_a_test_verification_is_shown_among_the_admin_pages_only(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.approved, is_test=True, application_id=None)
    for path in (f"/identity/verifications/{row_id}", f"/identity/return/{row_id}"):
        answer = lena_at.browser.get(path)
        assert answer.status_code == 303
        assert "/identity/admin/providers/" in answer.location
        assert lena_at.browser.get(answer.location).status_code == 403, "lena is no admin"


def test_a_title_says_what_its_page_says(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    assert "<title>Started –" in seen(lena_at, row_id).text
    lena_at.browser.get(f"/identity/return/{row_id}")
    page = seen(lena_at, row_id).text
    assert "<title>Being checked –" in page
    assert "<h1>Being checked</h1>" in page
    start = lena_at.browser.get("/identity/")
    assert "<title>You have a verification under way –" in start.text
    assert "Continue where you left off" not in words(start)


def test_in_review_the_reason_comes_first_and_then_what_becomes_of_it(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.in_review, Reason.face_mismatch)
    page = words(seen(lena_at, row_id))
    reason, sentence = texts.told(Status.in_review, [Reason.face_mismatch]).lead
    assert f"{reason} {sentence}" in page
    assert "contact us" not in page
