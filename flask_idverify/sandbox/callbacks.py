"""Delivery of callbacks: real HTTP posts, one lane of order for each transaction."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from .clock import Clock, stamp

# The vendor's retry policy is undocumented (reference 3.1); these are short for tests' sake.
RETRY_DELAYS = (0.1, 0.3, 0.6)


@dataclass(eq=False)
class Message:
    """One callback: built once, so that repeats and retries are the same bytes."""

    reference: str
    event: str
    url: str
    body: bytes
    content_type: str
    shown: Any
    log: list[dict[str, Any]]
    copies: int = 1
    concurrent: bool = False
    retry: bool = True
    not_before: datetime | None = None


class Dispatcher:
    """Sends messages from threads of its own; all state is guarded by the sandbox's condition."""

    def __init__(self, clock: Clock, condition: threading.Condition) -> None:
        self.timeout = 5.0
        self._clock = clock
        self._condition = condition
        self._stop = threading.Event()
        self._lanes: dict[str, deque[Message]] = {}
        self._delayed: list[Message] = []
        self._held: dict[str, list[Message]] = {}
        self._threads: set[threading.Thread] = set()
        self.delivered = 0
        self.failed = 0

    def hold(self, message: Message) -> None:
        """Keep a message back until a later one of the same transaction has gone out."""
        with self._condition:
            self._held.setdefault(message.reference, []).append(message)

    def send(self, message: Message) -> None:
        """Queue a message for now, or for its ``not_before``."""
        with self._condition:
            if message.not_before is not None and message.not_before > self._clock.now():
                self._delayed.append(message)
            else:
                self._queue_with_held(message)
            self._condition.notify_all()

    def release_due(self) -> None:
        """Move delayed messages whose time has come into their lanes."""
        with self._condition:
            now = self._clock.now()
            due = [item for item in self._delayed if item.not_before and item.not_before <= now]
            self._delayed = [item for item in self._delayed if item not in due]
            for message in due:
                self._queue_with_held(message)

    def next_due(self) -> datetime | None:
        """Return when the next delayed message falls due."""
        moments = [item.not_before for item in self._delayed if item.not_before is not None]
        return min(moments, default=None)

    def busy(self) -> int:
        """Return how many lanes still send or wait for a retry."""
        return len(self._lanes)

    def waiting(self) -> int:
        """Return how many messages wait for the clock or for another message."""
        return len(self._delayed) + sum(len(items) for items in self._held.values())

    def clear(self) -> None:
        """Drop what has not been sent yet; what is under way ends by itself."""
        with self._condition:
            self._delayed.clear()
            self._held.clear()
            for lane in self._lanes.values():
                lane.clear()
            self.delivered = self.failed = 0

    def close(self) -> None:
        """Stop sending and wait for the threads."""
        self._stop.set()
        with self._condition:
            self.clear()
            threads = list(self._threads)
        for thread in threads:
            thread.join(self.timeout + 1)

    def _queue_with_held(self, message: Message) -> None:
        self._queue(message)
        for held in self._held.pop(message.reference, []):
            self._queue(held)

    def _queue(self, message: Message) -> None:
        if self._stop.is_set():
            return
        lane = self._lanes.get(message.reference)
        if lane is not None:
            lane.append(message)
            return
        self._lanes[message.reference] = deque([message])
        self._spawn(self._drain, message.reference)

    def _spawn(self, target: Any, *arguments: Any) -> threading.Thread:
        def run() -> None:
            try:
                target(*arguments)
            finally:
                with self._condition:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="sandbox-callback", daemon=True)
        self._threads.add(thread)
        thread.start()
        return thread

    def _drain(self, reference: str) -> None:
        while True:
            with self._condition:
                lane = self._lanes[reference]
                if not lane:
                    del self._lanes[reference]
                    self._condition.notify_all()
                    return
                message = lane.popleft()
            self._deliver_copies(message)

    def _deliver_copies(self, message: Message) -> None:
        if not message.concurrent:
            for copy in range(message.copies):
                self._deliver(message, copy + 1)
            return
        with self._condition:
            helpers = [
                self._spawn(self._deliver, message, copy + 1) for copy in range(message.copies)
            ]
        for helper in helpers:
            helper.join()

    def _deliver(self, message: Message, copy: int) -> None:
        delays = RETRY_DELAYS if message.retry else ()
        for attempt, pause in enumerate((0.0, *delays), start=1):
            if self._stop.wait(pause):
                return
            answer, problem = self._post(message)
            accepted = answer == 200
            with self._condition:
                message.log.append(
                    {
                        "event": message.event,
                        "url": message.url,
                        "sent_at": stamp(self._clock.now()),
                        "copy": copy,
                        "attempt": attempt,
                        "status": answer,
                        "error": problem,
                        "content_type": message.content_type,
                        "body": message.shown,
                    }
                )
                if accepted:
                    self.delivered += 1
                    return
        with self._condition:
            self.failed += 1

    def _post(self, message: Message) -> tuple[int | None, str | None]:
        headers = {
            "Content-Type": message.content_type,
            "User-Agent": "Jumio Callback/1.0",
            "Connection": "close",
        }
        try:
            with requests.Session() as session:
                # A proxy or .netrc of the tester's shell must not get between the two.
                session.trust_env = False
                with session.post(
                    message.url,
                    data=message.body,
                    headers=headers,
                    timeout=self.timeout,
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    return answer.status_code, None
        except requests.RequestException as error:
            return None, type(error).__name__
