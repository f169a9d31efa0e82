"""The Netverify initiate request and its rules (reference 2A.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from . import validation as check

WORKFLOWS = (100, 101, 102, 200, 201, 202)
PRESET_TYPES = ("PASSPORT", "DRIVING_LICENSE", "ID_CARD")
RESERVED = frozenset(
    ("transactionStatus", "customerInternalReference", "transactionReference", "errorCode")
)
_ELSEWHERE = {
    "web": "use successUrl and errorUrl",
    "tokenLifetime": "use tokenLifetimeInMinutes",
    "workflowDefinition": "use workflowId and presets",
    "userConsent": "it belongs to the Platform",
}


@dataclass(frozen=True)
class Initiate:
    """A checked request."""

    customer_internal_reference: str
    user_reference: str
    reporting_criteria: str | None
    success_url: str | None
    error_url: str | None
    callback_url: str | None
    workflow: int
    country: str | None
    type: str | None
    locale: str
    lifetime: timedelta


def read(body: Mapping[str, Any], *, local: bool) -> Initiate:
    """Check the request; the first broken rule is refused with 400."""
    check.misplaced(body, _ELSEWHERE)
    customer = check.text(body, "customerInternalReference", 100, required=True)
    user = check.text(body, "userReference", 100, required=True)
    country, type_ = _preset(body)
    return Initiate(
        customer_internal_reference=customer or "",
        user_reference=user or "",
        reporting_criteria=check.text(body, "reportingCriteria", 100),
        success_url=check.url(body, "successUrl", 2047, local=local, reserved=RESERVED),
        error_url=check.url(body, "errorUrl", 255, local=local, reserved=RESERVED),
        callback_url=check.url(body, "callbackUrl", 255, local=local),
        workflow=_workflow(body),
        country=country,
        type=type_,
        locale=check.locale(body, check.LOCALES) or "en",
        lifetime=_lifetime(body),
    )


def _workflow(body: Mapping[str, Any]) -> int:
    value = body.get("workflowId")
    if value is None:
        return 200
    if not isinstance(value, int) or isinstance(value, bool):
        raise check.refuse("workflowId", "must be an integer")
    if value not in WORKFLOWS:
        raise check.refuse("workflowId", f"must be one of {', '.join(map(str, WORKFLOWS))}")
    return value


def _lifetime(body: Mapping[str, Any]) -> timedelta:
    value = body.get("tokenLifetimeInMinutes")
    if value is None:
        return timedelta(minutes=30)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise check.refuse("tokenLifetimeInMinutes", "must be a number")
    if not 5 <= value <= 86400:
        raise check.refuse("tokenLifetimeInMinutes", "must be from 5 to 86400")
    return timedelta(minutes=value)


def _preset(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    presets = body.get("presets")
    if presets is None:
        return None, None
    if not isinstance(presets, list) or len(presets) != 1 or not isinstance(presets[0], Mapping):
        raise check.refuse("presets", "must be an array with one object")
    preset = presets[0]
    for key in ("index", "country", "type"):
        if key not in preset:
            raise check.refuse(f"presets[0].{key}", "is required")
    if preset["index"] != 1 or isinstance(preset["index"], bool):
        raise check.refuse("presets[0].index", "must be 1")
    country = check.country("presets[0].country", preset["country"])
    if preset["type"] not in PRESET_TYPES:
        raise check.refuse("presets[0].type", f"must be one of {', '.join(PRESET_TYPES)}")
    return country, str(preset["type"])
