"""What a start finds that is under way already: gone on with, waited for, or ended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from .. import audit, clock
from ..claims import Claim
from ..errors import (
    ConfigurationError,
    IDVerifyError,
    VendorBusy,
    VendorError,
    VerificationInProgress,
)
from ..models import Application, Identity, Link, Verification
from ..phrases import phrase
from ..states import Reason, Status
from .announcing import announce
from .asking import longest_operation
from .results import refresh
from .sessions import require_clean
from .transitions import conclude

#: An attempt that is being started is left alone for so long at least.
_CREATED_GRACE = timedelta(minutes=3)
#: Seconds that the second half of a double click waits for the vendor's answer to the first, and
#: how often it looks: a vendor answers within one, and pages go on waiting by themselves.
PATIENCE = 2.0
_LOOK_EVERY = 0.1
#: Of an attempt that another request was starting.
FAILED = phrase(
    "The verification that was being started has ended a moment ago; the attempt says why."
)


def resume(
    identity: Identity, application: Application, claim: Claim, links: Sequence[Link]
) -> Verification | None:
    """Return the unfinished attempt if its page is open, or about to be; end it if it is over.

    :param links: all that may take the claim; the first of them may have changed meanwhile.
    """
    session = require_clean()
    key = active_key(identity, application)
    found = session.scalar(select(Verification).where(Verification.active_key == key))
    if found is None:
        return None
    same = found.claim == claim and found.provider_id in {link.provider_id for link in links}
    if found.status is Status.created:
        if not is_being_started(found):
            # Its process died between the call and the answer; a late callback may still find it.
            _end(found)
            return None
        if not same:
            raise VerificationInProgress(phrase("Another verification is being started."), found)
        _wait_for_the_vendor(session, found)
        if found.status is Status.created:
            return found
    if _has_open_page(found):
        if same:
            return found
        raise VerificationInProgress(
            phrase("Another verification is open. Finish it, or cancel it to change the claim."),
            found,
        )
    if found.status is Status.started:
        found = _settled(session, found)
    if found.status.is_final:
        return None
    raise VerificationInProgress(phrase("This verification is not decided yet."), found)


def is_being_started(verification: Verification) -> bool:
    """Whether the vendor may still be answering its start; if not, it lost its process."""
    grace = max(_CREATED_GRACE, longest_operation())
    return verification.status is Status.created and verification.created_at > clock.now() - grace


def _has_open_page(verification: Verification) -> bool:
    expires = verification.link_expires_at
    return verification.status is Status.started and expires is not None and expires > clock.now()


def _settled(session: Any, verification: Verification) -> Verification:
    """Ask for the result of an attempt whose page is over, and end it if there is none."""
    try:
        verification = refresh(verification, patient=False)
    except VendorBusy:
        # The vendor refused to say, so nobody knows: the result may be there, and was paid for.
        session.rollback()
        raise
    except (IDVerifyError, ConfigurationError):
        # Neither a vendor that is down nor a provider that is unusable may trap the user.
        session.rollback()
    if verification.status is Status.started:
        _end(verification)
    return verification


def _wait_for_the_vendor(session: Any, verification: Verification) -> None:
    """Give the request that is starting an attempt a moment to get its answer.

    :raises VendorError: it got none, or a bad one, or the user has canceled.
    """
    deadline = time.monotonic() + PATIENCE
    while verification.status is Status.created and time.monotonic() < deadline:
        session.rollback()
        time.sleep(_LOOK_EVERY)
        session.refresh(verification)
    if verification.status in (Status.error, Status.canceled):
        raise VendorError(FAILED)


def _end(verification: Verification) -> None:
    session = require_clean()
    conclude(
        session,
        verification,
        Status.expired,
        actor=audit.SYSTEM,
        reasons=[Reason.not_started],
        retryable=True,
    )
    session.commit()
    announce()


def active_key(identity: Identity, application: Application) -> str:
    """Return what only one unfinished attempt of a user for an application can bear."""
    return hashlib.sha256(f"{identity.id}/{application.id}".encode()).hexdigest()
