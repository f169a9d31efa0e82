"""What the host writes into its own columns is what was verified, or nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from flask_idverify import inbox, service
from flask_idverify.errors import IdentityLocked
from flask_idverify.models import Identity
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def user(host: Host, vendor: Vendor) -> Any:
    host.idverify.lock(host.User.real_name)
    host.add_provider(vendor.url)
    return host.add_user("lena@example.com", real_name="Donald Duck")


def test_verified_facts_are_written_before_the_lock_falls(
    host: Host, vendor: Vendor, user: Any
) -> None:
    @host.idverify.profile_writer
    def take_over(identity: Identity) -> None:
        row = host.db.session.get(host.User, int(identity.user_id))
        assert row is not None
        assert identity.claim is not None
        row.real_name = identity.claim.real_name

    verification = host.idverify.start(user, lena(), consent())
    vendor.finish(verification)
    host.idverify.refresh(verification)
    host.db.session.expire_all()
    assert user.real_name == "Lena Marie Gruber"
    user.real_name = "Donald Duck"
    with pytest.raises(IdentityLocked):
        host.db.session.commit()
    host.db.session.rollback()


def test_a_writer_that_fails_verifies_nobody_and_loses_nothing(
    host: Host, vendor: Vendor, user: Any
) -> None:
    broken = True

    @host.idverify.profile_writer
    def take_over(identity: Identity) -> None:
        if broken:
            raise RuntimeError("the host's own trouble")

    verification = host.idverify.start(user, lena(), consent())
    vendor.finish(verification)
    note = vendor.notification(verification.vendor_reference)
    assert note.arrive()
    inbox.drain()
    identity = host.idverify.identity_of(user)
    assert identity is not None
    assert not identity.is_verified
    assert str(verification.status) == "started"
    broken = False
    host.idverify.refresh(verification)
    assert str(verification.status) == "approved"
    assert service.satisfies(identity)


def test_a_writer_is_not_called_for_tests_and_rejections(
    host: Host, vendor: Vendor, user: Any
) -> None:
    called: list[Identity] = []
    host.idverify.profile_writer(called.append)
    rejected = host.idverify.start(user, lena(), consent())
    vendor.finish(rejected, "fraud")
    host.idverify.refresh(rejected)
    assert rejected.status is Status.rejected
    assert not called
