"""Vendor accounts: add, change, delete, find. The caller commits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, or_, select, update

from .. import audit, runtime
from ..adapters.endpoints import check_endpoint
from ..encryption import digest_of_secret
from ..errors import InvalidProvider, NotFound
from ..models import (
    Application,
    CallbackRow,
    Link,
    OutboxRow,
    Provider,
    VendorAccount,
    Verification,
)
from ..phrases import phrase
from ..states import Status
from .backoff import forgive
from .named_rows import flush_unique, required
from .sessions import session
from .usage import clean_calls_per_day, forget_provider


def clean_endpoint(provider_type: str, endpoint: str) -> str:
    """Return *endpoint* normalised. Raises :class:`InvalidProvider` when it is not admitted."""
    app = runtime.current()
    return check_endpoint(
        endpoint,
        vendor_hosts=app.registry.get(provider_type).vendor_hosts,
        allowed=app.settings.allowed_endpoints,
        allow_sandbox=app.settings.allow_sandbox,
    )


def add_provider(
    *,
    name: str,
    type: str,  # noqa: A002 - the public name of the field
    client_id: str,
    client_secret: str,
    endpoint: str,
    options: Mapping[str, Any] | None = None,
    enabled: bool = True,
    calls_per_day: int | str | None = None,
    actor: str = audit.SYSTEM,
) -> Provider:
    """Store a vendor account and flush. The secret is encrypted at once.

    :param calls_per_day: what the contract with the vendor allows, if that is known.
    :raises InvalidProvider: naming the field that cannot be used.
    """
    key = secrets.token_urlsafe(24)
    provider = Provider(callback_key_digest=digest_of_secret(key), callback_key=key)
    provider.client_secret = required("client_secret", client_secret)
    _apply(
        provider,
        name=name,
        provider_type=type,
        client_id=client_id,
        endpoint=endpoint,
        options=options or {},
        enabled=enabled,
        calls_per_day=calls_per_day,
    )
    flush_unique(provider)
    audit.begin(session(), provider.id)
    audit.append(
        session(),
        provider.id,
        "provider.added",
        actor=actor,
        facts={"type": provider.type, "endpoint": provider.endpoint},
    )
    return provider


def change_provider(
    provider: Provider,
    *,
    name: str,
    type: str,  # noqa: A002 - the public name of the field
    client_id: str,
    client_secret: str | None,
    endpoint: str,
    options: Mapping[str, Any],
    enabled: bool,
    calls_per_day: int | str | None,
    actor: str,
    same_account: bool = False,
) -> Provider:
    """Change a provider and flush. An empty secret keeps the stored one.

    Saving forgets the vendor's last refusal: the next call tells whether it still holds.

    :param same_account: somebody has said that the new endpoint or client id leads to the account
        that knows what was begun; nobody else can tell.
    :raises InvalidProvider: naming the field that cannot be used.
    """
    before = {field: getattr(provider, field) for field in _NOTED}
    if type != provider.type and in_use(provider):
        raise InvalidProvider(
            "type",
            phrase(
                "cannot change any more: verifications were made with it. Add another provider."
            ),
        )
    moved = _moved(provider, type, client_id, endpoint)
    if moved is not None and not same_account:
        _hold(provider)
        if has_records(provider):
            raise InvalidProvider(moved, OTHER_ACCOUNT)
    _apply(
        provider,
        name=name,
        provider_type=type,
        client_id=client_id,
        endpoint=endpoint,
        options=options,
        enabled=enabled,
        calls_per_day=calls_per_day,
    )
    changed = [field for field, old in before.items() if getattr(provider, field) != old]
    if client_secret:
        provider.client_secret = client_secret
        changed.append("client_secret")
    forgive(provider, other_account=not {"type", "client_id", "endpoint"}.isdisjoint(changed))
    flush_unique(provider)
    facts: dict[str, Any] = {"changed": changed}
    if moved is not None and same_account:
        facts["same_account"] = True
    audit.append(session(), provider.id, "provider.changed", actor=actor, facts=facts)
    return provider


#: What the log names when it changes. Options are replaced as a whole, never changed in place.
_NOTED = ("type", "client_id", "endpoint", "enabled", "calls_per_day", "options")

#: To whoever would turn a provider into another account of the vendor's.
OTHER_ACCOUNT = phrase(
    "cannot change just so: the vendor has records of this account's verifications, and at another "
    "account it knows none of them. Running attempts would fail, and deletions would count as done "
    "that were never made. Add another provider for the other account and disable this one; or "
    "confirm that the same account is reached."
)


def _moved(provider: Provider, provider_type: str, client_id: str, endpoint: str) -> str | None:
    """Return the field that would lead to another account of the vendor's, if one would."""
    if provider_type not in runtime.current().registry.types():
        return None  # which is refused anyway
    if clean_endpoint(provider_type, required("endpoint", endpoint)) != provider.endpoint:
        return "endpoint"
    return "client_id" if required("client_id", client_id) != provider.client_id else None


def _hold(provider: Provider) -> None:
    """Let nobody record an attempt with the provider before the caller's transaction has ended.

    What is looked for afterwards is not overtaken: an attempt is there already, or it reads the
    provider as it will stand.
    """
    # Engines that lock no rows have one writer at a time, which this makes us.
    session().execute(
        update(Provider)
        .where(Provider.id == provider.id)
        .values(updated_at=Provider.updated_at)
        .execution_options(synchronize_session=False)
    )
    # An update that leaves the key alone lets foreign keys pass; this does not.
    session().execute(select(Provider.id).where(Provider.id == provider.id).with_for_update())


def has_records(provider: Provider) -> bool:
    """Whether the vendor's account knows, or may just be told of, what no other account does."""
    theirs = Verification.provider_id == provider.id, Verification.erased_at.is_(None)
    known = or_(
        Verification.vendor_reference.is_not(None),
        Verification.active_key.is_not(None),
        Verification.status == Status.created,  # a test has no such key
    )
    return any(
        session().scalar(query.limit(1)) is not None
        for query in (
            select(Verification.id).where(*theirs, known),
            select(VendorAccount.id).where(VendorAccount.provider_id == provider.id),
            select(OutboxRow.id).where(OutboxRow.provider_id == provider.id),
        )
    )


def _apply(
    provider: Provider,
    *,
    name: str,
    provider_type: str,
    client_id: str,
    endpoint: str,
    options: Mapping[str, Any],
    enabled: bool,
    calls_per_day: int | str | None,
) -> None:
    app = runtime.current()
    if provider_type not in app.registry.types():
        known = ", ".join(sorted(app.registry.types()))
        raise InvalidProvider("type", phrase("expected one of %(known)s.", known=known))
    cleaned = app.registry.get(provider_type).clean_options(options)
    normal = clean_endpoint(provider_type, required("endpoint", endpoint))
    allowed = clean_calls_per_day(calls_per_day)
    provider.name = required("name", name)
    if len(provider.name) > 100:
        raise InvalidProvider("name", phrase("is longer than 100 characters."))
    provider.type = provider_type
    provider.client_id = required("client_id", client_id)
    provider.endpoint = normal
    provider.options = cleaned
    provider.enabled = enabled
    provider.calls_per_day = allowed


def in_use(provider: Provider) -> bool:
    """Whether anything refers to the provider, so that it can only be disabled."""
    return _refers(
        provider,
        *(Verification.provider_id, Link.provider_id),
        *(OutboxRow.provider_id, VendorAccount.provider_id),
    )


def _refers(provider: Provider, *columns: Any) -> bool:
    """Whether one of *columns* names the provider anywhere."""
    return any(
        session().scalar(select(column).where(column == provider.id).limit(1)) is not None
        for column in columns
    )


def delete_provider(provider: Provider, *, actor: str) -> None:
    """Delete a provider that nothing refers to, and flush.

    Callbacks that matched nothing go with it.

    :raises InvalidProvider: it is linked or has verifications; disable it instead.
    """
    _hold(provider)
    owed = select(func.count()).where(OutboxRow.provider_id == provider.id)
    if session().scalar(owed):
        raise InvalidProvider(
            "name",
            phrase(
                "still owes deletions of personal data at the vendor and cannot be deleted "
                "before they are done. `flask idverify work` tries them; `flask idverify "
                "doctor` tells why they fail."
            ),
        )
    if in_use(provider):
        raise InvalidProvider("name", _what_holds(provider))
    audit.append(session(), provider.id, "provider.deleted", actor=actor)
    forget_provider(session(), provider.id)
    session().execute(
        delete(CallbackRow)
        .where(CallbackRow.provider_id == provider.id)
        .execution_options(synchronize_session=False)
    )
    session().delete(provider)
    session().flush()


def _what_holds(provider: Provider) -> str:
    """Say why a provider in use cannot be deleted; only links can be taken away."""
    linked = session().scalars(
        select(Application.name)
        .join(Link)
        .where(Link.provider_id == provider.id)
        .order_by(Application.name)
    )
    applications = ", ".join(linked)
    if not applications or _refers(provider, Verification.provider_id, VendorAccount.provider_id):
        return phrase("has verifications and cannot be deleted. Disable it instead.")
    return phrase(
        "is linked to %(applications)s and cannot be deleted before the link is removed. "
        "Disable it instead, or remove the link.",
        applications=applications,
    )


def provider_named(provider: Provider | str) -> Provider:
    """Return the row. Raises :class:`NotFound` for a name that does not exist."""
    if isinstance(provider, Provider):
        return provider
    known_by_name = select(Provider).where(Provider.name == provider)
    row = session().scalar(known_by_name) if provider.isprintable() else None
    if row is None:
        known = ", ".join(session().scalars(select(Provider.name).order_by(Provider.name)))
        raise NotFound(
            phrase(
                "There is no provider named %(provider)s; known are: %(known)s.",
                provider=repr(provider),
                known=known or "none",
            )
        )
    return row
