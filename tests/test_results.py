"""Only what we fetched from the vendor decides, and each decision is written once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import clock, inbox, service
from flask_idverify.errors import (
    TransitionRefused,
    VendorProtocolError,
    VendorRecordMissing,
    VendorRefused,
    VendorUnavailable,
)
from flask_idverify.models import Identity, Verification
from flask_idverify.signals import identity_verified, verification_updated
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor, status, steps, together

pytestmark = pytest.mark.usefixtures("app_context")


def begin(host: Host, vendor: Vendor, kind: str = V4, **values: Any) -> Verification:
    """Add a provider and a user, and start."""
    host.add_provider(vendor.url, kind, **values)
    return host.idverify.start(host.add_user("lena@example.com"), lena(), consent())


def identity(host: Host) -> Identity:
    return host.db.session.scalars(select(Identity)).one()


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_fetched_approval_verifies_and_locks(host: Host, vendor: Vendor, kind: str) -> None:
    row = begin(host, vendor, kind)
    assert identity(host).standing is Standing.pending
    vendor.finish(row)
    host.idverify.refresh(row)
    assert (row.status, row.reasons, row.reason) == (Status.approved, [], None)
    known = identity(host)
    assert known.is_verified
    assert known.verification_id == row.id
    assert known.claim == lena()
    assert known.document is not None
    assert known.document.number == "U7301945"
    assert known.expires_at is not None
    assert known.expires_at > clock.now()
    assert row.active_key is None
    assert row.redirect_url is None
    assert row.finished_at is not None


@pytest.mark.parametrize("kind", GENERATIONS)
def test_return_url_decides_nothing(host: Host, vendor: Vendor, kind: str) -> None:
    row = begin(host, vendor, kind)
    query = "?transactionStatus=SUCCESS&acquisitionStatus=SUCCESS&errorCode=9835"
    answer = host.app.test_client().get(f"/identity/return/{row.id}{query}")
    assert answer.status_code < 400
    service.note_return(row)
    assert status(host, row) is Status.started
    assert row.returned_at is not None
    assert not identity(host).is_verified


def test_ten_workers_at_once_apply_one_result(file_host: Host, vendor: Vendor) -> None:
    told: list[str] = []

    def hear(app: Any, **rows: Any) -> None:
        told.append("identity" if "identity" in rows else str(rows["verification"].status))

    with file_host.app.app_context():
        row = begin(file_host, vendor)
        vendor.finish(row)
        identifier = row.id
    with (
        identity_verified.connected_to(hear, file_host.app),
        verification_updated.connected_to(hear, file_host.app),
    ):
        results = together(
            file_host,
            10,
            lambda _: str(
                host_refresh(file_host, identifier).status,
            ),
        )
    assert results == ["approved"] * 10
    assert sorted(told) == ["approved", "identity"]
    with file_host.app.app_context():
        assert steps(file_host).count("verification.approved") == 1
        assert steps(file_host).count("identity.verified") == 1
    assert len(vendor.asked("details")) == 10


def host_refresh(host: Host, identifier: str) -> Verification:
    row = host.db.session.get(Verification, identifier)
    assert row is not None
    return host.idverify.refresh(row)


def test_a_second_fetch_of_a_decision_writes_nothing(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row)
    host.idverify.refresh(row)
    before, finished = steps(host), row.finished_at
    host.idverify.refresh(row)
    assert steps(host) == before
    assert row.finished_at == finished
    assert row.reversed_at is None


@pytest.mark.parametrize("kind", GENERATIONS)
@pytest.mark.parametrize(
    ("scenario", "expected"),
    {
        "fraud": (Status.rejected, "document_manipulated", False),
        "blurred": (Status.rejected, "document_unreadable", True),
        "face-unclear": (Status.in_review, "face_not_comparable", False),
        "expired": (Status.expired, "not_started", True),
    }.items(),
)
def test_other_outcomes_verify_nobody(
    host: Host, vendor: Vendor, kind: str, scenario: str, expected: tuple[Status, str, bool]
) -> None:
    row = begin(host, vendor, kind)
    vendor.finish(row, scenario)
    host.idverify.refresh(row)
    assert (row.status, row.reason, row.retryable) == expected
    assert row.findings or row.status is Status.expired
    pending = row.status is Status.in_review
    assert identity(host).standing is (Standing.pending if pending else Standing.unverified)
    assert (row.active_key is not None) is pending


def test_progress_moves_forward_and_is_no_decision(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor, PLATFORM)
    assert row.vendor_reference
    vendor.sandbox.plan(row.vendor_reference, processing_seconds=600)
    vendor.finish(row)
    host.idverify.refresh(row)
    assert row.status is Status.processing
    assert row.captured_at is not None
    assert row.next_poll_at is not None
    assert identity(host).standing is Standing.pending


def test_document_of_another_person_is_rejected(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row, "approve", first_name="JOHN", last_name="SMITH", number="X1")
    host.idverify.refresh(row)
    assert (row.status, row.reason) == (Status.rejected, "claim_mismatch")
    assert not identity(host).is_verified


def test_unavailable_vendor_changes_nothing_and_is_asked_again(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row)
    service.note_return(row)
    vendor.sandbox.set_faults([{"kind": "403", "where": "status"}])
    before = steps(host)
    with pytest.raises(VendorRefused):
        host.idverify.refresh(row)
    assert status(host, row) is Status.started
    assert row.leased_until is None
    assert row.vendor_message
    assert row.next_poll_at is not None
    assert row.next_poll_at > clock.now()
    assert steps(host) == before
    vendor.sandbox.clear_faults()
    assert host.idverify.refresh(row).status is Status.approved
    assert row.vendor_message is None


def test_record_with_another_reference_is_not_applied(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row)
    assert row.vendor_reference
    transaction = vendor.sandbox.find(row.vendor_reference)
    assert transaction is not None
    transaction.customer_internal_reference = "somebody-elses"
    with pytest.raises(VendorProtocolError, match="another reference"):
        host.idverify.refresh(row)
    assert status(host, row) is Status.started


def test_decision_survives_the_loss_of_the_vendors_record(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row)
    host.idverify.refresh(row)
    assert row.vendor_reference
    vendor.sandbox.wipe(row.vendor_reference, gone=True)
    with pytest.raises(VendorRecordMissing):
        host.idverify.refresh(row)
    assert status(host, row) is Status.approved
    assert row.leased_until is None
    assert identity(host).is_verified


def test_review_survives_the_loss_of_the_vendors_record(host: Host, vendor: Vendor) -> None:
    """The papers are with us; a person can still decide."""
    row = begin(host, vendor)
    vendor.finish(row, "face-unclear")
    host.idverify.refresh(row)
    assert row.vendor_reference
    vendor.sandbox.wipe(row.vendor_reference, gone=True)
    with pytest.raises(VendorRecordMissing):
        host.idverify.refresh(row)
    assert status(host, row) is Status.in_review
    service.decide(row, "approved", admin="7", reason="Seen in person.")
    assert identity(host).is_verified


def test_late_decision_of_an_expired_attempt_still_counts(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    with clock.shifted(days=8):
        inbox.drain()
        assert status(host, row) is Status.expired
        vendor.finish(row)
        assert vendor.notification(row.vendor_reference).arrive()
        inbox.drain()
    assert status(host, row) is Status.approved
    assert identity(host).is_verified


@pytest.mark.parametrize("status", [Status.canceled, Status.error])
def test_canceled_and_failed_attempts_ask_the_vendor_no_more(
    host: Host, vendor: Vendor, status: Status
) -> None:
    row = begin(host, vendor)
    if status is Status.canceled:
        service.cancel(row, admin="7", reason="Asked to.")
    else:
        row.status, row.active_key = status, None
        host.db.session.commit()
    vendor.finish(row)
    asked = len(vendor.asked())
    assert host.idverify.refresh(row).status is status
    assert len(vendor.asked()) == asked


def test_erased_claim_is_not_judged(host: Host, vendor: Vendor) -> None:
    row = begin(host, vendor)
    vendor.finish(row)
    row.claim = None
    host.db.session.commit()
    with pytest.raises(TransitionRefused, match="erased"):
        host.idverify.refresh(row)


def test_onlookers_ask_the_vendor_once_in_ten_seconds_and_feel_no_trouble(
    host: Host, vendor: Vendor
) -> None:
    row = begin(host, vendor)
    for _ in range(3):
        service.refresh_if_due(row)
    assert len(vendor.asked("status")) == 1
    vendor.sandbox.set_faults([{"kind": "401"}])
    with clock.shifted(seconds=11):
        assert service.refresh_if_due(row).status is Status.started
    vendor.sandbox.clear_faults()
    row.provider.endpoint = "https://attacker.example"
    host.db.session.commit()
    with clock.shifted(seconds=22):
        assert service.refresh_if_due(row).status is Status.started
        assert row.vendor_message
        assert "attacker" not in "".join(entry["path"] for entry in vendor.asked())
    row.provider.endpoint = vendor.url
    vendor.finish(row)
    host.db.session.commit()
    with clock.shifted(seconds=33):
        assert service.refresh_if_due(row).status is Status.approved


def test_vendor_is_asked_outside_of_any_transaction(
    host: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests

    real, open_then = requests.Session.request, []

    def watch(self: Any, *arguments: Any, **values: Any) -> Any:
        open_then.append(host.db.session.registry().in_transaction())
        return real(self, *arguments, **values)

    monkeypatch.setattr(requests.Session, "request", watch)
    row = begin(host, vendor)
    vendor.finish(row)
    host.idverify.refresh(row)
    assert open_then == [False, False, False]


def test_broken_connections_are_repeated_for_questions_only(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    vendor.sandbox.set_faults([{"kind": "5xx", "where": "any", "times": 1}])
    with pytest.raises(VendorUnavailable):
        host.idverify.start(user, lena())
    assert len(vendor.asked("start")) == 1
    row = host.idverify.start(user, lena())
    vendor.finish(row)
    vendor.sandbox.set_faults([{"kind": "5xx", "where": "status", "times": 1}])
    assert host.idverify.refresh(row).status is Status.approved
    assert len(vendor.asked("status")) == 2


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for repetitions without waiting."""
    monkeypatch.setattr("time.sleep", lambda _: None)
