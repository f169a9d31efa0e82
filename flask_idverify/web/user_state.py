"""In which of its states the start page is for a user: verified, unfinished, form …"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from .. import clock, service, texts
from ..errors import NotFound
from ..models import Application, Identity, Verification
from ..queries import own
from ..states import Status

#: By then a vendor has nearly always answered a start; the user has just pressed the button.
_ANSWERED = timedelta(seconds=30)
#: After this somebody who has not come back to us may be done all the same, e.g. on their phone.
_GRACE = timedelta(minutes=2)
#: How often a waiting page looks again: (younger than, seconds). Older ones do not by themselves.
_PACE = (
    (timedelta(minutes=2), 5),
    (timedelta(minutes=10), 15),
    (timedelta(hours=1), 60),
)


class State(str, Enum):
    """What the start page shows."""

    form = "form"
    step_up = "step_up"
    unfinished = "unfinished"
    verified = "verified"
    limit = "limit"
    unavailable = "unavailable"


@dataclass(frozen=True)
class Standpoint:
    """A user, an application, and what can be done now."""

    state: State
    application: Application | None = None
    identity: Identity | None = None
    attempt: Verification | None = None
    retry_at: datetime | None = None


def standpoint(user: Any, application_name: str | None) -> Standpoint:
    """Return where *user* stands with an application.

    :raises NotFound: a named application that does not exist.
    """
    identity = service.identity_of(user)
    try:
        application = service.application_named(application_name)
    except NotFound:
        if application_name is not None:
            raise
        return Standpoint(State.unavailable, None, identity)
    attempt = own.latest_attempt(identity, application) if identity else None
    here = Standpoint(State.form, application, identity, attempt)
    return _with_state(here, application)


def _with_state(here: Standpoint, application: Application) -> Standpoint:
    state, retry_at = State.form, None
    identity = here.identity
    if identity is not None and service.satisfies(identity, application):
        state = State.verified
    elif here.attempt is not None and is_open(here.attempt):
        state = State.unfinished
    elif not own.usable_links(application):
        state = State.unavailable
    elif identity is not None and (retry_at := own.retry_at(identity, application)):
        state = State.limit
    elif identity is not None and identity.is_verified and identity.claim is not None:
        state = State.step_up
    return Standpoint(state, application, identity, here.attempt, retry_at)


def is_open(attempt: Verification) -> bool:
    """Whether an attempt stands in the way of a new one."""
    if attempt.status is Status.created:
        return service.is_being_started(attempt)
    if attempt.status is Status.started:
        # One whose link is over is settled by the next start.
        return has_live_link(attempt)
    return not attempt.status.is_final


def has_live_link(attempt: Verification) -> bool:
    """Whether the vendor's page can still be opened."""
    expires = attempt.link_expires_at
    return attempt.status is Status.started and expires is not None and expires > clock.now()


def is_over(attempt: Verification) -> bool:
    """Whether the vendor's page was opened, or could have been, and cannot be any more."""
    return attempt.status is Status.started and not has_live_link(attempt)


def is_worth_asking(attempt: Verification) -> bool:
    """Whether the vendor may know more: the user came back, handed in, or has had the time to."""
    if attempt.status.is_final or attempt.status is Status.created:
        return False
    if attempt.status is not Status.started:
        return True
    if attempt.returned_at or attempt.captured_at or not has_live_link(attempt):
        return True
    return attempt.created_at < clock.now() - _GRACE


def is_waiting(attempt: Verification) -> bool:
    """Whether the user has done their part."""
    if attempt.status is Status.started:
        return bool(attempt.returned_at or attempt.captured_at)
    return attempt.status in (Status.processing, Status.in_review)


def is_with_the_user(attempt: Verification) -> bool:
    """Whether nothing is known to have been handed in yet."""
    return attempt.status in (Status.created, Status.started) and attempt.captured_at is None


def told(attempt: Verification, *, waiting: bool | None = None) -> texts.Told:
    """Return what the page of an attempt tells its user.

    :param waiting: whether they have done their part, where a page knows better than the row.
    """
    done = is_waiting(attempt) if waiting is None else waiting
    over = is_over(attempt) and not done
    return texts.told(attempt.status, attempt.reasons, waiting=done, over=over)


def seconds_to_next_look(attempt: Verification) -> int | None:
    """Return when a page that shows this attempt should look again, or ``None``: not by itself."""
    if attempt.status is Status.created:
        since = attempt.created_at
        if clock.now() - since < _ANSWERED:
            return 2
    elif is_waiting(attempt):
        since = attempt.captured_at or attempt.returned_at or attempt.created_at
    else:
        return None
    age = clock.now() - since
    return next((seconds for limit, seconds in _PACE if age < limit), None)
