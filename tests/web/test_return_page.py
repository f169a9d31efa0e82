"""The browser's return decides nothing, and tells strangers nothing."""

from __future__ import annotations

import pytest

from flask_idverify import texts
from flask_idverify.states import Reason, Status
from tests.web.people import Person, seen, words

FORGED = (
    "?transactionStatus=SUCCESS&acquisitionStatus=SUCCESS&status=approved&decision=PASSED"
    "&verificationStatus=APPROVED_VERIFIED&errorCode="
)


@pytest.mark.parametrize("status", [s for s in Status if not s.is_final])
def test_forged_return_parameters_decide_nothing(lena_at: Person, status: Status) -> None:
    row_id = lena_at.attempt(status)
    answer = lena_at.browser.get(f"/identity/return/{row_id}{FORGED}")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/identity/verifications/{row_id}"
    assert lena_at.status_of(row_id) is status
    assert lena_at.returned_at(row_id) is not None
    assert b"welcome" not in lena_at.browser.get("/members").data


def test_the_return_is_noted_once_and_not_for_what_is_decided(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    lena_at.browser.get(f"/identity/return/{row_id}")
    first = lena_at.returned_at(row_id)
    lena_at.browser.get(f"/identity/return/{row_id}")
    assert first is not None
    assert lena_at.returned_at(row_id) == first
    decided = lena_at.attempt(Status.rejected, Reason.manual)
    lena_at.browser.get(f"/identity/return/{decided}")
    assert lena_at.returned_at(decided) is None


def test_the_vendors_error_code_becomes_a_hint_and_nothing_else(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    answer = lena_at.browser.get(
        f"/identity/return/{row_id}?acquisitionStatus=ERROR&errorCode=9822"
    )
    assert answer.headers["Location"] == f"/identity/verifications/{row_id}?hint=9822"
    page = words(seen(lena_at, row_id, "?hint=9822"))
    assert str(texts.return_hint("9822")) in page
    assert "Continue with the pictures" in page
    assert lena_at.status_of(row_id) is Status.started
    odd = lena_at.browser.get(f"/identity/return/{row_id}?errorCode=%3Cscript%3E")
    assert odd.headers["Location"] == f"/identity/verifications/{row_id}"
    assert "9822" not in words(seen(lena_at, row_id, "?hint=%3Cscript%3E"))


def test_a_hint_is_not_shown_beside_a_decision(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.rejected, Reason.document_unreadable)
    assert str(texts.return_hint("9822")) not in words(seen(lena_at, row_id, "?hint=9822"))


def test_logged_out_the_return_shows_nothing_personal_and_still_counts(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    stranger = Person(lena_at.host, "stranger@example.com")
    stranger.attempt(Status.started)
    nobody = lena_at.host.app.test_client()
    page = nobody.get(f"/identity/return/{row_id}{FORGED}")
    assert page.status_code == 200
    for secret in (row_id, "Lena", "U7301945", "AUT"):
        assert secret not in page.text
    assert lena_at.returned_at(row_id) is not None
    unknown = nobody.get("/identity/return/no-such-id")
    assert unknown.status_code == 404
    assert unknown.data == page.data, "only the status tells them apart"
    assert stranger.browser.get(f"/identity/return/{row_id}").status_code == 200
    assert "Set-Cookie" not in page.headers


def test_the_return_page_may_stand_in_a_frame(lena_at: Person) -> None:
    page = lena_at.host.app.test_client().get("/identity/return/x")
    assert "X-Frame-Options" not in page.headers
    assert "frame-ancestors" not in page.headers.get("Content-Security-Policy", "")
