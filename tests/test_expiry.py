"""A verification that has run out: no longer verified, still locked, free to verify again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from flask_idverify import clock, inbox, service
from flask_idverify.errors import IdentityLocked
from flask_idverify.models import AuditEntry, Identity
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("app_context")


def verified(host: Host, vendor: Vendor) -> tuple[object, Identity]:
    host.add_provider(vendor.url, policy={"valid_for": 30})
    user = host.add_user("lena@example.com")
    verification = host.idverify.start(user, lena(), consent())
    vendor.finish(verification)
    host.idverify.refresh(verification)
    identity = host.idverify.identity_of(user)
    assert identity is not None
    assert identity.is_verified
    return user, identity


def test_an_identity_is_not_verified_from_the_moment_its_time_is_over(
    host: Host, vendor: Vendor
) -> None:
    _, identity = verified(host, vendor)
    with clock.shifted(days=30):
        assert bool(identity.is_verified) is True
    with clock.shifted(days=31):
        assert bool(identity.is_verified) is False
        assert not service.satisfies(identity)
        assert identity.is_locked


def test_the_worker_writes_the_expiry_down_once(host: Host, vendor: Vendor) -> None:
    _, identity = verified(host, vendor)
    with clock.shifted(days=29):
        inbox.drain()
        assert str(identity.standing) == "verified"
    with clock.shifted(days=31):
        inbox.drain()
        inbox.drain()
        assert str(identity.standing) == "expired"
    told = select(AuditEntry).where(AuditEntry.action == "identity.expired")
    assert len(host.db.session.scalars(told).all()) == 1


def test_expired_facts_stay_locked_until_new_ones_are_verified(host: Host, vendor: Vendor) -> None:
    user, identity = verified(host, vendor)
    with clock.shifted(days=31):
        inbox.drain()
        identity.claim = lena(id_number="X1")
        with pytest.raises(IdentityLocked):
            host.db.session.commit()
        host.db.session.rollback()
        # New papers have a new number; it replaces the old one when it is verified, not before.
        renewed = host.idverify.start(user, lena(id_number="N0000001"), consent())
        assert identity.claim == lena()
        vendor.finish(renewed, number="N0000001")
        host.idverify.refresh(renewed)
        assert renewed.status is Status.approved
        assert identity.is_verified
        assert identity.claim == lena(id_number="N0000001")
