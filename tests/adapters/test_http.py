"""The way to the network, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from flask_idverify.adapters.http import HttpClient
from flask_idverify.errors import ConfigurationError, VendorProtocolError, VendorUnavailable
from flask_idverify.types import Transport

TRANSPORT = Transport(
    user_agent="ExampleCo App/1.0",
    connect_timeout=0.3,
    read_timeout=0.2,
    retries=0,
    backoff=0.0,
    allow_sandbox=True,
)
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'
Handler = Callable[[socket.socket, bytes], None]


@contextmanager
def server(handle: Handler) -> Iterator[tuple[str, list[bytes]]]:
    """Accept connections and let *handle* answer each; yield the base URL and what arrived."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                heard.append(connection.recv(65536))
                handle(connection, heard[-1])
            except OSError:
                pass

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


@contextmanager
def client(transport: Transport = TRANSPORT) -> Iterator[HttpClient]:
    made = HttpClient(transport)
    try:
        yield made
    finally:
        made.close()


def say(data: bytes) -> Handler:
    return lambda connection, _: connection.sendall(data)


def test_an_answer_is_read() -> None:
    with server(say(OK)) as (url, heard), client() as http:
        answer = http.call("POST", url, payload={"name": "é"}, authorization="Basic eA==")
        assert answer.object() == {"a": 1}
    head = heard[0].lower()
    for line in (b"content-length: ", b"content-type: application/json", b"user-agent: exampleco"):
        assert line in head
    assert b"chunked" not in head
    assert b"accept-encoding: identity" in head


def test_a_silent_vendor_times_out() -> None:
    with server(lambda *_: time.sleep(9)) as (url, _), client() as http:
        begun = time.monotonic()
        with pytest.raises(VendorUnavailable, match="in time"):
            http.call("GET", url)
        assert time.monotonic() - begun < 8


def drip(head: bytes) -> Handler:
    def handle(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        for _number in range(400):
            connection.sendall(b"x")
            time.sleep(0.05)

    return handle


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
    ],
    ids=["body", "body without length", "header"],
)
def test_a_dripping_vendor_runs_out_of_time(head: bytes) -> None:
    # Each byte arrives within the read timeout; only the deadline ends it.
    with server(drip(head)) as (url, _), client() as http:
        begun = time.monotonic()
        with pytest.raises(VendorUnavailable):
            http.call("GET", url)
        assert time.monotonic() - begun < 15  # of the 20 it takes


def test_a_cut_answer_is_a_broken_connection() -> None:
    cut = b'HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n{"a": 1'
    with server(say(cut)) as (url, _), client() as http, pytest.raises(VendorUnavailable):
        http.call("GET", url)


def test_a_cut_chunked_answer_is_a_broken_connection() -> None:
    cut = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"a"'
    with server(say(cut)) as (url, _), client() as http, pytest.raises(VendorUnavailable):
        http.call("GET", url)


def test_chunked_answers_are_read() -> None:
    whole = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n0\r\n\r\n'
    with server(say(whole)) as (url, _), client() as http:
        assert http.call("GET", url).object() == {"a": 1}


def test_what_is_no_http_is_a_broken_connection() -> None:
    odd = say(b"SSH-2.0-OpenSSH\r\n")
    with server(odd) as (url, _), client() as http, pytest.raises(VendorUnavailable):
        http.call("GET", url)


def test_a_reset_get_is_repeated_and_a_post_is_not() -> None:
    answers = iter([b"", OK])

    def handle(connection: socket.socket, _: bytes) -> None:
        data = next(answers, b"")
        if data:
            connection.sendall(data)
        else:
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
            )

    with (
        server(handle) as (url, heard),
        client(replace(TRANSPORT, retries=2, read_timeout=5)) as http,
    ):
        assert http.call("GET", url).object() == {"a": 1}
        assert len(heard) == 2
        with pytest.raises(VendorUnavailable):
            http.call("POST", url, payload={})
        assert len(heard) == 3


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with client() as http, pytest.raises(VendorUnavailable, match=r"127\.0\.0\.1"):
        http.call("GET", f"http://127.0.0.1:{port}")


def test_a_host_without_tls_is_told() -> None:
    told = pytest.raises(VendorUnavailable, match="TLS")
    with server(say(OK)) as (url, _), client() as http, told:
        http.call("GET", url.replace("http:", "https:"))


def test_an_endless_answer_is_cut_off() -> None:
    def endless(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    patient = replace(TRANSPORT, read_timeout=5)
    told = pytest.raises(VendorProtocolError, match="longer")
    with server(endless) as (url, _), client(patient) as http, told:
        http.call("GET", url)


def test_neither_netrc_nor_cookies_nor_proxies_of_plain_http_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    cookie = OK.replace(b"\r\n", b"\r\nConnection: close\r\nSet-Cookie: a=b\r\n", 1)
    with server(say(cookie)) as (url, heard), client() as http:
        http.call("GET", url)
        http.call("GET", url)
    assert len(heard) == 2
    assert b"authorization" not in b"".join(heard).lower()
    assert b"cookie" not in heard[1].lower()


def test_https_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(say(b"HTTP/1.1 407 Proxy\r\nContent-Length: 0\r\n\r\n")) as (url, heard):
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with client() as http, pytest.raises(VendorUnavailable, match="proxy"):
            http.call("GET", "https://netverify.invalid/", authorization="Basic eA==")
    assert heard[0].startswith(b"CONNECT netverify.invalid:443")
    assert b"Basic" not in heard[0]


def test_connections_are_used_again() -> None:
    accepted: list[int] = []

    def keep(connection: socket.socket, _: bytes) -> None:
        accepted.append(1)
        connection.sendall(OK)
        while connection.recv(65536):
            connection.sendall(OK)

    with server(keep) as (url, _), client() as http:
        for _number in range(3):
            http.call("GET", url)
        assert len(accepted) == 1


def test_what_is_sent_once_does_not_risk_a_kept_connection() -> None:
    """The vendor hangs up right after an answer that did not say so."""
    with server(say(OK)) as (url, heard), client(replace(TRANSPORT, read_timeout=5)) as http:
        for _number in range(10):
            http.call("POST", url, payload={})
    assert len(heard) == 10


@pytest.mark.parametrize("agent", ["", "Exämple/1.0", "A\r\nX: y"])
def test_a_user_agent_that_cannot_be_sent_is_a_configuration_error(agent: str) -> None:
    with pytest.raises(ConfigurationError, match="IDVERIFY_USER_AGENT"):
        HttpClient(replace(TRANSPORT, user_agent=agent))
