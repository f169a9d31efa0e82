"""The provider's form: fixed fields, and those that its type declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from wtforms import (
    BooleanField,
    Field,
    Form,
    PasswordField,
    SelectField,
    StringField,
    SubmitField,
)
from wtforms.validators import (
    InputRequired,
    Length,
    NumberRange,
    Optional,
    StopValidation,
    ValidationError,
)

from ... import texts
from ...errors import InvalidProvider, NotFound
from ...i18n import gettext, lazy_gettext, translated
from ...models import Provider
from ...queries import ProviderType
from ...service import providers as accounts
from ...service.usage import MOST_CALLS
from ...types import Option
from .forms import AdminForm, NumberField, needed, options

#: Lazy texts, which the stubs of WTForms do not know.
_: Any = lazy_gettext


class ProviderForm(AdminForm):
    """What every provider has, whatever its type."""

    name = StringField(
        _("Name"),
        [needed(_("Please enter a name for this account.")), Length(max=100)],
        description=_("Your name for this account; users do not see it."),
        render_kw={"autocomplete": "off"},
    )
    type = SelectField(_("Type"), [needed(_("Please choose a type."))])
    # Not a save: shows the form again with the settings of the type chosen above.
    show_type = SubmitField(_("Show its settings"), render_kw={"formnovalidate": True})
    client_id = StringField(
        _("Client ID"),
        [needed(_("Please enter the client ID.")), Length(max=255)],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    # Browsers must neither fill in the admin's own password nor remember this one.
    client_secret = PasswordField(
        _("Client Secret"), [Length(max=255)], render_kw={"autocomplete": "new-password"}
    )
    endpoint = StringField(
        _("Endpoint"),
        [needed(_("Please enter the endpoint.")), Length(max=255)],
        render_kw={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"},
    )
    calls_per_day = NumberField(
        _("Calls per day"),
        [Optional(), NumberRange(1, MOST_CALLS)],
        description=_(
            "What your contract with the vendor allows; leave it empty if you do not know. The "
            "pages then show how much of it is used, and warn when four fifths are. It holds "
            "nothing back: calls stop only when the vendor itself refuses them (HTTP 429)."
        ),
    )
    # Shown only where the vendor has records that another account would not know.
    same_account = BooleanField(
        _("The same account at the vendor"),
        description=_(
            "Needed only to change the client ID or the endpoint: the vendor still knows every "
            "verification that was made. For another account, add another provider."
        ),
    )
    enabled = BooleanField(
        _("Enabled"), default=True, description=_("A disabled provider starts nothing new.")
    )

    #: Form field by option of the type; the two differ only where an option's name is taken.
    option_names: dict[str, str]

    #: The stored provider that the form changes; a new one has none.
    provider_id: str | None = None
    #: Whether the vendor has records of the stored provider's.
    has_records = False

    def validate_name(self, field: Field) -> None:
        """Refuse a taken name together with what is missing elsewhere."""
        try:
            taken = accounts.provider_named((field.data or "").strip())
        except NotFound:
            return
        if taken.id != self.provider_id:
            raise ValidationError(
                gettext("%(name)s is taken; choose another name.", name=taken.name)
            )

    def validate_endpoint(self, field: Field) -> None:
        """Refuse an endpoint that is not admitted together with what is missing elsewhere."""
        if self.type.errors:
            return  # which endpoints are admitted depends on the type
        try:
            accounts.clean_endpoint(self.type.data, field.data.strip())
        except InvalidProvider as error:
            raise ValidationError(texts.sentence(error.message)) from None

    @property
    def option_fields(self) -> list[Field]:
        """Return the type's own fields, in the order in which the type declares them."""
        return [self[name] for name in self.option_names.values()]

    def values(self) -> dict[str, Any]:
        """Return what the service functions take."""
        return {
            "name": self.name.data,
            "type": self.type.data,
            "client_id": self.client_id.data,
            "client_secret": self.client_secret.data or "",
            "endpoint": self.endpoint.data,
            "options": {
                option: self[name].data
                for option, name in self.option_names.items()
                if self[name].data not in (None, "")
            },
            "enabled": self.enabled.data,
            "calls_per_day": self.calls_per_day.data,
        }


def new_form(kinds: Sequence[ProviderType], kind: ProviderType) -> ProviderForm:
    """Return an empty form, or the posted one, for a new provider of type *kind*."""
    form = _made(kinds, kind)
    secret = needed(_("Please enter the client secret."))
    form.client_secret.validators = [secret, *form.client_secret.validators]
    form.client_secret.flags.required = True
    return form


def edit_form(
    kinds: Sequence[ProviderType],
    kind: ProviderType,
    provider: Provider,
    *,
    as_stored: bool = False,
) -> ProviderForm:
    """Return the form filled with a stored provider; its secret never is.

    :param kinds: the types that it may have.
    :param as_stored: ignore what was posted.
    """
    form = _made(kinds, kind, provider, **({"formdata": None} if as_stored else {}))
    form.client_secret.description = gettext("Stored and never shown. Leave empty to keep it.")
    form.has_records = accounts.has_records(provider)
    return form


def _made(
    kinds: Sequence[ProviderType],
    kind: ProviderType,
    provider: Provider | None = None,
    **settings: Any,
) -> ProviderForm:
    names = {
        option.name: f"option_{option.name}" if hasattr(ProviderForm, option.name) else option.name
        for option in kind.options
    }
    fields = {names[option.name]: _field(option) for option in kind.options}
    made = type("ProviderFormOfType", (ProviderForm,), {**fields, "option_names": names})
    stored: dict[str, Any] = {"type": kind.name}
    if provider is not None:
        for name in ("name", "client_id", "endpoint", "enabled", "calls_per_day"):
            stored[name] = getattr(provider, name)
        for option in kind.options:
            stored[names[option.name]] = provider.options.get(option.name, option.default)
    form: ProviderForm = made(data=stored, **settings)
    form.provider_id = provider.id if provider is not None else None
    form.type.choices = options((each.name, each.name) for each in kinds)
    form.type.description = translated(kind.summary)
    form.endpoint.description = gettext("For example %(url)s", url=kind.endpoint_example)
    return form


class _Preset:
    """A field that is never empty in a browser; what a request leaves out keeps its default."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def __call__(self, form: Form, field: Field) -> None:
        if not field.raw_data:
            raise StopValidation
        InputRequired()(form, field)


def _field(option: Option) -> Any:
    """Return the form field for one setting. What it may hold, the service checks again."""
    always = option.required or (option.kind == "choice" and option.default is not None)
    validators: list[Any] = [Optional()]
    if always:
        missing = gettext("Please fill in: %(label)s.", label=translated(option.label))
        validators = [needed(missing) if option.default is None else _Preset()]
    common: dict[str, Any] = {
        "description": texts.sentence(option.help),
        "default": option.default,
    }
    if option.kind == "choice":
        choices = [(value, translated(label)) for value, label in option.choices]
        if not always:
            choices.insert(0, ("", gettext("Not set")))
        return SelectField(translated(option.label), validators, choices=options(choices), **common)
    if option.kind == "integer":
        if option.limits:
            validators.append(NumberRange(*option.limits))
        return NumberField(translated(option.label), validators, **common)
    return StringField(
        translated(option.label), validators, render_kw={"autocomplete": "off"}, **common
    )
