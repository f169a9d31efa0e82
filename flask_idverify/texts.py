"""What people read: statuses, reasons, errors and hints in plain words. No personal data in any.

A user is never accused, and never told what would help somebody to pass with false papers; the
admin is told what was found. Texts of reasons stand in :mod:`.texts_reasons`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from . import countries, formats, i18n, states
from .claims import IdType
from .errors import IDVerifyError, InvalidInput
from .i18n import LazyText, gettext
from .i18n import lazy_gettext as _
from .states import Status
from .texts_reasons import REASONS, ReasonText

#: Templates find all that people read in one place.
translated = i18n.translated
number, percent = i18n.number, formats.percent
moment, last_day = formats.moment, formats.last_day
day, short_day = formats.day, formats.short_day
duration, wait_until, whole_minute = formats.duration, formats.wait_until, formats.whole_minute

#: Label, kind (the colour of its badge) and a sentence for the user.
_STATUSES: Mapping[Status, tuple[LazyText, str, LazyText]] = {
    Status.created: (
        _("Being prepared"),
        "wait",
        _("We are preparing your verification. This takes a few seconds."),
    ),
    Status.started: (
        _("Started"),
        "wait",
        _("Your verification is open. Continue where you left off."),
    ),
    Status.processing: (
        _("Being checked"),
        "wait",
        _("We have your pictures and are checking them. This usually takes two to three minutes."),
    ),
    Status.in_review: (
        _("In review"),
        "warn",
        _(
            "A person will look at your verification; you do not have to do anything. This can "
            "take a working day."
        ),
    ),
    Status.approved: (_("Approved"), "ok", _("Your identity is verified. Thank you.")),
    Status.rejected: (
        _("Not accepted"),
        "bad",
        _("We could not verify your identity this time."),
    ),
    Status.expired: (
        _("Expired"),
        "off",
        _("This verification was not finished in time. Nothing was decided."),
    ),
    Status.canceled: (_("Canceled"), "off", _("This verification was canceled.")),
    Status.error: (
        _("Failed"),
        "warn",
        _(
            "Something went wrong on our side, not on yours. This attempt does not count "
            "against your limit."
        ),
    ),
}

_ID_TYPES: Mapping[IdType, LazyText] = {
    IdType.passport: _("Passport"),
    IdType.id_card: _("Identity card"),
    IdType.driving_licence: _("Driving licence"),
}

#: Sentences for the user by :attr:`IDVerifyError.code`.
_ERRORS: Mapping[str, LazyText] = {
    "idverify_error": _("That did not work. Please try again."),
    "database_busy": _("The service is busy at this moment. Please try again in a minute."),
    "export_refused": _("That cannot be exported."),
    "changed_meanwhile": _("Somebody else was faster. Please look at it again."),
    "invalid_input": _("Something in the form cannot be used. Please correct it."),
    "invalid_claim": _("Something in the form cannot be used. Please correct it."),
    "invalid_consent": _("Your consent is not complete. Please correct it."),
    "invalid_policy": _("Identity verification is not set up correctly. Please contact us."),
    "invalid_provider": _("Identity verification is not set up correctly. Please contact us."),
    "consent_missing": _("We need your consent before we can start."),
    "not_signed_in": _("Please sign in first."),
    "pending_changes": _("Something went wrong on our side. Please try again later."),
    "not_found": _("There is nothing here that belongs to your account."),
    "already_verified": _("Your identity is verified already. There is nothing left to do."),
    "identity_locked": _(
        "Your identity is verified, so these details can no longer be changed. Contact us if "
        "they are wrong."
    ),
    "verification_in_progress": _(
        "You have a verification that is not finished. You can start anew when it has ended; until "
        "its papers are handed in, you can also cancel it."
    ),
    "attempt_limit_reached": _("You have used all your attempts for now."),
    "not_configured": _("Identity verification is not available here at the moment."),
    "claim_not_accepted": _("We cannot verify this kind of document. Please choose another one."),
    "transition_refused": _("This verification has moved on and cannot be changed any more."),
    "erasure_refused": _("Your data must be kept for now. Please contact us."),
    "reason_missing": _("Please give a reason."),
    "key_unavailable": _("Something went wrong on our side. Please try again later."),
    "decryption_failed": _("Something went wrong on our side. Please try again later."),
    "audit_append_only": _("Something went wrong on our side. Please try again later."),
    "audit_broken": _("Something went wrong on our side. Please try again later."),
    "vendor_error": _(
        "The verification service cannot be reached properly at the moment. Nothing was lost; "
        "please try again in a few minutes."
    ),
    "vendor_unavailable": _(
        "The verification service is not available at the moment. Nothing was lost; please try "
        "again in a few minutes."
    ),
    "vendor_busy": _("The verification service is very busy. Please try again in a few minutes."),
    "vendor_refused": _(
        "The verification service cannot be used at the moment. We have been told; please try "
        "again later."
    ),
    "vendor_rejected_request": _(
        "The verification service cannot be used at the moment. Please try again later, or "
        "contact us if this stays so."
    ),
    "vendor_record_missing": _(
        "The verification service no longer knows this verification. Please start again."
    ),
    "vendor_protocol_error": _(
        "The verification service gave an answer that we cannot use. Please try again in a few "
        "minutes."
    ),
    "sandbox_refused": _("Identity verification is not set up correctly. Please contact us."),
    # the JSON API's own
    "csrf": _("The security token of this page is missing or too old. Reload it and try again."),
    "invalid_json": _("The request's body is not a JSON object."),
    "unsupported_media_type": _("Send JSON, with the content type application/json."),
    "too_large": _("The request is too large."),
    "method_not_allowed": _("This address does not answer to that method."),
}

#: Hints by the code that the browser may bring back (reference, 4.1). Display only.
_RETURN_HINTS: Mapping[str, LazyText] = {
    "9100": _("The verification service had a problem. Please try again later."),
    "9200": _("The link was no longer valid. Please start again to get a new one."),
    "9210": _("The time for taking the pictures ran out. Please start again."),
    "9300": _("Your pictures could not be uploaded. Check your connection and try again."),
    "9400": _("The verification step could not be completed. Please try again."),
    "9800": _("There was no network connection. Check your connection and try again."),
    "9801": _("The page ran into a problem. Please try again, perhaps with another browser."),
    "9810": _("The verification service could not be reached. Please try again."),
    "9820": _("No camera was found. Please continue on a device with a camera."),
    "9821": _("Your face could not be captured. Please try again, perhaps with another device."),
    "9822": _("Your browser cannot use the camera. Please try another browser."),
    "9835": _("None of the pictures could be used. Start again with sharper, brighter ones."),
    "9836": _("Your face could not be matched. Please try again."),
}


def status_label(status: Status | str) -> str:
    """Return a status as a word or two."""
    return str(_STATUSES[Status(status)][0])


def status_kind(status: Status | str) -> str:
    """Return how a status is coloured: ``ok``, ``bad``, ``warn``, ``wait`` or ``off``."""
    return _STATUSES[Status(status)][1]


def status_sentence(status: Status | str) -> str:
    """Return what a status means for the user."""
    return str(_STATUSES[Status(status)][2])


@dataclass(frozen=True)
class Told:
    """What the page of an attempt tells its user.

    :ivar lead: the sentences below the title.
    :ivar reasons: of an attempt that has ended: what happened, and what the user can do now.
    """

    title: str
    lead: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        steps = (" ".join(pair) for pair in self.reasons)
        return " ".join((f"{self.title}.", *self.lead, *steps))


def told(
    status: Status | str, codes: Iterable[str] = (), *, waiting: bool = False, over: bool = False
) -> Told:
    """Return what the user reads; their own page and the admin's quote of it both come from here.

    :param codes: of the reasons, the gravest first; those that read the same are told once.
    :param waiting: the user has done their part, though the vendor has not said so yet.
    :param over: they have not, and the link to the vendor's page has run out.
    """
    status = Status(status)
    if status is Status.approved:
        title = gettext("Your identity is verified")
        return Told(title, (gettext("Thank you. There is nothing left to do."),))
    if status is Status.started and waiting:
        lead = gettext(
            "If you have taken all pictures, they are being checked now. This usually takes two "
            "to three minutes."
        )
        return Told(status_label(Status.processing), (lead,))
    if status is Status.started and over:
        lead = gettext(
            "The time for taking the pictures has run out. Nothing was decided; you can start "
            "again whenever it suits you."
        )
        return Told(status_label(Status.expired), (lead,))
    # The first of several that read the same: later entries of a dict do not move it.
    found: dict[str, str] = {}
    for text in map(reason, codes):
        found.setdefault(str(text.user), str(text.next_step))
    title, sentence = status_label(status), status_sentence(status)
    if status.is_final:
        return Told(title, (sentence,), tuple(found.items()))
    # Nothing can be done about it yet: first what was met, then what becomes of it.
    return Told(title, (*found, sentence))


def reason(code: states.Reason | str) -> ReasonText:
    """Return the texts of a reason code; one that we no longer know speaks in general."""
    known = states.Reason.__members__.get(str(code), states.Reason.unknown_label)
    return REASONS[known]


def public_code(code: states.Reason | str) -> str:
    """Return the reason code that a user may see: those of fraud and watchlists share a few."""
    return reason(code).public or str(code)


def id_type(value: IdType | str) -> str:
    """Return the name of a kind of papers; what is none of ours is returned as it is."""
    known = IdType.__members__.get(str(value))
    return str(_ID_TYPES[known]) if known is not None else str(value)


def id_types() -> list[tuple[str, str]]:
    """Return value and label of each kind of papers, for a form."""
    return [(str(value), str(label)) for value, label in _ID_TYPES.items()]


def number_hint(papers: IdType | str, issued_by: str) -> str:
    """Return what somebody is told whose number looks mistyped; it never stops them."""
    return gettext(
        "This does not look like the number of such a document (%(document)s, %(country)s). "
        "Please check it.",
        document=id_type(papers),
        country=country(issued_by),
    )


def error(code: str, retry_after: float | None = None) -> str:
    """Return what an error means for the user, who may try again in *retry_after* seconds."""
    if code == "vendor_busy" and retry_after is not None:
        return gettext(
            "The verification service is very busy. Please try again in %(wait)s.",
            wait=duration(retry_after),
        )
    return str(_ERRORS.get(code, _ERRORS["idverify_error"]))


def return_hint_code(query: Mapping[str, str]) -> str | None:
    """Return the code that the browser brought back, if it is one that we can explain."""
    code = query.get("errorCode", "")
    return code if code in _RETURN_HINTS else None


def return_hint(code: str | None) -> str | None:
    """Return the hint for :func:`return_hint_code`'s code, or ``None``."""
    return str(_RETURN_HINTS[code]) if code is not None and code in _RETURN_HINTS else None


def sentence(message: str) -> str:
    """Return the message of an :class:`InvalidInput`, which follows a field's name, on its own."""
    text = i18n.translated(message)
    # A host name at its beginning stays as it is.
    word = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if word.isalpha() else text


def explanation(error: IDVerifyError) -> str:
    """Return what an error itself says of what happened: for admins."""
    if isinstance(error, InvalidInput):
        return f"{error.field}: {translated(error.message)}"
    return translated(error.args[0]) if error.args else str(error)


def stored(message: str) -> str:
    """Return what went wrong as the database kept it, in English: marked so where it stays that."""
    text = translated(message)
    if text != message or i18n.language().startswith("en"):
        return text
    return Markup('<span lang="en">{}</span>').format(text)


def country(alpha3: str) -> str:
    """Return a country's name."""
    return countries.name(alpha3, i18n.language())
