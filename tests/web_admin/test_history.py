"""The audit log as admins read it: folded where nothing is lost, and in words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import flask_idverify
from flask_idverify import audit, clock, inbox, queries, service
from flask_idverify.adapters.jumio.findings import ALL_CHECKS
from flask_idverify.adapters.jumio.platform_labels import ORDER
from flask_idverify.audit_chain import FOR_CHECKING
from flask_idverify.claims import Document
from flask_idverify.errors import VendorError
from flask_idverify.models import AuditEntry, Verification
from flask_idverify.queries import Step
from flask_idverify.states import Status
from flask_idverify.web.admin import history, wording
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import Vendor
from tests.web_admin.desk import Desk, add_provider, ended, start, words

BEGUN = datetime(2026, 5, 4, 9, 0, tzinfo=timezone.utc)
ROOT = Path(flask_idverify.__file__).parent
STRANGER = "77e0c1ab-4d2f-4f0a-9c3e-0b1d2e3f4a55"


def look(minute: int, picture: str = "front", actor: str = "admin:1") -> Step:
    at = BEGUN + timedelta(minutes=minute)
    return Step(at, actor, "verification.image_viewed", {"image": picture}, None)


def step(minute: int, action: str = "verification.reversed") -> Step:
    return Step(BEGUN + timedelta(minutes=minute), "vendor", action, {}, None)


# -- folding ----------------------------------------------------------------------------------


def test_looks_in_a_row_are_one_line_with_count_and_time_range() -> None:
    (line,) = history.lines([look(0), look(1, "face"), look(4, "face")])
    assert line.title == "3 pictures looked at"
    assert line.actor == "Admin 1"
    assert (line.at, line.until) == (BEGUN, BEGUN + timedelta(minutes=4))
    assert line.facts == [("Pictures", "Front of the document, Face (2 times)")]


def test_looks_within_one_minute_show_one_time() -> None:
    (line,) = history.lines([look(0), look(0)])
    assert line.until is None


def test_one_look_stays_as_it_is() -> None:
    (line,) = history.lines([look(0)])
    assert line.title == "Picture looked at"
    assert line.facts == [("Picture", "Front of the document")]


def test_another_admin_or_another_step_between_is_never_folded_away() -> None:
    told = history.lines([look(0), look(1, actor="admin:2"), look(2, actor="admin:2"), look(3)])
    assert [line.actor for line in told] == ["Admin 1", "Admin 2", "Admin 1"]
    told = history.lines([look(0), step(1), look(2)])
    assert [line.at.minute for line in told] == [0, 1, 2]


def test_nothing_but_looks_is_folded() -> None:
    assert len(history.lines([step(0), step(1), step(1)])) == 3


def test_the_log_keeps_every_look_that_a_page_folds(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    attempt = ended(host, vendor, "one@example.com")
    for _ in range(3):
        assert desk.get(f"/verifications/{attempt}/images/front").status_code == 200
    with host.app.app_context():
        row = host.db.session.get_one(Verification, attempt)
        page, subject = f"/identities/{row.identity_id}", row.identity.subject
        looks = select(AuditEntry).where(AuditEntry.action == "verification.image_viewed")
        assert len(host.db.session.scalars(looks).all()) == 3
        audit.verify(host.db.session, subject)
    for path in (page, f"/verifications/{attempt}"):
        told = words(desk.get(path))
        assert "3 pictures looked at" in told
        assert "Pictures: Front of the document (3 times)" in told


# -- words ------------------------------------------------------------------------------------


def constants(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def written() -> tuple[set[str], set[str]]:
    """Return the actions and the names of facts that stand in the code that writes the log."""
    actions: set[str] = set()
    names: set[str] = set()
    for path in [*(ROOT / "service").glob("*.py"), ROOT / "outbox.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            given: list[Any] = []
            if isinstance(node, ast.Call):
                if ast.unparse(node.func) in ("audit.append", "Delivery"):
                    found = {text for each in node.args for text in constants(each)}
                    actions |= {text for text in found if re.fullmatch(r"[a-z]+\.[a-z_]+", text)}
                    given += node.args
                given += [word.value for word in node.keywords if word.arg == "facts"]
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if "facts" in map(ast.unparse, targets):
                    given.append(node.value)
                names |= {
                    str(target.slice.value)
                    for target in targets
                    if isinstance(target, ast.Subscript)
                    and ast.unparse(target.value) == "facts"
                    and isinstance(target.slice, ast.Constant)
                }
            for value in given:
                if isinstance(value, ast.Dict):
                    names |= {str(key.value) for key in value.keys if isinstance(key, ast.Constant)}
    return actions, names


def sign(desk: Desk, verification_id: str, action: str) -> None:
    page = f"/verifications/{verification_id}"
    fields = desk.form(page, f"{page}/reject")
    assert desk.post(f"{page}/{action}", {**fields, "reason": "Seen"}).status_code == 303


def lived(host: Host, desk: Desk, vendor: Vendor) -> list[AuditEntry]:
    """Let everything happen that the log tells of, and return its entries."""
    provider = add_provider(host, vendor.url, link=True, client_secret="sandbox-secret")
    spare = add_provider(host, name="Spare")
    desk.send(f"/providers/{spare}", name="Other name")
    desk.send("/applications/new", name="shop")
    with host.app.app_context():
        shop = next(row.id for row in queries.applications() if row.name == "shop")
    page = f"/applications/{shop}"
    desk.send(page, display_name="The shop")
    for each in (provider, spare):
        desk.send(f"{page}/links", page, provider=each)
    with host.app.app_context():
        links = [link.id for link in queries.application(shop).links]
    desk.send(f"{page}/links/{links[0]}", match_name=None, route_countries="AT")
    desk.send(f"{page}/links/{links[1]}/move", page, direction="up")
    desk.send(f"{page}/links/{links[1]}/remove", page)
    desk.send(f"/providers/{spare}/delete", f"/providers/{spare}")
    approved = ended(host, vendor, "one@example.com")
    doubtful = ended(host, vendor, "two@example.com", "blurred")
    again = ended(host, vendor, "three@example.com", real_name="Karl Huber", id_number="X1")
    desk.get(f"/verifications/{approved}/images/front")
    sign(desk, doubtful, "approve")
    faced = start(host, "four@example.com")
    opened = start(host, "five@example.com")
    sign(desk, opened, "cancel")
    with host.app.app_context():
        row = host.db.session.get_one(Verification, approved)
        vendor.reverse(row, "fraud")
        service.refresh(row)
        reference = str(row.vendor_reference)
        row = host.db.session.get_one(Verification, faced)
        vendor.finish(row, "repeated-face", related=[STRANGER, reference])
        service.refresh(row)
        people = [
            f"/identities/{host.db.session.get_one(Verification, key).identity_id}"
            for key in (approved, doubtful, again)
        ]
        vendor.sandbox.set_faults([{"kind": "403", "where": "start"}])
        with pytest.raises(VendorError):
            service.start(host.add_user("six@example.com"), lena(), consent())
        vendor.sandbox.clear_faults()
        notified = host.db.session.get_one(Verification, faced)
        vendor.notification(notified.vendor_reference).arrive()
        inbox.drain()
    desk.send(f"{people[0]}/export", people[0])
    desk.send(f"{people[1]}/reset", people[1], reason="New name")
    desk.send(f"{people[0]}/erase", people[0], why="Letter", sure="y")
    held = host.app.config["HELD"]
    held.append(people[2])
    desk.send(f"{people[2]}/erase", people[2], why="Letter", sure="y")
    held.clear()
    with host.app.app_context():
        with clock.shifted(days=4000):
            service.purge()
            inbox.drain()
        entries = list(host.db.session.scalars(select(AuditEntry)))
        host.db.session.expunge_all()
    return entries


def _without(facts: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in names}


def test_whatever_the_log_gets_is_told_in_words(vendor: Vendor) -> None:
    held: list[str] = []
    days = {str(status): 90 for status in Status if status.is_final} | {"unmatched": 30}
    host = make_host(
        IDVERIFY_RETENTION_DAYS=days,
        IDVERIFY_LEGAL_HOLD=lambda _: "A court." if held else None,
        HELD=held,
    )
    entries = lived(host, Desk(host), vendor)
    actions, names = written()
    actions |= {entry.action for entry in entries}
    names |= {name for entry in entries for name in entry.facts}
    # So that a life that became poorer, or a reader that misses things, is noticed.
    assert {"identity.purged", "identity.reset", "vendor.erased", "link.moved"} <= actions
    assert {"attempts", "owed", "scope", "held", "error", "related_unknown", "image"} <= names
    assert sorted(name for name in names - FOR_CHECKING if not history.is_worded(name)) == []
    assert sorted(name for name in actions if wording.action(name) == name) == []
    steps = [
        Step(one.at, one.actor, one.action, _without(one.facts, FOR_CHECKING), None)
        for one in entries
    ]
    for line in history.lines(steps):
        for name, value in line.facts:
            assert not re.search(r"[a-z]_[a-z]", name + value), (line.title, name, value)
            assert "{" not in value
            assert name[:1].isupper(), (line.title, name)
            told = value[:1].isupper() or value[:1].isdigit() or value in ("yes", "no")
            assert told or "://" in value, (line.title, name, value)


def test_every_rule_that_decides_has_words() -> None:
    rules: set[str] = set()
    for name in ("policy.py", "service/approval.py", "service/decisions.py"):
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.Call):
                rules |= {
                    text
                    for word in node.keywords
                    if word.arg == "rule"
                    for text in constants(word.value)
                }
                if ast.unparse(node.func) in ("_review", "_reject"):
                    rules |= set(constants(node.args[1]))
    assert {"claimed_type", "minimum_age", "identity", "checks"} <= rules
    for rule in rules | {"vendor", "policy", "admin", "id_types", "countries"}:
        assert wording.rule(rule) != rule, rule


def test_the_state_on_a_document_is_not_called_as_a_condition_is() -> None:
    read = Document(state="IL")
    assert wording.document(read) == [("State or province", "IL")]


def test_every_check_of_both_generations_has_words_and_keeps_its_name() -> None:
    for check in {*ORDER, *ALL_CHECKS}:
        assert wording.check(check).endswith(f"({check})"), check
    assert wording.check("theirOwnCheck") == "theirOwnCheck"


def test_the_page_tells_checks_in_words(
    host: Host, desk: Desk, vendor: Vendor, at_vendor: str
) -> None:
    told = words(desk.get(f"/verifications/{ended(host, vendor, 'one@example.com')}"))
    assert "The face is alive (liveness)" in told


def test_what_a_newer_version_wrote_is_shown_as_it_is() -> None:
    assert history.facts({"moon_phase": "full"}) == [("moon_phase", "full")]


def test_no_is_told_where_it_is_news() -> None:
    assert history.facts({"complete": False}) == [("Everything could be decrypted", "no")]
    assert history.facts({"test": False, "fingerprint_kept": False, "notes": 0}) == []
