"""How far a long command is: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

_EVERY = 5.0


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Give a function that is told by how much the work went on. Written to stderr."""
    if sys.stderr.isatty():
        with click.progressbar(length=max(total, 1), label=label, file=sys.stderr) as bar:
            yield bar.update
        return
    done, told = 0, time.monotonic()

    def step(count: int) -> None:
        nonlocal done, told
        done += count
        if time.monotonic() - told >= _EVERY:
            told = time.monotonic()
            click.echo(f"{label}: {done} of {max(total, done)}", err=True)

    yield step
