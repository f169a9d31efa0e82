"""Nothing that anybody typed, sent or wrote into the database becomes markup, or stops a page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask_babel import Babel
from sqlalchemy import text, update

from flask_idverify import audit, clock
from flask_idverify.models import OutboxRow, Provider, Verification
from tests.hosts import Host, make_host
from tests.vendor import Vendor
from tests.web_admin.desk import Desk, add_provider, ended

#: Also what a careless filling of placeholders would stumble over.
EVIL = "\"'><script>x(1)</script>%(time)s%s{0}{{7*7}}"
SCRIPT = "<script>x"


@pytest.fixture(params=[None, "de"])
def stage(request: pytest.FixtureRequest, vendor: Vendor) -> tuple[Desk, str, str, str]:
    """An admin, a provider, an attempt and its identity, all of them full of markup."""
    host = make_host()
    if request.param:
        Babel(host.app, locale_selector=lambda: request.param)
    desk = Desk(host)
    provider = add_provider(
        host, vendor.url, link=True, name=EVIL[:90], client_secret="sandbox-secret"
    )
    attempt = ended(
        host, vendor, "one@example.com", "face-unclear", real_name="M<b>x", id_number="<i>1"
    )
    with host.app.app_context():
        return desk, provider, attempt, _spoil(host, provider, attempt)


def _spoil(host: Host, provider: str, attempt: str) -> str:
    session = host.db.session
    row = session.get_one(Verification, attempt)
    account = session.get_one(Provider, provider)
    account.trouble, account.trouble_since = EVIL, clock.now()
    words = {"vendor_message": EVIL, "rule": EVIL, "decided_by": EVIL}
    session.execute(update(Verification).values(words))
    owed = OutboxRow(
        kind="vendor_erasure",
        subject=row.identity.subject,
        provider_id=provider,
        error=EVIL,
        next_try_at=clock.now(),
    )
    owed.payload = {}
    session.add(owed)
    facts: dict[str, Any] = {
        "filters": {EVIL: EVIL},
        EVIL: [EVIL],
        "reasons": [EVIL],
        "error": EVIL,
    }
    audit.append(session, provider, EVIL, actor=f"admin:{EVIL}", facts=facts)
    identity = row.identity_id
    session.commit()
    return str(identity)


def test_names_claims_vendors_words_and_filters_are_shown_as_text(
    stage: tuple[Desk, str, str, str],
) -> None:
    desk, provider, attempt, identity = stage
    typed = quote(EVIL)
    shown = (
        *("/", f"/?days={typed}", "/providers", f"/providers/{provider}", "/owed", "/callbacks"),
        *("/audit", f"/audit?subject={provider}", f"/audit?older={typed}", "/reviews"),
        *(f"/reviews?newer={typed}", f"/reviews/{attempt}", f"/verifications/{attempt}"),
        *(f"/identities?user={typed}", f"/identities/{identity}"),
    )
    refused = (
        f"/audit?user={typed}&action={typed}&actor={typed}&since={typed}&admin={typed}",
        f"/identities?standing={typed}&order={typed}",
        f"/verifications?user={typed}&status={typed}&reason={typed}",
    )
    found = 0
    for status, paths in ((200, shown), (422, refused)):
        for path in paths:
            answer = desk.get(path)
            assert answer.status_code == status, path
            assert SCRIPT not in answer.text, path
            assert "<b>x" not in answer.text, path
            assert answer.headers["Cache-Control"] == "no-store", path
            found += "&lt;script&gt;x" in answer.text
    assert found > len(shown), "the text was there to be escaped"


def test_a_decisions_form_may_hold_anything(stage: tuple[Desk, str, str, str]) -> None:
    desk, _, attempt, _ = stage
    action = f"/verifications/{attempt}/reject"
    for seen, reason, status in ((EVIL, "", 422), ("approved", EVIL, 409)):
        fields = {"csrf_token": desk.token(), "seen": seen, "queue": EVIL, "reason": reason}
        answer = desk.post(action, fields)
        assert answer.status_code == status
        assert SCRIPT not in answer.text


@pytest.mark.parametrize(
    "facts",
    [
        {"related": "many", "conditions": 7, "filters": "all", "changed": 3, "reasons": 1},
        {"status": ["a"], "image": 1, "held": {}, "from": ["x"], "rule": ["y"], "error": [1]},
        ["no", "facts"],
    ],
)
def test_entry_that_was_written_by_somebody_else_hides_no_other(
    stage: tuple[Desk, str, str, str], facts: Any
) -> None:
    """Whoever may write into the database must not be able to close the log to its readers."""
    desk, provider, attempt, identity = stage
    with desk.host.app.app_context():
        session = desk.host.db.session
        subject = session.get_one(Verification, attempt).identity.subject
        for chain in (provider, subject):
            audit.append(session, chain, "x.y", actor="robot", facts={"verification": attempt})
        change = text("UPDATE idverify_audit SET facts = :facts")  # past the lock of the engine
        session.execute(change, {"facts": json.dumps(facts)})
        session.commit()
    for path in (f"/audit?subject={provider}", f"/verifications/{attempt}"):
        assert desk.get(path).status_code == 200, path
    assert "robot" in desk.get("/audit").text
    assert "robot" in desk.get(f"/identities/{identity}").text
    for fields in ({}, {"subject": provider}):
        told = desk.post("/audit/verify", {"csrf_token": desk.token(), **fields})
        assert told.status_code == 200
        assert "alert--bad" in told.text
