"""What a list is asked for in its address: filters, order, and the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from flask import request
from wtforms import DateField, HiddenField, SelectField, StringField, ValidationError
from wtforms.validators import Length

from ... import queries, texts
from ...errors import InvalidInput
from ...i18n import lazy_gettext
from ...service.named_rows import UNPRINTABLE
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


def _printable(_form: Any, field: Any) -> None:
    """Refuse what no id of ours or the host's holds, e.g. a NUL, before a database is asked.

    PostgreSQL raises, with the value in what the log then says.
    """
    if field.data and not field.data.isprintable():
        raise ValidationError(texts.sentence(UNPRINTABLE))


def exact(label: Any, longest: int, message: Any) -> StringField:
    """Return a field for something that is looked for exactly as it is typed."""
    return StringField(
        label,
        [Length(max=longest, message=message), _printable],
        filters=[_strip],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )


class ListForm(AdminForm):
    """Which rows a list shows, and in which order; sent with GET."""

    class Meta:
        """It changes nothing; and an address with a token in it would be passed on."""

        csrf = False

    since = DayField(_("From (UTC)"))
    until = DayField(_("To, inclusive (UTC)"))
    user = exact(_("User ID, exact"), 255, _("This is longer than any user ID."))
    order = SelectField(_("Order"))

    def settle(self, **choices: Iterable[tuple[str, Any]]) -> None:
        """Give the selects their options; what the address does not say is none of them.

        :param choices: by field, behind the one for all.
        """
        for name, pairs in choices.items():
            self[name].choices = options([("", _("All")), *pairs])
        self.order.choices = options([("", _("Newest first")), ("oldest", _("Oldest first"))])
        for field in self:
            if isinstance(field, SelectField) and field.data is None:
                field.data = ""

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
        """Whether the list leaves anything out."""
        return bool(set(self.kept) - {"order"})

    @property
    def oldest_first(self) -> bool:
        """Whether the list begins with the oldest."""
        return bool(self.order.data == "oldest")

    @property
    def facts(self) -> dict[str, str]:
        """What the audit log may keep: of what could name a person, only that it was given."""
        return {name: "given" if name in _PERSONAL else value for name, value in self.kept.items()}

    @property
    def begin(self) -> datetime | None:
        """When the first day begins."""
        return _midnight(self.since.data)

    @property
    def end(self) -> datetime | None:
        """When the last day is over."""
        return _midnight(self.until.data and self.until.data + timedelta(days=1))


class FilterForm(ListForm):
    """Which verifications a list shows."""

    status = SelectField(_("Status"))
    provider = SelectField(_("Provider"))
    application = SelectField(_("Application"))
    reason = SelectField(_("Reason"))
    kind = SelectField(_("Kind"))
    reference = exact(_("Vendor's reference, exact"), 64, _("This is longer than any reference."))
    identity = HiddenField(filters=[_strip])

    @classmethod
    def of(cls, values: Mapping[str, str]) -> FilterForm:
        """Return the form as *values* (of an address, or of a form) fill it."""
        form = cls(formdata=values)
        reasons = ((str(reason), str(texts.reason(reason).admin)) for reason in Reason)
        form.settle(
            status=((str(status), texts.status_label(status)) for status in Status),
            provider=((row.id, row.name) for row in queries.provider_rows()),
            application=application_choices(),
            reason=sorted(reasons, key=lambda pair: pair[1]),
            kind=(("real", _("Users")), ("test", _("Tests"))),
        )
        return form

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
            since=self.begin,
            until=self.end,
        )


def application_choices() -> list[tuple[str, str]]:
    """Return what a select offers that filters by application."""
    return [(row.id, application_label(row)) for row in queries.application_rows()]


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
