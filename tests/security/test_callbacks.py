"""Callbacks are hints: no forged, replayed or moved one verifies anybody."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_idverify import clock, inbox, service
from flask_idverify.models import CallbackRow, Identity, Verification
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.security.stage import dump
from tests.vendor import GENERATIONS, PLATFORM, V4, Notification, Vendor, status, steps

pytestmark = pytest.mark.usefixtures("app_context")


def post(
    host: Host, told: Notification, *, provider: str | None = None, key: str | None = None
) -> TestResponse:
    """Post a notification at our door, with other keys if given."""
    path = f"/identity/callbacks/{provider or told.provider_key}/{key or told.key}"
    return host.app.test_client().post(path, data=told.body, content_type=told.content_type)


def begin(host: Host, email: str, **claim: str) -> Verification:
    return host.idverify.start(host.add_user(email), lena(**claim), consent())


def verified(host: Host) -> list[str]:
    """Return the user ids of everybody who is verified."""
    host.db.session.rollback()
    return [row.user_id for row in host.db.session.scalars(select(Identity)) if row.is_verified]


@pytest.mark.parametrize("kind", GENERATIONS)
@pytest.mark.parametrize("event", ["APPROVED_VERIFIED", "PROCESSED"])
def test_forged_callback_with_a_correct_body_verifies_nobody(
    host: Host, vendor: Vendor, kind: str, event: str
) -> None:
    host.add_provider(vendor.url, kind)
    row = begin(host, "lena@example.com")
    forged = vendor.notification(row.vendor_reference, event)
    before = dump(host)
    for wrong in ("x" * 43, row.id, row.reference, row.callback_key_digest, "%00", "'--"):
        assert post(host, forged, key=wrong).status_code == 404
        assert post(host, forged, provider=wrong).status_code == 404
    assert dump(host) == before
    assert not vendor.asked("status")
    # Even with both keys: what counts is what the vendor says when it is asked.
    assert post(host, forged).status_code == 200
    assert len(vendor.asked("status")) == 1
    assert status(host, row) is Status.started
    assert verified(host) == []
    # Control: the same body at the same door does verify once the vendor says so too.
    vendor.finish(row)
    assert post(host, forged).status_code == 200
    with clock.shifted(minutes=1):
        inbox.drain()
    assert verified(host) == [row.user_id]


@pytest.mark.parametrize("kind", GENERATIONS)
def test_replayed_callback_a_week_later_does_not_bring_an_approval_back(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    row = begin(host, "lena@example.com")
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    assert post(host, told).status_code == 200
    assert verified(host) == [row.user_id], "control: the genuine one verified"
    known = host.db.session.get_one(Identity, row.identity_id)
    service.reset(known, admin="7", reason="Somebody else's papers.")
    before, held = steps(host), dump(host)["idverify_identity"]
    with clock.shifted(days=7):
        for _ in range(3):
            assert post(host, told).status_code == 200
            inbox.drain()
        assert verified(host) == []
    assert steps(host) == before
    assert dump(host)["idverify_identity"] == held
    assert len(host.db.session.scalars(select(CallbackRow)).all()) == 1


@pytest.mark.parametrize("kind", GENERATIONS)
def test_replayed_callback_of_an_approval_that_the_vendor_took_back_does_not_hide_that(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind, policy={"on_reversal": "revoke"})
    row = begin(host, "lena@example.com")
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    assert post(host, told).status_code == 200
    assert verified(host) == [row.user_id]
    vendor.reverse(row, "fraud")
    host.idverify.refresh(row)
    assert verified(host) == []
    with clock.shifted(days=7):
        assert post(host, told).status_code == 200
        inbox.drain()
        assert verified(host) == []


@pytest.mark.parametrize("kind", GENERATIONS)
def test_swapped_verification_key_tells_us_about_our_own_attempt_only(
    host: Host, vendor: Vendor, kind: str
) -> None:
    """A's approved notification under B's key makes us ask about B, whom nobody has checked."""
    host.add_provider(vendor.url, kind)
    lenas = begin(host, "lena@example.com")
    others = begin(host, "mallory@example.com", id_number="M1", real_name="Mallory Meyer")
    vendor.finish(lenas)
    told = vendor.notification(lenas.vendor_reference)
    key = vendor.notification(others.vendor_reference).key
    assert post(host, told, key=key).status_code == 200
    asked = [entry["path"] for entry in vendor.asked("status")]
    assert asked
    assert all(str(others.vendor_reference) in path for path in asked)
    assert (status(host, lenas), status(host, others)) == (Status.started, Status.started)
    assert verified(host) == []
    assert post(host, told).status_code == 200
    assert verified(host) == [lenas.user_id], "control: under its own key it counts, for A"


@pytest.mark.parametrize("kind", GENERATIONS)
def test_swapped_verification_key_under_another_providers_key_is_unknown(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    other = host.add_provider(vendor.url, kind, name="Other", link=False)
    row = begin(host, "lena@example.com")
    vendor.finish(row)
    told, before = vendor.notification(row.vendor_reference), dump(host)
    assert post(host, told, provider=other.callback_key).status_code == 404
    assert dump(host) == before
    assert post(host, told).status_code == 200
    assert verified(host) == [row.user_id], "control: under both its keys it counts"


@pytest.mark.parametrize("kind", GENERATIONS)
def test_callback_of_user_as_verification_moved_to_b_is_not_adopted_by_b(
    host: Host, vendor: Vendor, kind: str
) -> None:
    """B's start lost its answer, so B has no vendor's id yet: A's real one must not become B's."""
    host.add_provider(vendor.url, kind)
    lenas = begin(host, "lena@example.com")
    others = begin(host, "mallory@example.com")
    key = vendor.notification(others.vendor_reference).key
    genuine = vendor.notification(others.vendor_reference)
    lose(host, others)
    vendor.finish(lenas)
    told = vendor.notification(lenas.vendor_reference)
    assert post(host, told, key=key).status_code == 200
    assert any(str(lenas.vendor_reference) in entry["path"] for entry in vendor.asked("status"))
    assert status(host, others) is Status.created
    assert (others.vendor_reference, others.account_id) == (None, None)
    assert verified(host) == []
    # Control: B's own notification is what B was waiting for.
    vendor.sandbox.complete(str(genuine_reference(vendor, key)), "approve")
    assert post(host, genuine).status_code == 200
    assert verified(host) == [others.user_id]


def lose(host: Host, row: Verification) -> None:
    """Leave the row as a process does that died before it could note the vendor's answer."""
    row.status, row.vendor_reference, row.account_id = Status.created, None, None
    row.link_expires_at = row.next_poll_at = None
    host.db.session.commit()


def genuine_reference(vendor: Vendor, key: str) -> Any:
    """Return the vendor's reference of the transaction whose callback URL holds *key*."""
    (found,) = [
        item["reference"]
        for item in vendor.sandbox.transactions()
        if str(item["callback_url"]).endswith(key)
    ]
    return found


def test_bare_callback_naming_another_providers_transaction_finds_nothing(
    host: Host, vendor: Vendor
) -> None:
    host.add_provider(vendor.url, V4)
    other = host.add_provider(vendor.url, PLATFORM, link=False)
    row = begin(host, "lena@example.com")
    vendor.finish(row)
    told = vendor.notification(row.vendor_reference)
    browser = host.app.test_client()

    def arrive(key: str) -> None:
        kind = told.content_type
        path = f"/identity/callbacks/{key}"
        assert browser.post(path, data=told.body, content_type=kind).status_code == 200

    arrive(other.callback_key)
    assert not vendor.asked("status")
    assert verified(host) == []
    arrive(told.provider_key)
    assert verified(host) == [row.user_id], "control: at its own provider it is found"
