"""What a tester does to single transactions, in process or over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .clock import seconds
from .core import Core
from .engine import encode
from .errors import ControlError
from .scenarios import resolve_for
from .store import Phase, Transaction


class Sandbox(Core):
    """One simulated vendor; ``app.extensions["sandbox"]`` and ``SandboxServer.sandbox``."""

    def transactions(self) -> list[dict[str, Any]]:
        """Describe all transactions, oldest first."""
        with self.lock:
            self.engine.refresh_all()
            now = self.clock.now()
            return [transaction.view(now) for transaction in self.store.all()]

    def transaction(self, ref: str) -> dict[str, Any]:
        """Describe one transaction."""
        with self.lock:
            return self._known(ref).view(self.clock.now())

    def plan(
        self,
        ref: str,
        *,
        scenario: str | None = None,
        document: Mapping[str, Any] | None = None,
        processing_seconds: float | None = None,
        callback: bool | None = None,
        related: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Set beforehand how one transaction will end."""
        with self.lock:
            transaction = self._unfinished(ref)
            self._prepare(transaction, scenario, document, callback, related)
            if scenario is not None:
                transaction.planned = scenario
            if processing_seconds is not None:
                transaction.processing_seconds = processing_seconds
            return transaction.view(self.clock.now())

    def complete(
        self,
        ref: str,
        scenario: str | None = None,
        document: Mapping[str, Any] | None = None,
        callback: bool | None = None,
        related: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Act as if the user had gone through the hosted page.

        :param related: references of transactions in which the same face was found.
        """
        with self.lock:
            transaction = self._unfinished(ref)
            if transaction.phase is Phase.PROCESSING:
                raise ControlError("the pictures have been handed in already", status=409)
            self._prepare(transaction, scenario, document, callback, related)
            if scenario is not None:
                chosen = resolve_for(scenario, transaction.generation)
            else:
                chosen = self.engine.scenario_of(transaction)
            self.engine.submit(transaction, chosen, self.engine.paper_of(transaction))
            return self._changed(transaction)

    def open(self, ref: str) -> dict[str, Any]:
        """Act as if the user had followed the link."""
        with self.lock:
            transaction = self._unfinished(ref)
            self.engine.open(transaction)
            return self._changed(transaction)

    def abandon(self, ref: str, attempts: int = 1) -> dict[str, Any]:
        """Act as if the user had left during that attempt and the idle time were over."""
        with self.lock:
            transaction = self._unfinished(ref)
            if transaction.phase is Phase.PROCESSING:
                raise ControlError("the pictures have been handed in already", status=409)
            self.engine.leave(transaction, attempts=attempts)
            return self._changed(transaction)

    def expire(self, ref: str) -> dict[str, Any]:
        """Act as if the link's lifetime were over."""
        with self.lock:
            transaction = self._unfinished(ref)
            if transaction.phase is Phase.PROCESSING:
                raise ControlError("the pictures have been handed in already", status=409)
            self.engine.expire(transaction)
            return self._changed(transaction)

    def wipe(self, ref: str, gone: bool = False) -> dict[str, Any]:
        """Erase the vendor's data; ``gone`` makes the Platform answer 404 as v4 does at once."""
        with self.lock:
            transaction = self._known(ref)
            now = self.clock.now()
            transaction.wipe_at = now
            if gone or transaction.generation == "v4":
                transaction.gone_at = now
            return self._changed(transaction)

    def reverse(self, ref: str, scenario: str, callback: bool = True) -> dict[str, Any]:
        """Change the result of a finished transaction, and say so in a further callback."""
        with self.lock:
            transaction = self._known(ref)
            if transaction.phase is not Phase.FINISHED:
                raise ControlError("not finished yet; use complete", status=409)
            chosen = resolve_for(scenario, transaction.generation)
            transaction.scenario = chosen.name
            enabled = transaction.callbacks
            transaction.callbacks = enabled if callback else False
            result = chosen.result(transaction.generation)
            self.engine.finish(transaction, result, at=self.clock.now())
            transaction.callbacks = enabled
            return self._changed(transaction)

    def callback(
        self,
        ref: str,
        status: str | None = None,
        *,
        times: int = 1,
        concurrent: bool = False,
        delay: float = 0.0,
        retry: bool = True,
        url: str | None = None,
        body: Mapping[str, Any] | None = None,
        without: tuple[str, ...] = (),
        raw: str | None = None,
        content_type: str | None = None,
    ) -> dict[str, Any]:
        """Send a callback now, whatever the transaction's state; the body may be bent."""
        with self.lock:
            transaction = self._known(ref)
            target = url or transaction.callback_url
            if target is None:
                raise ControlError("the transaction has no callbackUrl; give one", field="url")
            event = status or self.engine.final_event(transaction)
            message = self.engine.message(transaction, event, target)
            shown = {**message.shown, **(body or {})}
            message.shown = {key: value for key, value in shown.items() if key not in without}
            message.body = encode(message.shown, message.content_type)
            if raw is not None:
                message.shown = raw[:2000]
                message.body = raw.encode("utf-8")
            message.content_type = content_type or message.content_type
            message.copies, message.concurrent, message.retry = times, concurrent, retry
            if delay:
                message.not_before = self.clock.now() + seconds(delay)
                self.timer.ensure_running()
            self.dispatcher.send(message)
            return transaction.view(self.clock.now())

    def _known(self, reference: str) -> Transaction:
        transaction = self.find(reference)
        if transaction is None:
            raise ControlError(f"no transaction {reference!r}", field="ref", status=404)
        return transaction

    def _unfinished(self, reference: str) -> Transaction:
        transaction = self._known(reference)
        if transaction.deleted or transaction.phase is Phase.FINISHED:
            raise ControlError("already finished; use reverse or callback", status=409)
        return transaction

    def _prepare(
        self,
        transaction: Transaction,
        scenario: str | None,
        document: Mapping[str, Any] | None,
        callback: bool | None,
        related: Sequence[str] | None,
    ) -> None:
        # Everything is checked before anything is changed.
        if scenario is not None:
            resolve_for(scenario, transaction.generation)
        if document is not None:
            self.engine.paper_of(transaction).changed(document)
            transaction.paper = {**transaction.paper, **document}
            transaction.document = self.engine.paper_of(transaction)
        if callback is not None:
            transaction.callbacks = callback
        if related is not None:
            transaction.related = list(related)

    def _changed(self, transaction: Transaction) -> dict[str, Any]:
        self.lock.notify_all()
        return transaction.view(self.clock.now())
