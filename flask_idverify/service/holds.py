"""Legal holds: the host says whose data must be kept; nothing that removes it gets around that."""

from __future__ import annotations

import logging

from .. import audit, runtime
from ..errors import DecryptionFailed, ErasureRefused, KeyUnavailable
from ..models import Identity
from ..phrases import phrase
from .sessions import require_clean

log = logging.getLogger("flask_idverify")


def held(identity: Identity) -> str | None:
    """Return why the host keeps this person's data, or ``None`` when it may go.

    Ends what ``db.session`` has open: the host's function reads what it likes. Of a deleted user it
    is asked with the id that they had. A function that fails holds too, and so does an id that
    cannot be read: what is gone cannot be brought back.
    """
    asked = runtime.current().settings.legal_hold
    if asked is None:
        return None
    session = require_clean()
    try:
        user_id = identity.former_user_id or identity.user_id
    except (KeyUnavailable, DecryptionFailed):
        return (
            "The id that this deleted user had cannot be decrypted, so that IDVERIFY_LEGAL_HOLD "
            "cannot be asked; add the missing key to IDVERIFY_ENCRYPTION_KEYS."
        )
    session.rollback()
    try:
        answer = asked(user_id)
    except Exception as error:  # noqa: BLE001 - a host's function may raise anything
        log.error("IDVERIFY_LEGAL_HOLD raised %s.", type(error).__name__)
        return f"IDVERIFY_LEGAL_HOLD raised {type(error).__name__}; mend it and try again."
    finally:
        session.rollback()  # whatever the host's function has read or left
    if not answer:
        return None
    return answer if isinstance(answer, str) else phrase("A legal hold lies on this person's data.")


def require_free(identity: Identity, step: str, *, actor: str, reason: str) -> None:
    """Refuse to remove what is held, and write that down.

    :param step: ``erasure`` or ``reset``.
    :raises ErasureRefused: with the host's words; audited, and committed.
    """
    hold = held(identity)
    if hold is None:
        return
    session = require_clean()
    audit.append(
        session,
        identity.subject,
        f"identity.{step}_refused",
        actor=actor,
        note=f"{reason.strip()} – {hold}".strip(" –"),
    )
    session.commit()
    if step == "erasure":
        raise ErasureRefused(phrase("Nothing was erased. %(hold)s", hold=hold))
    raise ErasureRefused(phrase("Nothing was reset. %(hold)s", hold=hold))
