"""One row that cannot be written stands in nobody's way: the rest of what is owed is done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.ctx import AppContext
from sqlalchemy import delete

from flask_idverify import clock, inbox, service
from flask_idverify.models import AuditHead, Verification
from flask_idverify.states import Standing, Status
from tests.erasing import SIGNED, deleted, owed
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor, status


@pytest.fixture(autouse=True)
def _provider(app_context: AppContext, host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, policy={"valid_for": 30})


def cut(host: Host, subject: str) -> None:
    """Take the head of a chain away, as somebody with the database's password would.

    Nothing can be appended any more: the number of a first entry is taken.
    """
    host.db.session.execute(delete(AuditHead).where(AuditHead.id == subject))
    host.db.session.commit()


def begin(host: Host, number: int) -> Verification:
    user = host.add_user(f"user{number}@example.com")
    return host.idverify.start(user, lena(id_number=f"U730194{number}"), consent())


def approved(host: Host, vendor: Vendor, number: int) -> Verification:
    row = begin(host, number)
    vendor.finish(row, number=f"U730194{number}")
    return host.idverify.refresh(row)


def erased(host: Host, vendor: Vendor, number: int) -> tuple[str, str]:
    """Return the vendor's reference of a person who was erased here, and their subject."""
    row = approved(host, vendor, number)
    reference, subject = str(row.vendor_reference), row.identity.subject
    service.erase(row.identity, **SIGNED)
    return reference, subject


def test_attempt_that_cannot_be_ended_keeps_nobody_from_ending_and_delivering(
    host: Host, vendor: Vendor
) -> None:
    broken, *others = [begin(host, number) for number in range(3)]
    cut(host, broken.identity.subject)
    reference, _ = erased(host, vendor, 9)
    for row in (broken, *others):
        row.next_poll_at = None
    host.db.session.commit()
    with clock.shifted(days=400):
        inbox.drain()
        assert {status(host, row) for row in others} == {Status.expired}
        assert status(host, broken) is Status.started
        assert deleted(vendor, reference)
        assert owed(host) == []


def test_identity_that_cannot_expire_keeps_no_other_from_it(host: Host, vendor: Vendor) -> None:
    broken, *others = [approved(host, vendor, number).identity for number in range(3)]
    cut(host, broken.subject)
    reference, _ = erased(host, vendor, 9)
    with clock.shifted(days=31):
        inbox.drain()
        for identity in (broken, *others):
            host.db.session.refresh(identity)
        assert {identity.standing for identity in others} == {Standing.expired}
        assert not broken.is_verified
        assert deleted(vendor, reference)


def test_deletion_that_cannot_be_noted_stays_owed_with_its_error(
    host: Host, vendor: Vendor
) -> None:
    reference, subject = erased(host, vendor, 1)
    other, _ = erased(host, vendor, 2)
    cut(host, subject)
    inbox.drain()
    assert deleted(vendor, reference)
    assert deleted(vendor, other)
    (row,) = owed(host)
    assert row.subject == subject
    assert (row.error, row.leased_until) == ("Internal error: IntegrityError", None)
    assert row.next_try_at is not None
    assert row.next_try_at > clock.now() + timedelta(seconds=10)
