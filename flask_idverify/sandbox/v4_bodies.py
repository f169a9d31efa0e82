"""Netverify bodies: details (reference 2A.6, 7.6) and the form callback (3.4, 7.2 to 7.4)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from .clock import loose_stamp, stamp
from .documents import Document, date_parts, origin_date, padded_date
from .outcomes import Face, V4Result
from .store import Transaction

_FACE_WORKFLOWS = ("200", "201", "202")
_CHECKS = (
    "idCheckDataPositions",
    "idCheckDocumentValidation",
    "idCheckHologram",
    "idCheckMRZcode",
    "idCheckMicroprint",
    "idCheckSecurityFeatures",
    "idCheckSignature",
)
_APPROVED = "APPROVED_VERIFIED"


def _face(transaction: Transaction, result: V4Result) -> Face | None:
    # Workflows 100 to 102 check the document only, whatever the scenario says about faces.
    return result.face if transaction.workflow in _FACE_WORKFLOWS else None


def _paper_type(result: V4Result, document: Document) -> str:
    if result.verification == "DENIED_UNSUPPORTED_ID_TYPE":
        return "UNSUPPORTED"
    return document.type


def _document(transaction: Transaction, result: V4Result) -> dict[str, Any]:
    paper = transaction.document
    body: dict[str, Any] = {"status": result.verification}
    if result.verification == "NO_ID_UPLOADED":
        return body
    body.update(_filled({"type": _paper_type(result, paper), "issuingCountry": paper.country}))
    if result.verification not in (_APPROVED, "DENIED_FRAUD"):
        return body
    body.update(
        _filled(
            {
                "number": paper.number,
                "firstName": paper.first_name,
                "lastName": paper.last_name,
                "dob": padded_date(paper.date_of_birth),
                "expiry": padded_date(paper.expiry),
                "issuingDate": padded_date(paper.issuing_date),
                "gender": paper.gender,
                "nationality": paper.nationality,
                "placeOfBirth": paper.place_of_birth,
                "personalNumber": paper.personal_number,
                "address": paper.address(formatted=False),
                "dateOfBirthParts": date_parts(paper.date_of_birth),
                "expiryDateParts": _partial(paper.expiry),
                "issuingDateParts": _partial(paper.issuing_date),
            }
        )
    )
    return body


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _partial(value: str) -> dict[str, str]:
    parts = date_parts(value)
    return parts if 0 < len(parts) < 3 else {}


def _transaction(transaction: Transaction) -> dict[str, Any]:
    body = {
        "status": transaction.status,
        "source": transaction.source,
        "date": stamp(transaction.created_at),
    }
    body.update(
        _filled(
            {
                "clientIp": transaction.client_ip,
                "customerId": transaction.user_reference,
                "merchantScanReference": transaction.customer_internal_reference,
                "merchantReportingCriteria": transaction.reporting_criteria,
            }
        )
    )
    return body


def _verification(transaction: Transaction, result: V4Result) -> dict[str, Any]:
    if result.verification == "NO_ID_UPLOADED":
        return {}
    approved = result.verification == _APPROVED
    readable_zone = approved and transaction.document.type == "PASSPORT"
    body: dict[str, Any] = {"mrzCheck": "OK" if readable_zone else "NOT_AVAILABLE"}
    if result.reject is not None:
        body["rejectReason"] = result.reject
    face = _face(transaction, result)
    if face is not None:
        # Retrieval writes the boolean as text (references 5.4 and 7.6).
        body["identityVerification"] = {**_face_body(face), "validity": str(face.valid).lower()}
    if transaction.related:
        findings = {"status": "DONE", "findings": list(transaction.related)}
        body["additionalChecks"] = {"faceSearchFindings": findings}
    return body


def _face_body(face: Face) -> dict[str, Any]:
    body: dict[str, Any] = {"similarity": face.similarity, "validity": face.valid}
    if not face.valid and face.reason is not None:
        body["reason"] = face.reason
    return body


def parts(transaction: Transaction) -> dict[str, dict[str, Any]]:
    """Return ``document``, ``transaction`` and, where there is one, ``verification``."""
    result = transaction.result
    if not isinstance(result, V4Result) or result.status == "PENDING":
        # Nothing is known yet; the document's own status is its verdict, so it is left out.
        return {"document": {}, "transaction": _transaction(transaction)}
    found = {
        "document": _document(transaction, result),
        "transaction": _transaction(transaction),
        "verification": _verification(transaction, result),
    }
    return {key: value for key, value in found.items() if value}


def image_classifiers(transaction: Transaction) -> list[str]:
    """List the pictures of a finished transaction (reference 2A.7)."""
    result = transaction.result
    if not isinstance(result, V4Result) or result.verification == "NO_ID_UPLOADED":
        return []
    found = ["front"]
    if transaction.document.type != "PASSPORT":
        found.append("back")
    if transaction.workflow in _FACE_WORKFLOWS:
        found.append("face")
    return found


def callback_fields(transaction: Transaction, now: datetime) -> dict[str, str]:
    """Return the form fields of the callback for a finished transaction."""
    result = transaction.result
    if not isinstance(result, V4Result):
        result = V4Result(verification="NO_ID_UPLOADED")
    approved = result.verification == _APPROVED
    sent = transaction.completed_at or now
    fields = {
        "callBackType": "NETVERIFYID",
        "jumioIdScanReference": transaction.reference,
        "verificationStatus": result.verification,
        "idScanStatus": "SUCCESS" if approved else "ERROR",
        "idScanSource": transaction.source,
        **dict.fromkeys(_CHECKS, "OK" if approved else "N/A"),
        "transactionDate": loose_stamp(transaction.created_at),
        "callbackDate": loose_stamp(sent),
    }
    if transaction.first_attempt_at is not None:
        fields["firstAttemptDate"] = loose_stamp(transaction.first_attempt_at)
    if approved:
        fields.update(_personal_fields(transaction, result))
    elif result.verification not in ("NO_ID_UPLOADED", "DENIED_UNSUPPORTED_ID_TYPE"):
        paper = transaction.document
        fields.update(_filled({"idType": paper.type, "idCountry": paper.country}))
    if result.reject is not None:
        fields["rejectReason"] = json.dumps(result.reject)
    fields.update(
        _filled(
            {
                "merchantIdScanReference": transaction.customer_internal_reference,
                "customerId": transaction.user_reference,
                "merchantReportingCriteria": transaction.reporting_criteria,
                "clientIp": transaction.client_ip,
                "presetCountry": transaction.preset_country,
                "presetIdType": transaction.preset_type,
            }
        )
    )
    for classifier, name in (
        ("front", "idScanImage"),
        ("back", "idScanImageBackside"),
        ("face", "idScanImageFace"),
    ):
        if approved and classifier in image_classifiers(transaction):
            fields[name] = (
                f"{transaction.base_url}/recognition/v1/idscan/{transaction.reference}/{classifier}"
            )
    return fields


def _personal_fields(transaction: Transaction, result: V4Result) -> dict[str, str]:
    paper = transaction.document
    fields: dict[str, str] = {}
    face = _face(transaction, result)
    if face is not None:
        fields["identityVerification"] = json.dumps(_face_body(face))
    fields.update(
        _filled(
            {
                "idType": paper.type,
                "idCountry": paper.country,
                "idNumber": paper.number,
                "idFirstName": paper.first_name,
                "idLastName": paper.last_name,
                "idDob": padded_date(paper.date_of_birth),
                "idExpiry": padded_date(paper.expiry),
                "issuingDate": padded_date(paper.issuing_date),
                "gender": paper.gender,
                "nationality": paper.nationality,
                "placeOfBirth": paper.place_of_birth,
                "personalNumber": paper.personal_number,
            }
        )
    )
    if paper.address(formatted=True):
        fields["idAddress"] = json.dumps(paper.address(formatted=True))
    born = _partial(paper.date_of_birth)
    if born:
        fields["dateOfBirthParts"] = json.dumps(born)
        fields["originDob"] = origin_date(paper.date_of_birth)
    return fields
