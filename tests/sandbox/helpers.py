"""A small client of the simulated vendor and a receiver of its callbacks, both on real sockets."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import requests

from flask_idverify.sandbox import Sandbox, SandboxServer

AGENT = "ExampleCo IdentityGate/1.0"
PAIR = ("sandbox-id", "sandbox-secret")
TODAY = datetime.now(timezone.utc).date()
JSON = {"User-Agent": AGENT, "Accept": "application/json"}
CONSENT = {"userIp": "203.0.113.24", "userLocation": {"country": "AUT"}}


class Client:
    """Speaks to a running sandbox the way a careful application would."""

    def __init__(self, server: SandboxServer) -> None:
        self.url = server.url
        self.sandbox: Sandbox = server.sandbox
        self.token: str | None = None

    # -- Netverify v4

    def v4_body(self, **changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "customerInternalReference": "vt_8Hq2Zr5K",
            "userReference": "vu_3LmX0pQa",
        }
        return {key: value for key, value in {**body, **changes}.items() if value is not ...}

    def initiate(self, **changes: Any) -> requests.Response:
        return self.v4("POST", "/api/v4/initiate", json=self.v4_body(**changes))

    def start_v4(self, **changes: Any) -> str:
        answer = self.initiate(**changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["transactionReference"])

    def v4(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**JSON, **options.pop("headers", {})}
        return requests.request(
            method, self.url + path, auth=PAIR, headers=headers, timeout=10, **options
        )

    def scan(self, ref: str, rest: str = "") -> requests.Response:
        return self.v4("GET", f"/api/netverify/v2/scans/{ref}{rest}")

    # -- Platform

    def bearer(self) -> str:
        if self.token is None:
            answer = self.ask_token()
            assert answer.status_code == 200, answer.text
            self.token = str(answer.json()["access_token"])
        return self.token

    def ask_token(self, **options: Any) -> requests.Response:
        data = options.pop("data", {"grant_type": "client_credentials"})
        headers = {**JSON, **options.pop("headers", {})}
        auth = options.pop("auth", PAIR)
        return requests.post(
            f"{self.url}/oauth2/token", data=data, auth=auth, headers=headers, timeout=10, **options
        )

    def kyx_body(self, **changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "customerInternalReference": "vt_8Hq2Zr5K",
            "userReference": "vu_3LmX0pQa",
            "workflowDefinition": {"key": 10011},
            "userConsent": CONSENT,
        }
        return {key: value for key, value in {**body, **changes}.items() if value is not ...}

    def kyx(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {
            **JSON,
            "Authorization": f"Bearer {self.bearer()}",
            **options.pop("headers", {}),
        }
        return requests.request(method, self.url + path, headers=headers, timeout=10, **options)

    def create(self, **changes: Any) -> requests.Response:
        return self.kyx("POST", "/api/v1/accounts", json=self.kyx_body(**changes))

    def start_kyx(self, **changes: Any) -> tuple[str, str]:
        answer = self.create(**changes)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return str(body["account"]["id"]), str(body["workflowExecution"]["id"])

    def workflow(self, ids: tuple[str, str], rest: str = "") -> requests.Response:
        return self.kyx("GET", f"/api/v1/accounts/{ids[0]}/workflow-executions/{ids[1]}{rest}")

    def details(self, ids: tuple[str, str]) -> dict[str, Any]:
        answer = self.workflow(ids)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # -- control API

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self.url}/_sandbox{path}", json=body, timeout=10)

    def act(self, ref: str, action: str, **body: Any) -> requests.Response:
        return self.control("POST", f"/transactions/{ref}/{action}", body)


@dataclass
class Received:
    """One callback as it arrived."""

    path: str
    content_type: str
    raw: bytes

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))

    def form(self) -> dict[str, str]:
        parsed = parse_qs(self.raw.decode(), keep_blank_values=True, strict_parsing=True)
        return {key: values[0] for key, values in parsed.items()}


@dataclass
class Receiver:
    """Keeps callbacks; answers the given statuses in turn, then 200."""

    url: str
    got: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    at_once: int = 0
    most_at_once: int = 0
    hold: float = 0.0

    def statuses(self) -> list[str]:
        return [item.json()["workflowExecution"]["status"] for item in self.got]


def run_receiver() -> tuple[Receiver, ThreadingHTTPServer, threading.Thread]:
    """Start a receiver; the caller shuts the server down and joins the thread."""
    pause = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with receiver.lock:
                receiver.at_once += 1
                receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
            if receiver.hold:
                pause.wait(receiver.hold)
            with receiver.lock:
                receiver.at_once -= 1
                kind = self.headers.get("Content-Type", "")
                receiver.got.append(Received(self.path, kind, raw))
                status = receiver.answers.pop(0) if receiver.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/callbacks/q7Vd0sXkP3")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    return receiver, server, thread
