"""The app and the simulated vendor, each on a socket of its own, in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_idverify.sandbox import SandboxServer

from .app import create_app
from .extensions import db, idverify
from .outage import offer_outage
from .papers import prefill

HOSTS = ("127.0.0.1", "localhost", "::1")


class _QuietHandler(WSGIRequestHandler):
    """Without a line per request: callback addresses hold keys, which belong in no log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class PortTaken(Exception):
    """Somebody else listens there."""


@dataclass(frozen=True)
class Site:
    """Where the two answer, and the app itself."""

    url: str
    sandbox_url: str
    app: Flask


@contextmanager
def running(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    sandbox_port: int = 0,
    processing_seconds: float = 3.0,
    config: Mapping[str, Any] | None = None,
) -> Iterator[Site]:
    """Serve both until the block ends; port 0 takes a free one.

    :param folder: of the database and the keys.
    :param processing_seconds: how long the vendor thinks about the pictures.
    :raises PortTaken: naming the port.
    """
    if sandbox_port:
        # Asked beforehand, so that the message names the port.
        _listen(host, sandbox_port).close()
    # Listening before the app is made: its settings have to name its own address.
    with (
        closing(_listen(host, port)) as listener,
        SandboxServer(
            host=host,
            port=sandbox_port,
            allow_local_urls=True,
            processing_seconds=processing_seconds,
        ) as vendor,
    ):
        url = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        app = create_app(
            {
                "EXAMPLE_INSTANCE": folder,
                "EXAMPLE_SANDBOX_URL": vendor.url,
                "IDVERIFY_EXTERNAL_URL": url,
                **(config or {}),
            }
        )
        prefill(app, vendor.sandbox)
        offer_outage(app, vendor.sandbox)
        try:
            with _served(app, listener):
                yield Site(url, vendor.url, app)
        finally:
            idverify.close(app)
            with app.app_context():
                db.engine.dispose()


@contextmanager
def _served(app: Flask, listener: socket.socket) -> Iterator[None]:
    address = listener.getsockname()
    server = make_server(
        address[0],
        address[1],
        app,
        threaded=True,  # the app answers its own callback probe while it checks a connection
        request_handler=_QuietHandler,
        fd=listener.fileno(),
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="alpenbank")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
