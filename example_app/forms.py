"""The bank's own forms."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_wtf import FlaskForm
from wtforms import DateField, Field, PasswordField, StringField, SubmitField, ValidationError
from wtforms.validators import InputRequired, Length, Optional, Regexp

from .languages import lazy_gettext as _

_EMAIL = Regexp(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", message=_("This is not an e-mail address."))


def _in_the_past(_form: Any, field: Field) -> None:
    if field.data is not None and field.data >= date.today():  # noqa: DTZ011 - a person's calendar
        raise ValidationError(_("This date lies in the future."))


def _name_field() -> StringField:
    return StringField(
        _("Real name"),
        [InputRequired(), Length(max=200)],
        render_kw={"autocomplete": "name"},
        filters=[lambda text: " ".join(text.split()) if text else text],
    )


def _birth_field() -> DateField:
    return DateField(
        _("Date of birth"), [InputRequired(), _in_the_past], render_kw={"autocomplete": "bday"}
    )


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Who are you?"""

    email = StringField(
        _("E-mail"),
        [InputRequired(), Length(max=200)],
        render_kw={"type": "email", "autocomplete": "username"},
    )
    password = PasswordField(
        _("Password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    submit = SubmitField(_("Sign in"))


class SignUpForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A new customer."""

    real_name = _name_field()
    date_of_birth = _birth_field()
    email = StringField(
        _("E-mail"),
        [InputRequired(), Length(max=200), _EMAIL],
        render_kw={"type": "email", "autocomplete": "username"},
    )
    password = PasswordField(
        _("Password"),
        [InputRequired(), Length(min=8, max=200, message=_("At least 8 characters."))],
        render_kw={"autocomplete": "new-password"},
    )
    submit = SubmitField(_("Open an account"))


class AccountForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What a customer can change of their own record."""

    real_name = _name_field()
    date_of_birth = _birth_field()
    phone = StringField(
        _("Phone"), [Optional(), Length(max=40)], render_kw={"autocomplete": "tel", "type": "tel"}
    )
    submit = SubmitField(_("Save"))
