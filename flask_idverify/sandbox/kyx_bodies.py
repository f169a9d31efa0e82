"""Platform bodies: status, details, callback (references 2B.5, 2B.6, 3.5 and 7.9 to 7.14)."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime
from typing import Any

from .clock import stamp
from .documents import Document, date_parts, padded_date
from .kyx_findings import decisions, overall
from .outcomes import Finding, KyxResult
from .store import Phase, Transaction

_PART = {"ID": "FRONT", "SELFIE": "FACE", "FACEMAP": "FACEMAP", "DOCUMENT": "DOCUMENT"}
# Which credentials a capability looks at (reference 7.11).
_LOOKS_AT: dict[str, tuple[str, ...]] = {
    "liveness": ("SELFIE",),
    "similarity": ("ID", "SELFIE"),
    "authentication": ("FACEMAP",),
}
_SELFIE_LABELS = ("LIVENESS_UNDETERMINED",)


def account_href(transaction: Transaction) -> str:
    """Return the account's address."""
    return f"{transaction.base_url}/api/v1/accounts/{transaction.account_id}"


def workflow_href(transaction: Transaction) -> str:
    """Return the transaction's address, with its account segment."""
    return f"{account_href(transaction)}/workflow-executions/{transaction.reference}"


def status_body(transaction: Transaction) -> dict[str, Any]:
    """Return the status; its ``href`` lacks the account segment (reference 2B.5, 7.10)."""
    return {
        "account": {"id": transaction.account_id, "href": account_href(transaction)},
        "workflowExecution": {
            "id": transaction.reference,
            "href": f"{transaction.base_url}/api/v1/workflow-executions/{transaction.reference}",
            "definitionKey": transaction.workflow,
            "status": transaction.status,
        },
    }


def callback_body(transaction: Transaction, status: str, now: datetime) -> dict[str, Any]:
    """Return the callback: ids and a status, no verdict, no personal data (reference 3.5)."""
    body: dict[str, Any] = {"callbackSentAt": stamp(now)}
    if transaction.user_reference is not None:
        body["userReference"] = transaction.user_reference
    body["workflowExecution"] = {
        "id": transaction.reference,
        "href": workflow_href(transaction),
        "definitionKey": transaction.workflow,
        "status": status,
    }
    body["account"] = {"id": transaction.account_id, "href": account_href(transaction)}
    return body


def part_classifiers(transaction: Transaction, now: datetime) -> dict[str, list[str]]:
    """Map each credential category to the parts that can be fetched (reference 2B.7)."""
    finished = transaction.phase in (Phase.PROCESSING, Phase.FINISHED)
    if not finished or transaction.submitted_at is None or transaction.wiped(now):
        return {}
    found = {category: [_PART[category]] for category in transaction.credentials}
    if "ID" in found and transaction.document.type != "PASSPORT":
        found["ID"].append("BACK")
    return found


def _credentials(transaction: Transaction, now: datetime) -> list[dict[str, Any]]:
    parts = part_classifiers(transaction, now)
    bodies = []
    for category, key in transaction.credentials.items():
        body: dict[str, Any] = {"id": key, "category": category}
        if category in parts:
            # A facemap part never carries an address (reference 2B.6).
            body["parts"] = [
                {"classifier": item}
                if category == "FACEMAP"
                else {
                    "classifier": item,
                    "href": f"{account_href(transaction)}/credentials/{key}/parts/{item}",
                }
                for item in parts[category]
            ]
        bodies.append(body)
    return bodies


def details_body(transaction: Transaction, now: datetime, seed: int) -> dict[str, Any]:
    """Return the details as far as they are known (reference 2B.6)."""
    workflow = {
        "id": transaction.reference,
        "status": transaction.status,
        "definitionKey": transaction.workflow,
        "userReference": transaction.user_reference,
        "customerInternalReference": transaction.customer_internal_reference,
        "reportingCriteria": transaction.reporting_criteria,
    }
    body: dict[str, Any] = {
        "workflow": {key: value for key, value in workflow.items() if value is not None},
        "account": {"id": transaction.account_id},
        "createdAt": stamp(transaction.created_at),
    }
    if transaction.submitted_at is not None:
        body["startedAt"] = stamp(transaction.submitted_at)
    if transaction.completed_at is not None:
        body["completedAt"] = stamp(transaction.completed_at)
    if transaction.wipe_at is not None and transaction.wiped(now):
        body["wipedOutAt"] = stamp(transaction.wipe_at)
    body["credentials"] = _credentials(transaction, now)
    result = transaction.result
    if isinstance(result, KyxResult):
        unfinished = result.status in ("TOKEN_EXPIRED", "SESSION_EXPIRED")
        body.update(_unfinished(transaction, result) if unfinished else {})
        body.update({} if unfinished else _finished(transaction, result, now, seed))
    return body


def _decision(kind: str, label: str, score: float) -> dict[str, Any]:
    return {"type": kind, "details": {"label": label}, "risk": {"score": score}}


def _unfinished(transaction: Transaction, result: KyxResult) -> dict[str, Any]:
    kind = result.decision or "NOT_EXECUTED"
    label = result.status if kind == "NOT_EXECUTED" else kind
    first = list(transaction.credentials.items())[:1]
    return {
        # Only the first credential is listed, without parts (reference 7.14).
        "credentials": [{"id": key, "category": category} for category, key in first],
        "decision": _decision(kind, label, -1.0 if result.score is None else result.score),
        "capabilities": {
            "usability": [
                _entry(transaction, "usability", "NOT_EXECUTED", "NOT_UPLOADED", (category,))
                for category, _ in first
            ]
        },
    }


def _finished(
    transaction: Transaction, result: KyxResult, now: datetime, seed: int
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    verdict = overall(result)
    if verdict is not None:
        body["decision"] = _decision(verdict.type, verdict.label, verdict.score)
    body["steps"] = {"href": f"{workflow_href(transaction)}/steps"}
    capabilities: dict[str, list[dict[str, Any]]] = {}
    for finding in decisions(transaction.workflow, result):
        capabilities[finding.capability] = _entries(transaction, finding, result)
        if not transaction.wiped(now):
            data = _data(transaction, finding, now, seed)
            for entry in capabilities[finding.capability] if data is not None else ():
                entry["data"] = data
    body["capabilities"] = capabilities
    return body


def _entry(
    transaction: Transaction, capability: str, kind: str, label: str, looks_at: tuple[str, ...]
) -> dict[str, Any]:
    # Ids follow from the transaction, so that reading twice gives the same body.
    key = uuid.uuid5(uuid.UUID(transaction.reference), f"{capability}/{'/'.join(looks_at)}")
    return {
        "id": str(key),
        "credentials": [
            {"id": transaction.credentials[category], "category": category}
            for category in looks_at
            if category in transaction.credentials
        ],
        "decision": {"type": kind, "details": {"label": label}},
    }


def _entries(transaction: Transaction, finding: Finding, result: KyxResult) -> list[dict[str, Any]]:
    if finding.capability != "usability":
        looks_at = _LOOKS_AT.get(finding.capability, ("ID",))
        return [_entry(transaction, finding.capability, finding.type, finding.label, looks_at)]
    everywhere = finding.type == "NOT_EXECUTED"
    target = "SELFIE" if finding.label in _SELFIE_LABELS else "ID"
    entries = []
    # One entry for each picture; the facemap reports only when something is amiss with it.
    for category in transaction.credentials:
        if category == "FACEMAP":
            continue
        hit = everywhere or category == target or len(transaction.credentials) == 1
        kind, label = (finding.type, finding.label) if hit else ("PASSED", "OK")
        entries.append(_entry(transaction, "usability", kind, label, (category,)))
    if result.facemap_missing and "FACEMAP" in transaction.credentials:
        entries.append(
            _entry(transaction, "usability", "NOT_EXECUTED", "NOT_UPLOADED", ("FACEMAP",))
        )
    return entries


def _data(
    transaction: Transaction, finding: Finding, now: datetime, seed: int
) -> dict[str, Any] | None:
    """Return what a capability reports beside its decision (references 5.6 and 7.11 to 7.13)."""
    # Stage props, the same at every look.
    numbers = random.Random(f"{seed}/{transaction.reference}")  # nosec B311  # noqa: S311
    if finding.capability in ("extraction", "similarity") and finding.type == "NOT_EXECUTED":
        return {}
    if finding.capability == "extraction":
        return _extracted(transaction.document, now.date())
    if finding.capability == "similarity":
        return {"similarity": finding.label}
    if finding.capability == "imageChecks" and finding.type in ("PASSED", "WARNING"):
        findings: dict[str, Any] = {"status": "DONE"}
        if transaction.related:
            findings["findings"] = list(transaction.related)
        elif finding.label == "REPEATED_FACE":
            findings["findings"] = [str(uuid.UUID(int=numbers.getrandbits(128), version=4))]
        return {"faceSearchFindings": findings}
    if finding.capability == "liveness" and finding.type == "PASSED":
        age = (transaction.document.age(now.date()) or 40) + numbers.randint(-3, 3)
        return {
            "type": "JUMIO_STANDARD",
            "predictedAge": age,
            "ageConfidenceRange": f"{age - 7}-{age + 7}",
        }
    if finding.capability == "watchlistScreening" and finding.type in ("PASSED", "WARNING"):
        return {
            "searchDate": stamp(transaction.completed_at or now),
            "searchStatus": "SUCCESS",
            "searchId": str(numbers.randint(1_000_000, 9_999_999)),
            "searchResults": 1 if finding.type == "WARNING" else 0,
        }
    return None


def _extracted(paper: Document, today: date) -> dict[str, Any]:
    age = paper.age(today)
    values: dict[str, Any] = {
        "type": paper.type,
        "subType": "NATIONAL_ID" if paper.type == "ID_CARD" else "",
        "issuingCountry": paper.country,
        "firstName": paper.first_name,
        "lastName": paper.last_name,
        "dateOfBirth": padded_date(paper.date_of_birth),
        "expiryDate": padded_date(paper.expiry),
        "issuingDate": padded_date(paper.issuing_date),
        "documentNumber": paper.number,
        "personalNumber": paper.personal_number,
        "gender": paper.gender,
        "nationality": paper.nationality,
        "placeOfBirth": paper.place_of_birth,
        "currentAge": "" if age is None else str(age),
        "address": paper.address(formatted=True),
    }
    for key, value in (
        ("dateOfBirthParts", paper.date_of_birth),
        ("expiryDateParts", paper.expiry),
        ("issuingDateParts", paper.issuing_date),
    ):
        known = date_parts(value)
        if 0 < len(known) < 3:
            values[key] = known
    return {key: value for key, value in values.items() if value}
