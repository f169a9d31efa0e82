"""What an adversary, or bad luck, tried once and must not manage again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import clock, inbox, service
from flask_idverify.errors import IdentityLocked, InvalidClaim, InvalidConsent
from flask_idverify.models import Application, Identity, Provider, Verification
from flask_idverify.service.attempts import record
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, Vendor, together

pytestmark = pytest.mark.usefixtures("app_context")

MAX = lena(real_name="Max Other", id_number="X999")


def identity_of(host: Host, user: Any) -> Identity:
    found = host.idverify.identity_of(user)
    assert found is not None
    return found


def test_a_start_that_races_an_approval_does_not_swap_the_verified_claim(
    host: Host, vendor: Vendor
) -> None:
    provider: Provider = host.add_provider(vendor.url)
    host.idverify.link(provider, "bank")
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    first = host.idverify.start(user, lena(), consent())
    vendor.finish(first)
    identity = identity_of(host, user)
    bank = host.db.session.scalars(select(Application).where(Application.name == "bank")).one()
    late = Verification(
        user_id=identity.user_id,
        identity_id=identity.id,
        application_id=bank.id,
        provider_id=provider.id,
        active_key="a" * 64,
        callback_key_digest="b" * 64,
        policy=first.policy,
    )
    late.claim = MAX
    # This start has looked at the identity before the approval below, and writes after it.
    assert not identity.is_locked
    host.idverify.refresh(first)
    record(late, identity, MAX, limit=None)
    assert identity.standing is Standing.verified
    assert identity.claim == lena()


def test_checks_made_on_somebody_elses_papers_do_not_count(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, name="id only", options={"workflow_id": 100})
    lax: Provider = host.add_provider(vendor.url, name="lax", link=False)
    host.idverify.link(lax, "lax", policy={"match_name": False, "match_number": False})
    host.idverify.link(lax, "strict")
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    first = host.idverify.start(user, lena(), consent())
    vendor.finish(first, "approve-id-only")
    host.idverify.refresh(first)
    assert identity_of(host, user).is_verified
    assert not service.satisfies(identity_of(host, user), "strict")
    second = host.idverify.start(user, lena(), consent(), application="lax")
    vendor.finish(second, first_name="MAX", last_name="OTHER", number="X999")
    host.idverify.refresh(second)
    assert second.status is not Status.approved
    assert not service.satisfies(identity_of(host, user), "strict")


def test_a_late_approval_of_an_attempt_from_before_the_reset_locks_nothing(
    host: Host, vendor: Vendor
) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    old = host.idverify.start(user, lena(), consent())
    vendor.sandbox.expire(old.vendor_reference or "")
    host.idverify.refresh(old)
    assert old.status is Status.expired
    service.reset(identity_of(host, user), admin="7", reason="somebody else's papers")
    vendor.sandbox.reverse(old.vendor_reference or "", "approve", callback=False)
    assert vendor.notification(old.vendor_reference).arrive()
    inbox.drain()
    assert str(old.status) == "canceled"
    assert not identity_of(host, user).is_verified


def test_an_unusable_provider_traps_nobody(host: Host, vendor: Vendor) -> None:
    provider: Provider = host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    open_attempt = host.idverify.start(user, lena(), consent())
    provider.endpoint = "https://no-longer-admitted.example"
    host.db.session.commit()
    assert service.cancel(open_attempt).status is Status.canceled


def test_a_repeated_callback_of_an_adopted_attempt_does_not_hammer_the_vendor(
    host: Host, vendor: Vendor
) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    row = host.idverify.start(user, lena(), consent())
    vendor.finish(row, "face-unclear")
    reference = row.vendor_reference
    # The process died between the vendor's answer and our note of it.
    row.status, row.vendor_reference, row.link_expires_at = Status.created, None, None
    row.next_poll_at = None
    host.db.session.commit()
    told = vendor.notification(reference)
    assert told.arrive()
    inbox.drain()
    assert str(row.status) == "in_review"
    adapter = host.app.extensions["idverify"].vendors.adapter(row.provider)
    adapter.http.sleep = lambda _seconds: None
    vendor.sandbox.add_fault("5xx", where="any", times=None)
    assert told.arrive()
    before = len(vendor.asked())
    with clock.shifted(seconds=30):
        inbox.drain()
    assert len(vendor.asked()) - before <= 8


def test_a_start_of_an_unknown_country_costs_no_vendor_call(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    with pytest.raises(InvalidClaim, match="country"):
        host.idverify.start(user, lena(country="ZZZ"), consent())
    assert not vendor.asked()


@pytest.mark.parametrize("ip", ["nope", "203.0.113.256", "http://203.0.113.7"])
def test_a_consent_from_nowhere_is_no_evidence(ip: str) -> None:
    with pytest.raises(InvalidConsent, match="ip"):
        consent(ip=ip)


def test_two_starts_of_one_new_user_keep_both_attempts_and_one_account(
    host: Host, vendor: Vendor
) -> None:
    provider: Provider = host.add_provider(vendor.url, PLATFORM)
    host.idverify.link(provider, "bank")
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    one = host.idverify.start(user, lena(), consent())
    two = host.idverify.start(user, lena(), consent(), application="bank")
    assert (one.status, two.status) == (Status.started, Status.started)
    assert one.redirect_url
    assert two.redirect_url
    assert one.account_id == two.account_id


def test_the_same_papers_at_the_same_moment_verify_one_account(
    file_host: Host, vendor: Vendor
) -> None:
    host = file_host
    with host.app.app_context():
        host.add_provider(vendor.url)
        rows = []
        for email in ("one@example.com", "two@example.com"):
            row = host.idverify.start(host.add_user(email), lena(), consent())
            vendor.finish(row)
            rows.append(row.id)

    def fetch(index: int) -> str:
        row = host.db.session.get(Verification, rows[index])
        assert row is not None
        return str(host.idverify.refresh(row).status)

    found = together(host, 2, fetch)
    assert sorted(map(str, found)) == ["approved", "in_review"]


def test_a_verified_users_id_cannot_be_handed_to_another_row(host: Host, vendor: Vendor) -> None:
    host.idverify.lock(host.User.real_name)
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com", real_name="Lena Marie Gruber")
    bob = host.add_user("bob@example.com", real_name="Bob")
    row = host.idverify.start(user, lena(), consent())
    vendor.finish(row)
    host.idverify.refresh(row)
    user.id = 999
    with pytest.raises(IdentityLocked):
        host.db.session.commit()
    host.db.session.rollback()
    bob.real_name = "Robert"
    bob.email = "robert@example.com"
    host.db.session.commit()
