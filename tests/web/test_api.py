"""The JSON API: the same rules as the pages, told to programs."""

from __future__ import annotations

from typing import Any

import pytest
from flask_wtf import CSRFProtect

from flask_idverify import clock, texts
from flask_idverify.models import Provider
from flask_idverify.states import Reason, Status
from tests.hosts import Host, lena, make_host
from tests.web.people import ENDPOINT, SCAN, VENDOR_PAGE, Person, vendor

IDENTITY = "/identity/api/identity"
START = "/identity/api/verifications"
CLAIM = lena().to_dict()
CONSENT = {"given": True, "country": "AUT"}


def _post(person: Person, body: Any = None, **options: Any) -> Any:
    headers = options.pop("headers", None)
    if headers is None:
        headers = {"X-CSRFToken": person.token()}
    json = {"claim": CLAIM, "consent": CONSENT} if body is None else body
    return person.browser.post(START, json=json, headers=headers, **options)


def _is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    data: dict[str, Any] = answer.get_json(force=True)
    assert (data["status"], data["code"]) == (status, code)
    assert data["type"] == f"urn:flask-idverify:problem:{code}"
    assert data["title"]
    assert data["detail"].endswith(".")
    assert answer.headers["Cache-Control"] == "no-store"
    return data


def test_without_a_login_the_answer_is_401_in_json_and_no_redirect(ready: Host) -> None:
    ready.app.login_manager.login_view = "sign_in"  # type: ignore[attr-defined]
    browser = ready.app.test_client()
    for answer in (browser.get(IDENTITY), browser.get(f"{START}/x"), browser.post(START, json={})):
        _is_problem(answer, 401, "not_signed_in")


def test_a_newcomer_has_no_identity_and_gets_a_token(lena_at: Person) -> None:
    data = lena_at.browser.get(IDENTITY).get_json()
    assert data.pop("csrf_token")
    assert data == {
        "standing": "unverified",
        "is_verified": False,
        "satisfied": False,
        "verified_at": None,
        "expires_at": None,
        "claim": None,
    }


def test_the_owner_reads_their_own_claim(lena_at: Person) -> None:
    lena_at.verified()
    data = lena_at.browser.get(IDENTITY).get_json()
    assert data["claim"] == CLAIM
    assert data["is_verified"] is data["satisfied"] is True
    assert data["verified_at"].endswith("+00:00")


def test_the_question_can_be_about_an_application(lena_at: Person) -> None:
    with lena_at.host.app.app_context():
        provider = lena_at.host.db.session.query(Provider).one()
        lena_at.host.idverify.link(provider, application="bank", policy={"minimum_age": 18})
        lena_at.host.db.session.commit()
    lena_at.verified()
    data = lena_at.browser.get(f"{IDENTITY}?application=bank").get_json()
    assert (data["is_verified"], data["satisfied"]) == (True, False)
    _is_problem(lena_at.browser.get(f"{IDENTITY}?application=none"), 404, "not_found")


def test_a_start_answers_201_with_the_link_which_no_later_answer_repeats(lena_at: Person) -> None:
    with vendor():
        answer = _post(lena_at)
    assert answer.status_code == 201
    data = answer.get_json()
    assert data["redirect_url"] == VENDOR_PAGE
    assert data["status"] == "started"
    assert answer.headers["Location"] == f"{START}/{data['id']}"
    later = lena_at.browser.get(answer.headers["Location"])
    assert later.status_code == 200
    assert "redirect_url" not in later.get_json()
    assert later.get_json()["resumable"] is True
    for told in (answer.text.replace(VENDOR_PAGE, ""), later.text):
        assert SCAN not in told
        assert "jumio" not in told.lower()


def test_a_number_that_looks_mistyped_is_told_and_not_refused(lena_at: Person) -> None:
    claim = {"id_type": "id_card", "country": "ESP", "id_number": "54362351K", "real_name": "Lena"}
    with vendor():
        answer = _post(lena_at, {"claim": claim, "consent": CONSENT})
    assert answer.status_code == 201
    (hint,) = answer.get_json()["hints"]
    assert hint["field"] == "id_number"
    assert "Please check it." in hint["text"]
    assert "54362351K" not in answer.text


def test_a_second_start_is_the_same_attempt(lena_at: Person) -> None:
    with vendor() as mocked:
        first, second = _post(lena_at).get_json(), _post(lena_at).get_json()
    assert first["id"] == second["id"]
    assert mocked.call_count == 1


@pytest.mark.parametrize("headers", [{}, {"X-CSRFToken": ""}, {"X-CSRFToken": "forged"}])
def test_a_start_without_the_token_is_400_and_starts_nothing(
    lena_at: Person, headers: dict[str, str]
) -> None:
    with vendor() as mocked:
        _is_problem(_post(lena_at, headers=headers), 400, "csrf")
    assert (mocked.call_count, lena_at.attempts()) == (0, 0)


def test_a_token_in_the_body_or_the_query_does_not_count(lena_at: Person) -> None:
    token = lena_at.token()
    answer = lena_at.browser.post(
        f"{START}?csrf_token={token}", json={"claim": CLAIM, "csrf_token": token}
    )
    _is_problem(answer, 400, "csrf")


def test_a_host_without_csrf_protection_needs_no_token() -> None:
    host = make_host(csrf=False)
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    person = Person(host)
    assert person.browser.get(IDENTITY).get_json()["csrf_token"] is None
    with vendor():
        assert _post(person, headers={}).status_code == 201


def test_a_hosts_global_protection_leaves_the_answer_to_us(host: Host) -> None:
    CSRFProtect(host.app)
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    person = Person(host)
    _is_problem(_post(person, headers={}), 400, "csrf")
    with vendor():
        assert _post(person).status_code == 201


def test_only_json_is_understood(lena_at: Person) -> None:
    headers = {"X-CSRFToken": lena_at.token()}
    form = lena_at.browser.post(START, data=CLAIM, headers=headers)
    _is_problem(form, 415, "unsupported_media_type")
    for body in ("{", "[]", '"x"', ""):
        answer = lena_at.browser.post(
            START, data=body, content_type="application/json", headers=headers
        )
        _is_problem(answer, 400, "invalid_json")
    huge = lena_at.browser.post(START, json={"x": "y" * 20000}, headers=headers)
    _is_problem(huge, 413, "too_large")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"claim": {**CLAIM, "country": "Austria"}}, "invalid_claim", "country"),
        ({"claim": {**CLAIM, "id_number": 7}}, "invalid_claim", "id_number"),
        ({"claim": {**CLAIM, "real_name": None}}, "invalid_claim", "real_name"),
        ({"claim": "Lena"}, "invalid_input", "claim"),
        ({}, "invalid_claim", "id_type"),
        ({"claim": CLAIM, "consent": []}, "invalid_input", "consent"),
        ({"claim": CLAIM, "consent": {**CONSENT, "country": "USA"}}, "invalid_consent", "state"),
        ({"claim": CLAIM, "consent": {**CONSENT, "country": 5}}, "invalid_consent", "country"),
        ({"claim": CLAIM, "application": 5}, "invalid_input", "application"),
    ],
)
def test_a_wrong_field_is_named(lena_at: Person, body: Any, code: str, field: str) -> None:
    with vendor() as mocked:
        data = _is_problem(_post(lena_at, body), 422, code)
    assert data["field"] == field
    assert data["detail"] != texts.error(code), "it says what was expected"
    assert mocked.call_count == 0


@pytest.mark.parametrize(
    ("provider_type", "endpoint"),
    [("Jumio", "https://lon.netverify.com"), ("Jumio Platform", "https://amer-1.jumio.ai")],
)
def test_consent_that_was_not_given_starts_nothing_at_any_vendor(
    host: Host, provider_type: str, endpoint: str
) -> None:
    with host.app.app_context():
        host.add_provider(endpoint, provider_type)
    person = Person(host)
    refused: list[Any] = [{}, {**CONSENT, "given": "yes"}, {**CONSENT, "given": False}]
    if provider_type == "Jumio Platform":
        refused.append(None)
    for consent in refused:
        with vendor() as mocked:
            answer = _post(person, {"claim": CLAIM, "consent": consent})
        _is_problem(answer, 422, "consent_missing")
        assert mocked.call_count == 0


def test_a_verified_user_is_409_and_nothing_changes(lena_at: Person) -> None:
    lena_at.verified()
    with vendor() as mocked:
        _is_problem(_post(lena_at), 409, "already_verified")
        changed = {"claim": {**CLAIM, "real_name": "Somebody Else"}}
        _is_problem(_post(lena_at, changed), 409, "already_verified")
    assert mocked.call_count == 0
    assert lena_at.claim() == lena()


def test_an_unfinished_attempt_is_409_and_named(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.processing)
    data = _is_problem(_post(lena_at), 409, "verification_in_progress")
    assert data["verification"] == row_id
    assert "you can also cancel it" in data["detail"]


def test_the_limit_tells_when_to_come_back(lena_at: Person) -> None:
    for _ in range(5):
        lena_at.attempt(Status.rejected, Reason.document_unreadable)
    answer = _post(lena_at)
    data = _is_problem(answer, 429, "attempt_limit_reached")
    assert data["retry_at"] > clock.now().isoformat()
    assert int(answer.headers["Retry-After"]) > 86000


def test_the_vendors_words_stay_inside(lena_at: Person) -> None:
    with vendor(status_code=403, text="Jumio says: token xyzzy is wrong"):
        answer = _post(lena_at)
    _is_problem(answer, 502, "vendor_refused")
    assert "xyzzy" not in answer.text
    assert "jumio" not in answer.text.lower()


def test_without_a_provider_it_is_503(host: Host) -> None:
    with host.app.app_context():
        host.add_provider(ENDPOINT)
        host.db.session.query(Provider).one().enabled = False
        host.db.session.commit()
    _is_problem(_post(Person(host)), 503, "not_configured")


def test_reasons_come_with_words_and_touchy_ones_without_their_code(lena_at: Person) -> None:
    row_id = lena_at.attempt(
        Status.rejected, Reason.document_unreadable, Reason.selfie_spoof, Reason.watchlist_hit
    )
    answer = lena_at.browser.get(f"{START}/{row_id}")
    codes = [reason["code"] for reason in answer.get_json()["reasons"]]
    assert codes == ["document_unreadable", "not_confirmed", "closer_look"]
    assert all(reason["text"] and reason["next"] for reason in answer.get_json()["reasons"])
    for word in ("spoof", "watchlist"):
        assert word not in answer.text


def test_looking_asks_the_vendor_only_when_it_is_worth_it(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    with vendor() as mocked:
        lena_at.browser.get(f"{START}/{row_id}")
        assert mocked.call_count == 0
        lena_at.browser.get(f"/identity/return/{row_id}")
        assert lena_at.browser.get(f"{START}/{row_id}").get_json()["look_again_in"] == 5
        assert mocked.call_count == 1


def test_unknown_methods_are_told_in_the_same_form(lena_at: Person) -> None:
    answer = lena_at.browser.delete(IDENTITY)
    _is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize("path", ["", "nowhere", "identity/", "verifications/x/y", "a%2Fb"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_address_of_nobody_is_told_in_the_same_form(
    lena_at: Person, path: str, method: str
) -> None:
    answer = lena_at.browser.open(f"/identity/api/{path}", method=method)
    data = _is_problem(answer, 404, "not_found")
    assert data["detail"] == "There is nothing at this address."


@pytest.mark.parametrize(
    ("body", "field", "known"),
    [
        ({"claim": CLAIM, "consents": CONSENT}, "consents", "claim, consent, application"),
        ({"claim": {**CLAIM, "name": "Lena"}}, "name", "id_type, id_number, real_name, country"),
        ({"claim": CLAIM, "consent": {**CONSENT, "ip": "1.2.3.4"}}, "ip", "given, country, state"),
        ({"claim": CLAIM, "consent": {"agreed": True}}, "agreed", "given, country, state"),
    ],
)
def test_a_member_that_nobody_reads_is_refused(
    lena_at: Person, body: Any, field: str, known: str
) -> None:
    with vendor() as mocked:
        data = _is_problem(_post(lena_at, body), 422, "invalid_input")
    assert (data["field"], mocked.call_count) == (field, 0)
    assert data["detail"] == f"Is not known here; expected {known}."


def test_an_application_that_does_not_exist_is_told(lena_at: Person) -> None:
    with vendor() as mocked:
        started = _post(lena_at, {"claim": CLAIM, "consent": CONSENT, "application": "none"})
    asked = lena_at.browser.get(f"{IDENTITY}?application=none")
    for answer in (started, asked):
        data = _is_problem(answer, 404, "not_found")
        assert data["detail"] == "There is no such application."
    assert mocked.call_count == 0


def test_titles_read_well(lena_at: Person) -> None:
    refused = _is_problem(_post(lena_at, headers={}), 400, "csrf")
    assert refused["title"] == "CSRF token missing or invalid"
    headers = {"X-CSRFToken": lena_at.token()}
    options: Any = {"data": "{", "content_type": "application/json", "headers": headers}
    broken = _is_problem(lena_at.browser.post(START, **options), 400, "invalid_json")
    assert broken["title"] == "Invalid JSON"
