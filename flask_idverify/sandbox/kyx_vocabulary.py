"""The Platform's capability labels, and results built from ``kyx:...`` scenario names."""

from __future__ import annotations

from .errors import ControlError
from .outcomes import Finding, KyxResult

_ALERTS = {"WARNING": "ALERT", "REJECTED": "DENY"}

# Reference 5.6: capability -> decision type -> labels.
LABELS: dict[str, dict[str, str]] = {
    "usability": {
        "PASSED": "OK",
        "WARNING": "LIVENESS_UNDETERMINED UNSUPPORTED_COUNTRY UNSUPPORTED_DOCUMENT_TYPE",
        "REJECTED": "BAD_QUALITY BAD_QUALITY_IMAGE BLURRED GLARE PART_OF_DOCUMENT_MISSING "
        "PART_OF_DOCUMENT_HIDDEN DAMAGED_DOCUMENT MISSING_MANDATORY_DATAPOINTS BLACK_WHITE "
        "MISSING_PAGE MISSING_SIGNATURE NOT_A_DOCUMENT PHOTOCOPY",
        "NOT_EXECUTED": "NOT_UPLOADED TECHNICAL_ERROR",
    },
    "imageChecks": {
        "PASSED": "OK",
        "WARNING": "DIFFERENT_PERSON REPEATED_FACE",
        "REJECTED": "DIGITAL_COPY WATERMARK SAMPLE FAKE PUNCHED GHOST_IMAGE_DIFFERENT "
        "CHIP_MISSING DIGITAL_MANIPULATION MISMATCH_FRONT_BACK OTHER_REJECTION FAILED "
        "MANIPULATED_DOCUMENT MANIPULATED_DOCUMENT_PHOTO MANIPULATED_DOCUMENT_DOCUMENT_NUMBER "
        "MANIPULATED_DOCUMENT_EXPIRY MANIPULATED_DOCUMENT_DOB MANIPULATED_DOCUMENT_NAME "
        "MANIPULATED_DOCUMENT_ADDRESS MANIPULATED_DOCUMENT_SECURITY_CHECKS "
        "MANIPULATED_DOCUMENT_SIGNATURE MANIPULATED_DOCUMENT_PERSONAL_NUMBER "
        "MANIPULATED_DOCUMENT_PLACE_OF_BIRTH MANIPULATED_DOCUMENT_GENDER "
        "MANIPULATED_DOCUMENT_ISSUING_DATE",
    },
    "extraction": {"PASSED": "OK"},
    "dataChecks": {
        "PASSED": "OK",
        "WARNING": "DOCUMENT_EXPIRY_WITHIN_CONFIGURED_LIMIT",
        "REJECTED": "NFC_CERTIFICATE MISMATCHING_DATAPOINTS MRZ_CHECKSUM "
        "MISMATCHING_DATA_REPEATED_FACE MISMATCH_HRZ_MRZ_DATA HIGH_FRAUD_RISK",
    },
    "liveness": {
        "PASSED": "OK",
        "WARNING": "AGE_DIFFERENCE BAD_QUALITY",
        "REJECTED": "LIVENESS_UNDETERMINED ID_USED_AS_SELFIE MULTIPLE_PEOPLE DIGITAL_COPY "
        "PHOTOCOPY MANIPULATED NO_FACE_PRESENT FACE_NOT_FULLY_VISIBLE BLACK_WHITE",
    },
    "similarity": {"PASSED": "MATCH", "WARNING": "NOT_POSSIBLE", "REJECTED": "NO_MATCH"},
    "authentication": {"PASSED": "OK", "REJECTED": "FAILED"},
    "watchlistScreening": {
        "PASSED": "OK",
        "WARNING": "ALERT",
        "NOT_EXECUTED": "NOT_ENOUGH_DATA VALIDATION_FAILED INVALID_MERCHANT_SETTINGS "
        "EXTRACTION_NOT_DONE NO_VALID_ID_CREDENTIAL",
    },
    "addressValidation": {
        "PASSED": "OK",
        **_ALERTS,
        "NOT_EXECUTED": "NOT_ENOUGH_DATA UNSUPPORTED_COUNTRY",
    },
    "proofOfResidency": {
        "PASSED": "OK",
        **_ALERTS,
        "NOT_EXECUTED": "NOT_ENOUGH_DATA UNSUPPORTED_COUNTRY",
    },
    "drivingLicenseVerification": {
        "PASSED": "OK",
        **_ALERTS,
        "NOT_EXECUTED": "UNSUPPORTED_COUNTRY UNSUPPORTED_STATE VALIDATION_FAILED",
    },
}

TYPES = ("PASSED", "WARNING", "REJECTED", "NOT_EXECUTED")
_ANYWHERE = {"TECHNICAL_ERROR", "PRECONDITION_NOT_FULFILLED"}


def decision_type(capability: str, label: str) -> str:
    """Return the decision type a label comes with; an unlisted label is a warning."""
    for kind, labels in LABELS[capability].items():
        if label in labels.split():
            return kind
    return "NOT_EXECUTED" if label in _ANYWHERE else "WARNING"


def _finding(text: str, name: str) -> Finding:
    capability, label, kind = [*text.split(":"), "", ""][:3]
    if text.count(":") > 2 or capability not in LABELS or not label:
        raise ControlError(
            f"{name!r}: expected kyx:CAPABILITY:LABEL with a capability of {', '.join(LABELS)}",
            field="scenario",
        )
    if kind and kind not in TYPES:
        raise ControlError(f"{name!r}: a decision type is one of {TYPES}", field="scenario")
    return Finding(capability, label, kind or decision_type(capability, label))


def _without(capability: str, name: str) -> KyxResult:
    if capability not in LABELS:
        raise ControlError(
            f"{name!r}: expected kyx:missing:CAPABILITY with one of {', '.join(LABELS)}",
            field="scenario",
        )
    return KyxResult(without=frozenset({capability}))


def from_name(name: str) -> KyxResult:
    """Read ``kyx:CAPABILITY:LABEL[:TYPE]``, several joined by ``+``, or one of the special forms.

    The special forms are ``kyx:decision:TYPE`` (``absent`` leaves the object out),
    ``kyx:status:STATUS`` and ``kyx:missing:CAPABILITY``.
    """
    text = name.removeprefix("kyx:")
    kind, _, value = text.partition(":")
    if kind == "missing":
        return _without(value, name)
    if kind in ("decision", "status"):
        if not value:
            raise ControlError(f"{name!r}: expected kyx:{kind}:VALUE", field="scenario")
        return KyxResult(decision=value) if kind == "decision" else KyxResult(status=value)
    return KyxResult(findings=tuple(_finding(item, name) for item in text.split("+")))
