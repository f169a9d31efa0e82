"""Canaries planted in a whole life at DEBUG level turn up nowhere but where they belong."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flask_idverify import clock, inbox, service
from flask_idverify.errors import IDVerifyError
from flask_idverify.models import CallbackRow, Identity, Provider, Verification
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import GENERATIONS, Vendor

KEY = "q3ZkXo0m6l0bC1Yw2vHq0m8h5d7s9a1f3g5h7j9k1l0"
NOTE = "Canary-Note"
#: Personal data and secrets of the life below, as they could be written anywhere.
PERSONAL = ["U7301945", "Lena", "LENA", "Gruber", "GRUBER", "203.0.113.24", NOTE]
SECRETS = ["sandbox-secret", KEY, "authorizationToken", "eyJhbGciOi"]


class Life:
    """One host on a database file, with everything that it logged and raised."""

    def __init__(self, host: Host, path: Path) -> None:
        self.host = host
        self.path = path
        self.errors: list[str] = []
        self.links: list[str] = []
        self.records: list[logging.LogRecord] = []

    def failing(self, act: Callable[[], Any]) -> None:
        """Do what has to fail, and keep the whole traceback with its context."""
        try:
            act()
        except IDVerifyError as error:
            self.errors.append("".join(traceback.format_exception(error)))
            self.errors.append(repr(error) + repr(error.args) + repr(vars(error)))
            self.host.db.session.rollback()
        else:
            raise AssertionError("did not fail")

    def bytes(self) -> bytes:
        """Return the database as it lies on the disk."""
        return b"".join(item.read_bytes() for item in self.path.parent.glob("host.db*"))


@pytest.fixture(params=GENERATIONS)
def life(
    request: pytest.FixtureRequest,
    vendor: Vendor,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Life]:
    """Live a whole life: failures, forged and broken callbacks, review, approval, reversal."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    caplog.set_level(logging.WARNING, "sqlalchemy")  # its own echo is the host's to switch on
    caplog.set_level(logging.DEBUG)
    host = make_host(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.db", IDVERIFY_ENCRYPTION_KEYS=[KEY]
    )
    found = Life(host, tmp_path / "host.db")
    with host.app.app_context():
        _live(found, vendor, request.param)
        found.records = list(caplog.records)
        yield found
        host.db.session.remove()
        host.db.engine.dispose()


def _live(life: Life, vendor: Vendor, kind: str) -> None:
    host = life.host
    host.add_provider(vendor.url, kind)
    user = host.add_user("member-one@example.com")
    vendor.sandbox.set_faults([{"kind": "403", "where": "start", "times": 1}])
    life.failing(lambda: host.idverify.start(user, lena(), consent()))
    vendor.sandbox.set_faults([{"kind": "malformed_json", "where": "start", "times": 1}])
    life.failing(lambda: host.idverify.start(user, lena(), consent()))
    row = host.idverify.start(user, lena(), consent())
    life.links.append(row.redirect_url or "")
    life.failing(lambda: host.idverify.start(user, lena(id_number="U730194599"), consent()))
    vendor.finish(row, "face-unclear")
    told = vendor.notification(row.vendor_reference)
    for body in (told.body[:40], told.body * 2, b"\xff", told.body):
        assert told.arrive(body=body)
    vendor.sandbox.set_faults([{"kind": "5xx"}])
    inbox.drain()
    life.failing(lambda: host.idverify.refresh(row))
    vendor.sandbox.set_faults([{"kind": "truncated", "where": "details"}])
    life.failing(lambda: host.idverify.refresh(row))
    vendor.sandbox.clear_faults()
    with clock.shifted(hours=1):
        inbox.drain()
    host.db.session.refresh(row)
    assert row.status == "in_review"
    life.failing(lambda: service.decide(row, "approved", admin="7", reason=" "))
    service.decide(row, "approved", admin="7", reason=NOTE)
    life.failing(lambda: host.idverify.start(user, lena(), consent()))
    known = host.db.session.query(Identity).one()
    host.idverify.lock(host.User.nickname)
    user.nickname = "Gruber"
    life.failing(host.db.session.commit)
    vendor.reverse(row, "fraud")
    host.idverify.refresh(row)
    sealed, known_id = known.claim_sealed, known.id
    host.db.session.execute(
        text("UPDATE idverify_identity SET document_sealed = :sealed"), {"sealed": sealed}
    )
    host.db.session.commit()
    life.failing(lambda: host.db.session.get_one(Identity, known_id).document)


def test_control_canaries_are_there_when_they_are_opened(life: Life) -> None:
    session = life.host.db.session
    row = session.query(Verification).filter_by(status="approved").one()
    assert row.claim == lena()
    assert row.document is not None
    assert row.document.number == "U7301945"
    assert row.consent is not None
    assert row.consent.ip == "203.0.113.24"
    assert row.note == NOTE
    assert session.query(Provider).one().client_secret == "sandbox-secret"
    assert session.query(CallbackRow).count() == 4
    assert "authorizationToken" in life.links[0]
    assert len(life.errors) >= 14


def test_nothing_of_them_is_in_the_logs(life: Life) -> None:
    assert len(life.records) > 10
    written = "\n".join(
        f"{record.getMessage()} {record.exc_text or ''} {record.args!r}"
        for record in life.records
        if not record.name.startswith(("werkzeug", "asyncio"))
    )
    for canary in [*PERSONAL, *SECRETS, life.links[0]]:
        assert canary not in written


def test_nothing_of_them_is_in_exceptions(life: Life) -> None:
    told = "\n".join(life.errors)
    source = {canary for canary in PERSONAL if canary in Path(__file__).read_text()}
    for canary in [*PERSONAL, *SECRETS]:
        lines = [line for line in told.splitlines() if canary in line]
        # A traceback shows lines of this very file, where the canaries stand as source.
        ours = [line for line in lines if not line.startswith("    ")]
        assert ours == [], source


def test_nothing_of_them_is_in_the_database_as_plain_bytes(life: Life) -> None:
    stored = life.bytes()
    assert b"member-one@example.com" in stored  # the host's own column: the search does find
    for canary in [*PERSONAL, *SECRETS]:
        assert canary.encode() not in stored
        assert canary.encode("utf-16-le") not in stored


def test_nothing_of_them_is_in_any_repr(life: Life) -> None:
    session = life.host.db.session
    shown = repr(
        [
            *(session.query(Verification).all()),
            *(session.query(Identity).all()),
            *(session.query(Provider).all()),
            *(session.query(CallbackRow).all()),
            *(row.claim for row in session.query(Verification)),
            *(row.document for row in session.query(Verification)),
            *(row.consent for row in session.query(Verification)),
            life.host.app.extensions["idverify"],
        ]
    )
    for canary in [*PERSONAL, *SECRETS]:
        assert canary not in shown
