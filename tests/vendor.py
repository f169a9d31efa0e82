"""The sandbox as a test's stage hand: what the vendor's side does, and what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select

from flask_idverify import inbox
from flask_idverify.models import AuditEntry, CallbackRow, Verification
from flask_idverify.sandbox import SandboxServer
from flask_idverify.states import Status
from tests.hosts import Host

T = TypeVar("T")

V4 = "Jumio"
PLATFORM = "Jumio Platform"
GENERATIONS = [V4, PLATFORM]


@dataclass(frozen=True)
class Notification:
    """One callback as it would arrive at our door."""

    provider_key: str
    key: str
    body: bytes
    content_type: str

    def arrive(self, *, key: str | None = None, body: bytes | None = None) -> bool:
        """Hand it in at the inbox, as the callback view does; needs an app context."""
        return inbox.receive(
            self.provider_key,
            key or self.key,
            self.body if body is None else body,
            self.content_type,
        )

    def arrive_bare(self) -> bool:
        """Hand it in at the provider's own URL, which names no verification."""
        return inbox.receive(self.provider_key, None, self.body, self.content_type)


class Vendor:
    """A running sandbox that sends no callbacks by itself."""

    def __init__(self, server: SandboxServer) -> None:
        self.sandbox = server.sandbox
        self.url = server.url

    def reset(self) -> None:
        """Forget everything; callbacks stay off, for they would go to id.example.com."""
        self.sandbox.reset()
        self.sandbox.set_defaults(callbacks=False)

    def finish(
        self,
        verification: Verification,
        scenario: str = "approve",
        *,
        related: Sequence[str] | None = None,
        **paper: str,
    ) -> None:
        """Let the user go through the vendor's page; *related* attempts show the same face."""
        assert verification.vendor_reference
        self.sandbox.complete(
            verification.vendor_reference, scenario, paper or None, related=related
        )

    def reverse(self, verification: Verification, scenario: str) -> None:
        """Let the vendor change its mind."""
        assert verification.vendor_reference
        self.sandbox.reverse(verification.vendor_reference, scenario)

    def asked(self, where: str | None = None) -> list[dict[str, Any]]:
        """Return the requests the vendor got: ``start``, ``status``, ``details``, ``token``."""
        found = self.sandbox.journal()
        return [entry for entry in found if where in (None, entry["where"])]

    def notification(self, reference: str | None, event: str | None = None) -> Notification:
        """Return the callback that the vendor would send about a transaction."""
        assert reference
        with self.sandbox.lock:
            transaction = self.sandbox.find(reference)
            assert transaction is not None
            assert transaction.callback_url is not None
            word = event or self.sandbox.engine.final_event(transaction)
            message = self.sandbox.engine.message(transaction, word, transaction.callback_url)
        provider_key, key = transaction.callback_url.split("/")[-2:]
        return Notification(provider_key, key, message.body, message.content_type)

    def only_reference(self) -> str:
        """Return the reference of the only transaction there is."""
        (transaction,) = self.sandbox.transactions()
        return str(transaction["reference"])


def together(host: Host, count: int, act: Callable[[int], T]) -> list[T | Exception]:
    """Let *count* threads run *act* at once, each in an app context; return what came of each."""
    barrier = threading.Barrier(count)
    found: list[T | Exception] = [RuntimeError("never ran")] * count

    def run(index: int) -> None:
        with host.app.app_context():
            barrier.wait(10)
            try:
                found[index] = act(index)
            except Exception as error:  # noqa: BLE001 - handed to the test
                found[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def steps(host: Host, subject: str | None = None) -> list[str]:
    """Return the audited actions about verifications and identities, in order."""
    rows = host.db.session.scalars(
        select(AuditEntry).order_by(AuditEntry.subject, AuditEntry.sequence)
    )
    return [
        row.action
        for row in rows
        if row.action.startswith(("verification.", "identity.")) and subject in (None, row.subject)
    ]


def status(host: Host, row: Verification) -> Status:
    """Return the status that the database holds now."""
    host.db.session.refresh(row)
    return row.status


def owed(host: Host) -> int:
    """Return how many stored callbacks still wait to be processed."""
    host.db.session.rollback()
    rows = host.db.session.scalars(select(CallbackRow).where(CallbackRow.processed_at.is_(None)))
    return len(rows.all())
