"""Codes in words: steps of the audit log, rules, standings, checks, what a policy says.

For admins' pages, and for the people whose data is exported.
"""

from __future__ import annotations

from collections.abc import Mapping

from .i18n import LazyText
from .i18n import lazy_gettext as _
from .states import Standing

#: Steps of the audit log.
ACTIONS: Mapping[str, LazyText] = {
    "provider.added": _("Provider added"),
    "provider.changed": _("Provider changed"),
    "provider.deleted": _("Provider deleted"),
    "application.added": _("Application added"),
    "application.changed": _("Application changed"),
    "link.added": _("Provider linked"),
    "link.changed": _("Link changed"),
    "link.moved": _("Order changed"),
    "link.removed": _("Link removed"),
    "verification.created": _("Verification recorded"),
    "verification.started": _("The vendor opened its page"),
    "verification.processing": _("Everything handed in"),
    "verification.in_review": _("A person has to decide"),
    "verification.approved": _("Approved"),
    "verification.rejected": _("Rejected"),
    "verification.expired": _("Expired"),
    "verification.canceled": _("Canceled"),
    "verification.error": _("Failed"),
    "verification.asked": _("Vendor asked by hand"),
    "verification.reversed": _("The vendor changed its decision"),
    "verification.image_viewed": _("Picture looked at"),
    "identity.verified": _("Identity verified and locked"),
    "identity.revoked": _("Identity revoked"),
    "identity.expired": _("Identity expired"),
    "identity.reset": _("Identity reset"),
    "identity.closed": _("Account closed"),
    "identity.erased": _("Personal data erased"),
    "identity.erasure_refused": _("Erasure refused"),
    "identity.reset_refused": _("Reset refused"),
    "identity.exported": _("All data handed out"),
    "identity.purged": _("Personal data removed after its time"),
    "verification.purged": _("Personal data of an attempt removed after its time"),
    "vendor.erasure_owed": _("A deletion is owed at the vendor"),
    "vendor.erased": _("Deleted at the vendor"),
    "callback.replayed": _("Failed callback tried again"),
    "callbacks.purged": _("Old callbacks removed"),
    "callbacks.replayed": _("Failed callbacks tried again"),
    "deletions.retried": _("Owed deletions tried again"),
    "signals.retried": _("Owed signals sent again"),
    "verifications.exported": _("List of verifications handed out"),
    "audit.exported": _("Audit log handed out"),
}
#: What decided an attempt.
RULES: Mapping[str, LazyText] = {
    "vendor": _("The vendor's own decision"),
    "policy": _("The vendor approved, and every demand of the policy is met"),
    "on_warning": _("Policy: what a warning of the vendor does"),
    "checks": _("Policy: required checks"),
    "id_types": _("Policy: accepted documents"),
    "countries": _("Policy: accepted issuing countries"),
    "expired_documents": _("Policy: expired documents"),
    "minimum_age": _("Policy: minimum age"),
    "match_name": _("Policy: the name must agree"),
    "match_number": _("Policy: the number must agree"),
    "duplicates": _("Policy: the same document on another account"),
    "claimed_type": _("The document is of another kind than claimed"),
    "claimed_country": _("The document is of another country than claimed"),
    "identity": _("The user is verified with another claim"),
    "admin": _("An admin decided"),
}
#: A word or two, and the colour of their badge.
STANDINGS: Mapping[Standing, tuple[LazyText, str]] = {
    Standing.unverified: (_("Not verified"), "off"),
    Standing.pending: (_("Being verified"), "wait"),
    Standing.verified: (_("Verified"), "ok"),
    Standing.expired: (_("Verification ran out"), "warn"),
    Standing.revoked: (_("Revoked"), "bad"),
}
#: What a policy does about something.
TREATMENTS: Mapping[str, LazyText] = {
    "reject": _("reject"),
    "review": _("a person decides"),
    "accept": _("accept"),
    "flag": _("mark it"),
    "revoke": _("revoke"),
}
#: Fields of a policy.
POLICY: Mapping[str, LazyText] = {
    "match_name": _("Name must agree"),
    "match_number": _("Number must agree"),
    "countries": _("Countries"),
    "id_types": _("Documents"),
    "minimum_age": _("Minimum age"),
    "expired_documents": _("Expired documents"),
    "on_warning": _("Vendor's warnings"),
    "required_capabilities": _("Required checks"),
    "duplicates": _("Same document elsewhere"),
    "on_reversal": _("Approval taken back"),
    "max_attempts": _("Attempts in 24 hours"),
    "valid_for": _("Valid for days"),
    "keep_fingerprint": _("Document noticed after an erasure"),
}
#: Capabilities (reference, 5.6).
CHECKS: Mapping[str, LazyText] = {
    "usability": _("The pictures can be used"),
    "imageChecks": _("The document is genuine"),
    "extraction": _("The document was read"),
    "dataChecks": _("Its data agree with each other"),
    "liveness": _("The face is alive"),
    "similarity": _("The face is the document's"),
    "authentication": _("The face is the one known before"),
    "watchlistScreening": _("Sanctions and watchlists"),
    "addressValidation": _("The address exists"),
    "proofOfResidency": _("The person lives at the address"),
    "drivingLicenseVerification": _("The driving licence is in its register"),
}
