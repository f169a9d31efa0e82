"""From the claim to the locked identity, for both generations, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.flows.conftest import World
from tests.flows.people import eventually

GENERATIONS = ["Jumio", "Jumio Platform"]

#: Scenario, then what becomes of the attempt: status, reason, retryable.
OUTCOMES = {
    "approve": ("approved", [], False),
    "face-mismatch": ("rejected", ["face_mismatch"], False),
    "face-unclear": ("in_review", ["face_not_comparable"], False),
    "spoof": ("rejected", ["selfie_spoof"], False),
    "fraud": ("rejected", ["document_manipulated"], False),
    "blurred": ("rejected", ["document_unreadable"], True),
    "unsupported": ("rejected", ["unsupported_document_type"], True),
}

Make = Callable[..., World]


def stored(world: World, verification_id: str) -> tuple[str, list[str], bool]:
    """Return what the database holds; the API tells the user less about fraud."""
    from flask_idverify.models import Verification

    with world.host.app.app_context():
        row = world.host.db.session.get(Verification, verification_id)
        assert row is not None
        return str(row.status), list(row.reasons), row.retryable


@pytest.mark.parametrize("provider_type", GENERATIONS)
@pytest.mark.parametrize("scenario", OUTCOMES)
def test_callback_makes_us_fetch_and_the_fetched_outcome_lands(
    make_world: Make, provider_type: str, scenario: str
) -> None:
    world = make_world(provider_type)
    person = world.person("lena@example.com")
    started = person.start()
    assert started.status_code == 201, started.text
    verification = started.json()["id"]
    world.control(f"transactions/{world.transaction(verification)}/complete", scenario=scenario)
    status, reasons, retryable = OUTCOMES[scenario]
    # Only the callback can bring the news here: nobody looks at the page meanwhile.
    eventually(lambda: stored(world, verification)[0], status)
    assert stored(world, verification) == (status, reasons, retryable)
    assert person.identity()["is_verified"] is (status == "approved")
    assert (person.get("/members", allow_redirects=False).status_code == 200) is (
        status == "approved"
    )


@pytest.mark.parametrize("provider_type", GENERATIONS)
def test_result_is_found_without_any_callback(make_world: Make, provider_type: str) -> None:
    world = make_world(provider_type)
    person = world.person("lena@example.com")
    verification = person.start().json()["id"]
    world.control("defaults", callbacks=False)
    world.control(f"transactions/{world.transaction(verification)}/complete", scenario="approve")
    assert stored(world, verification)[0] == "started"
    back = person.get(f"/identity/return/{verification}", allow_redirects=True)
    assert back.status_code == 200
    eventually(lambda: person.attempt(verification)["status"], "approved")


@pytest.mark.parametrize("provider_type", GENERATIONS)
def test_repeated_and_reordered_callbacks_change_nothing_twice(
    make_world: Make, provider_type: str
) -> None:
    world = make_world(provider_type)
    person = world.person("lena@example.com")
    verification = person.start().json()["id"]
    reference = world.transaction(verification)
    world.control(f"transactions/{reference}/complete", scenario="approve")
    eventually(lambda: stored(world, verification)[0], "approved")
    before = audit_of(world)
    world.control(f"transactions/{reference}/callback", times=3)
    if provider_type == "Jumio Platform":
        world.control(f"transactions/{reference}/callback", status="ACQUIRED")
    settled = world.control("settle", timeout=10)
    assert settled
    delivered = requests.get(
        f"{world.sandbox.url}/_sandbox/transactions/{reference}", timeout=10
    ).json()["callbacks"]
    assert len(delivered) >= 4
    assert {delivery["status"] for delivery in delivered} == {200}
    eventually(lambda: owed(world), 0)
    assert stored(world, verification)[0] == "approved"
    assert audit_of(world) == before


def audit_of(world: World) -> list[str]:
    from sqlalchemy import select

    from flask_idverify.models import AuditEntry

    with world.host.app.app_context():
        rows = world.host.db.session.scalars(select(AuditEntry).order_by(AuditEntry.at))
        return [row.action for row in rows]


def owed(world: World) -> int:
    from sqlalchemy import func, select

    from flask_idverify.models import CallbackRow

    with world.host.app.app_context():
        count = select(func.count()).where(CallbackRow.processed_at.is_(None))
        return world.host.db.session.scalar(count) or 0


@pytest.mark.parametrize("provider_type", GENERATIONS)
def test_second_verification_makes_no_vendor_call(make_world: Make, provider_type: str) -> None:
    world = make_world(provider_type)
    person = world.person("lena@example.com")
    verification = person.start().json()["id"]
    world.control(f"transactions/{world.transaction(verification)}/complete", scenario="approve")
    eventually(lambda: stored(world, verification)[0], "approved")
    world.control("settle", timeout=10)
    eventually(lambda: owed(world), 0)
    asked = journal(world)
    again = person.start()
    assert again.status_code == 409
    assert again.json()["code"] == "already_verified"
    assert journal(world) == asked


def journal(world: World) -> int:
    entries = requests.get(f"{world.sandbox.url}/_sandbox/journal", timeout=10).json()
    return len(entries["journal"])


def test_forged_callback_and_forged_return_verify_nobody(make_world: Make) -> None:
    world = make_world()
    person = world.person("lena@example.com")
    verification = person.start().json()["id"]
    reference = world.transaction(verification)
    details = requests.get(
        f"{world.sandbox.url}/_sandbox/transactions/{reference}", timeout=10
    ).json()
    callback_url = details["request"]["callbackUrl"]
    forged = {
        "callBackType": "NETVERIFYID",
        "jumioIdScanReference": reference,
        "verificationStatus": "APPROVED_VERIFIED",
        "idScanStatus": "SUCCESS",
        "identityVerification": '{"similarity": "MATCH", "validity": true}',
    }
    wrong_key = callback_url[:-3] + "abc"
    assert requests.post(wrong_key, data=forged, timeout=10).status_code == 404
    # Even with the right key the body decides nothing: the vendor is asked.
    assert requests.post(callback_url, data=forged, timeout=10).status_code == 200
    person.get(
        f"/identity/return/{verification}",
        params={"transactionStatus": "SUCCESS", "transactionReference": reference},
    )
    eventually(lambda: owed(world), 0)
    assert person.attempt(verification)["status"] == "started"
    assert person.identity()["is_verified"] is False


def test_bare_provider_address_is_matched_by_reference(make_world: Make) -> None:
    world = make_world("Jumio Platform")
    person = world.person("lena@example.com")
    verification = person.start().json()["id"]
    reference = world.transaction(verification)
    details = requests.get(
        f"{world.sandbox.url}/_sandbox/transactions/{reference}", timeout=10
    ).json()
    bare = details["request"]["callbackUrl"].rsplit("/", 1)[0]
    world.control(f"transactions/{reference}/complete", scenario="approve", callback=False)
    body = {"workflowExecution": {"id": reference, "status": "PROCESSED"}}
    assert requests.post(bare, json=body, timeout=10).status_code == 200
    eventually(lambda: stored(world, verification)[0], "approved")
    stranger = {"workflowExecution": {"id": "0" * 36, "status": "PROCESSED"}}
    assert requests.post(bare, json=stranger, timeout=10).status_code == 200
