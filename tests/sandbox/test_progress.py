"""How time and users move a transaction on (references 2A.9, 2B.10, 6.2), by the test clock."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from flask_idverify.sandbox.clock import parse_stamp

from .helpers import Client, Receiver


def status_of(client: Client, ids: tuple[str, str]) -> str:
    return str(client.workflow(ids, "/status").json()["workflowExecution"]["status"])


def when(text: str) -> datetime:
    return parse_stamp(text)


def test_the_platform_goes_through_all_its_states(client: Client, receiver: Receiver) -> None:
    client.sandbox.set_defaults(processing_seconds=20, acquisition_started_callback=True)
    ids = client.start_kyx(callbackUrl=receiver.url)
    assert status_of(client, ids) == "INITIATED"
    client.sandbox.open(ids[1])
    assert status_of(client, ids) == "ACQUISITION_STARTED"
    client.sandbox.complete(ids[1])
    assert status_of(client, ids) == "ACQUIRED"
    assert client.details(ids)["workflow"]["status"] == "ACQUIRED"
    client.sandbox.advance(19)
    assert status_of(client, ids) == "ACQUIRED"
    client.sandbox.advance(1)
    assert status_of(client, ids) == "PROCESSED"
    client.sandbox.settle()
    assert receiver.statuses() == ["ACQUISITION_STARTED", "ACQUIRED", "PROCESSED"]


def test_netverify_is_pending_until_processing_is_over(client: Client, receiver: Receiver) -> None:
    client.sandbox.set_defaults(processing_seconds=20)
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.open(ref)
    client.sandbox.complete(ref)
    assert client.scan(ref).json()["status"] == "PENDING"
    client.sandbox.settle()
    assert receiver.got == []
    client.sandbox.advance(20)
    assert client.scan(ref).json()["status"] == "DONE"
    client.sandbox.settle()
    assert len(receiver.got) == 1


def test_the_result_arrives_by_itself_in_real_time(client: Client, receiver: Receiver) -> None:
    client.sandbox.set_defaults(processing_seconds=0.2)
    ids = client.start_kyx(callbackUrl=receiver.url)
    client.sandbox.complete(ids[1])
    for _ in range(200):
        if len(receiver.got) == 2:
            break
        client.sandbox.closed.wait(0.02)
    assert receiver.statuses() == ["ACQUIRED", "PROCESSED"]


@pytest.mark.parametrize(("given", "minutes"), [({}, 30), ({"tokenLifetimeInMinutes": 5}, 5)])
def test_a_v4_link_nobody_opens_fails_when_its_life_is_over(
    client: Client, receiver: Receiver, given: dict[str, int], minutes: int
) -> None:
    ref = client.start_v4(callbackUrl=receiver.url, **given)
    client.sandbox.advance(minutes * 60 - 5)
    assert client.scan(ref).json()["status"] == "PENDING"
    client.sandbox.advance(5)
    assert client.scan(ref).json()["status"] == "FAILED"
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert (form["verificationStatus"], form["idScanSource"]) == ("NO_ID_UPLOADED", "WEB")
    assert "firstAttemptDate" not in form
    elapsed = when(form["callbackDate"]) - when(form["transactionDate"])
    assert elapsed == timedelta(minutes=minutes)


@pytest.mark.parametrize(("given", "seconds"), [({}, 1800), ({"tokenLifetime": "1d"}, 86400)])
def test_a_platform_link_nobody_opens_expires_when_its_life_is_over(
    client: Client, receiver: Receiver, given: dict[str, str], seconds: int
) -> None:
    ids = client.start_kyx(callbackUrl=receiver.url, **given)
    client.sandbox.advance(seconds - 5)
    assert client.sandbox.transaction(ids[1])["status"] == "INITIATED"
    client.sandbox.advance(5)
    client.sandbox.settle()
    assert receiver.statuses() == ["TOKEN_EXPIRED"]
    assert client.sandbox.transaction(ids[1])["status"] == "TOKEN_EXPIRED"


def test_a_session_ends_after_fifteen_idle_minutes(client: Client, receiver: Receiver) -> None:
    ids = client.start_kyx(callbackUrl=receiver.url, tokenLifetime="5m")
    client.sandbox.open(ids[1])
    client.sandbox.advance(14 * 60)
    assert status_of(client, ids) == "ACQUISITION_STARTED"
    client.sandbox.open(ids[1])
    client.sandbox.advance(14 * 60)
    # Every action opens the window anew, even past the life of the link.
    assert status_of(client, ids) == "ACQUISITION_STARTED"
    client.sandbox.advance(60)
    assert status_of(client, ids) == "SESSION_EXPIRED"
    client.sandbox.settle()
    assert receiver.statuses() == ["SESSION_EXPIRED"]


def test_leaving_during_the_first_v4_attempt_fails(client: Client, receiver: Receiver) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.complete(ref, "drop-off")
    assert client.scan(ref).json()["status"] == "PENDING"
    client.sandbox.advance(15 * 60)
    assert client.scan(ref).json()["status"] == "FAILED"
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert (form["verificationStatus"], form["idScanSource"]) == ("NO_ID_UPLOADED", "WEB_CAM")


@pytest.mark.parametrize("attempt", [2, 3])
def test_leaving_during_a_later_v4_attempt_keeps_the_earlier_reason(
    client: Client, receiver: Receiver, attempt: int
) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    assert client.act(ref, "abandon", attempts=attempt).json()["status"] == "DONE"
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert form["verificationStatus"] == "ERROR_NOT_READABLE_ID"
    assert json.loads(form["rejectReason"])["rejectReasonCode"] == "200"
    assert "firstAttemptDate" in form


def test_never_opened_waits_for_the_link_to_expire(client: Client) -> None:
    ids = client.start_kyx()
    client.sandbox.complete(ids[1], "never-opened")
    assert status_of(client, ids) == "INITIATED"
    client.sandbox.advance(1800)
    assert status_of(client, ids) == "TOKEN_EXPIRED"


def test_drop_off_waits_for_the_idle_window(client: Client) -> None:
    ids = client.start_kyx()
    client.sandbox.complete(ids[1], "drop-off")
    assert status_of(client, ids) == "ACQUISITION_STARTED"
    client.sandbox.advance(900)
    assert status_of(client, ids) == "SESSION_EXPIRED"


def test_a_forced_expiry_is_dated_when_the_life_of_the_link_ends(
    client: Client, receiver: Receiver
) -> None:
    ref = client.start_v4(callbackUrl=receiver.url, tokenLifetimeInMinutes=60)
    assert client.act(ref, "expire").json()["status"] == "FAILED"
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert when(form["callbackDate"]) - when(form["transactionDate"]) == timedelta(minutes=60)


def test_completion_is_dated_when_it_fell_due_not_when_it_was_noticed(client: Client) -> None:
    client.sandbox.set_defaults(processing_seconds=10)
    ids = client.start_kyx(tokenLifetime="60d")
    client.sandbox.complete(ids[1])
    client.sandbox.advance(1000)
    body = client.details(ids)
    assert when(body["completedAt"]) - when(body["startedAt"]) == timedelta(seconds=10)


def test_a_delay_in_the_label_overrides_the_processing_time(client: Client) -> None:
    ids = client.start_kyx(reportingCriteria="sim:scenario=fraud;delay=8")
    client.sandbox.complete(ids[1])
    assert status_of(client, ids) == "ACQUIRED"
    client.sandbox.advance(8)
    assert client.details(ids)["decision"]["type"] == "REJECTED"


def test_the_scenario_is_chosen_in_order_of_precedence(client: Client) -> None:
    def ends(label: str | None, plan: str | None, given: str | None) -> str:
        extra = {} if label is None else {"reportingCriteria": f"sim:scenario={label}"}
        ref = client.start_v4(**extra)
        if plan is not None:
            client.sandbox.plan(ref, scenario=plan)
        client.sandbox.complete(ref, given)
        return str(client.sandbox.transaction(ref)["scenario"])

    client.sandbox.set_defaults(scenario="blurred")
    assert ends(None, None, None) == "blurred"
    assert ends("fraud", None, None) == "fraud"
    assert ends("fraud", "spoof", None) == "spoof"
    assert ends("fraud", "spoof", "unsupported") == "unsupported"


def test_a_default_of_the_other_generation_means_approve(client: Client) -> None:
    client.sandbox.set_defaults(scenario="watchlist")
    ref = client.start_v4()
    assert client.sandbox.complete(ref)["scenario"] == "approve"
    assert client.sandbox.complete(client.start_kyx()[1])["scenario"] == "watchlist"


def test_erased_data_leave_a_platform_body_then_nothing(client: Client) -> None:
    ids = client.start_kyx(tokenLifetime="60d")
    client.sandbox.complete(ids[1], "wiped")
    assert "wipedOutAt" not in client.details(ids)
    client.sandbox.advance(14 * 60)
    body = client.details(ids)
    assert when(body["wipedOutAt"]) - when(body["completedAt"]) == timedelta(minutes=14)
    assert all("parts" not in item for item in body["credentials"])
    assert "data" not in body["capabilities"]["extraction"][0]
    assert "GRUBER" not in json.dumps(body)
    client.sandbox.advance(14 * 60)
    assert client.workflow(ids).status_code == 404


def test_erased_v4_data_are_404_at_once(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.complete(ref, "wiped")
    assert client.scan(ref, "/data").status_code == 200
    client.sandbox.advance(14 * 60)
    assert client.scan(ref).status_code == 404


def test_the_control_call_erases_at_once(client: Client) -> None:
    ids, ref = client.start_kyx(), client.start_v4()
    for each in (ids[1], ref):
        client.sandbox.complete(each)
        assert client.act(each, "wipe").json()["wiped"] is True
    assert "wipedOutAt" in client.details(ids)
    assert client.scan(ref).status_code == 404
    client.act(ids[1], "wipe", gone=True)
    assert client.workflow(ids).status_code == 404


def test_retention_ends_after_360_days(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.complete(ref)
    client.sandbox.advance(359 * 86400)
    assert client.scan(ref).status_code == 200
    client.sandbox.advance(86400)
    assert client.scan(ref).status_code == 404
