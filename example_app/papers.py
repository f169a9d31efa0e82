"""A convenience of the demonstration: the simulated vendor sees the papers that the user claimed.

A real vendor sees what is held before the camera. Its stand-in shows everybody the same invented
passport unless told otherwise; we tell it, so that the first click ends well for any claim.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_idverify.models import Verification
from flask_idverify.sandbox import Sandbox
from flask_idverify.signals import verification_started

from .extensions import db
from .models import User

_TYPES = {"passport": "PASSPORT", "id_card": "ID_CARD", "driving_licence": "DRIVING_LICENSE"}


def prefill(app: Flask, sandbox: Sandbox) -> None:
    """Let *sandbox* print each claim on the papers of the verification that starts with it."""

    def plan(_app: Flask, verification: Verification, **_: Any) -> None:
        document = _papers(verification)
        if document and verification.vendor_reference:
            sandbox.plan(verification.vendor_reference, document=document)

    # Signals hold their receivers weakly; this one has nobody else who keeps it.
    verification_started.connect(plan, app, weak=False)


def _papers(verification: Verification) -> dict[str, str]:
    claim = verification.claim
    if claim is None:
        return {}
    first, _, last = claim.real_name.rpartition(" ")
    document = {
        "type": _TYPES[claim.id_type],
        "country": claim.country,
        "nationality": claim.country,
        "number": claim.id_number,
        "first_name": first.upper(),
        "last_name": last.upper(),
    }
    user = db.session.get(User, int(verification.user_id))
    if user is not None:
        document["date_of_birth"] = user.date_of_birth.isoformat()
    return document
