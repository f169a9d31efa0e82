"""What only admins read: steps of the audit log, deciding rules, how grave a finding is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import texts
from ...claims import Document
from ...i18n import LazyText, gettext
from ...i18n import lazy_gettext as _
from ...matching import Agreement
from ...models import Application
from ...states import Standing, Status
from ...types import Severity
from .forms import application_label

_ACTIONS: Mapping[str, LazyText] = {
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
    "callbacks.purged": _("Old callbacks removed"),
}
_RULES: Mapping[str, LazyText] = {
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
_SEVERITIES: Mapping[str, tuple[LazyText, str]] = {
    Severity.fraud.name: (_("Fraud"), "bad"),
    Severity.suspicious.name: (_("Suspicious"), "bad"),
    Severity.unsupported.name: (_("Not supported"), "warn"),
    Severity.quality.name: (_("Picture quality"), "warn"),
    Severity.review.name: (_("To be reviewed"), "warn"),
    Severity.unknown.name: (_("Unknown"), "warn"),
    Severity.technical.name: (_("Technical"), "off"),
    Severity.info.name: (_("Information"), "info"),
}
_STANDINGS: Mapping[Standing, tuple[LazyText, str]] = {
    Standing.unverified: (_("Not verified"), "off"),
    Standing.pending: (_("Being verified"), "wait"),
    Standing.verified: (_("Verified"), "ok"),
    Standing.expired: (_("Verification ran out"), "warn"),
    Standing.revoked: (_("Revoked"), "bad"),
}
_AGREEMENTS: Mapping[Agreement, tuple[LazyText, str]] = {
    Agreement.agree: (_("Agrees"), "ok"),
    Agreement.differs: (_("Differs"), "bad"),
    Agreement.unverifiable: (_("Not legible"), "warn"),
}
_TREATMENTS: Mapping[str, LazyText] = {
    "reject": _("reject"),
    "review": _("a person decides"),
    "accept": _("accept"),
    "flag": _("mark it"),
    "revoke": _("revoke"),
}
_POLICY: Mapping[str, LazyText] = {
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
_DOCUMENT: Mapping[str, LazyText] = {
    "date_of_birth": _("Date of birth"),
    "expires_on": _("Valid until"),
    "issued_on": _("Issued on"),
    "personal_number": _("Personal number"),
    "gender": _("Gender"),
    "nationality": _("Nationality"),
    "place_of_birth": _("Place of birth"),
    "subtype": _("Subtype"),
    "state": _("State"),
    "issuing_authority": _("Issuing authority"),
    "issuing_place": _("Issued in"),
    "address": _("Address"),
}
_FACTS: Mapping[str, LazyText] = {
    "rule": _("Decided by"),
    "reasons": _("Reasons"),
    "risk": _("Risk score"),
    "vendor_status": _("Vendor's status"),
    "vendor_reference": _("Vendor's reference"),
    "error": _("Error"),
    "test": _("Test"),
    "changed": _("Changed"),
    "image": _("Picture"),
}
#: On the page already, or of no use to a reader.
_SILENT = frozenset(
    {"verification", "provider", "application", "policy", "note_digest", "from", "to", "related"}
)
_PICTURES: Mapping[str, LazyText] = {
    "front": _("Front of the document"),
    "back": _("Back of the document"),
    "face": _("Face"),
}
_STEPS: Mapping[str, LazyText] = {
    "provider": _("Provider"),
    "token": _("Access token"),
    "credentials": _("Credentials"),
    "health": _("Vendor's health"),
    "callback URL": _("Callback URL"),
    "callback probe": _("Callback probe"),
}


def application(row: Application | None) -> str:
    """Return how a page calls an application."""
    return application_label(row)


def action(name: str) -> str:
    """Return a step of the audit log in words."""
    return str(_ACTIONS.get(name, name))


def actor(name: str) -> str:
    """Return who did a step."""
    if name.startswith("admin:"):
        return gettext("Admin %(user)s", user=name.removeprefix("admin:"))
    known = {"system": _("System"), "vendor": _("Vendor"), "user": _("User")}
    return str(known.get(name, name))


def rule(name: str | None) -> str:
    """Return which rule decided."""
    return str(_RULES.get(name, name)) if name else "–"


def severity(name: str) -> tuple[str, str]:
    """Return how grave a finding is, and the colour of its badge."""
    label, kind = _SEVERITIES.get(name, (name, "off"))
    return str(label), kind


def standing(value: Standing) -> tuple[str, str]:
    """Return a user's standing in words, and the colour of its badge."""
    label, kind = _STANDINGS[value]
    return str(label), kind


def agreement(value: Agreement) -> tuple[str, str]:
    """Return how claim and document compare in one field, and the colour of its badge."""
    label, kind = _AGREEMENTS[value]
    return str(label), kind


def step(name: str) -> str:
    """Return the name of a step of the connection check."""
    return str(_STEPS.get(name, name[:1].upper() + name[1:]))


def picture(name: str) -> str:
    """Return what a picture shows."""
    if name in _PICTURES:
        return str(_PICTURES[name])
    return gettext("Face, moment %(number)s", number=name.removeprefix("liveness_"))


def policy(stored: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a policy or conditions line by line, without what says nothing."""
    return [
        (str(_POLICY.get(name, name)), _policy_value(name, value))
        for name, value in stored.items()
        if value is not None
    ]


def _policy_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name == "countries":
        return ", ".join(texts.country(code) for code in value)
    if name == "id_types":
        return ", ".join(texts.id_type(code) for code in value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(_TREATMENTS.get(value, value)) if isinstance(value, str) else str(value)


def document(read: Document) -> list[tuple[str, str]]:
    """Return what a document says beside what the claim is compared with."""
    values = read.to_dict()
    shown = [(name, values[name]) for name in _DOCUMENT if name in values]
    return [
        (str(_DOCUMENT[name]), texts.country(value) if name == "nationality" else value)
        for name, value in shown
    ]


def facts(stored: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the facts of an audit entry that are worth a line, as pairs of name and value."""
    shown = [
        (str(_FACTS.get(name, name)), _fact(name, value))
        for name, value in stored.items()
        if name not in _SILENT and value not in (None, "", [], {}, False)
    ]
    before = stored.get("from")
    return [(gettext("Before"), _state(before)), *shown] if before else shown


def _state(name: str) -> str:
    """Return a verification's status or a user's standing in words."""
    if name in Status.__members__:
        return texts.status_label(name)
    return standing(Standing(name))[0] if name in Standing.__members__ else name


def _fact(name: str, value: Any) -> str:
    if value is True:
        return gettext("yes")
    if name == "rule":
        return rule(value)
    if name == "image":
        return picture(str(value))
    if name == "vendor_status":
        return _state(str(value))
    if name == "reasons":
        return " ".join(str(texts.reason(code).admin) for code in value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
