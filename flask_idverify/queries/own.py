"""What a user may know of themself: read for the user's pages and the JSON API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from .. import runtime
from ..errors import AttemptLimitReached, ConfigurationError
from ..models import Application, Identity, Link, Verification
from ..policy import Conditions, Policy
from ..service.routing import attempt_limit, require_attempts_left
from ..service.sessions import session
from .rows import Unsealer


def attempt(verification_id: str, identity: Identity | None = None) -> Verification | None:
    """Return an attempt by its id; with *identity* only if it is theirs."""
    row = session().get(Verification, verification_id)
    if row is None or (identity is not None and row.identity_id != identity.id):
        return None
    return row


def latest_attempt(identity: Identity, application: Application) -> Verification | None:
    """Return the user's unfinished attempt for *application*, or else their last one."""
    found: Verification | None = session().scalar(
        select(Verification)
        .where(
            Verification.identity_id == identity.id,
            Verification.application_id == application.id,
            Verification.is_test.is_(False),
        )
        .order_by(Verification.active_key.is_(None), Verification.created_at.desc())
        .limit(1)
    )
    return found


def last_location(identity: Identity) -> str | None:
    """Return the country in which the user gave their last consent, if it can still be read."""
    rows = session().scalars(
        select(Verification)
        .where(
            Verification.identity_id == identity.id,
            Verification.is_test.is_(False),
            Verification.consent_sealed.is_not(None),
        )
        .order_by(Verification.created_at.desc())
        .limit(1)
    )
    row = rows.first()
    given = Unsealer()(lambda: row.consent) if row is not None else None
    return given.country if given is not None else None


def retry_at(identity: Identity, application: Application) -> datetime | None:
    """Return when the user may try again, if they have used up what every provider allows."""
    moments = []
    for link in usable_links(application):
        try:
            require_attempts_left(identity.id, attempt_limit(Policy.from_dict(link.policy)))
        except AttemptLimitReached as reached:
            moments.append(reached.retry_at)
        else:
            return None
    return min(moments, default=None)


@dataclass(frozen=True)
class Checker:
    """Who takes and checks a user's pictures, and where it tells them what becomes of these."""

    name: str
    privacy_url: str


def checkers(application: Application) -> list[Checker]:
    """Return the vendors that a verification may go to, in the order of the links, each once."""
    registry = runtime.current().registry
    found: dict[Checker, None] = {}
    for link in usable_links(application):
        try:
            adapter = registry.get(link.provider.type)
        except ConfigurationError:
            continue  # its package is gone; nothing can start there either
        notice = adapter.privacy_notice(link.provider.options)
        found[Checker(adapter.vendor or adapter.type, notice)] = None
    return list(found)


@dataclass(frozen=True)
class Accepted:
    """Papers that some link of an application takes; ``None``: whatever there is.

    A kind from one link and a country from another may still be taken by none.
    """

    countries: frozenset[str] | None
    id_types: frozenset[str] | None


def accepted(application: Application) -> Accepted:
    """Return what papers are worth offering to a user."""
    rules = [
        (Conditions.from_dict(link.conditions), Policy.from_dict(link.policy))
        for link in usable_links(application)
    ]
    return Accepted(
        _any_of([_all_of(one.countries, other.countries) for one, other in rules]),
        _any_of([_all_of(one.id_types, other.id_types) for one, other in rules]),
    )


def _all_of(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _any_of(each: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [some for some in each if some is not None]
    return frozenset().union(*known) if known and len(known) == len(each) else None


def usable_links(application: Application) -> list[Link]:
    """Return the links that a verification can start through."""
    return [link for link in application.links if link.enabled and link.provider.enabled]
