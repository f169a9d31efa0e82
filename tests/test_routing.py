"""Which link takes a claim, and how often somebody may try."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import clock, service
from flask_idverify.errors import (
    AttemptLimitReached,
    ClaimNotAccepted,
    NoProvider,
    NotFound,
    ProviderUnusable,
    VendorRefused,
)
from flask_idverify.models import Verification
from flask_idverify.states import Status
from tests.hosts import Host, lena
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def user(host: Host, vendor: Vendor) -> Any:
    """A saved user of a host whose default application has a v4 provider."""
    host.add_provider(vendor.url)
    return host.add_user("lena.gruber@example.com", real_name="Lena Marie Gruber")


def rows(host: Host) -> list[Verification]:
    return list(host.db.session.scalars(select(Verification).order_by(Verification.created_at)))


def test_attempts_are_limited_and_only_judged_ones_count(
    host: Host, vendor: Vendor, user: Any
) -> None:
    host.idverify.link("Jumio test", policy={"max_attempts": 2})
    host.db.session.commit()
    first = host.idverify.start(user, lena())
    vendor.finish(first, "expired")
    host.idverify.refresh(first)
    assert first.status is Status.expired
    vendor.sandbox.set_faults([{"kind": "403", "where": "start", "times": 1}])
    with pytest.raises(VendorRefused):
        host.idverify.start(user, lena())
    service.start_test(user, lena(), rows(host)[0].provider)
    for scenario in ("fraud", "blurred"):
        row = host.idverify.start(user, lena())
        vendor.finish(row, scenario)
        host.idverify.refresh(row)
    calls = len(vendor.asked())
    with pytest.raises(AttemptLimitReached) as refusal:
        host.idverify.start(user, lena())
    counted = [row for row in rows(host) if row.status is Status.rejected]
    assert refusal.value.retry_at == counted[0].created_at + timedelta(hours=24)
    assert len(vendor.asked()) == calls
    with clock.shifted(hours=25):
        assert host.idverify.start(user, lena()).status is Status.started


def test_limit_comes_from_the_settings_unless_a_policy_says(
    host: Host, vendor: Vendor, user: Any
) -> None:
    for _ in range(5):
        row = host.idverify.start(user, lena())
        vendor.finish(row, "blurred")
        host.idverify.refresh(row)
    with pytest.raises(AttemptLimitReached):
        host.idverify.start(user, lena())


def test_route_is_the_first_enabled_link_that_admits_the_claim(host: Host, vendor: Vendor) -> None:
    names = ("germans", "disabled", "strict", "everybody")
    made = {name: host.add_provider(vendor.url, name=name, link=False) for name in names}
    host.idverify.link("germans", position=0, conditions={"countries": ["DEU"]})
    host.idverify.link("disabled", position=1)
    made["disabled"].enabled = False
    host.idverify.link("strict", position=2, policy={"id_types": ["id_card"]})
    host.idverify.link("everybody", position=3)
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    row = host.idverify.start(user, lena())
    assert row.provider.name == "everybody"
    service.cancel(row)
    assert host.idverify.start(user, lena(country="DEU")).provider.name == "germans"


def test_papers_that_no_link_takes_are_refused_with_the_reason(
    host: Host, vendor: Vendor, user: Any
) -> None:
    host.idverify.link("Jumio test", policy={"countries": ["DEU"]})
    host.db.session.commit()
    with pytest.raises(ClaimNotAccepted) as refusal:
        host.idverify.start(user, lena())
    assert refusal.value.reason == "country_not_accepted"
    host.idverify.link("Jumio test").enabled = False
    host.db.session.commit()
    with pytest.raises(NoProvider):
        host.idverify.start(user, lena())
    with pytest.raises(NotFound):
        host.idverify.start(user, lena(), application="nowhere")
    assert vendor.asked() == []


def test_endpoint_that_is_no_longer_admitted_is_not_asked(
    host: Host, vendor: Vendor, user: Any
) -> None:
    provider = host.idverify.link("Jumio test").provider
    provider.endpoint = "https://attacker.example"
    host.db.session.commit()
    with pytest.raises(ProviderUnusable):
        host.idverify.start(user, lena())
    assert rows(host) == []
