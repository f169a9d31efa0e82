"""What leaves the admin pages as a whole: who took which list or log, in the audit log itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from .. import audit
from ..engines import retrying
from ..models import Application, Provider
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
    subjects = session.scalars(query).all()
    _note(session, subjects, "verifications.exported", actor, {"filters": filters})


@retrying
def note_audit_export(facts: dict[str, Any], *, actor: str, subject: str | None = None) -> None:
    """Audit that the audit log is handed out; commits, before the first entry goes.

    It stands in the chain that is handed out, or if that is the whole log, in those of all
    providers, or where there is none, of all applications.

    :param facts: which part of it, and how.
    :param actor: who asked, e.g. ``admin:7``.
    :param subject: only this one's chain, which there is.
    """
    session = require_clean()
    subjects = [subject] if subject is not None else chains_of_all(session)
    _note(session, subjects, "audit.exported", actor, facts)


def chains_of_all(session: Any) -> list[str]:
    """Return in whose chains it stands what concerns no one subject.

    Those of all providers, or where there is none, of all applications.
    """
    found: list[str] = []
    for model in (Provider, Application):
        found = found or list(session.scalars(select(model.id).order_by(model.id)))
    return found


def _note(
    session: Any, subjects: Sequence[str], action: str, actor: str, facts: dict[str, Any]
) -> None:
    session.rollback()  # the first statement of a transaction is the one that writes
    for subject in subjects:
        audit.append(session, subject, action, actor=actor, facts=facts)
    session.commit()
