"""The life of a transaction: who moves it on, when time moves it on, and what is announced."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from . import kyx_bodies, v4_bodies
from .callbacks import Dispatcher, Message
from .clock import Clock, seconds, stamp
from .documents import Document, date_parts, default_document, padded_date
from .errors import ControlError
from .faults import FaultBook
from .options import Options
from .outcomes import KyxResult, Result, Scenario, V4Result
from .scenarios import resolve, resolve_for
from .store import Phase, Store, Transaction

FORM = "application/x-www-form-urlencoded"
ATTEMPTS = 3  # submissions inside one transaction, reference 2A.9
_TERMINAL = ("PROCESSED", "SESSION_EXPIRED", "TOKEN_EXPIRED")


class Engine:
    """Moves transactions on; every method expects the sandbox's lock to be held."""

    def __init__(self, clock: Clock, store: Store, dispatcher: Dispatcher, faults: FaultBook):
        self.clock = clock
        self.store = store
        self.dispatcher = dispatcher
        self.faults = faults
        self.options = Options()

    def scenario_of(self, transaction: Transaction) -> Scenario:
        """Return the scenario in force: control API, then reportingCriteria, then the default."""
        own = transaction.planned or transaction.labelled
        if own is not None:
            return resolve_for(own, transaction.generation)
        # The default serves both generations; where it does not exist, all goes well.
        default = resolve(self.options.scenario)
        return default if default.result(transaction.generation) else resolve("approve")

    def paper_of(self, transaction: Transaction) -> Document:
        """Return the paper the user will show unless told otherwise."""
        return (
            default_document(
                self.clock.now().date(),
                generation=transaction.generation,
                country=transaction.preset_country,
                type_=transaction.preset_type,
            )
            .changed(self.options.document)
            .changed(transaction.paper)
        )

    def refresh_all(self) -> None:
        """Apply every change that time has brought."""
        for transaction in self.store.all():
            self.refresh(transaction)

    def next_due(self) -> datetime | None:
        """Return when the next transaction changes by itself."""
        moments = [due for item in self.store.all() if (due := item.due()) is not None]
        return min(moments, default=None)

    def refresh(self, transaction: Transaction) -> None:
        """Apply what time has brought to one transaction (reference 6.2)."""
        due = transaction.due()
        if due is None or due > self.clock.now():
            return
        if transaction.phase is Phase.CREATED:
            self.finish(transaction, self._expired(transaction), at=due)
        elif transaction.phase is Phase.OPENED:
            self.finish(transaction, self._left(transaction), at=due)
        else:
            scenario = resolve_for(transaction.scenario, transaction.generation)
            self.finish(transaction, scenario.result(transaction.generation), at=due)
            if scenario.wipe_after is not None:
                transaction.erase_at(due + seconds(scenario.wipe_after), grace=scenario.wipe_after)

    def open(self, transaction: Transaction) -> None:
        """The user follows the link, or does something on the page."""
        now = self.clock.now()
        if transaction.phase is Phase.CREATED:
            transaction.phase = Phase.OPENED
            transaction.opened_at = now
            self._announce(transaction, "ACQUISITION_STARTED")
        transaction.last_activity_at = now

    def submit(self, transaction: Transaction, scenario: Scenario, paper: Document) -> None:
        """The user has gone through the page: end the journey the way the scenario says."""
        result = scenario.result(transaction.generation)
        if result is None:
            raise ControlError(
                f"{scenario.name!r} does not exist in {transaction.generation}", field="scenario"
            )
        transaction.scenario = scenario.name
        transaction.document = self._shown(paper, scenario)
        if result.journey == "expire":
            self.expire(transaction)
            return
        if result.journey == "unopen" and transaction.phase is Phase.CREATED:
            return
        self.open(transaction)
        transaction.source = self.capture_source(transaction)
        if result.journey == "drop":
            self.finish(transaction, result, at=self.clock.now())
        elif result.journey in ("finish", "hang"):
            self._hand_in(transaction, hang=result.journey == "hang")

    def attempt(self, transaction: Transaction, scenario: Scenario, paper: Document) -> int:
        """Count a submission that cannot be read; the last one allowed is handed in."""
        self.open(transaction)
        transaction.source = self.capture_source(transaction)
        transaction.first_attempt_at = transaction.first_attempt_at or self.clock.now()
        transaction.attempts += 1
        if isinstance(scenario.v4, V4Result):
            transaction.earlier = scenario.v4
        if transaction.attempts >= ATTEMPTS:
            transaction.attempts = ATTEMPTS - 1
            self.submit(transaction, scenario, paper)
        return transaction.attempts

    def leave(self, transaction: Transaction, *, attempts: int = 1) -> None:
        """The user has left during the given attempt, and the session is over."""
        self.open(transaction)
        transaction.source = self.capture_source(transaction)
        if attempts > 1:
            transaction.attempts = attempts - 1
            transaction.first_attempt_at = transaction.first_attempt_at or self.clock.now()
            if transaction.earlier is None:
                transaction.earlier = resolve_for("blurred", "v4").v4
        self.finish(transaction, self._left(transaction), at=self.clock.now())

    def expire(self, transaction: Transaction) -> None:
        """The link's lifetime has run out; the completion time says so, whatever the clock."""
        at = max(self.clock.now(), transaction.expires_at)
        self.finish(transaction, self._expired(transaction), at=at)

    def finish(self, transaction: Transaction, result: Result | None, *, at: datetime) -> None:
        """Set the result and announce it."""
        transaction.result = result
        transaction.phase = Phase.FINISHED
        transaction.ready_at = None
        transaction.completed_at = at
        self._announce(transaction, self.final_event(transaction))

    def final_event(self, transaction: Transaction) -> str:
        """Return what the terminal callback says."""
        if isinstance(transaction.result, V4Result):
            return transaction.result.verification
        return "NO_ID_UPLOADED" if transaction.generation == "v4" else transaction.status

    def message(self, transaction: Transaction, event: str, url: str) -> Message:
        """Build the callback for an event (reference 3.4 or 3.5)."""
        now = self.clock.now()
        shown: dict[str, Any]
        if transaction.generation == "v4":
            shown = dict(v4_bodies.callback_fields(transaction, now))
            if shown["verificationStatus"] != event:
                shown["verificationStatus"] = event
                shown["idScanStatus"] = "SUCCESS" if event == "APPROVED_VERIFIED" else "ERROR"
            content_type = FORM
        else:
            shown = kyx_bodies.callback_body(transaction, event, now)
            content_type = "application/json"
        return Message(
            reference=transaction.reference,
            event=event,
            url=url,
            body=encode(shown, content_type),
            content_type=content_type,
            shown=shown,
            log=transaction.deliveries,
        )

    def _announce(self, transaction: Transaction, event: str) -> None:
        url = transaction.callback_url
        terminal = event in _TERMINAL or transaction.phase is Phase.FINISHED
        if url is None or not self._wanted(transaction, event, terminal=terminal):
            return
        message = self.message(transaction, event, url)
        message.copies = transaction.copies
        held = False
        for fault in self.faults.strike_callback(event, terminal=terminal):
            if fault.kind == "callback_drop":
                transaction.deliveries.append(
                    {"event": event, "dropped": True, "sent_at": stamp(self.clock.now())}
                )
                return
            if fault.kind == "callback_duplicate":
                message.copies = int(fault.parameters.get("copies", 2))
                message.concurrent = bool(fault.parameters.get("concurrent", False))
            elif fault.kind == "callback_late":
                message.not_before = self.clock.now() + seconds(fault.parameters["seconds"])
            else:
                held = True
        if held:
            self.dispatcher.hold(message)
        else:
            self.dispatcher.send(message)

    def _wanted(self, transaction: Transaction, event: str, *, terminal: bool) -> bool:
        enabled = self.options.callbacks if transaction.callbacks is None else transaction.callbacks
        if not enabled or transaction.deleted:
            return False
        if terminal:
            return True
        if transaction.generation == "v4" or self.options.terminal_callbacks_only:
            return False
        return event != "ACQUISITION_STARTED" or self.options.acquisition_started_callback

    def _hand_in(self, transaction: Transaction, *, hang: bool) -> None:
        now = self.clock.now()
        transaction.phase = Phase.PROCESSING
        transaction.attempts += 1
        transaction.first_attempt_at = transaction.first_attempt_at or now
        transaction.submitted_at = now
        wait = transaction.processing_seconds
        wait = self.options.processing_seconds if wait is None else wait
        transaction.ready_at = None if hang else now + seconds(wait)
        self._announce(transaction, "ACQUIRED")
        self.refresh(transaction)

    def _shown(self, paper: Document, scenario: Scenario) -> Document:
        yesterday = (self.clock.now() - timedelta(days=1)).date().isoformat()
        valid = not date_parts(paper.expiry) or padded_date(paper.expiry) > yesterday
        if scenario.expired_document and valid:
            return replace(paper, expiry=yesterday)
        return paper

    def capture_source(self, transaction: Transaction) -> str:
        """Return how the pictures come in once the user has chosen (reference 3.4)."""
        return "WEB_UPLOAD" if transaction.workflow in ("102", "202") else "WEB_CAM"

    def _expired(self, transaction: Transaction) -> Result:
        if transaction.generation == "kyx":
            return KyxResult(status="TOKEN_EXPIRED")
        return V4Result(verification="NO_ID_UPLOADED", status="FAILED")

    def _left(self, transaction: Transaction) -> Result:
        if transaction.generation == "kyx":
            return KyxResult(status="SESSION_EXPIRED")
        if transaction.earlier is not None:
            # Left during attempt 2 or 3: the earlier reason stands (reference 2A.9).
            return V4Result(verification="ERROR_NOT_READABLE_ID", reject=transaction.earlier.reject)
        return V4Result(verification="NO_ID_UPLOADED", status="FAILED")


def encode(shown: dict[str, Any], content_type: str) -> bytes:
    """Put a callback on the wire."""
    if content_type.startswith(FORM):
        return urlencode(shown).encode("ascii")
    return json.dumps(shown, ensure_ascii=False).encode("utf-8")
