"""Netverify v4's vocabulary and our reading of it (reference, sections 5.1 to 5.4). Data only."""

from __future__ import annotations

from ...states import Reason
from .findings import doubt, fraud, quality, unsupported

#: With ``DENIED_FRAUD`` (reference, 5.2).
FRAUD_CODES = {
    "100": fraud(Reason.document_manipulated),
    "105": fraud(Reason.known_fraudster),
    "106": fraud(Reason.document_fake),
    "107": fraud(Reason.document_photo_mismatch),
    "108": fraud(Reason.mrz_check_failed),
    "109": fraud(Reason.document_invalidated),
    "110": fraud(Reason.chip_check_failed),
    "111": fraud(Reason.document_data_mismatch),
    "112": fraud(Reason.chip_check_failed),
    "113": fraud(Reason.repeated_face_other_data),
    "114": fraud(Reason.document_manipulated),
    "115": fraud(Reason.document_data_mismatch),
    "116": fraud(Reason.document_manipulated),
    "118": fraud(Reason.document_data_mismatch),
}
#: With ``ERROR_NOT_READABLE_ID`` (reference, 5.2).
UNREADABLE_CODES = {
    "102": quality(Reason.document_photocopy, suspicious=True),
    "103": quality(Reason.document_photocopy, suspicious=True),
    "104": quality(Reason.document_digital_copy, suspicious=True),
    "200": quality(Reason.document_unreadable),
    "201": quality(Reason.document_missing),
    "202": quality(Reason.document_sample, suspicious=True),
    "206": quality(Reason.document_incomplete),
    "207": quality(Reason.document_incomplete),
    "209": quality(Reason.document_unsigned),
    "210": quality(Reason.document_unreadable),
    "211": quality(Reason.document_several_people, suspicious=True),
    "213": quality(Reason.document_watermark, suspicious=True),
    "214": quality(Reason.document_incomplete),
    "300": doubt(Reason.vendor_manual_reject),
}
UNSUPPORTED = {
    "DENIED_UNSUPPORTED_ID_TYPE": unsupported(Reason.unsupported_document_type),
    "DENIED_UNSUPPORTED_ID_COUNTRY": unsupported(Reason.unsupported_country),
}
#: Reasons for a selfie that is not valid (reference, 5.4).
SELFIE = {
    **dict.fromkeys(
        (
            "SELFIE_CROPPED_FROM_ID",
            "ENTIRE_ID_USED_AS_SELFIE",
            "SELFIE_IS_SCREEN_PAPER_VIDEO",
            "SELFIE_MANIPULATED",
        ),
        fraud(Reason.selfie_spoof),
    ),
    "MULTIPLE_PEOPLE": doubt(Reason.selfie_several_people),
    "AGE_DIFFERENCE_TOO_BIG": doubt(Reason.age_difference),
    **dict.fromkeys(
        ("NO_FACE_PRESENT", "FACE_NOT_FULLY_VISIBLE", "BAD_QUALITY", "BLACK_AND_WHITE"),
        quality(Reason.selfie_unusable),
    ),
    "LIVENESS_FAILED": quality(Reason.liveness_failed, suspicious=True),
}
#: Results of ``additionalChecks`` that a person should see; the reference names no outcome for
#: them, so they are read like the Platform's ``ALERT``.
ADDITIONAL = {
    "addressValidation": Reason.address_check_failed,
    "proofOfResidency": Reason.address_check_failed,
    "personalNumberValidation": Reason.document_data_mismatch,
}
ADDITIONAL_DOUBTS = frozenset({"NEGATIVE_RESULT", "PARTIAL_RESULT"})
#: Sources that show a user who had begun (reference, 5.1).
BEGUN = ("_CAM", "_UPLOAD")
FACELESS_WORKFLOWS = frozenset({"100", "101", "102"})
