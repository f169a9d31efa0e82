"""Addresses and bodies that no browser of ours sends end in an answer, not in a 500."""

from __future__ import annotations

import pytest

from tests.web.people import Person


@pytest.mark.parametrize(
    "path",
    [
        "/identity/return/%00",
        "/identity/verifications/%00",
        "/identity/?application=%00",
        "/identity/api/verifications/%00",
        "/identity/api/identity?application=%00",
        "/identity/admin/verifications?user=%00",
        "/identity/admin/providers/%00",
    ],
)
def test_a_nul_in_an_address_is_not_found(lena_at: Person, path: str) -> None:
    assert lena_at.browser.get(path).status_code in (403, 404)


@pytest.mark.parametrize("body", ["[" * 16000, '{"a":' * 2700, '"\\ud800"'])
def test_a_body_that_is_no_request_is_a_bad_request(lena_at: Person, body: str) -> None:
    token = lena_at.browser.get("/identity/api/identity").get_json()["csrf_token"]
    answer = lena_at.browser.post(
        "/identity/api/verifications",
        data=body.encode("utf-8"),
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 400
    assert answer.get_json()["code"] == "invalid_json"
