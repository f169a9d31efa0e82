"""A start that meets a vendor's rate limit goes on with the next link, once."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import clock, service
from flask_idverify.errors import VendorBackedOff, VendorBusy
from flask_idverify.models import Provider, Verification
from flask_idverify.policy import Policy
from flask_idverify.service import backoff
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

#: The module, whose name the package gives to its function.
STARTING = import_module("flask_idverify.service.start")

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def two(host: Host, vendor: Vendor) -> Host:
    """A host with two providers for whoever starts, and one attempt a day for each user."""
    for name in ("first", "second"):
        host.add_provider(vendor.url, name=name, policy=Policy(max_attempts=1))
    return host


def attempts(host: Host) -> list[tuple[str, str, list[str]]]:
    host.db.session.rollback()
    rows = host.db.session.scalars(select(Verification).order_by(Verification.created_at))
    return [(row.provider.name, str(row.status), list(row.reasons)) for row in rows]


def test_a_start_that_meets_the_limit_goes_to_the_next_link(two: Host, vendor: Vendor) -> None:
    vendor.sandbox.set_faults([{"kind": "429", "where": "start", "times": 1}])
    row = service.start(two.add_user("lena@example.com"), lena(), consent())
    assert (row.provider.name, str(row.status)) == ("second", "started")
    assert attempts(two) == [("first", "error", ["start_failed"]), ("second", "started", [])]


def test_a_silence_that_began_a_moment_ago_does_not_end_it_either(
    two: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = STARTING.record
    first = two.db.session.scalars(select(Provider.id).where(Provider.name == "first")).one()

    def record(*arguments: Any, **values: Any) -> None:
        begun(*arguments, **values)
        backoff.back_off(first, clock.now() + timedelta(seconds=30))

    monkeypatch.setattr(STARTING, "record", record)
    row = service.start(two.add_user("lena@example.com"), lena(), consent())
    assert row.provider.name == "second"
    assert len(vendor.asked()) == 1


def test_where_no_other_link_is_open_the_user_is_told_when_to_come_back(
    two: Host, vendor: Vendor
) -> None:
    second = two.db.session.scalars(select(Provider.id).where(Provider.name == "second")).one()
    backoff.back_off(second, clock.now() + timedelta(hours=1))
    vendor.sandbox.set_faults([{"kind": "429", "where": "start", "retry_after": 30}])
    with pytest.raises(VendorBusy) as refused:
        service.start(two.add_user("lena@example.com"), lena(), consent())
    assert refused.value.retry_after == 30
    assert not isinstance(refused.value, VendorBackedOff)
    assert attempts(two) == [("first", "error", ["start_failed"])]


def test_the_next_link_is_tried_once(two: Host, vendor: Vendor) -> None:
    two.add_provider(vendor.url, name="third")
    vendor.sandbox.set_faults([{"kind": "429", "where": "start", "retry_after": 30}])
    with pytest.raises(VendorBusy):
        service.start(two.add_user("lena@example.com"), lena(), consent())
    assert [name for name, _status, _reasons in attempts(two)] == ["first", "second"]
