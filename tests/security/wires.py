"""A host whose vendor is played at the edge of HTTP, answer by answer, in both generations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests_mock

from flask_idverify.models import Verification
from tests.adapter_bench import AdapterBench, load
from tests.adapters import test_jumio_platform as platform
from tests.adapters import test_jumio_v4 as v4
from tests.hosts import Host, consent, lena

BENCHES: dict[str, AdapterBench] = {
    "Jumio": v4.TestJumioV4(),
    "Jumio Platform": platform.TestJumioPlatform(),
}
#: Nobody answers there; whoever is sent there shows in the history.
EVIL = "https://attacker.example"


class Wire:
    """One user's attempt, and the vendor that answers about it."""

    def __init__(self, host: Host, bench: AdapterBench, mock: requests_mock.Mocker) -> None:
        self.host = host
        self.bench = bench
        self.mock = mock
        self.payloads = load(bench.folder)
        self.provider = host.add_provider(bench.endpoint, bench.kind)
        self.user = host.add_user("lena@example.com")
        adapter: Any = host.app.extensions["idverify"].vendors.adapter(self.provider)
        adapter.http.sleep = lambda _seconds: None
        bench.prepare(mock)
        mock.post(bench.start_url, json=bench.start_answer())

    def start(self) -> Verification:
        """Start the attempt."""
        return self.host.idverify.start(self.user, lena(), consent())

    def details(self, name: str, row: Verification) -> dict[str, Any]:
        """Return what the vendor says of this attempt, by the name of a payload."""
        text = json.dumps(self.payloads[name]["details"])
        found: dict[str, Any] = json.loads(text.replace("vt_payload01", row.reference))
        return found

    def answers(self, status: Any, details: Any) -> None:
        """Let the vendor answer so from now on."""
        self.mock.get(self.bench.status_url(), json=status)
        self.mock.get(self.bench.details_url(), json=details)

    def approves(self, row: Verification) -> None:
        """Let the vendor approve."""
        self.answers(self.payloads["approved"]["status"], self.details("approved", row))

    def is_verified(self) -> bool:
        """Whether the user is verified, as the database says."""
        self.host.db.session.rollback()
        known = self.host.idverify.identity_of(self.user)
        return known is not None and known.is_verified

    def hosts(self) -> set[str]:
        """Return every host that was asked anything."""
        return {urlsplit(request.url).hostname or "" for request in self.mock.request_history}


@contextmanager
def wired(host: Host, kind: str) -> Iterator[Wire]:
    """Give a wire of one generation; needs an app context."""
    with requests_mock.Mocker() as mock:
        yield Wire(host, BENCHES[kind], mock)
