"""What the user fills in: who they are, and their consent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    SelectField,
    StringField,
    SubmitField,
    ValidationError,
)
from wtforms.validators import DataRequired, Length

from .. import clock, countries, i18n, id_numbers, runtime, texts
from ..claims import STATE_REQUIRED, Claim, Consent
from ..i18n import lazy_gettext

#: WTForms takes anything that shows as text; its type stubs only know ``str``.
_: Any = lazy_gettext

_CLAIM_FIELDS = ("id_type", "id_number", "real_name", "country")
#: The form's names of the consent's fields; ``country`` alone is the papers'.
_CONSENT_FIELDS = {"country": "location_country", "state": "location_state"}


def _stripped(value: str | None) -> str | None:
    return " ".join(value.split()) if value else value


def _printable(_form: Any, field: Field) -> None:
    if field.data and not field.data.isprintable():
        raise ValidationError(str(_("This holds characters that cannot be on a document.")))


def _needed(message: Any) -> DataRequired:
    return DataRequired(message=message)


class ClaimForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """The claim and the consent, as the start page asks for them."""

    id_type = SelectField(
        _("Document"),
        validators=[_needed(_("Please choose a document."))],
        render_kw={"autocomplete": "off"},
    )
    country = SelectField(
        _("Issued by"),
        validators=[_needed(_("Please choose the country that issued the document."))],
        description=_("The country on the document, which may not be where you live."),
        render_kw={"autocomplete": "off"},
    )
    real_name = StringField(
        _("Full name"),
        filters=[_stripped],
        validators=[
            _needed(_("Please enter your name.")),
            Length(max=200, message=_("At most 200 characters.")),
            _printable,
        ],
        description=_("All first and last names, as they are printed on the document."),
        render_kw={"autocomplete": "name"},
    )
    id_number = StringField(
        _("Document number"),
        filters=[_stripped],
        validators=[
            _needed(_("Please enter the number of the document.")),
            Length(max=64, message=_("At most 64 characters.")),
            _printable,
        ],
        description=_("As it is printed on the document."),
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    #: The papers whose number was doubted: sent once more, they are taken as they are.
    number_checked = HiddenField()
    location_country = SelectField(
        _("Where are you now?"),
        validators=[_needed(_("Please choose the country you are in."))],
        description=_("Which law protects your pictures depends on the country you are in."),
        render_kw={"autocomplete": "country-name"},
    )
    location_state = StringField(
        _("State or province"),
        filters=[_stripped],
        validators=[Length(max=100, message=_("At most 100 characters.")), _printable],
        description=_("Needed in the United States, Canada and Australia, for example IL."),
        render_kw={"autocomplete": "address-level1"},
    )
    consent = BooleanField(
        _(
            "I agree that pictures of my document and of my face are taken and checked to verify "
            "my identity."
        ),
        validators=[_needed(_("We need your consent before we can start."))],
    )
    submit = SubmitField(_("Verify identity"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: What is said beside the number, if it looks mistyped.
        self.number_hint: str | None = None
        empty = [("", str(_("Please choose")))]
        self.id_type.choices = empty + texts.id_types()
        known = list(countries.choices(i18n.language()))
        self.country.choices = empty + known
        self.location_country.choices = empty + known

    def offer(self, countries: Collection[str] | None, id_types: Collection[str] | None) -> None:
        """Show only papers that are taken here (``None``: all); what was sent is judged later."""
        for field, wanted in ((self.country, countries), (self.id_type, id_types)):
            if wanted is not None:
                known = [*(field.choices or ())]
                field.choices = [each for each in known if not each[0] or each[0] in wanted]

    def validate_location_state(self, field: Field) -> None:
        """Demand the state where the law differs by state."""
        if not field.data and self.location_country.data in STATE_REQUIRED:
            raise ValidationError(str(_("Please enter the state or province you are in.")))

    def fill(self, claim: Claim) -> None:
        """Put a known claim into the fields."""
        for name in _CLAIM_FIELDS:
            self[name].data = getattr(claim, name)

    def suggest(self, known: Mapping[str, str]) -> None:
        """Put what the host knows into the fields; the user may change it."""
        for name in _CLAIM_FIELDS:
            self[name].data = known.get(name) or self[name].data

    @property
    def states_a_claim(self) -> bool:
        """Whether the request brought any field of the claim."""
        return any(self[name].raw_data for name in _CLAIM_FIELDS)

    def doubts_number(self) -> bool:
        """Whether to ask for a second look at the number: once for the same papers, never again."""
        country, id_type, number = (
            self[name].data or "" for name in ("country", "id_type", "id_number")
        )
        if not id_numbers.looks_wrong(country, id_type, number):
            return False
        papers = f"{country} {id_type} {number}"
        is_new = self.number_checked.data != papers
        self.number_checked.data = papers
        self.number_hint = texts.number_hint(id_type, country)
        return is_new

    @property
    def has_bad_token(self) -> bool:
        """Whether the CSRF token was missing or too old."""
        return "csrf_token" in self.errors

    def claim(self) -> Claim:
        """Return the claim. Raises :class:`InvalidClaim` for what validation let through."""
        return Claim(**{name: self[name].data or "" for name in _CLAIM_FIELDS})

    def given_consent(self, address: str) -> Consent:
        """Return the consent, given now from *address*."""
        return Consent(
            ip=address,
            country=self.location_country.data or "",
            state=self.location_state.data,
            obtained_at=clock.now(),
            wording=runtime.current().settings.consent_wording,
        )

    def complain(self, name: str, message: str, *, of_consent: bool = False) -> None:
        """Tie an error that was found later to the field it is about."""
        field = self._fields.get(_CONSENT_FIELDS.get(name, "consent") if of_consent else name)
        if field is not None:
            field.errors = [*field.errors, message]


class CancelForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Nothing but the CSRF token."""
