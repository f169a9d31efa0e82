"""Fixtures shared by all tests; what only one room needs stands with its tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.ctx import AppContext

from flask_idverify.sandbox import SandboxServer
from tests.databases import SERVER, Databases, file_uri
from tests.hosts import Host, close_all, make_host
from tests.vendor import Vendor


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--volume",
        choices=("small", "full"),
        default=os.environ.get("IDVERIFY_TEST_VOLUME", "small"),
        help="How many inputs, rows and kills; IDVERIFY_TEST_VOLUME says so too.",
    )
    parser.addoption(
        "--database-url",
        help="Run on this server instead of SQLite, e.g. postgresql+psycopg://postgres@127.0.0.1/test",
    )


def pytest_configure(config: pytest.Config) -> None:
    url = config.getoption("--database-url")
    if url:
        SERVER.append(Databases(url))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marks = {"sqlite"} if SERVER else set()
    marks |= {"full"} if config.getoption("--volume") == "small" else set()
    others = [item for item in items if any(map(item.get_closest_marker, marks))]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def pytest_unconfigure() -> None:
    while SERVER:
        SERVER.pop().drop()


@pytest.fixture(autouse=True)
def _empty_databases() -> Iterator[None]:
    """Nothing of one test is left for the next, least of all in a server's database."""
    yield
    close_all()
    if SERVER:
        SERVER[0].release()


@pytest.fixture(scope="session")
def volume(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """Choose between a number for everyday and the full one."""
    full = pytestconfig.getoption("--volume") == "full"
    return lambda small, whole: whole if full else small


@pytest.fixture
def host() -> Host:
    """A host app on a database in memory."""
    return make_host()


@pytest.fixture
def file_host(tmp_path: Path) -> Host:
    """A host app on a database file, which several threads may use at once."""
    return make_host(SQLALCHEMY_DATABASE_URI=file_uri(tmp_path))


@pytest.fixture
def app_context(host: Host) -> Iterator[AppContext]:
    """An app context of the host, as a view or a command has it."""
    with host.app.app_context() as pushed:
        yield pushed


@pytest.fixture(scope="session")
def _sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer(allow_local_urls=True, processing_seconds=0.0) as server:
        yield server


@pytest.fixture
def vendor(_sandbox_server: SandboxServer) -> Vendor:
    """A simulated vendor that processes at once and sends no callbacks by itself."""
    made = Vendor(_sandbox_server)
    made.reset()
    return made
