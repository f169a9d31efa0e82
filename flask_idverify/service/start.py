"""Starting a verification: route, record, ask the vendor, write down the answer."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from sqlalchemy import select

from .. import clock, runtime
from ..claims import Claim, Consent
from ..encryption import digest_of_secret
from ..errors import (
    AlreadyVerified,
    AttemptLimitReached,
    ConsentMissing,
    IdentityLocked,
    NoProvider,
    NotConfigured,
    VendorBusy,
    VendorError,
    VerificationInProgress,
)
from ..models import Application, Identity, Link, Provider, VendorAccount, Verification
from ..phrases import phrase
from ..policy import Policy
from ..states import Status
from ..types import StartRequest
from .applications import application_named
from .asking import asking
from .attempts import failed, opened, record
from .backoff import require_peace_over
from .identities import identity_for, satisfies, user_id_of
from .resuming import FAILED, active_key, resume
from .routing import attempt_limit, first_open, require_attempts_left, routes
from .sessions import require_clean
from .urls import callback_url, return_url

log = logging.getLogger("flask_idverify")


def start(
    user: Any,
    claim: Claim,
    consent: Consent | None = None,
    application: Application | str | None = None,
    provider: Provider | str | None = None,
    *,
    locale: str | None = None,
) -> Verification:
    """Start verifying *user*; the browser then goes to ``verification.redirect_url``.

    One vendor request is made (two when an OAuth token is needed first). If that meets the vendor's
    rate limit, its attempt ends in error and the next link is tried, once. ``db.session`` is
    committed around it. A second call with the same claim while the vendor's page is still open
    returns the same verification and asks the vendor nothing; while the first is still being
    answered, it waits two seconds for that.

    :raises PendingChanges: the host has uncommitted work in ``db.session``.
    :raises NotSignedIn: the user has no id.
    :raises AlreadyVerified: they satisfy this application already.
    :raises IdentityLocked: they are verified, and the claim differs from the locked one.
    :raises VerificationInProgress: an earlier attempt is not decided yet, has another claim, or
        is still being started by another request (its status is then ``created``).
    :raises AttemptLimitReached: too many attempts in 24 hours.
    :raises NoProvider: the application has no enabled provider.
    :raises ClaimNotAccepted: none of its providers takes such papers.
    :raises ConsentMissing: the provider needs consent.
    :raises VendorBackedOff: the vendors of all links that admit the claim have reached their rate
        limit; nothing was sent and nothing recorded.
    :raises VendorBusy: their limit was met just now; the attempt is kept as an error.
    :raises VendorError: the vendor could not be asked, or refused; the attempt is kept as an error.
    """
    found, _ = start_or_resume(user, claim, consent, application, provider, locale=locale)
    if found.status is Status.created:
        raise VerificationInProgress(phrase("This verification is being started."), found)
    return found


def start_or_resume(
    user: Any,
    claim: Claim,
    consent: Consent | None = None,
    application: Application | str | None = None,
    provider: Provider | str | None = None,
    *,
    locale: str | None = None,
) -> tuple[Verification, bool]:
    """Start as :func:`start` does; also say whether the attempt is a new one.

    One that another request is still starting, with the same claim, is returned as it is: its
    status is ``created``, and it has no ``redirect_url`` yet.
    """
    require_clean()
    user_id_of(user)
    if not isinstance(claim, Claim):
        raise TypeError("claim must be a flask_idverify.Claim")
    try:
        target = application_named(application)
        links = routes(target, claim, provider)
    except (NotConfigured, NoProvider) as error:
        # The user only reads "not available"; whoever runs the app should read why.
        log.warning("Nobody can start a verification: %s", error)
        raise
    identity = identity_for(user)
    _require_open(identity, target, claim)
    resumed = resume(identity, target, claim, links)
    if resumed is not None:
        return resumed, False
    # Looking for an attempt to resume may have found the result that nobody had told us.
    _require_open(identity, target, claim)
    link = first_open(links)
    try:
        try:
            return _try_link(identity, link, claim, consent, locale), True
        except VendorBusy:
            # It has started nothing there; who comes a moment later goes to the next link as well.
            others = [each for each in links if each.provider_id != link.provider_id]
            if not any(not each.provider.is_backed_off for each in others):
                raise
            return _try_link(identity, first_open(others), claim, consent, locale), True
    except (AttemptLimitReached, VerificationInProgress) as refused:
        # The other half of a double click may have been faster, and even have been the last
        # attempt that was left.
        resumed = resume(identity, target, claim, links)
        if resumed is not None:
            return resumed, False
        if isinstance(refused, AttemptLimitReached):
            raise
        raise VendorError(FAILED) from None


def _try_link(
    identity: Identity, link: Link, claim: Claim, consent: Consent | None, locale: str | None
) -> Verification:
    policy = Policy.from_dict(link.policy)
    # A friendly word early; what counts is the same question when the attempt is recorded.
    require_attempts_left(identity.id, attempt_limit(policy))
    return _launch(identity, link.application, link.provider, policy, claim, consent, locale)


def start_test(
    user: Any,
    claim: Claim,
    provider: Provider,
    consent: Consent | None = None,
    *,
    locale: str | None = None,
) -> Verification:
    """Start a test verification of *provider* with the admin's own claim.

    It is real and costs what a verification costs, but never verifies anybody.

    :raises VendorError: as :func:`start`.
    """
    require_clean()
    require_peace_over(provider.backed_off_until)
    identity = identity_for(user)
    return _launch(identity, None, provider, Policy(), claim, consent, locale)


def _require_open(identity: Identity, application: Application, claim: Claim) -> None:
    """Refuse a verified user, except for a stricter application with the same claim."""
    if not identity.is_verified:
        return
    if satisfies(identity, application):
        raise AlreadyVerified(
            phrase("This user is verified already; nothing was sent to the vendor.")
        )
    if identity.claim != claim:
        raise IdentityLocked(
            "The identity is verified and locked: a further verification must use the same claim."
        )


def _launch(  # noqa: PLR0917 - one caller per kind, named like the columns
    identity: Identity,
    application: Application | None,
    provider: Provider,
    policy: Policy,
    claim: Claim,
    consent: Consent | None,
    locale: str | None,
) -> Verification:
    adapter = runtime.current().vendors.adapter(provider)
    if adapter.needs_consent and consent is None:
        raise ConsentMissing(
            phrase(
                "This provider needs the user's consent (address, country, time) before it starts."
            )
        )
    if consent is not None and consent.obtained_at is None:
        raise ConsentMissing(
            phrase("Consent without the time it was given (obtained_at) is no proof.")
        )
    key = secrets.token_urlsafe(32)
    verification = Verification(
        user_id=identity.user_id,
        identity_id=identity.id,
        application_id=application.id if application else None,
        provider_id=provider.id,
        is_test=application is None,
        active_key=active_key(identity, application) if application else None,
        policy=policy.to_dict(),
        callback_key_digest=digest_of_secret(key),
        reference=secrets.token_urlsafe(18),
        created_at=clock.now(),
    )
    verification.claim = claim
    verification.consent = consent
    request = StartRequest(
        reference=verification.reference,
        user_reference=identity.id,
        callback_url=callback_url(provider, key),
        success_url=return_url(verification),
        error_url=return_url(verification),
        id_type=claim.id_type,
        country=claim.country,
        locale=locale,
        consent=consent,
        account_id=_known_account(identity, provider) if adapter.keeps_accounts else None,
    )
    # A test is an admin's, and never refused.
    limit = attempt_limit(policy) if application else None
    record(verification, identity, claim, limit=limit)
    try:
        with asking(provider) as adapter:
            started = adapter.start(request)
    except Exception as error:
        # Whatever it is (an adapter may come from anywhere), the user must be able to try again.
        failed(verification, error)
        raise
    opened(verification, started)
    return verification


def _known_account(identity: Identity, provider: Provider) -> str | None:
    found: str | None = require_clean().scalar(
        select(VendorAccount.account_id).where(
            VendorAccount.user_id == identity.user_id, VendorAccount.provider_id == provider.id
        )
    )
    return found
