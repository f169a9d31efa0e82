"""Where the vendor's answers point: credentials go to the configured endpoint and nowhere else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from flask_idverify import clock, inbox
from flask_idverify.errors import VendorError
from flask_idverify.states import Status
from tests.adapter_bench import SECRET, TOKEN
from tests.hosts import Host
from tests.security.wires import EVIL, Wire, wired
from tests.vendor import GENERATIONS, PLATFORM
from tests.web_admin.desk import Desk

pytestmark = pytest.mark.usefixtures("app_context")

#: Every name under which a vendor's answer may hold an address.
NAMES = ("href", "url", "self", "next", "location", "callbackUrl", "redirect")


def poisoned(value: Any, name: str = "") -> Any:
    """Return an answer whose every address leads to the attacker, and some more of them."""
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    if not isinstance(value, dict):
        return value
    more = {name: f"{EVIL}/api/v1/x" for name in NAMES if name not in value}
    images = {"images": [{"classifier": "front", "href": f"{EVIL}/front.jpg"}]}
    inside = {key: poisoned(item, key) for key, item in value.items()}
    # A further capability would be a further check, not made: that is another matter.
    return inside if name == "capabilities" else {**inside, **more, **images}


def own_hosts(wire: Wire) -> set[str]:
    """Return the hosts that the provider's endpoint stands for."""
    base = urlsplit(wire.bench.endpoint).hostname or ""
    return {name for name in wire.hosts() if name == base or name.endswith(f".{base}")}


@pytest.mark.parametrize("kind", GENERATIONS)
def test_href_to_an_attackers_host_is_never_followed(host: Host, kind: str) -> None:
    """In the start's answer, the status, the details and the callback; with image links too."""
    with wired(host, kind) as wire:
        evil = wire.mock.register_uri("GET", f"{EVIL}/", status_code=200, json={})
        everywhere = wire.mock.register_uri("POST", f"{EVIL}/", status_code=200, json={})
        page = poisoned(wire.bench.start_answer())
        for path in wire.bench.link_path[:-1]:
            page[path]["href"] = wire.bench.start_answer()[path]["href"]
        wire.mock.post(wire.bench.start_url, json=page)
        row = wire.start()
        approved = wire.payloads["approved"]
        wire.answers(poisoned(approved["status"]), poisoned(wire.details("approved", row)))
        told = json.dumps(
            {
                "workflowExecution": {
                    "id": "",
                    "href": f"{EVIL}/workflow-executions/{wire.bench.scan}",
                }
            }
        )
        inbox.receive(wire.provider.callback_key, None, told.encode(), "application/json")
        if kind == PLATFORM:
            inbox.drain()
            assert wire.is_verified(), "control: the id inside the href was read, and asked for"
        else:
            host.idverify.refresh(row)
            assert wire.is_verified(), "control: the answers were read"
        host.db.session.rollback()  # else MariaDB would not see the admin who comes now
        desk = Desk(host)
        for path in (f"/verifications/{row.id}", f"/identities/{row.identity_id}"):
            assert EVIL not in desk.get(path).text
        assert wire.hosts() == own_hosts(wire)
        assert (evil.called, everywhere.called) == (False, False)


REDIRECTS = (301, 302, 303, 307, 308)


def urls(wire: Wire) -> dict[str, tuple[str, str]]:
    """Return method and address of each of the vendor's answers."""
    return {
        "token": ("POST", "https://auth.emea-1.jumio.ai/oauth2/token"),
        "start": ("POST", wire.bench.start_url),
        "status": ("GET", wire.bench.status_url()),
        "details": ("GET", wire.bench.details_url()),
    }


def redirected(wire: Wire, where: str, code: int) -> None:
    """Let one of the vendor's answers be a redirect to the attacker."""
    method, url = urls(wire)[where]
    headers = {"Location": f"{EVIL}/taken"}
    wire.mock.register_uri(method, url, status_code=code, headers=headers, text="")


@pytest.mark.parametrize(
    ("kind", "where"),
    [(kind, where) for kind in GENERATIONS for where in ("start", "status", "details")]
    + [(PLATFORM, "token")],
)
def test_vendor_answer_that_redirects_is_an_error_and_the_attacker_hears_nothing(
    host: Host, kind: str, where: str
) -> None:
    with wired(host, kind) as wire:
        takers = [wire.mock.register_uri(m, f"{EVIL}/taken") for m in ("GET", "POST", "PUT")]
        if where in ("token", "start"):
            for code in REDIRECTS:
                redirected(wire, where, code)
                with pytest.raises(VendorError):
                    wire.start()
                assert wire.mock.request_history[-1].url in urls(wire)[where][1]
            with clock.shifted(days=2):  # past the limit of attempts
                wire.bench.prepare(wire.mock)
                wire.mock.post(wire.bench.start_url, json=wire.bench.start_answer())
                row = wire.start()
        else:
            row = wire.start()
            wire.approves(row)
            for code in REDIRECTS:
                redirected(wire, where, code)
                with pytest.raises(VendorError, match="redirect"):
                    host.idverify.refresh(row)
                assert row.status is Status.started
                assert not wire.is_verified()
        assert not any(taker.called for taker in takers)
        assert wire.hosts() == own_hosts(wire)
        # Control: the vendor's own answers count.
        wire.approves(row)
        host.idverify.refresh(row)
        assert wire.is_verified()


@pytest.mark.parametrize("kind", GENERATIONS)
def test_credentials_are_in_no_address_and_in_no_request_to_another_host(
    host: Host, kind: str
) -> None:
    with wired(host, kind) as wire:
        row = wire.start()
        wire.approves(row)
        host.idverify.refresh(row)
        history = wire.mock.request_history
        assert any("Authorization" in request.headers for request in history)
        assert not [one for one in history if SECRET in one.url or "sandbox-secret" in one.url]
        assert not [one for one in history if TOKEN in one.url]
        assert wire.hosts() == own_hosts(wire)
