"""What is owed, done in a process of its own."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from .. import clock, inbox, origin, runtime, workers
from .group import commands, lack_behind

_LONGEST_PAUSE = 60.0


@commands.command("work")
@click.option("--once", is_flag=True, help="Do what is due and end; for cron.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Threads that work side by side; most of their time is waiting for the vendor.",
)
@with_appcontext
def work(*, once: bool, interval: float, concurrency: int) -> None:
    """Do what is owed: stored callbacks, due polls, endings of silent attempts, deliveries.

    SIGTERM and SIGINT end it after the pieces at hand.
    """
    runtime.current()  # a wrong setup ends the command, unlike trouble while it works
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's own idiom
    stop = threading.Event()

    def ask_to_stop(*_: Any) -> None:
        stop.set()

    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask_to_stop)
    life = workers.Heartbeat("cron" if once else "work", concurrency)
    hands = [_Hand(app, stop, interval, life, once=once) for _ in range(concurrency)]
    others = [threading.Thread(target=hand.run, name="idverify-work") for hand in hands[1:]]
    if not once:
        click.echo(
            f"{clock.now():%Y-%m-%d %H:%M:%S} at work: {concurrency} thread(s), a look every "
            f"{interval:g} s."
        )
    for thread in others:
        thread.start()
    hands[0].run()
    for thread in others:
        thread.join()
    if not once:
        life.end()
        click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} ended.")
    if once and any(hand.failed for hand in hands):
        sys.exit(1)


class _Hand:
    """One of those who work side by side."""

    def __init__(
        self,
        app: Flask,
        stop: threading.Event,
        interval: float,
        life: workers.Heartbeat,
        *,
        once: bool,
    ) -> None:
        self._app = app
        self._stop = stop
        self._interval = interval
        self._life = life
        self._once = once
        self.failed = False

    def run(self) -> None:
        pause = self._interval
        while not self._stop.is_set():
            self.failed = not self._look()
            if self._once:
                return
            pause = min(pause * 2, _LONGEST_PAUSE) if self.failed else self._interval
            self._rest(pause)

    def _rest(self, seconds: float) -> None:
        """Wait for the next look, and give signs of life meanwhile."""
        beat = workers.BEAT.total_seconds()
        while seconds > 0 and not self._stop.wait(min(seconds, beat)):
            seconds -= beat
            if seconds > 0:
                # Whatever a host does when a context ends: the next look tells.
                with suppress(Exception), self._app.app_context():
                    self._life.beat()

    def _is_over(self) -> bool:
        """Give a sign of life between two pieces, and say whether to stop."""
        self._life.beat()
        return self._stop.is_set()

    def _look(self) -> bool:
        """Do what is due; say whether nothing came in between."""
        try:
            # Nobody at this prompt asked for what time brings.
            with self._app.app_context(), origin.working_for(None):
                self._drain()
        except Exception as error:  # noqa: BLE001 - whatever it is, a hand that goes is not missed
            # The database may come back; its message may hold values, so only the kind is told.
            told = self._lack_behind(error) or type(error).__name__
            click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} failed: {told}", err=True)
            return False
        return True

    def _lack_behind(self, error: Exception) -> str | None:
        with suppress(Exception), self._app.app_context():
            return lack_behind(error)
        return None

    def _drain(self) -> None:
        try:
            tried = inbox.work_through(until=self._is_over)
        finally:
            runtime.current().db.session.remove()
        if any(tried) or self._once:
            owed = f", failed and still owed: {tried.failed}" if tried.failed else ""
            click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} done: {tried.done}{owed}")
