"""What only admins read: steps of the audit log, rules, checks, how grave a finding is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import texts
from ...claims import Document, PartialDate
from ...i18n import LazyText, gettext
from ...i18n import lazy_gettext as _
from ...matching import Agreement
from ...models import Application
from ...states import Standing
from ...texts_codes import ACTIONS, CHECKS, POLICY, RULES, STANDINGS, TREATMENTS
from ...types import Severity
from .forms import application_label

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
_AGREEMENTS: Mapping[Agreement, tuple[LazyText, str]] = {
    Agreement.agree: (_("Agrees"), "ok"),
    Agreement.differs: (_("Differs"), "bad"),
    Agreement.unverifiable: (_("Not legible"), "warn"),
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
    "state": _("State or province"),
    "issuing_authority": _("Issuing authority"),
    "issuing_place": _("Issued in"),
    "address": _("Address"),
}
_PICTURES: Mapping[str, LazyText] = {
    "front": _("Front of the document"),
    "back": _("Back of the document"),
    "face": _("Face"),
}
_GONE: Mapping[str, LazyText] = {
    "erased:": _("Erased"),
    "closed:": _("Account closed"),
}
_BREAKS: Mapping[str, LazyText] = {
    "changed": _("Changed"),
    "removed": _("Removed"),
    "inserted": _("Inserted"),
    "reordered": _("Reordered"),
    "cut off": _("Cut off"),
}
_STEPS: Mapping[str, LazyText] = {
    "provider": _("Provider"),
    "token": _("Access token"),
    "credentials": _("Credentials"),
    "retrieval": _("Retrieval"),
    "health": _("Vendor's health"),
    "vendor": _("Vendor"),
    "callback URL": _("Callback URL"),
    "callback probe": _("Callback probe"),
}


def application(row: Application | None) -> str:
    """Return how a page calls an application."""
    return application_label(row)


def action(name: str) -> str:
    """Return a step of the audit log in words."""
    return str(ACTIONS.get(name, name))


def actor(name: str) -> str:
    """Return who did a step."""
    if name.startswith("admin:"):
        return gettext("Admin %(user)s", user=name.removeprefix("admin:"))
    known = {
        "system": _("System"),
        "vendor": _("Vendor"),
        "user": _("User"),
        "cli": _("Command line"),
    }
    return str(known.get(name, name))


def rule(name: str | None) -> str:
    """Return which rule decided."""
    return str(RULES.get(name, name)) if name else "–"


def check(name: str) -> str:
    """Return what the vendor looks at in a check, with the name that a policy calls it by."""
    return f"{CHECKS[name]} ({name})" if name in CHECKS else name


def gone(user_id: str) -> str:
    """Return why there is no user behind this id any more; empty when there is one."""
    return next((str(word) for start, word in _GONE.items() if user_id.startswith(start)), "")


def severity(name: str) -> tuple[str, str]:
    """Return how grave a finding is, and the colour of its badge."""
    label, kind = _SEVERITIES.get(name, (name, "off"))
    return str(label), kind


def standing(value: Standing) -> tuple[str, str]:
    """Return a user's standing in words, and the colour of its badge."""
    label, kind = STANDINGS[value]
    return str(label), kind


def agreement(value: Agreement) -> tuple[str, str]:
    """Return how claim and document compare in one field, and the colour of its badge."""
    label, kind = _AGREEMENTS[value]
    return str(label), kind


def audit_break(what: str) -> str:
    """Return what was done to the first entry of a chain that does not hold."""
    return str(_BREAKS.get(what, what))


def step(name: str) -> str:
    """Return the name of a step of the connection check."""
    return str(_STEPS.get(name, name[:1].upper() + name[1:]))


def picture(name: str) -> str:
    """Return what a picture shows."""
    if name.startswith("liveness_"):
        return gettext("Face, moment %(number)s", number=name.removeprefix("liveness_"))
    return str(_PICTURES.get(name, gettext("Picture")))


def policy(stored: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a policy or conditions line by line, without what says nothing."""
    return [
        (str(POLICY.get(name, name)), _policy_value(name, value))
        for name, value in stored.items()
        if value is not None
    ]


def in_a_line(rules: Iterable[tuple[str, str]]) -> str:
    """Return what :func:`policy` found in one line."""
    return "; ".join(f"{label}: {value}" for label, value in rules)


def _policy_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name == "countries":
        return ", ".join(texts.country(code) for code in value)
    if name == "id_types":
        return ", ".join(texts.id_type(code) for code in value)
    if isinstance(value, list):
        return ", ".join(map(check, value))
    return str(TREATMENTS.get(value, value)) if isinstance(value, str) else str(value)


def document(read: Document) -> list[tuple[str, str]]:
    """Return what a document says beside what the claim is compared with."""
    values = ((name, getattr(read, name)) for name in _DOCUMENT)
    return [
        (str(_DOCUMENT[name]), _printed(name, value)) for name, value in values if value is not None
    ]


def _printed(name: str, value: Any) -> str:
    if isinstance(value, PartialDate):
        return texts.day(value.earliest) if value.day is not None else str(value)
    return texts.country(value) if name == "nationality" else str(value)
