"""Lists that leave the admin pages as a whole: who took which, in the audit log."""

from __future__ import annotations

from typing import Any

from .. import audit
from ..engines import retrying
from .sessions import require_clean

#: The log's subject of what is about no single person, provider or application.
LISTS = "lists"


@retrying
def note_list_export(filters: dict[str, Any], *, actor: str) -> None:
    """Audit that a list of verifications is handed out; commits, before the first row goes.

    :param filters: what was asked for, without personal data.
    :param actor: who asked, e.g. ``admin:7``.
    """
    session = require_clean()
    audit.append(session, LISTS, "verifications.exported", actor=actor, facts={"filters": filters})
    session.commit()
