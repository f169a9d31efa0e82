"""An erased person: nothing of them is left here or at the vendor but that they were decided on."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import audit, clock, inbox, service
from flask_idverify.errors import (
    ErasureRefused,
    IDVerifyError,
    ReasonMissing,
    TransitionRefused,
    VendorError,
)
from flask_idverify.models import (
    AuditEntry,
    CallbackRow,
    Identity,
    VendorAccount,
    Verification,
)
from flask_idverify.signals import identity_erased
from flask_idverify.states import Standing, Status
from tests.erasing import (
    PERSONAL,
    SIGNED,
    USER_ID,
    deleted,
    during_a_call,
    everything,
    identity_of,
    live,
    owed,
    verified,
)
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor, status, steps, together

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.mark.parametrize("kind", GENERATIONS)
def test_nothing_of_an_erased_person_is_left_here_or_at_the_vendor(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    references = live(host, vendor, user)
    before = everything(host)
    assert [canary for canary in [*PERSONAL, *references] if canary not in before] == []
    identity = identity_of(host, user)
    accounts = [row.account_id for row in host.db.session.scalars(select(VendorAccount))]
    found = service.erase(identity, **SIGNED)
    assert (found.attempts, found.notes, found.callbacks) == (3, 1, 1)
    assert found.owed == (1 if kind == PLATFORM else 3)
    assert not any(deleted(vendor, reference) for reference in references)
    inbox.drain()
    assert all(deleted(vendor, reference) for reference in references)
    after = everything(host)
    for canary in [*PERSONAL, *references, *accounts]:
        assert canary not in after
    assert owed(host) == []
    assert steps(host, identity.subject)[-1] == "identity.erased"


@pytest.mark.parametrize("kind", GENERATIONS)
def test_decision_and_its_log_outlive_the_person(host: Host, vendor: Vendor, kind: str) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    live(host, vendor, user)
    identity = identity_of(host, user)
    rows = identity_rows(host, identity)
    kept = [(row.status, row.reasons, row.rule, row.findings, row.finished_at) for row in rows]
    signed = [row.decided_by for row in rows]
    service.erase(identity, **SIGNED)
    inbox.drain()
    rows = identity_rows(host, identity)
    assert [(r.status, r.reasons, r.rule, r.findings, r.finished_at) for r in rows] == kept
    assert [row.decided_by for row in rows] == signed
    assert {row.user_id for row in rows} == {f"erased:{identity.id}"}
    assert all(row.erased_at for row in rows)
    assert identity.standing is Standing.revoked
    assert identity.verified_at is not None
    assert audit.verify(host.db.session, identity.subject) > 8
    (entry,) = entries(host, "identity.erased")
    assert entry.actor == "admin:7"
    assert entry.note is None
    assert len(entry.facts["note_digest"]) == 64, "a copy of the reason can still be proven"
    assert len(entries(host, "vendor.erased")) == entry.facts["owed"]


def identity_rows(host: Host, identity: Identity) -> list[Verification]:
    host.db.session.expire_all()
    query = select(Verification).where(Verification.identity_id == identity.id)
    return list(host.db.session.scalars(query.order_by(Verification.created_at)))


def entries(host: Host, action: str) -> list[AuditEntry]:
    return list(host.db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


@pytest.mark.parametrize("kind", GENERATIONS)
def test_erased_person_may_start_anew_and_locked_columns_are_free(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    host.idverify.lock(host.User.real_name)
    user = host.add_user("lena@example.com", real_name="Lena Gruber")
    verified(host, vendor, user)
    old = identity_of(host, user)
    user.real_name = "Somebody Else"
    with pytest.raises(IDVerifyError):
        host.db.session.commit()
    host.db.session.rollback()
    told: list[tuple[str, str]] = []

    def clear(_: Any, user_id: str, identity: Identity) -> None:
        told.append((user_id, identity.user_id))
        host.db.session.get_one(host.User, int(user_id)).real_name = None
        host.db.session.commit()

    with identity_erased.connected_to(clear, host.app):
        assert host.idverify.erase(user) is not None
    assert told == [("1", f"erased:{old.id}")]
    assert user.real_name is None
    assert host.idverify.identity_of(user) is None
    assert host.idverify.erase(user) is None
    again = verified(host, vendor, user)
    assert again.status is Status.approved, "their own papers are no duplicate"
    fresh = identity_of(host, user)
    assert fresh.is_verified
    assert (fresh.id, fresh.subject) != (old.id, old.subject)
    assert [entry.actor for entry in entries(host, "identity.erased")] == ["user"]


def test_policy_may_keep_the_keyed_digest_against_duplicates(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, policy={"keep_fingerprint": True})
    user = host.add_user("lena@example.com")
    verified(host, vendor, user)
    identity = identity_of(host, user)
    assert service.would_erase(identity).fingerprint_kept
    assert service.erase(identity, **SIGNED).fingerprint_kept
    assert identity.number_fingerprint
    other = verified(host, vendor, host.add_user("second@example.com"))
    assert other.reasons == ["duplicate_document"]


def test_unfinished_attempts_are_canceled_and_stay_so(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    row = host.idverify.start(user, lena(), consent())
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    assert service.erase(identity_of(host, user), **SIGNED).canceled == 1
    assert told.arrive(), "the vendor is not asked to repeat it"
    assert told.arrive_bare()
    assert len(host.db.session.scalars(select(CallbackRow)).all()) == 1
    inbox.drain()
    assert host.db.session.scalars(select(CallbackRow)).all() == []
    assert status(host, row) is Status.canceled
    with pytest.raises(TransitionRefused, match="erased"):
        service.decide(row, "rejected", admin="7", reason="Late.")
    with pytest.raises(TransitionRefused, match="erased already"):
        service.erase(row.identity, **SIGNED)
    with pytest.raises(TransitionRefused, match="erased"):
        service.reset(row.identity, admin="7", reason="Late.")


def test_erasure_needs_a_name_and_a_reason(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    verified(host, vendor, user)
    for actor, reason in (("admin:7", " "), ("admin:", "Asked."), ("", "Asked.")):
        with pytest.raises(ReasonMissing):
            service.erase(identity_of(host, user), actor=actor, reason=reason)
    assert identity_of(host, user).is_verified


def fails(_: str) -> str:
    raise LookupError("Lena")


@pytest.mark.parametrize(
    ("hold", "told"),
    [
        (lambda _: "Court order 7 C 12/26.", "Court order 7 C 12/26."),
        (lambda user_id: user_id == "1", "legal hold"),
        (fails, "IDVERIFY_LEGAL_HOLD raised LookupError"),
    ],
)
def test_legal_hold_refuses_and_is_audited(vendor: Vendor, hold: Any, told: str) -> None:
    host = make_host(IDVERIFY_LEGAL_HOLD=hold)
    with host.app.app_context():
        host.add_provider(vendor.url)
        user = host.add_user("lena@example.com")
        verified(host, vendor, user)
        before = everything(host)
        for ask in (service.would_erase, lambda row: service.erase(row, **SIGNED)):
            with pytest.raises(ErasureRefused, match=told):
                ask(identity_of(host, user))
        assert identity_of(host, user).is_verified
        (entry,) = entries(host, "identity.erasure_refused")
        assert told in (entry.note or "")
        assert before.count("Verification ") == everything(host).count("Verification ")
        assert owed(host) == []


def test_closed_identity_can_be_erased_too(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, PLATFORM)
    user = host.add_user("lena@example.com")
    row = verified(host, vendor, user)
    reference, identity = str(row.vendor_reference), row.identity
    host.idverify.forget(user)
    service.erase(identity, **SIGNED)
    inbox.drain()
    assert deleted(vendor, reference)
    assert host.db.session.scalars(select(VendorAccount)).all() == []


@pytest.mark.parametrize("kind", GENERATIONS)
def test_start_in_flight_leaves_nothing_and_the_vendor_deletes_what_it_made(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")

    def erase() -> None:
        with host.app.app_context():
            assert host.idverify.erase(host.db.session.get(host.User, 1), admin="7", reason="-")

    word = "initiate" if kind == V4 else "account"
    with during_a_call(erase, word), pytest.raises(TransitionRefused, match="erased"):
        host.idverify.start(user, lena(), consent())
    host.db.session.rollback()
    inbox.drain()
    assert deleted(vendor, vendor.only_reference())
    found = everything(host)
    for canary in ["U7301945", "Gruber", "authorizationToken", vendor.only_reference()]:
        assert canary not in found
    assert owed(host) == []
    assert host.idverify.start(user, lena(), consent()).status is Status.started


@pytest.mark.parametrize("kind", GENERATIONS)
@pytest.mark.parametrize("how", ["approve", "processing", "gone", "refused"])
def test_fetch_in_flight_writes_nothing_back(
    host: Host, vendor: Vendor, kind: str, how: str
) -> None:
    host.add_provider(vendor.url, kind)
    row = host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
    reference = str(row.vendor_reference)
    if how == "processing":
        vendor.sandbox.plan(reference, processing_seconds=600)
    vendor.finish(row)
    if how == "gone":
        vendor.sandbox.wipe(reference, gone=True)
    elif how == "refused":
        vendor.sandbox.set_faults([{"kind": "403", "where": "status"}])
    identity_id = row.identity_id

    def erase() -> None:
        with host.app.app_context():
            service.erase(host.db.session.get_one(Identity, identity_id), **SIGNED)

    with during_a_call(erase, reference):
        if how in ("gone", "refused"):
            with pytest.raises(VendorError):
                host.idverify.refresh(row)
        else:
            host.idverify.refresh(row)
    assert status(host, row) is Status.canceled
    assert (row.vendor_message, row.document, row.captured_at) == (None, None, None)
    assert (row.next_poll_at, row.vendor_reference, row.erased_at is None) == (None, None, False)
    assert not row.identity.is_verified
    vendor.sandbox.clear_faults()
    inbox.drain()
    assert deleted(vendor, reference) or how == "gone"
    assert all(word not in everything(host) for word in ("U7301945", "GRUBER", "Gruber"))


def test_start_that_began_before_the_erasure_is_refused_after_it(
    host: Host, vendor: Vendor
) -> None:
    """It has read the identity, and asks the vendor about the attempt before this one."""
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    row = host.idverify.start(user, lena(), consent())
    identity_id, reference = row.identity_id, str(row.vendor_reference)

    def erase() -> None:
        with host.app.app_context():
            service.erase(host.db.session.get_one(Identity, identity_id), **SIGNED)

    refused = pytest.raises(TransitionRefused, match="erased")
    with clock.shifted(hours=2), during_a_call(erase, reference), refused:
        host.idverify.start(user, lena(), consent())
    assert len(vendor.asked("start")) == 1
    assert len(identity_rows(host, row.identity)) == 1
    assert row.identity.claim is None
    assert host.idverify.start(user, lena(), consent()).status is Status.started


def test_erasures_and_starts_at_once_leave_no_half_erased_person(
    file_host: Host, vendor: Vendor
) -> None:
    with file_host.app.app_context():
        file_host.add_provider(vendor.url)
        verified_user = file_host.add_user("lena@example.com")
        identity_id = service.identity_for(verified_user).id

    def act(number: int) -> Any:
        session = file_host.db.session
        if number % 2:
            return service.erase(session.get_one(Identity, identity_id), **SIGNED)
        return file_host.idverify.start(session.get(file_host.User, 1), lena(), consent()).id

    results = together(file_host, 4, act)
    assert sum(isinstance(found, service.Erased) for found in results) == 1, results
    for found in results:
        assert not isinstance(found, Exception) or isinstance(found, IDVerifyError), results
    with file_host.app.app_context():
        old = file_host.db.session.get_one(Identity, identity_id)
        assert old.claim is None
        for row in identity_rows(file_host, old):
            assert (row.claim, row.active_key, row.user_id) == (None, None, f"erased:{old.id}")
        assert audit.verify(file_host.db.session, old.subject) >= 1


def test_host_function_names_users_and_only_theirs_goes(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user, other = host.add_user("lena@example.com"), host.add_user("second@example.com")
    host.idverify.user_id_getter(lambda someone: f"{USER_ID}-{someone.id}")
    verified(host, vendor, user)
    mine = verified(host, vendor, other, number="P1")
    reference = mine.vendor_reference
    host.idverify.erase(user, admin="7", reason="Asked.")
    inbox.drain()
    assert mine.claim == lena()
    assert not deleted(vendor, str(reference))
    assert f"{USER_ID}-1" not in everything(host)
    assert f"{USER_ID}-2" in everything(host)
