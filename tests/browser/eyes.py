"""What looks at a page: axe, the console, the width, and a camera."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Request

#: WCAG 2.2 at level AA, which contains its earlier versions.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

#: Only what is wrong comes back, since all the rest is a hundred times as much. Two selects of all
#: countries have 500 options, which the browser draws itself.
_AXE = """async (tags) => {
  const found = await axe.run(
    {exclude: [["option"]]},
    {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]},
  );
  return found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${rule.help}: ${node.html}: ${node.failureSummary}`,
  ));
}"""


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    width: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"

    def take(self, page: Page) -> None:
        """Make the window look so, without loading anything again."""
        page.emulate_media(color_scheme=self.scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": self.width, "height": 844 if self.width < 500 else 900})


DESK, PHONE = 1280, 390
#: The first two have both widths and both schemes between them.
LOOKS = [Look(DESK, "light"), Look(PHONE, "dark"), Look(PHONE, "light"), Look(DESK, "dark")]


class Eyes:
    """Finds what is wrong with a page, and keeps a picture of it."""

    def __init__(self, folder: Path) -> None:
        from axe_playwright_python.sync_playwright import Axe

        self._script = Axe().axe_script
        self._folder = folder

    def examine(self, page: Page, name: str, looks: Iterable[Look]) -> list[str]:
        """Return what is wrong with a page in any of these looks; keep a picture of each."""
        told = []
        for look in looks:
            look.take(page)
            self.photograph(page, f"{name}-{look}")
            told += [f"{look}: {fault}" for fault in self.faults(page)]
        # What 1280 px leave at four times the size (WCAG 1.4.10).
        page.set_viewport_size({"width": 320, "height": 640})
        return told + [f"320: {fault}" for fault in self.overflow(page)]

    def faults(self, page: Page) -> list[str]:
        """Return what axe objects to, and whether the page is wider than the window."""
        if not page.evaluate("'axe' in window"):
            page.evaluate(self._script)
        told: list[str] = page.evaluate(_AXE, RULES)
        return told + self.overflow(page)

    def overflow(self, page: Page) -> list[str]:
        """Return who makes the page wider than the window, if anything does."""
        width, room = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        if width <= room:
            return []
        return [f"scrolls sideways: {width} px in {room} px: {self._widest(page)}"]

    def _widest(self, page: Page) -> Any:
        """Return who sticks out furthest."""
        return page.evaluate(
            """() => {
              const edge = (it) => Math.max(it.getBoundingClientRect().right,
                innerWidth - it.getBoundingClientRect().left);
              const all = [...document.querySelectorAll("body *")];
              const found = all.reduce((one, other) => edge(other) > edge(one) ? other : one);
              return found.outerHTML.slice(0, 200);
            }"""
        )

    def photograph(self, page: Page, name: str) -> None:
        """Keep a picture of the whole page."""
        page.screenshot(path=self._folder / f"{name}.png", full_page=True, animations="disabled")


@contextmanager
def watched(page: Page, statuses: tuple[int, ...] = (200,)) -> Iterator[list[str]]:
    """Collect whatever a page complains of: errors, warnings, blocked or failed requests.

    :param statuses: of answers that may be shown; a browser complains of those above 399.
    """
    told: list[str] = []
    expected = tuple(f"responded with a status of {status}" for status in statuses)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(
            text in message.text for text in expected
        ):
            told.append(f"{message.type}: {message.text} ({message.location})")

    def failed(request: Request) -> None:
        if request.failure == "net::ERR_ABORTED":
            return  # the browser went on to another page meanwhile
        told.append(f"not loaded: {request.url}: {request.failure}")

    def thrown(error: Any) -> None:
        told.append(f"thrown: {error}")

    page.on("console", heard)
    page.on("requestfailed", failed)
    page.on("pageerror", thrown)
    try:
        yield told
    finally:
        page.remove_listener("console", heard)
        page.remove_listener("requestfailed", failed)
        page.remove_listener("pageerror", thrown)
