"""Every page in each of its states: readable by all, at any width, in both schemes, and quiet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_idverify import audit_walk
from flask_idverify.queries import log
from tests.browser.acts import press
from tests.browser.eyes import LOOKS, Eyes, watched
from tests.browser.pages import PAGES, Shown, named, opened, readable
from tests.browser.scene import Filled, Scene
from tests.browser.visitors import Visitors
from tests.hosts import make_host


def test_every_page_of_ours_is_looked_at() -> None:
    """A new page has to be written down in tests/browser/pages.py."""
    assert readable(make_host(tables=False).app) == named(PAGES)


def test_every_entry_has_a_name_of_its_own() -> None:
    names = [str(page) for page in PAGES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("shown", PAGES, ids=str)
def test_page(
    shown: Shown,
    filled: Filled,
    empty: Scene,
    visitors: Visitors,
    eyes: Eyes,
    volume: Callable[[int, int], int],
) -> None:
    """No barrier that a machine can find, no sideways scrolling, nothing blocked or broken."""
    scene = empty if shown.bare else filled
    page = visitors.of(scene, shown.who)
    with watched(page, (shown.status,)) as told:
        LOOKS[0].take(page)
        opened(page, scene, shown)
        told.extend(eyes.examine(page, str(shown), LOOKS[: volume(2, 4)]))
    assert not told, "\n".join(told)


def test_a_check_in_portions_says_how_far_it_came_and_goes_on(
    filled: Filled, visitors: Visitors, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "PAGE", 15)
    monkeypatch.setattr(log, "PORTION_SECONDS", 0.0)
    page = visitors.of(filled, "admin")
    with watched(page) as told:
        page.goto(f"{filled.base}/identity/admin/audit")
        press("Check the whole log")(page)
        page.get_by_role("heading", name="There is more").wait_for()
        page.wait_for_load_state()
        told.extend(eyes.examine(page, "admin.audit-portion", LOOKS[:2]))
        for _ in range(20):
            if not page.get_by_role("button", name="Go on").count():
                break
            with page.expect_navigation():
                press("Go on")(page)
        page.get_by_text("1 chain does not hold").wait_for()
        assert page.get_by_text("Show this chain").count() == 1
    assert not told, "\n".join(told)
