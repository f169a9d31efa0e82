"""The list of users: filters, order, ends, and people who are gone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flask_idverify import service
from flask_idverify.models import Identity, Verification
from flask_idverify.states import Standing
from tests.hosts import Host
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, ended, field_error, provider_row, words

BEGIN = datetime(2026, 1, 31, 23, 30, tzinfo=timezone.utc)


def add(host: Host, count: int = 1, **values: Any) -> list[str]:
    """Add identities an hour apart, and return their ids, oldest first."""
    with host.app.app_context():
        session = host.db.session
        known = session.query(Identity).count()
        made = [
            Identity(
                **{
                    "user_id": f"user-{known + number}",
                    "created_at": BEGIN + timedelta(hours=known + number),
                    **values,
                }
            )
            for number in range(count)
        ]
        session.add_all(made)
        session.commit()
        return [row.id for row in made]


def listed(desk: Desk, query: str = "") -> list[str]:
    page = desk.get(f"/identities{query}")
    assert page.status_code == 200
    return found(page.text)


def found(page: str) -> list[str]:
    return re.findall(rf'href="{ADMIN}/identities/([0-9a-f-]{{36}})"', page)


def test_empty_list_and_filter_without_a_hit_say_what_to_do(host: Host, desk: Desk) -> None:
    assert "Nobody yet" in words(desk.get("/identities"))
    add(host)
    told = words(desk.get("/identities?user=nobody"))
    assert "Nobody fits this filter" in told
    assert "Looking for a vendor's reference?" in told
    assert listed(desk, "?standing=verified") == []


def test_latest_first_or_oldest_first_on_all_pages_both_ways(host: Host, desk: Desk) -> None:
    ids = add(host, 60)
    for order, wanted in (("", ids[::-1]), ("?order=oldest", ids)):
        path: str | None = f"/identities{order}"
        seen: list[str] = []
        pages = []
        while path:
            page = desk.get(path).text
            pages.append(found(page))
            seen += pages[-1]
            following = re.search(r'<a rel="next" href="([^"]*)"', page)
            path = following[1].replace("&amp;", "&").removeprefix(ADMIN) if following else None
        assert seen == wanted
        back = re.search(r'<a rel="prev" href="([^"]*)"', page)
        assert back
        path = back[1].replace("&amp;", "&").removeprefix(ADMIN)
        assert found(desk.get(path).text) == pages[-2]


def test_filters_let_through_what_they_say(host: Host, desk: Desk) -> None:
    (plain,) = add(host)
    first, second = (
        add(host, standing=Standing.verified, verified_at=BEGIN + timedelta(hours=hours))[0]
        for hours in (1, 0)
    )
    (revoked,) = add(host, standing=Standing.revoked, verified_at=BEGIN - timedelta(days=3))
    assert listed(desk) == [revoked, second, first, plain]
    assert listed(desk, "?standing=verified") == [second, first]
    assert listed(desk, "?standing=unverified") == [plain]
    # By days they stand in the order of these days, and whoever never was verified is not there.
    assert listed(desk, "?since=2026-01-31") == [first, second]
    assert listed(desk, "?until=2026-01-31") == [second, revoked]
    assert listed(desk, "?until=2026-02-01&order=oldest") == [revoked, second, first]
    assert listed(desk, "?since=2026-01-01&until=2026-01-30&standing=revoked") == [revoked]
    assert listed(desk, "?since=2026-01-31&standing=revoked") == []
    assert listed(desk, "?user=user-0") == [plain]
    assert listed(desk, "?user=user-0&standing=verified") == []
    assert listed(desk, "?user=USER-0") == []


class Attempts:
    """Verifications of people in applications, an hour apart."""

    def __init__(self, host: Host, provider: str) -> None:
        self.host, self.provider, self.hours = host, provider, 0
        with host.app.app_context():
            row = provider_row(host, provider)
            links = [host.idverify.link(row, name) for name in ("bank", "shop")]
            host.db.session.commit()
            self.bank, self.shop = (str(link.application_id) for link in links)

    def add(self, identity_id: str, application: str | None) -> None:
        self.hours += 1
        with self.host.app.app_context():
            person = self.host.db.session.get_one(Identity, identity_id)
            self.host.db.session.add(
                Verification(
                    identity_id=identity_id,
                    user_id=person.user_id,
                    application_id=application,
                    provider_id=self.provider,
                    callback_key_digest=f"digest-{self.hours}",
                    created_at=BEGIN + timedelta(hours=self.hours // 2),  # some at one moment
                )
            )
            self.host.db.session.commit()


def test_whoever_has_a_verification_in_an_application_is_listed_once_by_the_latest(
    host: Host, desk: Desk
) -> None:
    attempts = Attempts(host, add_provider(host))
    first, second, third = add(host, 3)
    (judged,) = add(host, standing=Standing.verified, verified_at=BEGIN)
    (nobody,) = add(host)
    bank, shop = attempts.bank, attempts.shop
    for person, where in (
        *((first, bank), (judged, bank), (judged, bank), (second, bank), (second, shop)),
        *((first, bank), (third, shop), (nobody, None), (second, shop)),
    ):
        attempts.add(person, where)
    assert listed(desk, f"?application={bank}") == [first, second, judged]
    assert listed(desk, f"?application={bank}&order=oldest") == [judged, second, first]
    assert listed(desk, f"?application={shop}") == [second, third]
    assert listed(desk, f"?application={bank}&standing=verified") == [judged]
    assert listed(desk, f"?application={shop}&standing=verified") == []
    assert listed(desk, f"?application={bank}&since=2026-01-31") == [judged]
    assert listed(desk, f"?application={shop}&since=2026-01-31") == []
    assert listed(desk, f"?application={bank}&user=user-0") == [first]
    assert listed(desk, f"?application={shop}&user=user-0") == []
    told = words(desk.get(f"/identities?application={bank}"))
    assert "In the order of their latest verifications in this application." in told


def test_pages_of_an_application_follow_each_other_both_ways(host: Host, desk: Desk) -> None:
    attempts = Attempts(host, add_provider(host))
    ids = add(host, 60)
    for person in (*ids[30:], *ids):  # half of them twice
        attempts.add(person, attempts.bank)
    for order in ("", "&order=oldest"):
        path: str | None = f"/identities?application={attempts.bank}{order}"
        pages = []
        while path:
            page = desk.get(path).text
            pages.append(found(page))
            following = re.search(r'<a rel="next" href="([^"]*)"', page)
            path = following[1].replace("&amp;", "&").removeprefix(ADMIN) if following else None
        seen = [each for page in pages for each in page]
        assert sorted(seen) == sorted(ids)
        back = re.search(r'<a rel="prev" href="([^"]*)"', page)
        assert back
        path = back[1].replace("&amp;", "&").removeprefix(ADMIN)
        assert found(desk.get(path).text) == pages[-2]


def test_pages_of_days_follow_each_other(host: Host, desk: Desk) -> None:
    ids = [add(host, verified_at=BEGIN + timedelta(minutes=9 * number))[0] for number in range(60)]
    path: str | None = "/identities?since=2026-01-31&until=2026-02-28"
    seen: list[str] = []
    while path:
        page = desk.get(path).text
        seen += found(page)
        following = re.search(r'<a rel="next" href="([^"]*)"', page)
        path = following[1].replace("&amp;", "&").removeprefix(ADMIN) if following else None
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("since", "2026-02-30", "such as 2026-01-31"),
        ("until", "2025-12-31", "before the first day"),
        ("standing", "nonsense", "choice"),
        ("application", "nonsense", "choice"),
        ("order", "random", "choice"),
        ("user", "u" * 256, "longer than any user ID"),
    ],
)
def test_filter_that_cannot_be_read_is_named_and_shows_nothing(
    host: Host, desk: Desk, field: str, value: str, told: str
) -> None:
    add(host)
    query = {"since": "2026-01-01", field: value}
    answer = desk.get("/identities?" + "&".join(f"{name}={each}" for name, each in query.items()))
    assert answer.status_code == 422
    assert told in field_error(answer, field)
    assert not found(answer.text)


def test_cursor_cut_off_on_its_way_shows_the_first_page_and_says_so(host: Host, desk: Desk) -> None:
    add(host, 30)
    page = desk.get("/identities?older=12")
    assert "not complete" in words(page)
    assert len(found(page.text)) == 25


def test_erased_people_and_closed_accounts_are_shown_without_a_name(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    erased, closed = (
        ended(host, vendor, f"{name}@example.com", id_number=f"U{name}") for name in ("a", "b")
    )
    with host.app.app_context():
        session = host.db.session
        rows = [session.get_one(Verification, each).identity for each in (erased, closed)]
        service.erase(rows[0], actor="cli", reason="They asked.")
        service.close(session, session.get_one(Identity, rows[1].id))
        session.commit()
        keys = [row.id for row in rows]
    told = words(desk.get("/identities"))
    assert f"Erased {keys[0][:8]} Erased" in told
    assert f"Account closed {keys[1][:8]}" in told
    assert sorted(listed(desk)) == sorted(keys)


def test_a_line_leads_to_the_person_and_names_standing_and_days(host: Host, desk: Desk) -> None:
    (one,) = add(
        host,
        standing=Standing.verified,
        verified_at=BEGIN,
        expires_at=datetime(2027, 5, 5, tzinfo=timezone.utc),
    )
    told = words(desk.get("/identities"))
    assert "user-0 Verified 2026-01-31 23:30 UTC 2027-05-04 2026-01-31 23:30 UTC" in told
    assert desk.get(f"/identities/{one}").status_code == 200
    assert f'href="{ADMIN}/identities"' in desk.get(f"/identities/{one}").text


def test_users_see_nothing_of_it(host: Host) -> None:
    member = Desk(host, "user@example.com", admin=False)
    for path in ("/identities", "/reviews", "/audit"):
        assert member.get(path).status_code == 403
