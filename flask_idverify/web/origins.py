"""From where a request came, told to the audit log in the measure that the settings allow."""

from __future__ import annotations

from contextlib import ExitStack

from flask import Flask, g, request

from .. import networks, origin, runtime

_KEPT = "_idverify_origin"


def watch(app: Flask) -> None:
    """Name the origin of whatever a request makes us do, in the host's own views too."""
    # In front of the host's own: one of theirs may already start a verification.
    app.before_request_funcs.setdefault(None, []).insert(0, _enter)
    app.teardown_request(_leave)


def _enter() -> None:
    stack = ExitStack()
    stack.enter_context(origin.working_for(_address()))
    setattr(g, _KEPT, stack)


def _leave(_error: BaseException | None) -> None:
    stack = g.pop(_KEPT, None)
    if stack is not None:
        stack.close()


def _address() -> str | None:
    if request.blueprint == "idverify_callbacks":
        return None  # the vendor only tells that there is news; nobody asked for what follows
    how = runtime.current().settings.audit_addresses
    if how == "none":
        return None
    address = networks.parsed(request.remote_addr)
    if address is None:
        return None
    return str(address) if how == "full" else networks.shortened(request.remote_addr)
