"""The control API for tests. It asks for no credentials: run the sandbox on loopback only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from .clock import stamp
from .errors import ControlError
from .options import Check, number, one_of
from .scenarios import SCENARIOS
from .wire import answer, sandbox

blueprint = Blueprint("control", __name__, url_prefix="/_sandbox")
_TRANSACTION = "/transactions/<ref>"
_FLAG = one_of(True, False)


@blueprint.errorhandler(ControlError)
def refused(error: ControlError) -> Response:
    """Name the member that is wrong and what was expected."""
    return answer({"error": error.problem, "field": error.field}, error.status)


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ControlError("expected a text", field=name)


def _object(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise ControlError("expected an object", field=name)


def _names(name: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ControlError("expected an array of texts", field=name)


def _whole(minimum: int, maximum: int) -> Check:
    def check(name: str, value: Any) -> None:
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or not minimum <= value <= maximum:
            raise ControlError(f"expected a whole number from {minimum} to {maximum}", field=name)

    return check


def _json() -> Any:
    raw = request.get_data()
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ControlError("the body is not valid JSON") from error


def _members(checks: dict[str, Check], *required: str) -> dict[str, Any]:
    """Return the members of the request; a null counts as absent."""
    body = _json()
    if not isinstance(body, dict):
        raise ControlError("expected a JSON object")
    for name, value in body.items():
        if name not in checks:
            expected = ", ".join(checks) or "none"
            raise ControlError(f"unknown member; expected {expected}", field=name)
        if value is not None:
            checks[name](name, value)
    given = {name: value for name, value in body.items() if value is not None}
    for name in required:
        if name not in given:
            raise ControlError("is required", field=name)
    return given


@blueprint.get("/transactions")
def transactions() -> Response:
    """List all transactions, oldest first."""
    return answer({"transactions": sandbox().transactions()})


@blueprint.get(_TRANSACTION)
def transaction(ref: str) -> Response:
    """Describe one transaction."""
    return answer(sandbox().transaction(ref))


@blueprint.post(f"{_TRANSACTION}/complete")
def complete(ref: str) -> Response:
    """Go through the hosted page without a browser."""
    given = _members({"scenario": _text, "document": _object, "callback": _FLAG, "related": _names})
    return answer(sandbox().complete(ref, **given))


@blueprint.post(f"{_TRANSACTION}/plan")
def plan(ref: str) -> Response:
    """Set beforehand how the transaction will end."""
    given = _members(
        {
            "scenario": _text,
            "document": _object,
            "processing_seconds": number(0, 86400),
            "callback": _FLAG,
            "related": _names,
        }
    )
    return answer(sandbox().plan(ref, **given))


@blueprint.post(f"{_TRANSACTION}/open")
def open_(ref: str) -> Response:
    """Follow the link."""
    _members({})
    return answer(sandbox().open(ref))


@blueprint.post(f"{_TRANSACTION}/abandon")
def abandon(ref: str) -> Response:
    """Leave during the given attempt; the idle time counts as over."""
    return answer(sandbox().abandon(ref, **_members({"attempts": _whole(1, 3)})))


@blueprint.post(f"{_TRANSACTION}/expire")
def expire(ref: str) -> Response:
    """Let the link's lifetime be over."""
    _members({})
    return answer(sandbox().expire(ref))


@blueprint.post(f"{_TRANSACTION}/wipe")
def wipe(ref: str) -> Response:
    """Erase the vendor's data."""
    return answer(sandbox().wipe(ref, **_members({"gone": _FLAG})))


@blueprint.post(f"{_TRANSACTION}/reverse")
def reverse(ref: str) -> Response:
    """Change the result of a finished transaction."""
    given = _members({"scenario": _text, "callback": _FLAG}, "scenario")
    return answer(sandbox().reverse(ref, **given))


@blueprint.post(f"{_TRANSACTION}/callback")
def callback(ref: str) -> Response:
    """Send a callback now."""
    given = _members(
        {
            "status": _text,
            "times": _whole(1, 20),
            "concurrent": _FLAG,
            "delay": number(0, 10_000_000),
            "retry": _FLAG,
            "url": _text,
            "body": _object,
            "without": _names,
            "raw": lambda name, value: None if value == "" else _text(name, value),
            "content_type": _text,
        }
    )
    given["without"] = tuple(given.get("without", ()))
    return answer(sandbox().callback(ref, **given))


@blueprint.get("/scenarios")
def scenarios() -> Response:
    """List the named scenarios."""
    listed = [
        {
            "name": item.name,
            "summary": item.summary,
            "generations": [name for name in ("v4", "kyx") if item.result(name) is not None],
        }
        for item in SCENARIOS.values()
    ]
    return answer({"scenarios": listed})


@blueprint.get("/defaults")
def defaults() -> Response:
    """Return the sandbox-wide switches."""
    return answer(sandbox().defaults())


@blueprint.post("/defaults")
def set_defaults() -> Response:
    """Set sandbox-wide switches."""
    body = _json()
    if not isinstance(body, dict):
        raise ControlError("expected a JSON object")
    return answer(sandbox().set_defaults(**body))


@blueprint.get("/faults")
def faults() -> Response:
    """List the faults in force."""
    return answer({"faults": sandbox().faults()})


@blueprint.post("/faults")
def set_faults() -> Response:
    """Replace all faults (an array), or add one (an object with a kind)."""
    body = _json()
    if isinstance(body, dict) and "kind" in body:
        members = {str(name): value for name, value in body.items()}
        return answer({"faults": sandbox().add_fault(members.pop("kind"), **members)})
    listed = body.get("faults") if isinstance(body, dict) else body
    if not isinstance(listed, list):
        raise ControlError("expected an array of faults, or one fault", field="faults")
    return answer({"faults": sandbox().set_faults(listed)})


@blueprint.delete("/faults")
def clear_faults() -> Response:
    """Lift all faults."""
    sandbox().clear_faults()
    return answer({"faults": []})


@blueprint.get("/clock")
def clock() -> Response:
    """Tell the simulated time."""
    return answer({"now": stamp(sandbox().clock.now())})


@blueprint.post("/clock")
def advance() -> Response:
    """Push the clock forward."""
    given = _members({"advance": number(0, 400 * 86400)}, "advance")
    return answer({"now": sandbox().advance(given["advance"])})


@blueprint.get("/journal")
def journal() -> Response:
    """List the vendor requests received."""
    return answer({"journal": sandbox().journal()})


@blueprint.delete("/journal")
def clear_journal() -> Response:
    """Forget the vendor requests received."""
    sandbox().clear_journal()
    return answer({"journal": []})


@blueprint.post("/settle")
def settle() -> Response:
    """Wait until no callback is being delivered."""
    return answer(sandbox().settle(**_members({"timeout": number(0, 60)})))


@blueprint.post("/tokens/revoke")
def revoke_tokens() -> Response:
    """Make every bearer token worthless."""
    _members({})
    sandbox().revoke_tokens()
    return answer({"revoked": True})


@blueprint.post("/reset")
def reset() -> Response:
    """Start afresh."""
    _members({})
    sandbox().reset()
    return answer({"reset": True})
