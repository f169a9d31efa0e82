"""A whole life at DEBUG level with planted canaries, and everything that was written meanwhile."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests_mock
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from flask_idverify import Claim, clock, inbox, service
from flask_idverify.errors import IDVerifyError
from flask_idverify.models import Identity, Verification
from tests.hosts import Host, consent
from tests.security.stage import TYPED, Member
from tests.vendor import Vendor

SECRET = "canary-client-secret-0815"
ADDRESS = "203.0.113.77"
#: What the user types.
CLAIM = {"real_name": "Anneliese Canaryvogel", "id_number": "CNRY730194", "country": "AUT"}
#: What the vendor reads; the name in capitals, as papers have it.
PAPER = {
    "first_name": "ANNELIESE",
    "last_name": "CANARYVOGEL",
    "number": "CNRY730194",
    "date_of_birth": "1971-03-17",
    "personal_number": "CNRYPERS99",
    "place_of_birth": "CANARYTOWN",
    "address_line1": "KANARIENGASSE 77",
    "address_city": "CANARYBERG",
}
REASON = "Canary-Reason: she came in person."
HOSTS_TROUBLE = "the host's own words about Anneliese Canaryvogel"


@dataclass
class Seen:
    """One answer of ours."""

    who: str
    method: str
    path: str
    text: str


@dataclass
class Life:
    """The host, and everything that it said in any way."""

    host: Host
    vendor: Vendor
    path: Path
    canaries: dict[str, str] = field(default_factory=dict)
    answers: list[Seen] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    def ask(self, who: str, member: Member, method: str, path: str, **values: Any) -> TestResponse:
        """Let somebody's browser do something; keep the answer."""
        values["environ_overrides"] = {"REMOTE_ADDR": ADDRESS}
        answer = member.send(method, path, **values)
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers)
        where = answer.request.path
        self.answers.append(Seen(who, method, where, f"{head}\n{answer.get_data(as_text=True)}"))
        return answer

    def failing(self, act: Callable[[], Any]) -> None:
        """Do what has to fail; keep the traceback without the lines of source in it."""
        try:
            act()
        except IDVerifyError as error:
            lines = "".join(traceback.format_exception(error)).splitlines()
            # Indented lines are the tests' own source, where the canaries stand as text.
            self.errors += [line for line in lines if not line.startswith("    ")]
            self.errors.append(repr(error) + repr(error.args) + repr(vars(error)))
            self.host.db.session.rollback()
        else:
            raise AssertionError("did not fail")

    def database(self) -> str:
        """Return all columns of all rows as the driver hands them out."""
        with self.host.app.app_context():
            session = self.host.db.session
            shown = [
                repr(row)
                for table in self.host.db.metadata.sorted_tables
                for row in session.execute(text(f"SELECT * FROM {table.name}"))
            ]
            session.rollback()
        return "\n".join(shown)

    def bytes(self) -> bytes:
        """Return the database as it lies on the disk, journal included."""
        return b"".join(item.read_bytes() for item in self.path.parent.glob("host.db*"))


def live(life: Life, kind: str) -> None:
    """Everything once: setting up, testing, failing, review, decisions, reversal, reset."""
    host = life.host
    anna, admin = Member(host, "anna@example.com"), Member(host, "admin@example.com", admin=True)
    setup(life, admin, kind)
    with host.app.app_context():
        refused_starts(life, anna)
    row_id = by_pages(life, anna)
    with host.app.app_context():
        callbacks(life, row_id)
    afterwards(life, anna, admin, row_id)
    with host.app.app_context():
        broken_rows(life)


def setup(life: Life, admin: Member, kind: str) -> None:
    provider = {
        "name": "Vendor",
        "type": kind,
        "client_id": "sandbox-id",
        "client_secret": SECRET,
        "endpoint": life.vendor.url,
        "enabled": "y",
    }
    pages = "/identity/admin"
    life.ask("admin", admin, "POST", f"{pages}/providers/new", data={**provider, "endpoint": "x"})
    saved = life.ask("admin", admin, "POST", f"{pages}/providers/new", data=provider)
    assert saved.status_code == 303
    page = saved.headers["Location"]
    life.ask("admin", admin, "POST", f"{pages}/applications/new", data={"name": "default"})
    with life.host.app.app_context():
        life.host.idverify.link("Vendor")
        life.host.db.session.commit()
    life.ask("admin", admin, "GET", page)
    life.ask("admin", admin, "POST", f"{page}/check")
    typed = {**TYPED, "real_name": "Adam Admin", "id_number": "A1"}
    test = life.ask("admin", admin, "POST", f"{page}/test", data=typed).headers["Location"]
    life.ask("admin", admin, "GET", test)
    with life.host.app.app_context():
        row = life.host.db.session.scalars(select(Verification)).one()
        life.vendor.finish(row, **PAPER)
        service.refresh(row)
    life.ask("admin", admin, "GET", test)


def refused_starts(life: Life, anna: Member) -> None:
    """The vendor refuses and quotes all that it was sent, credentials too."""
    host, vendor = life.host, life.vendor
    claim, given = stated(), consent(ip=ADDRESS)

    def start() -> Any:
        return host.idverify.start(anna.row(), claim, given)

    def echo(request: Any, context: Any) -> dict[str, str]:
        context.status_code = 400
        life.received.append(f"{request.headers.get('Authorization')} {request.text}")
        return {"title": "Bad Request", "detail": f"{request.headers} got {request.text}"}

    with requests_mock.Mocker(real_http=True) as mock:
        for path in ("/api/v4/initiate", "/api/v1/accounts"):
            mock.post(vendor.url + path, json=echo)
        life.failing(start)
    for fault in ("403", "malformed_json"):
        vendor.sandbox.set_faults([{"kind": fault, "where": "start", "times": 1}])
        life.failing(start)


def stated() -> Claim:
    """Return what the user says of herself."""
    return Claim(id_type="passport", **CLAIM)


def by_pages(life: Life, anna: Member) -> str:
    """Start through the API, look at every page, and come back from the vendor undecided."""
    vendor = life.vendor
    claim = {**CLAIM, "id_type": "passport"}
    body = {"claim": claim, "consent": {"given": True, "country": "AUT"}}
    broken = {**body, "claim": {**claim, "country": "??", "id_number": "CNRY730194" * 9}}
    assert (
        life.ask("anna", anna, "POST", "/identity/api/verifications", json=broken).status_code
        == 422
    )
    life.ask("anna", anna, "POST", "/identity/", data={**TYPED, **CLAIM, "country": "??"})
    vendor.sandbox.set_faults([{"kind": "5xx", "where": "start", "times": 1}])
    life.ask("anna", anna, "POST", "/identity/api/verifications", json=body)
    vendor.sandbox.clear_faults()
    started = life.ask("anna", anna, "POST", "/identity/api/verifications", json=body)
    assert started.status_code == 201, started.text
    row_id = str(started.get_json()["id"])
    life.canaries["redirect token"] = started.get_json()["redirect_url"].partition("Token=")[2][:60]
    life.ask("anna", anna, "POST", "/identity/", data={**TYPED, **CLAIM, "id_number": "CNRY0"})
    for path in ("", "/continue"):
        life.ask("anna", anna, "GET", f"/identity/verifications/{row_id}{path}")
    for path in ("/identity/", "/identity/api/identity", f"/identity/api/verifications/{row_id}"):
        life.ask("anna", anna, "GET", path)
    with life.host.app.app_context():
        row = life.host.db.session.get_one(Verification, row_id)
        vendor.finish(row, "face-unclear", **PAPER)
        told = vendor.notification(row.vendor_reference)
    life.canaries["callback key"] = told.key
    life.canaries["provider key"] = told.provider_key
    cached = vendor.sandbox.tokens._cached
    if cached is not None:
        life.canaries["OAuth token"] = cached
    for query in ("?transactionStatus=SUCCESS", "?errorCode=9100"):
        life.ask("anna", anna, "GET", f"/identity/return/{row_id}{query}")
    nobody = life.host.app.test_client()
    answer = nobody.get(f"/identity/return/{row_id}")
    life.answers.append(Seen("nobody", "GET", answer.request.path, answer.text))
    return row_id


def callbacks(life: Life, row_id: str) -> None:
    """Broken and good ones arrive while the vendor and the host's own code stumble."""
    host, vendor = life.host, life.vendor
    row = host.db.session.get_one(Verification, row_id)
    told = vendor.notification(row.vendor_reference)
    life.received.append(told.body.decode())
    browser = host.app.test_client()

    def arrive(body: bytes, key: str = told.key) -> None:
        path = f"/identity/callbacks/{told.provider_key}/{key}"
        answer = browser.post(path, data=body, content_type=told.content_type)
        life.answers.append(Seen("vendor", "POST", "/identity/callbacks", answer.text))

    vendor.sandbox.set_faults([{"kind": "5xx"}])
    for body in (told.body[:40], told.body * 2, b"\xff" + told.body):
        arrive(body)
    arrive(told.body, key="x" * 43)
    life.failing(lambda: host.idverify.refresh(row))
    vendor.sandbox.set_faults([{"kind": "truncated", "where": "details"}])
    life.failing(lambda: host.idverify.refresh(row))
    vendor.sandbox.clear_faults()
    arrive(told.body)
    with clock.shifted(hours=1):
        inbox.drain()
    host.db.session.refresh(row)
    assert row.status == "in_review"
    # The host's own code raises in the middle of an approval, with the person's name.
    trouble = host.idverify.start(host.add_user("berta@example.com"), stated(), consent(ip=ADDRESS))
    vendor.finish(trouble, **PAPER)

    @host.idverify.profile_writer
    def write(_identity: Identity) -> None:
        raise RuntimeError(HOSTS_TROUBLE)

    second = vendor.notification(trouble.vendor_reference)
    assert second.arrive()
    inbox.drain()
    host.app.extensions["idverify"].hooks.profile = None
    service.cancel(trouble, admin="7", reason=REASON)


def afterwards(life: Life, anna: Member, admin: Member, row_id: str) -> None:
    """An admin looks and decides, the vendor takes it back, the identity is reset."""
    host, vendor, pages = life.host, life.vendor, "/identity/admin"
    with host.app.app_context():
        identity_id = host.db.session.get_one(Verification, row_id).identity_id
    shown = f"{pages}/verifications/{row_id}"
    every = [f"{pages}/", f"{pages}/providers", f"{pages}/verifications", shown]
    every += [f"{pages}/identities/{identity_id}", "/identity/", "/identity/api/identity"]

    def look() -> None:
        for path in every:
            life.ask("admin", admin, "GET", path)
        for path in ("/identity/", f"/identity/verifications/{row_id}", "/identity/api/identity"):
            life.ask("anna", anna, "GET", path)
        life.ask("anna", anna, "GET", "/members")

    look()
    life.ask("admin", admin, "POST", f"{shown}/approve", data={"reason": " "})
    done = life.ask("admin", admin, "POST", f"{shown}/approve", data={"reason": REASON})
    assert done.status_code == 303
    look()
    life.ask("anna", anna, "POST", "/identity/", data={**TYPED, **CLAIM})
    life.ask("admin", admin, "GET", f"/identity/verifications/{row_id}")
    with host.app.app_context():
        row = host.db.session.get_one(Verification, row_id)
        vendor.reverse(row, "fraud")
        host.idverify.refresh(row)
        host.idverify.lock(host.User.nickname)
        user = anna.row()
        user.nickname = "Canaryvogel"
        life.failing(host.db.session.commit)
    look()
    life.ask("admin", admin, "POST", f"{shown}/reject", data={"reason": REASON})
    life.ask("admin", admin, "POST", f"{shown}/refresh", data={"reason": REASON})
    look()
    reset = f"{pages}/identities/{identity_id}/reset"
    life.ask("admin", admin, "POST", reset, data={"reason": REASON})
    look()


def broken_rows(life: Life) -> None:
    """Somebody with the database's password has moved a ciphertext."""
    host = life.host
    row = host.db.session.scalars(
        select(Verification).where(Verification.claim_sealed.is_not(None))
    ).first()
    assert row is not None
    kept = row.document_sealed
    row.document_sealed = row.claim_sealed
    host.db.session.commit()
    life.failing(lambda: row.document)
    row.document_sealed = kept
    host.db.session.commit()


def written(records: list[logging.LogRecord]) -> list[str]:
    """Return every record as a handler could write it, ours and our libraries'."""
    formatter = logging.Formatter()
    found = []
    for record in records:
        # The sandbox plays the vendor in this process; what its server logs is the vendor's.
        if record.name.startswith("werkzeug") or "sandbox" in str(record.threadName).lower():
            continue
        told = formatter.formatException(record.exc_info) if record.exc_info else ""
        lines = [line for line in told.splitlines() if not line.startswith("    ")]
        found.append(f"{record.name} {record.getMessage()} {record.args!r} {lines}")
    return found
