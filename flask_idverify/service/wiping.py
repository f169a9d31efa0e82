"""What erasure and retention have in common: personal data goes, what was decided stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update

from ..locking import permitted
from ..models import AuditEntry, CallbackRow, Identity, VendorAccount, Verification
from .owed import owe_vendor_erasure

#: What is personal of an attempt. Its reference and the digest of its callback key stay, so that
#: a late callback is recognised; both are random and say nothing.
_PERSONAL: dict[str, Any] = {
    "claim_sealed": None,
    "document_sealed": None,
    "consent_sealed": None,
    "redirect_url_sealed": None,
    "note_sealed": None,
    "vendor_message": None,
    "facts": {},
    "answer": {},
    "vendor_reference": None,
    "account_id": None,
    "related": [],
    # So that others, who cannot all be looked for, name nobody any more.
    "related_key": None,
    "next_poll_at": None,
    "leased_until": None,
}


def wipe_attempts(session: Any, *which: Any, now: datetime) -> int:
    """Take everything personal off attempts, once; say how many. The caller commits."""
    changed = session.execute(
        update(Verification)
        .where(Verification.erased_at.is_(None), *which)
        .values(**_PERSONAL, erased_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(changed.rowcount)


def drop_callbacks(session: Any, attempts: Collection[str]) -> int:
    """Delete the notifications about attempts; say how many. The caller commits."""
    gone = session.execute(
        delete(CallbackRow)
        .where(CallbackRow.verification_id.in_(attempts))
        .execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)


def count_callbacks(session: Any, attempt: str) -> int:
    """Return how many notifications about an attempt are stored."""
    of_it = select(func.count()).where(CallbackRow.verification_id == attempt)
    return int(session.scalar(of_it) or 0)


def notes_of(session: Any, subject: str, attempt: str | None = None) -> list[str]:
    """Return the audit entries that hold people's own words about a person, or one attempt."""
    rows = session.execute(
        select(AuditEntry.id, AuditEntry.facts).where(
            AuditEntry.subject == subject, AuditEntry.note_sealed.is_not(None)
        )
    )
    return [key for key, facts in rows if attempt in (None, facts.get("verification"))]


def drop_notes(session: Any, entries: Collection[str]) -> None:
    """Take the words off audit entries; the chain covers their digest only, and still holds."""
    if not entries:
        return
    with permitted():
        session.execute(
            update(AuditEntry)
            .where(AuditEntry.id.in_(entries))
            .values(note_sealed=None)
            .execution_options(synchronize_session=False)
        )


def accounts_of(session: Any, user_id: str) -> list[VendorAccount]:
    """Return the accounts that vendors keep of a user."""
    return list(session.scalars(select(VendorAccount).where(VendorAccount.user_id == user_id)))


def vendor_debts(
    attempts: Sequence[Verification], accounts: Sequence[VendorAccount]
) -> list[dict[str, str | None]]:
    """Return what vendors have to delete of a person: accounts where they keep some.

    Whoever deletes an account deletes all that stands in it.
    """
    known: dict[str, dict[str, None]] = {}
    for provider_id, account_id in (
        *((row.provider_id, row.account_id) for row in accounts),
        *((row.provider_id, row.account_id) for row in attempts),
    ):
        if account_id:
            known.setdefault(provider_id, {})[account_id] = None
    found: list[dict[str, str | None]] = [
        {"provider_id": provider_id, "account_id": account_id}
        for provider_id, ids in known.items()
        for account_id in ids
    ]
    found += [
        {"provider_id": row.provider_id, "vendor_reference": row.vendor_reference}
        for row in attempts
        if row.vendor_reference and row.provider_id not in known
    ]
    return found


def settle_accounts(
    session: Any, subject: str, attempts: Sequence[Verification], accounts: Sequence[VendorAccount]
) -> int:
    """Owe what vendors have to delete of a person, and forget their accounts; count the debts."""
    debts = vendor_debts(attempts, accounts)
    for debt in debts:
        owe_vendor_erasure(session, subject=subject, **debt)  # type: ignore[arg-type]  # has a provider
    if accounts:
        session.execute(
            delete(VendorAccount)
            .where(VendorAccount.id.in_([row.id for row in accounts]))
            .execution_options(synchronize_session=False)
        )
    return len(debts)


def kept_fingerprint(session: Any, identity: Identity) -> str | None:
    """Return the keyed digest of the papers if the policy keeps it against duplicates."""
    carrier = session.get(Verification, identity.verification_id or "")
    keeps = carrier is not None and carrier.policy.get("keep_fingerprint") is True
    return identity.number_fingerprint if keeps else None


def callbacks_of(session: Any, attempts: Collection[str]) -> int:
    """Return how many notifications about attempts are stored."""
    count = select(func.count()).where(CallbackRow.verification_id.in_(attempts))
    return int(session.scalar(count) or 0)
