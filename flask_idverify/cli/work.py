"""What is owed, done in a process of its own."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from .. import clock, inbox, runtime
from .group import commands


@commands.command("work")
@click.option("--once", is_flag=True, help="Do what is due and end; for cron.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@with_appcontext
def work(*, once: bool, interval: float) -> None:
    """Do what is owed: stored callbacks, due polls, endings of silent attempts."""
    stop = threading.Event()

    def ask_to_stop(*_: Any) -> None:
        stop.set()

    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask_to_stop)
    pause = interval
    while not stop.is_set():
        try:
            done = inbox.drain(until=stop.is_set)
            if done or once:
                click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} done: {done}")
            pause = interval
        except SQLAlchemyError as error:
            # The database may come back; its message may hold values, so only the kind is told.
            click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} failed: {type(error).__name__}", err=True)
            if once:
                sys.exit(1)
            pause = min(pause * 2, 60.0)
        if once:
            return
        runtime.current().db.session.remove()
        stop.wait(pause)
