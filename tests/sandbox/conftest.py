"""Sandboxes for the tests: one of each kind per module, reset before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_idverify.sandbox import SandboxServer

from .helpers import Client, Receiver, run_receiver


@pytest.fixture(scope="module")
def local_server() -> Iterator[SandboxServer]:
    """One server that permits local URLs."""
    with SandboxServer(allow_local_urls=True, processing_seconds=0.0) as server:
        yield server


@pytest.fixture(scope="module")
def strict_server() -> Iterator[SandboxServer]:
    """One server with the vendor's own URL rules."""
    with SandboxServer() as server:
        yield server


def afresh(server: SandboxServer) -> Client:
    """Reset a shared server; what an earlier test left under way must not leak into this one."""
    assert server.sandbox.settle()["settled"]
    server.sandbox.reset()
    return Client(server)


@pytest.fixture
def client(local_server: SandboxServer) -> Client:
    """A sandbox that permits local URLs and processes at once."""
    return afresh(local_server)


@pytest.fixture
def strict(strict_server: SandboxServer) -> Client:
    """A sandbox with the vendor's own URL rules."""
    return afresh(strict_server)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A callback target."""
    target, server, thread = run_receiver()
    yield target
    server.shutdown()
    thread.join()
    server.server_close()
