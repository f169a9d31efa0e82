"""The audit log of a subject as people read it: its facts in words, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from ... import texts
from ...i18n import LazyText, gettext, ngettext
from ...i18n import lazy_gettext as _
from ...queries import Step
from ...states import Standing, Status
from . import wording
from .problems import title_of

_LOOK = "verification.image_viewed"
_FACTS: Mapping[str, LazyText] = {
    "asked": _("Times the vendor was asked"),
    "attempts": _("Verifications emptied"),
    "callbacks": _("Callbacks removed"),
    "changed": _("Changed"),
    "complete": _("Everything could be decrypted"),
    "conditions": _("Only for"),
    "enabled": _("Enabled"),
    "endpoint": _("Endpoint"),
    "error": _("What failed"),
    "filters": _("Filters"),
    "fingerprint_kept": _("Digest of the document's number kept"),
    "held": _("Here it stayed"),
    "image": _("Picture"),
    "notes": _("Admins' reasons removed"),
    "owed": _("Deletions to be made by vendors"),
    "policy": _("Policy"),
    "position": _("Place in the order"),
    "reasons": _("Reasons"),
    "related": _("Verifications of others with the same face"),
    "related_unknown": _("Records with the same face, not known here"),
    "replayed": _("Callbacks"),
    "retried": _("How many"),
    "risk": _("Risk score"),
    "rule": _("Decided by"),
    "same_account": _("The same account at the vendor"),
    "scope": _("What"),
    "status": _("How it had ended"),
    "test": _("Test"),
    "type": _("Type"),
    "up": _("Moved up"),
    "vendor_status": _("The vendor answered"),
    "verifications": _("Verifications"),
}
#: On the page already, or of no use to a reader.
_SILENT = frozenset({"callback", "verification", "provider", "application", "policy", "from", "to"})
#: What is also worth a line when it is not so.
_ALSO_NO = frozenset({"complete", "enabled", "up"})
_FIELDS: Mapping[str, LazyText] = {
    "name": _("Name"),
    "display_name": _("Display name"),
    "type": _("Type"),
    "client_id": _("Client ID"),
    "client_secret": _("Client secret"),
    "endpoint": _("Endpoint"),
    "options": _("Settings"),
    "enabled": _("Enabled"),
    "calls_per_day": _("Calls per day"),
}
_SCOPES: Mapping[str, LazyText] = {
    "account": _("All that the vendor held of the person"),
    "verification": _("One verification"),
}


@dataclass(frozen=True)
class Line:
    """One line of a timeline.

    :ivar until: of several steps told as one, when the last of them was.
    """

    title: str
    actor: str
    at: datetime
    until: datetime | None
    note: str | None
    facts: list[tuple[str, str]]


def lines(steps: Iterable[Step]) -> list[Line]:
    """Return the steps as lines. One admin's looks at pictures in a row are told as one."""
    found: list[Line] = []
    for key, group in groupby(steps, _belongs):
        together = list(group)
        if key[0] == _LOOK and len(together) > 1:
            found.append(_looks(together))
        else:
            found += [line(step) for step in together]
    return found


def _belongs(step: Step) -> tuple[str, str]:
    return step.action, step.actor


def line(step: Step) -> Line:
    """Return one step as a line of its own."""
    title, actor = wording.action(step.action), wording.actor(step.actor)
    return Line(title, actor, step.at, None, step.note, facts(step.facts))


def _looks(steps: list[Step]) -> Line:
    first, last = steps[0], steps[-1]
    seen = Counter(wording.picture(str(step.facts.get("image", ""))) for step in steps)
    pictures = [
        gettext("%(picture)s (%(times)s times)", picture=name, times=texts.number(times))
        if times > 1
        else name
        for name, times in seen.items()
    ]
    return Line(
        ngettext("%(num)s picture looked at", "%(num)s pictures looked at", len(steps)),
        wording.actor(first.actor),
        first.at,
        last.at if texts.moment(last.at) != texts.moment(first.at) else None,
        None,
        [(gettext("Pictures"), ", ".join(pictures))],
    )


def facts(stored: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the facts of an audit entry that are worth a line, as pairs of name and value."""
    shown = [
        (fact_name(name), _value(name, value))
        for name, value in stored.items()
        if name not in _SILENT and (value or (value is False and name in _ALSO_NO))
    ]
    before = stored.get("from")
    return [(gettext("Before"), _state(str(before))), *shown] if before else shown


def fact_name(name: str) -> str:
    """Return a fact's name in words; of one that a newer version wrote, the name alone."""
    return str(_FACTS.get(name, name))


def is_worded(name: str) -> bool:
    """Whether a fact's name has words, or is never shown."""
    return name in _FACTS or name in _SILENT


def _state(name: str) -> str:
    """Return a verification's status or a user's standing in words."""
    if name in Status.__members__:
        return texts.status_label(name)
    return wording.standing(Standing(name))[0] if name in Standing.__members__ else name


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name in _VALUES:
        try:
            return _VALUES[name](value)
        except (AttributeError, KeyError, TypeError, ValueError):
            return str(value)  # written by a newer version, or by somebody else
    if isinstance(value, (int, float)):
        return texts.number(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _answered(value: Any) -> str:
    return f"HTTP {value}" if isinstance(value, int) else _state(str(value))


def _rules(value: Any) -> str:
    return wording.in_a_line(wording.policy(value))


_VALUES: Mapping[str, Callable[[Any], str]] = {
    "changed": lambda fields: ", ".join(str(_FIELDS.get(field, field)) for field in fields),
    "conditions": _rules,
    "error": title_of,
    "filters": lambda given: ", ".join(f"{name}: {value}" for name, value in given.items()),
    "held": _state,
    "image": wording.picture,
    "reasons": lambda codes: " ".join(str(texts.reason(code).admin) for code in codes),
    # Earlier versions wrote which.
    "related": lambda found: texts.number(len(found) if isinstance(found, list) else int(found)),
    "rule": wording.rule,
    "scope": lambda scope: str(_SCOPES.get(scope, scope)),
    "status": _state,
    "vendor_status": _answered,
}
