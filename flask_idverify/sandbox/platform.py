"""The Platform (KYX) endpoints (reference 2B); all of its hosts share one address here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from . import kyx_bodies, requests_kyx
from .clock import stamp
from .creation import create
from .errors import ApiError
from .home import home
from .images import jpeg, png
from .store import Phase, Transaction, new_reference
from .wire import (
    answer,
    attach,
    base_url,
    basic_matches,
    bearer,
    check_accept,
    check_length,
    for_browser,
    json_body,
    sandbox,
)

blueprint = Blueprint("platform", __name__)
_ACCOUNT = "/api/v1/accounts/<account>"
_WORKFLOW = f"{_ACCOUNT}/workflow-executions/<ref>"
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def error_body(status: int, detail: str) -> dict[str, Any]:
    """Word an error (reference 2B.9)."""
    return {"title": _TITLES.get(status, "Error"), "status": status, "detail": detail}


attach(blueprint, "kyx", error_body)


def _admit(*, images: bool = False) -> None:
    """Check the bearer token and Accept; wrong headers are 400 here (reference 2B.2)."""
    state = sandbox()
    token = bearer()
    if token is None:
        raise ApiError(401, "The access token is missing")
    with state.lock:
        problem = state.tokens.problem(token, state.clock.now())
    if problem is not None:
        raise ApiError(401, problem)
    check_accept(*(("image/",) if images else ("application/json",)), status=400)


def _workflow(account: str, ref: str) -> Transaction:
    state = sandbox()
    found = state.find(ref)
    if found is None or found.account_id != account or found.gone(state.clock.now()):
        raise ApiError(404, "Workflow execution not found")
    return found


@blueprint.post("/oauth2/token", endpoint="token")
def token() -> Response:
    """Grant a bearer token (references 2B.1 and 7.7)."""
    state = sandbox()
    if not basic_matches(state):
        raise ApiError(401, "Invalid client credentials")
    check_length(status=400)
    if request.mimetype != "application/x-www-form-urlencoded":
        raise ApiError(400, "The Content-Type must be application/x-www-form-urlencoded")
    check_accept("application/json", status=400)
    if request.form.get("grant_type") != "client_credentials":
        raise ApiError(400, "The grant_type must be client_credentials")
    faults = {fault.kind: fault for fault in g.faults}
    if "bad_token" in faults:
        return answer({"expires_in": 3600, "token_type": "Bearer"})  # nosec B105  # the word
    lifetime = None
    if "short_token" in faults:
        lifetime = float(faults["short_token"].parameters.get("seconds", 5))
    with state.lock:
        granted, left = state.tokens.issue(state.clock.now(), lifetime=lifetime)
    return answer({"access_token": granted, "expires_in": left, "token_type": "Bearer"})  # nosec B105  # the word


@blueprint.post("/api/v1/accounts", endpoint="start")
def create_account() -> Response:
    """Create an account with its first transaction (references 2B.3, 2B.4 and 7.8)."""
    _admit()
    return _start(new_reference())


@blueprint.put(_ACCOUNT, endpoint="start_again")
def update_account(account: str) -> Response:
    """Start another transaction on an existing account (reference 2B.3)."""
    _admit()
    with sandbox().lock:
        if not sandbox().store.has_account(account):
            raise ApiError(404, "Account not found")
    return _start(account)


def _start(account: str) -> Response:
    state = sandbox()
    body = json_body(status=400)
    checked = requests_kyx.read(body, local=state.allow_local_urls, now=state.clock.now())
    made = create(state, checked, body, base_url(), account_id=account)
    options = state.engine.options
    reply: dict[str, Any] = {"timestamp": stamp(made.created_at), "account": {"id": account}}
    web = {
        "href": made.hosted_url if options.web_href else None,
        "successUrl": made.success_url,
        "errorUrl": made.error_url,
    }
    if options.web_href:
        reply["web"] = {key: value for key, value in web.items() if value is not None}
    reply["sdk"] = {"token": f"sdk.{made.token}"}
    reply["workflowExecution"] = {
        "id": made.reference,
        "credentials": [_credential(key, category) for category, key in made.credentials.items()],
    }
    return answer(reply, options.create_status)


def _credential(key: str, category: str) -> dict[str, Any]:
    channels = ["WEB", "SDK"] if category == "FACEMAP" else ["WEB", "API", "SDK"]
    return {"id": key, "category": category, "allowedChannels": channels}


@blueprint.get(f"{_WORKFLOW}/status", endpoint="status")
def status(account: str, ref: str) -> Response:
    """Tell the status (references 2B.5 and 7.10)."""
    _admit()
    with sandbox().lock:
        return answer(kyx_bodies.status_body(_workflow(account, ref)))


@blueprint.get(_WORKFLOW, endpoint="details")
def details(account: str, ref: str) -> Response:
    """Tell everything known so far (references 2B.6 and 7.11 to 7.14)."""
    _admit()
    state = sandbox()
    with state.lock:
        found = _workflow(account, ref)
        unfinished = found.status in ("TOKEN_EXPIRED", "SESSION_EXPIRED")
        if unfinished and state.engine.options.expired_details == "404":
            raise ApiError(404, "No details are available for this workflow execution")
        return answer(kyx_bodies.details_body(found, state.clock.now(), state.seed))


@blueprint.get(f"{_WORKFLOW}/steps", endpoint="details_steps")
def steps(account: str, ref: str) -> Response:
    """List the steps; their shape is not documented, so only the status is told."""
    _admit()
    with sandbox().lock:
        found = _workflow(account, ref)
        return answer({"workflow": {"id": ref, "status": found.status}, "steps": []})


@blueprint.get(f"{_ACCOUNT}/credentials/<credential>/parts/<classifier>", endpoint="image")
def part(account: str, credential: str, classifier: str) -> Response:
    """Return one picture (reference 2B.7)."""
    _admit(images=True)
    state = sandbox()
    with state.lock:
        now = state.clock.now()
        for found in state.store.all():
            if found.account_id != account or found.gone(now):
                continue
            state.engine.refresh(found)
            for category, names in kyx_bodies.part_classifiers(found, now).items():
                if found.credentials[category] == credential and classifier in names:
                    return _picture(classifier)
    raise ApiError(404, "Part not found")


def _picture(classifier: str) -> Response:
    if classifier == "FACE":
        return Response(png(classifier), content_type="image/png")
    return Response(jpeg(classifier), content_type="image/jpeg")


@blueprint.delete(_WORKFLOW, endpoint="erase")
def erase(account: str, ref: str) -> Response:
    """Delete one transaction (reference 2B.2)."""
    _admit()
    with sandbox().lock:
        _delete(_workflow(account, ref))
    return Response("", 200, content_type="application/json")


@blueprint.delete(_ACCOUNT, endpoint="erase_account")
def erase_account(account: str) -> Response:
    """Delete an account and all its transactions (reference 2B.2)."""
    _admit()
    state = sandbox()
    with state.lock:
        if not state.store.has_account(account):
            raise ApiError(404, "Account not found")
        for found in state.store.drop_account(account):
            _delete(found)
    return Response("", 200, content_type="application/json")


def _delete(transaction: Transaction) -> None:
    transaction.deleted = True
    transaction.phase = Phase.FINISHED


@blueprint.get("/", endpoint="health")
def health() -> Response:
    """Tell the health, with details only when something is wrong (reference 2B.8)."""
    if for_browser():
        return home()
    check_accept("application/json", status=400)
    options = sandbox().engine.options
    body: dict[str, Any] = {"status": options.health}
    if options.health != "UP" or options.health_details:
        body["details"] = dict(options.health_details)
    return answer(body)
