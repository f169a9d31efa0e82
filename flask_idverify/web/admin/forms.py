"""Forms of the admin pages. They take only what they declare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import wtforms
from flask_wtf import FlaskForm
from wtforms import BooleanField, Form, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ... import texts
from ...errors import InvalidInput
from ...i18n import lazy_gettext
from ...models import Application, Provider

#: Lazy texts, which the stubs of WTForms do not know.
_: Any = lazy_gettext


def needed(message: Any) -> InputRequired:
    """Return the validator of a field that must be filled in, with its own words."""
    return InputRequired(message=message)


class AdminForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Base of all forms here: Flask-WTF's, with the CSRF token on."""


class ReasonForm(AdminForm):
    """Why an admin decides; kept encrypted, and its digest in the audit log."""

    reason = TextAreaField(
        _("Reason"),
        [needed(_("Please give a reason.")), Length(max=2000)],
        description=_("Your words, for whoever asks later. They are kept with your user ID."),
        render_kw={"rows": 3, "autocomplete": "off"},
    )


class EraseForm(AdminForm):
    """Why a person is erased, and that it is meant."""

    why = TextAreaField(
        _("Reason"),
        [needed(_("Please give a reason.")), Length(max=2000)],
        description=_(
            "It may name the person, so only its keyed digest is kept. Keep the text in your own "
            "records if you may have to show it."
        ),
        render_kw={"rows": 3, "autocomplete": "off"},
    )
    sure = BooleanField(
        _("I understand that this cannot be undone"),
        [needed(_("Please confirm."))],
    )


class ApplicationForm(AdminForm):
    """A new application."""

    name = StringField(
        _("Name"),
        [needed(_("Please enter a name.")), Length(max=100)],
        description=_("As your code names it, e.g. default. It cannot be changed later."),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    display_name = StringField(
        _("Display name"), [Length(max=200)], description=_("As people read it.")
    )


class DisplayNameForm(AdminForm):
    """What can change of an application."""

    display_name = StringField(
        _("Display name"), [Length(max=200)], description=_("As people read it.")
    )


class AddLinkForm(AdminForm):
    """Which provider to link next."""

    provider = SelectField(_("Provider"), [needed(_("Please choose a provider."))])

    @classmethod
    def offering(cls, providers: list[Provider], **settings: Any) -> AddLinkForm:
        """Return the form with the providers that are not linked yet."""
        form = cls(**settings)
        form.provider.choices = options((row.id, row.name) for row in providers)
        return form


class NumberField(IntegerField):
    """A whole number that is read up to its 19th digit, which no range here admits.

    The range check of WTForms raises ``OverflowError`` on numbers of hundreds of digits.
    """

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read the number."""
        super().process_formdata([value[:19] for value in valuelist])


def options(pairs: Iterable[tuple[str, Any]]) -> list[Any]:
    """Return the choices of a select field, as the installed WTForms wants them."""
    # WTForms 3.3 has a class for them and means to drop pairs; earlier ones know pairs only.
    made = getattr(wtforms.fields.choices, "SelectChoice", None)
    return [made(*pair) for pair in pairs] if made is not None else list(pairs)


def application_label(row: Application | None) -> str:
    """Return how a page calls an application."""
    return (row.display_name or row.name) if row is not None else "–"


def blame(form: Form, error: InvalidInput, names: dict[str, str] | None = None) -> None:
    """Put a service's refusal at the field it is about.

    :param names: form field by the service's field, where the two differ.
    """
    name = (names or {}).get(error.field, error.field)
    fields: Any = form._fields
    if name in fields:
        fields[name].errors = [*fields[name].errors, texts.sentence(error.message)]
    else:
        form.form_errors.append(texts.explanation(error))
