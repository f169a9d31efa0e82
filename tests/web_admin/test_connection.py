"""*Check connection*: what the vendor says, and what stands before our callback URL."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flask_idverify import connection
from flask_idverify.connection import PROBE_ANSWER, PROBE_TYPE, callback_fitness, probe
from flask_idverify.models import CallbackRow
from tests.hosts import Host, served
from tests.vendor import GENERATIONS, Vendor
from tests.web_admin.desk import Desk, add_provider, provider_row, words

AGENT = "ExampleCo IdentityGate/1.0"
KEY = "a-key-that-nobody-else-may-see"
PATH = f"/identity/callbacks/{KEY}"
Answer = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def answering(
    answer: Answer, seen: list[Any] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve one answer to every POST on a real socket; *seen* gets path and headers of each."""
    status, headers, body = answer

    class Handler(BaseHTTPRequestHandler):
        server_version = "front/1"
        sys_version = ""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if seen is not None:
                seen.append((self.path, dict(self.headers)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # broken handshakes are meant
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def untrusted(tmp_path: Path) -> ssl.SSLContext:
    """A server's TLS context with a certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "both.pem").write_bytes(plain + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    return context


# -- the probe --------------------------------------------------------------------------------


def test_a_healthy_callback_view_is_recognised() -> None:
    seen: list[Any] = []
    with answering((200, {}, PROBE_ANSWER), seen) as base:
        step = probe(base + PATH, AGENT)
    assert (step.ok, step.detail) == (True, "")
    assert step.milliseconds is not None
    ((path, headers),) = seen
    assert (path, headers["Content-Type"], headers["User-Agent"]) == (PATH, PROBE_TYPE, AGENT)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((302, {"Location": f"/login?next={PATH}"}, b""), "looks like a login"),
        ((303, {"Location": "https://sso.example.com/start"}, b""), "looks like a login"),
        ((401, {"WWW-Authenticate": "Basic"}, b"no"), "asks for a login or refuses access"),
        ((403, {}, b"Forbidden"), "asks for a login or refuses access"),
        ((200, {}, b'<form><input type="password"></form>'), "asks for a login"),
        ((400, {}, b"Bad Request: The CSRF token is missing."), "CSRF check"),
        ((403, {}, b"CSRF verification failed"), "CSRF check"),
        ((404, {}, b"not found"), "Nothing of ours answers"),
        ((405, {}, b""), "Nothing of ours answers"),
        ((502, {}, b"bad gateway"), "The proxy in front of the app cannot reach it"),
        ((503, {}, b""), "The proxy in front of the app cannot reach it"),
        ((500, {}, b"boom"), "The server failed"),
        ((200, {}, b"<h1>Welcome</h1>"), "Something else answers"),
        ((200, {}, b""), "Something else answers"),
        ((413, {}, b""), "Something else answers"),
        ((429, {}, b""), "Something else answers"),
        ((301, {"Location": PATH + "/"}, b""), "follows no redirect"),
        ((308, {"Location": f"https://www.example.com{PATH}"}, b""), "follows no redirect"),
        ((301, {"Location": f"https://127.0.0.1{PATH}"}, b""), "redirects from http to https"),
    ],
)
def test_what_stands_in_the_way_is_told_apart(answer: Answer, told: str) -> None:
    with answering(answer) as base:
        step = probe(base + PATH, AGENT)
    assert not step.ok
    assert told in step.message
    assert KEY not in f"{step.message} {step.detail}"
    assert step.detail == f"HTTP {answer[0]}, Server: front/1"


def test_no_redirect_is_followed() -> None:
    seen: list[Any] = []
    with (
        answering((200, {}, PROBE_ANSWER), seen) as target,
        answering((307, {"Location": target + PATH}, b"")) as base,
    ):
        assert not probe(base + PATH, AGENT).ok
    assert seen == []


def test_an_address_where_nobody_listens_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken_port = taken.getsockname()[1]
        step = probe(f"http://127.0.0.1:{taken_port}{PATH}", AGENT)
    assert not step.ok
    assert f"127.0.0.1 cannot be reached from here on port {taken_port}" in step.message
    assert "Is the app running there?" in step.message
    assert KEY not in step.message


def test_a_host_that_does_not_exist_is_told() -> None:
    step = probe(f"https://nowhere.invalid{PATH}", AGENT)
    assert not step.ok
    assert "nowhere.invalid" in step.message
    assert KEY not in step.message


def test_a_server_that_cannot_answer_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_TIMEOUTS", (1.0, 0.2))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        step = probe(f"http://127.0.0.1:{silent.getsockname()[1]}{PATH}", AGENT)
    assert not step.ok
    assert "one request at a time" in step.message


def test_an_answer_that_drips_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_LONGEST", 0.0)
    with answering((200, {}, b"x" * 100)) as base:
        step = probe(base + PATH, AGENT)
    assert not step.ok
    assert "No answer in time" in step.message


def test_a_certificate_that_nobody_trusts_is_told(untrusted: ssl.SSLContext) -> None:
    with answering((200, {}, PROBE_ANSWER), tls=untrusted) as base:
        step = probe(base + PATH, AGENT)
    assert not step.ok
    assert "No trusted TLS connection" in step.message
    assert KEY not in step.message


def test_credentials_of_a_netrc_file_are_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[Any] = []
    with answering((200, {}, PROBE_ANSWER), seen) as base:
        probe(base + PATH, AGENT)
    assert "Authorization" not in seen[0][1]


# -- the form of the address ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://id.example.com/x", "https://"),
        ("https://id.example.com:8443/x", "port"),
        ("https://203.0.113.9/x", "IP address"),
        ("https://[2001:db8::9]/x", "IP address"),
        ("https://localhost/x", "your own network"),
        ("https://intranet/x", "your own network"),
        ("https://app.local/x", "your own network"),
        ("https://id.example.com/x?y=1", "query or a fragment"),
        ("https://id.example.com/x#y", "query or a fragment"),
        ("https://id.example.com/ö", "Punycode"),
        (f"https://id.example.com/{'x' * 240}", "263 characters"),
    ],
)
def test_an_unfit_callback_url_is_told_and_is_fine_for_a_sandbox_only(url: str, told: str) -> None:
    real = callback_fitness(url, 255, sandbox=False)
    assert not real.ok
    assert told in real.message
    assert "IDVERIFY_EXTERNAL_URL" in real.message
    pretended = callback_fitness(url, 255, sandbox=True)
    assert pretended.ok
    assert told in pretended.message
    assert pretended.message.startswith("Fine for a sandbox only: the callback URL")


def test_a_fit_callback_url_is_fine() -> None:
    step = callback_fitness("https://id.example.com/identity/callbacks/a/b", 255, sandbox=False)
    assert step.ok
    assert "sandbox" not in step.message


# -- the page ---------------------------------------------------------------------------------


@pytest.fixture
def checked(file_host: Host) -> Iterator[Callable[..., str]]:
    """Return a function that checks a provider of a served host on its page."""
    with contextlib.ExitStack() as stack:

        def check(base: str | None = None, **provider: Any) -> str:
            host = file_host
            own = stack.enter_context(served(host.app))
            settings = host.app.extensions["idverify"].settings
            object.__setattr__(settings, "external_url", base or own)
            row_id = add_provider(host, **provider)
            desk = Desk(host)
            answer = desk.send(f"/providers/{row_id}/check", f"/providers/{row_id}")
            assert answer.status_code == 200
            for secret in ("sandbox-secret", "not the secret"):
                assert secret not in answer.text
            with host.app.app_context():
                assert host.db.session.query(CallbackRow).count() == 0
            page = words(answer)
            return page[page.index("Check connection") :]

        yield check


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_working_provider_passes_every_step(
    checked: Callable[..., str], vendor: Vendor, kind: str
) -> None:
    page = checked(endpoint=vendor.url, provider_type=kind, client_secret="sandbox-secret")
    assert "The credentials are accepted" in page
    assert "for a sandbox only" in page
    assert "Your public callback URL answers as it should" in page
    assert "Failed" not in page
    assert " ms" in page
    assert vendor.asked("start") == []  # nothing that costs
    assert vendor.sandbox.transactions() == []


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_wrong_secret_fails_in_the_vendors_words(
    checked: Callable[..., str], vendor: Vendor, kind: str
) -> None:
    page = checked(endpoint=vendor.url, provider_type=kind, client_secret="not the secret")
    assert "Failed" in page
    assert "does not accept the credentials" in page or "refuses access" in page
    assert "Answer:" in page
    assert "Your public callback URL answers as it should" in page


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_vendor_that_is_down_is_told(checked: Callable[..., str], kind: str) -> None:
    page = checked(endpoint="http://127.0.0.1:9", provider_type=kind)
    assert "Failed" in page
    assert "connection to 127.0.0.1:" in page


def test_a_login_wall_before_the_app_is_told(checked: Callable[..., str], vendor: Vendor) -> None:
    with answering((302, {"Location": "/login"}, b"")) as wall:
        page = checked(base=wall, endpoint=vendor.url, client_secret="sandbox-secret")
    assert "looks like a login" in page
    assert "/identity/callbacks/ pass" in page


def test_a_local_address_is_not_fit_for_the_real_vendor(file_host: Host) -> None:
    settings = file_host.app.extensions["idverify"].settings
    object.__setattr__(settings, "external_url", "http://127.0.0.1:9")
    row_id = add_provider(file_host)
    with file_host.app.app_context():
        adapter = file_host.app.extensions["idverify"].vendors.adapter(
            provider_row(file_host, row_id)
        )
        adapter.check = list  # the real vendor is not asked by a test
        steps = {step.name: step for step in connection.check(provider_row(file_host, row_id))}
    assert not steps["callback URL"].ok
    assert "https" in steps["callback URL"].message
    assert not steps["callback probe"].ok


def test_an_endpoint_that_is_no_longer_admitted_is_told(host: Host) -> None:
    row_id = add_provider(host, "http://127.0.0.1:9")
    transport = host.app.extensions["idverify"].vendors.transport
    object.__setattr__(transport, "allow_sandbox", False)
    with host.app.app_context():
        (step,) = connection.check(provider_row(host, row_id))
    assert (step.name, step.ok) == ("provider", False)
    assert "endpoint" in step.message
