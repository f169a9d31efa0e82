"""What a list is asked for in its address: filters, order, and the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from flask import request
from wtforms import DateField, HiddenField, SelectField, StringField, ValidationError
from wtforms.validators import Length

from ... import queries, texts
from ...errors import InvalidInput
from ...i18n import lazy_gettext
from ...states import Reason, Status
from .blueprint import chosen
from .forms import AdminForm, application_label, options

#: Lazy texts, which the stubs of WTForms do not know.
_: Any = lazy_gettext

_KINDS = {"real": False, "test": True}
#: A filter by one of these may tell who is looked for.
_PERSONAL = frozenset({"user", "reference", "identity"})


def _strip(value: str | None) -> str:
    return (value or "").strip()


class DayField(DateField):
    """A day; years in which engines and sums of times fail are none."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read the day."""
        given = [value.strip() for value in valuelist]
        self.data = None
        if not any(given):
            return
        try:
            day = date.fromisoformat(given[0])
        except ValueError:
            day = date.min
        if not 1970 <= day.year <= 9000:
            raise ValueError(str(_("Please enter a day as year-month-day, such as 2026-01-31.")))
        self.data = day


class FilterForm(AdminForm):
    """Which verifications a list shows, and in which order; sent with GET."""

    class Meta:
        """It changes nothing; and an address with a token in it would be passed on."""

        csrf = False

    status = SelectField(_("Status"))
    provider = SelectField(_("Provider"))
    application = SelectField(_("Application"))
    reason = SelectField(_("Reason"))
    kind = SelectField(_("Kind"))
    since = DayField(_("From (UTC)"))
    until = DayField(_("To, inclusive (UTC)"))
    user = StringField(
        _("User ID, exact"),
        [Length(max=255, message=_("This is longer than any user ID."))],
        filters=[_strip],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    reference = StringField(
        _("Vendor's reference, exact"),
        [Length(max=64, message=_("This is longer than any reference."))],
        filters=[_strip],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    order = SelectField(_("Order"))
    identity = HiddenField(filters=[_strip])

    @classmethod
    def of(cls, values: Mapping[str, str]) -> FilterForm:
        """Return the form as *values* (of an address, or of a form) fill it."""
        form = cls(formdata=values)
        every = ("", _("All"))
        form.status.choices = options(
            [every, *((str(status), texts.status_label(status)) for status in Status)]
        )
        form.provider.choices = options(
            [every, *((row.id, row.name) for row in queries.provider_rows())]
        )
        form.application.choices = options(
            [every, *((row.id, application_label(row)) for row in queries.application_rows())]
        )
        reasons = ((str(reason), str(texts.reason(reason).admin)) for reason in Reason)
        form.reason.choices = options([every, *sorted(reasons, key=lambda pair: pair[1])])
        form.kind.choices = options([every, ("real", _("Users")), ("test", _("Tests"))])
        form.order.choices = options([("", _("Newest first")), ("oldest", _("Oldest first"))])
        for field in form:
            if isinstance(field, SelectField) and field.data is None:
                field.data = ""  # not in the address
        return form

    def validate_until(self, field: DayField) -> None:
        """Refuse a span that ends before it begins."""
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError(str(_("This is before the first day.")))

    @property
    def kept(self) -> dict[str, str]:
        """What an address to the same list carries, by field."""
        return {field.name: str(field.data) for field in self if field.data}

    @property
    def is_filtering(self) -> bool:
        """Whether the list is not of all verifications."""
        return bool(set(self.kept) - {"order"})

    @property
    def oldest_first(self) -> bool:
        """Whether the list begins with the oldest."""
        return bool(self.order.data == "oldest")

    @property
    def facts(self) -> dict[str, str]:
        """What the audit log may keep: of what could name a person, only that it was given."""
        return {name: "given" if name in _PERSONAL else value for name, value in self.kept.items()}

    def filters(self) -> queries.Filters:
        """Return what a validated form asks for."""
        return queries.Filters(
            status=Status(self.status.data) if self.status.data else None,
            provider_id=self.provider.data or None,
            application_id=self.application.data or None,
            reason=Reason(self.reason.data) if self.reason.data else None,
            user_id=self.user.data or None,
            vendor_reference=self.reference.data or None,
            identity_id=self.identity.data or None,
            is_test=_KINDS.get(self.kind.data or ""),
            since=_midnight(self.since.data),
            until=_midnight(self.until.data and self.until.data + timedelta(days=1)),
        )


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), timezone.utc) if day else None


def asked_place() -> tuple[queries.Place | None, bool]:
    """Return where in a list the page begins that the address asks for; whether it is readable.

    A cursor that was cut off on its way leads to the beginning, which the page has to say.
    """
    newer, older = (chosen(request.args, name) for name in ("newer", "older"))
    try:
        return queries.place(newer=newer, older=older), True
    except InvalidInput:
        return None, False
