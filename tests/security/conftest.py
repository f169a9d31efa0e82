"""What the attack tests start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_idverify.sandbox import SandboxServer
from tests.hosts import MADE, make_host
from tests.security.fuzzing import Fuzz
from tests.security.stage import Stage
from tests.vendor import Vendor
from tests.web.conftest import lena_at, ready

__all__ = ["fuzz", "lena_at", "make_stage", "ready", "stage"]


@pytest.fixture
def fuzz(volume: Callable[[int, int], int], seed: int) -> Fuzz:
    """Return what drives a target with many inputs."""
    return Fuzz(volume, seed)


@pytest.fixture(scope="session")
def _stages() -> Iterator[Callable[..., Stage]]:
    """Return a function that makes stages with a vendor that other tests do not reset."""
    made: list[Stage] = []
    with SandboxServer(allow_local_urls=True, processing_seconds=0.0) as server:
        vendor = Vendor(server)
        vendor.reset()

        def make(**settings: Any) -> Stage:
            # In memory on every run: these are about our pages, and are put back as they were.
            settings.setdefault("IDVERIFY_AUDIT_SIGNING_KEY", "S" * 43)
            host = make_host(SQLALCHEMY_DATABASE_URI="sqlite://", **settings)
            MADE.remove(host)  # it outlives the test
            made.append(Stage(host, vendor))
            return made[-1]

        yield make
        for stage in made:
            stage.close()


@pytest.fixture(scope="session")
def _one_stage(_stages: Callable[..., Stage]) -> Stage:
    return _stages()


@pytest.fixture
def stage(_one_stage: Stage) -> Stage:
    """A host with one of everything, as new; a test lets the vendor decide on `make_stage` only."""
    _one_stage.restore()
    return _one_stage


@pytest.fixture
def make_stage(_stages: Callable[..., Stage]) -> Callable[..., Stage]:
    """Return a function that makes a stage of one's own, on a host of other settings."""
    return _stages
