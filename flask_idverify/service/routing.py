"""Which link takes a claim, and whether the user may try once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from .. import clock, countries, runtime
from ..claims import Claim
from ..errors import AttemptLimitReached, ClaimNotAccepted, InvalidClaim, NoProvider
from ..models import Application, Link, Provider, Verification
from ..phrases import phrase
from ..policy import Conditions, Policy, admits
from ..states import UNCOUNTED, Reason
from .backoff import require_peace_over
from .providers import provider_named
from .sessions import session as current_session


def routes(application: Application, claim: Claim, provider: Provider | str | None) -> list[Link]:
    """Return the application's enabled links that admit the claim, in their order; at least one.

    :raises InvalidClaim: its country does not exist; no vendor need be asked for that.
    """
    if not countries.is_known(claim.country):
        raise InvalidClaim("country", phrase("is no country; expected ISO 3166-1 alpha-3, or XKX."))
    links = [link for link in application.links if link.enabled and link.provider.enabled]
    if provider is not None:
        wanted = provider_named(provider)
        links = [link for link in links if link.provider_id == wanted.id]
    if not links:
        raise NoProvider(
            phrase(
                "The application %(name)s has no enabled provider of that name: link one "
                "and enable it.",
                name=repr(application.name),
            )
            if provider is not None
            else phrase(
                "The application %(name)s has no enabled provider: link one and enable it.",
                name=repr(application.name),
            )
        )
    refusals = [_refusal(link, claim) for link in links]
    if found := [link for link, refusal in zip(links, refusals, strict=True) if refusal is None]:
        return found
    reason = (
        Reason.country_not_accepted
        if Reason.country_not_accepted in refusals
        else Reason.document_type_not_accepted
    )
    raise ClaimNotAccepted(
        phrase("No provider of this application accepts such a document."), reason=str(reason)
    )


def first_open(links: Sequence[Link]) -> Link:
    """Return the first link whose vendor may be asked now.

    :raises VendorBackedOff: all of them want peace; the error says for how long the first does.
    """
    for link in links:
        if not link.provider.is_backed_off:
            return link
    require_peace_over(min(filter(None, (link.provider.backed_off_until for link in links))))
    return links[0]  # it was over just now


def _refusal(link: Link, claim: Claim) -> Reason | None:
    conditions = Conditions.from_dict(link.conditions)
    if conditions.countries is not None and claim.country not in conditions.countries:
        return Reason.country_not_accepted
    if not conditions.admits(claim):
        return Reason.document_type_not_accepted
    return admits(Policy.from_dict(link.policy), claim)


def attempt_limit(policy: Policy) -> int:
    """Return how many attempts a user has in 24 hours under *policy*."""
    return policy.max_attempts or runtime.current().settings.max_attempts


def require_attempts_left(identity_id: str, limit: int) -> None:
    """Raise :class:`AttemptLimitReached` when the user has used their attempts up.

    Only reads. What it says holds for as long as nobody else records an attempt: see
    :func:`.attempts.record`.
    """
    session = current_session()
    since = clock.now() - timedelta(hours=24)
    made: Sequence[Any] = session.scalars(
        select(Verification.created_at)
        .where(
            Verification.identity_id == identity_id,
            Verification.created_at > since,
            Verification.is_test.is_(False),
            Verification.status.not_in(UNCOUNTED),
        )
        .order_by(Verification.created_at.desc())
        .limit(limit)
    ).all()
    if len(made) >= limit:
        raise AttemptLimitReached(
            phrase("The user has used up %(limit)s attempts in 24 hours.", limit=limit),
            retry_at=made[-1] + timedelta(hours=24),
        )
