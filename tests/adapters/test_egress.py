"""Credentials go to the configured host and nowhere else: over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_idverify.errors import VendorError, VendorProtocolError

from ..adapter_bench import START
from .egress import (
    ACCOUNT,
    ASKED,
    BOTH,
    CALLS,
    MATRIX,
    PLATFORM,
    PLATFORM_CALLS,
    SCAN,
    V4,
    Reply,
    Server,
    adapter_at,
    approved,
    serving,
    token,
)


@pytest.fixture
def vendor() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def attacker() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(("kind", "call"), MATRIX)
def test_no_redirect_is_followed_to_anywhere(
    vendor: Server, attacker: Server, kind: str, call: str, status: int
) -> None:
    for target in (f"{attacker.url}/collect", f"{vendor.url}/elsewhere", "/elsewhere", "//x.test/"):

        def answer(_method: str, path: str, target: str = target) -> Reply:
            if path == "/oauth2/token" and call != "token":
                return token()
            return status, {"Location": target}, b"{}"

        vendor.answer = answer
        told = pytest.raises(VendorProtocolError, match="redirect")
        with adapter_at(vendor.url, kind) as adapter, told:
            PLATFORM_CALLS[call](adapter)
    assert attacker.heard == []
    assert not [path for _, path, _ in vendor.heard if "elsewhere" in path]


@BOTH
def test_no_address_in_an_answer_is_ever_asked(vendor: Server, attacker: Server, kind: str) -> None:
    vendor.answer = approved(kind, attacker)
    with adapter_at(vendor.url, kind) as adapter:
        started = adapter.start(START)
        assert started.redirect_url.startswith(attacker.url), "where a browser would go"
        assert adapter.fetch(ASKED).status == "approved"
        assert "front" in adapter.images(ASKED)
        assert adapter.image(ASKED, "front").content_type == "image/jpeg"
        adapter.erase(SCAN, ACCOUNT)
        adapter.erase_account(ACCOUNT)
        adapter.check()
    assert attacker.heard == []
    assert len(vendor.heard) >= 6


@BOTH
def test_credentials_are_sent_as_asked_for_and_the_secret_only_for_a_token(
    vendor: Server, attacker: Server, kind: str
) -> None:
    vendor.answer = approved(kind, attacker)
    with adapter_at(vendor.url, kind) as adapter:
        for name in CALLS:
            PLATFORM_CALLS[name](adapter)
    said = {path: headers.get("authorization", "") for _, path, headers in vendor.heard}
    basic = [path for path, value in said.items() if value.startswith("Basic ")]
    assert basic == (["/oauth2/token"] if kind == PLATFORM else list(said))
    assert all(said.values())


@BOTH
def test_neither_netrc_nor_a_proxy_gets_between_us_and_plain_http(
    vendor: Server,
    attacker: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, attacker.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    vendor.answer = approved(kind, Server(url="https://evil.example"))
    with adapter_at(vendor.url, kind) as adapter:
        for name in CALLS:
            PLATFORM_CALLS[name](adapter)
        adapter.check()
    assert attacker.heard == []
    said = {headers.get("authorization", "") for _, _, headers in vendor.heard}
    assert "Basic c29tZW9uZTplbHNl" not in said


@BOTH
def test_a_proxy_of_https_hears_a_host_and_no_credentials(
    attacker: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", attacker.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    endpoint = "https://netverify.com" if kind == V4 else "https://emea-1.jumio.ai"
    with adapter_at(endpoint, kind) as adapter:
        for name in CALLS:
            with pytest.raises(VendorError):
                PLATFORM_CALLS[name](adapter)
    assert {method for method, _, _ in attacker.heard} == {"CONNECT"}
    for _, path, headers in attacker.heard:
        assert path.endswith(("netverify.com:443", "emea-1.jumio.ai:443"))
        assert "authorization" not in headers
        assert "proxy-authorization" not in headers


@BOTH
def test_a_cookie_of_the_vendor_is_not_sent_back(
    vendor: Server, attacker: Server, kind: str
) -> None:
    honest = approved(kind, attacker)

    def answer(method: str, path: str) -> Reply:
        status, headers, body = honest(method, path)
        return status, {**headers, "Set-Cookie": "session=1; Path=/"}, body

    vendor.answer = answer
    with adapter_at(vendor.url, kind) as adapter:
        for name in CALLS:
            PLATFORM_CALLS[name](adapter)
    assert not [headers for _, _, headers in vendor.heard if "cookie" in headers]
