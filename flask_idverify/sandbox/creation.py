"""From a checked request to a stored transaction, with the wishes in its reportingCriteria."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .documents import default_document
from .errors import ApiError, ControlError
from .requests_kyx import AccountRequest
from .requests_v4 import Initiate
from .scenarios import resolve_for
from .state import Sandbox
from .store import Transaction, new_reference
from .tokens import jwt_like

_PREFIX = "sim:"
_CREDENTIALS = {
    "1": ("ID",),
    "2": ("ID",),
    "6": ("SELFIE", "FACEMAP"),
    "9": ("SELFIE", "FACEMAP"),
    "10014": ("SELFIE", "FACEMAP"),
    "16": ("SELFIE", "FACEMAP"),
    "10010": ("ID",),
    "10026": ("DOCUMENT",),
    "10170": ("DOCUMENT",),
}


@dataclass(frozen=True)
class Wishes:
    """What ``sim:scenario=fraud;delay=8;dup=2`` asks for (reference 6.3)."""

    scenario: str | None = None
    delay: float | None = None
    copies: int = 1


def wishes(label: str | None, generation: str) -> Wishes:
    """Read the wishes; a label that is not addressed to the sandbox has none."""
    if label is None or not label.startswith(_PREFIX):
        return Wishes()
    found: dict[str, str] = {}
    for pair in label.removeprefix(_PREFIX).split(";"):
        key, _, value = pair.partition("=")
        if key not in ("scenario", "delay", "dup") or not value:
            raise ApiError(400, f"reportingCriteria: {pair!r} is none of scenario=, delay=, dup=")
        found[key] = value
    try:
        delay = float(found["delay"]) if "delay" in found else None
        copies = int(found.get("dup", "1"))
        if not 1 <= copies <= 20 or (delay is not None and not 0 <= delay <= 86400):
            raise ValueError("out of range")
        if "scenario" in found:
            resolve_for(found["scenario"], generation)
    except ControlError as error:
        raise ApiError(400, f"reportingCriteria: {error}") from error
    except ValueError as error:
        raise ApiError(400, "reportingCriteria: delay and dup are small numbers") from error
    return Wishes(found.get("scenario"), delay, copies)


def create(
    state: Sandbox,
    checked: Initiate | AccountRequest,
    body: dict[str, Any],
    base_url: str,
    *,
    account_id: str | None = None,
) -> Transaction:
    """Store a new transaction for a request that passed its checks."""
    generation = "v4" if isinstance(checked, Initiate) else "kyx"
    asked = wishes(checked.reporting_criteria, generation)
    now = state.clock.now()
    workflow = str(checked.workflow)
    categories = _CREDENTIALS.get(workflow, ("ID", "SELFIE", "FACEMAP"))
    reference = new_reference()
    lifetime: timedelta = checked.lifetime
    transaction = Transaction(
        generation=generation,
        reference=reference,
        created_at=now,
        lifetime=lifetime,
        request=body,
        base_url=base_url,
        token=jwt_like({"sub": reference, "exp": int((now + lifetime).timestamp())}),
        document=default_document(now.date(), generation=generation),
        account_id=account_id,
        customer_internal_reference=checked.customer_internal_reference,
        user_reference=checked.user_reference,
        reporting_criteria=checked.reporting_criteria,
        callback_url=checked.callback_url,
        success_url=checked.success_url,
        error_url=checked.error_url,
        locale=checked.locale,
        workflow=workflow,
        preset_country=checked.country,
        preset_type=checked.type,
        client_ip=checked.user_ip if isinstance(checked, AccountRequest) else None,
        credentials={item: new_reference() for item in categories} if generation == "kyx" else {},
        labelled=asked.scenario,
        processing_seconds=asked.delay,
        copies=asked.copies,
    )
    with state.lock:
        transaction.document = state.engine.paper_of(transaction)
        state.add(transaction)
    return transaction
