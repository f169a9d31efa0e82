"""Hosts behind real sockets, as strict about what a page may load as a host can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response

from tests.hosts import MADE, Host, close_all, served

STRICT = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)


def strict(app: Flask) -> None:
    """Have every page of *app* obey a strict policy, unless it has one of its own."""

    @app.after_request
    def add_policy(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", STRICT)
        return response


@contextmanager
def kept(host: Host) -> Iterator[str]:
    """Serve a host that outlives single tests; give its base URL."""
    MADE.remove(host)
    strict(host.app)
    try:
        with served(host.app) as base:
            yield base
    finally:
        MADE.append(host)
        close_all()
