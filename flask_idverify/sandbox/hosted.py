"""The vendor's page the user's browser visits, with the scenario for the tester to choose."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from .documents import FIELDS, NOT_AVAILABLE, TYPES, Document
from .engine import ATTEMPTS
from .errors import ControlError
from .home import protect
from .outcomes import Scenario
from .scenarios import SCENARIOS, choices, resolve_for
from .store import Phase, Transaction
from .wire import sandbox

blueprint = Blueprint("hosted", __name__)

# Reference 4.1; what the browser may report without the vendor's server being involved.
ERRORS = {
    9822: "the browser cannot use the camera",
    9820: "no camera, and upload is not allowed",
    9821: "the face capture failed",
    9800: "no network",
    9300: "the upload failed",
    9400: "the verification step failed",
    9801: "an unexpected error on the page",
    9810: "the page could not talk to the server",
    9100: "a failure on the server",
    9836: "the authentication failed",
}
_LABELS = {
    "type": "Document type",
    "country": "Issuing country (three letters)",
    "first_name": "First names",
    "last_name": "Last name",
    "number": "Document number",
    "personal_number": "Personal number",
    "date_of_birth": "Date of birth",
    "expiry": "Expiry date",
    "issuing_date": "Issuing date",
    "gender": "Gender (M, F or X)",
    "nationality": "Nationality (three letters)",
    "place_of_birth": "Place of birth",
    "address_line1": "Street and number",
    "address_city": "City",
    "address_postal_code": "Postal code",
    "address_country": "Country of address (three letters)",
}
_MAIN = FIELDS[: FIELDS.index("gender")]


@blueprint.route("/web/v4/app", methods=["GET", "POST"])
@blueprint.route("/web/client", methods=["GET", "POST"])
def page() -> Response:
    """Show the page, or act on what was pressed on it."""
    state = sandbox()
    with state.lock:
        transaction = state.store.by_token(request.values.get("authorizationToken", ""))
        if transaction is None:
            return _message("This link is not valid.", 9200, status=403)
        state.engine.refresh(transaction)
        problem = _closed(transaction)
        if problem is not None:
            return _end(transaction, problem)
        state.engine.open(transaction)
        if request.method == "GET":
            paper = state.engine.paper_of(transaction)
            return _form(transaction, state.engine.scenario_of(transaction).name, paper.as_dict())
        return _act(transaction)


def _closed(transaction: Transaction) -> int | None:
    """Return the error of a link that leads nowhere any more (reference 4.1)."""
    if transaction.deleted:
        return 9200
    if transaction.phase is Phase.FINISHED and transaction.submitted_at is None:
        timed_out = transaction.opened_at is not None and transaction.status != "TOKEN_EXPIRED"
        return 9210 if timed_out else 9200
    if transaction.phase in (Phase.PROCESSING, Phase.FINISHED):
        return 9200
    late = sandbox().clock.now() >= transaction.expires_at
    return 9200 if late and request.method == "GET" else None


def _act(transaction: Transaction) -> Response:
    action = request.form.get("action", "submit")
    engine = sandbox().engine
    if action == "leave":
        transaction.source = engine.capture_source(transaction)
        return _left(transaction)
    try:
        if action == "camera_error":
            return _end(transaction, _error_code())
        if action != "submit":
            raise ControlError("expected submit, leave or camera_error", field="action")
        scenario = resolve_for(_chosen(transaction), transaction.generation)
        typed = {name: request.form[name] for name in FIELDS if name in request.form}
        paper = engine.paper_of(transaction).changed(typed)
    except ControlError as error:
        return _form(transaction, _chosen(transaction), _typed(transaction), problem=str(error))
    if request.form.get("retry") and _unreadable(scenario, transaction.generation):
        number = engine.attempt(transaction, scenario, paper)
        sandbox().lock.notify_all()
        if number < ATTEMPTS:
            return _form(transaction, scenario.name, paper.as_dict(), attempt=number)
        return _end(transaction, 9835)
    engine.submit(transaction, scenario, paper)
    sandbox().lock.notify_all()
    return _after_submit(transaction, scenario)


def _after_submit(transaction: Transaction, scenario: Scenario) -> Response:
    result = scenario.result(transaction.generation)
    journey = "finish" if result is None else result.journey
    if journey in ("leave", "unopen"):
        return _left(transaction)
    return _end(transaction, {"expire": 9200, "drop": 9210}.get(journey))


def _chosen(transaction: Transaction) -> str:
    name = request.form.get("scenario", "").strip()
    if name == "custom":
        name = request.form.get("custom_scenario", "").strip()
    return name or sandbox().engine.scenario_of(transaction).name


def _typed(transaction: Transaction) -> dict[str, str]:
    values = sandbox().engine.paper_of(transaction).as_dict()
    return {name: request.form.get(name, value) for name, value in values.items()}


def _error_code() -> int:
    text = request.form.get("error_code", "9822")
    if text not in map(str, ERRORS):
        raise ControlError(f"expected one of {', '.join(map(str, ERRORS))}", field="error_code")
    return int(text)


def _unreadable(scenario: Scenario, generation: str) -> bool:
    if generation == "v4":
        return scenario.v4 is not None and scenario.v4.verification == "ERROR_NOT_READABLE_ID"
    findings = () if scenario.kyx is None else scenario.kyx.findings
    return any(item.capability == "usability" and item.type == "REJECTED" for item in findings)


def _form(
    transaction: Transaction,
    chosen: str,
    values: dict[str, str],
    *,
    problem: str | None = None,
    attempt: int = 0,
) -> Response:
    body = render_template(
        "sandbox/hosted.html",
        transaction=transaction,
        scenarios=choices(transaction.generation),
        chosen=chosen,
        custom=chosen if chosen not in SCENARIOS else "",
        values=values,
        labels=_LABELS,
        main=_MAIN,
        more=[name for name in FIELDS if name not in _MAIN],
        types=TYPES,
        not_available=NOT_AVAILABLE,
        errors=_errors(transaction),
        problem=problem,
        attempt=attempt,
        attempts=ATTEMPTS,
        default=Document(),
        message=_event(transaction, "loaded", None),
    )
    return protect(make_response(body, 400 if problem else 200))


def _errors(transaction: Transaction) -> dict[int, str]:
    # 9836 exists on the Platform only (reference 4.1).
    return {
        code: words
        for code, words in ERRORS.items()
        if code != 9836 or transaction.generation == "kyx"
    }


def _end(transaction: Transaction, code: int | None) -> Response:
    """Send the browser back (reference 4.1), or end here when no address was given."""
    target = transaction.success_url if code is None else transaction.error_url
    onward = None if target is None else _with_query(target, _parameters(transaction, code))
    if onward is not None and not request.form.get("embedded"):
        return protect(make_response(redirect(onward, 303)))
    body = render_template(
        "sandbox/end.html",
        code=code,
        onward=onward,
        message=_event(transaction, "success" if code is None else "error", code),
    )
    return protect(make_response(body))


def _left(transaction: Transaction) -> Response:
    body = render_template("sandbox/left.html", transaction=transaction)
    return protect(make_response(body))


def _message(words: str, code: int, *, status: int) -> Response:
    body = render_template("sandbox/end.html", code=code, words=words, onward=None, message=None)
    return protect(make_response(body, status))


def _parameters(transaction: Transaction, code: int | None) -> dict[str, str]:
    status = "SUCCESS" if code is None else "ERROR"
    if transaction.generation == "v4":
        found = {
            "transactionStatus": status,
            "customerInternalReference": transaction.customer_internal_reference,
            "transactionReference": transaction.reference,
        }
    else:
        found = {
            "accountId": transaction.account_id or "",
            "workflowExecutionId": transaction.reference,
            "acquisitionStatus": status,
            "customerInternalReference": transaction.customer_internal_reference,
        }
    return found if code is None else {**found, "errorCode": str(code)}


def _with_query(address: str, parameters: dict[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def _event(transaction: Transaction, value: str, code: int | None) -> dict[str, Any]:
    """Build the message for the embedding page; the script adds the time (reference 4.3)."""
    event: dict[str, Any] = {"authorizationToken": transaction.token}
    if transaction.generation == "v4":
        event["transactionReference"] = transaction.reference
    else:
        event["workflowExecutionId"] = transaction.reference
        event["accountId"] = transaction.account_id
    event["customerInternalReference"] = transaction.customer_internal_reference
    event["eventType"] = 510
    event["payload"] = {"value": value}
    if code is not None:
        event["payload"]["metainfo"] = {"code": code}
    return event
