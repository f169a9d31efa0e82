"""The life of a verification: statuses, the moves between them, reason codes, standings. Pure."""

from __future__ import annotations

from enum import Enum


class _Text(str, Enum):
    """A string enum that prints and formats as its value on every Python we support."""

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, format_spec: str) -> str:
        return format(str(self.value), format_spec)


class Status(_Text):
    """Where one attempt stands."""

    created = "created"  # our row exists, the vendor has not answered yet
    started = "started"  # the vendor has opened a capture page
    processing = "processing"  # the user has handed everything in
    in_review = "in_review"  # a person has to look
    approved = "approved"
    rejected = "rejected"
    expired = "expired"
    canceled = "canceled"
    error = "error"

    @property
    def is_final(self) -> bool:
        """Whether the attempt has ended."""
        return self in FINAL


class Standing(_Text):
    """Where one user stands with us."""

    unverified = "unverified"
    pending = "pending"
    verified = "verified"
    expired = "expired"
    revoked = "revoked"

    @property
    def is_locked(self) -> bool:
        """Whether claim and document may not change."""
        return self in (Standing.verified, Standing.expired)


LOCKED_STANDINGS = frozenset(standing for standing in Standing if standing.is_locked)

FINAL = frozenset({Status.approved, Status.rejected, Status.expired, Status.canceled, Status.error})
UNFINISHED = frozenset(Status) - FINAL

_RANK = {
    Status.created: 0,
    Status.started: 1,
    Status.processing: 2,
    Status.in_review: 3,
} | dict.fromkeys(FINAL, 4)


def sources(target: Status, *, by_admin: bool = False) -> frozenset[Status]:
    """Return the statuses from which *target* may be reached.

    Steps may be skipped and the rank only rises. An expired attempt may still become a decision
    that was fetched from the vendor. Any other move between final states needs an admin, and
    nothing ever returns to an unfinished state.

    :param by_admin: an admin has signed the move with a name and a reason.
    """
    allowed = {status for status in UNFINISHED if _RANK[status] < _RANK[target]}
    if target in (Status.approved, Status.rejected):
        allowed.add(Status.expired)
        if by_admin:
            allowed |= FINAL - {target}
    if target is Status.canceled and by_admin:
        # So that no late decision comes out of it, e.g. after a reset.
        allowed.add(Status.expired)
    return frozenset(allowed)


class Reason(_Text):
    """Stable reason codes: the reference's (section 5) and ours. Every adapter maps into these."""

    # the document is a fraud
    document_manipulated = "document_manipulated"
    document_fake = "document_fake"
    document_photo_mismatch = "document_photo_mismatch"
    document_invalidated = "document_invalidated"
    document_data_mismatch = "document_data_mismatch"
    document_sample = "document_sample"
    document_digital_copy = "document_digital_copy"
    document_photocopy = "document_photocopy"
    document_watermark = "document_watermark"
    document_rejected = "document_rejected"
    mrz_check_failed = "mrz_check_failed"
    chip_check_failed = "chip_check_failed"
    known_fraudster = "known_fraudster"
    high_fraud_risk = "high_fraud_risk"
    fraud_unspecified = "fraud_unspecified"
    rejected_unspecified = "rejected_unspecified"
    # the document cannot be used
    document_unreadable = "document_unreadable"
    document_incomplete = "document_incomplete"
    document_missing = "document_missing"
    document_unsigned = "document_unsigned"
    document_several_people = "document_several_people"
    document_expiring = "document_expiring"
    unsupported_document_type = "unsupported_document_type"
    unsupported_country = "unsupported_country"
    # the person
    face_mismatch = "face_mismatch"
    face_not_comparable = "face_not_comparable"
    selfie_spoof = "selfie_spoof"
    selfie_unusable = "selfie_unusable"
    selfie_several_people = "selfie_several_people"
    age_difference = "age_difference"
    liveness_failed = "liveness_failed"
    liveness_undetermined = "liveness_undetermined"
    repeated_face = "repeated_face"
    repeated_face_other_data = "repeated_face_other_data"
    # further checks
    watchlist_hit = "watchlist_hit"
    screening_not_done = "screening_not_done"
    address_check_failed = "address_check_failed"
    licence_check_failed = "licence_check_failed"
    checks_missing = "checks_missing"
    vendor_manual_reject = "vendor_manual_reject"
    unknown_label = "unknown_label"
    # the journey
    not_started = "not_started"
    dropped_out = "dropped_out"
    vendor_technical_error = "vendor_technical_error"
    vendor_record_missing = "vendor_record_missing"
    start_failed = "start_failed"
    # our own
    claim_mismatch = "claim_mismatch"
    claim_unverifiable = "claim_unverifiable"
    duplicate_document = "duplicate_document"
    underage = "underage"
    country_not_accepted = "country_not_accepted"
    document_type_not_accepted = "document_type_not_accepted"
    document_expired = "document_expired"
    consent_missing = "consent_missing"
    canceled_by_user = "canceled_by_user"
    manual = "manual"


#: Ends that cost the user none of their attempts: nobody was judged.
UNCOUNTED = frozenset({Status.expired, Status.error})
