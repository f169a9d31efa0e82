"""Signed-in people, each with a window that is opened once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.browser.scene import Scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

#: Our pages are served without TLS, real vendors' never.
VENDORS = re.compile("^https://")


class Visitors:
    """Opens windows for people of scenes; nobody's is shared."""

    def __init__(self, browser: Browser, patience: float) -> None:
        self._browser = browser
        self._patience = patience
        self._known: dict[tuple[int, str], Page] = {}
        self._contexts: list[BrowserContext] = []

    def of(self, scene: Scene, name: str) -> Page:
        """Return somebody's window; an empty name is nobody's, signed out."""
        key = (id(scene), name)
        if key not in self._known:
            context = self._browser.new_context()
            context.set_default_timeout(self._patience)
            # The page that leads on by itself stays: an answer without content changes nothing.
            context.route(VENDORS, lambda route: route.fulfill(status=204))
            self._contexts.append(context)
            self._known[key] = context.new_page()
            if name:
                self._known[key].goto(f"{scene.base}/login/{scene.people[name]}")
        return self._known[key]

    def close(self) -> None:
        """Close all windows."""
        for context in self._contexts:
            context.close()
