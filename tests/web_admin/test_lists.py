"""Lists: what they are asked for, page by page, and as a file."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from flask_idverify import audit, clock, queries, service
from flask_idverify.models import AuditEntry, CallbackRow, Identity, Verification
from flask_idverify.states import Reason, Status
from flask_idverify.web.admin.exports import plain
from tests.hosts import Host
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, ended, field_error, words

EXPORT = "/verifications/export"
BEGIN = datetime(2026, 1, 31, 23, 30, tzinfo=timezone.utc)


def add(host: Host, provider: str, count: int = 1, **values: Any) -> list[str]:
    """Add verifications an hour apart, and return their ids, oldest first."""
    with host.app.app_context():
        identity = host.db.session.scalar(select(Identity)) or Identity(user_id="7")
        host.db.session.add(identity)
        begin = values.pop("created_at", BEGIN)
        made = [
            Verification(
                **{
                    "user_id": "7",
                    "identity_id": identity.id,
                    "provider_id": provider,
                    "callback_key_digest": str(uuid.uuid4()),
                    "created_at": begin + timedelta(hours=number),
                    **values,
                }
            )
            for number in range(count)
        ]
        host.db.session.add_all(made)
        host.db.session.commit()
        return [row.id for row in made]


def listed(answer: TestResponse) -> list[str]:
    return re.findall(rf'href="{ADMIN}/verifications/([0-9a-f-]{{36}})"', answer.text)


def exported(desk: Desk, **filters: str) -> TestResponse:
    fields = {"csrf_token": desk.token(), **filters}
    return desk.post("/verifications/export", fields)


def table(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


# -- what is asked for ------------------------------------------------------------------------


def test_days_are_whole_days_in_utc_and_the_last_counts(host: Host, desk: Desk) -> None:
    january, february, _ = add(host, add_provider(host), 3)
    with host.app.app_context():
        assert host.db.session.get_one(Verification, february).created_at.day == 1
    for query, count in (
        ("until=2026-01-31", 1),
        ("since=2026-01-31&until=2026-01-31", 1),
        ("since=2026-02-01", 2),
        ("since=2026-02-02", 0),
        ("until=2026-01-30", 0),
    ):
        found = listed(desk.get(f"/verifications?{query}"))
        assert len(found) == count, query
        assert found != [january] or "01-31" in query


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("since", "2026-02-30", "such as 2026-01-31"),
        ("since", "yesterday", "such as 2026-01-31"),
        ("until", "9999-12-31", "such as 2026-01-31"),
        ("until", "0001-01-01", "such as 2026-01-31"),
        ("until", "2025-12-31", "before the first day"),
        ("status", "nonsense", "choice"),
        ("kind", "odd", "choice"),
        ("reason", "manually", "choice"),
        ("provider", "nobody", "choice"),
        ("application", "nobody", "choice"),
        ("order", "random", "choice"),
        ("user", "u" * 256, "longer than any user ID"),
        ("reference", "r" * 65, "longer than any reference"),
    ],
)
def test_filter_that_cannot_be_read_is_named_shows_nothing_and_keeps_the_others(
    host: Host, desk: Desk, field: str, value: str, told: str
) -> None:
    add(host, add_provider(host))
    kept = {"user": "somebody", "since": "2026-01-01"}
    query = "&".join(f"{name}={each}" for name, each in {**kept, field: value}.items())
    answer = desk.get(f"/verifications?{query}")
    assert answer.status_code == 422
    assert told in field_error(answer, field)
    assert not listed(answer)
    for name, each in kept.items():
        if name != field:
            assert re.search(rf'id="{name}"[^>]*value="{each}"', answer.text)
    refused = exported(desk, **kept, **{} if field in kept else {field: value})
    if field not in kept:
        assert refused.status_code == 422


def test_filter_and_order_are_kept_on_all_pages_and_in_the_file(host: Host, desk: Desk) -> None:
    provider = add_provider(host)
    wanted = add(host, provider, 60, status=Status.rejected, reason=str(Reason.face_mismatch))
    add(host, provider, 5, status=Status.approved)
    filters = {
        "status": "rejected",
        "provider": provider,
        "reason": "face_mismatch",
        "kind": "real",
        "since": "2026-01-01",
        "until": "2026-12-31",
        "user": "7",
        "order": "oldest",
    }
    path: str | None = "/verifications?" + "&".join(f"{k}={v}" for k, v in filters.items())
    seen: list[str] = []
    while path:
        page = desk.get(path)
        seen += listed(page)
        assert desk.form(path, "/verifications") == filters | {"reference": "", "application": ""}
        following = re.search(r'<a rel="next" href="([^"]*)"', page.text)
        path = following[1].replace("&amp;", "&").removeprefix(ADMIN) if following else None
    assert seen == wanted
    fields = desk.form("/verifications?" + "&".join(f"{k}={v}" for k, v in filters.items()), EXPORT)
    fields.pop("csrf_token")
    assert fields == filters
    assert [row["verification"] for row in table(exported(desk, **filters))] == wanted


def test_list_of_one_person_says_so_and_stays_theirs(host: Host, desk: Desk) -> None:
    (own,) = add(host, add_provider(host), user_id="8")
    with host.app.app_context():
        identity = host.db.session.get_one(Verification, own).identity_id
    path = f"/verifications?identity={identity}"
    assert listed(desk.get(path)) == [own]
    assert "Only the attempts of one person." in words(desk.get(path))
    assert desk.form(path, "/verifications")["identity"] == identity
    assert desk.form(path, EXPORT)["identity"] == identity


@pytest.mark.parametrize(
    ("span", "cursor", "order"),
    [
        ("since=2026-02-01", "newer", ""),
        ("until=2026-01-31", "older", "oldest"),
    ],
)
def test_way_back_to_a_short_first_page_stays_within_the_days(
    host: Host, desk: Desk, span: str, cursor: str, order: str
) -> None:
    provider = add_provider(host)
    inside = timedelta(days=1 if order == "" else 0)
    add(host, provider, 15, created_at=BEGIN + timedelta(days=1) - inside - timedelta(hours=20))
    made = add(host, provider, 15, created_at=BEGIN + inside - timedelta(hours=20))
    path = f"/verifications?{span}&order={order}"
    whole = listed(desk.get(path))
    assert whole
    with host.app.app_context():
        row = host.db.session.get_one(Verification, made[7])
        place = queries.Place(row.created_at, row.id, newer=cursor == "newer").cursor()
    assert listed(desk.get(f"{path}&{cursor}={place}")) == whole


@pytest.mark.parametrize("path", ["/verifications", "/callbacks", "/owed"])
@pytest.mark.parametrize("cursor", ["x", "9" * 40, "1.2", "1.1'--"])
def test_cut_off_cursor_shows_the_first_page_and_says_so(
    host: Host, desk: Desk, path: str, cursor: str
) -> None:
    add(host, add_provider(host), 3)
    for name in ("newer", "older"):
        answer = desk.get(f"{path}?{name}={cursor}")
        assert answer.status_code == 200
        assert "this is the first page" in words(answer)
        assert listed(answer) == listed(desk.get(path))
    assert "this is the first page" not in words(desk.get(path))


def test_no_page_counts_rows_that_it_leaves_out(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = add_provider(host)
    add(host, provider, 60, status=Status.approved)
    with host.app.app_context():
        for number in range(9):
            row = CallbackRow(provider_id=provider, scope=provider, digest=str(number), body=b"")
            row.error = "It failed."
            host.db.session.add(row)
        host.db.session.commit()
    for module in ("keyset", "attempts"):
        monkeypatch.setattr(f"flask_idverify.queries.{module}.COUNTED", 7)
    said: list[str] = []
    skipped: list[object] = []

    def note(*args: Any) -> None:
        said.append(args[2])
        if "OFFSET" in args[2]:  # SQLite's way to write a limit
            skipped.append(args[3][-1])

    with host.app.app_context():
        event.listen(host.db.engine, "before_cursor_execute", note)
    add(host, provider, 9, status=Status.rejected, is_test=True)
    assert "Approved 7+ 0+" in words(desk.get("/"))
    assert "Not accepted 0 7+" in words(desk.get("/"))
    assert "7+ callbacks could not be acted on" in words(desk.get("/"))
    assert ">7+</a>" in desk.get("/providers").text
    assert "Try all 7+ failed callbacks" in words(desk.get("/callbacks"))
    older = re.search(r'rel="next" href="([^"]*)"', desk.get("/verifications").text)
    assert older is not None
    assert desk.browser.get(older[1].replace("&amp;", "&")).status_code == 200
    big = ("idverify_verification", "idverify_callback", "idverify_outbox")
    assert set(skipped) <= {0}
    for statement in said:
        # What ended in the days that the overview shows is counted whole.
        of_days = "finished_at >=" in statement
        if "count(" in statement and any(name in statement for name in big) and not of_days:
            assert statement.count("count(") <= statement.count("LIMIT"), statement


def test_failed_callbacks_stand_on_pages_latest_first_and_back(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = add_provider(host)
    with host.app.app_context():
        for number in range(120):
            row = CallbackRow(provider_id=provider, scope=provider, digest=str(number), body=b"")
            row.error = f"Number {number}."
            row.received_at = clock.now() + timedelta(seconds=number // 3)
            host.db.session.add(row)
        host.db.session.commit()
    pages, path = [], f"{ADMIN}/callbacks?provider={provider}"
    while path:
        page = desk.browser.get(path).text
        pages.append(re.findall(r"Number (\d+)\.", page))
        last, path = path, ""
        if following := re.search(r'rel="next" href="([^"]*)"', page):
            path = following[1].replace("&amp;", "&")
            assert provider in path
    assert list(map(len, pages)) == [50, 50, 20]
    assert len({number for page in pages for number in page}) == 120
    back = re.search(r'rel="prev" href="([^"]*)"', desk.browser.get(last).text)
    assert back is not None
    page = desk.browser.get(back[1].replace("&amp;", "&")).text
    assert re.findall(r"Number (\d+)\.", page) == pages[1]


# -- the file ---------------------------------------------------------------------------------


def test_file_holds_what_the_list_shows_and_nothing_else_of_a_person(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    approved = ended(host, vendor, "one@example.com")
    rejected = ended(host, vendor, "two@example.com", "fraud")
    answer = exported(desk)
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="verifications.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    first, second = table(answer)
    assert (first["verification"], second["verification"]) == (rejected, approved)
    assert (first["status"], first["reason"]) == ("rejected", "document_manipulated")
    assert (second["provider"], second["kind"]) == ("Vendor in use", "user")
    with host.app.app_context():
        row = host.db.session.get_one(Verification, approved)
        assert (second["user_id"], second["identity"]) == (row.user_id, row.identity_id)
        assert second["created_at"] == row.created_at.isoformat()
        for secret in (row.vendor_reference, row.reference, "Gruber", "U7301945", "203.0.113"):
            assert secret
            assert secret not in answer.text
        service.erase(row.identity, actor="admin:1", reason="They asked.")
    gone = table(exported(desk))[1]
    assert (gone["verification"], gone["user_id"]) == (approved, "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "  =", "\uff1d", "\uff20"])
def test_spreadsheet_meets_no_formula(start: str) -> None:
    assert plain(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"
    assert plain("a=1") == "a=1"


def test_names_that_look_like_formulas_are_neutralised_in_the_file(host: Host, desk: Desk) -> None:
    provider = add_provider(host, name='=cmd|" /C calc"!A0')
    add(host, provider, user_id="-1+1", reason="@SUM(A1)")
    (row,) = table(exported(desk))
    assert (row["user_id"], row["reason"]) == ("'-1+1", "'@SUM(A1)")
    assert row["provider"] == '\'=cmd|" /C calc"!A0'


def test_who_takes_the_list_is_in_the_log_before_the_first_row_leaves(
    host: Host, desk: Desk
) -> None:
    provider, other = add_provider(host), add_provider(host, name="Other")
    add(host, provider)

    def take(**filters: str) -> tuple[TestResponse, dict[str, Any]]:
        fields = {"csrf_token": desk.token(), **filters}
        answer = desk.browser.post(ADMIN + EXPORT, data=fields, buffered=False)
        with host.app.app_context():
            action = AuditEntry.action == "verifications.exported"
            query = select(AuditEntry).where(action).order_by(AuditEntry.sequence)
            found = host.db.session.scalars(query).all()
            assert {entry.actor for entry in found} == {f"admin:{desk.id}"}
            for subject in (provider, other):
                audit.verify(host.db.session, subject)
            return answer, {entry.subject: entry.facts["filters"] for entry in found}

    answer, noted = take(user="7", provider=provider)
    assert noted == {provider: {"provider": provider, "user": "given"}}
    assert len(table(answer)) == 1
    assert take(order="oldest")[1] == {provider: {"order": "oldest"}, other: {"order": "oldest"}}


def test_file_is_refused_without_our_form_and_not_a_plain_address(host: Host, desk: Desk) -> None:
    add(host, add_provider(host))
    assert desk.post(EXPORT, {}).status_code == 400
    assert desk.get(EXPORT).status_code == 404
    with host.app.app_context():
        found = host.db.session.scalars(select(AuditEntry.action)).all()
        assert "verifications.exported" not in found


@pytest.mark.parametrize("order", ["", "oldest"])
def test_file_is_read_in_batches_as_it_is_taken_and_ends_with_what_there_was(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr("flask_idverify.queries.attempts.BATCH", 10)
    provider = add_provider(host)
    there = add(host, provider, 40)
    reads: list[str] = []

    def note(*args: Any) -> None:
        if "FROM idverify_verification" in args[2] and "ORDER BY" in args[2]:
            reads.append(args[2])

    fields = {"csrf_token": desk.token(), "order": order}
    with host.app.app_context():
        event.listen(host.db.engine, "before_cursor_execute", note)
    answer = desk.browser.post(ADMIN + EXPORT, data=fields, buffered=False)
    pieces = iter(answer.iter_encoded())
    text = next(pieces)
    assert (text.count(b"\n"), len(reads)) == (11, 1)
    add(host, provider, created_at=clock.now() + timedelta(hours=1))
    text += b"".join(pieces)
    assert len(reads) == 5
    found = [row["verification"] for row in csv.DictReader(io.StringIO(text.decode()))]
    assert found == (there if order else there[::-1])


def test_library_pages_have_no_hole_and_no_double_in_either_order(host: Host) -> None:
    provider = add_provider(host)
    with host.app.app_context():
        one = clock.now()
    made = [
        add(host, provider, created_at=one + timedelta(seconds=n // 4), reference=str(n))[0]
        for n in range(23)
    ]
    with host.app.app_context():
        for oldest_first in (False, True):
            found: list[list[str]] = []
            at = None
            while True:
                page = queries.verifications(
                    queries.Filters(), at, oldest_first=oldest_first, size=5
                )
                found.append([row.id for row in page.rows])
                following = page.newer if oldest_first else page.older
                if following is None:
                    break
                at = queries.place(**{"newer" if oldest_first else "older": following})
            every = [each for part in found for each in part]
            assert sorted(every) == sorted(made)
            assert list(map(len, found)) == [5, 5, 5, 5, 3]
