"""Keys rotate under a working app: no request fails, a kill costs nothing, all ends on the new key.

The app serves real HTTP, the rotation is ``flask idverify rotate-keys`` in a process of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from flask_idverify import audit, clock, runtime
from flask_idverify.audit_chain import seal_head
from flask_idverify.claims import Claim, Document
from flask_idverify.encryption import Keyring, parse_keys
from flask_idverify.errors import DecryptionFailed
from flask_idverify.models import AuditHead, Identity, Verification
from flask_idverify.service.approval import papers_of
from flask_idverify.states import Standing
from tests.figures import tell
from tests.hosts import Host, lena, make_host, served
from tests.security.rotating_app import NEW, OLD, OWN, settings
from tests.vendor import Vendor

POSTGRESQL = os.environ.get(
    "IDVERIFY_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
)
ROOT = Path(__file__).parent.parent.parent
#: Identities that are not verified yet; their users come while keys rotate.
COMING = 1500
_ROWS = 5000
#: Seconds; much longer than anything here takes on a busy machine.
PATIENCE = 900


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database that several processes may use; gone afterwards."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/host.db"
        return
    name = f"idverify_rotation_{os.getpid()}"
    engine = create_engine(POSTGRESQL, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as error:
        pytest.skip(f"PostgreSQL does not answer at {engine.url}: {type(error.orig).__name__}")
    yield engine.url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def _table(model: Any) -> Any:
    return model.__table__


def claim_of(number: int) -> Claim:
    return lena(id_number=f"U{number:07d}")


def fill(host: Host, count: int) -> None:
    """Store users and identities as years of work under the old keys would have left them."""
    old = Keyring(parse_keys([OLD], "IDVERIFY_ENCRYPTION_KEYS"))
    macs, former = runtime.current().audit_macs, runtime.current().fingerprint_macs
    f1 = former.ids[1]
    now, session = clock.now() - timedelta(days=1), host.db.session
    for start in range(1, count + 1, _ROWS):
        users, rows, heads = [], [], []
        for number in range(start, min(start + _ROWS, count + 1)):
            row = Identity(user_id=str(number), subject=str(uuid.uuid4()))
            claim = claim_of(number)
            document = Document(
                type="passport",
                country="AUT",
                number=claim.id_number,
                first_name="Lena Marie",
                last_name="Gruber",
            )
            verified = number > COMING
            papers = papers_of(document)
            assert papers is not None
            rows.append(
                {
                    "id": row.id,
                    "user_id": row.user_id,
                    "subject": row.subject,
                    "standing": Standing.verified if verified else Standing.unverified,
                    "claim_sealed": old.seal(
                        Identity.claim._dump(claim), Identity.claim.context(row)
                    ),
                    "document_sealed": old.seal(
                        Identity.document._dump(document), Identity.document.context(row)
                    )
                    if verified
                    else None,
                    "number_fingerprint": f"{f1}:{former.mac(papers, f1)}" if verified else None,
                    "verified_at": now if verified else None,
                    "created_at": now,
                    "updated_at": now,
                }
            )
            users.append({"id": number, "email": f"{number}@example.com", "is_admin": False})
            held = seal_head(macs, row.subject, 0, "")
            heads.append({"id": row.subject, "sequence": 0, "mac": held})
        session.execute(insert(host.User), users[: max(0, COMING - start + 1)] or users[:1])
        session.execute(insert(_table(Identity)), rows)
        session.execute(insert(_table(AuditHead)), heads)
        session.commit()


class Crowd:
    """Users who verify themselves over HTTP, one after another, until told to stop."""

    def __init__(self, host: Host, base: str, vendor: Vendor) -> None:
        self._host, self._base, self._vendor = host, base, vendor
        self._numbers = iter(range(1, COMING + 1))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.answers: Counter[int] = Counter()
        self.failures: list[str] = []
        self.slowest = 0.0
        self.verified: list[int] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            try:
                self._verify(number)
            except Exception as error:  # noqa: BLE001 - handed to the test
                self.failures.append(f"user {number}: {type(error).__name__}: {error}")

    def _verify(self, number: int) -> None:
        with requests.Session() as browser:
            self._ask(browser, "GET", f"/login/{number}")
            found = self._ask(browser, "GET", "/identity/api/identity").json()
            started = self._ask(
                browser,
                "POST",
                "/identity/api/verifications",
                json={
                    "claim": {**claim_of(number).to_dict()},
                    "consent": {"given": True, "country": "AUT"},
                },
                headers={"X-CSRFToken": found["csrf_token"]},
            ).json()
            with self._host.app.app_context():
                row = self._host.db.session.get(Verification, started["id"])
                assert row is not None
                self._vendor.finish(row, number=claim_of(number).id_number)
            # The browser's way back makes the app ask the vendor.
            self._ask(browser, "GET", f"/identity/return/{started['id']}")
            answer = self._ask(browser, "GET", f"/identity/api/verifications/{started['id']}")
            assert answer.json()["status"] == "approved", answer.text
            self._ask(browser, "GET", "/members")
        self.verified.append(number)

    def _ask(self, browser: requests.Session, method: str, path: str, **values: Any) -> Any:
        began = time.monotonic()
        answer = browser.request(
            method, f"{self._base}{path}", timeout=60, allow_redirects=False, **values
        )
        with self._lock:
            self.answers[answer.status_code] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
        if answer.status_code >= 400:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer


@contextmanager
def rotation(uri: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``flask idverify rotate-keys``; it does not outlive the block."""
    command = [sys.executable, "-m", "flask", "--app", "tests.security.rotating_app", "idverify"]
    with subprocess.Popen(
        [*command, "rotate-keys", *words],
        cwd=ROOT,
        env={**os.environ, "ROTATING_URI": uri},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def on_new_key(host: Host) -> int:
    """Return how many claims the new key holds by now."""
    column = Identity.__table__.c.claim_sealed
    with host.app.app_context(), host.db.engine.connect() as connection:
        asked = select(func.count()).where(func.substr(column, 1, 4) == "new:")
        return int(connection.execute(asked).scalar_one())


def killed_midway(host: Host, uri: str, count: int) -> int:
    """Start a rotation and kill it while it writes; return how many rows it had done."""
    before, deadline = on_new_key(host), time.monotonic() + PATIENCE
    with rotation(uri, "--batch", str(max(50, count // 200))) as process:
        while on_new_key(host) < before + count // 5:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the rotation does not get on"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    return on_new_key(host)


def test_rotation_under_load(uri: str, vendor: Vendor, volume: Callable[[int, int], int]) -> None:
    count = volume(2_000, 100_000)
    host = make_host(csrf=False, **settings(uri, NEW, OLD))
    with host.app.app_context():
        host.add_provider(vendor.url)
        began = time.monotonic()
        fill(host, count)
    filled = time.monotonic() - began
    with served(host.app) as base, Crowd(host, base, vendor) as crowd:
        done = killed_midway(host, uri, count)
        assert done < count, "it was killed too late to show anything"
        began = time.monotonic()
        with rotation(uri) as process:
            output = process.communicate(timeout=PATIENCE)[0]
        took = time.monotonic() - began
        assert process.returncode == 0, output
    tell(
        f"{uri.partition(':')[0]}: {count} identities stored in {filled:.1f} s, killed after "
        f"{done}, the rest rotated in {took:.1f} s; meanwhile {sum(crowd.answers.values())} "
        f"requests, {len(crowd.failures)} failed, slowest {crowd.slowest:.2f} s, "
        f"{len(crowd.verified)} users verified"
    )
    assert not crowd.failures, crowd.failures[:3]
    assert crowd.verified, "nobody came while keys rotated"
    assert all(200 <= status < 400 for status in crowd.answers)
    with rotation(uri, "--status") as status:
        told = status.communicate(timeout=PATIENCE)[0]
    assert status.returncode == 0, told
    # Words may stand between a place and its key.
    rows = [line.split() for line in told.splitlines() if line.startswith("idverify_")]
    places = [[row[0], *row[-2:]] for row in rows]
    assert {key for place, key, _ in places if place.endswith("_sealed")} == {"new"}
    assert ["idverify_identity.claim_sealed", "new", str(count)] in places
    assert {key for place, key, _ in places if "fingerprint" in place} == {"f2"}
    assert "IDVERIFY_ENCRYPTION_KEYS: old can be dropped" in told
    assert "IDVERIFY_FINGERPRINT_KEYS: f1 can be dropped" in told
    _all_holds_without_the_old_keys(uri, count, set(crowd.verified))


def _all_holds_without_the_old_keys(uri: str, count: int, verified: set[int]) -> None:
    config = settings(uri, NEW) | {
        "IDVERIFY_FINGERPRINT_KEYS": OWN["IDVERIFY_FINGERPRINT_KEYS"][:1]
    }
    host = make_host(tables=False, **config)
    with host.app.app_context():
        session = host.db.session
        seen = 0
        for row in session.scalars(select(Identity).execution_options(yield_per=1000)):
            number = int(row.user_id)
            assert row.claim == claim_of(number)
            if number > COMING:
                assert row.document is not None
                assert row.document.number == claim_of(number).id_number
                assert row.updated_at == row.created_at, "rotation is no change of the identity"
            elif number in verified:
                assert row.is_verified
            seen += 1
        assert seen == count
        problems: list[Exception] = []
        assert audit.verify_all(session, problems.append).chains >= count
        assert not problems
        here, there = session.scalars(select(Identity).where(Identity.user_id.in_(["1", "2"])))
        moved = here.claim_sealed
        session.rollback()
        with host.db.engine.begin() as connection:  # raw, as somebody with the password would
            connection.execute(
                text("UPDATE idverify_identity SET claim_sealed = :moved WHERE id = :id"),
                {"moved": moved, "id": there.id},
            )
        session.expire_all()
        with pytest.raises(DecryptionFailed):
            _ = there.claim
        session.remove()
