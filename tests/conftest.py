"""Fixtures shared by all tests; what only one room needs stands with its tests."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from flask.ctx import AppContext
from hypothesis import settings

from flask_idverify.sandbox import SandboxServer
from tests import compiled, figures
from tests.databases import SERVER, Databases, file_uri
from tests.hosts import MADE, Host, close_all, make_host
from tests.vendor import Vendor

#: They open no database, so that another engine has nothing to say; each test is held to it.
NO_DATABASE = (
    *("adapters/", "sandbox/", "test_architecture.py", "test_countries.py", "test_matching.py"),
    *("test_networks.py", "test_package.py", "test_policy.py", "test_safe_json.py"),
)
#: Nor has it here: they name their engines themselves, or look at the example and at pages alone.
OWN_DATABASES = (
    *("browser/", "example/", "faults/test_celery.py", "faults/test_races.py"),
    *("security/test_rotation_under_load.py", "test_engines.py", "test_suite.py"),
)
#: The longest first: what comes last keeps one core busy alone.
LONG = ("faults/", "security/", "browser/")
_TESTS = Path(__file__).parent

T = TypeVar("T", pytest.TestReport, pytest.CollectReport)

compiled.share()
# A third of the time went into looking for cycles among what lives as long as the run.
gc.set_threshold(20_000, 20, 20)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--volume",
        choices=("small", "full"),
        default=os.environ.get("IDVERIFY_TEST_VOLUME", "small"),
        help="How many inputs, rows and kills; IDVERIFY_TEST_VOLUME says so too.",
    )
    parser.addoption(
        "--seed",
        default=os.environ.get("IDVERIFY_TEST_SEED", "1"),
        help="What chance begins with: a number, or 'random'; IDVERIFY_TEST_SEED says so too.",
    )
    parser.addoption(
        "--database-url",
        help="Run on this server instead of SQLite, e.g. postgresql+psycopg://postgres@127.0.0.1/test",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(figures)
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False  # it would begin with the files of most tests
    fresh = config.getoption("--seed") == "random"
    if fresh:
        config.option.seed = str(random.SystemRandom().randrange(10**6))
    else:
        _draw_nothing_from_source()
    settings.register_profile(
        "idverify", derandomize=not fresh, database=None, deadline=None, print_blob=True
    )
    settings.load_profile("idverify")
    url = config.getoption("--database-url")
    if url:
        SERVER.append(Databases(url))


def _draw_nothing_from_source() -> None:
    """Let inputs depend on the seed and their strategy alone.

    Newer Hypothesis also draws what stands in the code of all modules that happen to be imported:
    an edit anywhere, or one test more in the run, would change every input.
    """
    with contextlib.suppress(ImportError):
        from hypothesis.internal.conjecture import providers

        vars(providers)["is_local_module_file"] = lambda _path: False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marks = {"sqlite"} if SERVER else set()
    marks |= {"full"} if config.getoption("--volume") == "small" else set()
    rooms = NO_DATABASE + OWN_DATABASES if SERVER else ()
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        left_out = any(map(item.get_closest_marker, marks)) or _is_in(item, rooms)
        (others if left_out else kept).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = sorted(kept, key=_rank)


def _rank(item: pytest.Item) -> int:
    return next((place for place, room in enumerate(LONG) if _is_in(item, (room,))), len(LONG))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def _is_in(item: pytest.Item, rooms: tuple[str, ...]) -> bool:
    return item.path.is_relative_to(_TESTS) and (
        item.path.relative_to(_TESTS).as_posix().startswith(rooms)
    )


def _ran(report: T) -> T:
    """Make a failure of a skip with ``CI=true``: what did not run has shown nothing."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"skipped with CI=true: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _ran((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _ran((yield))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    terminalreporter.write_line(
        f"volume {config.getoption('--volume')}, IDVERIFY_TEST_SEED={config.getoption('--seed')}"
    )


def pytest_unconfigure() -> None:
    while SERVER:
        SERVER.pop().drop()


@pytest.fixture(autouse=True)
def _empty_databases(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing of one test is left for the next, least of all in a server's database."""
    known = len(MADE)  # of fixtures that outlive a test
    yield
    opened = len(MADE) > known
    close_all()
    assert not (opened and _is_in(request.node, NO_DATABASE)), "take this off NO_DATABASE"
    if SERVER:
        SERVER[0].release()


@pytest.fixture(autouse=True)
def _no_celery_app_left() -> Iterator[None]:
    """Celery keeps the newest app as the process's own; that of another test has another host."""
    yield
    state = sys.modules.get("celery._state")
    if state is not None:
        state.set_default_app(None)
        state._set_current_app(None)


@pytest.fixture(scope="session")
def volume(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """Choose between a number for everyday and the full one."""
    full = pytestconfig.getoption("--volume") == "full"
    return lambda small, whole: whole if full else small


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """What chance begins with: the same in each run, unless ``--seed`` says otherwise."""
    return int(pytestconfig.getoption("--seed"))


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
