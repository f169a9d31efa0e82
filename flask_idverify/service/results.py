"""Asking the vendor how an attempt stands; what a result means, ``applying`` writes down."""

from __future__ import annotations

from sqlalchemy import update

from .. import clock, runtime
from ..engines import retrying
from ..errors import (
    ConfigurationError,
    IDVerifyError,
    VendorBackedOff,
    VendorError,
    VendorProtocolError,
    VendorRecordMissing,
    VendorUnavailable,
)
from ..models import Verification
from ..phrases import phrase
from ..policy import Policy
from ..states import Status
from ..types import Callback, FetchRequest, Outcome
from .announcing import announce
from .applying import apply_outcome
from .asking import asking
from .missing import note_found, note_missing
from .polling import claim_fetch, give_back, give_up, put_off, schedule_next
from .schedule import SHORTEST_GAP
from .sessions import require_clean
from .sessions import session as current_session

#: Statuses in which the vendor is still worth asking: unfinished ones, those that a late decision
#: may still change, and decisions, which a vendor sometimes takes back.
ASKABLE = frozenset(Status) - {Status.canceled, Status.error}


def refresh(
    verification: Verification, *, hint: Callback | None = None, patient: bool = True
) -> Verification:
    """Ask the vendor how *verification* stands and apply the answer. Returns the same row, fresh.

    ``db.session`` is committed. A canceled or failed attempt is returned as it is.

    :param hint: a callback's content; supplies the vendor's id if the start's answer was lost.
    :param patient: repeat what the vendor answers with an error; not while a page waits.
    :raises VendorError: the vendor could not be asked; nothing has changed, a poll is scheduled.
    :raises VendorBackedOff: nobody asks it before its rate limit lets us; nothing was sent.
    """
    session = require_clean()
    session.refresh(verification)
    reference = verification.vendor_reference or (hint and hint.vendor_reference)
    over = verification.status not in ASKABLE or verification.erased_at is not None
    if over or not reference:
        # Without a reference it may be opened at this moment: its poll is not ours to take away.
        (give_up if over else give_back)(verification)
        return verification
    policy = Policy.from_dict(verification.policy)
    provider = verification.provider
    required = policy.required_capabilities
    if required is None:
        required = runtime.current().vendors.default_checks(provider)
    request = FetchRequest(
        vendor_reference=reference,
        account_id=verification.account_id or (hint.account_id if hint else None),
        facts=verification.facts,
        required_checks=required,
        patient=patient,
    )
    adopted = verification.vendor_reference is None
    identifier, was_missing = verification.id, verification.missing_since is not None
    try:
        with asking(provider) as adapter:
            outcome = adapter.fetch(request)
        _require_ours(verification, outcome, adopted=adopted)
    except VendorBackedOff:
        give_back(verification)
        raise
    except VendorError as error:
        if isinstance(error, VendorRecordMissing) and not adopted:
            note_missing(verification, error)
            announce()
        else:
            _postpone(verification, error)
        raise
    if was_missing:
        note_found(identifier)
    if adopted:
        _adopt(verification, request)
    apply_outcome(verification, outcome, policy, required)
    announce()
    return verification


def refresh_if_due(verification: Verification) -> Verification:
    """Ask the vendor if somebody's look is worth a request: at most one in ten seconds, by one.

    Trouble with the vendor or the provider's setup is not the onlooker's: it is kept for the
    admin, and the row is returned as it stands.
    """
    if verification.status.is_final or not claim_fetch(verification):
        return verification
    try:
        return refresh(verification, patient=False)
    except VendorError:
        return verification
    except (IDVerifyError, ConfigurationError) as error:
        current_session().rollback()
        put_off(verification, str(error), until=clock.now() + SHORTEST_GAP)
        return verification


def _require_ours(verification: Verification, outcome: Outcome, *, adopted: bool) -> None:
    """Refuse a record that is not about this attempt: the echo must be our own reference."""
    echo = outcome.reference
    if echo == verification.reference or (echo is None and not adopted):
        return
    if echo is None:
        raise VendorUnavailable(
            phrase("The vendor's record does not carry our reference yet; it is asked again later.")
        )
    raise VendorProtocolError(
        phrase(
            "The vendor's record carries another reference than this verification's; it "
            "was not applied. If one vendor account serves several installations, this "
            "one's reference was mixed up."
        )
    )


@retrying
def _adopt(verification: Verification, request: FetchRequest) -> None:
    session = require_clean()
    session.execute(
        update(Verification)
        .where(
            Verification.id == verification.id,
            Verification.vendor_reference.is_(None),
            Verification.erased_at.is_(None),
        )
        .values(vendor_reference=request.vendor_reference, account_id=request.account_id)
        .execution_options(synchronize_session=False)
    )
    session.commit()


@retrying
def _postpone(verification: Verification, error: VendorError) -> None:
    """Keep the vendor's words for the admin, and ask again later."""
    session = require_clean()
    now = clock.now()
    session.execute(
        update(Verification)
        .where(Verification.id == verification.id, Verification.erased_at.is_(None))
        .values(vendor_message=f"{error} {error.detail}".strip(), leased_until=None, fetched_at=now)
        .execution_options(synchronize_session=False)
    )
    schedule_next(session, verification, now, error=error)
    session.commit()
