"""The list of users, by what we call their identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from wtforms import SelectField

from ... import queries
from ...i18n import lazy_gettext
from ...states import Standing
from . import wording
from .blueprint import blueprint, page
from .filters import DayField, ListForm, application_choices, asked_place

#: Lazy texts, which the stubs of WTForms do not know.
_: Any = lazy_gettext


class PeopleForm(ListForm):
    """Which users a list shows."""

    standing = SelectField(_("Standing"))
    application = SelectField(_("Application"))
    since = DayField(_("Verified from (UTC)"))
    until = DayField(_("Verified to, inclusive (UTC)"))

    @classmethod
    def of(cls, values: Mapping[str, str]) -> PeopleForm:
        """Return the form as the *values* of an address fill it."""
        form = cls(formdata=values)
        form.settle(
            standing=((str(each), wording.standing(each)[0]) for each in Standing),
            application=application_choices(),
        )
        return form

    def filters(self) -> queries.PeopleFilters:
        """Return what a validated form asks for."""
        return queries.PeopleFilters(
            standing=Standing(self.standing.data) if self.standing.data else None,
            user_id=self.user.data or None,
            application_id=self.application.data or None,
            since=self.begin,
            until=self.end,
        )


@blueprint.get("/identities")
def identities() -> ResponseReturnValue:
    """Show one page of users."""
    form = PeopleForm.of(request.args)
    if not form.validate():
        return page("identities", 422, form=form, found=None)
    at, readable = asked_place()
    filters = form.filters()
    return page(
        "identities",
        form=form,
        filters=filters,
        found=queries.identities(filters, at, oldest_first=form.oldest_first),
        unreadable=not readable,
    )
