"""Pictures at the vendor: fetched for an admin who asks, audited first, never kept."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect, select, text, update

from flask_idverify import audit, clock, service
from flask_idverify.errors import (
    NotFound,
    PendingChanges,
    ProviderUnusable,
    ReasonMissing,
    VendorError,
    VendorProtocolError,
    VendorRecordMissing,
    VendorRejectedRequest,
    VendorUnavailable,
)
from flask_idverify.models import AuditEntry, Base, Verification
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, Vendor

pytestmark = pytest.mark.usefixtures("app_context")
BOTH = pytest.mark.parametrize("kind", GENERATIONS)
JPEG = b"\xff\xd8\xff"


def _attempt(host: Host, vendor: Vendor, kind: str, scenario: str | None = "approve") -> Any:
    host.add_provider(vendor.url, kind)
    row = host.idverify.start(host.add_user("one@example.com"), lena(), consent())
    if scenario is not None:
        vendor.finish(row, scenario)
        host.idverify.refresh(row)
    return row


def _looks(host: Host) -> list[AuditEntry]:
    return list(
        host.db.session.scalars(
            select(AuditEntry)
            .where(AuditEntry.action == "verification.image_viewed")
            .order_by(AuditEntry.sequence)
        )
    )


@BOTH
def test_an_admin_sees_what_the_vendor_has_and_each_look_is_audited(
    host: Host, vendor: Vendor, kind: str
) -> None:
    row = _attempt(host, vendor, kind)
    assert service.image_names(row) == ("front", "face")
    assert _looks(host) == []
    found = service.image(row, "front", admin="7")
    assert (found.content_type, found.body[:3]) == ("image/jpeg", JPEG)
    assert service.image(row, "face", admin="8").content_type == "image/png"
    first, second = _looks(host)
    assert first.subject == row.identity.subject
    assert (first.actor, first.facts) == ("admin:7", {"verification": row.id, "image": "front"})
    assert (second.actor, second.facts["image"]) == ("admin:8", "face")
    assert audit.verify(host.db.session, row.identity.subject) >= 2


@BOTH
def test_a_look_that_cannot_be_committed_shows_nothing(
    host: Host, vendor: Vendor, kind: str
) -> None:
    row = _attempt(host, vendor, kind)
    commits: list[int] = []

    def fails_after_the_vendor_was_asked(_: Any) -> None:
        commits.append(len(vendor.asked("image")))
        if commits[-1]:
            raise RuntimeError("the disk is full")

    session = host.db.session()
    event.listen(session, "before_commit", fails_after_the_vendor_was_asked)
    try:
        with pytest.raises(RuntimeError, match="disk"):
            service.image(row, "front", admin="7")
    finally:
        event.remove(session, "before_commit", fails_after_the_vendor_was_asked)
    host.db.session.rollback()
    assert commits == [0, 1, 1]  # before; the count of the call; the look
    assert _looks(host) == []


@BOTH
def test_no_transaction_is_open_while_the_vendor_is_asked(
    host: Host, vendor: Vendor, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _attempt(host, vendor, kind)
    adapter: Any = host.app.extensions["idverify"].vendors.adapter(row.provider)
    open_during: list[bool] = []
    real = adapter.http.call

    def watched(*args: Any, **options: Any) -> Any:
        open_during.append(host.db.session().in_transaction())
        return real(*args, **options)

    monkeypatch.setattr(adapter.http, "call", watched)
    service.image_names(row)
    service.image(row, "front", admin="7")
    assert open_during
    assert not any(open_during)


@BOTH
def test_an_erasure_while_the_vendor_answers_wins(
    host: Host, vendor: Vendor, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _attempt(host, vendor, kind)
    row_id = row.id
    adapter: Any = host.app.extensions["idverify"].vendors.adapter(row.provider)
    real = adapter.http.call

    def meanwhile(*args: Any, **options: Any) -> Any:
        erased = update(Verification).where(Verification.id == row_id).values(erased_at=clock.now())
        with host.db.engine.begin() as connection:
            connection.execute(erased)
        return real(*args, **options)

    monkeypatch.setattr(adapter.http, "call", meanwhile)
    with pytest.raises(NotFound, match="erased"):
        service.image(row, "front", admin="7")
    assert vendor.asked("image")
    assert _looks(host) == []


@BOTH
def test_nothing_of_a_picture_is_stored(host: Host, vendor: Vendor, kind: str) -> None:
    row = _attempt(host, vendor, kind)
    body = service.image(row, "face", admin="7").body
    host.db.session.commit()
    for table in Base.metadata.sorted_tables:
        for stored in host.db.session.execute(text(f"SELECT * FROM {table.name}")):
            for value in stored:
                raw = value if isinstance(value, bytes) else str(value).encode()
                assert body[:16] not in raw
                assert base64.b64encode(body[:15]) not in raw
    assert not [name for name in inspect(Verification).columns.keys() if "image" in name]  # noqa: SIM118 - keys of a collection


@BOTH
def test_an_attempt_that_cannot_have_pictures_is_refused_clearly(
    host: Host, vendor: Vendor, kind: str
) -> None:
    row = _attempt(host, vendor, kind)
    asked = len(vendor.asked())
    row.erased_at = clock.now()
    host.db.session.commit()
    for ask in (service.image_names, lambda of: service.image(of, "front", admin="7")):
        with pytest.raises(NotFound, match="erased"):
            ask(row)
    row.erased_at, row.vendor_reference = None, None
    host.db.session.commit()
    for ask in (service.image_names, lambda of: service.image(of, "front", admin="7")):
        with pytest.raises(NotFound, match="never opened"):
            ask(row)
    assert len(vendor.asked()) == asked
    assert _looks(host) == []


@BOTH
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("not_found", VendorRecordMissing),
        ("5xx", VendorUnavailable),
        ("redirect", VendorProtocolError),
        ("html", VendorProtocolError),
        ("empty", VendorProtocolError),
    ],
)
def test_a_vendor_in_trouble_is_told_once_and_nobody_has_seen_anything(
    host: Host, vendor: Vendor, kind: str, fault: str, error: type[VendorError]
) -> None:
    row = _attempt(host, vendor, kind)
    vendor.sandbox.add_fault(fault, where="image", times=1)
    asked = len(vendor.asked("image"))
    with pytest.raises(error):
        service.image(row, "front", admin="7")
    assert len(vendor.asked("image")) == asked + 1, "somebody waits for a page"
    assert _looks(host) == []
    assert service.image(row, "front", admin="7").body.startswith(JPEG)


@BOTH
def test_what_the_vendor_has_deleted_is_a_missing_record(
    host: Host, vendor: Vendor, kind: str
) -> None:
    row = _attempt(host, vendor, kind)
    vendor.sandbox.wipe(row.vendor_reference, gone=True)
    for ask in (service.image_names, lambda of: service.image(of, "front", admin="7")):
        with pytest.raises(VendorRecordMissing):
            ask(row)
    assert row.status == "approved", "a look decides nothing"


@BOTH
@pytest.mark.parametrize("name", ["", "../data", "FRONT", "facemap", "liveness_7", "front/x"])
def test_a_name_out_of_the_air_asks_for_nothing(
    host: Host, vendor: Vendor, kind: str, name: str
) -> None:
    row = _attempt(host, vendor, kind)
    with pytest.raises(VendorRejectedRequest):
        service.image(row, name, admin="7")
    assert vendor.asked("image") == []
    assert _looks(host) == []


def test_nobody_looks_without_a_name(host: Host, vendor: Vendor) -> None:
    row = _attempt(host, vendor, GENERATIONS[0])
    with pytest.raises(ReasonMissing):
        service.image(row, "front", admin=" ")
    assert vendor.asked("image") == []


def test_a_hosts_unfinished_work_is_not_committed_by_a_look(host: Host, vendor: Vendor) -> None:
    row = _attempt(host, vendor, GENERATIONS[0])
    host.db.session.add(host.User(email="half@example.com"))
    for ask in (service.image_names, lambda of: service.image(of, "front", admin="7")):
        with pytest.raises(PendingChanges):
            ask(row)


def test_an_endpoint_that_is_no_longer_admitted_is_not_asked_for_pictures(
    host: Host, vendor: Vendor
) -> None:
    row = _attempt(host, vendor, GENERATIONS[0])
    row.provider.endpoint = "https://evil.example"
    host.db.session.commit()
    asked = len(vendor.asked())
    for ask in (service.image_names, lambda of: service.image(of, "front", admin="7")):
        with pytest.raises(ProviderUnusable):
            ask(row)
    assert len(vendor.asked()) == asked


def test_pictures_are_fetched_in_one_place_only() -> None:
    package = Path(service.__file__).parent.parent
    callers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "sandbox" not in path.parts and re.search(r"adapter\.images?\(", path.read_text())
    }
    assert callers == {"service/images.py"}
