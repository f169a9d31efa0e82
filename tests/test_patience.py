"""Whoever looks at a page does not wait for a vendor in trouble, and spoils nothing by looking."""

from __future__ import annotations

import pytest

from flask_idverify import service
from flask_idverify.errors import VendorUnavailable
from flask_idverify.models import Verification
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, Vendor

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture(params=GENERATIONS)
def verification(request: pytest.FixtureRequest, host: Host, vendor: Vendor) -> Verification:
    host.add_provider(vendor.url, request.param)
    return host.idverify.start(host.add_user("lena@example.com"), lena(), consent())


def test_a_look_asks_a_failing_vendor_once(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    vendor.finish(verification)
    vendor.sandbox.add_fault("5xx", where="status", code=503, times=None)
    service.refresh_if_due(verification)
    assert len(vendor.asked("status")) == 1
    assert verification.status is Status.started
    assert "503" in (verification.vendor_message or "")
    assert verification.next_poll_at is not None


def test_a_refresh_of_the_worker_repeats(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    # Without real waiting: the adapter's seam for tests.
    adapter = host.app.extensions["idverify"].vendors.adapter(verification.provider)
    adapter.http.sleep = lambda _seconds: None
    vendor.finish(verification)
    vendor.sandbox.add_fault("5xx", where="status", code=503, times=None)
    with pytest.raises(VendorUnavailable):
        host.idverify.refresh(verification)
    assert len(vendor.asked("status")) > 1


def test_a_result_that_cannot_be_read_yet_is_no_end_for_a_look(
    host: Host, vendor: Vendor, verification: Verification
) -> None:
    vendor.finish(verification)
    vendor.sandbox.add_fault("not_found", where="details", times=1)
    service.refresh_if_due(verification)
    assert str(verification.status) == "started"
    host.idverify.refresh(verification)
    assert str(verification.status) == "approved"
