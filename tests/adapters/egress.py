"""A vendor and an attacker on real sockets, and everything an adapter asks of a vendor."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flask_idverify.adapters import Registry
from flask_idverify.types import Account, FetchRequest

from ..adapter_bench import SECRET, START, TRANSPORT, load

V4, PLATFORM = "Jumio", "Jumio Platform"
BOTH = pytest.mark.parametrize("kind", [V4, PLATFORM])
SCAN = "3e5b9a0c-6f1d-4c1e-9a44-7d0b5e2c8f10"
ACCOUNT = "b7c1f2d4-0a3e-4f5b-8c6d-1e2f3a4b5c6d"
ASKED = FetchRequest(SCAN, ACCOUNT, patient=False)
LOCAL = replace(TRANSPORT, allow_sandbox=True, retries=0, connect_timeout=5.0, read_timeout=5.0)
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Server:
    """A server on a real socket: what it answers by path, and what it was asked."""

    url: str = ""
    heard: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    answer: Callable[[str, str], Reply] = lambda *_: (404, {}, b"")


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.heard.append((self.command, self.path, headers))
            status, given, body = made.answer(self.command, self.path)
            self.send_response(status)
            for name, value in {**given, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    for method in ("GET", "POST", "PUT", "DELETE", "CONNECT"):
        setattr(Handler, f"do_{method}", Handler.handle_one)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # broken handshakes are meant
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def adapter_at(url: str, kind: str, **transport: Any) -> Iterator[Any]:
    made: Any = Registry().get(kind)(Account("demo-id", SECRET, url), replace(LOCAL, **transport))
    try:
        yield made
    finally:
        made.close()


#: What an adapter asks of the vendor: each must go to the vendor alone.
CALLS: dict[str, Callable[[Any], Any]] = {
    "start": lambda adapter: adapter.start(START),
    "returning start": lambda adapter: adapter.start(replace(START, account_id=ACCOUNT)),
    "fetch": lambda adapter: adapter.fetch(ASKED),
    "images": lambda adapter: adapter.images(ASKED),
    "image": lambda adapter: adapter.image(ASKED, "front"),
    "erase": lambda adapter: adapter.erase(SCAN, ACCOUNT),
}
PLATFORM_CALLS: dict[str, Callable[[Any], Any]] = {
    **CALLS,
    "erase account": lambda adapter: adapter.erase_account(ACCOUNT),
    "token": lambda adapter: adapter.tokens.get(),
}
MATRIX = [(V4, name) for name in CALLS] + [(PLATFORM, name) for name in PLATFORM_CALLS]


def as_json(value: Any) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def token() -> Reply:
    return as_json({"access_token": "demo.access.token", "expires_in": 3600})


def approved(kind: str, attacker: Server) -> Callable[[str, str], Reply]:
    """Answer as the vendor does, but every address in every answer is the attacker's."""
    folder = "jumio_v4" if kind == V4 else "jumio_platform"
    payload = load(folder)["approved"]
    evil = f"{attacker.url}/collect"
    picture = {"classifier": "front" if kind == V4 else "FRONT", "href": evil}

    def answer(method: str, path: str) -> Reply:
        if path == "/oauth2/token":
            return token()
        if "/images/" in path or "/parts/" in path:
            return 200, {"Content-Type": "image/jpeg"}, b"\xff\xd8\xff"
        if path.endswith("/images"):
            listed = {"images": [picture], "livenessImages": [evil]}
            return as_json({"scanReference": SCAN, "href": evil, **listed})
        if method in ("POST", "PUT"):
            return as_json(
                {
                    "transactionReference": SCAN,
                    "redirectUrl": evil,
                    "account": {"id": ACCOUNT, "href": evil},
                    "workflowExecution": {"id": SCAN, "href": evil},
                    "web": {"href": evil},
                }
            )
        if method == "DELETE":
            return 200, {}, b""
        details = path.endswith(("/data", SCAN)) and (kind == PLATFORM or path.endswith("/data"))
        found = payload["details" if details else "status"]
        text = re.sub(r'"https?://[^"]*"', json.dumps(evil), json.dumps(found))
        shown = json.loads(text)
        if details and kind == PLATFORM:
            shown["credentials"] = [{"id": "c1", "category": "ID", "parts": [picture]}]
        return as_json({**shown, "href": evil, "steps": {"href": evil}})

    return answer
