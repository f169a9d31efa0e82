"""Faults applied to an answer (reference 6.4)."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, request

from .faults import REFUSALS, Fault

_WORDS = {
    401: "The access token is expired",
    403: "Access denied",
    404: "Not found",
    429: "Request limit exceeded",
}
_HTML = "<!doctype html><title>Maintenance</title><p>We will be back shortly.</p>"
ErrorShape = Callable[[int, str], dict[str, Any]]


def refusal(faults: list[Fault], shape: ErrorShape) -> Response | None:
    """Return the answer of the fault that refuses the request, if there is one."""
    for fault in faults:
        if fault.kind in REFUSALS and not fault.parameters.get("after"):
            return _refuse(fault, shape)
    return None


def _refuse(fault: Fault, shape: ErrorShape) -> Response:
    if fault.kind == "redirect":
        response = Response("", int(fault.parameters.get("code", 302)))
        response.headers["Location"] = fault.parameters.get("location", "https://example.invalid/")
        return response
    named = {"not_found": 404, "5xx": 503}.get(fault.kind)
    status = int(fault.parameters.get("code", named or fault.kind))
    detail = _WORDS.get(status, "The service is temporarily unavailable")
    if fault.parameters.get("plain"):
        response = Response(detail, status, content_type="text/plain; charset=utf-8")
    else:
        response = Response(json.dumps(shape(status, detail)), status)
        response.content_type = "application/json"
    if "retry_after" in fault.parameters:
        response.headers["Retry-After"] = str(fault.parameters["retry_after"])
    return response


def spoil(
    response: Response, faults: list[Fault], closed: threading.Event, shape: ErrorShape
) -> Response:
    """Spoil an answer that was already given, so that its effects stand."""
    for fault in faults:
        if fault.kind in REFUSALS:
            if fault.parameters.get("after"):
                response = _refuse(fault, shape)
        elif fault.kind == "latency":
            closed.wait(fault.parameters["seconds"])
        else:
            response = _SPOILERS.get(fault.kind, _leave)(response, fault, closed)
    return response


def _leave(response: Response, _fault: Fault, _closed: threading.Event) -> Response:
    return response


def _malformed(response: Response, _fault: Fault, _closed: threading.Event) -> Response:
    response.set_data('{"timestamp": "2031-05-04T09:12:30.512Z", ')
    return response


def _html(response: Response, _fault: Fault, _closed: threading.Event) -> Response:
    response.set_data(_HTML)
    response.content_type = "text/html; charset=utf-8"
    return response


def _empty(response: Response, _fault: Fault, _closed: threading.Event) -> Response:
    response.set_data(b"")
    return response


def _truncated(response: Response, _fault: Fault, _closed: threading.Event) -> Response:
    whole = response.get_data()
    promised = Response([whole[: len(whole) // 2]], response.status_code)
    promised.content_type = response.content_type
    promised.headers["Content-Length"] = str(len(whole))
    return promised


def _reset(_response: Response, _fault: Fault, _closed: threading.Event) -> Response:
    connection = request.environ.get("werkzeug.socket")

    if isinstance(connection, socket.socket):
        # Closing then sends a reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Response(_Broken())


class _Broken:
    """A body that fails before its first byte; the server then drops the connection."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise ConnectionResetError("reset on request")


def _missing_field(response: Response, fault: Fault, _closed: threading.Event) -> Response:
    try:
        body = json.loads(response.get_data())
    except ValueError:
        return response
    *path, last = str(fault.parameters["field"]).split(".")
    inner = body
    for name in path:
        inner = inner.get(name) if isinstance(inner, dict) else None
    if isinstance(inner, dict):
        inner.pop(last, None)
    response.set_data(json.dumps(body))
    return response


def _drip(response: Response, fault: Fault, closed: threading.Event) -> Response:
    whole = response.get_data()
    pause = fault.parameters.get("seconds", 5.0) / max(len(whole), 1)

    def drops() -> Iterator[bytes]:
        for at in range(len(whole)):
            if closed.wait(pause):
                return
            yield whole[at : at + 1]

    slow = Response(drops(), response.status_code, content_type=response.content_type)
    slow.headers["Content-Length"] = str(len(whole))
    return slow


_SPOILERS: dict[str, Callable[[Response, Fault, threading.Event], Response]] = {
    "malformed_json": _malformed,
    "html": _html,
    "empty": _empty,
    "truncated": _truncated,
    "reset": _reset,
    "missing_field": _missing_field,
    "drip": _drip,
}
