"""The rules of the account request (reference 2B.3), each beside its positive control."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from .helpers import CONSENT, Client

HOST = "https://id.example.com"


def ago(**amount: float) -> str:
    moment = datetime.now(timezone.utc) - timedelta(**amount)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def named(value: Any) -> str:
    """Name a case without its moments: another process has others, and must have the same names."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "then", str(value))


def consent(country: str = "AUT", **rest: Any) -> dict[str, Any]:
    location = {"country": country, **rest.pop("location", {})}
    return {"userConsent": {**CONSENT, "userLocation": location, **rest}}


def workflow(key: Any = 10011, **rest: Any) -> dict[str, Any]:
    return {"workflowDefinition": {"key": key, **rest}}


def credential(**members: Any) -> dict[str, Any]:
    return workflow(credentials=[{"category": "ID", **members}])


def padded(length: int) -> str:
    start = f"{HOST}/"
    return start + "a" * (length - len(start))


IL = {"state": "IL"}
YES = {"obtained": "yes", "obtainedAt": ago(days=1)}
PRESET = {
    "country": {"predefinedType": "RECOMMENDED", "values": ["AUT"]},
    "type": {"predefinedType": "DEFINED", "values": ["PASSPORT"]},
}

GOOD: list[dict[str, Any]] = [
    {},
    {"customerInternalReference": "a" * 100, "userReference": ...},
    {"reportingCriteria": "c" * 255},
    workflow("10547"),
    workflow(32),
    *({**workflow(key), "userConsent": ...} for key in (1, 2, 10010, 10026, 10170)),
    *({"tokenLifetime": value} for value in ("5m", "300s", "60m", "1d", "60d", "+30m", "24h")),
    {"callbackUrl": padded(255)},
    {"web": {"successUrl": padded(255), "errorUrl": padded(255), "locale": "de"}},
    {"web": {"locale": "en-US"}},
    {"web": {}},
    credential(),
    credential(**PRESET),
    workflow(credentials=[{"category": "FACEMAP", "type": {"values": ["JUMIO_STANDARD"]}}]),
    workflow(capabilities={"watchlistScreening": {"searchProfile": "x"}}),
    consent("USA", location=IL, consent=YES),
    consent("USA", location=IL, consent={"obtained": "na"}),
    consent("USA", location=IL, consent={"obtained": "no"}),
    consent("CAN", location={"state": "QC"}),
    consent("AUT", consent={"obtained": "yes", "obtainedAt": "2026-01-01T00:00:00.5Z"}),
    {"userConsent": {**CONSENT, "userIp": "2001:db8::1"}},
]

BAD: list[tuple[str, dict[str, Any]]] = [
    ("customerInternalReference", {"customerInternalReference": ...}),
    ("customerInternalReference", {"customerInternalReference": ""}),
    ("customerInternalReference", {"customerInternalReference": "a" * 101}),
    *(("customerInternalReference", {"customerInternalReference": f"a{c}"}) for c in '<>"/;`%{}|'),
    ("userReference", {"userReference": "a" * 101}),
    ("userReference", {"userReference": 5}),
    ("userReference", {**workflow(32), "userReference": ...}),
    ("reportingCriteria", {"reportingCriteria": "c" * 256}),
    ("callbackUrl", {"callbackUrl": padded(256)}),
    ("callbackUrl", {"callbackUrl": "http://id.example.com/x"}),
    ("web.successUrl", {"web": {"successUrl": padded(256)}}),
    ("web.errorUrl", {"web": {"errorUrl": padded(256)}}),
    ("web.errorUrl", {"web": {"errorUrl": f"{HOST}:8443/"}}),
    ("web.locale", {"web": {"locale": "sw"}}),
    ("web.locale", {"web": {"locale": "en-AU"}}),
    ("web", {"web": "x"}),
    ("successUrl", {"successUrl": HOST}),
    ("errorUrl", {"errorUrl": HOST}),
    ("locale", {"locale": "de"}),
    ("tokenLifetimeInMinutes", {"tokenLifetimeInMinutes": 30}),
    ("workflowId", {"workflowId": 200}),
    ("presets", {"presets": []}),
    ("workflowDefinition", {"workflowDefinition": ...}),
    ("workflowDefinition", {"workflowDefinition": 10011}),
    ("workflowDefinition.key", {"workflowDefinition": {}}),
    ("workflowDefinition.key", workflow(True)),
    ("workflowDefinition.key", workflow(1.5)),
    ("workflowDefinition.key", workflow("abc")),
    ("workflowDefinition.key", workflow(0)),
    ("workflowDefinition.capabilities", workflow(capabilities=[])),
    ("workflowDefinition.credentials", workflow(credentials={})),
    ("workflowDefinition.credentials[0]", workflow(credentials=["ID"])),
    ("workflowDefinition.credentials[0].category", credential(category="PAPER")),
    ("workflowDefinition.credentials[0].country.values", credential(country={"values": ["AT"]})),
    ("workflowDefinition.credentials[0].country.values", credential(country={"values": "AUT"})),
    ("workflowDefinition.credentials[0].type.values", credential(type={"values": ["BADGE"]})),
    (
        "workflowDefinition.credentials[0].type.predefinedType",
        credential(type={"predefinedType": "FIXED", "values": ["PASSPORT"]}),
    ),
    *(
        ("tokenLifetime", {"tokenLifetime": value})
        for value in ("4m", "299s", "61d", "-30m", "30", "30 m", "1w", "30m ", 30)
    ),
    ("userConsent", {"userConsent": ...}),
    ("userConsent", {**workflow(10163), "userConsent": ...}),
    ("userConsent", {"userConsent": "yes"}),
    ("userConsent.userIp", {"userConsent": {"userLocation": {"country": "AUT"}}}),
    ("userConsent.userIp", {"userConsent": {**CONSENT, "userIp": "nowhere"}}),
    ("userConsent.userLocation", {"userConsent": {"userIp": "203.0.113.24"}}),
    ("userConsent.userLocation.country", consent("AT")),
    ("userConsent.userLocation.country", {"userConsent": {**CONSENT, "userLocation": {}}}),
    *(("userConsent.userLocation.state", consent(country)) for country in ("USA", "CAN", "AUS")),
    (
        "userConsent.userLocation.state",
        consent("USA", location={"state": "US-IL"}, consent=YES),
    ),
    ("userConsent.consent", consent("USA", location=IL)),
    ("userConsent.consent.obtained", consent("USA", location=IL, consent={})),
    ("userConsent.consent.obtained", consent("USA", location=IL, consent={"obtained": "YES"})),
    ("userConsent.consent.obtainedAt", consent("USA", location=IL, consent={"obtained": "yes"})),
    *(
        ("userConsent.consent.obtainedAt", consent(consent={"obtained": "yes", "obtainedAt": when}))
        for when in ("yesterday", "2026-01-01", "2026-01-01T00:00:00", ago(days=1100), ago(days=-1))
    ),
]


@pytest.mark.parametrize("changes", GOOD, ids=named)
def test_a_proper_request_is_accepted(strict: Client, changes: dict[str, Any]) -> None:
    answer = strict.create(**changes)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("field", "changes"), BAD, ids=named)
def test_a_broken_rule_is_refused_with_400_and_named(
    strict: Client, field: str, changes: dict[str, Any]
) -> None:
    answer = strict.create(**changes)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{field}: ")
    assert strict.sandbox.transactions() == []


@pytest.mark.parametrize(
    "name",
    ["acquisitionStatus", "customerInternalReference", "workflowExecutionId", "accountId"],
)
def test_reserved_parameters_are_refused_on_return_urls(client: Client, name: str) -> None:
    assert client.create(web={"successUrl": f"{HOST}/x?other=1"}).ok
    assert client.create(web={"successUrl": f"{HOST}/x?{name}=1"}).status_code == 400


def test_local_urls_pass_only_where_they_are_permitted(client: Client, strict: Client) -> None:
    web = {"successUrl": "http://127.0.0.1:5000/x"}
    assert client.create(web=web).ok
    assert strict.create(web=web).status_code == 400


def test_the_answer_has_the_documented_shape(client: Client) -> None:
    web = {"successUrl": f"{HOST}/ok", "errorUrl": f"{HOST}/no", "locale": "de"}
    body = client.create(web=web).json()
    assert set(body) == {"timestamp", "account", "web", "sdk", "workflowExecution"}
    assert set(body["account"]) == {"id"}
    assert {key: body["web"][key] for key in ("successUrl", "errorUrl")} == {
        "successUrl": f"{HOST}/ok",
        "errorUrl": f"{HOST}/no",
    }
    link = urlsplit(body["web"]["href"])
    assert link.path == "/web/client"
    assert parse_qs(link.query)["locale"] == ["de"]
    credentials = body["workflowExecution"]["credentials"]
    assert [item["category"] for item in credentials] == ["ID", "SELFIE", "FACEMAP"]
    for key in (body["account"]["id"], body["workflowExecution"]["id"], credentials[0]["id"]):
        assert str(UUID(key)) == key


def test_the_link_is_missing_when_no_prefix_is_configured(client: Client) -> None:
    client.sandbox.set_defaults(web_href=False)
    assert "web" not in client.create().json()


def test_the_create_status_can_be_201(client: Client) -> None:
    client.sandbox.set_defaults(create_status=201)
    assert client.create().status_code == 201


def test_put_starts_another_transaction_on_the_same_account(client: Client) -> None:
    account, first = client.start_kyx()
    answer = client.kyx("PUT", f"/api/v1/accounts/{account}", json=client.kyx_body())
    body = answer.json()
    assert answer.status_code == 200
    assert body["account"]["id"] == account
    assert body["workflowExecution"]["id"] != first
    assert client.workflow((account, first), "/status").ok
    assert client.workflow((account, body["workflowExecution"]["id"]), "/status").ok


def test_put_on_an_unknown_account_is_404(client: Client) -> None:
    answer = client.kyx("PUT", f"/api/v1/accounts/{uuid4()}", json=client.kyx_body())
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


def test_put_checks_its_body_too(client: Client) -> None:
    account, _ = client.start_kyx()
    body = client.kyx_body(workflowDefinition={})
    assert client.kyx("PUT", f"/api/v1/accounts/{account}", json=body).status_code == 400


def test_a_label_addressed_to_the_sandbox_must_make_sense(client: Client) -> None:
    assert client.create(reportingCriteria="sim:scenario=watchlist").ok
    assert client.create(reportingCriteria="sim:scenario=v4:reject:106").status_code == 400
