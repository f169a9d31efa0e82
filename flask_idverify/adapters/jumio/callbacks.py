"""Reading Jumio's notifications as hints (reference, section 3). Pure, never raises.

Nothing but references and a time is taken out: a v4 body holds names, birth dates and document
numbers, and its verdict is worth nothing until it was fetched.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from ...safe_json import loads
from ...types import Callback, Hint
from .values import identifier, mapping, moment, reference

# The receiving route has its own, smaller limit; this one guards other callers.
_MAX_BODY = 1024 * 1024
_MAX_FIELDS = 400
_FORM = "application/x-www-form-urlencoded"
_EXECUTION = re.compile(r"/workflow-executions/([A-Za-z0-9-]{1,64})(?:[/?#]|$)")

#: What the Platform's statuses tell us to do (reference, 3.5).
_HINTS = {
    "INITIATED": Hint.started,
    "ACQUISITION_STARTED": Hint.started,
    "ACQUIRED": Hint.captured,
    "PROCESSED": Hint.finished,
    "SESSION_EXPIRED": Hint.finished,
    "TOKEN_EXPIRED": Hint.finished,
}


def parse_v4(body: bytes, content_type: str) -> Callback:
    """Read a v4 notification: form fields, names compared without regard to case (3.4)."""
    if problem := _size_problem(body):
        return Callback(problem=problem)
    try:
        fields = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        return Callback(problem=f"The body is no form of at most {_MAX_FIELDS} fields.")
    form: dict[str, str] = {}
    for name, value in fields:
        form.setdefault(name.strip().lower(), value)  # the first of several counts
    kind = form.get("callbacktype")
    if kind is None:
        kinds = str(content_type).partition(";")[0].strip().lower()
        what = "" if kinds == _FORM else f" Its content type is not {_FORM}."
        return Callback(problem=f"The body holds no field callBackType.{what}")
    if kind.strip().upper() != "NETVERIFYID":
        return Callback(problem="The notification is of another Jumio product.")
    scan = identifier(form.get("jumioidscanreference"))
    return Callback(
        hint=Hint.finished,
        vendor_reference=scan,
        reference=reference(form.get("merchantidscanreference")),
        user_reference=reference(form.get("customerid")),
        sent_at=moment(form.get("callbackdate")),
        problem=None if scan else "The body holds no usable jumioIdScanReference.",
    )


def parse_platform(body: bytes) -> Callback:
    """Read a Platform notification: JSON with status and ids, no verdict (3.5)."""
    if problem := _size_problem(body):
        return Callback(problem=problem)
    try:
        found: Any = loads(body)
    except ValueError:
        return Callback(problem="The body is no JSON.")
    if not isinstance(found, dict):
        return Callback(problem="The body is JSON, but no object.")
    execution = mapping(found.get("workflowExecution"))
    status = execution.get("status")
    known = status.strip().upper() if isinstance(status, str) else ""
    vendor_reference = identifier(execution.get("id")) or _from_href(execution.get("href"))
    return Callback(
        hint=_HINTS.get(known, Hint.unknown),
        vendor_reference=vendor_reference,
        account_id=identifier(mapping(found.get("account")).get("id")),
        reference=reference(found.get("customerInternalReference")),
        user_reference=reference(found.get("userReference")),
        sent_at=moment(found.get("callbackSentAt")),
        problem=None if vendor_reference else "The body holds no usable workflowExecution.id.",
    )


def _from_href(href: Any) -> str | None:
    """Return the id in an address that is itself never followed; some have no other (2B.5)."""
    found = _EXECUTION.search(href) if isinstance(href, str) else None
    return found.group(1) if found else None


def _size_problem(body: bytes) -> str | None:
    if not body.strip():
        return "The body is empty."
    return f"The body is longer than {_MAX_BODY} bytes." if len(body) > _MAX_BODY else None
