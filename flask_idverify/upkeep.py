"""What falls due by itself: polls of the vendor, and endings of attempts that fell silent."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import and_, or_, select

from . import audit, clock, runtime
from .errors import ConfigurationError, IDVerifyError, VendorError
from .models import Verification
from .service.announcing import announce
from .service.polling import claim_fetch, put_off
from .service.results import refresh
from .service.sessions import drop_leftovers, require_clean
from .service.transitions import conclude
from .states import UNFINISHED, Reason, Status

log = logging.getLogger("flask_idverify")

_PUT_OFF = timedelta(hours=1)
_BATCH = 50
#: What the vendor still owes an outcome for.
UNDECIDED = UNFINISHED - {Status.in_review}
#: A ``created`` row this old lost its process; no capture page was ever shown.
_LOST = timedelta(hours=1)


def drain_polls() -> int:
    session = require_clean()
    now = clock.now()
    due = session.scalars(
        select(Verification)
        .where(
            Verification.next_poll_at <= now,
            or_(Verification.leased_until.is_(None), Verification.leased_until < now),
        )
        .order_by(Verification.next_poll_at)
        .limit(_BATCH)
    ).all()
    done = 0
    for verification in due:
        identifier = verification.id
        # Another worker may have read the same list and be further down it.
        if not claim_fetch(verification, after_gap=False, due=True):
            continue
        done += 1
        try:
            refresh(verification)
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
        drop_leftovers()
    session.rollback()
    return done


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
    done = 0
    for verification in rows:
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
        done += moved
    session.rollback()
    return done
