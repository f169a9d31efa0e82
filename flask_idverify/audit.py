"""The append-only log: chained per subject by keyed digests, free of personal data.

A subject is a random uuid: an identity's ``subject``, or the id of a provider or application.
``audit_chain`` says what the chain is made of, ``audit_walk`` checks it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, insert, inspect, select, update

from . import clock, origin, runtime
from .audit_chain import EARLIER_HEAD, canonical, head_holds, head_mac, seal_head
from .audit_walk import verify, verify_all
from .errors import IDVerifyError, KeyUnavailable
from .models import AuditEntry, AuditHead, Identity

__all__ = ["SYSTEM", "VENDOR", "AuditIsAppendOnly", "append", "begin", "verify", "verify_all"]

SYSTEM = "system"
VENDOR = "vendor"


def begin(session: Any, subject: str) -> None:
    """Make the head of a new subject's chain, in the transaction that makes the subject.

    An UPDATE that finds no head takes a gap lock on MariaDB; two of them would deadlock.
    """
    sealed = seal_head(runtime.current().audit_macs, subject, 0, "")
    session.execute(insert(AuditHead).values(id=subject, sequence=0, mac=sealed))


def append(
    session: Any,
    subject: str,
    action: str,
    *,
    actor: str,
    facts: dict[str, Any] | None = None,
    note: str | None = None,
) -> None:
    """Add one entry within the caller's transaction.

    :param actor: ``system``, ``vendor``, ``user``, ``admin:<user id>``, or ``cli`` for somebody at
        a prompt who gave no name.
    :param facts: JSON without personal data.
    :param note: a person's own words; kept sealed, only their keyed digest is chained.
    """
    # Statements only, no unit of work: this also runs inside a host's flush.
    macs = runtime.current().audit_macs
    # The update comes first: it locks the head, so that writers of one chain follow each other.
    grown = session.execute(
        update(AuditHead)
        .where(AuditHead.id == subject)
        .values(sequence=AuditHead.sequence + 1)
        .execution_options(synchronize_session=False)
    )
    if grown.rowcount == 0:
        session.execute(insert(AuditHead).values(id=subject, sequence=1, mac=""))
    row = session.execute(
        select(AuditHead.sequence, AuditHead.mac).where(AuditHead.id == subject)
    ).one()
    entry = AuditEntry(
        subject=subject,
        sequence=row.sequence,
        at=clock.now(),
        actor=actor,
        origin=origin.current(),
        action=action,
        facts=dict(facts or {}),
        key_id=macs.current_id,
        previous_mac=head_mac(row.sequence - 1, row.mac),
        mac="",
    )
    if note is not None:
        entry.note = note
        entry.facts["note_digest"] = macs.mac(note.encode())
    if row.sequence == 1:
        # So that nobody can give one person the chain of another: a mac covers it.
        identity = session.scalar(select(Identity.id).where(Identity.subject == subject))
        if identity is not None:
            entry.facts["identity"] = identity
    try:
        whole = head_holds(macs, subject, row.sequence - 1, row.mac)
    except KeyUnavailable:
        # Nobody can tell now. Under the mac of this entry it waits for the key, unchanged.
        whole = True
        entry.facts[EARLIER_HEAD] = row.mac
    entry.mac = macs.mac(canonical(entry), entry.key_id)
    columns = inspect(AuditEntry).columns.keys()
    session.execute(insert(AuditEntry).values({name: getattr(entry, name) for name in columns}))
    # A head that somebody else wrote is never healed by writing on: it stays without a seal.
    held = seal_head(macs, subject, entry.sequence, entry.mac) if whole else entry.mac
    session.execute(
        update(AuditHead)
        .where(AuditHead.id == subject)
        .values(mac=held)
        .execution_options(synchronize_session=False)
    )


class AuditIsAppendOnly(IDVerifyError):
    """An audit entry would have been changed or deleted."""

    code = "audit_append_only"
    http_status = 500


def _refuse(*_: Any) -> None:
    raise AuditIsAppendOnly("Audit entries are never changed or deleted through the ORM.")


event.listen(AuditEntry, "before_update", _refuse)
event.listen(AuditEntry, "before_delete", _refuse)
