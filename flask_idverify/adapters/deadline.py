"""A limit for the whole head of an answer, which the libraries below us do not have.

Their read timeout starts anew with every byte, so that a peer which drips its header keeps a
thread for hours. Here a timer hangs up instead.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class PunctualAdapter(HTTPAdapter):
    """A transport for ``requests`` whose answers begin in time, through a proxy or not.

    :param seconds: how long status line and headers may take together.
    """

    def __init__(self, seconds: float, **options: Any) -> None:
        self._pools = _pools(seconds)
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections through one proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def getresponse(self) -> Any:
            with _hanging_up(self.sock, seconds):
                return super().getresponse()

    class Secure(HTTPSConnection):
        def getresponse(self) -> Any:
            with _hanging_up(self.sock, seconds):
                return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


@contextmanager
def _hanging_up(connected: Any, seconds: float) -> Iterator[None]:
    """Shut the socket down when the time is over; a reader in another thread then wakes."""
    over = threading.Event()

    def hang_up() -> None:
        over.set()
        try:
            # Of the plain socket: the TLS one would forget its state under the reader's feet.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
        except OSError:
            return  # closed in the meantime

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if over.is_set():
            # A header cut short would otherwise pass for a complete one.
            raise TimeoutError("the head of the answer took too long")
