"""Pictures and same faces on a verification's page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from requests_mock import ANY, Mocker
from sqlalchemy import select

from flask_idverify import clock, service
from flask_idverify.models import AuditEntry, Verification
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, Vendor
from tests.web_admin.desk import ADMIN, Desk, Reader, add_provider, ended, start, words

STRANGERS = ["77e0c1ab-4d2f-4f0a-9c3e-0b1d2e3f4a55", "88e0c1ab-4d2f-4f0a-9c3e-0b1d2e3f4a55"]
BOTH = pytest.mark.parametrize("kind", GENERATIONS)


def _at_vendor(host: Host, vendor: Vendor, kind: str) -> None:
    add_provider(host, vendor.url, provider_type=kind, link=True, client_secret="sandbox-secret")


def _looks(host: Host) -> list[tuple[str, str]]:
    with host.app.app_context():
        rows = host.db.session.scalars(
            select(AuditEntry)
            .where(AuditEntry.action == "verification.image_viewed")
            .order_by(AuditEntry.sequence)
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
    assert "2 pictures looked at" in told
    assert "Pictures: Front of the document, Face" in told


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


#: As browsers ask for what stands in an ``img``, and for a page.
PICTURE = {"Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"}
PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@BOTH
def test_a_picture_that_fails_says_why_in_its_place_and_alone(
    host: Host, desk: Desk, vendor: Vendor, kind: str
) -> None:
    _at_vendor(host, vendor, kind)
    attempt = ended(host, vendor, "one@example.com")
    page = desk.get(f"/verifications/{attempt}?pictures=1")
    assert "Fetch them all again" in words(page)
    path = f"{ADMIN}/verifications/{attempt}/images/face"
    vendor.sandbox.set_faults([{"kind": "403", "where": "image"}])
    drawn = desk.browser.get(path, headers=PICTURE)
    assert drawn.status_code == 502
    assert drawn.mimetype == "image/svg+xml"
    assert drawn.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert drawn.headers["Cache-Control"] == "no-store"
    ElementTree.fromstring(drawn.data)
    alone = desk.browser.get(path, headers=PAGE)
    assert alone.status_code == 502
    for told in (words(drawn), words(alone)):
        assert "Face" in told
        assert "The vendor answered HTTP 403" in told
        assert "The vendor's own words:" in told
        assert "then check its connection" not in told, "the message says it already"
    assert f'href="{path}"' in alone.text, "a link to try again"
    assert f'href="{ADMIN}/verifications/{attempt}"' in alone.text
    assert _looks(host) == [], "nobody saw anything"
    vendor.sandbox.clear_faults()
    assert desk.browser.get(path, headers=PICTURE).mimetype in ("image/jpeg", "image/png")


def test_the_words_of_a_vendor_cannot_become_markup_of_the_drawn_reason(
    host: Host, desk: Desk, vendor: Vendor, requests_mock: Mocker
) -> None:
    _at_vendor(host, vendor, GENERATIONS[0])
    requests_mock.register_uri(ANY, ANY, real_http=True)
    attempt = ended(host, vendor, "one@example.com")
    bad = {"message": "<script>1</script> & U7301945 " + "very long words " * 60}
    requests_mock.get(re.compile(r"/images/front$"), status_code=403, json=bad)
    path = f"{ADMIN}/verifications/{attempt}/images/front"
    drawn = desk.browser.get(path, headers=PICTURE)
    assert drawn.status_code == 502
    root = ElementTree.fromstring(drawn.data)
    assert {each.tag.rpartition("}")[2] for each in root.iter()} == {"svg", "rect", "text"}
    lines = [each for each in root.iter() if each.tag.endswith("text")]
    assert max(float(each.attrib["y"]) for each in lines) < float(root.attrib["height"])


def test_chinese_words_of_a_drawn_reason_stay_within_the_picture(
    host: Host, desk: Desk, vendor: Vendor, requests_mock: Mocker
) -> None:
    _at_vendor(host, vendor, GENERATIONS[0])
    requests_mock.register_uri(ANY, ANY, real_http=True)
    attempt = ended(host, vendor, "one@example.com")
    said = {"message": "\N{CJK UNIFIED IDEOGRAPH-8BC1}" * 70}
    requests_mock.get(re.compile(r"/images/front$"), status_code=403, json=said)
    path = f"{ADMIN}/verifications/{attempt}/images/front"
    root = ElementTree.fromstring(desk.browser.get(path, headers=PICTURE).data)
    lines = [each.text or "" for each in root.iter() if each.tag.endswith("text")]
    assert "".join(lines).count(said["message"][0]) == 70
    assert max(line.count(said["message"][0]) for line in lines) == 20


@BOTH
def test_before_anything_was_handed_in_no_pictures_are_no_trouble(
    host: Host, desk: Desk, vendor: Vendor, kind: str
) -> None:
    _at_vendor(host, vendor, kind)
    attempt = start(host, "one@example.com")
    page = desk.get(f"/verifications/{attempt}?pictures=1")
    assert page.status_code == 200
    assert "No pictures were handed in yet." in words(page)
    assert "does not know" not in words(page)


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


@BOTH
def test_records_that_the_vendor_names_and_nobody_here_knows_are_counted(
    host: Host, desk: Desk, vendor: Vendor, kind: str
) -> None:
    _at_vendor(host, vendor, kind)
    other = ended(host, vendor, "a@example.com", "blurred")
    told = {}
    for email, strangers in (("b@example.com", STRANGERS), ("c@example.com", [])):
        with host.app.app_context():
            known = host.db.session.get_one(Verification, other).vendor_reference
            row = service.start(host.add_user(email), lena(), consent())
            own = str(row.vendor_reference)
            vendor.finish(row, "repeated-face", related=[str(known).upper(), own, *strangers])
            service.refresh(row)
            told[email] = words(desk.get(f"/verifications/{row.id}"))
    assert "saw this face in 2 records that are not known here" in told["b@example.com"]
    assert "not known here" not in told["c@example.com"]
    assert "Same face, another user" in told["c@example.com"]


def test_strangers_alone_are_told_too_and_go_with_an_erasure(
    host: Host, desk: Desk, vendor: Vendor
) -> None:
    _at_vendor(host, vendor, GENERATIONS[0])
    with host.app.app_context():
        row = service.start(host.add_user("b@example.com"), lena(), consent())
        vendor.finish(row, "repeated-face", related=STRANGERS[:1])
        service.refresh(row)
        page = f"/verifications/{row.id}"
        told = words(desk.get(page))
        assert "Same face elsewhere" in told
        assert "saw this face in 1 record that is not known here" in told
        assert not [one for one in STRANGERS if one in told]
        service.erase(row.identity, actor="user")
    assert "Same face elsewhere" not in words(desk.get(page))
