"""Starting a verification: route, record, ask the vendor, write down the answer."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from .. import audit, clock, runtime
from ..claims import Claim, Consent
from ..encryption import digest_of_secret
from ..errors import (
    AlreadyVerified,
    ConfigurationError,
    ConsentMissing,
    IdentityLocked,
    IDVerifyError,
    NoProvider,
    NotConfigured,
    VerificationInProgress,
)
from ..models import Application, Identity, Link, Provider, VendorAccount, Verification
from ..policy import Policy
from ..states import Reason, Status
from ..types import StartRequest
from .announcing import announce
from .applications import application_named
from .attempts import failed, opened, record
from .identities import identity_for, satisfies, user_id_of
from .results import refresh
from .routing import attempt_limit, require_attempts_left, route
from .sessions import require_clean
from .transitions import conclude
from .urls import callback_url, return_url

log = logging.getLogger("flask_idverify")

#: Longer than any vendor call can take: such an attempt lost its process.
_CREATED_GRACE = timedelta(minutes=3)


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

    One vendor request is made (two when an OAuth token is needed first). ``db.session`` is
    committed around it. A second call while the vendor's page is still open returns the same
    verification and asks the vendor nothing.

    :raises PendingChanges: the host has uncommitted work in ``db.session``.
    :raises NotSignedIn: the user has no id.
    :raises AlreadyVerified: they satisfy this application already.
    :raises IdentityLocked: they are verified, and the claim differs from the locked one.
    :raises VerificationInProgress: an earlier attempt is not decided yet.
    :raises AttemptLimitReached: too many attempts in 24 hours.
    :raises NoProvider: the application has no enabled provider.
    :raises ClaimNotAccepted: none of its providers takes such papers.
    :raises ConsentMissing: the provider needs consent.
    :raises VendorError: the vendor could not be asked, or refused; the attempt is kept as an error.
    """
    require_clean()
    user_id_of(user)
    if not isinstance(claim, Claim):
        raise TypeError("claim must be a flask_idverify.Claim")
    try:
        target = application_named(application)
        link = route(target, claim, provider)
    except (NotConfigured, NoProvider) as error:
        # The user only reads "not available"; whoever runs the app should read why.
        log.warning("Nobody can start a verification: %s", error)
        raise
    identity = identity_for(user)
    policy = Policy.from_dict(link.policy)
    _require_open(identity, target, claim)
    resumed = _resume(identity, target, claim, link)
    if resumed is not None:
        return resumed
    # Looking for an attempt to resume may have found the result that nobody had told us.
    _require_open(identity, target, claim)
    # A friendly word early; what counts is the same question when the attempt is recorded.
    require_attempts_left(identity.id, attempt_limit(policy))
    return _launch(identity, target, link.provider, policy, claim, consent, locale)


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
    identity = identity_for(user)
    return _launch(identity, None, provider, Policy(), claim, consent, locale)


def _require_open(identity: Identity, application: Application, claim: Claim) -> None:
    """Refuse a verified user, except for a stricter application with the same claim."""
    if not identity.is_verified:
        return
    if satisfies(identity, application):
        raise AlreadyVerified("This user is verified already; nothing was sent to the vendor.")
    if identity.claim != claim:
        raise IdentityLocked(
            "The identity is verified and locked: a further verification must use the same claim."
        )


def _resume(
    identity: Identity, application: Application, claim: Claim, link: Link
) -> Verification | None:
    """Return the unfinished attempt if its page is still open; end it if it is over."""
    session = require_clean()
    key = _active_key(identity, application)
    found = session.scalar(select(Verification).where(Verification.active_key == key))
    if found is None:
        return None
    now = clock.now()
    if found.status is Status.created:
        if found.created_at > now - _CREATED_GRACE:
            raise VerificationInProgress("This verification is being started.", found)
        # Its process died between the call and the answer; a late callback may still find it.
        _end(found, Status.expired, Reason.not_started)
        return None
    if found.status is Status.started and found.link_expires_at and found.link_expires_at > now:
        if found.claim == claim and found.provider_id == link.provider_id:
            return found
        raise VerificationInProgress(
            "Another verification is open. Finish it, or cancel it to change the claim.", found
        )
    if found.status is Status.started:
        try:
            found = refresh(found)
        except (IDVerifyError, ConfigurationError):
            # Neither a vendor that is down nor a provider that is unusable may trap the user.
            session.rollback()
        if found.status is Status.started:
            _end(found, Status.expired, Reason.not_started)
    if found.status.is_final:
        return None
    raise VerificationInProgress("This verification is not decided yet.", found)


def _end(verification: Verification, status: Status, reason: Reason) -> None:
    session = require_clean()
    conclude(session, verification, status, actor=audit.SYSTEM, reasons=[reason], retryable=True)
    session.commit()
    announce()


def _active_key(identity: Identity, application: Application) -> str:
    return hashlib.sha256(f"{identity.id}/{application.id}".encode()).hexdigest()


def _launch(  # noqa: PLR0917 - one caller per kind, named like the columns
    identity: Identity,
    application: Application | None,
    provider: Provider,
    policy: Policy,
    claim: Claim,
    consent: Consent | None,
    locale: str | None,
) -> Verification:
    app = runtime.current()
    adapter = app.vendors.adapter(provider)
    if adapter.needs_consent and consent is None:
        raise ConsentMissing(
            "This provider needs the user's consent (address, country, time) before it starts."
        )
    if consent is not None and consent.obtained_at is None:
        raise ConsentMissing("Consent without the time it was given (obtained_at) is no proof.")
    key = secrets.token_urlsafe(32)
    verification = Verification(
        user_id=identity.user_id,
        identity_id=identity.id,
        application_id=application.id if application else None,
        provider_id=provider.id,
        is_test=application is None,
        active_key=_active_key(identity, application) if application else None,
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
    # From here to the answer no transaction is open.
    try:
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
