"""Lists that leave the admin pages as a whole: who took which, in the audit log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from .. import audit
from ..engines import retrying
from ..models import Provider
from .sessions import require_clean


@retrying
def note_list_export(
    filters: dict[str, Any], *, actor: str, provider_id: str | None = None
) -> None:
    """Audit that a list of verifications is handed out; commits, before the first row goes.

    It stands in the chain of every provider whose verifications may be in it: a chain of its own
    could be removed as a whole, and nothing would miss it.

    :param filters: what was asked for, without personal data.
    :param actor: who asked, e.g. ``admin:7``.
    :param provider_id: the list holds verifications of this provider alone.
    """
    session = require_clean()
    query = select(Provider.id).order_by(Provider.id)
    if provider_id is not None:
        query = query.where(Provider.id == provider_id)
    facts = {"filters": filters}
    providers = session.scalars(query).all()
    session.rollback()  # the first statement of a transaction is the one that writes
    for subject in providers:
        audit.append(session, subject, "verifications.exported", actor=actor, facts=facts)
    session.commit()
