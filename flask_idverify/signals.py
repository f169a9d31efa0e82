"""Signals. They tell; their receivers' return values steer nothing.

Each is sent by the Flask app after the change is committed, with the row as keyword:

* ``verification_started(app, verification=…)``
* ``verification_updated(app, verification=…)``: the status changed
* ``identity_verified(app, identity=…, verification=…)``
* ``review_needed(app, verification=…)``: a person has to decide
* ``decision_reversed(app, verification=…)``: the vendor contradicts its earlier decision
* ``identity_erased(app, user_id=…, identity=…)``: erase what you copied; *user_id* is who it was
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal, Namespace
from flask import current_app

from . import runtime

log = logging.getLogger("flask_idverify")

_signals = Namespace()

verification_started = _signals.signal("verification-started")
verification_updated = _signals.signal("verification-updated")
identity_verified = _signals.signal("identity-verified")
review_needed = _signals.signal("review-needed")
decision_reversed = _signals.signal("decision-reversed")
identity_erased = _signals.signal("identity-erased")


def tell(signal: NamedSignal, **rows: Any) -> None:
    """Call every receiver; one that raises is logged and disturbs neither us nor the others."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's own idiom
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **rows)
        except Exception as error:  # noqa: BLE001 - a host's receiver may raise anything
            # Only the type: the text of a host's exception may hold personal data.
            log.error("A receiver of the signal %s raised %s.", signal.name, type(error).__name__)
            # Its half-done work must not be committed by whoever commits next.
            runtime.current().db.session.rollback()
