"""The header and credential rules of references 2A.1, 2B.1 and 2B.2."""

from __future__ import annotations

import base64

import pytest
import requests

from .helpers import AGENT, JSON, PAIR, Client

DEFAULT_AGENTS = [
    "python-requests/2.32.3",
    "python-httpx/0.27.0",
    "Python/3.11 aiohttp/3.9.5",
    "Python-urllib/3.11",
    "curl/8.5.0",
    "Mozilla/5.0 (X11; Linux x86_64)",
    "ExampleApp/1.0",
    "ExampleCo ExampleApp",
    "",
]


@pytest.mark.parametrize("agent", [AGENT, "ExampleCo App/v2", "Example Co Ltd App/1.0 extra/2"])
def test_an_agent_that_names_company_and_application_is_served(client: Client, agent: str) -> None:
    assert client.v4("GET", "/api/netverify/v2/acceptedIdTypes", headers={"User-Agent": agent}).ok
    assert client.ask_token(headers={"User-Agent": agent}).ok


@pytest.mark.parametrize("agent", DEFAULT_AGENTS)
def test_a_default_user_agent_is_refused_with_403(client: Client, agent: str) -> None:
    headers = {"User-Agent": agent}
    answers = [
        client.v4("POST", "/api/v4/initiate", json=client.v4_body(), headers=headers),
        client.v4("GET", "/api/netverify/v2/acceptedIdTypes", headers=headers),
        client.ask_token(headers=headers),
        client.kyx("POST", "/api/v1/accounts", json=client.kyx_body(), headers=headers),
        requests.get(client.url, headers={**JSON, **headers}, timeout=5),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert client.sandbox.transactions() == []


def test_a_platform_error_has_title_status_and_detail(client: Client) -> None:
    answer = client.ask_token(headers={"User-Agent": "curl/8.5.0"})
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"title", "status", "detail"}
    assert (answer.json()["title"], answer.json()["status"]) == ("Forbidden", 403)


@pytest.mark.parametrize("accept", ["*/*", "text/html", None])
def test_a_request_that_does_not_accept_json_is_refused(client: Client, accept: str | None) -> None:
    headers = {"Accept": accept}
    ref = client.start_v4()
    ids = client.start_kyx()
    scan = client.v4("GET", f"/api/netverify/v2/scans/{ref}", headers=headers)
    path = f"/api/v1/accounts/{ids[0]}/workflow-executions/{ids[1]}/status"
    assert scan.status_code == 403
    assert client.kyx("GET", path, headers=headers).status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_does_not_call_itself_json_is_refused(client: Client, kind: str) -> None:
    headers = {"Content-Type": kind}
    v4 = client.v4("POST", "/api/v4/initiate", data=b"{}", headers=headers)
    kyx = client.kyx("POST", "/api/v1/accounts", data=b"{}", headers=headers)
    assert (v4.status_code, kyx.status_code) == (403, 400)


def test_a_chunked_body_is_refused(client: Client) -> None:
    headers = {"Content-Type": "application/json"}
    v4 = client.v4("POST", "/api/v4/initiate", data=iter([b"{}"]), headers=headers)
    kyx = client.kyx("POST", "/api/v1/accounts", data=iter([b"{}"]), headers=headers)
    assert (v4.status_code, kyx.status_code) == (403, 400)
    assert "Content-Length" in kyx.json()["detail"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    token = client.ask_token(data=iter([b"grant_type=client_credentials"]), headers=form)
    assert token.status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_refused_with_400(client: Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    v4 = client.v4("POST", "/api/v4/initiate", data=body, headers=headers)
    kyx = client.kyx("POST", "/api/v1/accounts", data=body, headers=headers)
    # An empty body has no length either, which the header rule finds first.
    assert v4.status_code in ({400, 403} if not body else {400})
    assert kyx.status_code == 400


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


BAD_CREDENTIALS = [
    None,
    basic("sandbox-id:wrong"),
    basic("wrong:sandbox-secret"),
    basic("sandbox-id"),
    "Basic !!!",
    "Bearer abc",
    "sandbox-id:sandbox-secret",
]


@pytest.mark.parametrize("authorization", BAD_CREDENTIALS)
def test_bad_basic_credentials_are_refused_with_401(
    client: Client, authorization: str | None
) -> None:
    headers = {**JSON, **({} if authorization is None else {"Authorization": authorization})}
    url = f"{client.url}/api/netverify/v2/acceptedIdTypes"
    assert requests.get(url, headers=headers, timeout=5).status_code == 401
    answer = requests.post(
        f"{client.url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers=headers,
        timeout=5,
    )
    assert answer.status_code == 401


def test_the_v4_refusal_can_be_switched_to_403(client: Client) -> None:
    client.sandbox.set_defaults(v4_auth_failure=403)
    url = f"{client.url}/api/netverify/v2/acceptedIdTypes"
    assert requests.get(url, headers=JSON, auth=("a", "b"), timeout=5).status_code == 403


def test_credentials_are_those_given_at_creation() -> None:
    from flask_idverify.sandbox import SandboxServer

    with SandboxServer(client_id="other-id", client_secret="other:secret") as server:
        url = f"{server.url}/api/netverify/v2/acceptedIdTypes"
        good = requests.get(url, headers=JSON, auth=("other-id", "other:secret"), timeout=5)
        bad = requests.get(url, headers=JSON, auth=PAIR, timeout=5)
    assert (good.status_code, bad.status_code) == (200, 401)


def test_the_token_endpoint_wants_its_grant_type_as_a_form(client: Client) -> None:
    assert client.ask_token().ok
    assert client.ask_token(data={"grant_type": "password"}).status_code == 400
    assert client.ask_token(data={}).status_code == 400
    as_json = {"Content-Type": "application/json"}
    body = '{"grant_type": "client_credentials"}'
    assert client.ask_token(data=body, headers=as_json).status_code == 400


def test_a_token_answer_has_the_documented_members(client: Client) -> None:
    body = client.ask_token().json()
    assert set(body) == {"access_token", "expires_in", "token_type"}
    assert body["token_type"] == "Bearer"
    assert 3599 <= body["expires_in"] <= 3600


def test_the_same_token_comes_again_with_less_life_left(client: Client) -> None:
    first = client.ask_token().json()
    client.sandbox.advance(600)
    second = client.ask_token().json()
    assert second["access_token"] == first["access_token"]
    assert 2998 <= second["expires_in"] <= 3000
    client.sandbox.advance(3000)
    third = client.ask_token().json()
    assert third["access_token"] != first["access_token"]


def test_an_expired_token_is_refused_with_401(client: Client) -> None:
    ids = client.start_kyx(tokenLifetime="1d")
    assert client.workflow(ids, "/status").ok
    client.sandbox.advance(3600)
    answer = client.workflow(ids, "/status")
    assert answer.status_code == 401
    assert answer.json() == {
        "title": "Unauthorized",
        "status": 401,
        "detail": "The access token is expired",
    }


@pytest.mark.parametrize("value", ["Bearer nonsense", "Bearer ", "nonsense", basic(":".join(PAIR))])
def test_only_a_bearer_token_of_ours_opens_the_platform(client: Client, value: str) -> None:
    answer = client.kyx(
        "POST", "/api/v1/accounts", json=client.kyx_body(), headers={"Authorization": value}
    )
    assert answer.status_code == 401


def test_revoked_tokens_are_refused(client: Client) -> None:
    ids = client.start_kyx()
    assert client.control("POST", "/tokens/revoke").ok
    assert client.workflow(ids).status_code == 401


def test_the_life_of_tokens_can_be_switched(client: Client) -> None:
    client.sandbox.set_defaults(token_expires_in=60)
    assert client.ask_token().json()["expires_in"] == 60


def test_unknown_api_paths_answer_in_their_generations_words(client: Client) -> None:
    assert client.kyx("GET", "/api/v1/nowhere").json()["title"] == "Not Found"
    assert client.kyx("PATCH", "/api/v1/accounts").json()["status"] == 405
    assert client.v4("GET", "/api/v4/nowhere").json()["httpStatus"] == "404"
    assert [entry["status"] for entry in client.sandbox.journal()][-3:] == [404, 405, 404]


def test_health_is_up_and_says_more_only_when_something_is_wrong(client: Client) -> None:
    assert requests.get(f"{client.url}/", headers=JSON, timeout=5).json() == {"status": "UP"}
    client.sandbox.set_defaults(health="DEGRADED", health_details={"callback": "DOWN"})
    assert requests.get(f"{client.url}/", headers=JSON, timeout=5).json() == {
        "status": "DEGRADED",
        "details": {"callback": "DOWN"},
    }
