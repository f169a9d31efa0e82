"""The play from beginning to end, for one generation after the other."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..serving import running
from .cases import GENERATIONS, Customer, Generation
from .customer import Stage, Visit
from .employee import Employee
from .play import Play, Stopped


def walk(flips: Mapping[str, str] | None = None, *, only: str | None = None) -> int:
    """Play everything; return the exit code, 1 when anything was not as expected.

    :param flips: what the vendor decides otherwise, by case; for tests of the walkthrough itself.
    :param only: the one generation to play.
    """
    folder = Path(tempfile.mkdtemp(prefix="alpenbank-"))
    # At the very end: until then the extension's thread may still look into the database.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    play = Play()
    try:
        with running(
            folder, processing_seconds=0, config={"EXAMPLE_SEED_PROVIDERS": False}
        ) as site:
            vera = Employee(play, play.browser(site.url))
            vera.signs_in()
            played = [each for each in GENERATIONS if only in (None, each.key)]
            for generation in played:
                print(f"--- {generation.provider_type} ---", flush=True)
                vera.sets_up(generation, site.sandbox_url, first=generation is played[0])
                stage = Stage(play, generation, play.browser(site.sandbox_url), flips or {})
                _customers(stage, site.url)
                vera.looks_back(generation)
    except Stopped as stopped:
        print(f"walkthrough: {stopped}", flush=True)
        return 1
    finally:
        play.close()
    print(f"walkthrough: {play.steps} steps, all as expected", flush=True)
    return 0


def _customers(stage: Stage, url: str) -> None:
    def visit(customer: Customer) -> Visit:
        return Visit(stage, customer, stage.play.browser(url))

    generation: Generation = stage.generation
    approved = visit(generation.approved)
    approved.comes_in()
    approved.verifies("approved")
    approved.is_known()
    approved.cannot_change_the_name()
    approved.cannot_verify_twice()

    rejected = visit(generation.rejected)
    rejected.comes_in()
    rejected.verifies("rejected")
    rejected.stays_outside()

    retried = visit(generation.retried)
    retried.comes_in()
    retried.verifies("retryable")
    retried.stays_outside()
    retried.verifies("retry")
    retried.is_known()
