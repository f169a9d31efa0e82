"""What people decide, and what the vendor takes back: signed, audited, never silent."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import audit, inbox, service
from flask_idverify.errors import ReasonMissing, TransitionRefused
from flask_idverify.models import AuditEntry, Identity, Verification
from flask_idverify.signals import decision_reversed, identity_verified, review_needed
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, V4, Vendor, status, steps

pytestmark = pytest.mark.usefixtures("app_context")
SIGNED = {"admin": "7", "reason": "Seen at the counter, papers in hand."}


def ended(host: Host, vendor: Vendor, scenario: str, kind: str = V4, **values: Any) -> Verification:
    """Return an attempt that went the scenario's way."""
    host.add_provider(vendor.url, kind, **values)
    row = host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
    vendor.finish(row, scenario)
    return host.idverify.refresh(row)


def identity(host: Host) -> Identity:
    return host.db.session.scalars(select(Identity)).one()


def test_admin_approves_a_review_and_the_identity_is_locked(host: Host, vendor: Vendor) -> None:
    told: list[Any] = []

    def hear(app: Any, **rows: Any) -> None:
        told.append(rows)

    with (
        review_needed.connected_to(hear, host.app),
        identity_verified.connected_to(hear, host.app),
    ):
        row = ended(host, vendor, "face-unclear")
        assert told == [{"verification": row}]
        service.decide(row, "approved", **SIGNED)
    assert told[1:] == [{"verification": row, "identity": identity(host)}]
    assert status(host, row) is Status.approved
    assert row.reasons == []
    assert row.decided_by == "7"
    assert row.note == SIGNED["reason"]
    assert identity(host).is_verified
    assert identity(host).satisfies()


@pytest.mark.parametrize(
    "signature", [{"admin": " ", "reason": "x"}, {"admin": "7", "reason": " "}]
)
def test_decision_without_name_or_reason_is_refused(
    host: Host, vendor: Vendor, signature: dict[str, str]
) -> None:
    row = ended(host, vendor, "face-unclear")
    before = steps(host)
    with pytest.raises(ReasonMissing):
        service.decide(row, "approved", **signature)
    with pytest.raises(ReasonMissing):
        service.decide(row, "rejected", **signature)
    with pytest.raises(ReasonMissing):
        service.cancel(row, **signature)
    with pytest.raises(ReasonMissing):
        service.reset(identity(host), **signature)
    assert row.status is Status.in_review
    assert steps(host) == before


def test_decision_is_audited_with_its_signer_and_without_their_words(
    host: Host, vendor: Vendor
) -> None:
    row = ended(host, vendor, "fraud")
    service.decide(row, "approved", **SIGNED)
    entry = host.db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "verification.approved")
    ).one()
    assert entry.actor == "admin:7"
    assert (entry.facts["from"], entry.facts["to"]) == ("rejected", "approved")
    assert SIGNED["reason"] not in str(entry.facts)
    assert entry.note == SIGNED["reason"]
    assert audit.verify(host.db.session, identity(host).subject) > 0


@pytest.mark.parametrize("status", ["started", "in_review", "expired", "canceled", "error"])
def test_admins_decide_nothing_but_approval_or_rejection(
    host: Host, vendor: Vendor, status: str
) -> None:
    row = ended(host, vendor, "face-unclear")
    with pytest.raises(TransitionRefused):
        service.decide(row, status, **SIGNED)
    assert row.status is Status.in_review


def test_decision_that_is_held_already_is_refused(host: Host, vendor: Vendor) -> None:
    row = ended(host, vendor, "approve")
    before = steps(host)
    with pytest.raises(TransitionRefused, match="approved already"):
        service.decide(row, "approved", **SIGNED)
    assert steps(host) == before


def test_admin_rejecting_an_approval_revokes_the_identity(host: Host, vendor: Vendor) -> None:
    row = ended(host, vendor, "approve")
    service.decide(row, "rejected", **SIGNED)
    assert (row.status, row.reason, row.retryable) == (Status.rejected, "manual", True)
    assert identity(host).standing is Standing.revoked
    assert not identity(host).satisfies()
    assert "identity.revoked" in steps(host)
    # The vendor still says approved; what an admin rejected stays so, and is no reversal.
    host.idverify.refresh(row)
    assert row.status is Status.rejected
    assert row.reversed_at is None
    again = host.idverify.start(host.db.session.get(host.User, 1), lena())
    vendor.finish(again)
    host.idverify.refresh(again)
    assert identity(host).is_verified


def test_no_one_approves_another_person_into_a_verified_identity(
    host: Host, vendor: Vendor
) -> None:
    """Two applications, two claims at once: the second cannot confirm the first's facts."""
    host.add_provider(vendor.url)
    provider = host.add_provider(vendor.url, PLATFORM, link=False)
    host.idverify.link(provider, "bank")
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    first = host.idverify.start(user, lena(), consent())
    other = lena(real_name="John Smith", id_number="X123")
    second = host.idverify.start(user, other, consent(), application="bank")
    vendor.finish(first)
    vendor.finish(second, "approve", first_name="JOHN", last_name="SMITH", number="X123")
    host.idverify.refresh(first)
    host.idverify.refresh(second)
    assert first.status is Status.approved
    assert (second.status, second.reasons) == (Status.in_review, ["claim_mismatch"])
    assert second.rule == "identity"
    with pytest.raises(TransitionRefused, match="reset"):
        service.decide(second, "approved", **SIGNED)
    assert identity(host).claim == lena()
    service.decide(second, "rejected", **SIGNED)
    assert identity(host).is_verified


@pytest.mark.parametrize(("policy", "standing"), [("flag", "verified"), ("revoke", "revoked")])
def test_vendor_taking_an_approval_back_is_flagged_once_and_revokes_by_policy(
    host: Host, vendor: Vendor, policy: str, standing: str
) -> None:
    told: list[str] = []

    def hear(app: Any, verification: Verification) -> None:
        told.append(str(verification.status))

    row = ended(host, vendor, "approve", policy={"on_reversal": policy})
    vendor.reverse(row, "fraud")
    with decision_reversed.connected_to(hear, host.app):
        assert vendor.notification(row.vendor_reference).arrive()
        inbox.drain()
        host.idverify.refresh(row)
    assert told == ["approved"]
    assert status(host, row) is Status.approved
    assert row.reversed_at is not None
    assert identity(host).standing == standing
    assert identity(host).satisfies() is (standing == "verified")
    assert steps(host).count("verification.reversed") == 1


def test_late_approval_after_a_rejection_is_flagged_and_moves_nothing(
    host: Host, vendor: Vendor
) -> None:
    row = ended(host, vendor, "fraud")
    vendor.reverse(row, "approve")
    host.idverify.refresh(row)
    assert row.status is Status.rejected
    assert row.reversed_at is not None
    assert not identity(host).is_verified


def test_our_own_rejection_is_no_reversal_of_the_vendors_approval(
    host: Host, vendor: Vendor
) -> None:
    row = ended(host, vendor, "approve", policy={"minimum_age": 100})
    assert (row.status, row.reason) == (Status.rejected, "underage")
    host.idverify.refresh(row)
    assert row.reversed_at is None


def test_rejection_that_an_admin_overruled_revokes_nothing_when_told_again(
    host: Host, vendor: Vendor
) -> None:
    row = ended(host, vendor, "fraud", policy={"on_reversal": "revoke"})
    service.decide(row, "approved", **SIGNED)
    assert vendor.notification(row.vendor_reference).arrive()
    inbox.drain()
    host.db.session.refresh(row)
    assert row.reversed_at is None
    assert identity(host).is_verified
    # News is flagged; an admin's signature is not undone by a machine.
    vendor.reverse(row, "spoof")
    host.idverify.refresh(row)
    assert steps(host).count("verification.reversed") == 1
    assert identity(host).is_verified


def test_revoked_step_up_counts_no_more_for_its_application(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, options={"workflow_id": "100"}, policy={})
    strict = host.add_provider(vendor.url, PLATFORM, link=False)
    host.idverify.link(strict, "bank", policy={"on_reversal": "revoke"})
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    first = host.idverify.start(user, lena())
    vendor.finish(first, "approve-id-only")
    host.idverify.refresh(first)
    assert identity(host).satisfies()
    assert not identity(host).satisfies("bank")
    second = host.idverify.start(user, lena(), consent(), application="bank")
    vendor.finish(second)
    host.idverify.refresh(second)
    assert identity(host).satisfies("bank")
    vendor.reverse(second, "fraud")
    host.idverify.refresh(second)
    assert not identity(host).satisfies("bank")
    assert identity(host).satisfies()


def test_user_cancels_an_open_attempt_and_starts_anew(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    row = host.idverify.start(user, lena())
    service.cancel(row)
    assert (row.status, row.reason) == (Status.canceled, "canceled_by_user")
    assert identity(host).standing is Standing.unverified
    again = host.idverify.start(user, lena(id_number="U7301946"))
    assert again.id != row.id
    with pytest.raises(TransitionRefused):
        service.cancel(row)


def test_cancelling_asks_first_and_throws_no_finished_check_away(
    host: Host, vendor: Vendor
) -> None:
    host.add_provider(vendor.url)
    row = host.idverify.start(host.add_user("lena@example.com"), lena())
    vendor.finish(row)
    with pytest.raises(TransitionRefused):
        service.cancel(row)
    assert status(host, row) is Status.approved
    assert identity(host).is_verified


def test_unreachable_vendor_does_not_trap_the_user_in_an_attempt(
    host: Host, vendor: Vendor
) -> None:
    host.add_provider(vendor.url)
    row = host.idverify.start(host.add_user("lena@example.com"), lena())
    vendor.sandbox.set_faults([{"kind": "401"}])
    assert service.cancel(row).status is Status.canceled


def test_user_cannot_cancel_what_a_person_reviews_but_an_admin_can(
    host: Host, vendor: Vendor
) -> None:
    row = ended(host, vendor, "face-unclear")
    with pytest.raises(TransitionRefused):
        service.cancel(row)
    assert service.cancel(row, **SIGNED).status is Status.canceled
    assert identity(host).standing is Standing.unverified


def test_test_verification_never_verifies_anybody(host: Host, vendor: Vendor) -> None:
    provider = host.add_provider(vendor.url)
    admin = host.add_user("admin@example.com", is_admin=True)
    row = service.start_test(admin, lena(), provider)
    assert row.is_test
    assert "transactionReference" in row.answer
    assert identity(host).standing is Standing.unverified
    assert identity(host).claim is None
    vendor.finish(row)
    host.idverify.refresh(row)
    assert status(host, row) is Status.approved
    assert not identity(host).is_verified
    assert "identity.verified" not in steps(host)
    vendor.reverse(row, "fraud")
    row.status = Status.rejected
    host.db.session.commit()
    with pytest.raises(TransitionRefused, match="test"):
        service.decide(row, "approved", **SIGNED)
