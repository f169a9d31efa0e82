"""Faults on the vendor's API (reference 6.4)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from .helpers import JSON, Client


@pytest.mark.parametrize(
    ("kind", "status"), [("401", 401), ("403", 403), ("429", 429), ("5xx", 503), ("not_found", 404)]
)
def test_a_refusal_speaks_in_the_generations_words(client: Client, kind: str, status: int) -> None:
    ref = client.start_v4()
    ids = client.start_kyx()
    client.sandbox.add_fault(kind, where="status")
    v4, kyx = client.scan(ref), client.workflow(ids, "/status")
    assert (v4.status_code, kyx.status_code) == (status, status)
    assert v4.json()["httpStatus"] == str(status)
    assert kyx.json()["status"] == status
    assert client.scan(ref, "/data").status_code == 200


def test_a_fault_strikes_as_often_as_it_was_told(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.add_fault("5xx", where="status", times=2, code=502)
    assert [client.scan(ref).status_code for _ in range(3)] == [502, 502, 200]
    assert client.sandbox.faults() == []


def test_refusals_strike_one_after_the_other(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.set_faults([{"kind": "401", "times": 1}, {"kind": "429", "times": 1}])
    assert [client.scan(ref).status_code for _ in range(3)] == [401, 429, 200]


def test_a_rate_limit_may_say_when_to_come_back(client: Client) -> None:
    client.sandbox.set_faults([{"kind": "429", "times": 1, "retry_after": 7}])
    answer = client.create() if client.token else client.ask_token()
    assert answer.headers["Retry-After"] == "7"
    assert answer.json() == {
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Request limit exceeded",
    }
    client.sandbox.set_faults([{"kind": "429", "times": 1}])
    assert "Retry-After" not in client.ask_token().headers


def test_an_error_may_come_as_plain_text(client: Client) -> None:
    client.sandbox.add_fault("5xx", plain=True, times=1)
    answer = client.initiate()
    assert answer.headers["Content-Type"].startswith("text/plain")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


def test_a_refusal_leaves_no_trace_unless_it_comes_after(client: Client) -> None:
    client.sandbox.add_fault("5xx", where="start", times=1)
    assert client.initiate().status_code == 503
    assert client.sandbox.transactions() == []
    client.sandbox.add_fault("5xx", where="start", times=1, after=True)
    assert client.initiate().status_code == 503
    assert len(client.sandbox.transactions()) == 1


WHERE: list[tuple[str, str]] = [
    ("token", "/oauth2/token"),
    ("start", "/api/v4/initiate"),
    ("start", "/api/v1/accounts"),
    ("status", "/api/netverify/v2/scans/{ref}"),
    ("status", "/api/v1/accounts/{account}/workflow-executions/{workflow}/status"),
    ("details", "/api/netverify/v2/scans/{ref}/data"),
    ("details", "/api/netverify/v2/scans/{ref}/data/document"),
    ("details", "/api/v1/accounts/{account}/workflow-executions/{workflow}"),
    ("erase", "/api/netverify/v2/scans/{ref}"),
    ("erase", "/api/v1/accounts/{account}"),
    ("health", "/api/netverify/v2/acceptedIdTypes"),
    ("health", "/"),
    ("image", "/api/netverify/v2/scans/{ref}/images"),
]


@pytest.mark.parametrize(("where", "path"), WHERE)
def test_a_fault_strikes_only_where_it_was_laid(client: Client, where: str, path: str) -> None:
    account, workflow = client.start_kyx()
    ref = client.start_v4()
    client.sandbox.complete(ref)
    full = client.url + path.format(ref=ref, account=account, workflow=workflow)
    method = {"token": "POST", "start": "POST", "erase": "DELETE"}.get(where, "GET")
    others = [
        place
        for place in ("token", "start", "status", "details", "erase", "health", "image")
        if place != where
    ]
    client.sandbox.set_faults([{"kind": "5xx", "where": place} for place in others])
    assert requests.request(method, full, headers=JSON, timeout=5).status_code != 503
    client.sandbox.add_fault("5xx", where=where)
    assert requests.request(method, full, headers=JSON, timeout=5).status_code == 503


def test_spoiled_answers_are_not_what_they_should_be(client: Client) -> None:
    ref = client.start_v4()

    def spoiled(kind: str, **rest: Any) -> requests.Response:
        client.sandbox.set_faults([{"kind": kind, "times": 1, **rest}])
        return client.scan(ref)

    html = spoiled("html")
    assert (html.status_code, html.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert spoiled("empty").content == b""
    with pytest.raises(json.JSONDecodeError):
        json.loads(spoiled("malformed_json").text)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        spoiled("truncated")
    with pytest.raises(requests.ConnectionError):
        spoiled("reset")
    assert client.scan(ref).json()["status"] == "PENDING"


def test_a_redirect_points_elsewhere(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.add_fault("redirect", location="https://attacker.example/x", code=307)
    path = f"/api/netverify/v2/scans/{ref}"
    answer = client.v4("GET", path, allow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["Location"] == "https://attacker.example/x"


@pytest.mark.parametrize("field", ["web.href", "account.id", "workflowExecution", "web"])
def test_a_member_can_be_missing(client: Client, field: str) -> None:
    client.bearer()
    client.sandbox.add_fault("missing_field", where="start", field=field)
    body = client.create().json()
    *path, last = field.split(".")
    for name in path:
        body = body[name]
    assert last not in body


def test_a_lost_answer_does_not_undo_the_request(client: Client) -> None:
    client.sandbox.add_fault("reset", where="start", times=1)
    with pytest.raises(requests.ConnectionError):
        client.initiate()
    assert len(client.sandbox.transactions()) == 1


def test_latency_outlasts_an_impatient_client(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.add_fault("latency", seconds=0.6, where="status", times=1)
    with pytest.raises(requests.ReadTimeout):
        requests.get(
            f"{client.url}/api/netverify/v2/scans/{ref}",
            headers=JSON,
            auth=("sandbox-id", "sandbox-secret"),
            timeout=0.2,
        )


def test_a_dripping_answer_takes_its_time(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.add_fault("drip", seconds=0.4, where="status", times=1)
    started = time.monotonic()
    assert client.scan(ref).json()["status"] == "PENDING"
    assert time.monotonic() - started >= 0.35


def test_the_configured_latency_applies_to_every_answer(client: Client) -> None:
    client.sandbox.set_defaults(latency=0.2)
    started = time.monotonic()
    client.start_v4()
    assert time.monotonic() - started >= 0.15


def test_a_token_answer_may_lack_its_token(client: Client) -> None:
    client.sandbox.add_fault("bad_token", times=1)
    assert "access_token" not in client.ask_token().json()
    assert "access_token" in client.ask_token().json()


def test_a_token_may_be_short_lived(client: Client) -> None:
    client.sandbox.add_fault("short_token", times=1)
    answer = client.ask_token().json()
    assert answer["expires_in"] == 5
    client.token = answer["access_token"]
    assert client.create().ok
    client.sandbox.advance(5)
    assert client.create().status_code == 401


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ("latency", "faults"),
        ({}, "kind"),
        ({"kind": "earthquake"}, "kind"),
        ({"kind": "401", "where": "moon"}, "where"),
        ({"kind": "401", "times": 0}, "times"),
        ({"kind": "401", "times": True}, "times"),
        ({"kind": "401", "seconds": 1}, "seconds"),
        ({"kind": "latency"}, "seconds"),
        ({"kind": "latency", "seconds": "long"}, "seconds"),
        ({"kind": "5xx", "code": 404}, "code"),
        ({"kind": "redirect", "code": 200}, "code"),
        ({"kind": "redirect", "location": ""}, "location"),
        ({"kind": "missing_field"}, "field"),
        ({"kind": "429", "retry_after": -1}, "retry_after"),
        ({"kind": "callback_duplicate", "copies": 1}, "copies"),
        ({"kind": "callback_duplicate", "concurrent": 1}, "concurrent"),
        ({"kind": "callback_late"}, "seconds"),
    ],
)
def test_a_malformed_fault_is_refused_and_named(client: Client, fault: Any, field: str) -> None:
    answer = client.control("POST", "/faults", [fault])
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert client.sandbox.faults() == []


def test_faults_can_be_listed_replaced_added_and_lifted(client: Client) -> None:
    one = {"kind": "401", "where": "any", "times": None}
    two = {"kind": "latency", "where": "status", "times": 3, "seconds": 1}
    assert client.control("POST", "/faults", [one]).json() == {"faults": [one]}
    assert client.control("POST", "/faults", two).json() == {"faults": [one, two]}
    assert client.control("POST", "/faults", {"faults": [two]}).json() == {"faults": [two]}
    assert client.control("GET", "/faults").json() == {"faults": [two]}
    assert client.control("DELETE", "/faults").json() == {"faults": []}
    assert client.control("POST", "/faults", "401").status_code == 400


def test_faults_spare_the_control_api_and_the_page(client: Client) -> None:
    ref = client.start_v4()
    client.sandbox.add_fault("5xx")
    assert client.control("GET", "/transactions").ok
    link = client.sandbox.transaction(ref)["hosted_url"]
    assert requests.get(link, timeout=5).ok
