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
from .errors import IDVerifyError

_MAC = 64
#: 90 bits; nobody without the key can try them out. With it fits what a head can hold.
_SEAL = 15


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
        #: Why the rest of the chain was not followed.
        self.error: IDVerifyError | None = None

    def fits(self, entry: Any) -> bool:
        """Whether *entry* is the next one, unchanged; if so, it is taken as the last.

        :raises KeyUnavailable: the key of its mac is not configured.
        """
        if (entry.sequence, entry.previous_mac) != (self.count + 1, self.last):
            return False
        if not self._macs.matches(canonical(entry), entry.mac, entry.key_id):
            return False
        self.count, self.last = entry.sequence, entry.mac
        if self.head is not None and self.count == self.head[0]:
            self._at_head = entry.mac
        return True

    def belongs_elsewhere(self, entry: Any) -> bool:
        """Whether *entry* is unchanged but for its number."""
        most = max(self.head[0] if self.head else 0, self.count + 1)
        return any(
            self._macs.matches(canonical(entry, number), entry.mac, entry.key_id)
            for number in range(1, most + 1)
            if number != entry.sequence
        )

    def end(self) -> str | None:
        """Return what the head says against this being the whole chain, if anything.

        :raises KeyUnavailable: the key of its seal is not configured.
        """
        if self.head is None:
            return (
                f"its head was removed; entries after number {self.count} may have been removed too"
            )
        sequence, held = self.head
        if self.count < sequence:
            return f"entries after number {self.count} were removed; it had {sequence}"
        # More entries than the head says are news: they were written after it was read.
        whole = head_holds(self._macs, self.subject, sequence, held)
        if not whole or head_mac(sequence, held) != self._at_head:
            return (
                "its head was written by somebody without the key; entries after number "
                f"{self.count} may have been removed"
            )
        return None
