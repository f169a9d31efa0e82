"""What falls due by itself: polls of the vendor, and endings of attempts that fell silent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile

from sqlalchemy import and_, or_, select

from . import audit, clock, runtime
from .errors import ConfigurationError, IDVerifyError, VendorError, VendorRecordMissing
from .leases import Tally, make_way, never
from .models import Verification
from .service.announcing import announce
from .service.backoff import not_backed_off
from .service.polling import claim_fetch, put_off
from .service.results import refresh
from .service.sessions import drop_leftovers, require_clean
from .service.singly import singly
from .service.transitions import conclude
from .states import UNFINISHED, Reason, Status

log = logging.getLogger("flask_idverify")

_PUT_OFF = timedelta(hours=1)
_BATCH = 50
#: What the vendor still owes an outcome for.
UNDECIDED = UNFINISHED - {Status.in_review}
#: A ``created`` row this old lost its process; no capture page was ever shown.
_LOST = timedelta(hours=1)


def drain_polls(until: Callable[[], bool] = never) -> Tally:
    """Ask the vendor about attempts whose poll is due.

    :param until: asked between two of them; true ends the work early.
    """
    make_way(Verification, Verification.next_poll_at, until)
    session = require_clean()
    now = clock.now()
    due = session.scalars(
        select(Verification)
        .where(
            Verification.next_poll_at <= now,
            or_(Verification.leased_until.is_(None), Verification.leased_until < now),
            not_backed_off(Verification.provider_id),
        )
        .order_by(Verification.next_poll_at)
        .limit(_BATCH)
    ).all()
    # Another worker may have read the same list and be further down it.
    tried = Tally.of(
        _poll(verification)
        for verification in takewhile(lambda _: not until(), due)
        if claim_fetch(verification, after_gap=False, due=True)
    )
    session.rollback()
    return tried


def _poll(verification: Verification) -> bool:
    """Ask about one attempt, and say whether that is done; whatever is wrong waits for later."""
    session, identifier = require_clean(), verification.id
    try:
        refresh(verification)
        return True
    except VendorRecordMissing:
        return True  # written down: it is asked about again, or has ended
    except VendorError:
        pass  # kept on the row for the admin, and the next poll is scheduled
    except (IDVerifyError, ConfigurationError) as error:
        # A lost key, an endpoint no longer admitted: it must not stand in the others' way.
        session.rollback()
        put_off(verification, str(error), until=clock.now() + _PUT_OFF)
    except Exception as error:  # noqa: BLE001 - nor must anything else
        session.rollback()
        problem = f"Internal error: {type(error).__name__}"
        log.error("Polling verification %s raised %s.", identifier, type(error).__name__)
        put_off(verification, problem, until=clock.now() + _PUT_OFF)
    finally:
        drop_leftovers()
    return False


def end_silent() -> int:
    """End attempts that nobody will finish: long after their link, or lost before it was made."""
    session = require_clean()
    now = clock.now()
    silent = timedelta(days=runtime.current().settings.end_after_days)
    rows = session.scalars(
        select(Verification)
        .where(
            Verification.status.in_(UNDECIDED),
            or_(
                Verification.link_expires_at < now - silent,
                and_(Verification.status == Status.created, Verification.created_at < now - _LOST),
                and_(
                    Verification.link_expires_at.is_(None), Verification.created_at < now - silent
                ),
            ),
        )
        .limit(_BATCH)
    ).all()
    done = singly(rows, _end)
    session.rollback()
    return done


def _end(verification: Verification) -> bool:
    session = require_clean()
    seen = verification.captured_at or verification.returned_at
    moved = conclude(
        session,
        verification,
        Status.expired,
        actor=audit.SYSTEM,
        reasons=[Reason.dropped_out if seen else Reason.not_started],
        retryable=True,
    )
    session.commit()
    announce()
    return moved
