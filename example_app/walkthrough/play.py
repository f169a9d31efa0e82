"""The report: numbered steps, one line each; the first that differs ends the play."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import requests

from .client import Browser, Differs
from .page import NotOnPage

T = TypeVar("T")

_SECONDS = 20.0
_PAUSE = 0.03


class Stopped(Exception):
    """A step went otherwise than expected; the text names it."""


class Play:
    """Counts, names and prints steps, and hands out browsers."""

    def __init__(self) -> None:
        self.steps = 0
        self._last = ("", "", 0)
        self._browsers: list[Browser] = []

    def browser(self, base: str) -> Browser:
        """Return a fresh browser, whose last answer in a step is the one that is printed."""
        made = Browser(base, self.note)
        self._browsers.append(made)
        return made

    def note(self, method: str, path: str, status: int) -> None:
        """Remember the request that the current step's line shows."""
        self._last = (method, path, status)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Play one step and print its line.

        :raises Stopped: anything in the block was not as expected.
        """
        self.steps += 1
        self._last = ("", "", 0)
        try:
            yield
        except Differs as error:
            raise self._stopped(what, error.expected, error.got) from error
        except NotOnPage as error:
            raise self._stopped(what, str(error), "a page without it") from error
        except requests.RequestException as error:
            raise self._stopped(what, "an answer", type(error).__name__) from error
        except LookupError as error:
            raise self._stopped(what, "the usual members of an answer", repr(error)) from error
        self._print(what)

    def _stopped(self, what: str, expected: str, got: str) -> Stopped:
        self._print(f"{what}  ✗")
        return Stopped(f"step {self.steps} ({what}): expected {expected}, got {got}")

    def _print(self, what: str) -> None:
        method, path, status = self._last
        print(
            f"{self.steps:>3}  {what:<66}  {method:<4} {path} {status or ''}".rstrip(), flush=True
        )

    def close(self) -> None:
        """Close every browser."""
        for browser in self._browsers:
            browser.close()


def until(look: Callable[[], T | None], expected: str) -> T:
    """Look again and again until something is seen.

    :param look: returns ``None`` while there is nothing yet.
    :raises Differs: it did not come in time.
    """
    deadline = time.monotonic() + _SECONDS
    while (seen := look()) is None:
        if time.monotonic() > deadline:
            raise Differs(expected, f"nothing of the kind in {_SECONDS:g} seconds")
        time.sleep(_PAUSE)
    return seen
