"""The Platform's account request and its rules (reference 2B.3)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from . import validation as check
from .clock import parse_stamp, years_from

# Reference 2B.3: the v4 list minus sw; newer samples use en-US.
LOCALES = (check.LOCALES - {"sw"}) | {"en-US"}
FORBIDDEN = frozenset('<>"/;`%{}|')
RESERVED = frozenset(
    (
        "acquisitionStatus",
        "customerInternalReference",
        "workflowExecutionId",
        "accountId",
        "errorCode",
    )
)
# Workflows that capture no biometrics and so need no consent; the keys of reference 2B.3
# whose description names neither identity, face, similarity nor liveness.
WITHOUT_BIOMETRICS = frozenset(("1", "2", "10010", "10026", "10170"))
_SCREENING = "32"

_ELSEWHERE = {
    "successUrl": "nest it in web",
    "errorUrl": "nest it in web",
    "locale": "nest it in web",
    "tokenLifetimeInMinutes": "use tokenLifetime",
    "workflowId": "use workflowDefinition.key",
    "presets": "use workflowDefinition.credentials",
}
_LIFETIME = re.compile(r"([+-]?\d+)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TYPES = {
    "ID": ("ID_CARD", "DRIVING_LICENSE", "PASSPORT", "VISA"),
    "FACEMAP": ("IPROOV_STANDARD", "IPROOV_PREMIUM", "JUMIO_STANDARD"),
}
_CATEGORIES = ("ID", "FACEMAP", "SELFIE", "DOCUMENT", "DATA")
_WITH_STATE = ("USA", "CAN", "AUS")


@dataclass(frozen=True)
class AccountRequest:
    """A checked request."""

    customer_internal_reference: str
    user_reference: str | None
    reporting_criteria: str | None
    success_url: str | None
    error_url: str | None
    callback_url: str | None
    workflow: str
    country: str | None
    type: str | None
    locale: str
    lifetime: timedelta
    user_ip: str | None


def read(body: Mapping[str, Any], *, local: bool, now: datetime) -> AccountRequest:
    """Check the request; the first broken rule is refused with 400."""
    check.misplaced(body, _ELSEWHERE)
    customer = check.text(body, "customerInternalReference", 100, required=True) or ""
    if set(customer) & FORBIDDEN:
        raise check.refuse("customerInternalReference", "contains a forbidden character")
    definition = check.mapping(body, "workflowDefinition", required=True)
    workflow = _key(definition)
    country, type_ = _preset(definition)
    check.mapping(definition, "capabilities", path="workflowDefinition.")
    web = check.mapping(body, "web")
    return AccountRequest(
        customer_internal_reference=customer,
        user_reference=check.text(body, "userReference", 100, required=workflow == _SCREENING),
        reporting_criteria=check.text(body, "reportingCriteria", 255),
        success_url=check.url(web, "successUrl", 255, local=local, reserved=RESERVED, path="web."),
        error_url=check.url(web, "errorUrl", 255, local=local, reserved=RESERVED, path="web."),
        callback_url=check.url(body, "callbackUrl", 255, local=local),
        workflow=workflow,
        country=country,
        type=type_,
        locale=check.locale(web, LOCALES, path="web.") or "en",
        lifetime=_lifetime(body),
        user_ip=_consent(body, needed=workflow not in WITHOUT_BIOMETRICS, now=now),
    )


def _key(definition: Mapping[str, Any]) -> str:
    value = definition.get("key")
    if value is None:
        raise check.refuse("workflowDefinition.key", "is required")
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise check.refuse("workflowDefinition.key", "must be an integer or a string")
    if not re.fullmatch(r"[1-9]\d{0,9}", str(value)):
        raise check.refuse("workflowDefinition.key", "must be the number of a workflow")
    return str(value)


def _lifetime(body: Mapping[str, Any]) -> timedelta:
    value = check.text(body, "tokenLifetime", 20)
    if value is None:
        return timedelta(minutes=30)
    match = _LIFETIME.fullmatch(value)
    if match is None:
        raise check.refuse("tokenLifetime", "must be a number with a unit of s, m, h or d")
    amount = int(match[1]) * _UNITS[match[2]]
    if not 5 * 60 <= amount <= 60 * 86400:
        raise check.refuse("tokenLifetime", "must be from 5m to 60d")
    return timedelta(seconds=amount)


def _preset(definition: Mapping[str, Any]) -> tuple[str | None, str | None]:
    credentials = definition.get("credentials")
    if credentials is None:
        return None, None
    if not isinstance(credentials, list):
        raise check.refuse("workflowDefinition.credentials", "must be an array")
    preset: tuple[str | None, str | None] = (None, None)
    for index, item in enumerate(credentials):
        path = f"workflowDefinition.credentials[{index}]"
        if not isinstance(item, Mapping):
            raise check.refuse(path, "must be an object")
        category = item.get("category")
        if category not in _CATEGORIES:
            raise check.refuse(f"{path}.category", f"must be one of {', '.join(_CATEGORIES)}")
        countries = _predefined(item, "country", path)
        types = _predefined(item, "type", path)
        for value in countries:
            check.country(f"{path}.country.values", value)
        known = _TYPES.get(str(category))
        if known is not None and not all(value in known for value in types):
            raise check.refuse(f"{path}.type.values", f"must be of {', '.join(known)}")
        # The page skips its own choice only with exactly one of each (reference 2B.3).
        if category == "ID" and len(countries) == 1 and len(types) == 1:
            preset = (countries[0], types[0])
    return preset


def _predefined(item: Mapping[str, Any], name: str, path: str) -> list[str]:
    wish = check.mapping(item, name, path=f"{path}.")
    if wish.get("predefinedType", "DEFINED") not in ("DEFINED", "RECOMMENDED"):
        raise check.refuse(f"{path}.{name}.predefinedType", "must be DEFINED or RECOMMENDED")
    values = wish.get("values", [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise check.refuse(f"{path}.{name}.values", "must be an array of strings")
    return values


def _consent(body: Mapping[str, Any], *, needed: bool, now: datetime) -> str | None:
    if body.get("userConsent") is None:
        if needed:
            raise check.refuse("userConsent", "is required when biometrics are captured")
        return None
    consent = check.mapping(body, "userConsent")
    ip = check.text(consent, "userIp", 45, required=True, path="userConsent.")
    try:
        ipaddress.ip_address(ip or "")
    except ValueError as error:
        raise check.refuse("userConsent.userIp", "must be an IP address") from error
    place = check.mapping(consent, "userLocation", required=True, path="userConsent.")
    path = "userConsent.userLocation."
    check.text(place, "country", 3, required=True, path=path)
    country = check.country(f"{path}country", place.get("country"))
    state = check.text(place, "state", 100, required=country in _WITH_STATE, path=path)
    if state is not None and re.match(r"[A-Z]{2,3}-", state):
        raise check.refuse(f"{path}state", "must not have a country prefix")
    _given(consent, needed=country == "USA", now=now)
    return ip


def _given(consent: Mapping[str, Any], *, needed: bool, now: datetime) -> None:
    path = "userConsent.consent."
    given = check.mapping(consent, "consent", required=needed, path="userConsent.")
    obtained = check.text(given, "obtained", 3, required=needed, path=path)
    if obtained is not None and obtained not in ("yes", "no", "na"):
        raise check.refuse(f"{path}obtained", "must be yes, no or na")
    moment = check.text(given, "obtainedAt", 40, required=obtained == "yes", path=path)
    if moment is None:
        return
    try:
        when = parse_stamp(moment)
    except ValueError as error:
        raise check.refuse(f"{path}obtainedAt", "must be a UTC timestamp") from error
    if when.date() < years_from(now.date(), -3):
        raise check.refuse(f"{path}obtainedAt", "must not be older than 3 years")
    # Clocks differ; ten minutes is the skew reference 6.4 tells clients to live with.
    if when > now + timedelta(minutes=10):
        raise check.refuse(f"{path}obtainedAt", "must not lie in the future")
