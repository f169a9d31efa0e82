"""The audit log: read over all subjects, and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import SelectField, ValidationError

from ... import queries
from ...errors import ConfigurationError, NotFound
from ...i18n import lazy_gettext
from ...phrases import phrase
from ...texts_codes import ACTIONS
from . import wording
from .blueprint import blueprint, chosen, go, page
from .filters import ListForm, asked_place, exact

#: Lazy texts, which the stubs of WTForms do not know.
_: Any = lazy_gettext

_ACTORS = ("system", "vendor", "user", "cli")
_NUMBER = re.compile(r"\d{1,15}", re.ASCII)


class LogForm(ListForm):
    """Which entries of the log a list shows."""

    subject = exact(
        _("In the audit log as, exact"), 36, _("This is longer than any subject of the log.")
    )
    action = SelectField(_("Step"))
    actor = SelectField(_("Done by"))
    admin = exact(_("Admin's user ID, exact"), 249, _("This is longer than any user ID."))

    @classmethod
    def of(cls, values: Mapping[str, str]) -> LogForm:
        """Return the form as *values* (of an address, or of a form) fill it."""
        form = cls(formdata=values)
        steps = ((name, str(label)) for name, label in ACTIONS.items())
        form.settle(
            action=sorted(steps, key=lambda pair: pair[1]),
            actor=((name, wording.actor(name)) for name in _ACTORS),
        )
        return form

    def validate_admin(self, field: Any) -> None:
        """Refuse two actors: no entry has both."""
        if field.data and self.actor.data:
            raise ValidationError(str(_("Choose either an admin or somebody else.")))

    @property
    def of_one(self) -> bool:
        """Whether the list is of one chain."""
        return bool(self.user.data or self.subject.data)

    def filters(self) -> queries.LogFilters:
        """Return what a validated form asks for."""
        return queries.LogFilters(
            subject=self.subject.data or None,
            user_id=self.user.data or None,
            actor=f"admin:{self.admin.data}" if self.admin.data else self.actor.data or None,
            action=self.action.data or None,
            since=self.begin,
            until=self.end,
        )

    def part(self) -> queries.LogFilters:
        """Return what an export takes of that: a chain is never torn."""
        asked = self.filters()
        return queries.LogFilters(
            subject=asked.subject, user_id=asked.user_id, since=asked.since, until=asked.until
        )


@blueprint.get("/audit")
def audit() -> ResponseReturnValue:
    """Show one page of the log."""
    form = LogForm.of(request.args)
    if not form.validate():
        return log_page(form, 422)
    at, readable = asked_place()
    found = queries.log_entries(form.filters(), at, oldest_first=form.oldest_first)
    return log_page(form, found=found, unreadable=not readable)


def whose(subject: str | None, user_id: str | None) -> str | None:
    """Return whose chain is meant, as the log calls them; ``None``: everybody's.

    :raises NotFound: nobody is called so, or the two are not the same person.
    """
    if user_id is None:
        return subject
    found = queries.subject_of(user_id)
    if found is None or subject not in (None, found):
        raise NotFound(phrase("There is no identity of this user."))
    return found


def log_page(form: LogForm, status: int = 200, **values: Any) -> ResponseReturnValue:
    """Return the page of the log; without *found* only its filter, and what is wrong with it."""
    # Imported where it is used: it needs the checker, which is also run as a program.
    from ... import audit_export

    values.setdefault("found", None)
    if values["found"]:
        values["count"] = queries.log_count(form.part())
    try:
        values["public_key"] = audit_export.public_key()
    except ConfigurationError as error:
        values["key_problem"] = str(error)
    return page("audit", status, form=form, **values)


@blueprint.get("/audit/verify")
@blueprint.get("/audit/export")
def back_to_audit() -> ResponseReturnValue:
    """Show the list to whoever reloads the address of a form."""
    return go(".audit")


@blueprint.post("/audit/verify")
def verify_audit() -> ResponseReturnValue:
    """Check one chain, or as much of the whole log as a request has time for.

    A POST, since it is long; it changes nothing. What has been checked before comes along in the
    form, so that the next portion goes on from there.
    """
    subject = whose(*(chosen(request.form, name) for name in ("subject", "user")))
    if subject is not None:
        return page("audit_check", checked=queries.check_chain(subject))
    given = chosen(request.form, "after") or ""
    after = given if queries.has_chain(given) else None
    named = request.form.getlist("named")
    checked = queries.check_log(after, named if after else ())
    if after:
        checked.chains += _number("chains")
        checked.entries += _number("entries")
        checked.broken += _number("broken")
    return page("audit_check", checked=checked)


def _number(name: str) -> int:
    """Return a number of an earlier portion."""
    given = request.form.get(name, "")
    return int(given) if _NUMBER.fullmatch(given) else 0
