"""The button pressed twice leads to one attempt and one page of the vendor, also for programs."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_idverify.states import Reason, Status
from tests.hosts import lena
from tests.web.people import TYPED, VENDOR_PAGE, Person, inline_code, vendor, words

START = "/identity/api/verifications"
BODY = {"claim": lena().to_dict(), "consent": {"given": True, "country": "AUT"}}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_idverify.service.resuming.PATIENCE", 0.0)


def _set(person: Person, row_id: str, **values: Any) -> None:
    with person.host.app.app_context():
        row = person.row(row_id)
        for name, value in values.items():
            setattr(row, name, value)
        person.host.db.session.commit()


def _being_started(person: Person) -> str:
    """Start; then let it be as if the vendor had not answered yet. Return the attempt's id."""
    with vendor():
        answer = person.post(**TYPED)
    row_id: str = answer.headers["Location"].split("/")[-2]
    _set(person, row_id, status=Status.created)
    return row_id


def _ask(person: Person, **claim: str) -> TestResponse:
    body = {**BODY, "claim": {**lena().to_dict(), **claim}}
    return person.browser.post(START, json=body, headers={"X-CSRFToken": person.token()})


def test_both_halves_lead_to_the_same_page_of_the_vendor(lena_at: Person) -> None:
    with vendor() as mocked:
        first, second = lena_at.post(**TYPED), lena_at.post(**TYPED)
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    page = lena_at.browser.get(second.headers["Location"])
    assert f'href="{VENDOR_PAGE}"' in page.text
    assert (mocked.call_count, lena_at.attempts()) == (1, 1)


def test_while_the_vendor_is_asked_the_page_waits_and_then_goes_on_by_itself(
    lena_at: Person,
) -> None:
    """Without JavaScript, too: the refresh leads to the address that leads to the vendor."""
    row_id = _being_started(lena_at)
    with vendor() as mocked:
        answer = lena_at.post(**TYPED)
    assert (answer.status_code, mocked.call_count) == (303, 0)
    onward = answer.headers["Location"]
    assert onward == f"/identity/verifications/{row_id}/continue"
    waiting = lena_at.browser.get(onward, follow_redirects=True)
    assert waiting.request.path == f"/identity/verifications/{row_id}"
    assert "preparing" in words(waiting)
    expected = f'content="2;url={onward}"'
    assert f'<noscript><meta http-equiv="refresh" {expected}></noscript>' in waiting.text
    assert f'data-idv-then="{onward}"' in waiting.text
    assert inline_code(waiting.text) == []
    _set(lena_at, row_id, status=Status.started)
    assert f'href="{VENDOR_PAGE}"' in lena_at.browser.get(onward).text


def test_a_waiting_page_tells_of_a_start_that_failed(lena_at: Person) -> None:
    row_id = _being_started(lena_at)
    onward = lena_at.post(**TYPED).headers["Location"]
    _set(
        lena_at,
        row_id,
        status=Status.error,
        reasons=[str(Reason.start_failed)],
        retryable=True,
        active_key=None,
    )
    page = lena_at.browser.get(onward, follow_redirects=True)
    assert "could not be reached" in words(page)
    assert "Try again" in words(page)
    assert 'http-equiv="refresh"' not in page.text


def test_a_page_that_waits_for_a_result_stays_where_it_is(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.processing)
    with vendor():
        page = lena_at.browser.get(f"/identity/verifications/{row_id}")
    assert f'url=/identity/verifications/{row_id}"' in page.text
    assert "data-idv-then" not in page.text


def test_a_program_that_posts_twice_gets_the_same_answer_twice(lena_at: Person) -> None:
    with vendor() as mocked:
        first, second = _ask(lena_at), _ask(lena_at)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json() == second.get_json()
    assert second.get_json()["redirect_url"] == VENDOR_PAGE
    assert first.headers["Location"] == second.headers["Location"]
    assert mocked.call_count == 1


def test_a_program_is_told_that_another_request_is_still_starting(lena_at: Person) -> None:
    row_id = _being_started(lena_at)
    with vendor() as mocked:
        answer = _ask(lena_at)
    told = answer.get_json()
    assert (answer.status_code, mocked.call_count) == (202, 0)
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["Location"] == f"{START}/{row_id}"
    assert (told["id"], told["status"]) == (row_id, "created")
    _set(lena_at, row_id, status=Status.started)
    assert _ask(lena_at).status_code == 200


@pytest.mark.parametrize("status", [Status.created, Status.started, Status.processing])
def test_another_claim_is_refused_and_the_attempt_is_named(lena_at: Person, status: Status) -> None:
    row_id = _being_started(lena_at)
    _set(lena_at, row_id, status=status)
    with vendor() as mocked:
        answer = _ask(lena_at, id_number="U7301946")
        page = lena_at.post(**{**TYPED, "id_number": "U7301946"})
    assert (answer.status_code, page.status_code, mocked.call_count) == (409, 409, 0)
    told = answer.get_json(force=True)
    assert (told["code"], told["verification"]) == ("verification_in_progress", row_id)
    assert told["detail"] in words(page)
    assert f"/identity/verifications/{row_id}" in page.text
    # What is being checked can no longer be canceled, and nobody is told to.
    offered = f"/identity/verifications/{row_id}/cancel" in page.text
    assert offered == (status is not Status.processing)
