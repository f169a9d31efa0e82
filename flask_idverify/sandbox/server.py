"""The sandbox on a real socket, for tests and for the command line."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from .app import create_sandbox
from .state import Sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class _QuietHandler(WSGIRequestHandler):
    """Serves without a log line per request, and gives up on silent clients."""

    timeout = 30

    def connection_dropped(
        self, error: BaseException, environ: WSGIEnvironment | None = None
    ) -> None:
        """Close what was broken on purpose; HTTP/1.1 would wait for another request."""
        self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing; the journal keeps what matters."""


class _Server(ThreadedWSGIServer):
    """Knows its open connections, so that closing need not wait for idle ones."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing; broken connections are part of the play."""

    def server_close(self) -> None:
        """Hang up first: the base class waits for every handler to end."""
        self._hang_up()
        super().server_close()

    def _hang_up(self) -> None:
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                # The client was faster.
                continue


class SandboxServer:
    """Runs a sandbox on loopback; use it as a context manager.

    :raises OSError: somebody else listens on *port*.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> None:
        self.app = create_sandbox(**options)
        self.sandbox = cast("Sandbox", self.app.extensions["sandbox"])
        if port:
            # Werkzeug would print and end the process when the port is taken; a socket raises.
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            socket.create_server((host, port), family=family).close()
        self._server = _Server(host, port, self.app, handler=_QuietHandler)
        self._thread: threading.Thread | None = None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}"

    def start(self) -> SandboxServer:
        """Serve from a thread of its own."""
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.01},
            name="sandbox-server",
            daemon=True,
        )
        self._thread.start()
        return self

    def serve(self) -> None:
        """Serve from the calling thread until interrupted."""
        try:
            self._server.serve_forever()
        finally:
            self.close()

    def close(self) -> None:
        """Stop serving, hang up, and wait for every thread."""
        self.sandbox.close()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
