"""How things are set up: provider types, providers, applications, links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from .. import runtime
from ..errors import ConfigurationError, NotFound
from ..models import Application, Link, Provider, Verification
from ..phrases import phrase
from ..service.sessions import session
from ..types import Option
from .keyset import CappedCount, capped, counts
from .rows import counted, number, one
from .usage import Usage, usage_today


@dataclass(frozen=True)
class ProviderType:
    """What a form says of one provider type.

    :ivar options: the type's own settings, from which form fields are made.
    """

    name: str
    summary: str
    endpoint_example: str
    options: tuple[Option, ...]
    needs_consent: bool


@dataclass(frozen=True)
class ProviderUse:
    """A provider with what refers to it, and how often its vendor was called today."""

    provider: Provider
    links: int
    verifications: CappedCount
    today: Usage


@dataclass(frozen=True)
class SetupNumbers:
    """How much is set up; *usable* is what is enabled on every level."""

    providers: int
    links: int
    usable_links: int


def provider_types() -> list[ProviderType]:
    """Return every provider type that can be configured; a broken package is left out."""
    registry = runtime.current().registry
    found = []
    for name in registry.types():
        try:
            adapter = registry.get(name)
        except ConfigurationError:
            continue
        found.append(
            ProviderType(
                name=name,
                summary=adapter.summary,
                endpoint_example=adapter.endpoint_example,
                options=adapter.options,
                needs_consent=adapter.needs_consent,
            )
        )
    return found


def provider_type(name: str) -> ProviderType:
    """Return one provider type. Raises :class:`NotFound`."""
    for kind in provider_types():
        if kind.name == name:
            return kind
    raise NotFound(
        phrase("No installed package speaks the provider type %(name)s.", name=repr(name))
    )


def providers() -> list[ProviderUse]:
    """Return all providers by name, with how often they are used."""
    links = counted(Link.provider_id)
    rows = provider_rows()
    verifications = counts(*(capped(Verification.provider_id == row.id) for row in rows))
    today = usage_today()
    return [
        ProviderUse(row, links.get(row.id, 0), count, today.get(row.id, Usage(1)))
        for row, count in zip(rows, verifications, strict=True)
    ]


def provider_rows() -> Sequence[Provider]:
    """Return all providers by name."""
    found: Sequence[Provider] = session().scalars(select(Provider).order_by(Provider.name)).all()
    return found


def provider(provider_id: str) -> Provider:
    """Return one provider. Raises :class:`NotFound`."""
    return one(Provider, provider_id)


def applications() -> list[Application]:
    """Return all applications by name, their links and providers loaded."""
    query = (
        select(Application)
        .options(selectinload(Application.links).joinedload(Link.provider))
        .order_by(Application.name)
    )
    return list(session().scalars(query))


def application_rows() -> Sequence[Application]:
    """Return all applications by name, without their links."""
    query = select(Application).order_by(Application.name)
    found: Sequence[Application] = session().scalars(query).all()
    return found


def application(application_id: str) -> Application:
    """Return one application. Raises :class:`NotFound`."""
    return one(Application, application_id)


def link(application_id: str, link_id: str) -> Link:
    """Return one link of one application. Raises :class:`NotFound`."""
    row = one(Link, link_id)
    if row.application_id != application_id:
        raise NotFound(phrase("This application has no such link."))
    return row


def default_checks(provider: Provider) -> frozenset[str]:
    """Return what a provider is set up to check; nothing when its package is missing."""
    try:
        return runtime.current().vendors.default_checks(provider)
    except ConfigurationError:
        return frozenset()


def linkable(row: Application) -> list[Provider]:
    """Return the providers that are not linked to an application yet."""
    linked = {each.provider_id for each in row.links}
    return [each for each in provider_rows() if each.id not in linked]


def is_linked(provider: Provider) -> bool:
    """Whether any application uses a provider."""
    found = session().scalar(select(Link.id).where(Link.provider_id == provider.id).limit(1))
    return found is not None


def ailing_providers() -> list[Provider]:
    """Return the enabled, linked providers that the vendor refuses or that are left alone now."""
    rows = session().scalars(
        select(Provider)
        .where(Provider.enabled.is_(True), Provider.id.in_(select(Link.provider_id)))
        .order_by(Provider.name)
    )
    return [row for row in rows if row.trouble or row.is_backed_off]


def setup_numbers() -> SetupNumbers:
    """Return what the overview warns about when it is nought."""
    usable = (
        select(func.count())
        .select_from(Link)
        .join(Provider)
        .where(Link.enabled.is_(True), Provider.enabled.is_(True))
    )
    return SetupNumbers(
        providers=number(select(func.count()).select_from(Provider)),
        links=number(select(func.count()).select_from(Link)),
        usable_links=number(usable),
    )
