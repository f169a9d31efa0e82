"""What every adapter promises. Subclass :class:`AdapterCases` per provider type.

The subclass says how the vendor's wire looks; the promises are the same for all. Only the HTTP
edge is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests_mock
from hypothesis import HealthCheck
from hypothesis import strategies as st

from flask_idverify.adapters import Registry
from flask_idverify.adapters.base import Adapter
from flask_idverify.claims import Consent
from flask_idverify.errors import (
    VendorBusy,
    VendorRefused,
    VendorRejectedRequest,
    VendorUnavailable,
)
from flask_idverify.types import Account, FetchRequest, Outcome, StartRequest, Transport

SECRET = "s3cr3t-of-the-client"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwYWdlIn0.c2lnbmF0dXJlLXZhbHVl"
PAYLOADS = Path(__file__).parent / "payloads"
TRANSPORT = Transport(user_agent="ExampleCo IdentityGate/1.0", retries=3, backoff=0.5)
START = StartRequest(
    reference="vt_payload01",
    user_reference="vu_payload01",
    callback_url="https://id.example.com/callbacks/k3y/q7Vd0sXkP3",
    success_url="https://id.example.com/return/vt_payload01",
    error_url="https://id.example.com/return/vt_payload01",
    id_type="passport",
    country="AUT",
    locale="de_AT",
    consent=Consent(
        ip="203.0.113.24", country="AUT", obtained_at=datetime(2026, 1, 2, tzinfo=timezone.utc)
    ),
)
#: Everything that must never be seen outside the wire.
SECRETS = (SECRET, TOKEN, "203.0.113.24", "LENA", "GRUBER", "U7301945", "1988-11-23", "Ahornweg")

BROKEN_BODIES = {
    "html": b"<!doctype html><html><body>Sign in</body></html>",
    "empty": b"",
    "malformed": b'{"status": ',
    "list": b"[]",
    "number": b"7",
    "deep": b'{"a":' + b"[" * 100_000,
    "no utf-8": b'{"a": "\xff"}',
    "huge": b'{"a": "' + b"x" * 3_000_000 + b'"}',
}
FAILURES = [
    (400, VendorRejectedRequest),
    (401, VendorRefused),
    (403, VendorRefused),
    (404, VendorRefused),  # a start is about no record: the endpoint is wrong
    (405, VendorRejectedRequest),
    (429, VendorBusy),
    (500, VendorUnavailable),
    (503, VendorUnavailable),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["PASSED", "OK", "MATCH", "true", "N/A", "2031-05-04T09:12:31Z", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
#: What is there, but says nothing.
NOTHINGS: tuple[Any, ...] = (None, "", "NO", 0, 7, [], {}, False)
SLOW = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)


@dataclass
class Wire:
    """One adapter with its mocked vendor, and what it slept."""

    adapter: Adapter
    mock: requests_mock.Mocker
    slept: list[float] = field(default_factory=list)

    def sent(self, method: str, path: str) -> list[Any]:
        return [
            request
            for request in self.mock.request_history
            if request.method == method and request.path.startswith(path)
        ]


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, item in pairs:
        yield (*prefix, key)
        yield from paths(item, (*prefix, key))


def changed(value: Any, path: tuple[Any, ...], put: Any) -> Any:
    """A copy of *value* with *put* at *path*."""
    copy = deepcopy(value)
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = put
    return copy


def load(folder: str) -> dict[str, dict[str, Any]]:
    found = sorted((PAYLOADS / folder).glob("*.json"))
    assert found, f"no payloads in {folder}"
    return {path.stem: json.loads(path.read_text()) for path in found}


class AdapterBench:
    """What a subclass says of its vendor.

    ``kind`` is the provider type, ``folder`` holds its payloads.
    """

    kind: ClassVar[str]
    folder: ClassVar[str]
    endpoint: ClassVar[str]
    #: Where a start is sent, and the vendor reference and account of all payloads.
    start_url: ClassVar[str]
    scan: ClassVar[str]
    account_id: ClassVar[str | None] = None
    #: A place in the start's answer without which nothing can go on.
    start_needs: ClassVar[list[tuple[str, ...]]]
    link_path: ClassVar[tuple[str, ...]]
    #: The place of the page's language in the body of a start.
    locale_path: ClassVar[tuple[str, ...]]

    # What a subclass says of its wire.
    def start_answer(self) -> dict[str, Any]:
        raise NotImplementedError

    def status_url(self) -> str:
        raise NotImplementedError

    def details_url(self) -> str:
        raise NotImplementedError

    def account_url(self) -> str | None:
        """Where an account is deleted, of a vendor that keeps accounts."""
        return None

    def serve_pictures(self, wire: Wire) -> None:
        """Mock what names a front and a face."""
        raise NotImplementedError

    def picture_url(self, name: str) -> str:
        """Where that picture is asked for."""
        raise NotImplementedError

    def outcome(self, payload: dict[str, Any], details: Any) -> Outcome:
        """The pure mapping of *details* as if they had been fetched."""
        raise NotImplementedError

    def good_callback(self) -> tuple[bytes, str]:
        raise NotImplementedError

    def prepare(self, mock: requests_mock.Mocker) -> None:
        """Mock what every call needs, e.g. a token."""

    # Tools.
    def account(self, **options: Any) -> Account:
        return Account("demo-id", SECRET, self.endpoint, options)

    def make(self, transport: Transport = TRANSPORT, **options: Any) -> Any:
        return Registry().get(self.kind)(self.account(**options), transport)

    def wire(self, mock: requests_mock.Mocker, transport: Transport = TRANSPORT) -> Wire:
        adapter: Any = self.make(transport)
        wire = Wire(adapter, mock)
        adapter.http.sleep = wire.slept.append
        self.prepare(mock)
        mock.post(self.start_url, json=self.start_answer())
        return wire

    @pytest.fixture
    def w(self) -> Iterator[Wire]:
        with requests_mock.Mocker() as mock:
            yield self.wire(mock)

    def request(self, payload: dict[str, Any] | None = None) -> FetchRequest:
        payload = payload or {}
        return FetchRequest(
            vendor_reference=self.scan,
            account_id=self.account_id,
            facts=payload.get("facts", {}),
            required_checks=frozenset(payload.get("required", ())),
        )

    def serve(self, wire: Wire, payload: dict[str, Any]) -> None:
        wire.mock.get(self.status_url(), json=payload["status"])
        if payload["details"] is None:
            wire.mock.get(self.details_url(), status_code=404, json={"title": "Not Found"})
        else:
            wire.mock.get(self.details_url(), json=payload["details"])

    def verdict_paths(self, details: Any) -> list[tuple[Any, ...]]:
        raise NotImplementedError
