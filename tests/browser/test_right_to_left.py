"""In a language that is written from right to left, pages are mirrored and nothing sticks out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_idverify import i18n
from tests.browser.eyes import LOOKS, Eyes
from tests.browser.pages import PAGES, Shown, opened
from tests.browser.scene import Filled
from tests.browser.visitors import Visitors

#: One of each layout: form, result, table, comparison, list of links, settings.
FEW = {
    "start-new",
    "verification-blurred",
    "admin.overview-filled",
    "admin.provider-used",
    "admin.application-filled",
    "admin.link-filled",
    "admin.verifications-filled",
    "admin.verification-twin",
    "admin.identity-owed",
}
MIRRORED = [
    pytest.param(shown, id=str(shown), marks=() if str(shown) in FEW else pytest.mark.full)
    for shown in PAGES
    if shown.act is None and not shown.bare
]


@pytest.mark.parametrize("shown", MIRRORED)
def test_mirrored_page_fits(
    shown: Shown,
    filled: Filled,
    visitors: Visitors,
    eyes: Eyes,
    monkeypatch: pytest.MonkeyPatch,
    volume: Callable[[int, int], int],
) -> None:
    # As Flask-Babel says it of an Arabic page; the words stay ours, which are as long.
    monkeypatch.setattr(i18n, "language", lambda: "ar")
    page = visitors.of(filled, shown.who)
    opened(page, filled, shown)
    assert page.evaluate("getComputedStyle(document.querySelector('main')).direction") == "rtl"
    for look in LOOKS[: volume(2, 4)]:
        look.take(page)
        eyes.photograph(page, f"rtl-{shown}-{look}")
        assert eyes.overflow(page) == []


def test_the_few_are_pages() -> None:
    assert {str(shown) for shown in PAGES} >= FEW
