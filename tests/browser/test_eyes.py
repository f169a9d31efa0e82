"""What looks at our pages sees what is wrong with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.eyes import LOOKS, Eyes, watched
from tests.browser.serving import STRICT

if TYPE_CHECKING:
    from playwright.sync_api import Page

BAD = """<!doctype html><html lang="en"><head><title>Bad</title></head><body>
<main><h1>Bad</h1><img src="/none.png"><p class="wide">W</p>
<script>document.title = "never"</script><style>.wide { inline-size: 3000px }</style></main>"""
GOOD = "<!doctype html><html lang='en'><title>Good</title><main><h1>Good</h1></main>"


def _show(page: Page, body: str, policy: str = STRICT) -> list[str]:
    page.route("**/none.png", lambda route: route.fulfill(status=404))
    page.route(
        "**/page",
        lambda route: route.fulfill(
            body=body, content_type="text/html", headers={"Content-Security-Policy": policy}
        ),
    )
    with watched(page) as told:
        page.goto("http://page.test/page")
    return told


def test_blocked_code_and_missing_files_are_noticed(page: Page) -> None:
    told = "\n".join(_show(page, BAD))
    for what in ("inline script", "inline style", "404"):
        assert what in told


def test_barriers_and_sideways_scrolling_are_noticed(page: Page, eyes: Eyes) -> None:
    _show(page, BAD, policy="default-src 'self' 'unsafe-inline'")
    told = "\n".join(eyes.faults(page))
    assert "image-alt" in told
    assert 'scrolls sideways: 3008 px in 1280 px: <p class="wide">' in told


def test_nothing_is_wrong_with_a_plain_page(page: Page, eyes: Eyes) -> None:
    assert _show(page, GOOD) == []
    for look in LOOKS:
        look.take(page)
        assert eyes.faults(page) == []
