"""The audit log on pages: read, filtered, checked, and handed out with its signature."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text
from werkzeug.test import TestResponse

from flask_idverify import audit, audit_check, audit_export, audit_walk, clock, queries
from flask_idverify.models import AuditEntry, AuditHead, Identity, Provider, Verification
from flask_idverify.queries import log
from tests.databases import file_uri
from tests.hosts import Host, make_host
from tests.vendor import Vendor
from tests.web_admin.desk import ADMIN, Desk, add_provider, ended, field_error, words

SEED = "S" * 43
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def signing() -> Desk:
    """An admin of a host that signs exports."""
    return Desk(make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED))


def write(host: Host, count: int = 1, *, actor: str = "system", **more: Any) -> str:
    """Add a provider and entries to its chain, an hour apart; return its id."""
    provider = more.pop("provider", None) or add_provider(host, name=f"Account {uuid4()}")
    with host.app.app_context():
        for number in range(count):
            with clock.shifted(hours=number + more.get("hours", 0)):
                action = more.get("action", "provider.changed")
                facts = more.get("facts", {"changed": ["name"]})
                audit.append(host.db.session, provider, action, actor=actor, facts=facts)
        host.db.session.commit()
    return str(provider)


def numbers(answer: TestResponse) -> list[int]:
    """Return the numbers of the entries on a page, in its order."""
    assert answer.status_code == 200, answer.text
    return [int(found) for found in re.findall(r"Number (\d+) of its chain", words(answer))]


def tamper(host: Host, statement: str, **values: Any) -> None:
    """Change the log as only somebody with the database can."""
    with host.app.app_context():
        host.db.session.execute(text(statement), values)
        host.db.session.commit()


def checked(desk: Desk, **fields: str) -> TestResponse:
    return desk.post("/audit/verify", {"csrf_token": desk.token(), **fields})


def taken(desk: Desk, tmp_path: Path, **fields: str) -> tuple[Path, TestResponse]:
    """Download the log and unpack it; return the file with its signature beside it."""
    answer = desk.post("/audit/export", {"csrf_token": desk.token(), **fields})
    assert answer.status_code == 200, words(answer)
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
        name, signature = archive.namelist()
    assert signature == f"{name}.sig"
    return tmp_path / name, answer


# -- the list -----------------------------------------------------------------------------------


def test_empty_log_and_filter_without_a_hit_say_so(host: Host, desk: Desk) -> None:
    assert "Nothing has happened yet" in words(desk.get("/audit"))
    write(host)
    for query in (
        "user=nobody",
        f"subject={NOBODY}",
        "actor=vendor",
        "admin=8",
        "since=2099-01-01",
    ):
        assert "Nothing fits this filter" in words(desk.get(f"/audit?{query}")), query


def test_entries_speak_in_words_and_lead_to_what_they_are_about(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    attempt = ended(host, vendor, "one@example.com", "fraud")
    page = desk.get("/audit?action=verification.rejected")
    with host.app.app_context():
        row = host.db.session.get_one(Verification, attempt)
        links = [f"/identities/{row.identity_id}", f"/verifications/{attempt}"]
        subject = row.identity.subject
    shown = words(page)
    assert "Rejected" in shown
    assert "The document was manipulated." in shown
    for link in (*links, f"/audit?subject={subject}"):
        assert f'href="{ADMIN}{link}"' in page.text, link
    about = desk.get(f"/audit?subject={at_vendor}")
    assert f'href="{ADMIN}/providers/{at_vendor}"' in about.text
    application = desk.get("/audit?action=application.added").text
    assert re.search(
        rf'<td data-label="About"[^>]*>.*href="{ADMIN}/applications/', application, re.S
    )


def test_entry_about_somebody_unknown_is_shown_all_the_same(host: Host, desk: Desk) -> None:
    with host.app.app_context():
        audit.append(host.db.session, NOBODY, "brand.new", actor="robot", facts={"new": [1]})
        host.db.session.commit()
    told = words(desk.get("/audit"))
    assert "brand.new new: 1 robot Number 1 of its chain" in told


def test_filters_let_through_what_they_say(host: Host, desk: Desk, vendor: Vendor) -> None:
    first = write(host, 2)
    write(host, 1, provider=first, actor="admin:9", action="link.moved", hours=50)
    second = write(host, 1)
    days = {hours: f"{clock.now() + timedelta(hours=hours):%Y-%m-%d}" for hours in (0, 50)}
    assert numbers(desk.get(f"/audit?subject={first}&order=oldest")) == [1, 2, 3, 4]
    assert numbers(desk.get(f"/audit?subject={first}")) == [4, 3, 2, 1]
    assert numbers(desk.get("/audit?admin=9")) == [4]
    assert numbers(desk.get("/audit?action=link.moved")) == [4]
    assert numbers(desk.get("/audit?action=link.moved&admin=8")) == []
    assert numbers(desk.get(f"/audit?since={days[50]}")) == [4]
    assert 4 not in numbers(desk.get(f"/audit?subject={first}&until={days[0]}"))
    assert numbers(desk.get(f"/audit?subject={second}&action=provider.changed")) == [2]


def test_of_a_user_it_shows_their_chain_alone(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    ended(host, vendor, "one@example.com")
    ended(host, vendor, "two@example.com", id_number="U2")
    with host.app.app_context():
        one, two = host.db.session.scalars(select(Identity).order_by(Identity.user_id)).all()
        pairs = (one.user_id, one.subject), (two.user_id, two.subject)
    (user, subject), (_, other) = pairs
    assert numbers(desk.get(f"/audit?user={user}"))[-1] == 1
    page = desk.get(f"/audit?user={user}").text
    assert numbers(desk.get(f"/audit?user={user}")) == numbers(
        desk.get(f"/audit?subject={subject}")
    )
    assert other not in page
    assert numbers(desk.get(f"/audit?user={user}&subject={other}")) == []
    assert numbers(desk.get(f"/audit?user={user}&subject={subject}"))


def test_pages_follow_each_other_without_gap_or_repetition(host: Host, desk: Desk) -> None:
    provider = write(host, 60)
    for order, wanted in (("", range(61, 0, -1)), ("&order=oldest", range(1, 62))):
        path: str | None = f"/audit?subject={provider}{order}"
        seen: list[int] = []
        pages = []
        while path:
            answer = desk.get(path)
            pages.append(numbers(answer))
            seen += pages[-1]
            following = re.search(r'<a rel="next" href="([^"]*)"', answer.text)
            path = following[1].replace("&amp;", "&").removeprefix(ADMIN) if following else None
        assert seen == list(wanted)
        back = re.search(r'<a rel="prev" href="([^"]*)"', answer.text)
        assert back
        assert numbers(desk.get(back[1].replace("&amp;", "&").removeprefix(ADMIN))) == pages[-2]
    assert "not complete" in words(desk.get("/audit?older=x"))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("since", "2026-02-30", "such as 2026-01-31"),
        ("until", "2025-12-31", "before the first day"),
        ("action", "nonsense", "choice"),
        ("actor", "nonsense", "choice"),
        ("admin", "7", "either an admin or somebody else"),
        ("subject", "s" * 37, "longer than any subject"),
        ("user", "u" * 256, "longer than any user ID"),
    ],
)
def test_filter_that_cannot_be_read_is_named_and_shows_nothing(
    host: Host, desk: Desk, field: str, value: str, told: str
) -> None:
    write(host)
    query = {"since": "2026-01-01", "actor": "system", field: value}
    answer = desk.get("/audit?" + "&".join(f"{name}={each}" for name, each in query.items()))
    assert answer.status_code == 422
    assert told in field_error(answer, field)
    assert "of its chain" not in answer.text
    refused = desk.post("/audit/export", {"csrf_token": desk.token(), **query})
    assert refused.status_code == 422


# -- checking -----------------------------------------------------------------------------------


def test_log_that_holds_is_said_to_hold_with_its_numbers(host: Host, desk: Desk) -> None:
    write(host, 3)
    write(host, 1)
    told = words(desk.send("/audit/verify", "/audit"))
    assert "The whole log holds 6 entries were checked. They stand in 2 chains." in told
    assert desk.get("/audit/verify").headers["Location"] == f"{ADMIN}/audit"


CHANGES = {
    "changed": "UPDATE idverify_audit SET actor = 'vendor' WHERE subject = :it AND sequence = 2",
    "removed": "DELETE FROM idverify_audit WHERE subject = :it AND sequence = 2",
    "cut off": "DELETE FROM idverify_audit WHERE subject = :it AND sequence >= 2",
}


@pytest.mark.parametrize("what", CHANGES)
def test_first_entry_that_does_not_hold_is_named_by_what_was_done_to_it(
    host: Host, desk: Desk, what: str
) -> None:
    provider, other = write(host, 3), write(host, 3)
    tamper(host, CHANGES[what], it=provider)
    whole = words(checked(desk))
    assert "1 chain does not hold" in whole
    one = words(desk.send("/audit/verify", f"/audit?subject={provider}"))
    assert "The chain does not hold" in one
    for told in (whole, one):
        assert f"{what.capitalize()} Entry 2 Show this chain" in told
        assert provider in told
    assert "The chain holds 4 entries" in words(checked(desk, subject=other))


def test_inserted_and_reordered_entries_are_called_that(host: Host, desk: Desk) -> None:
    one, other = write(host, 4), write(host, 4)
    tamper(
        host,
        "INSERT INTO idverify_audit SELECT 'x', subject, 6, at, actor, origin, action, facts, "
        "key_id, previous_mac, mac, note_sealed FROM idverify_audit "
        "WHERE subject = :it AND sequence = 2",
        it=one,
    )
    for number, to in ((2, 99), (3, 2), (99, 3)):
        tamper(
            host,
            "UPDATE idverify_audit SET sequence = :to WHERE subject = :it AND sequence = :number",
            it=other,
            to=to,
            number=number,
        )
    told = words(checked(desk))
    assert "2 chains do not hold" in told
    assert "Inserted Entry 6" in told
    assert "Reordered Entry 2" in told


def test_chain_of_a_user_is_found_by_their_id_and_an_unknown_one_is_refused(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    ended(host, vendor, "one@example.com")
    with host.app.app_context():
        user = host.db.session.scalars(select(Identity.user_id)).one()
    assert "The chain holds" in words(desk.send("/audit/verify", f"/audit?user={user}"))
    assert checked(desk, user="nobody").status_code == 404
    assert checked(desk, subject=NOBODY).status_code == 404


def test_log_that_is_gone_is_never_called_whole(host: Host, desk: Desk) -> None:
    write(host)
    for table in ("idverify_audit", "idverify_audit_head"):
        tamper(host, f"DELETE FROM {table}")
    told = words(checked(desk))
    assert "There is no log to check" in told
    assert "the log was removed" in told
    assert "holds" not in told


def _rest(answer: TestResponse) -> dict[str, list[str]]:
    """Return the fields of the form that goes on with the check."""
    form: dict[str, list[str]] = {}
    part = answer.text.partition("There is more")[2]
    for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', part):
        form.setdefault(name, []).append(value)
    return form


def test_long_log_is_checked_in_portions_that_say_how_far_they_came(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "PAGE", 2)
    monkeypatch.setattr(log, "PORTION_SECONDS", 0.0)
    subjects = [f"{number}0000000-0000-4000-8000-000000000000" for number in range(1, 8)]
    with host.app.app_context():
        for subject in subjects:
            audit.begin(host.db.session, subject)
            for _ in range(2):
                audit.append(host.db.session, subject, "brand.new", actor="system")
        host.db.session.commit()
    tamper(host, CHANGES["changed"], it=subjects[0])
    tamper(host, CHANGES["changed"], it=subjects[3])
    answer = checked(desk)
    seen = []
    while "Go on" in answer.text:
        told = words(answer)
        found = re.search(r"(\d+) entries were checked. They stand in (\d+) chains", told)
        part = re.search(r"About (\d+) % of the log", told)
        assert found
        assert part
        assert "flask idverify audit verify" in told
        seen.append((int(found[1]), int(found[2]), int(part[1])))
        assert "Changed Entry 2" in told, "what an earlier portion has found is still named"
        answer = desk.post("/audit/verify", _rest(answer))
    assert seen == [(4, 2, 12), (8, 4, 25), (12, 6, 37)]
    told = words(answer)
    assert "2 chains do not hold 14 entries were checked. They stand in 7 chains." in told
    assert told.count("Changed Entry 2") == 2


def test_chains_that_somebody_has_slipped_in_do_not_keep_the_check_from_its_end(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names are no subjects of ours: no number at their beginning, and longer than a page."""
    monkeypatch.setattr(audit_walk, "PAGE", 2)
    monkeypatch.setattr(log, "PORTION_SECONDS", 0.0)
    write(host)
    for name in ("-x", "zz-1", "zz-2", "zz-3", "zz-4"):
        tamper(
            host,
            "INSERT INTO idverify_audit_head (id, sequence, mac) VALUES (:name, 1, 'x')",
            name=name,
        )
    answer, portions = checked(desk), 1
    while "Go on" in answer.text and portions < 9:
        assert answer.status_code == 200
        answer = desk.post("/audit/verify", _rest(answer))
        portions += 1
    assert portions < 9
    assert "5 chains do not hold" in words(answer)


def test_place_that_was_made_up_begins_anew(host: Host, desk: Desk) -> None:
    write(host, 2)
    for fields in ({"after": "nonsense"}, {"after": "'; --", "entries": "9", "chains": "x"}):
        assert "3 entries were checked" in words(checked(desk, **fields))


def test_missing_key_is_named_once_and_nothing_is_called_whole(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        write(host)
    tamper(host, "UPDATE idverify_audit SET key_id = 'lost'")
    told = words(checked(desk))
    assert "3 chains do not hold" in told
    assert told.count("3 chain(s) cannot be checked") == 1
    assert "IDVERIFY_AUDIT_KEYS" in told


def test_more_broken_chains_than_a_page_names_are_counted(
    host: Host, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "BREAKS_NAMED", 2)
    for _ in range(4):
        write(host, 1)
    tamper(host, "UPDATE idverify_audit SET actor = 'nobody' WHERE sequence = 1")
    told = words(checked(desk))
    assert "4 chains do not hold" in told
    assert told.count("Changed Entry 1") == 2
    assert "No more are named here" in told


# -- the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_download_holds_every_entry_and_the_command_line_accepts_it(
    signing: Desk, tmp_path: Path, kind: str
) -> None:
    host = signing.host
    write(host, 5)
    page = signing.get("/audit")
    assert "6 entries" in words(page), words(page)
    path, answer = taken(signing, tmp_path, format=kind)
    assert path.suffix == f".{kind}"
    assert f'filename="{path.name}.zip"' in answer.headers["Content-Disposition"]
    with host.app.app_context():
        key = audit_export.public_key()
        entries = list(host.db.session.scalars(select(AuditEntry)))
        known = {(row.subject, row.sequence, row.mac) for row in entries}
        host.db.session.remove()
    assert key in page.text
    command = ["idverify", "audit", "verify", "--file", str(path), "--public-key", key]
    result = host.app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 0, result.output
    assert f"{len(known)} entries" in result.output
    lines = path.read_text(encoding="utf-8")
    rows = (
        list(csv.DictReader(io.StringIO(lines)))
        if kind == "csv"
        else [json.loads(line) for line in lines.splitlines()]
    )
    assert {(row["subject"], int(row["sequence"]), row["mac"]) for row in rows} == known


def test_download_that_is_changed_on_its_way_is_refused(signing: Desk, tmp_path: Path) -> None:
    write(signing.host, 2)
    path, _ = taken(signing, tmp_path)
    with signing.host.app.app_context():
        key = audit_export.public_key()
    path.write_text(path.read_text().replace("provider.changed", "provider.deleted"))
    with pytest.raises(audit_check.CheckFailed, match="changed after it was signed"):
        audit_check.check(path, key)


def test_who_took_the_log_stands_in_it_before_its_first_entry_left(
    signing: Desk, tmp_path: Path
) -> None:
    first, second = write(signing.host), write(signing.host)
    path, _ = taken(signing, tmp_path, since="2026-01-01", action="provider.changed", admin="7")
    found = [json.loads(line) for line in path.read_text().splitlines()]
    notes = [row for row in found if row["action"] == "audit.exported"]
    assert {row["subject"] for row in notes} == {first, second}
    for row in notes:
        assert row["actor"] == f"admin:{signing.id}"
        assert row["facts"]["filters"] == {"since": "2026-01-01", "format": "jsonl"}
    told = words(signing.get("/audit"))
    assert "Audit log handed out Filters: since: 2026-01-01, format: jsonl" in told


def test_download_of_one_chain_is_noted_there_and_holds_nothing_else(
    signing: Desk, tmp_path: Path
) -> None:
    one, other = write(signing.host, 2), write(signing.host, 2)
    path, _ = taken(signing, tmp_path, subject=one)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["subject"] for row in found} == {one}
    assert found[-1]["action"] == "audit.exported"
    assert json.loads(Path(f"{path}.sig").read_text())["subject"] == one
    with signing.host.app.app_context():
        assert signing.host.db.session.get_one(AuditHead, other).sequence == 3


def test_broken_log_is_handed_out_and_its_signature_says_so(signing: Desk, tmp_path: Path) -> None:
    provider = write(signing.host, 3)
    tamper(signing.host, CHANGES["changed"], it=provider)
    path, _ = taken(signing, tmp_path)
    assert json.loads(Path(f"{path}.sig").read_text())["chains_intact"] is False


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"subject": NOBODY}, 409, "Nothing is known of subject"),
        ({"user": "eve@example.com"}, 404, "There is no identity of this user."),
    ],
)
def test_unknown_subject_or_user_is_refused_and_notes_nothing(
    signing: Desk, fields: dict[str, str], status: int, told: str
) -> None:
    write(signing.host)
    answer = signing.post("/audit/export", {"csrf_token": signing.token(), **fields})
    assert answer.status_code == status
    assert told in words(answer)
    assert "eve@" not in words(answer), "who is looked for stands in no message"
    with signing.host.app.app_context():
        assert signing.host.db.session.get(AuditHead, NOBODY) is None
        assert "audit.exported" not in signing.host.db.session.scalars(select(AuditEntry.action))


def test_subject_that_is_not_the_users_is_neither_checked_nor_handed_out(
    signing: Desk, vendor: Vendor
) -> None:
    host = signing.host
    provider = add_provider(host, vendor.url, link=True, client_secret="sandbox-secret")
    ended(host, vendor, "one@example.com")
    with host.app.app_context():
        one = host.db.session.scalars(select(Identity)).one()
        user, subject = one.user_id, one.subject
    for path in ("/audit/verify", "/audit/export"):
        both = {"csrf_token": signing.token(), "user": user}
        assert signing.post(path, {**both, "subject": provider}).status_code == 404, path
        assert signing.post(path, {**both, "subject": subject}).status_code == 200, path


@pytest.mark.parametrize("field", ["user", "subject"])
def test_no_database_is_asked_for_what_some_of_them_cannot_hold(signing: Desk, field: str) -> None:
    host, strange = signing.host, "a\0b"
    write(host)
    token = signing.token()
    with host.app.app_context():
        engine = host.db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def refuse(_c: Any, _cursor: Any, _s: str, values: Any, *_more: Any) -> None:
        assert strange not in str(values).replace("\\x00", "\0"), "PostgreSQL raises, and logs it"

    try:
        for path, status in (("/audit/verify", 404), ("/audit/export", 422)):
            answer = signing.post(path, {"csrf_token": token, field: strange})
            assert answer.status_code == status, path
    finally:
        event.remove(engine, "before_cursor_execute", refuse)


def test_without_a_key_the_page_says_what_to_set_and_hands_out_nothing(
    host: Host, desk: Desk
) -> None:
    write(host)
    told = words(desk.get("/audit"))
    assert "Set IDVERIFY_AUDIT_SIGNING_KEY" in told
    assert "Download as JSONL" not in told
    answer = desk.post("/audit/export", {"csrf_token": desk.token()})
    assert answer.status_code == 409
    assert answer.mimetype == "text/html"


def test_nobody_who_may_not_see_the_log_takes_or_checks_it(signing: Desk) -> None:
    write(signing.host)
    member = Desk(signing.host, "user@example.com", admin=False)
    for path in ("/audit/export", "/audit/verify"):
        assert member.post(path, {}).status_code == 403
        assert signing.post(path, {}).status_code == 400, "without a token"


def test_log_is_written_while_it_is_read_and_no_connection_is_kept_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_idverify.web.admin.audit_files._LINES", 10)
    monkeypatch.setattr(audit_walk, "PAGE", 10)
    # One in memory has a single connection, which nobody counts.
    database = file_uri(tmp_path)
    host = make_host(IDVERIFY_AUDIT_SIGNING_KEY=SEED, SQLALCHEMY_DATABASE_URI=database)
    signing = Desk(host)
    write(host, 60)
    fields = {"csrf_token": signing.token()}
    answer = signing.browser.post(f"{ADMIN}/audit/export", data=fields, buffered=False)
    pieces = 0
    with host.app.app_context():
        pool: Any = host.db.engine.pool
    for _piece in answer.iter_encoded():
        pieces += 1
        assert pool.checkedout() == 0
    assert pieces >= 6


def test_log_names_are_what_the_pages_know(host: Host) -> None:
    provider = write(host)
    with host.app.app_context():
        entry = queries.log_entries(queries.LogFilters(subject=provider)).rows[0]
        assert isinstance(entry.provider, Provider)
        assert queries.log_count(queries.LogFilters(subject=provider)) == 2
