"""Callbacks from the vendor's networks only: by the caller's address, never by a header."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_idverify import connection
from flask_idverify.connection import PROBE_ANSWER, PROBE_TYPE, PROBE_WITHOUT_PROXYFIX
from flask_idverify.models import CallbackRow, Provider
from flask_idverify.service import callback_url
from tests.hosts import Host, make_host, served
from tests.web.people import ENDPOINT

BODY = b"jumioIdScanReference=0f4d9a6b-8a3c-4b57-9c61-2e7d5f8a1b33&callBackType=NETVERIFYID"
FORM = "application/x-www-form-urlencoded"
NETWORKS = ["jumio-eu", "8.8.4.0/24", "2600:1f00::/32"]
VENDOR, STRANGER, PROXY = "34.253.41.236", "9.9.9.9", "10.1.2.3"


def _host(**config: Any) -> Host:
    host = make_host(**{"IDVERIFY_CALLBACK_NETWORKS": NETWORKS, **config})
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    return host


def _path(host: Host) -> str:
    with host.app.app_context():
        provider = host.db.session.query(Provider).one()
        return callback_url(provider).removeprefix("https://id.example.com")


def _send(host: Host, peer: str | None, forwarded: str | None = None, **options: Any) -> int:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    environ = {} if peer is None else {"REMOTE_ADDR": peer}
    options.setdefault("content_type", FORM)
    answer = host.app.test_client().post(
        options.pop("path", None) or _path(host),
        data=BODY,
        headers=headers,
        environ_overrides=environ,
        **options,
    )
    return answer.status_code


def _stored(host: Host) -> int:
    with host.app.app_context():
        return int(host.db.session.query(CallbackRow).count())


@pytest.mark.parametrize(
    "peer", [VENDOR, f"::ffff:{VENDOR}", "8.8.4.200", "2600:1f00::7", "2600:1F00:0::1"]
)
def test_a_callback_from_an_admitted_network_is_kept(peer: str) -> None:
    host = _host()
    assert _send(host, peer) == 200
    assert _stored(host) == 1


@pytest.mark.parametrize(
    "peer",
    [
        STRANGER,
        f"::ffff:{STRANGER}",
        "34.253.41.237",
        "8.8.5.1",
        "2600:1f01::7",
        "::1",
        "",
        "unix:",
    ],
)
@pytest.mark.parametrize("forwarded", [None, VENDOR, f"{VENDOR}, {VENDOR}"])
def test_anybody_else_is_refused_whatever_they_say_of_themselves(
    peer: str, forwarded: str | None
) -> None:
    host = _host()
    assert _send(host, peer, forwarded) == 403
    assert _stored(host) == 0


@pytest.mark.parametrize("header", ["X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP"])
def test_no_header_stands_for_the_address(header: str) -> None:
    host = _host()
    value = f"for={VENDOR}" if header == "Forwarded" else VENDOR
    answer = host.app.test_client().post(
        _path(host), data=BODY, headers={header: value}, environ_overrides={"REMOTE_ADDR": STRANGER}
    )
    assert (answer.status_code, answer.data) == (403, b"forbidden")
    assert "Set-Cookie" not in answer.headers


def test_a_refusal_does_not_tell_whether_a_key_is_right() -> None:
    host = _host()
    right = _path(host)
    for path in (right, f"{right}/wrong", "/identity/callbacks/wrong"):
        assert _send(host, STRANGER, path=path) == 403
    assert _send(host, VENDOR, path="/identity/callbacks/wrong") == 404


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        (VENDOR, 200),
        (f"{STRANGER}, {VENDOR}", 200),
        (f"{VENDOR}, {STRANGER}", 403),
        (f"{VENDOR}, {PROXY}", 403),
        (STRANGER, 403),
        (None, 403),
        ("nonsense", 403),
        ("", 403),
    ],
)
def test_with_proxyfix_only_the_last_hop_counts(forwarded: str | None, status: int) -> None:
    host = _host()
    host.app.wsgi_app = ProxyFix(host.app.wsgi_app, x_for=1)  # type: ignore[method-assign]  # as Flask documents it
    assert _send(host, PROXY, forwarded) == status
    assert _stored(host) == (status == 200)


def test_with_two_proxies_the_one_before_the_last_counts() -> None:
    host = _host()
    host.app.wsgi_app = ProxyFix(host.app.wsgi_app, x_for=2)  # type: ignore[method-assign]  # as Flask documents it
    assert _send(host, PROXY, f"{STRANGER}, {VENDOR}, {PROXY}") == 200
    assert _send(host, PROXY, f"{VENDOR}, {STRANGER}, {PROXY}") == 403


def test_without_a_list_everybody_is_taken() -> None:
    host = _host(IDVERIFY_CALLBACK_NETWORKS=None)
    assert _send(host, STRANGER) == 200


def test_the_body_limit_holds_for_the_vendor_too() -> None:
    host = _host(IDVERIFY_CALLBACK_MAX_BYTES=1024)
    answer = host.app.test_client().post(
        _path(host), data=b"x" * 1025, environ_overrides={"REMOTE_ADDR": VENDOR}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("peer", "forwarded", "shown", "advice"),
    [
        (STRANGER, None, "9.9.9.0/24", False),
        (STRANGER, VENDOR, "9.9.9.0/24", False),
        ("2620:fe::9", None, "2620:fe::/32", False),
        (PROXY, None, "10.1.2.0/24", False),
        (PROXY, VENDOR, "10.1.2.0/24", True),
        ("127.0.0.1", VENDOR, "127.0.0.0/24", True),
        ("100.64.0.9", VENDOR, "100.64.0.0/24", True),
        ("fd00::9", VENDOR, "fd00::/32", True),
        ("", VENDOR, "an unknown address", True),
    ],
)
def test_the_log_names_the_network_and_a_missing_proxyfix_and_nothing_else(
    caplog: pytest.LogCaptureFixture, peer: str, forwarded: str | None, shown: str, *, advice: bool
) -> None:
    host = _host()
    path = _path(host)
    with caplog.at_level(logging.INFO, "flask_idverify"):
        _send(host, peer, forwarded, path=path)
    (line,) = [one.getMessage() for one in caplog.records if one.name == "flask_idverify"]
    assert f"its sender, in {shown}, is not in IDVERIFY_CALLBACK_NETWORKS" in line
    assert ("set up ProxyFix" in line) is advice
    for secret in (path.rpartition("/")[2], "NETVERIFYID", "0f4d9a6b", VENDOR, STRANGER):
        assert secret not in line


def _probe(host: Host, peer: str, forwarded: str | None = None) -> bytes:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    answer = host.app.test_client().post(
        _path(host),
        data=b"probe",
        content_type=PROBE_TYPE,
        headers=headers,
        environ_overrides={"REMOTE_ADDR": peer},
    )
    assert answer.status_code == 200
    return bytes(answer.data)


def test_our_own_probe_is_answered_from_anywhere_and_leaves_nothing() -> None:
    host = _host()
    assert _probe(host, STRANGER) == PROBE_ANSWER
    assert _probe(host, PROXY) == PROBE_ANSWER
    assert _probe(host, PROXY, STRANGER) == PROBE_WITHOUT_PROXYFIX
    assert _probe(_host(IDVERIFY_CALLBACK_NETWORKS=None), PROXY, STRANGER) == PROBE_ANSWER
    assert _stored(host) == 0


def test_a_probe_of_a_verifications_own_url_is_no_way_around_the_list() -> None:
    host = _host()
    path = f"{_path(host)}/some-key"
    assert _send(host, STRANGER, path=path, content_type=PROBE_TYPE) == 403


def test_the_connection_check_says_that_only_the_vendors_networks_are_admitted() -> None:
    host = _host()
    with served(host.app) as base:
        step = connection.probe(base + _path(host), "ExampleCo App/1.0", restricted=True)
        assert step.ok
        assert "only from IDVERIFY_CALLBACK_NETWORKS" in step.message
        assert "only from" not in connection.probe(base + _path(host), "ExampleCo App/1.0").message


def test_the_connection_check_finds_a_proxy_that_hides_every_caller() -> None:
    host = _host()
    inner = host.app.wsgi_app

    def proxied(environ: Any, start_response: Any) -> Any:
        return inner({**environ, "HTTP_X_FORWARDED_FOR": STRANGER}, start_response)

    host.app.wsgi_app = proxied  # type: ignore[method-assign]  # as a proxy in front would do it
    with served(host.app) as base:
        step = connection.probe(base + _path(host), "ExampleCo App/1.0", restricted=True)
        assert not step.ok
        assert "ProxyFix" in step.message
