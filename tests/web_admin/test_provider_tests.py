"""Test verifications: real, followed to their end, and without effect on the admin."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flask_idverify import service
from flask_idverify.models import Verification
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, field_error, words

MINE = {
    "id_type": "passport",
    "id_number": "U7301945",
    "real_name": "Lena Marie Gruber",
    "country": "AUT",
    "location_country": "AUT",
    "consent": "y",
}


@pytest.fixture(params=GENERATIONS)
def provider(request: Any, host: Host, vendor: Vendor) -> str:
    """A provider of each generation; a test needs no link."""
    kind = request.param
    return add_provider(host, vendor.url, provider_type=kind, client_secret="sandbox-secret")


def attempt(host: Host) -> Verification:
    return host.db.session.query(Verification).one()


def begin(desk: Desk, provider: str, **changes: Any) -> str:
    answer = desk.send(f"/providers/{provider}/test", **{**MINE, **changes})
    assert answer.status_code == 303, words(answer)
    return str(answer.headers["Location"].removeprefix(ADMIN))


def test_a_test_verification_shows_reference_masked_answer_and_the_way_to_the_vendor(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    page = desk.get(begin(desk, provider))
    with host.app.app_context():
        row = attempt(host)
        assert row.is_test
        assert row.vendor_reference
        assert row.vendor_reference in words(page)
        link = row.redirect_url
        assert link
        assert link.replace("&", "&amp;") in page.text
        token = re.findall(r"authorizationToken=([^&]+)", link)[0]
    answer = page.text.split("<pre")[1].split("</pre>")[0]
    assert token not in answer
    assert "***" in answer
    assert "Gruber" not in page.text
    assert "sandbox-secret" not in page.text


def test_an_approved_test_never_verifies_the_admin(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    path = begin(desk, provider)
    with host.app.app_context():
        vendor.finish(attempt(host))
        verification_id = attempt(host).id
    sent = desk.send(f"/verifications/{verification_id}/refresh", path)
    assert sent.status_code == 303, "a test is no user's case, and needs no reason"
    page = words(desk.get(path))
    assert "The vendor approved. The whole way works." in page
    with host.app.app_context():
        assert attempt(host).status is Status.approved
        identity = attempt(host).identity
        assert identity.standing is Standing.unverified
        assert identity.claim is None
    by_hand = {"csrf_token": desk.token(), "reason": "because"}
    answer = desk.post(f"/verifications/{verification_id}/approve", by_hand)
    assert answer.status_code == 409
    assert "never verifies" in words(answer)


def test_the_page_follows_the_outcome_once_the_browser_came_back(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    path = begin(desk, provider)
    before = len(vendor.asked())
    page = desk.get(path)
    assert 'http-equiv="refresh"' in page.text
    assert len(vendor.asked()) == before  # nobody has finished anything yet
    with host.app.app_context():
        vendor.finish(attempt(host), "fraud")
        service.note_return(attempt(host))
    page = desk.get(path)
    assert "The document was manipulated." in words(page)
    assert 'http-equiv="refresh"' not in page.text
    assert "authorizationToken" not in page.text


def test_a_known_claim_is_filled_in(host: Host, desk: Desk, provider: str) -> None:
    with host.app.app_context():
        admin = host.db.session.get(host.User, desk.id)
        service.identity_for(admin).claim = lena()
        host.db.session.commit()
    shown = desk.form(f"/providers/{provider}/test")
    assert (shown["real_name"], shown["country"]) == ("Lena Marie Gruber", "AUT")
    assert "consent" not in shown


@pytest.mark.parametrize("missing", ["id_number", "country", "consent", "location_country"])
def test_claim_and_consent_are_asked_for(
    host: Host, desk: Desk, vendor: Vendor, provider: str, missing: str
) -> None:
    answer = desk.send(f"/providers/{provider}/test", **{**MINE, missing: ""})
    assert answer.status_code == 422
    assert field_error(answer, missing)
    assert vendor.asked("start") == []


def test_a_wrong_secret_is_told_in_the_vendors_words(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    desk.send(f"/providers/{provider}", client_secret="not the secret")
    answer = desk.send(f"/providers/{provider}/test", **MINE)
    assert answer.status_code == 502
    assert "The vendor refuses our credentials" in words(answer)
    assert "not the secret" not in answer.text
    with host.app.app_context():
        assert attempt(host).status is Status.error


def test_a_vendor_that_is_down_is_told(host: Host, desk: Desk, provider: str) -> None:
    desk.send(f"/providers/{provider}", endpoint="http://127.0.0.1:9")
    answer = desk.send(f"/providers/{provider}/test", **MINE)
    assert answer.status_code == 503
    told = words(answer)
    assert "The vendor cannot be reached" in told
    assert "127.0.0.1:9 " in told, "the port is the first thing to look at"
    assert "No test was started" in told
    assert "we ask again by ourselves" not in told


def test_a_test_does_not_stand_in_the_way_of_a_verification(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    begin(desk, provider)
    with host.app.app_context():
        host.idverify.link(host.db.session.query(Verification).one().provider)
        host.db.session.commit()
        admin = host.db.session.get(host.User, desk.id)
        real = service.start(admin, lena(), consent())
        assert not real.is_test
        vendor.finish(real)
        assert service.refresh(real).identity.is_verified


def test_another_admin_sees_the_test_but_not_its_link(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    path = begin(desk, provider)
    page = Desk(host, "second@example.com").get(path)
    assert page.status_code == 200
    assert "authorizationToken" not in page.text


def test_only_a_test_of_this_provider_has_the_page(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    verification_id = begin(desk, provider).rpartition("/")[2]
    other = add_provider(host, name="Other")
    assert desk.get(f"/providers/{other}/tests/{verification_id}").status_code == 404
    with host.app.app_context():
        attempt(host).is_test = False
        host.db.session.commit()
    assert desk.get(f"/providers/{provider}/tests/{verification_id}").status_code == 404


def test_coming_back_from_the_vendor_shows_that_the_pictures_are_being_checked(
    host: Host, desk: Desk, vendor: Vendor, provider: str
) -> None:
    path = begin(desk, provider)
    assert "Continue on the vendor's page" in words(desk.get(path))
    with host.app.app_context():
        service.note_return(attempt(host))
        api = f"/identity/api/verifications/{attempt(host).id}"
    page = desk.get(path)
    assert "Being checked" in words(page)
    assert "Continue on the vendor's page" not in words(page)
    assert f'data-idv-look="{api}"' in page.text
    assert '<meta http-equiv="refresh" content="5">' in page.text
    assert "status.js" in page.text
    answer = desk.browser.get(api)
    assert (answer.status_code, answer.json["status"]) == (200, "started")  # type: ignore[index]
