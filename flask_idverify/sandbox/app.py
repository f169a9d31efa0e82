"""The Flask application of the sandbox."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from . import control, hosted, platform, v4
from .options import Options
from .state import Sandbox
from .wire import answer, record

# Far above any real request; what is longer is refused before it is kept.
MAX_BODY = 1024 * 1024


def create_sandbox(  # nosec B107  # a stage prop, printed at start
    client_id: str = "sandbox-id",
    client_secret: str = "sandbox-secret",  # noqa: S107 - a stage prop, printed at start
    *,
    allow_local_urls: bool = False,
    processing_seconds: float = 5.0,
    latency: float = 0.0,
    seed: int = 0,
) -> Flask:
    """Build a simulated vendor that speaks both generations on one address.

    ``app.extensions["sandbox"]`` is its :class:`~flask_idverify.sandbox.Sandbox`. Identifiers
    and tokens are always random; ``seed`` fixes the stage props in results and the spread of
    ``latency``.
    """
    app = Flask(
        __name__,
        static_folder="static",
        static_url_path="/_sandbox/static",
        template_folder="templates",
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    options = Options().changed({"processing_seconds": processing_seconds, "latency": latency})
    app.extensions["sandbox"] = Sandbox(
        client_id=client_id,
        client_secret=client_secret,
        allow_local_urls=allow_local_urls,
        options=options,
        seed=seed,
    )
    for module in (v4, platform, hosted, control):
        app.register_blueprint(module.blueprint)
    app.register_error_handler(HTTPException, _no_such_thing)
    app.after_request(_mark)
    return app


def _mark(response: Response) -> Response:
    """Say on every answer that no real vendor speaks, so that production can refuse to listen."""
    response.headers["X-IDVerify-Sandbox"] = "1"
    return response


def _no_such_thing(error: HTTPException) -> Response | HTTPException:
    """Word routing errors as the generation does whose address was mistaken."""
    status = error.code or 500
    detail = error.description or ""
    if request.path.startswith(("/api/v1/", "/oauth2/")):
        if request.endpoint is None:
            record("kyx", status, [])
        return answer(platform.error_body(status, detail), status)
    if request.path.startswith("/api/"):
        if request.endpoint is None:
            record("v4", status, [])
        return answer(v4.error_body(status, detail), status)
    if request.path.startswith("/_sandbox/") and "/static/" not in request.path:
        return answer({"error": detail, "field": None}, status)
    return error
