"""The control API: what it does, and how it refuses what makes no sense."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from flask_idverify.sandbox import ControlError
from flask_idverify.sandbox.home import CONTROLS
from flask_idverify.sandbox.scenarios import SCENARIOS, choices, resolve

from .helpers import Client, Receiver


def test_transactions_are_listed_and_shown_as_received(client: Client) -> None:
    ref = client.start_v4(reportingCriteria="signup")
    ids = client.start_kyx()
    listed = client.control("GET", "/transactions").json()["transactions"]
    assert [item["reference"] for item in listed] == [ref, ids[1]]
    one = client.control("GET", f"/transactions/{ref}").json()
    assert one == listed[0]
    assert (one["generation"], one["status"], one["phase"]) == ("v4", "PENDING", "created")
    assert one["request"] == client.v4_body(reportingCriteria="signup")
    assert one["callbacks"] == []
    assert (listed[1]["generation"], listed[1]["account_id"]) == ("kyx", ids[0])


def test_completing_needs_no_browser(client: Client) -> None:
    ref = client.start_v4()
    answer = client.act(ref, "complete", scenario="approve", document={"last_name": "BEISPIEL"})
    assert (answer.json()["status"], answer.json()["scenario"]) == ("DONE", "approve")
    assert client.scan(ref, "/data/document").json()["lastName"] == "BEISPIEL"


def test_an_empty_body_is_as_good_as_an_empty_object(client: Client) -> None:
    ref = client.start_v4()
    assert client.control("POST", f"/transactions/{ref}/complete").status_code == 200


def test_null_members_count_as_absent(client: Client) -> None:
    ref = client.start_v4()
    answer = client.act(ref, "complete", scenario=None, document=None, callback=None)
    assert answer.json()["status"] == "DONE"


def test_planning_sets_the_ending_beforehand(client: Client) -> None:
    ref = client.start_v4()
    answer = client.act(
        ref, "plan", scenario="fraud", document={"number": "X9"}, processing_seconds=30
    )
    assert answer.json()["scenario"] == "fraud"
    client.act(ref, "complete")
    assert client.scan(ref).json()["status"] == "PENDING"
    client.sandbox.advance(30)
    body = client.scan(ref, "/data/document").json()
    assert (body["status"], body["number"]) == ("DENIED_FRAUD", "X9")


def test_default_document_fields_apply_to_all(client: Client) -> None:
    client.control("POST", "/defaults", {"document": {"last_name": "BEISPIEL"}})
    ref = client.start_v4()
    client.act(ref, "complete", document={"first_name": "ADA"})
    paper = client.scan(ref, "/data/document").json()
    assert (paper["firstName"], paper["lastName"]) == ("ADA", "BEISPIEL")


def test_defaults_can_be_read_and_set(client: Client) -> None:
    before = client.control("GET", "/defaults").json()
    assert (before["scenario"], before["processing_seconds"]) == ("approve", 0.0)
    after = client.control("POST", "/defaults", {"scenario": "fraud", "callbacks": False}).json()
    assert after == {**before, "scenario": "fraud", "callbacks": False}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scenario": "nonsense"}, "scenario"),
        ({"scenario": 5}, "scenario"),
        ({"document": []}, "document"),
        ({"document": {"shoe_size": "44"}}, "document.shoe_size"),
        ({"document": {"expiry": "soon"}}, "document.expiry"),
        ({"document": {"number": 5}}, "document.number"),
        ({"document": {"number": "\ud800"}}, "document.number"),
        ({"processing_seconds": -1}, "processing_seconds"),
        ({"processing_seconds": "5"}, "processing_seconds"),
        ({"processing_seconds": True}, "processing_seconds"),
        ({"callbacks": 1}, "callbacks"),
        ({"v4_auth_failure": 404}, "v4_auth_failure"),
        ({"create_status": 200.0}, "create_status"),
        ({"token_expires_in": 0}, "token_expires_in"),
        ({"expired_details": "gone"}, "expired_details"),
        ({"health": "FINE"}, "health"),
        ({"health_details": {"moon": "UP"}}, "health_details"),
        ({"colour": "red"}, "colour"),
        ([], None),
    ],
    ids=str,
)
def test_a_wrong_default_is_refused_and_named(client: Client, body: Any, field: str | None) -> None:
    before = client.sandbox.defaults()
    answer = client.control("POST", "/defaults", body)
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert answer.json()["error"]
    assert client.sandbox.defaults() == before


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("complete", {"scenario": "nonsense"}, "scenario"),
        ("complete", {"scenario": "watchlist"}, "scenario"),
        ("complete", {"scenario": ""}, "scenario"),
        ("complete", {"document": "x"}, "document"),
        ("complete", {"document": {"colour": "red"}}, "document.colour"),
        ("complete", {"callback": "yes"}, "callback"),
        ("complete", {"colour": "red"}, "colour"),
        ("complete", [], None),
        ("plan", {"processing_seconds": -1}, "processing_seconds"),
        ("open", {"scenario": "approve"}, "scenario"),
        ("abandon", {"attempts": 4}, "attempts"),
        ("abandon", {"attempts": 1.5}, "attempts"),
        ("expire", {"now": True}, "now"),
        ("wipe", {"gone": "yes"}, "gone"),
        ("reverse", {}, "scenario"),
        ("callback", {}, "url"),
        ("callback", {"times": 0}, "times"),
        ("callback", {"times": 21}, "times"),
        ("callback", {"body": []}, "body"),
        ("callback", {"raw": 5}, "raw"),
        ("callback", {"without": "status"}, "without"),
        ("callback", {"status": ""}, "status"),
        ("callback", {"delay": "soon"}, "delay"),
    ],
    ids=str,
)
def test_a_wrong_member_is_refused_and_named(
    client: Client, action: str, body: Any, field: str | None
) -> None:
    ref = client.start_v4()
    before = client.sandbox.transaction(ref)
    answer = client.control("POST", f"/transactions/{ref}/{action}", body)
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert client.sandbox.transaction(ref) == before


@pytest.mark.parametrize(
    "action", ["complete", "plan", "open", "abandon", "expire", "wipe", "reverse", "callback"]
)
def test_an_unknown_transaction_is_404(client: Client, action: str) -> None:
    body = {"scenario": "approve"} if action == "reverse" else {}
    answer = client.control("POST", f"/transactions/{uuid4()}/{action}", body)
    assert answer.status_code == 404
    assert client.control("GET", f"/transactions/{uuid4()}").status_code == 404


@pytest.mark.parametrize("action", ["complete", "plan", "open", "abandon", "expire"])
def test_a_finished_transaction_cannot_be_moved_again(client: Client, action: str) -> None:
    ref = client.start_v4()
    client.act(ref, "complete")
    answer = client.act(ref, action)
    assert answer.status_code == 409
    assert "reverse" in answer.json()["error"]


@pytest.mark.parametrize("action", ["complete", "abandon", "expire"])
def test_pictures_handed_in_cannot_be_taken_back(client: Client, action: str) -> None:
    client.sandbox.set_defaults(processing_seconds=60)
    ref = client.start_v4()
    client.act(ref, "complete")
    assert client.act(ref, action).status_code == 409


def test_only_a_finished_transaction_can_be_reversed(client: Client) -> None:
    ref = client.start_v4()
    assert client.act(ref, "reverse", scenario="fraud").status_code == 409


@pytest.mark.parametrize("body", [{}, {"advance": -1}, {"advance": "1"}, {"advance": None}])
def test_the_clock_only_moves_forward(client: Client, body: dict[str, Any]) -> None:
    assert client.control("POST", "/clock", body).status_code == 400


def test_the_clock_can_be_advanced_and_read(client: Client) -> None:
    before = client.control("GET", "/clock").json()["now"]
    after = client.control("POST", "/clock", {"advance": 86400}).json()["now"]
    assert after[:10] > before[:10]


def test_the_journal_keeps_requests_without_their_secrets(client: Client) -> None:
    client.start_v4(userReference="vu_journal")
    client.start_kyx()
    entries = client.control("GET", "/journal").json()["journal"]
    assert [(item["method"], item["path"], item["status"]) for item in entries] == [
        ("POST", "/api/v4/initiate", 200),
        ("POST", "/oauth2/token", 200),
        ("POST", "/api/v1/accounts", 200),
    ]
    assert [item["where"] for item in entries] == ["start", "token", "start"]
    assert entries[0]["json"]["userReference"] == "vu_journal"
    shown = [item["headers"]["Authorization"] for item in entries]
    assert shown == ["Basic ***", "Basic ***", "Bearer ***"]
    assert client.bearer() not in str(entries)
    assert entries[0]["headers"]["User-Agent"] == "ExampleCo IdentityGate/1.0"
    assert client.control("DELETE", "/journal").json() == {"journal": []}
    assert client.sandbox.journal() == []


def test_refused_requests_are_in_the_journal_too(client: Client) -> None:
    client.sandbox.add_fault("5xx", times=1)
    client.initiate()
    client.initiate(userReference=...)
    found = [(item["status"], item["faults"]) for item in client.sandbox.journal()]
    assert found == [(503, ["5xx"]), (400, [])]


def test_settle_tells_what_was_delivered(client: Client, receiver: Receiver) -> None:
    client.act(client.start_v4(callbackUrl=receiver.url), "complete")
    answer = client.control("POST", "/settle", {"timeout": 5}).json()
    assert answer == {"settled": True, "running": 0, "waiting": 0, "delivered": 1, "failed": 0}
    assert client.control("POST", "/settle", {"timeout": "long"}).status_code == 400


def test_reset_starts_afresh(client: Client) -> None:
    client.start_kyx()
    client.sandbox.set_defaults(scenario="fraud")
    client.sandbox.add_fault("401", where="erase")
    now = client.sandbox.clock.now()
    client.sandbox.advance(86400)
    assert client.control("POST", "/reset").ok
    assert client.sandbox.transactions() == []
    assert client.sandbox.journal() == []
    assert client.sandbox.faults() == []
    assert client.sandbox.defaults()["scenario"] == "approve"
    assert (client.sandbox.clock.now() - now).total_seconds() < 3600
    assert client.create().status_code == 401


def test_scenarios_are_listed_with_their_generations(client: Client) -> None:
    listed = client.control("GET", "/scenarios").json()["scenarios"]
    assert {item["name"] for item in listed} == set(SCENARIOS)
    found = {item["name"]: item["generations"] for item in listed}
    assert (found["approve"], found["watchlist"]) == (["v4", "kyx"], ["kyx"])
    assert "never-opened" not in {item.name for item in choices("kyx")}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Approve",
        "v4:",
        "v4:reject",
        "v4:reject:abc",
        "v4:reject:100:x",
        "v4:reject:100:1001:2",
        "v4:face",
        "v4:face:MATCH:x",
        "v4:face:validity:A:B",
        "v4:status",
        "v4:colour:red",
        "kyx:",
        "kyx:liveness",
        "kyx:colour:RED",
        "kyx:liveness:X:MAYBE",
        "kyx:liveness:X:WARNING:Y",
        "kyx:decision",
        "kyx:status:",
        "kyx:missing:colour",
        "kyx:liveness:X+",
        "x" * 256,
        None,
    ],
)
def test_a_name_that_means_nothing_is_refused(name: Any) -> None:
    with pytest.raises(ControlError):
        resolve(name)


@pytest.mark.parametrize("body", ["{", "[" * 100_000])
def test_a_body_that_is_not_json_is_refused(client: Client, body: str) -> None:
    import requests

    url = f"{client.url}/_sandbox/defaults"
    answer = requests.post(url, data=body, timeout=5)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


def test_unknown_control_paths_answer_in_json(client: Client) -> None:
    assert client.control("GET", "/nowhere").json()["field"] is None
    assert client.control("PUT", "/reset").status_code == 405


def test_the_home_page_knows_every_control_call(client: Client) -> None:
    from flask_idverify.sandbox import create_sandbox

    rules = {
        (method, rule.rule)
        for rule in create_sandbox().url_map.iter_rules()
        if rule.endpoint.startswith("control.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    listed = {(method, path) for methods, path, _ in CONTROLS for method in methods.split(", ")}
    assert listed == rules


def test_in_process_calls_refuse_what_the_api_refuses(client: Client) -> None:
    ref = client.start_v4()
    with pytest.raises(ControlError) as caught:
        client.sandbox.complete(ref, "nonsense")
    assert (caught.value.field, caught.value.status) == ("scenario", 400)
    with pytest.raises(ControlError) as caught:
        client.sandbox.open("nowhere")
    assert caught.value.status == 404
