"""The overview counts what the rows say, whatever they say, and shows how vendors answer."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import insert, text

from flask_idverify import clock, queries, service
from flask_idverify.models import Identity, Provider, ProviderUsage, Verification
from flask_idverify.queries import Tally
from flask_idverify.queries.rates import Ended
from flask_idverify.service.usage import add_calls, today
from flask_idverify.states import Status
from tests.hosts import Host
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, ended, start, words

DAY = timedelta(days=1)


def put(host: Host, *rows: dict[str, Any]) -> None:
    """Store attempts of one person as they may be found; needs an app context."""
    session = host.db.session
    identity = session.query(Identity).first() or Identity(user_id="0")
    session.add(identity)
    session.flush()
    known = session.query(Verification).count()
    for number, values in enumerate(rows, known):
        status = values.get("status", Status.approved)
        row = {
            "id": f"00000000-0000-0000-0000-{number:012}",
            "user_id": identity.user_id,
            "identity_id": identity.id,
            "status": status,
            "reference": f"reference-{number}",
            "callback_key_digest": f"digest-{number}",
            "created_at": values.get("finished_at") or clock.now(),
            "finished_at": None,
            **values,
        }
        session.execute(insert(Verification), row)
    session.commit()


def moment(day: date, at: time = time()) -> datetime:
    return datetime.combine(day, at, timezone.utc)


def days(found: Ended) -> dict[date, Tally]:
    """Return the days on which anything ended."""
    return {day: tally for day, tally in found.by_day if tally.total}


@pytest.mark.usefixtures("app_context")
def test_every_number_is_that_of_the_rows(host: Host) -> None:
    """Counted a second time, one by one: over statuses, providers, tests, days and periods."""
    chance = random.Random(5)
    providers = [add_provider(host, name=name) for name in ("One", "Two", "Three")]
    with clock.stopped() as now:
        rows: list[dict[str, Any]] = []
        for _ in range(400):
            status = chance.choice(list(Status))
            ago = timedelta(seconds=chance.randrange(100 * 86_400))
            rows.append(
                {
                    "status": status,
                    "provider_id": chance.choice(providers),
                    "finished_at": now - ago if status.is_final else None,
                    "is_test": chance.random() < 0.2,
                }
            )
        put(host, *rows)
        for period in (7, 30, 90):
            first = now.date() - timedelta(days=period - 1)
            for provider in (None, *providers):
                wanted = Counter(
                    (row["finished_at"].date(), row["provider_id"], row["status"])
                    for row in rows
                    if row["finished_at"] and row["finished_at"].date() >= first
                    if not row["is_test"] and provider in (None, row["provider_id"])
                )
                found = queries.ended(period, provider)
                assert [day for day, _ in found.by_day] == [
                    first + timedelta(days=number) for number in range(period)
                ]
                assert found.total.total == wanted.total() > 0
                decided = [key[2] for key in wanted.elements() if is_decided(key)]
                assert found.total.rate == decided.count(Status.approved) / len(decided)
                for day, tally in found.by_day:
                    assert tally == counted(wanted, lambda key, day=day: key[0] == day)
                for each in providers:
                    tally = found.by_provider.get(each, Tally())
                    assert tally == counted(wanted, lambda key, each=each: key[1] == each)


def is_decided(key: tuple[Any, ...]) -> bool:
    return key[2] in (Status.approved, Status.rejected)


def counted(wanted: Counter[Any], fits: Any) -> Tally:
    kinds: Counter[str] = Counter()
    for key, count in wanted.items():
        known = key[2] if key[2] in (Status.approved, Status.rejected) else "other"
        kinds[str(known)] += count * fits(key)
    return Tally(kinds["approved"], kinds["rejected"], kinds["other"])


@pytest.mark.usefixtures("app_context")
def test_a_day_is_one_of_utc_whatever_zone_a_connection_has(host: Host) -> None:
    provider = add_provider(host)
    with clock.stopped():
        first = today() - timedelta(days=6)
        last = moment(today())
        put(
            host,
            {"provider_id": provider, "finished_at": moment(first) - timedelta(microseconds=1)},
            {"provider_id": provider, "finished_at": moment(first)},
            {"provider_id": provider, "finished_at": last - timedelta(microseconds=1)},
            {"provider_id": provider, "finished_at": last},
            # A clock that was set back wrote it.
            {"provider_id": provider, "finished_at": last + DAY},
        )
        dialect = host.db.engine.dialect.name
        for zone in ("UTC", "Pacific/Auckland", "America/Los_Angeles"):
            if dialect == "postgresql":
                host.db.session.execute(text(f"SET TIME ZONE '{zone}'"))
            found = queries.ended(7)
            assert days(found) == {
                first: Tally(approved=1),
                today() - DAY: Tally(approved=1),
                today(): Tally(approved=1),
            }, zone
            assert found.total == found.by_provider[provider] == Tally(approved=3)


def test_an_overruled_decision_counts_once_and_as_what_it_is_now(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    with clock.shifted(days=-2):
        fraud = ended(host, vendor, "one@example.com", "fraud")
    with host.app.app_context():
        assert days(queries.ended(7)) == {today() - 2 * DAY: Tally(rejected=1)}
    form = {"csrf_token": desk.token(), "reason": "Seen in person."}
    assert desk.post(f"/verifications/{fraud}/approve", form).status_code == 303
    with host.app.app_context():
        found = queries.ended(7)
        assert days(found) == {today(): Tally(approved=1)}
        assert found.total == found.by_provider[at_vendor] == Tally(approved=1)


def test_the_erased_still_count(host: Host, desk: Desk, vendor: Vendor, at_vendor: str) -> None:
    verification_id = ended(host, vendor, "one@example.com")
    with host.app.app_context():
        row = host.db.session.get_one(Verification, verification_id)
        service.erase(row.identity, actor="admin:1", reason="Letter of 3 May.")
        assert queries.ended(7).total == Tally(approved=1)


def table(page: str, caption: str) -> list[list[str]]:
    """Return the words in each row of the table with this caption, its headings first."""
    found = re.search(rf"<caption[^>]*>{caption}</caption>(.*?)</table>", page, re.DOTALL)
    assert found, caption
    return [
        [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.findall(CELL, row)]
        for row in re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL)
    ]


CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.DOTALL)


def test_a_table_stands_beside_each_chart_with_its_numbers(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    with clock.shifted(days=-3):
        ended(host, vendor, "one@example.com")
        ended(host, vendor, "two@example.com", "fraud")
    ended(host, vendor, "three@example.com", "fraud")
    page = desk.get("/?days=7").text
    assert page.count('role="img"') == 4
    day = [str(today() - timedelta(days=number)) for number in range(7)]
    rows = table(page, "Ended verifications by day")
    assert rows[0][0] == "Day (UTC)"
    assert [row[0] for row in rows[1:]] == day
    assert rows[1] == [day[0], "0", "1", "0", "1"]
    assert rows[2] == [day[1], "0", "0", "0", "0"]
    assert rows[4] == [day[3], "1", "1", "0", "2"]
    rates = table(page, "Approval rate by day")
    assert [row[1:] for row in rates[1:5]] == [
        ["0%", "0", "1"],
        ["–", "0", "0"],
        ["–", "0", "0"],
        ["50%", "1", "2"],
    ]
    # No point where nothing was decided, and no line across.
    assert page.count("<circle") == 2
    assert "idv-chart-curve" not in page
    assert table(page, "Approval rate by provider")[1] == ["Vendor in use", "33%", "1", "3"]
    calls = table(page, "Calls to vendors by day")
    with host.app.app_context():
        sent = {str(row.day): str(row.calls) for row in host.db.session.query(ProviderUsage)}
    assert len(sent) == 2
    assert [row[1] for row in calls[1:]] == [sent.get(each, "0") for each in day]
    total = str(sum(map(int, sent.values())))
    assert table(page, "Calls to vendors by provider")[1][:2] == ["Vendor in use", total]


def test_period_and_provider_are_chosen_and_kept(host: Host, desk: Desk) -> None:
    one, two = (add_provider(host, name=name) for name in ("One", "Two"))
    with host.app.app_context():
        for provider, count, ago in ((one, 2, 1), (two, 3, 1), (one, 4, 20), (one, 5, 60)):
            end = clock.now() - timedelta(days=ago)
            put(host, *({"provider_id": provider, "finished_at": end} for _ in range(count)))
    for path, period, approved in (
        ("/", 30, 9),
        ("/?days=7", 7, 5),
        ("/?days=90", 90, 14),
        ("/?days=90&provider=", 90, 14),
        (f"/?days=90&provider={one}", 90, 11),
        (f"/?provider={two}", 30, 3),
        ("/?days=x", 30, 9),
        ("/?days=31", 30, 9),
        ("/?days=7&days=90", 7, 5),
    ):
        answer = desk.get(path)
        assert f"Approved {approved} Not accepted 0" in words(answer), path
        assert re.findall(r'aria-current="true">(\d+) days<', answer.text) == [str(period)], path
        assert len(table(answer.text, "Ended verifications by day")) == period + 1
    page = desk.get(f"/?days=7&provider={two}").text
    assert f'href="{ADMIN}/?days=90&amp;provider={two}"' in page
    assert f'<option value="{two}" selected>' in page
    assert '<input type="hidden" name="days" value="7">' in page


def test_a_provider_that_is_gone_is_not_found(host: Host, desk: Desk) -> None:
    gone = add_provider(host, name="Gone")
    desk.send(f"/providers/{gone}/delete", f"/providers/{gone}")
    assert desk.get(f"/?provider={gone}").status_code == 404
    assert desk.get("/").status_code == 200


def test_nothing_yet_says_what_will_be_seen_and_nothing_lately_says_so(
    host: Host, desk: Desk
) -> None:
    assert "No verification yet" in words(desk.get("/"))
    assert "<svg" not in desk.get("/").text.split("<main")[1]
    provider = add_provider(host)
    with host.app.app_context():
        put(host, {"provider_id": provider, "finished_at": clock.now() - timedelta(days=40)})
    page = words(desk.get("/"))
    assert "No verification ended in these days." in page
    assert page.count("Nothing was decided in these days.") == 2
    assert "No vendor was called in these days." in page
    assert "Approval rate –" in page
    assert "Approval rate 100%" in words(desk.get("/?days=90"))


def test_an_unlinked_provider_is_counted_like_any(host: Host, desk: Desk) -> None:
    provider = add_provider(host, name="Not linked any more")
    with host.app.app_context():
        put(host, {"provider_id": provider, "finished_at": clock.now()})
    rows = table(desk.get("/").text, "Approval rate by provider")
    assert rows[1] == ["Not linked any more", "100%", "1", "1"]


# -- vendors ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("app_context")
def test_the_last_answer_is_that_of_the_last_call_that_was_accepted(
    host: Host, vendor: Vendor, at_vendor: str
) -> None:
    assert queries.vendor_health()[0].accepted_at is None
    with clock.stopped() as now, clock.shifted(days=-2):
        add_calls(at_vendor, calls=2, refused=0, failed=1)
        accepted = clock.now()
        assert accepted == now - timedelta(days=2)
    with clock.shifted(days=-1):
        add_calls(at_vendor, calls=3, refused=2, failed=1)
    add_calls(at_vendor, calls=1, refused=0, failed=1)
    (health,) = queries.vendor_health()
    assert health.accepted_at == accepted
    assert (health.today.calls, health.today.failed) == (1, 1)
    with clock.stopped() as now:
        add_calls(at_vendor, calls=1, refused=0, failed=0)
        add_calls(at_vendor, calls=1, refused=0, failed=1)
    assert queries.vendor_health()[0].accepted_at == now


def test_vendors_that_refuse_and_what_waits_for_them_are_shown(host: Host, desk: Desk) -> None:
    one, two, three = (add_provider(host, name=name) for name in ("Calm", "Busy", "Locked out"))
    mute = add_provider(host, name="Mute")
    add_provider(host, name="New")
    off = add_provider(host, name="Switched off")
    with host.app.app_context():
        since = clock.now() - timedelta(hours=30)
        get = host.db.session.get_one
        get(Provider, two).backed_off_until = clock.now() + timedelta(minutes=5)
        get(Provider, three).trouble = "401"
        get(Provider, three).trouble_since = since
        get(Provider, off).enabled = False
        host.db.session.commit()
        add_calls(one, calls=1200, refused=30, failed=4)
        with clock.shifted(days=-4):
            add_calls(mute, calls=1, refused=0, failed=0)
        add_calls(mute, calls=3, refused=1, failed=2)
        due = {"status": Status.started, "provider_id": one}
        put(
            host,
            {**due, "next_poll_at": since},
            {**due, "next_poll_at": since + timedelta(hours=1)},
            {**due, "provider_id": two, "next_poll_at": clock.now() + timedelta(hours=1)},
        )
    rows = table(desk.get("/").text, "Vendors of enabled providers")[1:]
    assert [row[0] for row in rows] == ["Busy", "Calm", "Locked out", "Mute", "New"]
    busy, calm, locked, silent, new = rows
    assert silent[1:3] == ["No answer today", "4 days ago"]
    assert new[1:3] == ["Not asked yet", "–"]
    assert busy[1].startswith("Rate limit reached until")
    assert busy[3] == "–"
    assert calm[1] == "Answers"
    assert re.fullmatch(r"\d seconds? ago", calm[2])
    assert calm[3] == f"A fetch is due since {since:%Y-%m-%d %H:%M} UTC"
    assert calm[4:] == ["1,200", "30", "4"]
    assert locked[1] == f"Not let in since {since:%Y-%m-%d %H:%M} UTC"
    assert locked[2] == "–"


def test_the_oldest_review_says_how_long_it_waits(host: Host, desk: Desk) -> None:
    provider = add_provider(host)
    with host.app.app_context():
        waits = {"status": Status.in_review, "provider_id": provider}
        for hours, is_test in ((100, True), (30, False), (2, False)):
            created = clock.now() - timedelta(hours=hours)
            put(host, {**waits, "created_at": created, "is_test": is_test})
    page = desk.get("/")
    told = "2 verifications wait for a person to decide. The oldest came into review 30 hours ago."
    assert told in words(page)
    assert "status=in_review&amp;kind=real&amp;order=oldest" in page.text


# -- the provider's page --------------------------------------------------------------------------


def errors(page: str) -> str:
    return page.split('id="errors-title"')[1].split("</section>", maxsplit=1)[0]


def test_a_provider_shows_the_last_words_of_its_vendor(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (add_provider(host, name=name) for name in ("One", "Two"))
    with host.app.app_context():
        began = clock.now() - timedelta(days=1)
        for number in range(8):
            asked = began + timedelta(minutes=number)
            told = {"created_at": asked, "fetched_at": asked, "vendor_message": f"<b>{number}</b>"}
            put(host, {"status": Status.error, "provider_id": one, **told})
        put(host, {"provider_id": one, "created_at": clock.now()})
        put(host, {"provider_id": two, "vendor_message": "Of another."})
    found = errors(desk.get(f"/providers/{one}").text)
    assert re.findall(r"&lt;b&gt;(\d)&lt;/b&gt;", found) == ["7", "6", "5", "4", "3"]
    assert f'href="{ADMIN}/verifications/00000000-0000-0000-0000-000000000007"' in found
    assert f"{began + timedelta(minutes=7):%Y-%m-%d %H:%M} UTC" in found
    assert "Of another." not in found
    # Of so many attempts, those that came last, and no others.
    monkeypatch.setattr("flask_idverify.queries.health.ERRORS_AMONG", 3)
    found = errors(desk.get(f"/providers/{one}").text)
    assert re.findall(r"&lt;b&gt;(\d)&lt;/b&gt;", found) == ["7", "6"]


def test_an_answer_takes_the_last_error_off(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    verification_id = start(host, "one@example.com")
    with host.app.app_context():
        row = host.db.session.get_one(Verification, verification_id)
        vendor.finish(row)
        vendor.sandbox.set_faults([{"kind": "redirect"}])
        with pytest.raises(Exception, match=r"."):
            service.refresh(row)
        host.db.session.rollback()
    assert verification_id in errors(desk.get(f"/providers/{at_vendor}").text)
    vendor.sandbox.set_faults([])
    with host.app.app_context():
        service.refresh(host.db.session.get_one(Verification, verification_id))
    assert "None of its latest" in errors(desk.get(f"/providers/{at_vendor}").text)


def test_a_provider_shows_its_calls_of_thirty_days(host: Host, desk: Desk) -> None:
    one, two = (add_provider(host, name=name) for name in ("One", "Two"))
    path = f"/providers/{one}"
    assert 'role="img"' not in desk.get(path).text
    with host.app.app_context():
        for ago in (0, 29, 30):
            with clock.shifted(days=-ago):
                add_calls(one, calls=10 + ago, refused=1, failed=2)
        add_calls(two, calls=500, refused=0, failed=0)
    rows = table(desk.get(path).text, "Calls to the vendor by day")
    assert len(rows) == 31
    assert rows[1] == [str(today()), "10", "1", "2"]
    assert rows[30] == [str(today() - timedelta(days=29)), "39", "1", "2"]
    assert {tuple(row[1:]) for row in rows[2:30]} == {("0", "0", "0")}
