"""One user's standing, its history, and its reset."""

from __future__ import annotations

import re
from dataclasses import replace

from flask_idverify import service
from flask_idverify.models import Verification
from flask_idverify.states import Standing
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor
from tests.web_admin.desk import Desk, ended, field_error, words


def standing(host: Host, verification_id: str) -> Standing:
    with host.app.app_context():
        row = host.db.session.get(Verification, verification_id)
        assert row is not None
        return row.identity.standing


def identity_of(host: Host, verification_id: str) -> str:
    with host.app.app_context():
        row = host.db.session.get(Verification, verification_id)
        assert row is not None
        return row.identity_id


def test_an_identity_shows_its_history_and_is_reset_with_a_reason(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com")
    identity = f"/identities/{identity_of(host, path)}"
    assert "Identity verified and locked" in words(desk.get(identity))
    assert f"/verifications/{path}" in desk.get(identity).text
    refused = desk.send(f"{identity}/reset", identity, reason="")
    assert refused.status_code == 422
    assert field_error(refused, "reason")
    assert standing(host, path) is Standing.verified
    assert desk.send(f"{identity}/reset", identity, reason="New papers.").status_code == 303
    assert standing(host, path) is Standing.unverified
    page = words(desk.get(identity))
    assert "Identity reset" in page
    assert "New papers." in page
    assert f"Admin {desk.id}" in page
    assert "/reset" not in desk.get(identity).text


def test_a_reset_user_verifies_again(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com")
    identity = f"/identities/{identity_of(host, path)}"
    desk.send(f"{identity}/reset", identity, reason="New papers.")
    with host.app.app_context():
        user = host.db.session.query(host.User).filter_by(email="one@example.com").one()
        again = service.start(user, lena(), consent())
        vendor.finish(again)
        service.refresh(again)
        assert again.identity.is_verified
        second = again.id
    assert f"/verifications/{second}" in desk.get(identity).text


def test_the_last_day_of_a_standing_is_shown(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com")
    with host.app.app_context():
        row = host.db.session.get_one(Verification, path)
        document, ends = row.document, row.identity.expires_at
        assert document is not None
        assert ends is not None
        last = str(document.expires_on)
        assert last < f"{ends:%Y-%m-%d}"
    page = words(desk.get(f"/identities/{identity_of(host, path)}"))
    assert f"Valid until {last}" in page, "the document"
    assert f"Standing until {last}" in page


def test_an_identity_leads_to_its_verifications_with_no_user_id_in_the_address(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    with host.app.app_context():
        host.idverify.user_id_getter(lambda user: user.email)
    mine, other = ended(host, vendor, "one@example.com"), ended(host, vendor, "two@example.com")
    path = f"/identities/{identity_of(host, mine)}"
    page = desk.get(path).text
    (link,) = re.findall(r'href="[^"]*(/verifications\?[^"]*)"', page)
    assert link == f"/verifications?identity={identity_of(host, mine)}"
    assert not re.search(r'(href|action)="[^"]*one(@|%40)', page)
    assert mine in desk.get(link).text
    assert other not in desk.get(link).text


def test_the_identity_of_a_deleted_user_says_who_it_was(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = f"/identities/{identity_of(host, ended(host, vendor, 'one@example.com'))}"
    with host.app.app_context():
        user = host.db.session.query(host.User).filter_by(email="one@example.com").one()
        gone = str(user.id)
        assert "Formerly user" not in words(desk.get(path))
        host.idverify.forget(user)
    assert f"Formerly user {gone}" in words(desk.get(path))


def test_a_reset_under_a_legal_hold_is_refused_with_the_reason(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    made = ended(host, vendor, "one@example.com")
    path = f"/identities/{identity_of(host, made)}"
    state = host.app.extensions["idverify"]
    state.settings = replace(state.settings, legal_hold=lambda _: "Court order 7 C.")
    answer = desk.send(f"{path}/reset", path, reason="New papers.")
    assert answer.status_code == 409
    assert "Court order 7 C." in words(answer)
    assert standing(host, made) is Standing.verified
    assert "Reset refused" in words(desk.get(path))
