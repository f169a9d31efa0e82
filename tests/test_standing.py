"""How a provider stands with its vendor: told by what matters, and in our words alone."""

from __future__ import annotations

from typing import Any

import pytest
from requests_mock import ANY
from sqlalchemy import select

from flask_idverify import doctor, inbox, service
from flask_idverify.errors import VendorRefused
from flask_idverify.models import Provider
from tests.erasing import SIGNED, identity_of, verified
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, V4, Vendor

pytestmark = pytest.mark.usefixtures("app_context")


def trouble(host: Host) -> str | None:
    host.db.session.rollback()
    return host.db.session.scalars(select(Provider.trouble)).one()


def test_a_person_whom_the_vendor_names_does_not_stand_in_a_providers_trouble(
    host: Host, requests_mock: Any
) -> None:
    host.add_provider("https://netverify.com", V4)
    requests_mock.register_uri(
        ANY, ANY, status_code=403, json={"message": "Lena Gruber may not be verified"}
    )
    with pytest.raises(VendorRefused) as refused:
        service.start(host.add_user("lena@example.com"), lena(), consent())
    assert "Lena Gruber" in refused.value.detail
    assert "it refuses access" in (trouble(host) or "")
    assert "Lena" not in (trouble(host) or "")
    told = [each.message for each in doctor.examine() if each.about.startswith("calls of")]
    assert "it refuses access" in told[0]
    assert "Lena" not in told[0]


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_side_road_that_is_closed_says_nothing_of_the_provider(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    row = verified(host, vendor, user)
    refused = {"kind": "403"}
    vendor.sandbox.set_faults([{**refused, "where": place} for place in ("image", "erase")])
    with pytest.raises(VendorRefused):
        service.image(row, "front", admin="7")
    service.erase(identity_of(host, user), **SIGNED)
    inbox.drain()
    assert vendor.asked("erase")
    assert trouble(host) is None


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_side_road_that_is_open_does_not_clear_what_a_start_has_met(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    row = verified(host, vendor, host.add_user("lena@example.com"))
    vendor.sandbox.set_faults([{"kind": "403", "where": "start"}])
    with pytest.raises(VendorRefused):
        service.start(host.add_user("other@example.com"), lena(id_number="U1"), consent())
    assert trouble(host)
    service.image(row, "front", admin="7")
    assert trouble(host)


def test_credentials_that_are_not_accepted_always_count(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, V4)
    row = verified(host, vendor, host.add_user("lena@example.com"))
    vendor.sandbox.set_faults([{"kind": "401", "where": "image"}])
    with pytest.raises(VendorRefused):
        service.image(row, "front", admin="7")
    assert "credentials" in (trouble(host) or "")
