"""What makes entries of the audit log a chain: the digests, and following them.

An entry's mac covers its content, its number and the mac before it. The head of a chain holds the
last mac and a seal of its own: whoever cuts entries off cannot write a head that fits the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import datetime, timezone
from typing import Any

from .encryption import Macs
from .errors import IDVerifyError, KeyUnavailable

#: The fact in which an entry keeps the head before it, when nobody could check that one's seal.
EARLIER_HEAD = "earlier_head"
#: Facts that serve the checking of a chain; they tell people nothing.
FOR_CHECKING = frozenset({EARLIER_HEAD, "identity", "note_digest"})
_MAC = 64
#: So many chains are named that need the same key.
_OTHERS = 10
#: 90 bits; nobody without the key can try them out. With it fits what a head can hold.
_SEAL = 15


class AuditUnchecked(KeyUnavailable):
    """A chain cannot be checked: a key is missing, or somebody wrote the name of one.

    :param made: what was made with it, as in "entry 3 was made".
    """

    def __init__(
        self,
        subject: str,
        made: str,
        key_id: str,
        setting: str = "IDVERIFY_AUDIT_KEYS",
    ) -> None:
        super().__init__(
            f"Audit of {subject}: {made} with key {key_id!r}, which is not configured in "
            f"{setting}, or was altered. Put that key back at the end of the list to tell which."
        )
        self.subject, self.key_id, self.setting = subject, key_id, setting


class MissingKeys:
    """The keys that are missing, once each, however many chains need them."""

    def __init__(self) -> None:
        self._needed: dict[tuple[str, str], list[AuditUnchecked]] = {}

    def take(self, error: IDVerifyError) -> bool:
        """Remember what a chain lacks; ``False``: it lacks no key."""
        if not isinstance(error, AuditUnchecked):
            return False
        self._needed.setdefault((error.setting, error.key_id), []).append(error)
        return True

    def told(self) -> list[str]:
        """Return a sentence of each key."""
        return [
            f"{len(errors)} chain(s) cannot be checked. {errors[0]}"
            + (
                f" The same in: {', '.join(error.subject for error in errors[1:_OTHERS])}"
                * (len(errors) > 1)
            )
            + "…" * (len(errors) > _OTHERS)
            for errors in self._needed.values()
        ]


def canonical(entry: Any, sequence: int | None = None) -> bytes:
    """Return what the mac of *entry* is made of.

    :param sequence: as if it stood at this number.
    """
    content = [
        entry.id,
        entry.subject,
        entry.sequence if sequence is None else sequence,
        moment(entry.at),
        entry.actor,
        entry.origin,
        entry.action,
        entry.facts,
        entry.key_id,
        entry.previous_mac,
    ]
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def moment(value: datetime) -> str:
    """Return a time as the log writes it."""
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds")


def seal_head(macs: Macs, subject: str, sequence: int, mac: str) -> str:
    """Return what the head of a chain holds: the last mac, and who sealed that it is the last."""
    return f"{mac}{macs.current_id}:{_seal(macs, macs.current_id, subject, sequence, mac)}"


def head_mac(sequence: int, held: str) -> str:
    """Return the last mac out of what a head holds; a chain without entries has none."""
    return held[:_MAC] if sequence else ""


def head_key(sequence: int, held: str) -> str:
    """Return the id of the key that sealed a head; empty when nobody did."""
    return held[len(head_mac(sequence, held)) :].partition(":")[0]


def head_holds(macs: Macs, subject: str, sequence: int, held: str) -> bool:
    """Whether somebody with the key wrote this head.

    :raises KeyUnavailable: the key that it names is not configured.
    """
    mac, key_id = head_mac(sequence, held), head_key(sequence, held)
    if not key_id:
        return False
    expected = f"{mac}{key_id}:{_seal(macs, key_id, subject, sequence, mac)}"
    return hmac.compare_digest(expected.encode(), held.encode())


def _seal(macs: Macs, key_id: str, subject: str, sequence: int, mac: str) -> str:
    digest = macs.mac(f"head|{subject}|{sequence}|{mac}".encode(), key_id)
    short = hashlib.sha256(bytes.fromhex(digest)).digest()
    return urlsafe_b64encode(short).decode()[:_SEAL]


class Chain:
    """Follows the entries of one subject as they come, in order, until one does not fit.

    :param head: number of the last entry as the head says, and what the head holds; ``None`` when
        there is no head.
    """

    def __init__(self, macs: Macs, subject: str, head: tuple[int, str] | None) -> None:
        self._macs = macs
        self.subject = subject
        self.head = head
        self.count = 0
        self.last = ""
        self._at_head = ""
        self._key = ""
        #: Whether the head that the last entry took over, unchecked, was a true one.
        self.bridged = True
        #: Why the rest of the chain was not followed.
        self.error: IDVerifyError | None = None

    def fits(self, entry: Any) -> bool:
        """Whether *entry* is the next one, unchanged; if so, it is taken as the last.

        :raises AuditUnchecked: the key of its mac is not configured.
        """
        if (entry.sequence, entry.previous_mac) != (self.count + 1, self.last):
            return False
        self._need(entry.key_id, f"entry {entry.sequence} was made")
        if not self._macs.matches(canonical(entry), entry.mac, entry.key_id):
            return False
        self.bridged = self._bridges(entry)
        self.count, self.last, self._key = entry.sequence, entry.mac, entry.key_id
        if self.head is not None and self.count == self.head[0]:
            self._at_head = entry.mac
        return True

    def _bridges(self, entry: Any) -> bool:
        held = entry.facts.get(EARLIER_HEAD)
        if held is None:
            return True
        key_id = head_key(self.count, held)
        # Whoever writes an entry seals the head with the same key.
        if head_mac(self.count, held) != self.last or (self.count and key_id != self._key):
            return False
        self._need(key_id, f"the head before entry {entry.sequence} was made")
        return head_holds(self._macs, self.subject, self.count, held)

    def _need(self, key_id: str, made: str) -> None:
        if key_id and key_id not in self._macs.ids:
            raise AuditUnchecked(self.subject, made, key_id)

    def belongs_elsewhere(self, entry: Any) -> bool:
        """Whether *entry* is unchanged but for its number."""
        if entry.key_id not in self._macs.ids:
            return False
        most = max(self.head[0] if self.head else 0, self.count + 1)
        return any(
            self._macs.matches(canonical(entry, number), entry.mac, entry.key_id)
            for number in range(1, most + 1)
            if number != entry.sequence
        )

    def end(self) -> str | None:
        """Return what the head says against this being the whole chain, if anything.

        :raises AuditUnchecked: the key of its seal is not configured.
        """
        if self.head is None:
            return (
                f"its head was removed; entries after number {self.count} may have been removed too"
            )
        sequence, held = self.head
        if self.count < sequence:
            return f"entries after number {self.count} were removed; it had {sequence}"
        self._need(head_key(sequence, held), "its head was made")
        # More entries than the head says are news: they were written after it was read.
        whole = head_holds(self._macs, self.subject, sequence, held)
        if not whole or head_mac(sequence, held) != self._at_head:
            return (
                "its head was written by somebody without the key; entries after number "
                f"{self.count} may have been removed"
            )
        return None
