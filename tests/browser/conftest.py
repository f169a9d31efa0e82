"""One browser for the room, and a new window for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_idverify.sandbox import SandboxServer
from tests.browser.eyes import Eyes
from tests.browser.scene import Filled, Scene
from tests.browser.serving import kept
from tests.browser.visitors import Visitors
from tests.hosts import make_host
from tests.vendor import Vendor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Debian's package; `playwright install` brings others, which this room does not need.
CHROMIUM = os.environ.get("IDVERIFY_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Milliseconds; much longer than anything here takes on a busy machine.
PATIENCE = 60_000
SCREENSHOTS = Path(os.environ.get("IDVERIFY_SCREENSHOTS") or Path(__file__).parent / "screenshots")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; without it everything here is skipped, loudly."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        pytest.skip("NO PLAYWRIGHT: no page was seen in a browser; pip install -e '.[test]'")
    if not Path(CHROMIUM).exists():
        pytest.skip(
            f"NO CHROMIUM at {CHROMIUM}: no page was seen in a browser; "
            "install Debian's chromium, or name another in IDVERIFY_CHROMIUM"
        )
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a window of its own: no cookies, watched by :class:`Eyes`."""
    opened = []

    def open_window(**settings: Any) -> Page:
        settings.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(**settings)
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        return context.new_page()

    yield open_window
    for context in opened:
        context.close()


@pytest.fixture
def page(window: Callable[..., Page]) -> Page:
    """A window at the width of a desk."""
    return window()


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Filled]:
    """A served host with one of everything. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("filled")
    with SandboxServer(allow_local_urls=True, processing_seconds=0.0) as server:
        vendor = Vendor(server)
        vendor.reset()
        host = make_host(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/host.db",
            IDVERIFY_AUDIT_SIGNING_KEY="S" * 43,
        )
        with kept(host) as base:
            yield Filled(host, base, vendor)


@pytest.fixture(scope="package")
def empty(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Scene]:
    """A served host on which nothing has happened yet."""
    folder = tmp_path_factory.mktemp("empty")
    host = make_host(SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/host.db")
    with kept(host) as base:
        scene = Scene(host, base)
        scene.add("newcomer")
        yield scene


@pytest.fixture(scope="package")
def visitors(browser: Browser) -> Iterator[Visitors]:
    """Everybody's window, kept from test to test."""
    made = Visitors(browser, PATIENCE)
    yield made
    made.close()


@pytest.fixture(scope="package")
def eyes(browser: Browser) -> Eyes:
    """What looks at a page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return Eyes(SCREENSHOTS)
