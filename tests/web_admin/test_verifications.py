"""Watching verifications, and deciding them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from sqlalchemy import event

from flask_idverify import clock, inbox, queries, service, texts
from flask_idverify.models import AuditEntry, Identity, Verification
from flask_idverify.states import Standing, Status
from tests.hosts import Host
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, ended, field_error, start, words


def row(host: Host, verification_id: str) -> Verification:
    found = host.db.session.get(Verification, verification_id)
    assert found is not None
    return found


def status(host: Host, verification_id: str) -> Status:
    with host.app.app_context():
        return row(host, verification_id).status


def standing(host: Host, verification_id: str) -> Standing:
    with host.app.app_context():
        return row(host, verification_id).identity.standing


def listed(desk: Desk, path: str) -> list[str]:
    """Return the ids on a list page, in order."""
    page = desk.get(path)
    assert page.status_code == 200
    return re.findall(rf'href="{ADMIN}/verifications/([0-9a-f-]{{36}})"', page.text)


def pager(desk: Desk, path: str, relation: str) -> str | None:
    found = re.search(rf'<a rel="{relation}" href="([^"]*)"', desk.get(path).text)
    return found[1].replace("&amp;", "&").removeprefix(ADMIN) if found else None


# -- the list ---------------------------------------------------------------------------------


def test_the_list_is_filtered(host: Host, desk: Desk, vendor: Vendor, at_vendor: str) -> None:
    approved = ended(host, vendor, "one@example.com")
    rejected = ended(host, vendor, "two@example.com", "fraud")
    opened = start(host, "three@example.com")
    with host.app.app_context():
        row(host, rejected).is_test = True
        user_id, application = row(host, opened).user_id, row(host, opened).application_id
        reference = row(host, approved).vendor_reference or ""
        host.db.session.commit()
    other = add_provider(host, name="Other")
    assert listed(desk, "/verifications") == [opened, rejected, approved]
    assert listed(desk, "/verifications?status=approved") == [approved]
    assert listed(desk, "/verifications?kind=test") == [rejected]
    assert listed(desk, "/verifications?kind=real") == [opened, approved]
    assert listed(desk, f"/verifications?user={user_id}") == [opened]
    assert listed(desk, f"/verifications?provider={at_vendor}&status=started") == [opened]
    assert listed(desk, f"/verifications?provider={other}") == []
    assert len(listed(desk, f"/verifications?application={application}")) == 3
    assert listed(desk, "/verifications?reason=document_manipulated") == [rejected]
    assert listed(desk, f"/verifications?reference={reference}") == [approved]
    assert listed(desk, f"/verifications?reference={reference[:-1]}") == []
    assert listed(desk, "/verifications?order=oldest") == [approved, rejected, opened]
    assert listed(desk, f"/verifications?user=+{user_id}+&status=&since=&reason=") == [opened]


def test_pages_lead_to_every_row_once_there_and_back(host: Host, desk: Desk) -> None:
    add_provider(host, link=True)
    with host.app.app_context():
        moment = clock.now()
        provider = queries.providers()[0].provider
        identity = Identity(user_id="7")
        host.db.session.add(identity)
        for number in range(60):
            made = Verification(
                user_id="7",
                identity_id=identity.id,
                provider_id=provider.id,
                callback_key_digest=str(number),
                # Many of one moment: the id decides between them.
                created_at=moment if number % 3 else clock.now(),
                status=Status.expired if number % 2 else Status.approved,
            )
            host.db.session.add(made)
        host.db.session.commit()
    for query, count in (("", 60), ("?status=expired", 30)):
        path: str | None = f"/verifications{query}"
        seen: list[list[str]] = []
        visited = []
        while path:
            visited.append(path)
            seen.append(listed(desk, path))
            path = pager(desk, path, "next")
        every = [each for page in seen for each in page]
        assert (len(every), len(set(every))) == (count, count)
        back = [seen[-1]]
        path = pager(desk, visited[-1], "prev")
        while path:
            back.append(listed(desk, path))
            path = pager(desk, path, "prev")
        assert back[::-1] == seen


@pytest.mark.parametrize("cursor", ["x", "9" * 40, "1.2", "999999999999999999." + "a" * 36])
def test_an_unreadable_cursor_shows_the_first_page(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str, cursor: str
) -> None:
    opened = start(host, "three@example.com")
    assert listed(desk, f"/verifications?older={cursor}") in ([opened], [])
    assert listed(desk, f"/verifications?newer={cursor}") == [opened]


def test_a_list_page_costs_few_statements(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    for number in range(8):
        start(host, f"{number}@example.com")
    statements: list[str] = []
    with host.app.app_context():
        engine = host.db.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert len(listed(desk, "/verifications")) == 8
    assert len(statements) < 10


# -- one verification -------------------------------------------------------------------------


def test_claim_and_document_stand_side_by_side_with_the_differences_marked(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com", real_name="Lena Maria Huber", id_number="X99")
    page = words(desk.get(f"/verifications/{path}"))
    mine, theirs = "[differs: Maria ] [differs: Huber ]", "[differs: MARIE ] [differs: GRUBER ]"
    assert f"Full name Lena {mine} LENA {theirs} Differs" in page
    assert "Document number [differs: X99 ] [differs: U7301945 ] Differs" in page
    assert re.search(r"Kind Passport Passport Agrees", page)
    assert re.search(r"Issued by Austria Austria Agrees", page)


@pytest.mark.parametrize("kind", ["Jumio", "Jumio Platform"])
def test_the_page_says_why(host: Host, desk: Desk, vendor: Vendor, kind: str) -> None:
    add_provider(host, vendor.url, provider_type=kind, link=True, client_secret="sandbox-secret")
    path = ended(host, vendor, "one@example.com", "fraud")
    page = words(desk.get(f"/verifications/{path}"))
    assert "MANIPULATED" in page
    chain = (
        r"The vendor said [^.]*MANIPULATED[^.]* We read that as The document was manipulated. "
        r"document_manipulated The user reads .*We could not confirm this document. If you "
        r"believe.* Decided by The vendor's own decision"
    )
    assert re.search(chain, page), page


def test_the_page_tells_what_happened_and_which_callbacks_came(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = start(host, "one@example.com")
    assert "None. The vendor is also asked on a schedule." in words(
        desk.get(f"/verifications/{path}")
    )
    with host.app.app_context():
        attempt = row(host, path)
        vendor.finish(attempt)
        vendor.notification(attempt.vendor_reference).arrive()
    page = words(desk.get(f"/verifications/{path}"))
    assert "Owed" in page
    with host.app.app_context():
        inbox.drain()
    page = words(desk.get(f"/verifications/{path}"))
    assert "Processed" in page
    page = page[page.index("What happened") :]
    steps = ["Verification recorded", "The vendor opened its page", "Approved"]
    assert [page.index(step) for step in steps] == sorted(page.index(step) for step in steps)


def test_values_that_no_longer_decrypt_are_missing_but_the_page_stands(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com")
    with host.app.app_context():
        found = row(host, path)
        found.claim_sealed, found.document_sealed = found.document_sealed, found.claim_sealed
        identity_id = found.identity_id
        host.db.session.commit()
    page = words(desk.get(f"/verifications/{path}"))
    assert "cannot be decrypted" in page
    assert "LENA" not in page
    assert desk.get(f"/identities/{identity_id}").status_code == 200


# -- actions ----------------------------------------------------------------------------------


def act(desk: Desk, verification_id: str, what: str, reason: str | None = "I know her.") -> Any:
    page = f"/verifications/{verification_id}"
    fields = {"csrf_token": desk.token(), "reason": reason}
    return desk.post(f"{page}/{what}", {key: value for key, value in fields.items() if value})


def test_refresh_asks_the_vendor_and_applies_the_answer(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = start(host, "one@example.com")
    with host.app.app_context():
        vendor.finish(row(host, path))
    answer = act(desk, path, "refresh")
    assert answer.status_code == 303
    assert (status(host, path), standing(host, path)) == (Status.approved, Standing.verified)


def asked_by_hand(host: Host) -> list[tuple[str, str | None]]:
    """Return who asked the vendor, and why."""
    with host.app.app_context():
        entries = host.db.session.query(AuditEntry).filter_by(action="verification.asked")
        return [(entry.actor, entry.note) for entry in entries]


@pytest.mark.parametrize("reason", [None, "   "])
def test_without_a_reason_the_vendor_is_not_asked(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str, reason: str | None
) -> None:
    path = start(host, "one@example.com")
    with host.app.app_context():
        vendor.finish(row(host, path))
    before = len(vendor.asked())
    answer = act(desk, path, "refresh", reason)
    assert answer.status_code == 422
    assert field_error(answer, "reason") == "Please give a reason." or "a reason" in words(answer)
    assert len(vendor.asked()) == before
    assert (status(host, path), asked_by_hand(host)) == (Status.started, [])


def test_who_asked_the_vendor_and_why_is_kept_once_also_when_the_answer_changes_nothing(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = start(host, "one@example.com")
    before = len(vendor.asked())
    assert act(desk, path, "refresh", "She called us.").status_code == 303
    assert len(vendor.asked()) > before
    assert status(host, path) is Status.started
    assert asked_by_hand(host) == [(f"admin:{desk.id}", "She called us.")]
    page = words(desk.get(f"/verifications/{path}"))
    assert f"Vendor asked by hand Admin {desk.id}" in page
    assert "She called us." in page


def test_the_form_that_decides_also_asks_the_vendor(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = start(host, "one@example.com")
    page = desk.get(f"/verifications/{path}")
    (form,) = re.findall(r"<form.*?</form>", page.text, re.DOTALL)[-1:]
    (action,) = re.findall(r'formaction="([^"]*/refresh)"', form)
    assert 'name="reason"' in form
    fields = {**desk.form(f"/verifications/{path}", f"/verifications/{path}/reject"), "reason": "x"}
    assert desk.post(action.removeprefix(ADMIN), fields).status_code == 303
    assert len(asked_by_hand(host)) == 1


def test_in_the_queue_whoever_asks_the_vendor_stays_with_the_same_one(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com", "face-unclear")
    ended(host, vendor, "two@example.com", "face-unclear", id_number="U2")
    form = desk.form(f"/reviews/{path}", f"/verifications/{path}/reject")
    answer = desk.post(f"/verifications/{path}/refresh", {**form, "reason": "She called us."})
    assert answer.headers["Location"] == f"{ADMIN}/reviews/{path}"


@pytest.mark.parametrize("after", ["cancel", "erase"])
def test_where_there_is_nothing_to_ask_nothing_is_noted(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str, after: str
) -> None:
    path = start(host, "one@example.com")
    if after == "cancel":
        act(desk, path, "cancel")
    else:
        with host.app.app_context():
            service.erase(row(host, path).identity, actor="admin:7", reason="Letter of 3 May.")
    before = len(vendor.asked())
    answer = act(desk, path, "refresh")
    assert answer.status_code == 409
    assert "There is nothing to ask the vendor" in words(answer)
    assert (len(vendor.asked()), asked_by_hand(host)) == (before, [])


@pytest.mark.parametrize("what", ["approve", "reject", "cancel"])
@pytest.mark.parametrize("reason", [None, "   "])
def test_a_decision_needs_a_reason(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str, what: str, reason: str | None
) -> None:
    path = start(host, "one@example.com")
    answer = act(desk, path, what, reason)
    assert answer.status_code == 422
    assert field_error(answer, "reason") or "reason" in words(answer)
    assert status(host, path) is Status.started


@pytest.mark.parametrize(
    ("what", "after", "stands"),
    [
        ("approve", Status.approved, Standing.verified),
        ("reject", Status.rejected, Standing.unverified),
        ("cancel", Status.canceled, Standing.unverified),
    ],
)
def test_an_admin_decides_what_waits_for_a_person(
    host: Host,
    desk: Desk,
    vendor: Vendor,
    at_vendor: str,
    what: str,
    after: Status,
    stands: Standing,
) -> None:
    path = ended(host, vendor, "one@example.com", "face-unclear")
    assert status(host, path) is Status.in_review
    assert act(desk, path, what).status_code == 303
    assert (status(host, path), standing(host, path)) == (after, stands)
    with host.app.app_context():
        found = row(host, path)
        entries = host.db.session.query(AuditEntry).filter_by(action=f"verification.{after}")
        assert [entry.actor for entry in entries] == [f"admin:{desk.id}"]
        assert found.decided_by == str(desk.id)
    page = words(desk.get(f"/verifications/{path}"))
    assert f"Admin {desk.id}" in page
    assert "I know her." in page


def test_a_decision_that_is_held_already_is_refused_in_words(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com")
    for what in ("approve", "cancel"):
        answer = act(desk, path, what)
        assert answer.status_code == 409
        assert "That is not possible any more" in words(answer)
    assert status(host, path) is Status.approved
    page = desk.get(f"/verifications/{path}").text
    assert "/approve" not in page
    assert "/cancel" not in page
    assert "/reject" in page


def test_an_admin_takes_an_approval_back(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = ended(host, vendor, "one@example.com")
    assert act(desk, path, "reject", "It was not her.").status_code == 303
    assert (status(host, path), standing(host, path)) == (Status.rejected, Standing.revoked)


def test_a_wrong_secret_shows_the_vendors_refusal_and_the_way_to_mend_it(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = start(host, "one@example.com")
    desk.send(f"/providers/{at_vendor}", client_secret="not the secret")
    answer = act(desk, path, "refresh")
    page = words(answer)
    assert answer.status_code == 502
    assert "The vendor refuses our credentials" in page
    assert "The vendor's own words:" in page
    assert "Correct the provider's credentials" in page
    assert f'href="{ADMIN}/providers/{at_vendor}"' in answer.text
    assert "not the secret" not in answer.text
    assert status(host, path) is Status.started


def test_a_vendor_that_is_down_changes_nothing_and_is_told(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    path = start(host, "one@example.com")
    with host.app.app_context():
        transport = host.app.extensions["idverify"].vendors.transport
        object.__setattr__(transport, "backoff", 0.0)
    desk.send(f"/providers/{at_vendor}", endpoint="http://127.0.0.1:9", same_account="y")
    answer = act(desk, path, "refresh")
    assert answer.status_code == 503
    assert "The vendor cannot be reached" in words(answer)
    assert "Nothing is lost" in words(answer)
    assert status(host, path) is Status.started
    assert asked_by_hand(host) == [(f"admin:{desk.id}", "I know her.")]
    later = words(desk.get(f"/verifications/{path}"))
    assert "The last call to the vendor failed" in later


@pytest.mark.parametrize("scenario", ["approve", "fraud", "face-unclear", "blurred"])
def test_the_quote_is_what_the_user_reads(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str, scenario: str
) -> None:
    path = ended(host, vendor, "one@example.com", scenario)
    with host.app.app_context():
        user_id = row(host, path).user_id
    user = host.app.test_client()
    user.get(f"/login/{user_id}")
    page = words(user.get(f"/identity/verifications/{path}"))
    found = re.search(r"<q>(.*?)</q>", desk.get(f"/verifications/{path}").text)
    assert found is not None
    quote = html.unescape(found[1])
    title, _, rest = quote.partition(". ")
    assert title in page
    assert rest in page


def test_an_approval_without_any_document_is_warned_of(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    opened = start(host, "one@example.com")
    assert "Nothing is known of a document." in words(desk.get(f"/verifications/{opened}"))
    with host.app.app_context():
        found = row(host, opened)
        found.status, found.reason, found.reasons = Status.error, "start_failed", ["start_failed"]
        found.vendor_reference = None
        host.db.session.commit()
    page = words(desk.get(f"/verifications/{opened}"))
    assert "The vendor has seen nothing: no document and no face." in page
    assert "See its words" not in page
    done = ended(host, vendor, "two@example.com", "fraud")
    assert "rests on your own check" not in words(desk.get(f"/verifications/{done}"))


def test_a_reason_is_asked_for_in_words(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    answer = act(desk, start(host, "one@example.com"), "approve", None)
    assert field_error(answer, "reason") == "Please give a reason."
    assert "kept with your user ID" in words(answer)


def test_the_log_speaks_in_words(host: Host, desk: Desk, vendor: Vendor, at_vendor: str) -> None:
    path = ended(host, vendor, "one@example.com", "face-unclear")
    page = words(desk.get(f"/verifications/{path}"))
    told = page[page.index("What happened") :].partition("Decide ")[0]
    assert "Before: Started" in told
    assert "Decided by: Policy: what a warning of the vendor does" in told
    assert "The vendor answered: In review" in told
    for code in ("on_warning", "in_review", "face_not_comparable", "from:"):
        assert code not in told


def test_the_consent_is_shown_with_its_time_and_the_version_of_its_wording(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    opened = start(host, "one@example.com")
    with host.app.app_context():
        given = row(host, opened).consent
        assert given is not None
        assert given.obtained_at is not None
        when = texts.moment(given.obtained_at)
    page = words(desk.get(f"/verifications/{opened}"))
    assert f"Consent {when} , Austria, 203.0.113.24, wording 1" in page
