"""What people do at their browsers, step by step, and what their host remembers of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import requests
from sqlalchemy import select

from flask_idverify.models import Verification
from tests.browser.acts import claim, press
from tests.flows.conftest import World

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: The vendor thinks until its clock is pushed on.
THINKS = 3600
#: The page takes its token out of the address.
VENDOR_PAGE = re.compile(r"/web/(v4/app|client)(\?|$)")
ATTEMPT_PAGE = re.compile(r"/identity/verifications/[^/]+$|/identity/verifications/[^/]+\?")


class Journey:
    """A user of a world at their browser."""

    def __init__(self, world: World, page: Page, email: str = "lena@example.com") -> None:
        self.world = world
        self.page = page
        with world.host.app.app_context():
            self.id = world.host.add_user(email).id
        self.sign_in(page)

    def sign_in(self, page: Page) -> None:
        """Sign in at a window."""
        page.goto(f"{self.world.base}/login/{self.id}")

    def start(self) -> None:
        """Open the start page, state the claim and send it."""
        self.page.goto(f"{self.world.base}/identity/")
        claim("Verify identity")(self.page)

    def reach_vendor(self) -> None:
        """Wait until the browser has gone on to the vendor by itself."""
        from playwright.sync_api import expect

        # Not wait_for_url: of two pages on their way, the one that gives way is no failure.
        expect(self.page).to_have_url(VENDOR_PAGE)
        self.page.wait_for_load_state()

    def hand_in(self, scenario: str = "approve", **paper: str) -> None:
        """Go through the vendor's page, and come back."""
        self.page.get_by_role("radio", name=re.compile(rf"^{scenario} ")).check()
        for name, value in paper.items():
            self.page.locator(f"[name={name}]").fill(value)
        press("Hand in the pictures")(self.page)
        self.page.wait_for_url(ATTEMPT_PAGE)

    def go_through(self, scenario: str = "approve", **paper: str) -> None:
        """Start, take the pictures, come back."""
        self.start()
        self.reach_vendor()
        self.hand_in(scenario, **paper)

    def reads(self, heading: str) -> None:
        """Wait for the page of this name."""
        self.page.get_by_role("heading", level=1, name=heading).wait_for()

    def attempts(self) -> list[str]:
        """Return the statuses of this user's attempts, oldest first."""
        with self.world.host.app.app_context():
            rows = self.world.host.db.session.scalars(
                select(Verification)
                .where(Verification.user_id == str(self.id))
                .order_by(Verification.created_at)
            )
            return [str(row.status) for row in rows]


def decide_now(sandbox_url: str) -> None:
    """Let the vendor come to its decision and tell us, and wait until it has."""
    for path, body in (("clock", {"advance": THINKS}), ("settle", {"timeout": 20})):
        answer = requests.post(f"{sandbox_url}/_sandbox/{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text


def focus_of(page: Page) -> dict[str, Any]:
    """Return what has the focus: its words, and whether one can see that it has it."""
    found: dict[str, Any] = page.evaluate(
        """() => {
          const it = document.activeElement, look = getComputedStyle(it);
          const box = it.getBoundingClientRect();
          return {
            tag: it.tagName.toLowerCase(),
            name: it.name || it.id,
            words: (it.innerText || it.value || "").trim(),
            outlined: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
            inside: box.bottom > 0 && box.top < innerHeight && box.width > 0 && box.height > 0,
          };
        }"""
    )
    return found
