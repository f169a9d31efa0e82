"""Transactions and accounts, kept in memory; whoever touches them holds the sandbox's lock."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from .clock import seconds, stamp
from .documents import Document
from .outcomes import KyxResult, Result, V4Result

IDLE_WINDOW = timedelta(minutes=15)  # references 2A.9 and 2B.10
RETENTION = timedelta(days=360)  # reference 2A.9


class Phase(Enum):
    """Where a transaction stands, whatever its generation calls it."""

    CREATED = "created"
    OPENED = "opened"
    PROCESSING = "processing"
    FINISHED = "finished"


_KYX_STATUS = {
    Phase.CREATED: "INITIATED",
    Phase.OPENED: "ACQUISITION_STARTED",
    Phase.PROCESSING: "ACQUIRED",
    # Only a transaction that was deleted before its end is finished without a result.
    Phase.FINISHED: "DELETED",
}


@dataclass
class Transaction:
    """One journey of one user through the simulated vendor."""

    generation: str
    reference: str
    created_at: datetime
    lifetime: timedelta
    request: dict[str, Any]
    base_url: str
    token: str
    document: Document
    account_id: str | None = None
    customer_internal_reference: str = ""
    user_reference: str | None = None
    reporting_criteria: str | None = None
    callback_url: str | None = None
    success_url: str | None = None
    error_url: str | None = None
    locale: str = "en"
    workflow: str = ""
    preset_country: str | None = None
    preset_type: str | None = None
    client_ip: str | None = None
    # category -> credential id (Platform only)
    credentials: dict[str, str] = field(default_factory=dict)

    phase: Phase = Phase.CREATED
    opened_at: datetime | None = None
    last_activity_at: datetime | None = None
    first_attempt_at: datetime | None = None
    submitted_at: datetime | None = None
    ready_at: datetime | None = None
    completed_at: datetime | None = None
    attempts: int = 0
    earlier: V4Result | None = None
    source: str = "WEB"
    result: Result | None = None

    # Scenario and paper set for this transaction beforehand; what was chosen in the end.
    planned: str | None = None
    labelled: str | None = None
    paper: dict[str, str] = field(default_factory=dict)
    # References of transactions in which the same face was found.
    related: list[str] = field(default_factory=list)
    scenario: str | None = None
    processing_seconds: float | None = None
    copies: int = 1
    callbacks: bool | None = None

    wipe_at: datetime | None = None
    gone_at: datetime | None = None
    deleted: bool = False
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def expires_at(self) -> datetime:
        """When the link dies if nobody follows it."""
        return self.created_at + self.lifetime

    @property
    def status(self) -> str:
        """Return the status as the transaction's own generation words it (reference 6.2)."""
        if self.generation == "kyx":
            if isinstance(self.result, KyxResult):
                return self.result.status
            return _KYX_STATUS[self.phase]
        return self.result.status if isinstance(self.result, V4Result) else "PENDING"

    def due(self) -> datetime | None:
        """Return when the next change falls due without anybody doing anything."""
        if self.deleted:
            return None
        if self.phase is Phase.CREATED:
            return self.expires_at
        if self.phase is Phase.OPENED and self.last_activity_at is not None:
            return self.last_activity_at + IDLE_WINDOW
        return self.ready_at if self.phase is Phase.PROCESSING else None

    def wiped(self, now: datetime) -> bool:
        """Tell whether personal data was erased (reference 2B.6, ``wipedOutAt``)."""
        return self.wipe_at is not None and now >= self.wipe_at

    def gone(self, now: datetime) -> bool:
        """Tell whether retrieval answers 404: deleted, erased for good, or past retention."""
        if self.deleted or now >= self.created_at + RETENTION:
            return True
        return self.gone_at is not None and now >= self.gone_at

    def erase_at(self, moment: datetime, *, grace: float) -> None:
        """Plan the erasure; v4 knows no half-erased state and goes straight to 404."""
        self.wipe_at = moment
        self.gone_at = moment if self.generation == "v4" else moment + seconds(grace)

    def view(self, now: datetime) -> dict[str, Any]:
        """Describe the transaction to the tester."""
        moments = {
            name: None if value is None else stamp(value)
            for name, value in (
                ("created_at", self.created_at),
                ("expires_at", self.expires_at),
                ("opened_at", self.opened_at),
                ("submitted_at", self.submitted_at),
                ("completed_at", self.completed_at),
            )
        }
        return {
            "reference": self.reference,
            "generation": self.generation,
            "account_id": self.account_id,
            "status": self.status,
            "phase": self.phase.value,
            "scenario": self.scenario or self.planned or self.labelled,
            "attempts": self.attempts,
            "customer_internal_reference": self.customer_internal_reference,
            "callback_url": self.callback_url,
            "hosted_url": self.hosted_url,
            "document": self.document.as_dict(),
            "deleted": self.deleted,
            "wiped": self.wiped(now),
            "request": self.request,
            "callbacks": [dict(item) for item in self.deliveries],
            **moments,
        }

    @property
    def hosted_path(self) -> str:
        """Return the path of the hosted page (reference 1)."""
        return "/web/v4/app" if self.generation == "v4" else "/web/client"

    @property
    def hosted_url(self) -> str:
        """Return the secret link the user follows."""
        if self.generation == "v4":
            query = f"locale={self.locale}&authorizationToken={self.token}"
        else:
            query = f"authorizationToken={self.token}&locale={self.locale}"
        return f"{self.base_url}{self.hosted_path}?{query}"


class Store:
    """All transactions by reference and by token, and which accounts exist."""

    def __init__(self) -> None:
        self._by_reference: dict[str, Transaction] = {}
        self._by_token: dict[str, Transaction] = {}
        self._accounts: dict[str, list[str]] = {}

    def add(self, transaction: Transaction) -> None:
        """Keep a new transaction."""
        self._by_reference[transaction.reference] = transaction
        self._by_token[transaction.token] = transaction
        if transaction.account_id is not None:
            self._accounts.setdefault(transaction.account_id, []).append(transaction.reference)

    def get(self, reference: str) -> Transaction | None:
        """Return the transaction of that reference, deleted or not."""
        return self._by_reference.get(reference)

    def by_token(self, token: str) -> Transaction | None:
        """Return the transaction whose link carries that token."""
        return self._by_token.get(token)

    def all(self) -> list[Transaction]:
        """Return every transaction, oldest first."""
        return list(self._by_reference.values())

    def has_account(self, account_id: str) -> bool:
        """Tell whether an account exists (a deleted one does not)."""
        return account_id in self._accounts

    def drop_account(self, account_id: str) -> list[Transaction]:
        """Forget an account; return the transactions it held."""
        return [self._by_reference[item] for item in self._accounts.pop(account_id, [])]

    def clear(self) -> None:
        """Forget everything."""
        self._by_reference.clear()
        self._by_token.clear()
        self._accounts.clear()


def new_reference() -> str:
    """Return a fresh UUID: never seeded, lest two sandboxes hand out the same ones."""
    return str(uuid.uuid4())
