"""The vendor's *same face* findings: other users of ours are found, everybody else is dropped."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import clock, queries, service
from flask_idverify.models import AuditEntry, Base, Verification
from flask_idverify.service.related import LIMIT, resolve
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor

pytestmark = pytest.mark.usefixtures("app_context")

STRANGER = "77e0c1ab-4d2f-4f0a-9c3e-0b1d2e3f4a55"


def _start(host: Host, email: str, user: Any = None, **where: Any) -> Verification:
    user = user or host.add_user(email)
    return host.idverify.start(user, lena(), consent(), **where)


def _ended(host: Host, vendor: Vendor, email: str) -> Verification:
    row = _start(host, email)
    vendor.finish(row, "blurred")
    return host.idverify.refresh(row)


def _facts(host: Host, row: Verification) -> dict[str, Any]:
    entries = host.db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == f"verification.{row.status}")
    )
    (found,) = [one.facts for one in entries if one.facts["verification"] == row.id]
    return found


@pytest.mark.parametrize("kind", GENERATIONS)
def test_the_attempts_of_other_users_are_kept_and_audited(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    first, second = (_ended(host, vendor, f"{name}@example.com") for name in ("one", "two"))
    row = _start(host, "three@example.com")
    known = [second.vendor_reference or "", (first.vendor_reference or "").upper()]
    vendor.finish(row, "repeated-face", related=[STRANGER, *known, known[0]])
    host.idverify.refresh(row)
    assert row.status == "rejected"
    assert row.reasons == ["repeated_face_other_data"]
    assert row.related == [first.related_key, second.related_key]
    assert [found.id for found in queries.verification(row.id).related] == [first.id, second.id]
    assert _facts(host, row)["related"] == 2
    assert first.related == []


@pytest.mark.parametrize("kind", GENERATIONS)
def test_an_approval_tells_of_the_same_face_too(host: Host, vendor: Vendor, kind: str) -> None:
    host.add_provider(vendor.url, kind)
    other = _ended(host, vendor, "one@example.com")
    row = _start(host, "two@example.com")
    vendor.finish(row, "approve", related=[other.vendor_reference or ""])
    host.idverify.refresh(row)
    assert (row.status, row.related) == ("approved", [other.related_key])


@pytest.mark.parametrize("kind", GENERATIONS)
def test_the_users_own_attempts_and_unknown_ones_are_dropped(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("one@example.com")
    earlier = _start(host, "", user)
    vendor.finish(earlier, "blurred")
    host.idverify.refresh(earlier)
    row = _start(host, "", user)
    own = [earlier.vendor_reference or "", row.vendor_reference or ""]
    vendor.finish(row, "repeated-face", related=[*own, STRANGER])
    host.idverify.refresh(row)
    assert row.related == []
    assert "related" not in _facts(host, row)


def test_a_reference_counts_within_the_vendors_account_only(host: Host, vendor: Vendor) -> None:
    """The vendor compares the faces of an account; elsewhere the same id is another thing."""
    same = host.add_provider(vendor.url, V4, name="same account")
    other_type = host.add_provider(vendor.url, PLATFORM, name="other type", link=False)
    other_id = host.add_provider(vendor.url, V4, name="other id", client_id="x", link=False)
    second = host.add_provider(vendor.url, V4, name="second row", link=False)
    row = _start(host, "one@example.com")
    other = _start(host, "two@example.com")
    reference = other.vendor_reference or ""
    for provider, found in ((same, True), (other_type, False), (other_id, False), (second, True)):
        other.provider_id = provider.id
        host.db.session.commit()
        kept = resolve(host.db.session, row, [reference])
        assert kept == ([other.related_key] if found else []), provider.name


def test_thousands_of_findings_are_cut(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    other = _start(host, "one@example.com")
    row = _start(host, "two@example.com")
    reference = other.vendor_reference or ""
    found = resolve(host.db.session, row, [STRANGER] * (LIMIT - 1) + [reference])
    assert found == [other.related_key]
    assert resolve(host.db.session, row, [STRANGER] * LIMIT * 100 + [reference]) == []


def test_a_result_that_comes_too_late_changes_nothing(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    other = _ended(host, vendor, "one@example.com")
    row = _start(host, "two@example.com")
    vendor.finish(row, "repeated-face")
    host.idverify.refresh(row)
    with vendor.sandbox.lock:
        found = vendor.sandbox.find(row.vendor_reference or "")
        assert found is not None
        found.related = [other.vendor_reference or ""]
    host.idverify.refresh(row)
    assert row.related == []


def test_nothing_personal_goes_into_the_audit(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    other = _ended(host, vendor, "one@example.com")
    row = _start(host, "two@example.com")
    vendor.finish(row, "repeated-face", related=[other.vendor_reference or ""])
    host.idverify.refresh(row)
    told = json.dumps(_facts(host, row))
    assert other.user_id not in json.loads(told).values()
    for name in (other.vendor_reference, other.related_key, other.id, other.identity_id):
        assert (name or "?") not in told


def test_details_show_who_is_left_and_count_who_is_not(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    other = _ended(host, vendor, "one@example.com")
    row = _start(host, "two@example.com")
    vendor.finish(row, "repeated-face", related=[other.vendor_reference or ""])
    host.idverify.refresh(row)
    row.related = [*row.related, STRANGER]
    host.db.session.commit()
    detail = queries.verification(row.id)
    assert [found.id for found in detail.related] == [other.id]
    assert detail.related_gone == 1
    assert queries.verification(other.id).related == ()


@pytest.mark.parametrize("by", ["erasure", "retention"])
def test_nothing_leads_from_an_attempt_to_a_removed_one(
    host: Host, vendor: Vendor, by: str
) -> None:
    host.add_provider(vendor.url)
    earlier = _ended(host, vendor, "one@example.com")
    row = _start(host, "two@example.com")
    vendor.finish(row, "repeated-face", related=[earlier.vendor_reference or ""])
    host.idverify.refresh(row)
    assert queries.verification(row.id).related == [earlier], "control"
    if by == "erasure":
        service.erase(earlier.identity, actor="user")
    else:
        old = clock.now() - timedelta(days=400)
        host.db.session.execute(
            update(Verification).where(Verification.id == earlier.id).values(finished_at=old)
        )
        host.db.session.commit()
        settings = host.app.extensions["idverify"].settings
        days = dataclasses.replace(settings, retention_days=(("rejected", 90),))
        host.app.extensions["idverify"].settings = days
        service.purge()
    host.db.session.expire_all()
    assert earlier.erased_at is not None
    detail = queries.verification(row.id)
    assert (list(detail.related), detail.related_gone) == ([], 1)
    (left,) = row.related
    for table in Base.metadata.sorted_tables:
        for found in host.db.session.execute(select(table)).mappings():
            if found["id"] != row.id:
                assert left not in str(dict(found)), table.name
