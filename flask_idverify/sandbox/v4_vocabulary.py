"""Netverify's reject codes, and results built from ``v4:...`` scenario names."""

from __future__ import annotations

from typing import Any

from .errors import ControlError
from .outcomes import Face, V4Result

# Reference 5.2, DENIED_FRAUD.
FRAUD_CODES = {
    "100": "MANIPULATED_DOCUMENT",
    "105": "FRAUDSTER",
    "106": "FAKE",
    "107": "PHOTO_MISMATCH",
    "108": "MRZ_CHECK_FAILED",
    "109": "PUNCHED_DOCUMENT",
    "110": "CHIP_DATA_MANIPULATED",
    "111": "MISMATCH_PRINTED_BARCODE_DATA",
    "112": "CHIP_MISSING",
    "113": "MISMATCHING_DATA_REPEATED_FACE",
    "114": "DIGITAL_MANIPULATION",
    "115": "MISMATCH_HRZ_MRZ_DATA",
    "116": "SUPERIMPOSED_TEXT",
    "118": "MISMATCH_FRONT_BACK",
}

# Reference 5.2, ERROR_NOT_READABLE_ID.
UNREADABLE_CODES = {
    "102": "PHOTOCOPY_BLACK_WHITE",
    "103": "PHOTOCOPY_COLOR",
    "104": "DIGITAL_COPY",
    "200": "NOT_READABLE_DOCUMENT",
    "201": "NO_DOCUMENT",
    "202": "SAMPLE_DOCUMENT",
    "206": "MISSING_BACK",
    "207": "WRONG_DOCUMENT_PAGE",
    "209": "MISSING_SIGNATURE",
    "210": "CAMERA_BLACK_WHITE",
    "211": "DIFFERENT_PERSONS_SHOWN",
    "213": "INVALID_WATERMARK",
    "214": "MISSING_FRONT",
    "300": "MANUAL_REJECTION",
}

# Reference 5.3.
DETAILS = {
    "1001": "PHOTO",
    "1002": "DOCUMENT_NUMBER",
    "1003": "EXPIRY",
    "1004": "DOB",
    "1005": "NAME",
    "1006": "ADDRESS",
    "1007": "SECURITY_CHECKS",
    "1008": "SIGNATURE",
    "1009": "PERSONAL_NUMBER",
    "10011": "PLACE_OF_BIRTH",
    "2001": "BLURRED",
    "2002": "BAD_QUALITY",
    "2003": "MISSING_PART_DOCUMENT",
    "2004": "HIDDEN_PART_DOCUMENT",
    "2005": "DAMAGED_DOCUMENT",
    "2006": "GLARE",
    "2007": "MISSING_MANDATORY_DATAPOINTS",
}

_DEFAULT_DETAILS = {"100": ("1001",), "200": ("2001",)}


def reject_reason(code: str, details: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Build the object of reference 5.2: one detail stays an object, several become an array."""
    description = {**FRAUD_CODES, **UNREADABLE_CODES}.get(code, f"UNLISTED_REASON_{code}")
    reason: dict[str, Any] = {
        "rejectReasonCode": code,
        "rejectReasonDescription": description,
    }
    chosen = _DEFAULT_DETAILS.get(code) if details is None else details
    if chosen is not None:
        items = [
            {"detailsCode": item, "detailsDescription": DETAILS.get(item, f"UNLISTED_{item}")}
            for item in chosen
        ]
        reason["rejectReasonDetails"] = items[0] if len(items) == 1 else items
    return reason


def _is_fraud(code: str) -> bool:
    # Unlisted codes follow their century: 1xx speaks of fraud, the rest of legibility.
    return code in FRAUD_CODES or (code not in UNREADABLE_CODES and code.startswith("1"))


def rejected(code: str, details: tuple[str, ...] | None = None) -> V4Result:
    """Return the result a reject code belongs to."""
    verdict = "DENIED_FRAUD" if _is_fraud(code) else "ERROR_NOT_READABLE_ID"
    return V4Result(verification=verdict, reject=reject_reason(code, details))


def _reject_from(parts: list[str], name: str) -> V4Result:
    if not parts or not parts[0].isdigit() or len(parts) > 2:
        raise ControlError(
            f"{name!r}: expected v4:reject:CODE or v4:reject:CODE:DETAIL,DETAIL", field="scenario"
        )
    if len(parts) == 1:
        return rejected(parts[0])
    details = () if parts[1] == "none" else tuple(parts[1].split(","))
    if not all(item.isdigit() for item in details):
        raise ControlError(f"{name!r}: detail codes are digits, or 'none'", field="scenario")
    return rejected(parts[0], details)


def _face_from(parts: list[str], name: str) -> V4Result:
    if parts[:1] == ["validity"] and len(parts) <= 2:
        reason = parts[1] if len(parts) == 2 else None
        return V4Result(face=Face(valid=False, reason=reason or None))
    if len(parts) == 1 and parts[0]:
        return V4Result(face=Face(similarity=parts[0]))
    raise ControlError(
        f"{name!r}: expected v4:face:SIMILARITY or v4:face:validity:REASON", field="scenario"
    )


def _status_from(parts: list[str], name: str) -> V4Result:
    if len(parts) != 1 or not parts[0]:
        raise ControlError(f"{name!r}: expected v4:status:VERIFICATION_STATUS", field="scenario")
    if parts[0] == "NO_ID_UPLOADED":
        return V4Result(verification=parts[0], status="FAILED", journey="drop")
    face = Face() if parts[0] == "APPROVED_VERIFIED" else None
    return V4Result(verification=parts[0], face=face)


def from_name(name: str) -> V4Result:
    """Read ``v4:reject:...``, ``v4:face:...`` or ``v4:status:...``."""
    kind, *parts = name.removeprefix("v4:").split(":")
    readers = {"reject": _reject_from, "face": _face_from, "status": _status_from}
    if kind not in readers:
        raise ControlError(
            f"{name!r}: expected v4:reject:..., v4:face:... or v4:status:...", field="scenario"
        )
    return readers[kind](parts, name)
