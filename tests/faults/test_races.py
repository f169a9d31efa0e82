"""Many at once, on each engine with its default settings: one wins, nothing is done twice.

Each test prints how many contenders really overlapped, and fails when none did.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, insert, select

from flask_idverify import audit, clock, inbox
from flask_idverify.models import AuditEntry, CallbackRow, OutboxRow, Verification
from flask_idverify.sandbox import SandboxServer
from flask_idverify.service.owed import owe_vendor_erasure
from flask_idverify.states import Status
from tests.faults.overlap import Overlap, measured
from tests.faults.races import ENGINES, Troubles, crowd, database
from tests.figures import tell
from tests.hosts import Host, consent, lena, make_host, served
from tests.vendor import Vendor
from tests.web.people import TYPED

ROOT = Path(__file__).parent.parent.parent
MANY = 50
WORKERS = 8
Volume = Callable[[int, int], int]


@pytest.fixture(params=ENGINES)
def engine_host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """A host on an empty database of each engine."""
    with database(request.param, tmp_path) as url:
        host = make_host(SQLALCHEMY_DATABASE_URI=url)
        host.app.config["ENGINE"] = request.param
        yield host
        with host.app.app_context():
            host.db.session.remove()
            host.db.engine.dispose()


def rows(host: Host) -> list[Verification]:
    host.db.session.rollback()
    return list(host.db.session.scalars(select(Verification)))


def moves(host: Host) -> Counter[tuple[str, str]]:
    """Count the audited transitions by verification and target."""
    host.db.session.rollback()
    entries = host.db.session.scalars(
        select(AuditEntry).where(AuditEntry.action.startswith("verification."))
    )
    return Counter(
        (entry.facts["verification"], entry.action.partition(".")[2]) for entry in entries
    )


def require_whole_log(host: Host) -> None:
    broken: list[Exception] = []
    tally = audit.verify_all(host.db.session, broken.append)
    assert not broken
    assert tally.entries


def require_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing may have gone wrong in a corner that no answer tells of."""
    found = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR or "idverify" in record.name
    ]
    assert not found


def test_fifty_simultaneous_starts_make_one_attempt_and_one_vendor_call(
    engine_host: Host, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    """Forms and programs in turn; each of the fifty is led to that one attempt."""
    host = engine_host
    with host.app.app_context():
        host.add_provider(vendor.url)
        user_id = host.add_user("lena@example.com").id
    troubles = Troubles(host)
    browser = requests.Session()
    with served(host.app) as url, measured(host.app) as inside:
        browser.get(f"{url}/login/{user_id}", timeout=30)
        token = browser.get(f"{url}/identity/api/identity", timeout=30).json()["csrf_token"]
        body = {
            "claim": lena().to_dict(),
            "consent": {"given": True, "country": "AUT"},
        }

        def start(number: int) -> requests.Response:
            if number % 2:
                return requests.post(
                    f"{url}/identity/",
                    data={"csrf_token": token, **TYPED},
                    cookies=browser.cookies,
                    allow_redirects=False,
                    timeout=120,
                )
            return requests.post(
                f"{url}/identity/api/verifications",
                json=body,
                headers={"X-CSRFToken": token},
                cookies=browser.cookies,
                timeout=120,
            )

        found = crowd(MANY, start)
        onward = browser.get(f"{url}{found[1].headers['Location']}", timeout=30).text
    answers = Counter(answer.status_code for answer in found)
    inside.report(f"starts on {host.app.config['ENGINE']} {dict(answers)}")
    troubles.report()
    require_quiet(caplog)
    # 200 and 201: here it is; 202: another request is starting it, ask once more.
    assert {answer.status_code for answer in found[0::2]} <= {200, 201, 202}
    assert {answer.status_code for answer in found[1::2]} == {303}
    assert answers[201] <= 1
    with host.app.app_context():
        (row,) = rows(host)
        assert row.status is Status.started
        assert row.redirect_url
        assert {answer.json()["id"] for answer in found[0::2]} == {row.id}
        links = {answer.json()["redirect_url"] for answer in found[0::2]}
        assert links <= {row.redirect_url, None}
        leads = {answer.headers["Location"] for answer in found[1::2]}
        assert leads == {f"/identity/verifications/{row.id}/continue"}
        assert row.redirect_url in unescape(onward)
        assert moves(host) == {(row.id, "created"): 1, (row.id, "started"): 1}
        require_whole_log(host)
    assert len(vendor.asked("start")) == 1


def test_fifty_simultaneous_deliveries_of_a_callback_make_one_row_and_one_transition(
    engine_host: Host, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    host = engine_host
    with host.app.app_context():
        host.add_provider(vendor.url)
        row = host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
        vendor.finish(row)
        told = vendor.notification(row.vendor_reference)
    troubles = Troubles(host)
    with served(host.app) as url, measured(host.app) as inside:

        def deliver(_: int) -> int:
            return requests.post(
                f"{url}/identity/callbacks/{told.provider_key}/{told.key}",
                data=told.body,
                headers={"Content-Type": told.content_type},
                timeout=120,
            ).status_code

        answers = Counter(crowd(MANY, deliver))
    inside.report(f"callbacks on {host.app.config['ENGINE']}")
    troubles.report()
    require_quiet(caplog)
    assert answers == {200: MANY}
    with host.app.app_context():
        with clock.shifted(seconds=60):
            inbox.drain()
        (kept,) = host.db.session.scalars(select(CallbackRow))
        assert kept.processed_at is not None
        (row,) = rows(host)
        assert row.status is Status.approved
        assert moves(host)[row.id, "approved"] == 1
        verified = select(AuditEntry).where(AuditEntry.action == "identity.verified")
        assert len(host.db.session.scalars(verified).all()) == 1
        require_whole_log(host)


@dataclass(frozen=True)
class Owed:
    """A database full of owed rows, to be put into each engine, and the vendor they concern.

    :ivar kinds: what is owed, by the vendor's reference.
    """

    server: SandboxServer
    vendor: Vendor
    kinds: dict[str, str]
    contents: dict[str, list[dict[str, Any]]]

    def pour_into(self, host: Host) -> None:
        """Fill the host's empty database."""
        with host.db.engine.begin() as connection:
            for table in host.db.metadata.sorted_tables:
                if self.contents[table.name]:
                    connection.execute(insert(table), self.contents[table.name])


@pytest.fixture(scope="module")
def owed(volume: Volume) -> Iterator[Owed]:
    """Attempts that owe something: a callback, a poll, or a deletion at the vendor."""
    with SandboxServer(allow_local_urls=True, processing_seconds=0.0) as server:
        vendor = Vendor(server)
        vendor.reset()
        host = make_host(SQLALCHEMY_DATABASE_URI="sqlite://")
        with host.app.app_context():
            host.add_provider(vendor.url)
            kinds = dict(owe(host, vendor, number) for number in range(volume(100, 1000)))
            contents = {
                table.name: [dict(row) for row in host.db.session.execute(select(table)).mappings()]
                for table in host.db.metadata.sorted_tables
            }
        # A vendor that takes a moment, as they do: work is in hand while others look for some.
        vendor.sandbox.set_defaults(latency=0.02)
        yield Owed(server, vendor, kinds, contents)


def owe(host: Host, vendor: Vendor, number: int) -> tuple[str, str]:
    """Let one attempt owe something; return the vendor's reference and what it is."""
    kind = ("callback", "callback", "poll", "poll", "erase")[number % 5]
    user = host.add_user(f"{number}@example.com")
    row = host.idverify.start(user, lena(id_number=f"U{number}"), consent())
    vendor.finish(row, number=f"U{number}")
    reference = row.vendor_reference
    assert reference
    if kind == "callback":
        assert vendor.notification(reference).arrive()
    elif kind == "poll":
        row.next_poll_at = clock.now()
    else:
        owe_vendor_erasure(
            host.db.session,
            subject=row.identity.subject,
            provider_id=row.provider_id,
            vendor_reference=reference,
        )
    host.db.session.commit()
    return reference, kind


def drained_by(count: int, url: str) -> list[dict[str, Any]]:
    """Let *count* processes drain at one moment; return what each says of it."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.worker", url, str(count)],
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        timeout=1000,
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


def asked_of(owed: Owed, where: str) -> Counter[str]:
    """Count the requests about each reference."""
    paths = [entry["path"] for entry in owed.vendor.asked(where)]
    return Counter(part for path in paths for part in path.split("/") if part in owed.kinds)


def test_eight_workers_do_each_of_a_thousand_owed_rows_once(engine_host: Host, owed: Owed) -> None:
    host, name, count = engine_host, engine_host.app.config["ENGINE"], len(owed.kinds)
    with host.app.app_context():
        owed.pour_into(host)
        url = host.db.engine.url.render_as_string(hide_password=False)
        host.db.engine.dispose()
    owed.vendor.sandbox.clear_journal()
    with measured(owed.server.app) as at_vendor:
        found = drained_by(WORKERS, url)
    together = Overlap()
    for each in found:
        together.add(*each["span"])
    shares = [each["done"] for each in found]
    together.report(f"workers on {name}, {count} rows, shares {shares}")
    at_vendor.report(f"their requests to the vendor on {name}")
    refused = [line for each in found for line in each["met"]]
    tell(f"refused by the database and repeated: {refused}")
    assert [each["raised"] for each in found if each["raised"]] == []
    assert sum(shares) == count
    assert min(shares) > 0, "one of them had nothing to do"
    # Each once: what the database refuses for a moment is repeated without asking anew.
    assert asked_of(owed, "status") + asked_of(owed, "erase") == dict.fromkeys(owed.kinds, 1)
    with host.app.app_context():
        made = moves(host)
        for row in rows(host):
            kind = owed.kinds[str(row.vendor_reference)]
            assert row.status is (Status.started if kind == "erase" else Status.approved), kind
            assert made[row.id, "approved"] == (kind != "erase")
        assert not host.db.session.scalars(select(OutboxRow)).all()
        assert not waiting(host)
        require_whole_log(host)


def waiting(host: Host) -> int:
    """Count the callbacks that nobody has processed."""
    count = select(func.count()).where(CallbackRow.processed_at.is_(None))
    return host.db.session.scalar(count) or 0
