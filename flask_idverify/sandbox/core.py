"""The sandbox's state, and what a tester does to the sandbox as a whole."""

from __future__ import annotations

import random
import threading
from typing import Any

from .callbacks import Dispatcher
from .clock import Clock, stamp
from .engine import Engine
from .faults import FaultBook, parse_fault
from .journal import Journal
from .options import Options
from .store import Store, Transaction
from .timer import Timer
from .tokens import Tokens


class Core:
    """One simulated vendor: its transactions, clock, faults, journal and deliveries."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        allow_local_urls: bool,
        options: Options,
        seed: int,
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.allow_local_urls = allow_local_urls
        self.seed = seed
        self.clock = Clock()
        # One lock for everything; waiting threads are told about every change.
        self.lock = threading.Condition(threading.RLock())
        self.closed = threading.Event()
        self.store = Store()
        self.tokens = Tokens()
        self.requests = Journal()
        self.fault_book = FaultBook()
        self.dispatcher = Dispatcher(self.clock, self.lock)
        self.engine = Engine(self.clock, self.store, self.dispatcher, self.fault_book)
        self._initial = options
        self._jitter = random.Random(seed)  # nosec B311  # noqa: S311 - spreads delays, guards nothing
        self.timer = Timer(self.clock, self.lock, self.engine, self.dispatcher)
        self._apply(options)

    def add(self, transaction: Transaction) -> None:
        """Keep a new transaction and watch its deadlines."""
        with self.lock:
            self.store.add(transaction)
            if transaction.callback_url is not None:
                self.timer.ensure_running()
            self.lock.notify_all()

    def pause(self) -> None:
        """Let the configured latency pass, give or take a half (seeded)."""
        latency = self.engine.options.latency
        if latency:
            self.closed.wait(latency * self._jitter.uniform(0.5, 1.5))

    def find(self, reference: str) -> Transaction | None:
        """Return a transaction, brought up to date; the caller holds the lock."""
        transaction = self.store.get(reference)
        if transaction is not None:
            self.engine.refresh(transaction)
        return transaction

    def defaults(self) -> dict[str, Any]:
        """Return the sandbox-wide switches."""
        with self.lock:
            return self.engine.options.as_dict()

    def set_defaults(self, **changes: Any) -> dict[str, Any]:
        """Set sandbox-wide switches; see :class:`~flask_idverify.sandbox.options.Options`."""
        with self.lock:
            self._apply(self.engine.options.changed(changes))
            return self.engine.options.as_dict()

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force."""
        with self.lock:
            return [fault.as_dict() for fault in self.fault_book.all()]

    def set_faults(self, faults: list[Any]) -> list[dict[str, Any]]:
        """Put exactly these faults in force."""
        parsed = [parse_fault(item) for item in faults]
        with self.lock:
            self.fault_book.replace(parsed)
            return self.faults()

    def add_fault(self, kind: str, **members: Any) -> list[dict[str, Any]]:
        """Put one more fault in force."""
        parsed = parse_fault({"kind": kind, **members})
        with self.lock:
            self.fault_book.add(parsed)
            return self.faults()

    def clear_faults(self) -> None:
        """Lift all faults."""
        with self.lock:
            self.fault_book.replace([])

    def advance(self, amount: float) -> str:
        """Push the clock forward and apply what falls due; return the new time."""
        with self.lock:
            self.clock.advance(amount)
            self.engine.refresh_all()
            self.dispatcher.release_due()
            self.lock.notify_all()
            return stamp(self.clock.now())

    def journal(self) -> list[dict[str, Any]]:
        """Return the vendor requests received so far."""
        with self.lock:
            return self.requests.entries()

    def clear_journal(self) -> None:
        """Forget the requests received so far."""
        with self.lock:
            self.requests.clear()

    def settle(self, timeout: float = 5.0) -> dict[str, Any]:
        """Wait until every callback that is due has been delivered or given up."""
        with self.lock:
            self.engine.refresh_all()
            self.dispatcher.release_due()
            settled = self.lock.wait_for(lambda: self.dispatcher.busy() == 0, timeout)
            return {
                "settled": settled,
                "running": self.dispatcher.busy(),
                "waiting": self.dispatcher.waiting(),
                "delivered": self.dispatcher.delivered,
                "failed": self.dispatcher.failed,
            }

    def revoke_tokens(self) -> None:
        """Make every bearer token handed out so far worthless."""
        with self.lock:
            self.tokens.revoke_all()

    def reset(self) -> None:
        """Return to the state of a freshly started sandbox."""
        with self.lock:
            self.store.clear()
            self.requests.clear()
            self.fault_book.replace([])
            self.dispatcher.clear()
            self.tokens.revoke_all()
            self.clock.reset()
            self._apply(self._initial)
            self.lock.notify_all()

    def close(self) -> None:
        """Stop all threads; a closed sandbox sends no more callbacks."""
        self.closed.set()
        self.timer.close()
        self.dispatcher.close()

    def _apply(self, options: Options) -> None:
        self.engine.options = options
        self.dispatcher.timeout = options.callback_timeout
        if options.token_expires_in != self.tokens.lifetime:
            self.tokens.set_lifetime(options.token_expires_in)
