"""The JSON API for the user's own pages and apps: same session, same CSRF token, same rules.

Errors are problem details (RFC 9457). The CSRF token comes with ``GET /identity``, where a client
begins anyway: a page of another origin can send the request but cannot read the answer, so no
second address is needed for it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from wtforms import ValidationError

from .. import i18n, id_numbers, service, texts
from ..claims import Claim
from ..errors import (
    IDVerifyError,
    InvalidClaim,
    InvalidConsent,
    InvalidInput,
    NotFound,
    NotSignedIn,
)
from ..i18n import gettext
from ..models import Verification
from ..queries import own
from ..states import Standing, Status
from . import pages
from .api_requests import (
    BODY_FIELDS,
    RequestProblem,
    body_of_request,
    claim_of,
    consent_of,
    known_application,
    require_known,
)
from .refusals import seconds_until
from .user_state import has_live_link, is_worth_asking, seconds_to_next_look, told

blueprint = Blueprint("idverify_api", __name__)
blueprint.after_request(pages.keep_private)
blueprint.before_request(pages.refuse_unprintable)

#: Errors whose own words are for whoever sent the request.
_SENDERS = (InvalidClaim, InvalidConsent)
#: Titles where the code's words do not read as one.
_TITLES = {
    "csrf": "CSRF token missing or invalid",
    "invalid_json": "Invalid JSON",
    "too_large": "Request too large",
    "vendor_error": "Verification service error",
    "idverify_error": "Request failed",
}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@blueprint.before_request
def require_login() -> None:
    """Answer 401 in JSON: a redirect to a login page helps no program."""
    if not current_user.is_authenticated:
        raise NotSignedIn("Sign in first.")


@blueprint.get("/identity")
def identity() -> ResponseReturnValue:
    """Return the user's standing, their claim and the token for a POST."""
    found = service.identity_of(_user())
    application = known_application(request.args.get("application") or None)
    uses_csrf = current_app.config.get("WTF_CSRF_ENABLED", True)
    return jsonify(
        standing=str(found.standing if found else Standing.unverified),
        is_verified=bool(found and found.is_verified),
        satisfied=bool(found and found.satisfies(application)),
        verified_at=_moment(found.verified_at if found else None),
        expires_at=_moment(found.expires_at if found else None),
        claim=found.claim.to_dict() if found and found.claim else None,
        csrf_token=generate_csrf() if uses_csrf else None,
    )


@blueprint.post("/verifications")
def start() -> ResponseReturnValue:
    """Start a verification; the answer's ``redirect_url`` is where the browser goes.

    201 for a new attempt, 200 for the same one once more, 202 while another request is starting it.
    """
    _require_token()
    data = body_of_request()
    require_known(data, BODY_FIELDS)
    application = data.get("application")
    if application is not None and not isinstance(application, str):
        raise InvalidInput("application", "expected a name.")
    claim, consent = claim_of(data, _user()), consent_of(data)
    row, is_new = service.start_or_resume(
        _user(),
        claim,
        consent,
        application=known_application(application),
        locale=i18n.chosen_language(),
    )
    answer = jsonify(**_shown(row), redirect_url=row.redirect_url, hints=_hints(claim))
    answer.status_code = 201 if is_new else 200
    if row.status is Status.created:
        answer.status_code = 202
        answer.headers["Retry-After"] = str(seconds_to_next_look(row))
    answer.headers["Location"] = url_for(".verification", verification_id=row.id)
    return answer


@blueprint.get("/verifications/<verification_id>")
def verification(verification_id: str) -> ResponseReturnValue:
    """Return how an attempt of the user's stands, after asking the vendor if that is worth it."""
    found = service.identity_of(_user())
    row = own.attempt(verification_id, found) if found is not None else None
    if row is None:
        raise NotFound("There is no such verification.")
    if is_worth_asking(row):
        row = service.refresh_if_due(row)
    return jsonify(_shown(row))


@blueprint.route("/", methods=_METHODS)
@blueprint.route("/<path:rest>", methods=_METHODS)
def nowhere(rest: str = "") -> ResponseReturnValue:  # noqa: ARG001 - the route gives it
    """Answer for addresses that nobody answers for; the app's own 404 is a page."""
    adapter: Any = current_app.create_url_adapter(request)
    # This rule takes every method, so it also catches the wrong one at an address that exists.
    allowed = [name for name in _METHODS if adapter.match(method=name)[0] != request.endpoint]
    if allowed:
        raise MethodNotAllowed(valid_methods=allowed)
    raise RequestProblem(404, "not_found", gettext("There is nothing at this address."))


def _user() -> Any:
    return current_user._get_current_object()


def _shown(row: Verification) -> dict[str, Any]:
    shown = told(row)
    return {
        "id": row.id,
        "status": str(row.status),
        "label": shown.title,
        "text": " ".join(shown.lead),
        "reasons": [_reason(code) for code in row.reasons],
        "retryable": row.retryable,
        "resumable": has_live_link(row),
        "created_at": _moment(row.created_at),
        "finished_at": _moment(row.finished_at),
        "look_again_in": seconds_to_next_look(row),
        "page": url_for("idverify.verification", verification_id=row.id),
    }


def _reason(code: str) -> dict[str, str]:
    found = texts.reason(code)
    return {"code": texts.public_code(code), "text": str(found.user), "next": str(found.next_step)}


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(timezone.utc).isoformat() if value else None


def _require_token() -> None:
    """Check the token as Flask-WTF does for forms; the header cannot be set by another origin."""
    if not current_app.config.get("WTF_CSRF_ENABLED", True):
        return
    names = current_app.config.get("WTF_CSRF_HEADERS", ["X-CSRFToken", "X-CSRF-Token"])
    token = next((request.headers[name] for name in names if name in request.headers), None)
    try:
        validate_csrf(token)
    except ValidationError:
        raise RequestProblem(400, "csrf") from None


def _hints(claim: Claim) -> list[dict[str, str]]:
    """Return what the user may want to look at again; nothing of it stopped the start."""
    if not id_numbers.looks_wrong(claim.country, claim.id_type, claim.id_number):
        return []
    return [{"field": "id_number", "text": texts.number_hint(claim.id_type, claim.country)}]


def _problem(status: int, code: str, detail: str | None = None, **members: Any) -> Response:
    answer = jsonify(
        type=f"urn:flask-idverify:problem:{code}",
        title=_TITLES.get(code) or code.replace("_", " ").capitalize(),
        status=status,
        detail=detail or texts.error(code),
        code=code,
        **{name: value for name, value in members.items() if value is not None},
    )
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


@blueprint.errorhandler(RequestProblem)
def request_problem(error: RequestProblem) -> ResponseReturnValue:
    """Answer for a request that cannot be understood."""
    return _problem(error.status, error.code, error.detail)


@blueprint.errorhandler(IDVerifyError)
def our_problem(error: IDVerifyError) -> ResponseReturnValue:
    """Answer for what the service refused; words of the vendor and for the admin stay inside."""
    if pages.is_hosts_mistake(error):
        raise error
    retry_at: datetime | None = getattr(error, "retry_at", None)
    attempt: Verification | None = getattr(error, "verification", None)
    answer = _problem(
        error.http_status,
        error.code,
        _own_words(error),
        field=getattr(error, "field", None),
        reason=getattr(error, "reason", None),
        retry_at=_moment(retry_at),
        verification=attempt.id if attempt is not None else None,
    )
    wait = seconds_until(retry_at) or getattr(error, "retry_after", None)
    if wait is not None:
        answer.headers["Retry-After"] = str(int(wait))
    return answer


def _own_words(error: IDVerifyError) -> str | None:
    """Return what is wrong with a field of the request, which never quotes the value."""
    if isinstance(error, _SENDERS) or type(error) is InvalidInput:
        return texts.sentence(error.message)
    return None


@blueprint.errorhandler(HTTPException)
def http_problem(error: HTTPException) -> ResponseReturnValue:
    """Answer errors of Flask and Werkzeug in the same form."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    answer = _problem(error.code or 500, codes.get(error.code or 500, "idverify_error"))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(error.valid_methods)
    return answer
