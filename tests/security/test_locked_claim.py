"""Locked fields, through our own doors: neither the form nor the API changes a verified claim."""

from __future__ import annotations

import pytest

from tests.hosts import Host, lena
from tests.security.stage import TYPED, Member, dump
from tests.vendor import Vendor

CHANGES = [
    {"real_name": "Mallory Meyer"},
    {"id_number": "M1"},
    {"country": "DEU"},
    {"id_type": "id_card"},
]


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: next(iter(changed)))
@pytest.mark.parametrize("application", ["default", "stricter"])
def test_locked_claim_is_not_changed_by_form_or_api(
    host: Host, vendor: Vendor, changed: dict[str, str], application: str
) -> None:
    """Not for the application that is satisfied, and not for one that asks for more."""
    person, free = Member(host, "lena@example.com"), Member(host, "free@example.com")
    with host.app.app_context():
        host.add_provider(vendor.url)
        host.idverify.link("Jumio test", "stricter", policy={"minimum_age": 99})
        host.db.session.commit()
        row = host.idverify.start(person.row(), lena())
        vendor.finish(row)
        host.idverify.refresh(row)
    wanted = {"application": application}
    claim = {**lena().to_dict(), **changed}
    asked = len(vendor.asked())
    before = [row for row in dump(host)["idverify_identity"] if row["user_id"] == str(person.id)]
    answer = person.send("POST", "/identity/", data={**TYPED, **changed, **wanted})
    assert answer.status_code == 409
    body = {"claim": claim, "consent": {"given": True, "country": "AUT"}, **wanted}
    answer = person.send("POST", "/identity/api/verifications", json=body)
    assert answer.status_code == 409
    assert answer.get_json()["code"] in ("already_verified", "identity_locked")
    assert len(vendor.asked()) == asked, "nothing was sent to the vendor"
    after = [row for row in dump(host)["idverify_identity"] if row["user_id"] == str(person.id)]
    assert after == before
    assert stated(person) == lena().to_dict()
    # Control: the same requests of somebody who is not verified are taken.
    assert free.send("POST", "/identity/api/verifications", json=body).status_code == 201
    assert free.send("POST", "/identity/", data={**TYPED, **changed, **wanted}).status_code == 303
    assert stated(free) == claim


def stated(person: Member) -> dict[str, str]:
    """Return the claim that the person's identity holds."""
    with person.host.app.app_context():
        known = person.host.idverify.identity_of(person.row())
        assert known is not None
        assert known.claim is not None
        return known.claim.to_dict()
