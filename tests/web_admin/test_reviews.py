"""The queue of reviews: who waits, whose turn it is, and what two admins do at once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from flask_idverify import clock, queries, service
from flask_idverify.errors import ChangedMeanwhile
from flask_idverify.models import Identity, Verification
from flask_idverify.queries import queue
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, ended, start, words
from tests.web_admin.test_lists import BEGIN, add

WAITING: dict[str, Any] = {"status": Status.in_review, "reason": "face_mismatch", "rule": "vendor"}


def listed(page: str) -> list[str]:
    """Return the ids of a page of the queue, in its order; the button to the first is none."""
    return re.findall(rf'<th scope="row"[^>]*><a href="{ADMIN}/reviews/([0-9a-f-]{{36}})"', page)


def tab(page: str) -> str:
    """Return what the tab of the queue counts."""
    found = re.search(r'class="idv-count">([0-9+]*)<', page)
    return found[1] if found else ""


def status(host: Host, verification_id: str) -> Status:
    with host.app.app_context():
        return host.db.session.get_one(Verification, verification_id).status


@pytest.fixture
def doubtful(host: Host, vendor: Vendor, at_vendor: str) -> list[str]:
    """Three who wait, in the order of their coming."""
    return [
        ended(host, vendor, f"{number}@example.com", "face-unclear", id_number=f"U{number}")
        for number in range(3)
    ]


# -- the list -----------------------------------------------------------------------------------


def test_empty_queue_says_so_and_counts_nothing(desk: Desk) -> None:
    page = desk.get("/reviews")
    assert "Nothing waits for a decision" in words(page)
    assert tab(page.text) == ""


def test_the_oldest_comes_first_with_since_when_why_and_by_which_rule(
    host: Host, desk: Desk
) -> None:
    provider = add_provider(host, name="Jumio EU")
    wanted = add(host, provider, 3, **WAITING, captured_at=BEGIN)
    add(host, provider, 1, status=Status.rejected)
    add(host, provider, 1, status=Status.in_review, is_test=True)
    page = desk.get("/reviews")
    assert listed(page.text) == wanted
    assert tab(page.text) == "3"
    told = words(page)
    row = (
        r"2026-01-31 23:30 UTC \d+ days ago 7 The face is not the one on the document. "
        r"The vendor's own decision Jumio EU"
    )
    assert re.search(row, told), told
    assert f'href="{ADMIN}/reviews/{wanted[0]}"' in page.text


def reviewed(host: Host, vendor: Vendor, email: str, *, begun: int, review: int, **of: str) -> str:
    """Let somebody begin so many hours ago, and come into review later; return the attempt."""
    with clock.shifted(hours=-begun):
        one = start(host, email, **of)
    with host.app.app_context(), clock.shifted(hours=-review):
        row = host.db.session.get_one(Verification, one)
        vendor.finish(row, "face-unclear")
        service.refresh(row)
        assert row.status is Status.in_review
    return one


def waits(page: str) -> dict[str, str]:
    """Return since when each waits, by id."""
    found = re.findall(rf'{ADMIN}/reviews/([0-9a-f-]+)"><time datetime="([^"]+)"', page)
    return dict(found)


def test_one_waits_since_its_review_began_however_long_it_was_under_way_before(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    with clock.stopped() as now:
        # An earlier review of the same person's is over, and tells nothing of this one.
        earlier = reviewed(host, vendor, "slow@example.com", begun=90, review=80, id_number="U1")
        path = f"/verifications/{earlier}"
        assert desk.send(f"{path}/reject", path, reason="Seen.").status_code == 303
        with host.app.app_context():
            user = host.db.session.get_one(Verification, earlier).user_id
            person = host.db.session.get_one(host.User, int(user))
            with clock.shifted(hours=-50):
                slow = service.start(person, lena(id_number="U1"), consent()).id
            with clock.shifted(hours=-3):
                row = host.db.session.get_one(Verification, slow)
                vendor.finish(row, "face-unclear")
                service.refresh(row)
        quick = reviewed(host, vendor, "quick@example.com", begun=20, review=19, id_number="U2")
        page = desk.get("/reviews")
        # The order is that of their beginning: it has an index.
        assert listed(page.text) == [slow, quick]
        hours = {one: now - datetime.fromisoformat(at) for one, at in waits(page.text).items()}
        assert hours == {slow: timedelta(hours=3), quick: timedelta(hours=19)}
        assert "The oldest came into review 3 hours ago." in words(desk.get("/"))


def test_where_the_log_tells_no_review_it_is_the_hand_in_or_the_beginning(
    host: Host, desk: Desk
) -> None:
    provider = add_provider(host)
    handed_in = BEGIN + timedelta(minutes=20)
    (one,) = add(host, provider, 1, **WAITING, captured_at=handed_in)
    (other,) = add(host, provider, 1, **WAITING)
    told = {key: datetime.fromisoformat(at) for key, at in waits(desk.get("/reviews").text).items()}
    assert told == {one: handed_in, other: BEGIN}


def test_pages_of_the_queue_lead_forth_and_back_without_gap_or_repetition(
    host: Host, desk: Desk
) -> None:
    wanted = add(host, add_provider(host), 60, **WAITING)
    path: str | None = "/reviews"
    seen: list[str] = []
    pages = []
    while path:
        page = desk.get(path).text
        pages.append(listed(page))
        seen += pages[-1]
        following = re.search(r'<a rel="next" href="([^"]*)"', page)
        path = following[1].removeprefix(ADMIN) if following else None
    assert seen == wanted
    back = re.search(r'<a rel="prev" href="([^"]*)"', page)
    assert back
    assert listed(desk.get(back[1].removeprefix(ADMIN)).text) == pages[-2]
    assert "not complete" in words(desk.get("/reviews?newer=nonsense"))


def test_the_tab_stops_counting(host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "REVIEWS_TOLD", 3)
    provider = add_provider(host)
    add(host, provider, 3, **WAITING)
    assert tab(desk.get("/").text) == "3"
    add(host, provider, 2, **WAITING)
    assert tab(desk.get("/").text) == "3+"


# -- one after another --------------------------------------------------------------------------


def test_a_decision_leads_on_to_the_next_until_nothing_waits(
    host: Host, desk: Desk, doubtful: list[str]
) -> None:
    buttons = ("approve", "reject", "approve")
    for number, (one, button) in enumerate(zip(doubtful, buttons, strict=True)):
        page = desk.get(f"/reviews/{one}")
        left = len(doubtful) - number
        assert re.search(f"{left} waits?, this one", words(page))
        assert ("Approve and next" in page.text) is (left > 1)
        action = f"/verifications/{one}/{button}"
        fields = desk.form(f"/reviews/{one}", f"/verifications/{one}/reject")
        answer = desk.post(action, {**fields, "reason": "Seen."})
        assert answer.status_code == 303
        following = f"/reviews/{doubtful[number + 1]}" if left > 1 else "/reviews"
        assert answer.headers["Location"] == ADMIN + following
    assert [status(host, one) for one in doubtful] == ["approved", "rejected", "approved"]
    assert "Nothing waits for a decision" in words(desk.get("/reviews"))


def test_who_leaves_one_goes_on_and_comes_back_to_it_at_the_end(
    desk: Desk, doubtful: list[str]
) -> None:
    place, seen = doubtful[0], []
    for _ in range(4):
        seen.append(place)
        following = re.search(
            rf'rel="next" href="{ADMIN}/reviews/([^"]*)"', desk.get(f"/reviews/{place}").text
        )
        assert following
        place = following[1]
    assert seen == [*doubtful, doubtful[0]]


def test_a_missing_reason_stays_with_the_one_and_in_the_queue(
    host: Host, desk: Desk, doubtful: list[str]
) -> None:
    one = doubtful[0]
    answer = desk.send(f"/verifications/{one}/reject", f"/reviews/{one}")
    assert answer.status_code == 422
    assert "Please give a reason." in words(answer)
    assert 'name="queue"' in answer.text
    assert 'aria-current="page">Reviews' in answer.text
    assert status(host, one) is Status.in_review


def test_outside_the_queue_a_decision_leads_nowhere_else(desk: Desk, doubtful: list[str]) -> None:
    path = f"/verifications/{doubtful[0]}"
    answer = desk.send(f"{path}/reject", path, reason="Seen.")
    assert answer.headers["Location"] == ADMIN + path
    assert "Approve and next" not in desk.get(path).text


def test_one_that_waits_no_more_says_so_and_leads_on(
    host: Host, desk: Desk, doubtful: list[str]
) -> None:
    path = f"/verifications/{doubtful[1]}"
    desk.send(f"{path}/reject", path, reason="Seen.")
    page = desk.get(f"/reviews/{doubtful[1]}")
    assert "This one does not wait any more. 2 do." in words(page)
    assert f'href="{ADMIN}/reviews/{doubtful[2]}"' in page.text
    assert desk.get("/reviews/x").status_code == 404


# -- two at once --------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [("approve", "reject"), ("reject", "approve")])
def test_whoever_decides_second_is_refused_told_who_was_first_and_keeps_their_words(
    host: Host, desk: Desk, doubtful: list[str], first: str, second: str
) -> None:
    one, other = doubtful[0], Desk(host, "second@example.com")
    fields = other.form(f"/reviews/{one}", f"/verifications/{one}/reject")
    page = f"/reviews/{one}"
    mine = desk.form(page, f"/verifications/{one}/reject")
    assert desk.post(f"/verifications/{one}/{first}", {**mine, "reason": "Me."}).status_code == 303
    held = status(host, one)
    late = other.post(f"/verifications/{one}/{second}", {**fields, "reason": "I saw a forgery."})
    assert late.status_code == 409
    told = words(late)
    assert f"Somebody was faster Admin {desk.id} has decided meanwhile:" in told
    assert "I saw a forgery." in late.text
    assert status(host, one) is held
    with host.app.app_context():
        identity = host.db.session.get_one(Verification, one).identity
        assert identity.standing is (
            Standing.verified if first == "approve" else Standing.unverified
        )
    # Whoever has read that may overrule it all the same, by what they see now.
    assert f'name="seen" value="{held}"' in late.text


def test_a_refused_form_still_says_what_its_admin_saw(
    host: Host, desk: Desk, doubtful: list[str]
) -> None:
    """Else a forgotten reason would make them overrule somebody of whom they read nothing."""
    one, other = doubtful[0], Desk(host, "second@example.com")
    reject = f"/verifications/{one}/reject"
    mine, theirs = (each.form(f"/reviews/{one}", reject) for each in (desk, other))
    assert (
        other.post(f"/verifications/{one}/approve", {**theirs, "reason": "Fits."}).status_code
        == 303
    )
    incomplete = desk.post(reject, {**mine, "reason": ""})
    assert incomplete.status_code == 422
    assert 'name="seen" value="in_review"' in incomplete.text
    again = desk.post(reject, {**mine, "seen": "in_review", "reason": "A forgery."})
    assert again.status_code == 409
    assert status(host, one) is Status.approved


def test_the_second_of_two_is_refused_by_the_statement_itself(
    host: Host, doubtful: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the UPDATE somebody else decides."""
    from flask_idverify.service import decisions

    real = decisions._require_decidable
    with host.app.app_context():
        session = host.db.session
        row = session.get_one(Verification, doubtful[0])

        def meanwhile(*given: Any) -> None:
            real(*given)
            monkeypatch.setattr(decisions, "_require_decidable", real)
            session.rollback()
            service.decide(row, Status.approved, admin="1", reason="Me.")

        monkeypatch.setattr(decisions, "_require_decidable", meanwhile)
        with pytest.raises(ChangedMeanwhile, match="was faster"):
            service.decide(row, Status.rejected, admin="2", reason="I.", seen=Status.in_review)
        assert session.get_one(Verification, doubtful[0]).status is Status.approved
        assert session.query(Identity).filter_by(standing=Standing.verified).count() == 1


def test_next_review_goes_round_and_never_names_the_same(host: Host) -> None:
    provider = add_provider(host)
    ids = add(host, provider, 3, **WAITING)
    with host.app.app_context():
        rows = [host.db.session.get_one(Verification, each) for each in ids]
        assert queries.next_review() == ids[0]
        assert [queries.next_review(row) for row in rows] == [ids[1], ids[2], ids[0]]
        for row in rows[1:]:
            row.status = Status.rejected
        host.db.session.commit()
        assert queries.next_review(rows[0]) is None
