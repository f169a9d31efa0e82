"""The append-only log: chained per subject by keyed digests, free of personal data.

A subject is a random uuid: an identity's ``subject``, or the id of a provider or application.
Each entry's mac covers its content and the mac before it; the head row keeps the last one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import event, insert, inspect, select, update

from . import clock, origin, runtime
from .encryption import Macs
from .errors import AuditBroken, IDVerifyError
from .models import AuditEntry, AuditHead

SYSTEM = "system"
VENDOR = "vendor"


def begin(session: Any, subject: str) -> None:
    """Make the head of a new subject's chain, in the transaction that makes the subject.

    An UPDATE that finds no head takes a gap lock on MariaDB; two of them would deadlock.
    """
    session.execute(insert(AuditHead).values(id=subject, sequence=0, mac=""))


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

    :param actor: ``system``, ``vendor``, ``user`` or ``admin:<user id>``.
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
        previous_mac=row.mac,
        mac="",
    )
    if note is not None:
        entry.note = note
        entry.facts["note_digest"] = macs.mac(note.encode())
    entry.mac = macs.mac(_canonical(entry), entry.key_id)
    columns = inspect(AuditEntry).columns.keys()
    session.execute(insert(AuditEntry).values({name: getattr(entry, name) for name in columns}))
    session.execute(
        update(AuditHead)
        .where(AuditHead.id == subject)
        .values(mac=entry.mac)
        .execution_options(synchronize_session=False)
    )


def verify(session: Any, subject: str) -> int:
    """Check one subject's chain and return its length.

    :raises AuditBroken: naming the first entry that was changed, removed, inserted or reordered.
    """
    macs = runtime.current().audit_macs
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject == subject)
        .order_by(AuditEntry.sequence)
        .execution_options(populate_existing=True)
    )
    last, count = _walk(entries, macs)
    head = session.get(AuditHead, subject, populate_existing=True)
    if head is None and count == 0:
        return 0
    if head is None or (head.sequence, head.mac) != (count, last):
        raise AuditBroken(f"Audit of {subject}: entries after number {count} were removed.")
    return count


def _walk(entries: Iterable[AuditEntry], macs: Macs) -> tuple[str, int]:
    previous, count = "", 0
    for entry in entries:
        count += 1
        where = f"Audit of {entry.subject}, entry {entry.sequence}"
        if entry.sequence != count:
            raise AuditBroken(f"{where}: entry {count} is missing.")
        if entry.previous_mac != previous:
            raise AuditBroken(f"{where}: it does not follow the entry before it.")
        if not macs.matches(_canonical(entry), entry.mac, entry.key_id):
            raise AuditBroken(f"{where}: its content was changed.")
        previous = entry.mac
    return previous, count


def _canonical(entry: AuditEntry) -> bytes:
    content = [
        entry.id,
        entry.subject,
        entry.sequence,
        _moment(entry.at),
        entry.actor,
        entry.origin,
        entry.action,
        entry.facts,
        entry.key_id,
        entry.previous_mac,
    ]
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _moment(value: datetime) -> str:
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds")


class AuditIsAppendOnly(IDVerifyError):
    """An audit entry would have been changed or deleted."""

    code = "audit_append_only"
    http_status = 500


def _refuse(*_: Any) -> None:
    raise AuditIsAppendOnly("Audit entries are never changed or deleted through the ORM.")


event.listen(AuditEntry, "before_update", _refuse)
event.listen(AuditEntry, "before_delete", _refuse)
