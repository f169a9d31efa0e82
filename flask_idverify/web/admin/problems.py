"""Errors as an admin needs them: what happened, what to do, and the vendor's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ... import texts
from ...errors import IDVerifyError, VendorError
from ...i18n import LazyText, gettext
from ...i18n import lazy_gettext as _
from ...models import Verification

_TITLES: Mapping[str, LazyText] = {
    "not_found": _("Not found"),
    "pending_changes": _("Your app has unsaved work in this request"),
    "already_verified": _("Already verified"),
    "verification_in_progress": _("A verification is open"),
    "consent_missing": _("Consent is missing"),
    "transition_refused": _("That is not possible any more"),
    "changed_meanwhile": _("Somebody was faster"),
    "erasure_refused": _("The data must be kept"),
    "reason_missing": _("A reason is missing"),
    "key_unavailable": _("A stored value cannot be decrypted"),
    "decryption_failed": _("A stored value cannot be decrypted"),
    "vendor_error": _("The vendor's answer cannot be used"),
    "vendor_unavailable": _("The vendor cannot be reached"),
    "vendor_busy": _("The vendor's rate limit is reached"),
    "vendor_refused": _("The vendor refuses our credentials"),
    "vendor_rejected_request": _("The vendor does not accept the request"),
    "vendor_record_missing": _("The vendor does not know this verification"),
    "vendor_protocol_error": _("The vendor's answer cannot be used"),
    "sandbox_refused": _("The endpoint is a sandbox"),
}
_NEXT: Mapping[str, LazyText] = {
    "vendor_refused": _("Correct the provider's credentials, then check its connection."),
    "vendor_unavailable": _("Nothing is lost: we ask again by ourselves. Try again in a while."),
    "vendor_busy": _("Nothing is lost: we ask again by ourselves. Try again in a minute."),
    "vendor_rejected_request": _("Check the provider's settings."),
    "vendor_protocol_error": _("Check the provider's endpoint and type."),
}


@dataclass(frozen=True)
class Problem:
    """What went wrong, on a page.

    :ivar message: what happened and what to do.
    :ivar following: what to do next, where we know it.
    :ivar words: the vendor's own words, masked.
    """

    title: str
    message: str
    following: str = ""
    words: str = ""


def title_of(code: str) -> str:
    """Return what happened in a few words, by an error's code or, of a stranger's, its class."""
    return str(_TITLES[code]) if code in _TITLES else gettext("Internal error: %(name)s", name=code)


def overtaken(row: Verification) -> Problem:
    """Return what an admin should read whose decision came after somebody else's."""
    status = texts.status_label(row.status)
    if row.decided_by:
        message = gettext(
            "Admin %(user)s has decided meanwhile: %(status)s. Nothing of yours was kept.",
            user=row.decided_by,
            status=status,
        )
    else:
        message = gettext(
            "This verification has changed meanwhile: %(status)s. Nothing of yours was kept.",
            status=status,
        )
    following = gettext("If you decide now, you decide against what stands here.")
    return Problem(str(_TITLES["changed_meanwhile"]), message, following)


def explain(error: IDVerifyError) -> Problem:
    """Return what an admin should read of *error*."""
    return Problem(
        title=str(_TITLES.get(error.code, _("That did not work"))),
        message=texts.explanation(error),
        following=str(_NEXT.get(error.code, "")),
        words=error.detail if isinstance(error, VendorError) else "",
    )
