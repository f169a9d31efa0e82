"""Signals. They tell; their receivers' return values steer nothing.

Each is sent by the Flask app after the change is committed, with the row as keyword. It is owed
(``service.announcing``) until all its receivers have returned, so that it may come twice:

* ``verification_started(app, verification=…)``
* ``verification_updated(app, verification=…)``: the status changed
* ``identity_verified(app, identity=…, verification=…)``
* ``review_needed(app, verification=…)``: a person has to decide
* ``decision_reversed(app, verification=…)``: the vendor contradicts its earlier decision
* ``identity_erased(app, user_id=…, identity=…)``: erase what you copied; also sent when retention
  has removed the last of it. *user_id* is who it was; of a deleted user it begins with ``closed:``
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal, Namespace
from flask import current_app

from . import runtime

log = logging.getLogger("flask_idverify")

_signals = Namespace()


def named(name: str) -> NamedSignal:
    """Return the signal of this name; one and the same for each name."""
    return _signals.signal(name)


verification_started = named("verification-started")
verification_updated = named("verification-updated")
identity_verified = named("identity-verified")
review_needed = named("review-needed")
decision_reversed = named("decision-reversed")
identity_erased = named("identity-erased")


def has_receivers(signal: NamedSignal) -> bool:
    """Whether anybody in the current app listens."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's own idiom
    return next(iter(signal.receivers_for(app)), None) is not None


def tell(signal: NamedSignal, **rows: Any) -> bool:
    """Call every receiver and say whether all returned; one that raises disturbs nobody else."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's own idiom
    returned = True
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **rows)
        except Exception as error:  # noqa: BLE001 - a host's receiver may raise anything
            returned = False
            # Only the type: the text of a host's exception may hold personal data.
            log.error("A receiver of the signal %s raised %s.", signal.name, type(error).__name__)
            # Its half-done work must not be committed by whoever commits next.
            runtime.current().db.session.rollback()
    return returned
