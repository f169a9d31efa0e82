"""A wrong setting stops start-up and names itself; no value is ever quoted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from flask_idverify import config
from flask_idverify.config import Settings
from flask_idverify.errors import ConfigurationError
from tests.hosts import make_host

KEY = "q3ZkXo0m6l0bC1Yw2vHq0m8h5d7s9a1f3g5h7j9k1l0"


def load(**values: Any) -> Settings:
    app = Flask("settings")
    app.config.update(**{"TESTING": True, "SECRET_KEY": "secret", **values})
    return config.load(app)


def production(**values: Any) -> Settings:
    required: dict[str, Any] = {
        "TESTING": False,
        "IDVERIFY_ENCRYPTION_KEYS": [KEY],
        "IDVERIFY_EXTERNAL_URL": "https://id.example.com",
    }
    return load(**{**required, **values})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("IDVERIFY_DISPACH", "IDVERIFY_DISPATCH"),
        ("IDVERIFY_ENCRYPTION_KEY", "IDVERIFY_ENCRYPTION_KEYS"),
        ("IDVERIFY_EXTERNALURL", "IDVERIFY_EXTERNAL_URL"),
    ],
)
def test_misspelt_key_names_itself_and_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{wrong} is no .* mean {right}\?"):
        load(**{wrong: "x"})


def test_unknown_key_far_from_all_names_itself_only() -> None:
    with pytest.raises(ConfigurationError, match=r"IDVERIFY_QQ is no configuration key[^?]*$"):
        load(IDVERIFY_QQ=1)


WRONG: dict[str, list[Any]] = {
    "IDVERIFY_EXTERNAL_URL": [
        *("id.example.com", "ftp://id.example.com", "https://", "https://u:p@id.example.com"),
        *("https://id.example.com/?a=b", "https://id.example.com/#x", "https://id.example.com:no"),
        *("https://[::1", 7),
    ],
    "IDVERIFY_URL_PREFIX": ["identity", "/", "", "/a b", "/<x>", 3],
    "IDVERIFY_USER_AGENT": ["OneWord", "Company/1.0", "Company App", "Company App/1.0\r\nX: y", 1],
    "IDVERIFY_DISPATCH": ["threads", "", True, ["thread"]],
    "IDVERIFY_MAX_ATTEMPTS": [0, 1001, "many", 2.5, True, [1]],
    "IDVERIFY_CALLBACK_MAX_BYTES": [10, 10**9],
    "IDVERIFY_READ_TIMEOUT": [0, 1000, "nan", "soon"],
    "IDVERIFY_ALLOW_SANDBOX": ["perhaps", 2, []],
    "IDVERIFY_ALLOWED_ENDPOINTS": [5, {"a": 1}, [1], b"bytes"],
    "IDVERIFY_BASE_TEMPLATE": [5],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, some in WRONG.items() for v in some])
def test_wrong_value_stops_start_up_and_names_its_key(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("IDVERIFY_CALLBACK_NETWORKS", "jumio-eu 10.0.0.0/99", "element 2: expected an address"),
        ("IDVERIFY_CALLBACK_NETWORKS", ["jumio-us", 5], "element 2: expected a text"),
        ("IDVERIFY_CALLBACK_NETWORKS", ["203.0.113.1/24"], "element 1: .*no bits set behind"),
        ("IDVERIFY_ALLOWED_ENDPOINTS", ["a.example", "b.example/x"], "element 2: expected a host"),
        ("IDVERIFY_ALLOWED_ENDPOINTS", ["https://"], "element 1: expected an absolute URL"),
        ("IDVERIFY_ALLOWED_ENDPOINTS", ["https://h/?a"], "element 1: .* without query"),
        ("IDVERIFY_RETENTION_DAYS", {"approved": 9, "rejected": 0}, "'rejected': .* from 1 to"),
        ("IDVERIFY_RETENTION_DAYS", "approved=9,rejected=soon", "'rejected': expected a number"),
        ("IDVERIFY_RETENTION_DAYS", "approved=1,approved=2", "'approved' stands there twice"),
        ("IDVERIFY_RETENTION_DAYS", {"aproved": 9}, "'aproved' cannot be kept .* approved"),
        ("IDVERIFY_ENCRYPTION_KEYS", [KEY, 5], "element 2: expected a text"),
    ],
)
def test_wrong_element_is_named_with_what_was_expected(name: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: {told}"):
        load(**{name: value})


@pytest.mark.parametrize("name", ["consent_wording", "default_application"])
def test_number_that_the_environment_made_of_a_text_is_that_text(name: str) -> None:
    assert getattr(load(**{f"IDVERIFY_{name.upper()}": 2}), name) == "2"
    for value, told in ((2.1, "in quotes"), (True, "expected a text"), ([2], "expected a text")):
        with pytest.raises(ConfigurationError, match=told):
            load(**{f"IDVERIFY_{name.upper()}": value})


@pytest.mark.parametrize(("value", "meant"), [(1, True), (0, False), ("yes", True), ("0", False)])
def test_switch_takes_what_an_environment_variable_becomes(value: Any, meant: bool) -> None:
    assert load(IDVERIFY_ALLOW_SANDBOX=value).allow_sandbox is meant


def test_every_kind_of_allowed_endpoint_is_taken() -> None:
    entries = ("a.example", "*.b.example", "c.example:8443", "https://d.example/jumio", "localhost")
    assert load(IDVERIFY_ALLOWED_ENDPOINTS=list(entries)).allowed_endpoints == entries


def test_wrong_key_is_named_by_its_place_and_never_quoted() -> None:
    with pytest.raises(ConfigurationError, match=r"^IDVERIFY_AUDIT_KEYS: element 2: ") as refusal:
        make_host(IDVERIFY_AUDIT_KEYS=[f"k:{KEY}", "hunter2-secret"])
    assert "hunter2" not in str(refusal.value)
    with pytest.raises(ConfigurationError, match="as element 1 and as element 3") as refusal:
        make_host(IDVERIFY_AUDIT_KEYS=[KEY, "A" * 43, KEY])
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["IDVERIFY_ENCRYPTION_KEYS", "IDVERIFY_AUDIT_KEYS", "IDVERIFY_FINGERPRINT_KEYS"]
)
@pytest.mark.parametrize(
    "value", [["hunter2-secret"], "hunter2-secret", ["a b:hunter2-secret" + KEY], [f"name/x:{KEY}"]]
)
def test_wrong_key_material_is_refused_and_never_quoted(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name) as refusal:
        make_host(**{name: value})
    assert "hunter2" not in str(refusal.value)
    assert KEY not in str(refusal.value)


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two keys are named 'k'"):
        make_host(IDVERIFY_ENCRYPTION_KEYS=[f"k:{KEY}", "k:" + "A" * 43])


@pytest.mark.parametrize("name", ["IDVERIFY_ENCRYPTION_KEYS", "IDVERIFY_EXTERNAL_URL"])
def test_required_outside_of_testing_and_debug(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is required"):
        production(**{name: None})
    load(**{name: None})
    load(TESTING=False, DEBUG=True, **{name: None})


def test_derived_key_needs_something_to_derive_it_from() -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        load(SECRET_KEY=None)


def test_plain_http_is_for_sandboxes_only() -> None:
    with pytest.raises(ConfigurationError, match="https"):
        production(IDVERIFY_EXTERNAL_URL="http://id.example.com")
    given = {"IDVERIFY_EXTERNAL_URL": "http://127.0.0.1:5000"}
    assert production(IDVERIFY_ALLOW_SANDBOX=True, **given).allow_sandbox
    assert load(**given).external_url == "http://127.0.0.1:5000"
    with pytest.raises(ConfigurationError, match="https"):
        load(IDVERIFY_ALLOW_SANDBOX=False, **given)


def test_sandboxes_are_admitted_under_testing_or_debug_only() -> None:
    assert load().allow_sandbox
    assert not production().allow_sandbox
    assert not load(IDVERIFY_ALLOW_SANDBOX="no").allow_sandbox


def test_environment_variables_can_hold_lists_flags_and_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("X_IDVERIFY_ENCRYPTION_KEYS", f"new:{KEY}, {KEY}")
    monkeypatch.setenv("X_IDVERIFY_ALLOWED_ENDPOINTS", json.dumps(["a.example.com", "b.example"]))
    monkeypatch.setenv("X_IDVERIFY_ALLOW_SANDBOX", "off")
    monkeypatch.setenv("X_IDVERIFY_MAX_ATTEMPTS", "3")
    monkeypatch.setenv("X_IDVERIFY_READ_TIMEOUT", "2.5")
    app = Flask("env")
    app.config.update(TESTING=True, SECRET_KEY="s")
    app.config.from_prefixed_env("X")
    found = config.load(app)
    assert found.encryption_keys == (f"new:{KEY}", KEY)
    assert found.allowed_endpoints == ("a.example.com", "b.example")
    assert (found.allow_sandbox, found.max_attempts, found.read_timeout) == (False, 3, 2.5)


def test_one_number_of_days_counts_for_every_end_and_for_reviews_and_callbacks() -> None:
    kinds = {"approved", "canceled", "error", "expired", "in_review", "rejected", "unmatched"}
    assert dict(load(IDVERIFY_RETENTION_DAYS=30).retention_days) == dict.fromkeys(kinds, 30)
    assert load(IDVERIFY_RETENTION_DAYS="in_review=5").retention_days == (("in_review", 5),)
    with pytest.raises(ConfigurationError, match=r"known are .*in_review"):
        load(IDVERIFY_RETENTION_DAYS={"started": 5})


def test_trailing_slashes_and_spaces_do_no_harm() -> None:
    found = load(IDVERIFY_EXTERNAL_URL=" https://id.example.com/base/ ", IDVERIFY_URL_PREFIX="/v/")
    assert (found.external_url, found.url_prefix) == ("https://id.example.com/base", "/v")


def test_settings_show_no_secret() -> None:
    found = production(IDVERIFY_AUDIT_KEYS=[KEY], IDVERIFY_FINGERPRINT_KEYS=[KEY])
    assert KEY not in repr(found)
    assert KEY not in f"{found}"


def test_every_key_is_described_with_default_and_meaning() -> None:
    described = config.describe()
    assert len({item.name for item in described}) == len(described)
    for item in described:
        assert item.name.startswith("IDVERIFY_")
        assert item.default
        assert len(item.meaning) > 10
    load(**{item.name: None for item in described})
