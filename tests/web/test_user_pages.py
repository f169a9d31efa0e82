"""The start page: who stands where, what is asked, and what a POST does or refuses."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from flask_babel import Babel
from flask_wtf import CSRFProtect
from sqlalchemy import update

from flask_idverify import clock, i18n, texts
from flask_idverify.adapters.jumio.v4 import JumioV4
from flask_idverify.locking import permitted
from flask_idverify.models import Identity, Provider
from flask_idverify.policy import Policy
from flask_idverify.states import Reason, Standing, Status
from tests.hosts import Host, consent, lena, make_host
from tests.web.people import ENDPOINT, TYPED, VENDOR_PAGE, Person, vendor, words

PAGE = "/identity/"


def _start(person: Person, **values: str) -> str:
    """Start with everything filled in; return the attempt's id."""
    answer = person.post(**{**TYPED, **values})
    assert answer.status_code == 303, words(answer)
    path = answer.headers["Location"]
    assert path.startswith("/identity/verifications/")
    assert path.endswith("/continue")
    return str(path.split("/")[3])


def test_nobody_gets_in_without_signing_in(ready: Host) -> None:
    browser = ready.app.test_client()
    for path in (PAGE, "/identity/verifications/x", "/identity/verifications/x/continue"):
        assert browser.get(path).status_code == 401
    assert browser.post("/identity/verifications/x/cancel").status_code == 401


def test_anonymous_users_are_sent_to_the_hosts_login(ready: Host) -> None:
    ready.app.login_manager.login_view = "sign_in_page"  # type: ignore[attr-defined]
    ready.app.add_url_rule("/sign-in", "sign_in_page", lambda: "sign in")
    answer = ready.app.test_client().get(PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in")


def test_a_newcomer_learns_what_will_happen_and_sees_the_form(lena_at: Person) -> None:
    page = lena_at.browser.get(PAGE)
    text = words(page)
    assert page.status_code == 200
    for promise in ("two to three minutes", "camera", "encrypted", "Verify identity"):
        assert promise in text
    assert '<option value="XKX">Kosovo</option>' in page.text


def test_only_papers_that_some_provider_takes_are_offered(lena_at: Person) -> None:
    with lena_at.host.app.app_context():
        provider = lena_at.host.db.session.query(Provider).one()
        first = lena_at.host.idverify.link(
            provider, policy=Policy(countries=frozenset({"AUT", "DEU"}))
        )
        first.conditions = {"id_types": ["passport"], "countries": ["AUT", "CHE"]}
        second = lena_at.host.add_provider(ENDPOINT, name="second", link=False)
        lena_at.host.idverify.link(
            second, conditions={"id_types": ["id_card"], "countries": ["ITA"]}
        )
        lena_at.host.db.session.commit()
    offered = re.findall(r'<option[^>]* value="(\w+)"', lena_at.browser.get(PAGE).text)
    papers = [value for value in offered if value.islower()]
    assert papers == ["passport", "id_card"]
    issued_by = offered[len(papers) : offered.index("AFG")]
    assert issued_by == ["AUT", "ITA"], "where somebody is now may be anywhere"
    answer = lena_at.post(**{**TYPED, "id_type": "driving_licence"})
    assert answer.status_code == 422
    assert "We do not accept" in words(answer)


def test_a_newcomer_learns_how_long_it_takes_what_it_needs_and_who_sees_it(lena_at: Person) -> None:
    page = lena_at.browser.get(PAGE)
    for promise in ("five minutes", "What you need", "good light", "Why we ask", "Who sees it"):
        assert promise in words(page)
    assert "checked and kept by Jumio." in words(page)
    assert f'href="{JumioV4.privacy_url}"' in page.text


def test_whoever_is_asked_for_consent_can_read_the_vendors_privacy_notice(lena_at: Person) -> None:
    notice = "https://shop.example/jumio-and-us?a=1&b=2"
    escaped = notice.replace("&", "&amp;")
    with lena_at.host.app.app_context():
        row = lena_at.host.db.session.query(Provider).one()
        row.options = {**row.options, "privacy_url": notice}
        lena_at.host.db.session.commit()
    lena_at.attempt(Status.rejected, Reason.document_unreadable, retryable=True)
    for page in (lena_at.browser.get(PAGE), lena_at.post(**{**TYPED, "consent": ""})):
        form = page.text.split("<form")[1]
        assert f'href="{escaped}" rel="noreferrer" target="_blank"' in form
        assert "Jumio takes and checks the pictures for us." in words(page)


def test_one_vendor_behind_several_links_is_named_once(lena_at: Person) -> None:
    with lena_at.host.app.app_context():
        lena_at.host.add_provider("https://amer-1.jumio.ai", "Jumio Platform")
    assert lena_at.browser.get(PAGE).text.count(f'href="{JumioV4.privacy_url}"') == 1


def test_a_start_leads_to_our_own_page_which_leads_to_the_vendor(lena_at: Person) -> None:
    with vendor() as mocked:
        row_id = _start(lena_at)
    assert mocked.call_count == 1
    page = lena_at.browser.get(f"/identity/verifications/{row_id}/continue")
    escaped = VENDOR_PAGE.replace("&", "&amp;")
    assert f'href="{escaped}"' in page.text
    assert f'<meta http-equiv="refresh" content="1;url={escaped}">' in page.text
    assert page.headers["Referrer-Policy"] == "same-origin"
    with lena_at.host.app.app_context():
        row = lena_at.row(row_id)
        assert row.claim == lena()
        given = row.consent
        assert given is not None
        assert (given.ip, given.country, given.wording) == ("127.0.0.1", "AUT", "1")
        assert given.obtained_at is not None


def test_an_incomplete_form_keeps_what_was_typed_and_ties_errors_to_fields(
    lena_at: Person,
) -> None:
    with vendor() as mocked:
        answer = lena_at.post(**{**TYPED, "id_number": " ", "real_name": "Lena <b>", "consent": ""})
    assert answer.status_code == 422
    assert mocked.call_count == 0
    assert 'value="Lena &lt;b&gt;"' in answer.text
    assert '<option selected value="AUT">' in answer.text
    assert 'aria-describedby="id_number-help id_number-errors"' in answer.text
    assert 'id="id_number-errors"' in answer.text
    assert 'href="#id_number"' in answer.text
    assert "We need your consent" in words(answer)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id_type", "library_card"),
        ("country", "XXX"),
        ("id_number", "1" * 65),
        ("real_name", "x" * 201),
        ("real_name", "Lena\u0000"),
        ("location_country", "Austria"),
        ("location_state", "x" * 101),
    ],
)
def test_what_cannot_be_on_a_document_is_refused_at_the_field(
    lena_at: Person, field: str, value: str
) -> None:
    with vendor() as mocked:
        answer = lena_at.post(**{**TYPED, field: value})
    assert answer.status_code == 422
    assert f'id="{field}-errors"' in answer.text
    assert mocked.call_count == 0


def test_a_user_finds_their_country_in_their_own_language(
    lena_at: Person,
) -> None:
    Babel(lena_at.host.app, locale_selector=lambda: "de_AT")
    page = lena_at.browser.get(PAGE).text
    assert '<html lang="de-AT"' in page
    countries = re.findall(r'<option value="([A-Z]{3})">([^<]+)<', page.split('id="country"')[1])
    assert countries.index(("OMN", "Oman")) < countries.index(("AUT", "Österreich"))


@pytest.mark.parametrize(("chosen", "told"), [("de-AT", "de"), ("tlh", "fr"), (None, "fr")])
def test_the_vendors_page_speaks_the_language_of_ours(
    host: Host, monkeypatch: pytest.MonkeyPatch, chosen: str | None, told: str
) -> None:
    with host.app.app_context():
        host.add_provider(ENDPOINT, options={"locale": "fr"})
    monkeypatch.setattr(i18n, "chosen_language", lambda: chosen)
    with vendor() as mocked:
        _start(Person(host))
    assert mocked.request_history[0].json()["locale"] == told


#: A Spanish number whose last two digits changed places, so that its letter is wrong.
SLIPPED = {"id_type": "id_card", "country": "ESP", "id_number": "54362351K"}


def test_a_number_that_looks_mistyped_is_asked_about_once_and_then_taken(lena_at: Person) -> None:
    with vendor() as mocked:
        answer = lena_at.post(**{**TYPED, **SLIPPED})
        assert answer.status_code == 422
        assert "does not look like the number" in words(answer)
        assert "(Identity card, Spain)" in words(answer)
        assert 'aria-describedby="id_number-help id_number-hint"' in answer.text
        assert "aria-invalid" not in answer.text, "it may well be right"
        assert (mocked.call_count, lena_at.attempts()) == (0, 0)
        (papers,) = re.findall(r'name="number_checked" type="hidden" value="([^"]*)"', answer.text)
        _start(lena_at, **SLIPPED, number_checked=papers)
    assert mocked.call_count == 1


def test_every_other_number_is_asked_about_anew(lena_at: Person) -> None:
    checked = {"number_checked": "ESP id_card 54362351K"}
    with vendor() as mocked:
        for change in ({"id_number": "54362315A"}, {"id_type": "driving_licence"}):
            answer = lena_at.post(**{**TYPED, **SLIPPED, **checked, **change})
            assert answer.status_code == 422
            assert "id_number-hint" in answer.text
    assert mocked.call_count == 0


def test_a_hint_beside_an_error_counts_as_read(lena_at: Person) -> None:
    answer = lena_at.post(**{**TYPED, **SLIPPED, "real_name": ""})
    assert 'aria-describedby="id_number-help id_number-hint"' in answer.text
    with vendor():
        _start(lena_at, **SLIPPED, number_checked="ESP id_card 54362351K")


@pytest.mark.parametrize("country", ["USA", "CAN", "AUS"])
def test_the_state_is_needed_where_the_law_differs_by_state(lena_at: Person, country: str) -> None:
    answer = lena_at.post(**{**TYPED, "location_country": country})
    assert answer.status_code == 422
    assert 'id="location_state-errors"' in answer.text
    with vendor():
        _start(lena_at, location_country=country, location_state="IL")


def test_a_post_without_csrf_token_is_400_and_starts_nothing(lena_at: Person) -> None:
    with vendor() as mocked:
        answer = lena_at.browser.post(PAGE, data=TYPED)
    assert answer.status_code == 400
    assert "This page was open for too long. Send the form again." in words(answer)
    assert "Reload" not in words(answer), "one word on what to do"
    assert "Please correct" not in words(answer)
    assert 'value="U7301945"' in answer.text, "what was typed is kept"
    assert (mocked.call_count, lena_at.attempts()) == (0, 0)


def test_under_a_hosts_global_protection_a_missing_token_still_gets_our_page(
    lena_at: Person,
) -> None:
    host = make_host()
    CSRFProtect(host.app)
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    person = Person(host)
    answer = person.browser.post(PAGE, data=TYPED)
    assert answer.status_code == 400
    assert "security token" in words(answer)
    with vendor():
        _start(person)


def test_a_double_click_lands_on_the_same_attempt(lena_at: Person) -> None:
    with vendor() as mocked:
        assert _start(lena_at) == _start(lena_at)
    assert (mocked.call_count, lena_at.attempts()) == (1, 1)


def test_another_claim_during_an_unfinished_attempt_is_409(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    answer = lena_at.post(**{**TYPED, "id_number": "other"})
    assert answer.status_code == 409
    assert "not finished" in words(answer)
    assert f"/identity/verifications/{row_id}/continue" in answer.text


def test_an_unfinished_attempt_is_offered_instead_of_the_form(lena_at: Person) -> None:
    row_id = lena_at.attempt(Status.started)
    page = lena_at.browser.get(PAGE)
    assert f"/identity/verifications/{row_id}/continue" in page.text
    assert 'name="id_number"' not in page.text


def test_an_attempt_whose_link_ran_out_does_not_keep_the_form_away(lena_at: Person) -> None:
    lena_at.attempt(Status.started, link_expires_at=clock.now() - timedelta(minutes=1))
    assert 'name="id_number"' in lena_at.browser.get(PAGE).text


def test_a_verified_user_sees_what_was_verified_and_no_form(lena_at: Person) -> None:
    lena_at.verified()
    page = lena_at.browser.get(PAGE)
    for fact in ("Lena Marie Gruber", "U7301945", "Passport", "Austria", "locked"):
        assert fact in words(page)
    assert "<form" not in page.text


@pytest.mark.parametrize("changes", [{}, {"real_name": "Somebody Else"}, {"consent": ""}])
def test_a_raw_post_by_a_verified_user_is_409_and_changes_nothing(
    lena_at: Person, changes: dict[str, str]
) -> None:
    lena_at.verified()
    before = lena_at.attempts()
    with vendor() as mocked:
        answer = lena_at.post(**{**TYPED, **changes})
    assert answer.status_code == 409
    assert "verified already" in words(answer)
    assert lena_at.claim() == lena()
    assert (mocked.call_count, lena_at.attempts()) == (0, before)


def test_a_user_who_used_up_their_attempts_is_told_when_to_come_back(lena_at: Person) -> None:
    host = lena_at.host
    for _ in range(host.app.extensions["idverify"].settings.max_attempts):
        lena_at.attempt(Status.rejected, Reason.document_unreadable, retryable=True)
    until = texts.moment(clock.now() + timedelta(hours=24))[:10]
    promise = f"You can try again from {until}"
    page = lena_at.browser.get(PAGE)
    assert promise in words(page)
    assert "that is in 24 hours." in words(page)
    assert 'name="id_number"' not in page.text
    with vendor() as mocked:
        answer = lena_at.post(**TYPED)
    assert answer.status_code == 429
    assert 86000 < int(answer.headers["Retry-After"]) <= 86400
    assert until in words(answer)
    assert mocked.call_count == 0


def test_papers_that_no_provider_takes_are_refused_at_their_field(host: Host) -> None:
    with host.app.app_context():
        host.add_provider(ENDPOINT, policy={"countries": ["DEU"]})
    answer = Person(host).post(**TYPED)
    assert answer.status_code == 422
    assert 'id="country-errors"' in answer.text
    assert str(texts.reason("country_not_accepted").user) in words(answer)


@pytest.mark.parametrize(
    ("vendor_says", "status", "word"),
    [
        ({"status_code": 500}, 503, "not available"),
        ({"status_code": 429, "headers": {"Retry-After": "7"}}, 503, "busy. Please try again in 1"),
        ({"status_code": 401}, 502, "cannot be used"),
        ({"text": "<html>"}, 502, "cannot use"),
    ],
)
def test_trouble_at_the_vendor_is_told_kindly_and_keeps_what_was_typed(
    lena_at: Person, vendor_says: dict[str, Any], status: int, word: str
) -> None:
    with vendor(**vendor_says):
        answer = lena_at.post(**TYPED)
    assert answer.status_code == status
    assert word in words(answer)
    assert 'value="U7301945"' in answer.text
    assert answer.headers.get("Retry-After") == ("7" if "headers" in vendor_says else None)
    (alert,) = re.findall(r'role="alert">(.*?)</div>', answer.text)
    assert "jumio" not in alert.lower(), "whose fault it is, is no matter of the user's"


def test_without_a_provider_the_page_says_so_with_503(host: Host) -> None:
    person = Person(host)
    page = person.browser.get(PAGE)
    assert page.status_code == 503
    assert "not available" in words(page)
    assert "contact us if this stays so" in words(page)
    assert person.post(**TYPED).status_code == 503


def test_a_disabled_provider_is_as_good_as_none(lena_at: Person) -> None:
    with lena_at.host.app.app_context():
        lena_at.host.db.session.query(Provider).one().enabled = False
        lena_at.host.db.session.commit()
    assert lena_at.browser.get(PAGE).status_code == 503
    assert lena_at.post(**TYPED).status_code == 503


def test_an_application_that_does_not_exist_is_404(lena_at: Person) -> None:
    assert lena_at.browser.get(f"{PAGE}?application=nowhere").status_code == 404
    assert lena_at.post(**{**TYPED, "application": "nowhere"}).status_code == 404


@pytest.fixture
def at_the_bank(lena_at: Person) -> Person:
    """A verified user of a host with a second, stricter application."""
    host = lena_at.host
    with host.app.app_context():
        provider = host.db.session.query(Provider).one()
        host.idverify.link(provider, application="bank", policy={"minimum_age": 18})
        host.db.session.commit()
    lena_at.verified()
    return lena_at


def test_a_stricter_application_asks_for_one_more_check_of_the_locked_claim(
    at_the_bank: Person,
) -> None:
    page = at_the_bank.browser.get(f"{PAGE}?application=bank")
    assert "One more check" in words(page)
    assert 'name="id_number"' not in page.text
    assert '<input type="hidden" name="application" value="bank">' in page.text
    consent = {"location_country": "AUT", "consent": "y", "application": "bank"}
    with vendor():
        answer = at_the_bank.post(**consent)
    assert answer.status_code == 303


def test_a_step_up_with_another_claim_is_409(at_the_bank: Person) -> None:
    with vendor() as mocked:
        answer = at_the_bank.post(**{**TYPED, "application": "bank", "real_name": "Other"})
    assert answer.status_code == 409
    assert "no longer be changed" in words(answer)
    assert mocked.call_count == 0
    assert at_the_bank.claim() == lena()


def test_a_user_whose_papers_ran_out_may_verify_again(lena_at: Person) -> None:
    lena_at.verified()
    with clock.shifted(days=1):
        _let_expire(lena_at)
        page = lena_at.browser.get(PAGE)
        assert "has expired" in words(page)
        assert 'value="U7301945"' in page.text, "the known claim is filled in"


def _let_expire(person: Person) -> None:
    with person.host.app.app_context(), permitted():
        session = person.host.db.session
        session.execute(update(Identity).values(expires_at=clock.now() - timedelta(hours=1)))
        session.commit()
        assert session.query(Identity).one().standing is Standing.verified


def test_the_last_rejection_is_explained_above_the_form(lena_at: Person) -> None:
    lena_at.attempt(Status.rejected, Reason.document_unreadable, retryable=True)
    page = lena_at.browser.get(PAGE)
    text = texts.reason(Reason.document_unreadable)
    assert str(text.user) in words(page)
    assert str(text.next_step) in words(page)
    assert 'name="id_number"' in page.text


def test_the_last_day_that_counts_is_shown_and_not_the_moment_after(lena_at: Person) -> None:
    lena_at.verified()
    with lena_at.host.app.app_context(), permitted():
        session = lena_at.host.db.session
        ends = datetime(2031, 5, 5, tzinfo=timezone.utc)
        session.execute(update(Identity).values(expires_at=ends))
        session.commit()
    page = lena_at.browser.get(PAGE)
    assert "Valid until 2031-05-04 These" in words(page)
    assert "<title>Your identity is verified –" in page.text


def test_the_country_of_the_last_consent_is_known_and_nothing_else_of_it(lena_at: Person) -> None:
    there = consent(country="USA", state="IL")
    row_id = lena_at.attempt(Status.rejected, Reason.document_unreadable, consent=there)
    page = lena_at.browser.get(PAGE).text
    location = page.split('id="location_country"')[1].split("</select>")[0]
    assert re.findall(r'selected value="(\w+)"', location) == ["USA"]
    assert 'value="IL"' not in page
    assert not re.search(r'<input[^>]*id="consent"[^>]*checked', page)
    with lena_at.host.app.app_context():
        lena_at.row(row_id).consent_sealed = "lost.AAAA"
        lena_at.host.db.session.commit()
    assert lena_at.browser.get(PAGE).status_code == 200


def test_the_summary_of_errors_reads_as_sentences(lena_at: Person) -> None:
    answer = lena_at.post(**{**TYPED, "location_country": ""})
    assert "Where are you now: Please choose the country you are in." in words(answer)
