"""The form of a link's policy and routing conditions."""

from __future__ import annotations

import re
from typing import Any

from wtforms import BooleanField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from ... import countries, texts
from ...errors import InvalidPolicy
from ...i18n import gettext, lazy_gettext
from ...policy import Conditions, Policy
from .forms import AdminForm, NumberField, blame, options

#: Lazy texts, which the stubs of WTForms do not know.
_: Any = lazy_gettext

_TREATMENTS = [
    ("reject", _("Reject")),
    ("review", _("A person decides")),
    ("accept", _("Accept")),
]
#: Conditions have fields of the same names as the policy; in the form they are told apart.
_ROUTE = "route_"


#: Between two codes, also as a Chinese keyboard writes it.
_BETWEEN = re.compile(r"[,;\s\N{FULLWIDTH COMMA}\N{FULLWIDTH SEMICOLON}\N{IDEOGRAPHIC COMMA}]+")


class CodesField(StringField):
    """Codes with commas or spaces between; empty means any."""

    data: Any  # a list where the base has one text

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return ", ".join(sorted(self.data or ()))

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Split what was typed."""
        if valuelist:
            self.data = [code for code in _BETWEEN.split(valuelist[0]) if code] or None


class CountriesField(CodesField):
    """Countries by their two or three letters."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Turn two letters into three, and name what is no country."""
        super().process_formdata(valuelist)
        codes = [code.upper() for code in self.data or ()]
        known = [countries.from_alpha2(code) or code for code in codes]
        wrong = [code for code in known if not countries.is_known(code)]
        self.data = known or None
        if wrong:
            raise ValueError(gettext("No country has the code %(codes)s.", codes=", ".join(wrong)))


class ChecksField(SelectMultipleField):
    """A group of checkboxes; none ticked means any."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def _countries(label: Any) -> Any:
    return CountriesField(
        label,
        [Optional()],
        description=_("Codes with commas between, e.g. AUT, DEU. Empty: any."),
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )


def _id_types(label: Any) -> Any:
    return ChecksField(label, [Optional()], description=_("None ticked: any."))


def _treatment(label: Any, help_text: Any = "") -> Any:
    return SelectField(
        label, [InputRequired()], choices=options(_TREATMENTS), description=help_text
    )


def _number(label: Any, highest: int, help_text: Any) -> Any:
    return NumberField(label, [Optional(), NumberRange(1, highest)], description=help_text)


class PolicyForm(AdminForm):
    """All fields of a :class:`Policy` under their names, and of :class:`Conditions`."""

    match_name = BooleanField(_("The name must agree with the document"))
    match_number = BooleanField(_("The number must agree with the document"))
    countries = _countries(_("Accepted issuing countries"))
    id_types = _id_types(_("Accepted documents"))
    minimum_age = _number(_("Minimum age"), 150, _("In years, on the day of the decision."))
    expired_documents = _treatment(_("Expired documents"))
    on_warning = _treatment(
        _("The vendor warns"), _("A watchlist hit is always decided by a person.")
    )
    required_capabilities = CodesField(
        _("Required checks"), [Optional()], render_kw={"autocomplete": "off", "spellcheck": "false"}
    )
    duplicates = _treatment(
        _("Same document on another account"),
        _("The same papers have verified another user already."),
    )
    on_reversal = SelectField(
        _("The vendor takes an approval back"),
        [InputRequired()],
        choices=options(
            [("flag", _("Mark it for a person")), ("revoke", _("Revoke the verification"))]
        ),
    )
    max_attempts = _number(
        _("Attempts in 24 hours"), 1000, _("Per user. Empty: the app's setting.")
    )
    valid_for = _number(_("Valid for days"), 36500, _("Empty: until the document expires."))
    keep_fingerprint = BooleanField(_("After an erasure, still notice the same document elsewhere"))
    route_countries = _countries(_("Only for issuing countries"))
    route_id_types = _id_types(_("Only for documents"))

    @classmethod
    def of(
        cls, policy: Policy, conditions: Conditions, default_checks: frozenset[str]
    ) -> PolicyForm:
        """Return the form filled with what is stored, or with what was posted."""
        stored = dict(policy.to_dict())
        stored |= {_ROUTE + name: value for name, value in conditions.to_dict().items()}
        form = cls(data=stored)
        for group in (form.id_types, form.route_id_types):
            group.choices = options(texts.id_types())
        form.required_capabilities.description = gettext(
            "Names with commas between. Empty: what the provider is set up for, now %(checks)s.",
            checks=", ".join(sorted(default_checks)) or "–",
        )
        return form

    def read(self) -> tuple[Policy, Conditions] | None:
        """Return policy and conditions, or ``None`` with the errors at their fields."""
        if not self.validate():
            return None
        values: dict[str, Any] = {
            name: field.data if field.data != [] else None
            for name, field in self._fields.items()
            if name in Policy.__dataclass_fields__ or name.startswith(_ROUTE)
        }
        routing = {
            name.removeprefix(_ROUTE): values.pop(name)
            for name in list(values)
            if name.startswith(_ROUTE)
        }
        try:
            policy = Policy.from_dict(values)
        except InvalidPolicy as error:
            blame(self, error)
            return None
        try:
            return policy, Conditions.from_dict(routing)
        except InvalidPolicy as error:
            blame(self, error, {name: _ROUTE + name for name in routing})
            return None
