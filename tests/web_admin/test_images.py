"""Pictures and same faces on a verification's page."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from flask_idverify import clock, service
from flask_idverify.models import AuditEntry, Verification
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, Vendor
from tests.web_admin.desk import ADMIN, Desk, Reader, add_provider, ended, start, words

BOTH = pytest.mark.parametrize("kind", GENERATIONS)


def _at_vendor(host: Host, vendor: Vendor, kind: str) -> None:
    add_provider(host, vendor.url, provider_type=kind, link=True, client_secret="sandbox-secret")


def _looks(host: Host) -> list[tuple[str, str]]:
    with host.app.app_context():
        rows = host.db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "verification.image_viewed")
        )
        return [(row.actor, row.facts["image"]) for row in rows]


def _sources(page: str) -> list[str]:
    return re.findall(r'<img class="idv-picture" src="([^"]+)" alt="[^"]+"', page)


@BOTH
def test_nothing_is_fetched_until_an_admin_asks(
    host: Host, desk: Desk, vendor: Vendor, kind: str
) -> None:
    _at_vendor(host, vendor, kind)
    attempt = ended(host, vendor, "one@example.com")
    asked = len(vendor.asked())
    page = desk.get(f"/verifications/{attempt}")
    assert "Show the pictures" in words(page)
    assert f"{ADMIN}/verifications/{attempt}?pictures=1#pictures" in page.text
    assert _sources(page.text) == []
    assert len(vendor.asked()) == asked


@BOTH
def test_the_pictures_are_listed_and_shown_and_each_look_is_on_the_page(
    host: Host, desk: Desk, vendor: Vendor, kind: str
) -> None:
    _at_vendor(host, vendor, kind)
    attempt = ended(host, vendor, "one@example.com")
    page = desk.get(f"/verifications/{attempt}?pictures=1")
    assert page.status_code == 200
    assert Reader(page.text).forbidden == []
    base = f"{ADMIN}/verifications/{attempt}/images"
    assert _sources(page.text) == [f"{base}/front", f"{base}/face"]
    assert "Front of the document" in words(page)
    assert _looks(host) == []
    for source in _sources(page.text):
        picture = desk.browser.get(source)
        assert picture.status_code == 200
        assert picture.mimetype in ("image/jpeg", "image/png")
        headers = picture.headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert headers["Content-Disposition"].startswith("inline")
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    admin = f"admin:{desk.id}"
    assert _looks(host) == [(admin, "front"), (admin, "face")]
    told = words(desk.get(f"/verifications/{attempt}"))
    assert told.count("Picture looked at") == 2
    assert "Picture: Front of the document" in told


@BOTH
def test_only_admins_see_pictures(host: Host, vendor: Vendor, kind: str) -> None:
    _at_vendor(host, vendor, kind)
    attempt = ended(host, vendor, "one@example.com")
    user = Desk(host, "user@example.com", admin=False)
    with host.app.app_context():
        owner = host.db.session.query(host.User).filter_by(email="one@example.com").one().id
    signed_out, own = host.app.test_client(), host.app.test_client()
    own.get(f"/login/{owner}")
    asked = len(vendor.asked())
    for browser in (user.browser, own, signed_out):
        for path in (f"{attempt}/images/front", f"{attempt}?pictures=1"):
            assert browser.get(f"{ADMIN}/verifications/{path}").status_code in (401, 403)
    assert len(vendor.asked()) == asked
    assert _looks(host) == []


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403)])
def test_no_other_page_can_make_an_admin_look(
    host: Host, desk: Desk, vendor: Vendor, site: str, status: int
) -> None:
    _at_vendor(host, vendor, GENERATIONS[0])
    path = f"{ADMIN}/verifications/{ended(host, vendor, 'one@example.com')}/images/front"
    assert desk.browser.get(path, headers={"Sec-Fetch-Site": site}).status_code == status
    assert _looks(host) == []
    for own in ("same-origin", "none"):
        assert desk.browser.get(path, headers={"Sec-Fetch-Site": own}).status_code == 200


@BOTH
@pytest.mark.parametrize(
    "name", ["passport", "..%2fdata", "%2e%2e", "FRONT", "front%00", "facemap"]
)
def test_an_odd_name_shows_no_picture(
    host: Host, desk: Desk, vendor: Vendor, kind: str, name: str
) -> None:
    _at_vendor(host, vendor, kind)
    attempt = ended(host, vendor, "one@example.com")
    answer = desk.get(f"/verifications/{attempt}/images/{name}")
    assert answer.status_code in (404, 502)
    assert not (answer.mimetype or "").startswith("image/")
    assert vendor.asked("image") == []


def test_a_verification_that_does_not_exist_has_no_pictures(desk: Desk) -> None:
    for path in ("nothing/images/front", "nothing?pictures=1"):
        assert desk.get(f"/verifications/{path}").status_code == 404


@BOTH
def test_deleted_at_the_vendor_is_told(host: Host, desk: Desk, vendor: Vendor, kind: str) -> None:
    _at_vendor(host, vendor, kind)
    attempt = ended(host, vendor, "one@example.com")
    with host.app.app_context():
        row = host.db.session.get(Verification, attempt)
        assert row is not None
        vendor.sandbox.wipe(str(row.vendor_reference), gone=True)
    page = desk.get(f"/verifications/{attempt}?pictures=1")
    assert page.status_code == 502
    assert "it was deleted" in words(page)
    assert "Claim and document" in words(page), "the rest of the page is there"
    assert desk.get(f"/verifications/{attempt}/images/front").status_code == 502


def test_a_vendor_that_is_down_costs_only_the_pictures(
    host: Host, desk: Desk, vendor: Vendor
) -> None:
    _at_vendor(host, vendor, GENERATIONS[0])
    attempt = ended(host, vendor, "one@example.com")
    vendor.sandbox.add_fault("5xx", where="image")
    page = desk.get(f"/verifications/{attempt}?pictures=1")
    assert page.status_code == 503
    assert "The vendor cannot be reached" in words(page)
    assert "Claim and document" in words(page)


def test_what_was_erased_or_never_opened_offers_no_pictures(
    host: Host, desk: Desk, vendor: Vendor
) -> None:
    _at_vendor(host, vendor, GENERATIONS[0])
    attempt = start(host, "one@example.com")
    with host.app.app_context():
        row = host.db.session.get(Verification, attempt)
        assert row is not None
        row.erased_at = clock.now()
        host.db.session.commit()
    page = desk.get(f"/verifications/{attempt}")
    assert "Show the pictures" not in words(page)
    assert "was erased" in words(page)
    assert desk.get(f"/verifications/{attempt}?pictures=1").status_code == 404
    assert desk.get(f"/verifications/{attempt}/images/front").status_code == 404
    with host.app.app_context():
        row = host.db.session.get(Verification, attempt)
        assert row is not None
        row.erased_at, row.vendor_reference = None, None
        host.db.session.commit()
    assert "has seen nothing, so there are none" in words(desk.get(f"/verifications/{attempt}"))


@BOTH
def test_the_same_face_leads_to_the_other_users_verification(
    host: Host, desk: Desk, vendor: Vendor, kind: str
) -> None:
    _at_vendor(host, vendor, kind)
    first, second = (ended(host, vendor, f"{one}@example.com", "blurred") for one in ("a", "b"))
    with host.app.app_context():
        found = [host.db.session.get(Verification, key) for key in (first, second)]
        references = [str(row.vendor_reference) for row in found if row is not None]
        row = service.start(host.add_user("c@example.com"), lena(), consent())
        vendor.finish(row, "repeated-face", related=references)
        service.refresh(row)
        third = row.id
        assert found[1] is not None
        found[1].erased_at = clock.now()
        host.db.session.commit()
    page = desk.get(f"/verifications/{third}")
    told = words(page)
    assert "The vendor saw the same face in:" in told
    for key in (first, second):
        assert f'href="{ADMIN}/verifications/{key}"' in page.text
    assert told.count("Erased") == 1
    assert "The vendor saw the same face in:" not in words(desk.get(f"/verifications/{first}"))
