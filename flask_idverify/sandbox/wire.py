"""What both generations do to every request: journal, faults, header rules, credentials."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, Response, current_app, g, request

from .clock import stamp
from .errors import ApiError
from .faults import Fault
from .journal import without_secrets
from .spoil import refusal, spoil
from .state import Sandbox

# "ExampleCo ExampleApp/1.0": a company, then an application with its version (2A.1). The
# default strings of HTTP libraries name no company, or put a slash into the first word.
_USER_AGENT = re.compile(r"[^/\s][^/]*\s[^/\s]+/[vV]?\d\S*(\s.*)?")

ErrorShape = Callable[[int, str], dict[str, Any]]


def sandbox() -> Sandbox:
    """Return the state of the sandbox that serves this request."""
    return cast("Sandbox", current_app.extensions["sandbox"])


def answer(body: dict[str, Any], status: int = 200) -> Response:
    """Return JSON as the vendor writes it."""
    return Response(json.dumps(body), status, content_type="application/json")


def base_url() -> str:
    """Return the address this request came in on, without a trailing slash."""
    return request.host_url.rstrip("/")


def where() -> str:
    """Name the kind of request, as faults and journal do."""
    return request.endpoint.rpartition(".")[2].split("_")[0] if request.endpoint else "any"


def for_browser() -> bool:
    """Tell whether a person looks at ``/``, which is otherwise the health of the Platform."""
    return request.path == "/" and "text/html" in request.headers.get("Accept", "")


def attach(blueprint: Blueprint, generation: str, shape: ErrorShape) -> None:
    """Give a blueprint the journal, the faults and the vendor's way to word an error."""

    def before() -> Response | None:
        if for_browser():
            return None
        # Read the body first: answering with unread bytes would reset the connection.
        g.body = request.get_data(cache=True)
        state = sandbox()
        with state.lock:
            g.faults = state.fault_book.strike(where())
        refused = refusal(g.faults, shape)
        if refused is not None:
            return refused
        check_agent()
        return None

    def after(response: Response) -> Response:
        if for_browser():
            return response
        state = sandbox()
        faults: list[Fault] = g.get("faults", [])
        record(generation, response.status_code, faults)
        state.pause()
        return spoil(response, faults, state.closed, shape)

    def failed(error: ApiError) -> Response:
        return answer(shape(error.status, error.detail), error.status)

    blueprint.before_request(before)
    blueprint.after_request(after)
    blueprint.register_error_handler(ApiError, failed)


def record(generation: str, status: int, faults: list[Fault]) -> None:
    """Write the request into the journal."""
    state = sandbox()
    try:
        body = json.loads(g.get("body", b"null"))
    except (ValueError, RecursionError):
        # A form, or not what it claims to be; the answer's status tells.
        body = None
    with state.lock:
        state.requests.add(
            {
                "at": stamp(state.clock.now()),
                "generation": generation,
                "where": where(),
                "method": request.method,
                "path": request.path,
                "headers": without_secrets(request.headers.items()),
                "json": body,
                "status": status,
                "faults": [fault.kind for fault in faults],
            }
        )


def check_agent() -> None:
    """Refuse a missing or default User-Agent with 403 (references 2A.1 and 2B.9)."""
    agent = request.headers.get("User-Agent", "")
    if len(agent) > 256 or not _USER_AGENT.fullmatch(agent):
        raise ApiError(403, "The User-Agent must read like 'ExampleCo ExampleApp/1.0'")


def check_accept(*wanted: str, status: int) -> None:
    """Refuse a request that does not name what it accepts; a bare ``*/*`` names nothing."""
    accepted = request.headers.get("Accept", "").lower()
    if not any(kind in accepted for kind in wanted):
        raise ApiError(status, f"The Accept header must name {' or '.join(wanted)}")


def check_length(*, status: int) -> None:
    """Refuse chunked bodies: a Content-Length is asked for (references 2A.1 and 2B.2)."""
    # A chunked body has no length, even if a header claims one.
    if request.content_length is None:
        raise ApiError(status, "The Content-Length header is required")


def json_body(*, status: int) -> dict[str, Any]:
    """Return the JSON object of the request; ``status`` answers wrong headers."""
    check_length(status=status)
    if request.mimetype != "application/json":
        raise ApiError(status, "The Content-Type must be application/json")
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The body is not valid JSON") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object")
    return body


def basic_matches(state: Sandbox) -> bool:
    """Tell whether the request carries the right Basic credentials."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    expected = f"{state.client_id}:{state.client_secret}".encode()
    return hmac.compare_digest(given, expected)


def bearer() -> str | None:
    """Return the bearer token of the request, if it carries one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
