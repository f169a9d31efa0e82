"""The body that starts a Platform execution (reference, 2B.3). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any

from ...claims import STATE_REQUIRED, Consent
from ...clock import now
from ...errors import ConsentMissing
from ...phrases import phrase
from ...types import StartRequest

#: How the claim presets the page (``predefinedType``).
_PRESETS = {"claim": "RECOMMENDED", "claim_fixed": "DEFINED"}
#: A consent older than this is refused by the vendor.
_CONSENT_AGE = timedelta(days=3 * 365)


def start_body(
    request: StartRequest,
    consent: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    preset: tuple[str, str] | None,
    locale: str | None,
) -> dict[str, Any]:
    """Return the JSON of a start; POST and PUT take the same.

    :param consent: what :func:`consent_block` returned.
    :param settings: the provider's options.
    :param preset: country and document type for the page.
    """
    key = str(settings["workflow_key"])
    definition: dict[str, Any] = {"key": int(key) if key == str(_integer(key)) else key}
    if preset:
        kind = _PRESETS[str(settings["preset"])]
        definition["credentials"] = [
            {
                "category": "ID",
                "country": {"predefinedType": kind, "values": [preset[0]]},
                "type": {"predefinedType": kind, "values": [preset[1]]},
            }
        ]
    web = {"successUrl": request.success_url, "errorUrl": request.error_url}
    if locale:
        web["locale"] = locale
    body: dict[str, Any] = {
        "customerInternalReference": request.reference,
        "userReference": request.user_reference,
        "workflowDefinition": definition,
        "callbackUrl": request.callback_url,
        "tokenLifetime": f"{settings['token_lifetime']}m",
        "web": web,
        "userConsent": dict(consent),
    }
    if "reporting_criteria" in settings:
        body["reportingCriteria"] = settings["reporting_criteria"]
    return body


def consent_block(consent: Consent | None) -> dict[str, Any]:
    """Return the ``userConsent`` block (reference, 2B.3), or refuse before anything is sent."""
    if consent is None:
        raise ConsentMissing(
            phrase(
                "The vendor needs the user's consent to the capture of face and papers; ask "
                "for it and pass a Consent."
            )
        )
    location = {"country": consent.country}
    if consent.state and consent.country in STATE_REQUIRED:
        location["state"] = consent.state
    block: dict[str, Any] = {"userIp": consent.ip, "userLocation": location}
    if consent.obtained_at is not None:
        if consent.obtained_at < now() - _CONSENT_AGE:
            raise ConsentMissing(
                phrase("The consent is older than three years; ask the user again.")
            )
        moment = consent.obtained_at.astimezone(timezone.utc)
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        block["consent"] = {"obtained": "yes", "obtainedAt": stamp}
    elif consent.country == "USA":
        raise ConsentMissing(
            phrase(
                "For users in the USA the vendor needs the time of the consent; pass obtained_at."
            )
        )
    return block


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
