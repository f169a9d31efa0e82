"""What an admin does for a person's rights: hand out, erase, and see what is still owed."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from flask_idverify import clock, inbox, service, signals
from flask_idverify.models import AuditEntry, Identity, OutboxRow, Verification
from flask_idverify.service.owed import SIGNAL, VENDOR_ERASURE
from tests.erasing import deleted
from tests.hosts import Host, make_host
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, ended, field_error, words

WHY = "Letter of Lena Gruber, 3 May"


def page_of(host: Host, verification_id: str) -> str:
    with host.app.app_context():
        row = host.db.session.get_one(Verification, verification_id)
        return f"/identities/{row.identity_id}"


def reference(host: Host, verification_id: str) -> str:
    with host.app.app_context():
        return str(host.db.session.get_one(Verification, verification_id).vendor_reference)


def is_erased(host: Host) -> bool:
    with host.app.app_context():
        return host.db.session.query(Identity).one().erased_at is not None


def test_erasing_needs_a_reason_and_a_tick(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    page = page_of(host, ended(host, vendor, "one@example.com"))
    for given, wrong in (({"why": "", "sure": "y"}, "why"), ({"why": WHY, "sure": None}, "sure")):
        refused = desk.send(f"{page}/erase", page, **given)
        assert refused.status_code == 422
        assert field_error(refused, wrong)
        assert not is_erased(host)


def test_erased_person_is_shown_as_such_with_what_remains(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    attempt = ended(host, vendor, "one@example.com")
    page, known = page_of(host, attempt), reference(host, attempt)
    assert "Lena" in words(desk.get(page))
    assert desk.send(f"{page}/erase", page, why=WHY, sure="y").status_code == 303
    assert is_erased(host)
    assert deleted(vendor, known), "this host works inline"
    shown = words(desk.get(page))
    assert "Erased person" in shown
    assert "Erased on" in shown
    assert "Personal data erased" in shown
    assert "Deleted at the vendor" in shown
    assert "still owed" not in shown
    assert "Approved" in shown
    for gone in ("/erase", "/reset"):
        assert f"{page}{gone}" not in desk.get(page).text
    one = desk.get(f"/verifications/{attempt}")
    told = words(one)
    assert "Personal data removed on" in told
    assert "every demand of the policy is met" in told
    assert "The vendor has told us nothing" not in told
    for action in ("approve", "reject", "refresh"):
        assert f"/{attempt}/{action}" not in one.text
    for canary in ("Lena", "Gruber", "GRUBER", "U7301945", known, WHY):
        assert canary not in shown + told
    assert desk.get("/verifications").status_code == 200


def test_legal_hold_is_told_with_its_reason(vendor: Vendor) -> None:
    host = make_host(IDVERIFY_LEGAL_HOLD=lambda _: "Court order 7 C 12/26.")
    desk = Desk(host)
    add_provider(host, vendor.url, link=True, client_secret="sandbox-secret")
    page = page_of(host, ended(host, vendor, "one@example.com"))
    refused = desk.send(f"{page}/erase", page, why=WHY, sure="y")
    assert refused.status_code == 409
    assert "The data must be kept" in words(refused)
    assert "Court order 7 C 12/26." in words(refused)
    assert "Erasure refused" in words(desk.get(page))
    assert not is_erased(host)


def retried(host: Host) -> list[tuple[str, str, int, int]]:
    """Return where it is noted who had what tried again, and how many."""
    with host.app.app_context():
        entries = host.db.session.query(AuditEntry).filter(AuditEntry.action.like("%.retried"))
        return [
            (one.subject, one.action, int(one.actor.removeprefix("admin:")), one.facts["retried"])
            for one in entries.order_by(AuditEntry.at)
        ]


def row_subject(host: Host, verification_id: str) -> str:
    with host.app.app_context():
        return host.db.session.get_one(Verification, verification_id).identity.subject


def test_what_is_owed_is_seen_and_tried_again(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    attempt = ended(host, vendor, "one@example.com")
    page, known = page_of(host, attempt), reference(host, attempt)
    vendor.sandbox.set_faults([{"kind": "403", "where": "erase"}])
    desk.send(f"{page}/erase", page, why=WHY, sure="y")
    shown = words(desk.get(page))
    assert "1 deletion is still owed at the vendor" in shown
    assert "Vendor in use: " in shown
    assert "403" in shown
    assert "Everything personal is gone here." in shown, "not at the vendor yet"
    with host.app.app_context():
        host.db.session.query(OutboxRow).update({"next_try_at": None})
        host.db.session.commit()
        assert inbox.next_due() is None
    assert "Given up." in words(desk.get(page))
    desk.send(f"{page}/settle", page)
    assert "Still owed: 1." in words(desk.get(page))
    vendor.sandbox.clear_faults()
    desk.send(f"{page}/settle", page)
    assert retried(host) == [(row_subject(host, attempt), "deletions.retried", desk.id, 1)] * 2
    told = words(desk.get(page))
    assert "The vendor has deleted everything." in told
    assert f"Owed deletions tried again Admin {desk.id}" in told
    assert deleted(vendor, known)
    assert "/settle" not in desk.get(page).text


def test_all_data_is_downloaded_and_that_is_noted(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    page = page_of(host, ended(host, vendor, "one@example.com"))
    answer = desk.send(f"{page}/export", page)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "Lena Marie Gruber" in answer.text
    assert json.loads(answer.text)["identity"]["standing"] == "verified"
    assert "All data handed out" in words(desk.get(page))
    with host.app.app_context():
        entry = host.db.session.query(AuditEntry).filter_by(action="identity.exported").one()
        assert entry.actor == f"admin:{desk.id}"


@pytest.mark.parametrize("action", ["erase", "export", "settle"])
def test_only_admins_with_our_form_do_any_of_it(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str, action: str
) -> None:
    page = page_of(host, ended(host, vendor, "one@example.com"))
    fields = {"why": WHY, "sure": "y"}
    assert desk.get(f"{page}/{action}").status_code in (303, 405), "a look does nothing"
    assert desk.post(f"{page}/{action}", fields).status_code == 400, "without the token"
    member = Desk(host, "member@example.com", admin=False)
    assert member.post(f"{page}/{action}", fields).status_code == 403
    assert not is_erased(host)
    token = {"csrf_token": desk.token()}
    assert desk.post(f"/identities/nobody/{action}", {**fields, **token}).status_code == 404


def test_policy_form_offers_to_keep_the_digest(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    attempt = ended(host, vendor, "one@example.com")
    with host.app.app_context():
        application = host.db.session.get_one(Verification, attempt).application
        assert application is not None
        path = f"/applications/{application.id}/links/{application.links[0].id}"
    assert desk.send(path, keep_fingerprint="y").status_code == 303
    assert "keep_fingerprint" in desk.form(path)


def test_refused_erasure_says_so_at_the_top_and_leads_to_the_field(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    page = page_of(host, ended(host, vendor, "one@example.com"))
    answer = desk.send(f"{page}/erase", page, why="", sure=None)
    assert answer.status_code == 422
    html = answer.get_data(as_text=True)
    assert html.index('id="idv-error-summary"') < html.index('id="attempts-title"')
    assert 'href="#why"' in html
    assert desk.get(f"{page}/erase").status_code == 303, "its address can be loaded again"


def test_lists_show_an_erased_person_by_a_badge_that_leads_to_what_remains(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    attempt = ended(host, vendor, "one@example.com")
    page = page_of(host, attempt)
    short = page.rpartition("/")[2][:8]
    desk.send(f"{page}/erase", page, why=WHY, sure="y")
    for path in ("/verifications", f"/verifications/{attempt}"):
        answer = desk.get(path)
        assert "erased:" not in answer.text
        assert f"Erased {short}" in words(answer)
        assert f'href="{ADMIN}{page}"' in answer.text


def test_closed_account_is_told_without_its_inner_id(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    attempt = ended(host, vendor, "one@example.com")
    page = page_of(host, attempt)
    with host.app.app_context():
        host.idverify.forget(host.db.session.query(host.User).filter_by(email="one@example.com")[0])
    for path in ("/verifications", f"/verifications/{attempt}", page):
        answer = desk.get(path)
        assert "closed:" not in answer.text
        assert "Account closed" in words(answer)


def test_what_is_owed_is_told_where_admins_begin_and_leads_to_the_person(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    page = page_of(host, ended(host, vendor, "one@example.com"))
    for path in ("/", "/verifications"):
        assert "owed" not in words(desk.get(path))
    assert "Nothing is owed" in words(desk.get("/owed"))
    vendor.sandbox.set_faults([{"kind": "403", "where": "erase"}])
    with clock.stopped() as moment:
        desk.send(f"{page}/erase", page, why=WHY, sure="y")
    since = f"{moment:%Y-%m-%d %H:%M} UTC"
    for path in ("/", "/verifications", "/verifications?status=canceled"):
        answer = desk.get(path)
        told = words(answer)
        assert "1 deletion is still owed at the vendor" in told
        assert f"since {since}" in told
        assert "The vendor answered HTTP 403" in told
        assert f'href="{ADMIN}/owed"' in answer.text
    listed = desk.get("/owed")
    assert f'href="{ADMIN}{page}"' in listed.text
    assert f"Vendor in use {since} 1 The vendor answered HTTP 403" in words(listed)
    vendor.sandbox.clear_faults()
    desk.send(f"{page}/settle", page)
    for path in ("/", "/verifications"):
        assert "owed" not in words(desk.get(path))


def test_owed_deletions_stand_on_pages_oldest_first(
    host: Host, desk: Desk, at_vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_idverify.queries.owed.OWED_SHOWN", 2)
    with host.app.app_context():
        for number in range(3):
            row = OutboxRow(kind="vendor_erasure", subject=f"gone-{number}", provider_id=at_vendor)
            host.db.session.add(row)
        host.db.session.add(OutboxRow(kind="signal", subject="gone-0"))
        host.db.session.commit()
    assert "3 deletions are still owed" in words(desk.get("/"))
    first = desk.get("/owed").text
    following = re.search(rf'rel="next" href="{ADMIN}([^"]*)"', first)
    assert following is not None
    second = desk.get(following[1]).text
    assert (first.count('scope="row"'), second.count('scope="row"')) == (2, 1)
    assert 'rel="next"' not in second
    back = re.search(rf'rel="prev" href="{ADMIN}([^"]*)"', second)
    assert back is not None
    assert desk.get(back[1]).text.partition("<table")[2] == first.partition("<table")[2]
    assert "the first page" in words(desk.get("/owed?newer=x"))


def test_all_that_vendors_owe_is_tried_again_at_once(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    assert "/owed/deletions" not in desk.get("/owed").text
    attempts = [ended(host, vendor, f"{n}@example.com", id_number=f"U{n}") for n in range(2)]
    known = [reference(host, each) for each in attempts]
    vendor.sandbox.set_faults([{"kind": "403", "where": "erase"}])
    for each in attempts:
        page = page_of(host, each)
        desk.send(f"{page}/erase", page, why=WHY, sure="y")
    with host.app.app_context():
        # One was given up, and one is being made by somebody at this moment.
        first, second = host.db.session.query(OutboxRow).order_by(OutboxRow.created_at)
        assert first.error
        first.next_try_at = None
        second.leased_until = clock.now() + timedelta(minutes=2)
        host.db.session.commit()
    vendor.sandbox.clear_faults()
    answer = desk.send("/owed/deletions", "/owed")
    assert answer.headers["Location"] == f"{ADMIN}/owed"
    told = words(desk.get("/owed"))
    assert "1 deletion is due now and is tried next." in told
    assert retried(host) == [(at_vendor, "deletions.retried", desk.id, 1)]
    log = words(desk.get("/audit?action=deletions.retried"))
    assert f"Admin {desk.id}" in log
    assert "How many: 1" in log
    assert [deleted(vendor, each) for each in known] == [True, False]
    desk.send("/owed/deletions", "/owed")
    assert "No deletion waits that has failed." in words(desk.get("/owed"))
    assert len(retried(host)) == 1, "nothing was done"


@pytest.mark.parametrize(("tried", "left"), [("deletions", SIGNAL), ("signals", VENDOR_ERASURE)])
def test_who_tries_one_kind_again_leaves_the_other_alone(
    host: Host, desk: Desk, at_vendor: str, tried: str, left: str
) -> None:
    later = clock.now() + timedelta(hours=1)
    with host.app.app_context():
        for kind in (SIGNAL, VENDOR_ERASURE):
            values = {"kind": kind, "error": "failed", "next_try_at": later, "tries": 3}
            row = OutboxRow(subject=kind, provider_id=at_vendor, **values)
            row.payload = {}
            host.db.session.add(row)
        host.db.session.commit()
    desk.post(f"/owed/{tried}", {"csrf_token": desk.token()})
    with host.app.app_context():
        row = host.db.session.query(OutboxRow).filter_by(kind=left).one()
        assert (row.next_try_at, row.tries) == (later, 3)


def test_each_provider_keeps_how_many_of_its_own_deletions_were_tried_again(
    host: Host, desk: Desk, at_vendor: str
) -> None:
    other = add_provider(host, name="Other")
    with host.app.app_context():
        for owing in (at_vendor, other, other):
            row = OutboxRow(kind=VENDOR_ERASURE, subject="x", provider_id=owing, error="failed")
            row.payload = {}
            host.db.session.add(row)
        host.db.session.commit()
        assert service.owe_all_again(VENDOR_ERASURE, actor=f"admin:{desk.id}") == 3
    found = {(where, count) for where, _action, _admin, count in retried(host)}
    assert found == {(at_vendor, 1), (other, 2)}


def test_signals_that_an_app_has_not_taken_are_told_and_sent_again(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    heard: list[str] = []

    def receiver(_app: object, **rows: object) -> None:
        if not heard:
            heard.append("trouble")
            raise RuntimeError("mail server away")
        heard.append("heard")

    with signals.identity_verified.connected_to(receiver, host.app):
        ended(host, vendor, "one@example.com")
        with host.app.app_context():
            host.db.session.query(OutboxRow).update({"next_try_at": None})
            host.db.session.commit()
        told = words(desk.get("/owed"))
        assert "1 signal is owed to your app: a receiver of it raised." in told
        desk.send("/owed/signals", "/owed")
        assert heard == ["trouble", "heard"]
    told = words(desk.get("/owed"))
    assert "1 signal is due now and is sent next." in told
    assert retried(host) == [(at_vendor, "signals.retried", desk.id, 1)]
    assert "Owed signals sent again" in words(desk.get("/audit?action=signals.retried"))
    assert "is owed to your app" not in told
    token = desk.token()
    desk.post("/owed/signals", {"csrf_token": token})
    assert "No signal waits that has failed." in words(desk.get("/owed"))
