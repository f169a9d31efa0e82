"""The page a person sees at ``/``: what runs here, and how to steer it."""

from __future__ import annotations

from typing import cast

from flask import Response, current_app, make_response, render_template

from .state import Sandbox

CONTROLS = (
    ("GET", "/_sandbox/transactions", "all transactions"),
    ("GET", "/_sandbox/transactions/<ref>", "one transaction with its callbacks"),
    ("POST", "/_sandbox/transactions/<ref>/complete", "go through the page without a browser"),
    ("POST", "/_sandbox/transactions/<ref>/plan", "set the ending beforehand"),
    ("POST", "/_sandbox/transactions/<ref>/open", "follow the link"),
    ("POST", "/_sandbox/transactions/<ref>/abandon", "leave"),
    ("POST", "/_sandbox/transactions/<ref>/expire", "let the link run out"),
    ("POST", "/_sandbox/transactions/<ref>/wipe", "erase the vendor's data"),
    ("POST", "/_sandbox/transactions/<ref>/reverse", "change a finished result"),
    ("POST", "/_sandbox/transactions/<ref>/callback", "send a callback now"),
    ("GET, POST", "/_sandbox/defaults", "sandbox-wide switches"),
    ("GET, POST, DELETE", "/_sandbox/faults", "faults"),
    ("GET, POST", "/_sandbox/clock", "read or advance the clock"),
    ("GET, DELETE", "/_sandbox/journal", "vendor requests received"),
    ("GET", "/_sandbox/scenarios", "scenario names"),
    ("POST", "/_sandbox/settle", "wait for callbacks"),
    ("POST", "/_sandbox/tokens/revoke", "make bearer tokens worthless"),
    ("POST", "/_sandbox/reset", "start afresh"),
)


def home() -> Response:
    """Show transactions and control calls."""
    state = cast("Sandbox", current_app.extensions["sandbox"])
    page = make_response(
        render_template(
            "sandbox/home.html",
            transactions=list(reversed(state.transactions())),
            defaults=state.defaults(),
            controls=CONTROLS,
        )
    )
    return protect(page)


def protect(page: Response) -> Response:
    """Add the headers a page with secrets in its links deserves."""
    page.headers["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'"
    page.headers["Referrer-Policy"] = "no-referrer"
    page.headers["Cache-Control"] = "no-store"
    page.headers["X-Content-Type-Options"] = "nosniff"
    return page
