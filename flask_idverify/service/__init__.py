"""The life of a verification: the only writer of verification and identity state.

Every function works on ``db.session`` of the current app. What :mod:`.providers` and
:mod:`.applications` offer flushes and leaves the commit to the caller; everything else commits
what it did.
"""

from .applications import application_named, link
from .callbacks import replay_callback, replay_failed
from .decisions import ask, cancel, decide
from .erasure import Erased, erase, would_erase
from .export import export
from .identities import (
    close,
    forget,
    identities_of,
    identity_for,
    identity_of,
    known_claim,
    reset,
    satisfies,
)
from .images import image, image_names
from .lists import note_audit_export, note_list_export
from .owed import owe_again, owe_all_again, owed_of
from .polling import claim_fetch, note_return
from .providers import add_provider, provider_named
from .results import refresh, refresh_if_due
from .resuming import is_being_started
from .retention import Purged, purge
from .start import start, start_or_resume, start_test
from .urls import callback_url, return_url

__all__ = [
    "Erased",
    "Purged",
    "add_provider",
    "application_named",
    "ask",
    "callback_url",
    "cancel",
    "claim_fetch",
    "close",
    "decide",
    "erase",
    "export",
    "forget",
    "identities_of",
    "identity_for",
    "identity_of",
    "image",
    "image_names",
    "is_being_started",
    "known_claim",
    "link",
    "note_audit_export",
    "note_list_export",
    "note_return",
    "owe_again",
    "owe_all_again",
    "owed_of",
    "provider_named",
    "purge",
    "refresh",
    "refresh_if_due",
    "replay_callback",
    "replay_failed",
    "reset",
    "return_url",
    "satisfies",
    "start",
    "start_or_resume",
    "start_test",
    "would_erase",
]
