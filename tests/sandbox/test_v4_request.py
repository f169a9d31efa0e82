"""The rules of the initiate request (reference 2A.3), each beside its positive control."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from .helpers import Client

PRESET = {"index": 1, "country": "AUT", "type": "PASSPORT"}
HOST = "https://id.example.com"


def padded(length: int) -> str:
    start = f"{HOST}/"
    return start + "a" * (length - len(start))


GOOD: list[dict[str, Any]] = [
    {},
    {"customerInternalReference": "a" * 100, "userReference": "b" * 100},
    {"customerInternalReference": "<a/b>"},
    {"reportingCriteria": "c" * 100},
    *({"workflowId": value} for value in (100, 101, 102, 200, 201, 202)),
    *({"tokenLifetimeInMinutes": value} for value in (5, 60, 86400, 7.5)),
    {"presets": [PRESET]},
    {"presets": [{**PRESET, "country": "XKX", "type": "ID_CARD"}]},
    {"locale": "de"},
    {"locale": "sw"},
    {"locale": "zh-HK"},
    {"successUrl": padded(2047), "errorUrl": padded(255), "callbackUrl": padded(255)},
    {"successUrl": f"{HOST}/return?from=jumio"},
    {"callbackUrl": "https://xn--bcher-kva.example/callbacks"},
    {"unknownMember": 1},
]

BAD: list[tuple[str, dict[str, Any]]] = [
    ("customerInternalReference", {"customerInternalReference": ...}),
    ("customerInternalReference", {"customerInternalReference": ""}),
    ("customerInternalReference", {"customerInternalReference": "a" * 101}),
    ("customerInternalReference", {"customerInternalReference": 7}),
    ("customerInternalReference", {"customerInternalReference": "\ud800"}),
    ("userReference", {"userReference": ...}),
    ("userReference", {"userReference": "b" * 101}),
    ("reportingCriteria", {"reportingCriteria": "c" * 101}),
    ("workflowId", {"workflowId": "200"}),
    ("workflowId", {"workflowId": 200.0}),
    ("workflowId", {"workflowId": True}),
    ("workflowId", {"workflowId": 103}),
    ("tokenLifetimeInMinutes", {"tokenLifetimeInMinutes": 4}),
    ("tokenLifetimeInMinutes", {"tokenLifetimeInMinutes": 86401}),
    ("tokenLifetimeInMinutes", {"tokenLifetimeInMinutes": "30"}),
    ("tokenLifetimeInMinutes", {"tokenLifetimeInMinutes": True}),
    ("presets", {"presets": PRESET}),
    ("presets", {"presets": []}),
    ("presets", {"presets": [PRESET, PRESET]}),
    ("presets[0].index", {"presets": [{"country": "AUT", "type": "PASSPORT"}]}),
    ("presets[0].index", {"presets": [{**PRESET, "index": 2}]}),
    ("presets[0].index", {"presets": [{**PRESET, "index": True}]}),
    ("presets[0].country", {"presets": [{"index": 1, "type": "PASSPORT"}]}),
    ("presets[0].country", {"presets": [{**PRESET, "country": "AT"}]}),
    ("presets[0].country", {"presets": [{**PRESET, "country": "aut"}]}),
    ("presets[0].type", {"presets": [{"index": 1, "country": "AUT"}]}),
    ("presets[0].type", {"presets": [{**PRESET, "type": "VISA"}]}),
    ("locale", {"locale": "xx"}),
    ("locale", {"locale": "en-US"}),
    ("successUrl", {"successUrl": padded(2048)}),
    ("errorUrl", {"errorUrl": padded(256)}),
    ("callbackUrl", {"callbackUrl": padded(256)}),
    ("web", {"web": {}}),
    ("tokenLifetime", {"tokenLifetime": "30m"}),
    ("workflowDefinition", {"workflowDefinition": {"key": 1}}),
    ("userConsent", {"userConsent": {}}),
]

BAD_URLS = [
    "http://id.example.com/x",
    "https://id.example.com:443/x",
    "https://id.example.com:/x",
    "https://id.example.com:8443/x",
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://[::1",
    "https://localhost/x",
    "https://app.localhost/x",
    "https://intranet/x",
    "https://1.2.3/x",
    "https://id.example.com/x#top",
    "https://id.example.com/x#",
    "https://bücher.example/x",
    "https://id.example.com/a b",
    "https://id.example.com/%zz",
    "https://id_x.example.com/x",
    "https://-id.example.com/x",
    "https:///x",
    "/x",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_a_proper_request_is_accepted(strict: Client, changes: dict[str, Any]) -> None:
    answer = strict.initiate(**changes)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("field", "changes"), BAD, ids=str)
def test_a_broken_rule_is_refused_with_400_and_named(
    strict: Client, field: str, changes: dict[str, Any]
) -> None:
    answer = strict.initiate(**changes)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{field}: ")
    assert strict.sandbox.transactions() == []


@pytest.mark.parametrize("field", ["successUrl", "errorUrl", "callbackUrl"])
@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_outside_the_rules_is_refused(strict: Client, field: str, url: str) -> None:
    answer = strict.initiate(**{field: url})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"{field}: ")


@pytest.mark.parametrize("field", ["successUrl", "errorUrl"])
@pytest.mark.parametrize(
    "name",
    ["transactionStatus", "customerInternalReference", "transactionReference", "errorCode"],
)
def test_reserved_parameters_are_refused_on_return_urls(
    client: Client, strict: Client, field: str, name: str
) -> None:
    for each in (client, strict):
        assert each.initiate(**{field: f"{HOST}/x?{name}=1"}).status_code == 400
        assert each.initiate(**{field: f"{HOST}/x?a=1&{name}"}).status_code == 400
    assert strict.initiate(callbackUrl=f"{HOST}/x?{name}=1").ok


LOCAL = ["http://localhost:5000/x", "http://127.0.0.1:5000/x", "https://[::1]:5000/x"]


@pytest.mark.parametrize("url", LOCAL)
def test_local_urls_pass_only_where_they_are_permitted(
    client: Client, strict: Client, url: str
) -> None:
    for field in ("successUrl", "errorUrl", "callbackUrl"):
        assert client.initiate(**{field: url}).ok
        assert strict.initiate(**{field: url}).status_code == 400


def test_permitting_local_urls_keeps_length_fragment_and_scheme_rules(client: Client) -> None:
    local = "http://localhost:5000/"
    assert client.initiate(errorUrl=local + "a" * (255 - len(local))).ok
    assert client.initiate(errorUrl=local + "a" * (256 - len(local))).status_code == 400
    assert client.initiate(errorUrl=local + "#x").status_code == 400
    assert client.initiate(errorUrl="ftp://localhost/x").status_code == 400
    assert client.initiate(errorUrl="http:///x").status_code == 400


@pytest.mark.parametrize("path", ["/api/v4/initiate", "/api/v4/initiate/"])
def test_initiate_answers_with_and_without_trailing_slash(client: Client, path: str) -> None:
    answer = client.v4("POST", path, json=client.v4_body(locale="de"))
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"timestamp", "transactionReference", "redirectUrl"}
    assert len(body["timestamp"]) == 24
    assert str(UUID(body["transactionReference"])) == body["transactionReference"]
    link = urlsplit(body["redirectUrl"])
    assert f"{link.scheme}://{link.netloc}" == client.url
    assert link.path == "/web/v4/app"
    assert parse_qs(link.query)["locale"] == ["de"]
    assert parse_qs(link.query)["authorizationToken"][0].count(".") == 2


@pytest.mark.parametrize(
    "label",
    [
        "sim:",
        "sim:scenario=nonsense",
        "sim:scenario=watchlist",
        "sim:scenario=kyx:liveness:BAD_QUALITY",
        "sim:colour=red",
        "sim:delay=soon",
        "sim:delay=-1",
        "sim:delay=nan",
        "sim:dup=0",
        "sim:dup=21",
        "sim:dup=1.5",
    ],
)
def test_a_label_addressed_to_the_sandbox_must_make_sense(client: Client, label: str) -> None:
    assert client.initiate(reportingCriteria="sim:scenario=fraud;delay=0;dup=2").ok
    answer = client.initiate(reportingCriteria=label)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("reportingCriteria: ")
