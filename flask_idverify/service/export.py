"""All that is held of one person, for that person: as JSON values, and audited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select

from .. import audit, clock, runtime, texts
from ..audit_chain import FOR_CHECKING
from ..errors import DecryptionFailed, KeyUnavailable
from ..models import AuditEntry, CallbackRow, Identity, Verification
from . import wiping
from .erasure import SELF
from .legend import legend
from .owed import owed_of
from .sessions import require_clean

T = TypeVar("T")

_ABOUT = (
    "All that this website's identity verification holds of one person. Times are UTC. Left out "
    "are the free-text notes of administrators and the ids of other people's verifications, "
    "since both are about others too; ask the website's operator for them. What reads "
    "'unreadable' is stored encrypted under a key that is missing, or was damaged."
)
#: For readers who never saw a database.
_EXPLAINED = {
    "legend": "What the codes below mean, by the name of the field in which they stand.",
    "verifications": "Each attempt to check who you are: what you stated (claim), what was read "
    "from your document, when, and how it ended. 'told' is what you were shown.",
    "provider": "The vendor that checked the document for this website and took the pictures.",
    "pictures": "Pictures of the document and the face are kept by the vendor, not here. Ask this "
    "website's operator for them, or the vendor with the references given with each attempt.",
    "findings": "What the vendor's checks reported, in the vendor's words.",
    "policy": "What this website demanded at the time.",
    "number_fingerprint": "A digest of the document's number, made with a secret key. By it the "
    "same document is noticed on another account.",
    "callbacks": "Messages that the vendor sent about you, as they came.",
    "history": "What happened, when, and who did it.",
}
_ACTORS = {SELF: "you", audit.VENDOR: "the vendor", audit.SYSTEM: "the system"}
#: Of an audit entry: what proves a note that is left out, and what is about other people.
_LEFT_OUT = FOR_CHECKING | {"related"}


def export(identity: Identity, *, actor: str) -> dict[str, Any]:
    """Return all that is held of a person as JSON values; audited, and ``db.session`` committed.

    Administrators' notes are left out: a person has a right to them, but they may name others,
    which only a person can tell. Everything the vendor found is in it, also labels of fraud and
    of watchlists; whoever may not tell those (tipping off) has to look before handing it out.
    What cannot be decrypted is marked, and does not stop the rest.

    :param actor: ``admin:<user id>``, ``user`` when the person asks themself, or ``cli``.
    """
    session = require_clean()
    opened = _Opener()
    attempts = session.scalars(
        select(Verification)
        .where(Verification.identity_id == identity.id)
        .order_by(Verification.created_at, Verification.id)
    ).all()
    found: dict[str, Any] = {
        "about": _ABOUT,
        "explained": {**_EXPLAINED, "kept_for": _kept_for()},
        "legend": {},
        "exported_at": _moment(clock.now()),
        "identity": _identity(identity, opened),
        "verifications": [_attempt(session, row, opened) for row in attempts],
        "vendor_accounts": [
            {"provider_id": row.provider_id, "account_id": row.account_id}
            for row in wiping.accounts_of(session, identity.user_id)
        ],
        "owed_to_vendors": [
            {
                "what": row.kind,
                "since": _moment(row.created_at),
                "details": opened(lambda row=row: row.payload),  # type: ignore[misc]  # binds the loop variable
            }
            for row in owed_of(identity.subject)
        ],
        "history": _history(session, identity.subject),
    }
    found["legend"] = legend(found)
    found["complete"] = not opened.failed
    session.rollback()  # the first statement of a transaction is the one that writes
    facts = {"verifications": len(attempts), "complete": found["complete"]}
    audit.append(session, identity.subject, "identity.exported", actor=actor, facts=facts)
    session.commit()
    return found


def _kept_for() -> str:
    days = runtime.current().settings.retention_days
    if not days:
        return "No time is set: everything is kept until it is erased."
    listed = ", ".join(f"{name} {number}" for name, number in days)
    return f"Days after the end of an attempt, by how it ended: {listed}. Others: until erased."


class _Opener:
    """Opens sealed values; what does not open is marked in its place."""

    def __init__(self) -> None:
        self.failed = False

    def __call__(self, read: Callable[[], T | None]) -> T | dict[str, str] | None:
        try:
            return read()
        except (KeyUnavailable, DecryptionFailed) as error:
            self.failed = True
            return {"unreadable": error.code}

    def fields(self, read: Callable[[], Any]) -> Any:
        """Return a claim, document or consent field by field."""
        value: Any = self(read)
        return value.to_dict() if hasattr(value, "to_dict") else value


def _moment(value: datetime | None) -> str | None:
    return value.isoformat(timespec="seconds") if value is not None else None


def _identity(row: Identity, opened: _Opener) -> dict[str, Any]:
    return {
        "id": row.id,
        "user_id": row.user_id,
        "former_user_id": opened(lambda: row.former_user_id),
        "subject": row.subject,
        "standing": str(row.standing),
        "claim": opened.fields(lambda: row.claim),
        "document": opened.fields(lambda: row.document),
        "number_fingerprint": row.number_fingerprint,
        "verification_id": row.verification_id,
        "created_at": _moment(row.created_at),
        "updated_at": _moment(row.updated_at),
        "verified_at": _moment(row.verified_at),
        "expires_at": _moment(row.expires_at),
        "erased_at": _moment(row.erased_at),
    }


def _attempt(session: Any, row: Verification, opened: _Opener) -> dict[str, Any]:
    application = row.application
    moments = (
        *("created_at", "started_at", "returned_at", "captured_at", "fetched_at", "finished_at"),
        *("link_expires_at", "reversed_at", "erased_at"),
    )
    return {
        "id": row.id,
        "test": row.is_test,
        "application": application.name if application is not None else None,
        "provider": {"name": row.provider.name, "type": row.provider.type},
        "status": str(row.status),
        # Of an erased attempt nobody is told anything any more.
        "told": None if row.erased_at else str(texts.told(row.status, row.reasons)),
        "reasons": [
            {"code": code, "told": str(texts.reason(code).user)} for code in row.reasons or ()
        ],
        "decided_by": "an administrator" if row.decided_by else row.rule,
        "may_try_again": row.retryable,
        "checks_passed": list(row.checks or ()),
        "findings": [finding.get("label") for finding in row.findings or ()],
        "risk_score": row.risk,
        "policy": dict(row.policy or {}),
        "claim": opened.fields(lambda: row.claim),
        "document": opened.fields(lambda: row.document),
        "consent": opened.fields(lambda: row.consent),
        "our_reference": row.reference,
        "vendor_reference": row.vendor_reference,
        "vendor_account": row.account_id,
        "vendor_facts": dict(row.facts or {}),
        "vendor_answer": dict(row.answer or {}),
        "vendor_message": row.vendor_message,
        "vendor_page": opened(lambda: row.redirect_url),
        **{name: _moment(getattr(row, name)) for name in moments},
        "callbacks": _callbacks(session, row.id, opened),
    }


def _callbacks(session: Any, verification_id: str, opened: _Opener) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(CallbackRow)
        .where(CallbackRow.verification_id == verification_id)
        .order_by(CallbackRow.received_at)
    )
    found = []
    for row in rows:
        body = opened(lambda row=row: row.body)  # type: ignore[misc]  # binds the loop variable
        found.append(
            {
                "received_at": _moment(row.received_at),
                "content_type": row.content_type,
                "body": body.decode(errors="replace") if isinstance(body, bytes) else body,
            }
        )
    return found


def _history(session: Any, subject: str) -> list[dict[str, Any]]:
    entries = session.scalars(
        select(AuditEntry).where(AuditEntry.subject == subject).order_by(AuditEntry.sequence)
    )
    return [
        {
            "at": _moment(entry.at),
            "action": entry.action,
            "by": _ACTORS.get(entry.actor, "an administrator"),
            # An administrator's address is theirs.
            **({"from": entry.origin} if entry.actor == SELF else {}),
            "facts": {key: value for key, value in entry.facts.items() if key not in _LEFT_OUT},
        }
        for entry in entries
    ]
