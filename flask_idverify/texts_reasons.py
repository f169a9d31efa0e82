"""The texts of every reason code: what the user is told and can do, and what the admin is told.

Whoever tries to pass with false papers must not learn from us what gave them away, and whoever is
honest must not feel accused: reasons of fraud, of watchlists and of other accounts share texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .i18n import LazyText
from .i18n import lazy_gettext as _
from .states import Reason


@dataclass(frozen=True)
class ReasonText:
    """What people are told about a reason.

    :ivar user: what happened, for the user.
    :ivar next_step: what the user can do now.
    :ivar admin: what was found, for the admin.
    :ivar public: the code that the user's API shows in place of one that would tell too much.
    """

    user: LazyText
    next_step: LazyText
    admin: LazyText
    public: str | None = None


_CONTACT = _("If you believe that this is a mistake, please contact us.")
_ASK_US = _("If you think that this is a mistake, please contact us.")
_AGAIN = _("Please try again.")
_OWN_PAPERS = _("We could not confirm this document.")
_OWN_FACE = _("We could not confirm that the pictures and the document belong together.")
_CLOSER = _("We need to look at your details more closely.")
_OTHER_PAPERS = _("Please try again with another document, such as a passport.")
_ORIGINAL = _("Please take the pictures of the original document itself.")


def _fraud(admin: LazyText, user: LazyText = _OWN_PAPERS) -> ReasonText:
    return ReasonText(user, _CONTACT, admin, public="not_confirmed")


def _closer(admin: LazyText) -> ReasonText:
    return ReasonText(_CLOSER, _ASK_US, admin, public="closer_look")


def _copied(admin: LazyText) -> ReasonText:
    return ReasonText(_OWN_PAPERS, _ORIGINAL, admin, public="original_needed")


REASONS: Mapping[Reason, ReasonText] = {
    # the document is a fraud
    Reason.document_manipulated: _fraud(_("The document was manipulated.")),
    Reason.document_fake: _fraud(_("The document is a forgery.")),
    Reason.document_photo_mismatch: _fraud(_("The photo on the document was exchanged.")),
    Reason.document_invalidated: _fraud(_("The document was invalidated (punched or cut).")),
    Reason.document_data_mismatch: _fraud(_("The data printed on the document disagree.")),
    Reason.document_sample: _copied(_("The document is a specimen, or carries its watermark.")),
    Reason.document_digital_copy: _copied(_("A screen or a digital copy was photographed.")),
    Reason.document_photocopy: _copied(_("A paper copy was photographed.")),
    Reason.document_watermark: _copied(
        _("A watermark that does not belong there lies over the document.")
    ),
    Reason.document_rejected: _fraud(_("The image check failed without a particular reason.")),
    Reason.mrz_check_failed: _fraud(_("The machine-readable zone's check digits are wrong.")),
    Reason.chip_check_failed: _fraud(_("The chip is missing, or its data were changed.")),
    Reason.known_fraudster: _fraud(_("The vendor knows this person or document from fraud.")),
    Reason.high_fraud_risk: _fraud(_("The vendor rates the risk of fraud as high.")),
    Reason.fraud_unspecified: _fraud(_("The vendor suspects fraud and gives no reason.")),
    Reason.rejected_unspecified: _fraud(_("The vendor rejected without a reason.")),
    # the document cannot be used
    Reason.document_unreadable: ReasonText(
        _("We could not read your document."),
        _(
            "Please try again: lay the document on a dark surface in good light, avoid reflections "
            "and hold the camera still until the text is sharp."
        ),
        _("Blurred, glare, damaged or otherwise of too poor quality."),
    ),
    Reason.document_incomplete: ReasonText(
        _("A part of your document is missing or covered in the pictures."),
        _("Please try again and show the whole document, every side that is asked for."),
        _("A side, a page or a part of the document is missing or hidden."),
    ),
    Reason.document_missing: ReasonText(
        _("There was no document to be seen in the pictures."),
        _("Please try again and take a picture of your document."),
        _("The pictures do not show an identity document."),
    ),
    Reason.document_unsigned: ReasonText(
        _("Your document is not signed."),
        _("Please sign your document as its issuer asks, or use another one, and try again."),
        _("The holder's signature is missing."),
    ),
    Reason.document_several_people: ReasonText(
        _("We could not assign the pictures to one person."),
        _("Please try again with your own document only."),
        _("The document's sides or photos show different persons."),
    ),
    Reason.document_expiring: _closer(_("The document expires within the vendor's limit.")),
    Reason.unsupported_document_type: ReasonText(
        _("This kind of document cannot be checked."),
        _OTHER_PAPERS,
        _("The vendor, or your account there, does not support this kind of document."),
    ),
    Reason.unsupported_country: ReasonText(
        _("Documents of this country cannot be checked."),
        _("If you have a document of another country, please try again with that."),
        _("The vendor, or your account there, does not support the issuing country."),
    ),
    # the person
    Reason.face_mismatch: _fraud(_("The face is not the one on the document."), _OWN_FACE),
    Reason.face_not_comparable: _closer(_("The face and the photo could not be compared.")),
    Reason.selfie_spoof: _fraud(_("The selfie is a picture of a picture, or edited."), _OWN_FACE),
    Reason.selfie_unusable: ReasonText(
        _("Your face could not be seen well enough."),
        _(
            "Please try again in good, even light, looking straight into the camera, without "
            "sunglasses, cap or mask."
        ),
        _("No face, a partly hidden face, or a picture of poor quality."),
    ),
    Reason.selfie_several_people: ReasonText(
        _("More than one person was to be seen with you."),
        _("Please make sure that you are alone in the picture."),
        _("The selfie shows several people."),
    ),
    Reason.age_difference: _closer(_("The face looks much older or younger than the photo.")),
    Reason.liveness_failed: ReasonText(
        _OWN_FACE,
        _("Please try again in person, in good light, and follow the instructions on the screen."),
        _("The liveness check failed."),
        public="not_confirmed",
    ),
    Reason.liveness_undetermined: ReasonText(
        _("Your face could not be checked well enough."),
        _("Please try again in good light and follow the instructions on the screen."),
        _("The liveness check came to no result."),
    ),
    Reason.repeated_face: _closer(_("The same face was seen in another verification.")),
    Reason.repeated_face_other_data: _fraud(
        _("The same face was seen with other personal data."), _OWN_FACE
    ),
    # further checks
    Reason.watchlist_hit: _closer(
        _("The watchlist screening found a possible match. Do not tell the user.")
    ),
    Reason.screening_not_done: _closer(_("The watchlist screening could not be done.")),
    Reason.address_check_failed: ReasonText(
        _("We could not confirm your address."),
        _("Please check that your document shows your current address, or contact us."),
        _("The address or residency check failed or raised an alert."),
    ),
    Reason.licence_check_failed: ReasonText(
        _("We could not confirm your driving licence."),
        _OTHER_PAPERS,
        _("The driving licence check failed or raised an alert."),
    ),
    Reason.checks_missing: _closer(
        _("The vendor did not run every check that the policy requires. Look at its workflow.")
    ),
    Reason.vendor_manual_reject: _closer(_("Somebody rejected by hand in the vendor's portal.")),
    Reason.unknown_label: _closer(
        _("The vendor gave a label that we do not know. See the findings.")
    ),
    # the journey
    Reason.not_started: ReasonText(
        _("The verification was opened but no pictures were taken in time."),
        _("You can start again whenever it suits you."),
        _("The capture page was not used before its link expired."),
    ),
    Reason.dropped_out: ReasonText(
        _("The verification was left before all pictures were taken."),
        _("Please start again and stay on the page until it says that you are done."),
        _("The user began the capture and did not finish it."),
    ),
    Reason.vendor_technical_error: ReasonText(
        _("The verification service had a technical problem."),
        _AGAIN,
        _("The vendor reports a technical error in one of its checks."),
    ),
    Reason.vendor_record_missing: ReasonText(
        _("The verification service no longer knows this verification."),
        _("Please start again."),
        _("The vendor does not know the reference, or has deleted the record."),
    ),
    Reason.start_failed: ReasonText(
        _("The verification service could not be reached."),
        _("Please try again in a few minutes."),
        _("The attempt could not be started at the vendor."),
    ),
    # our own
    Reason.claim_mismatch: ReasonText(
        _("What you told us and what your document says do not agree."),
        _("Please check that name, number and country are exactly as on the document."),
        _("Claim and document differ. See them side by side."),
    ),
    Reason.claim_unverifiable: _closer(
        _("A field that the policy compares was masked or not read by the vendor.")
    ),
    Reason.duplicate_document: _closer(_("Another account was verified with the same document.")),
    Reason.underage: ReasonText(
        _("You have not reached the age that is needed here."),
        _CONTACT,
        _("The person is below the policy's minimum age, or the birth date is missing."),
    ),
    Reason.country_not_accepted: ReasonText(
        _("We do not accept documents of this country here."),
        _("If you have a document of another country, please try again with that."),
        _("The policy does not accept the issuing country."),
    ),
    Reason.document_type_not_accepted: ReasonText(
        _("We do not accept this kind of document here."),
        _OTHER_PAPERS,
        _("The policy does not accept this kind of document."),
    ),
    Reason.document_expired: ReasonText(
        _("Your document has expired."),
        _("Please try again with a document that is still valid."),
        _("The document's expiry date has passed, or is missing where the policy needs it."),
    ),
    Reason.consent_missing: ReasonText(
        _("Your consent is missing."),
        _("Please start again and give your consent, without which we may not check anything."),
        _("The vendor was not told the user's consent."),
    ),
    Reason.canceled_by_user: ReasonText(
        _("You canceled this verification."),
        _("You can start again whenever it suits you."),
        _("The user canceled."),
    ),
    Reason.manual: ReasonText(
        _("One of our staff looked at your verification and decided."),
        _CONTACT,
        _("Decided by an admin. See the note and the audit log."),
    ),
}
