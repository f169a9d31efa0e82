"""One user's standing, its history, and its reset."""

from __future__ import annotations

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
    assert page.count(f"Valid until {last}") == 2, "of the document, and of the standing"
