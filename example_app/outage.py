"""A switch of the demonstration: the simulated vendor is down, and is back.

Both programs run in one process, so the vendor cannot be stopped alone. While it is down its API
answers 503 and it sends no callbacks; what it knows it keeps.
"""

from __future__ import annotations

from flask import Flask, current_app

from flask_idverify.sandbox import Sandbox

_SANDBOX = "example_sandbox"
_DOWN = [{"kind": "5xx", "code": 503}, {"kind": "callback_drop"}]


def offer_outage(app: Flask, sandbox: Sandbox) -> None:
    """Let the start page of *app* switch *sandbox* off and on."""
    app.extensions[_SANDBOX] = sandbox


def is_down() -> bool | None:
    """Whether the vendor is down; ``None`` where it does not run along."""
    sandbox: Sandbox | None = current_app.extensions.get(_SANDBOX)
    return None if sandbox is None else bool(sandbox.faults())


def switch(*, down: bool) -> None:
    """Take the vendor down, or bring it back and lift every other fault."""
    current_app.extensions[_SANDBOX].set_faults(_DOWN if down else [])
