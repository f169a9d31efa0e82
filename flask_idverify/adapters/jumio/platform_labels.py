"""The Platform's labels and our reading of them (reference, sections 5.6 and 5.7). Data only."""

from __future__ import annotations

from ...states import Reason
from ...types import Severity
from .findings import Effect, Meaning, doubt, fraud, quality, unsupported

#: Capabilities in the order they depend on each other; reasons of equal weight follow it.
ORDER = (
    "usability",
    "imageChecks",
    "extraction",
    "dataChecks",
    "liveness",
    "similarity",
    "authentication",
    "watchlistScreening",
    "addressValidation",
    "proofOfResidency",
    "drivingLicenseVerification",
)

#: What a passed entry is called; an unlisted word with ``PASSED`` is not taken for a pass.
PASSED_LABELS = frozenset({"OK", "MATCH", "PASSED"})

#: ``NOT_EXECUTED`` that follows from another capability's failure: never the cause.
PRECONDITION = "PRECONDITION_NOT_FULFILLED"
TECHNICAL_ERROR = "TECHNICAL_ERROR"
NOT_UPLOADED = "NOT_UPLOADED"

#: Known words for a check that was not made; they block only where the check is required.
NOT_MADE = frozenset(
    {
        "NOT_ENOUGH_DATA",
        "VALIDATION_FAILED",
        "INVALID_MERCHANT_SETTINGS",
        "EXTRACTION_NOT_DONE",
        "NO_VALID_ID_CREDENTIAL",
        "UNSUPPORTED_COUNTRY",
        "UNSUPPORTED_STATE",
    }
)

_MANIPULATED = (
    "PHOTO",
    "DOCUMENT_NUMBER",
    "EXPIRY",
    "DOB",
    "NAME",
    "ADDRESS",
    "SECURITY_CHECKS",
    "SIGNATURE",
    "PERSONAL_NUMBER",
    "PLACE_OF_BIRTH",
    "GENDER",
    "ISSUING_DATE",
)
_DENIED_ADDRESS = Meaning(Reason.address_check_failed, Severity.fraud, Effect.decline)
_DENIED_LICENCE = Meaning(Reason.licence_check_failed, Severity.fraud, Effect.decline)

LABELS: dict[str, dict[str, Meaning]] = {
    "usability": {
        **dict.fromkeys(
            (
                "BLURRED",
                "GLARE",
                "BAD_QUALITY",
                "BAD_QUALITY_IMAGE",
                "DAMAGED_DOCUMENT",
                "BLACK_WHITE",
                "MISSING_MANDATORY_DATAPOINTS",
            ),
            quality(Reason.document_unreadable),
        ),
        **dict.fromkeys(
            ("PART_OF_DOCUMENT_MISSING", "PART_OF_DOCUMENT_HIDDEN", "MISSING_PAGE"),
            quality(Reason.document_incomplete),
        ),
        "MISSING_SIGNATURE": quality(Reason.document_unsigned),
        "NOT_A_DOCUMENT": quality(Reason.document_missing),
        "PHOTOCOPY": quality(Reason.document_photocopy, suspicious=True),
        "UNSUPPORTED_COUNTRY": unsupported(Reason.unsupported_country),
        "UNSUPPORTED_DOCUMENT_TYPE": unsupported(Reason.unsupported_document_type),
        "LIVENESS_UNDETERMINED": quality(Reason.liveness_undetermined),
    },
    "imageChecks": {
        # Declined although only suspicious: a screen photographed is a choice somebody made.
        "DIGITAL_COPY": Meaning(Reason.document_digital_copy, Severity.suspicious, Effect.decline),
        **dict.fromkeys(("WATERMARK", "SAMPLE"), fraud(Reason.document_sample)),
        "FAKE": fraud(Reason.document_fake),
        **dict.fromkeys(
            (
                "MANIPULATED_DOCUMENT",
                "DIGITAL_MANIPULATION",
                *(f"MANIPULATED_DOCUMENT_{part}" for part in _MANIPULATED),
            ),
            fraud(Reason.document_manipulated),
        ),
        "GHOST_IMAGE_DIFFERENT": fraud(Reason.document_photo_mismatch),
        "PUNCHED": fraud(Reason.document_invalidated),
        "CHIP_MISSING": fraud(Reason.chip_check_failed),
        "MISMATCH_FRONT_BACK": fraud(Reason.document_data_mismatch),
        **dict.fromkeys(("OTHER_REJECTION", "FAILED"), fraud(Reason.document_rejected)),
        "REPEATED_FACE": doubt(Reason.repeated_face),
        "DIFFERENT_PERSON": doubt(Reason.document_several_people),
    },
    "dataChecks": {
        "MRZ_CHECKSUM": fraud(Reason.mrz_check_failed),
        "NFC_CERTIFICATE": fraud(Reason.chip_check_failed),
        **dict.fromkeys(
            ("MISMATCHING_DATAPOINTS", "MISMATCH_HRZ_MRZ_DATA"),
            fraud(Reason.document_data_mismatch),
        ),
        "MISMATCHING_DATA_REPEATED_FACE": fraud(Reason.repeated_face_other_data),
        "HIGH_FRAUD_RISK": fraud(Reason.high_fraud_risk),
        "DOCUMENT_EXPIRY_WITHIN_CONFIGURED_LIMIT": doubt(Reason.document_expiring),
    },
    "liveness": {
        **dict.fromkeys(
            ("ID_USED_AS_SELFIE", "DIGITAL_COPY", "PHOTOCOPY", "MANIPULATED"),
            fraud(Reason.selfie_spoof),
        ),
        **dict.fromkeys(
            ("NO_FACE_PRESENT", "FACE_NOT_FULLY_VISIBLE", "BLACK_WHITE"),
            quality(Reason.selfie_unusable),
        ),
        "LIVENESS_UNDETERMINED": quality(Reason.liveness_undetermined, suspicious=True),
        "MULTIPLE_PEOPLE": doubt(Reason.selfie_several_people),
        "AGE_DIFFERENCE": doubt(Reason.age_difference),
        "BAD_QUALITY": doubt(Reason.selfie_unusable),
    },
    "similarity": {
        "NO_MATCH": fraud(Reason.face_mismatch),
        "NOT_POSSIBLE": doubt(Reason.face_not_comparable),
    },
    "authentication": {"FAILED": fraud(Reason.face_mismatch)},
    "watchlistScreening": {"ALERT": doubt(Reason.watchlist_hit)},
    "addressValidation": {"DENY": _DENIED_ADDRESS, "ALERT": doubt(Reason.address_check_failed)},
    "proofOfResidency": {"DENY": _DENIED_ADDRESS, "ALERT": doubt(Reason.address_check_failed)},
    "drivingLicenseVerification": {
        "DENY": _DENIED_LICENCE,
        "ALERT": doubt(Reason.licence_check_failed),
    },
}
