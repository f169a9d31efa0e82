"""What a request to the JSON API holds: a body, a claim, a consent; or why it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from .. import clock, runtime, service
from ..claims import Claim, Consent
from ..errors import ConsentMissing, InvalidClaim, InvalidInput, NotFound
from ..i18n import gettext
from ..phrases import phrase
from ..safe_json import loads
from .bodies import limited_body

#: Far more than a claim and a consent need.
_LONGEST_BODY = 16384
_DEEPEST_BODY = 8
_CLAIM_FIELDS = ("id_type", "id_number", "real_name", "country")
_CONSENT_FIELDS = ("given", "country", "state")
BODY_FIELDS = ("claim", "consent", "application")


class RequestProblem(Exception):
    """An answer that is an error of the request itself."""

    def __init__(self, status: int, code: str, detail: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail


def body_of_request() -> Mapping[str, Any]:
    """Return the JSON object that was sent."""
    if not request.is_json:
        raise RequestProblem(415, "unsupported_media_type")
    body = limited_body(_LONGEST_BODY)
    if body is None:
        raise RequestProblem(413, "too_large")
    try:
        # Of two members of one name, a proxy may have checked the other: neither is taken.
        data = loads(body, max_depth=_DEEPEST_BODY, unique_keys=True)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise RequestProblem(400, "invalid_json")
    return data


def known_application(name: str | None) -> str | None:
    """Return *name* when there is such an application; ``None`` stands for the user's own."""
    if name is None:
        return None
    try:
        return service.application_named(name).name
    except NotFound:
        detail = gettext("There is no such application.")
        raise RequestProblem(404, "not_found", detail) from None


def require_known(part: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse what would be ignored: a misspelt member looks as if it had been read."""
    for name in part:
        if name not in known:
            raise InvalidInput(name[:100], f"is not known here; expected {', '.join(known)}.")


def _part(data: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Mapping[str, Any] | None:
    part = data.get(name)
    if part is None:
        return None
    if not isinstance(part, dict):
        raise InvalidInput(name, "expected an object.")
    require_known(part, known)
    return part


def claim_of(data: Mapping[str, Any], user: Any) -> Claim:
    """Return the claim; a verified user who sends none repeats theirs."""
    part = _part(data, "claim", _CLAIM_FIELDS)
    if part is None:
        # A verified user who proves more for another application need not repeat themself.
        found = service.identity_of(user)
        if found is None or not found.is_verified or found.claim is None:
            raise InvalidClaim("id_type", "is missing: send the claim.")
        return found.claim
    return Claim(**{name: part.get(name) or "" for name in _CLAIM_FIELDS})


def consent_of(data: Mapping[str, Any]) -> Consent | None:
    """Return the consent that the user has just given; ``None`` where nothing is said of it.

    :raises ConsentMissing: it says that they have not: then no vendor is asked, whatever it needs.
    """
    part = _part(data, "consent", _CONSENT_FIELDS)
    if part is None:
        return None
    if part.get("given") is not True:
        raise ConsentMissing(phrase("The user has not given consent: expected true as 'given'."))
    state = part.get("state")
    return Consent(
        ip=request.remote_addr or "",
        country=str(part.get("country") or ""),
        state=str(state) if state else None,
        obtained_at=clock.now(),
        wording=runtime.current().settings.consent_wording,
    )
