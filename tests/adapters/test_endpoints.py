"""Where credentials may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_idverify.adapters.endpoints import check_endpoint
from flask_idverify.adapters.jumio.platform import JumioPlatform
from flask_idverify.adapters.jumio.v4 import JumioV4
from flask_idverify.errors import InvalidProvider

V4, PLATFORM = JumioV4.vendor_hosts, JumioPlatform.vendor_hosts
ALLOWED = ("gw.example.com", "https://base.example.com/jumio", "*.corp.example", "p.example:8443")


def check(
    endpoint: str,
    hosts: tuple[str, ...] = V4,
    allowed: tuple[str, ...] = ALLOWED,
    sandbox: bool = False,
) -> str:
    return check_endpoint(endpoint, vendor_hosts=hosts, allowed=allowed, allow_sandbox=sandbox)


@pytest.mark.parametrize(
    ("endpoint", "clean"),
    [
        ("https://netverify.com", "https://netverify.com"),
        (" https://LON.netverify.com/ ", "https://lon.netverify.com"),
        ("https://netverify.com:443/", "https://netverify.com"),
        ("https://core-sgp.jumio.com", "https://core-sgp.jumio.com"),
        ("https://api.jumio.com", "https://api.jumio.com"),
        ("lon.netverify.com", "https://lon.netverify.com"),
        ("https://gw.example.com/a/b/", "https://gw.example.com/a/b"),
        ("https://base.example.com/jumio", "https://base.example.com/jumio"),
        ("https://base.example.com/jumio/eu", "https://base.example.com/jumio/eu"),
        ("https://x.corp.example", "https://x.corp.example"),
        ("https://p.example:8443", "https://p.example:8443"),
    ],
)
def test_vendor_hosts_and_allowed_ones_are_taken(endpoint: str, clean: str) -> None:
    assert check(endpoint) == clean
    assert check(clean) == clean


@pytest.mark.parametrize(
    "endpoint", ["amer-1", "AMER-1", "https://amer-1.jumio.ai", "amer-1.jumio.ai"]
)
def test_a_data_centre_may_be_bare(endpoint: str) -> None:
    assert check(endpoint, PLATFORM) == "https://amer-1.jumio.ai"


def test_refused_sandbox_is_told_how_one_is_admitted_and_nobody_else_is() -> None:
    with pytest.raises(InvalidProvider) as refused:
        check("http://127.0.0.1:8090")
    assert "FLASK_DEBUG=1, or set IDVERIFY_ALLOW_SANDBOX" in str(refused.value)
    for sandbox in (False, True):
        with pytest.raises(InvalidProvider) as refused:
            check("http://netverify.com", sandbox=sandbox)
        assert "expected https://" in str(refused.value)
        assert "FLASK_DEBUG" not in str(refused.value)


def test_a_data_centre_is_no_endpoint_of_v4() -> None:
    with pytest.raises(InvalidProvider):
        check("amer-1")


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "   ",
        "https://",
        "netverify",
        "ftp://netverify.com",
        "http://netverify.com",
        "http://gw.example.com",
        "https://evilnetverify.com",
        "https://netverify.com.evil.example",
        "https://netverify.com@evil.example",
        "https://user:pass@netverify.com",
        "https://netverify.com:8443",
        "https://netverify.com:0",
        "https://netverify.com:",
        "https://netverify.com:x",
        "https://netverify.com/api/v4/initiate",
        "https://netverify.com?x=1",
        "https://netverify.com?",
        "https://netverify.com#",
        "https://netverify.com\\@evil.example",
        "https://evil.example\\.netverify.com",
        "https://nétverify.com",
        "https://netverify.com\u3002evil.example",
        "https://net verify.com",
        "https://netverify.com\n.evil.example",
        "https://net\tverify.com",
        "https://.netverify.com",
        "https://-.netverify.com",
        "https://a..netverify.com",
        "https://netverify.com.",
        "https://%6eetverify.com",
        "https://gw.example.com/../x",
        "https://gw.example.com//x",
        "https://gw.example.com/%2e%2e",
        "https://gw.example.com:8443",
        "https://base.example.com",
        "https://base.example.com/jumiox",
        "https://p.example",
        "https://corp.example",
        "https://127.0.0.1",
        "https://localhost",
        "https://[::1]",
        "https://169.254.169.254",
        "https://2130706433",
        "https://0x7f.1",
        "https://127.1",
        "file:///etc/passwd",
        "https://[::ffff:127.0.0.1]",
        "https://[fe80::1%25eth0]",
        "https://[netverify.com]",
    ],
)
def test_anything_else_is_refused_with_what_is_expected(endpoint: str) -> None:
    with pytest.raises(InvalidProvider) as caught:
        check(endpoint)
    assert caught.value.field == "endpoint"
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:5000",
        "http://127.8.9.1",
        "http://localhost:8000/jumio",
        "https://localhost",
        "http://[::1]:5000",
        "https://192.0.2.7:8443",
        "https://netverify.com:8443",
        "https://gw.example.com:8443",
    ],
)
def test_a_sandbox_may_be_local_if_sandboxes_are_admitted(endpoint: str) -> None:
    assert check(endpoint, sandbox=True) == endpoint
    with pytest.raises(InvalidProvider):
        check(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://192.0.2.7",
        "http://netverify.com",
        "http://localhost.evil.example",
        "http://127.1",
        "https://evil.example",
        "http://[::ffff:127.0.0.1]",
        "http://0.0.0.0",
    ],
)
def test_admitting_sandboxes_admits_nothing_else(endpoint: str) -> None:
    with pytest.raises(InvalidProvider):
        check(endpoint, sandbox=True)


@pytest.mark.parametrize("entry", ["localhost", "http://localhost", "127.0.0.1"])
def test_allowing_this_machine_does_not_admit_plain_http(entry: str) -> None:
    host = entry.removeprefix("http://")
    with pytest.raises(InvalidProvider):
        check(f"http://{host}", allowed=(entry,))


@given(st.text(max_size=40), st.booleans())
def test_no_text_crashes_the_check_nor_leads_elsewhere(text: str, sandbox: bool) -> None:
    for endpoint in (
        text,
        f"https://{text}",
        f"https://netverify.com{text}",
        f"https://{text}netverify.com",
    ):
        try:
            clean = check(endpoint, allowed=(), sandbox=sandbox)
        except InvalidProvider:
            continue
        if not sandbox:
            host = clean.removeprefix("https://")
            assert host == "netverify.com" or host.endswith((".netverify.com", ".jumio.com"))
