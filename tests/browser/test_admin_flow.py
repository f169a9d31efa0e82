"""Admins set everything up, decide a doubtful case and erase a person, at a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.acts import press, state_claim
from tests.browser.eyes import DESK, PHONE, watched
from tests.browser.journey import VENDOR_PAGE, Journey
from tests.browser.serving import strict
from tests.flows.conftest import World, make_world

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["make_world"]

SECRET = "sandbox-secret"


class Desk:
    """An admin at their browser."""

    def __init__(self, world: World, page: Page) -> None:
        self.world = world
        self.page = page
        with world.host.app.app_context():
            self.id = world.host.add_user("admin@example.com", is_admin=True).id
        page.goto(f"{world.base}/login/{self.id}")
        page.goto(f"{world.base}/identity/admin/")

    def tab(self, name: str) -> None:
        """Go to one of the sections."""
        self.page.get_by_role("navigation", name="Administration").get_by_role(
            "link", name=name
        ).click()
        self.page.locator(f"[aria-current=page]:text-is('{name}')").wait_for()

    def press(self, button: str) -> None:
        press(button)(self.page)

    def follow(self, link: str) -> None:
        self.page.get_by_role("link", name=link).first.click()

    def told(self, words: str) -> None:
        """Wait until the page says so."""
        self.page.get_by_text(words).first.wait_for()


def _set_up(desk: Desk) -> None:
    """Add a provider, check it, test it, add an application, link them, set a policy."""
    page = desk.page
    desk.tab("Providers")
    desk.follow("Add a provider")
    page.wait_for_load_state()
    page.get_by_label("Type", exact=True).select_option("Jumio Platform")
    page.get_by_role("group", name="Settings of Jumio Platform").wait_for()
    page.get_by_role("textbox", name="Name").fill("Jumio EU")
    page.get_by_label("Client ID").fill("sandbox-id")
    page.get_by_label("Client Secret").fill(SECRET)
    page.get_by_label("Endpoint").fill(desk.world.sandbox.url)
    desk.press("Add provider")
    desk.told("Jumio EU was added")
    assert SECRET not in page.content()
    desk.press("Check connection")
    page.get_by_role("button", name="Check again").wait_for()
    page.wait_for_load_state()
    steps = page.locator("#check .idv-steps li")
    assert steps.count() > 0
    assert page.locator("#check .idv-mark--bad").count() == 0, steps.all_inner_texts()
    _test(desk)
    desk.tab("Applications")
    desk.follow("Add an application")
    page.get_by_role("textbox", name="Name", exact=True).fill("default")
    page.get_by_role("textbox", name="Display name").fill("Alpenbank")
    desk.press("Add application")
    desk.told("Link a provider to it")
    page.get_by_label("Provider", exact=True).select_option(label="Jumio EU")
    desk.press("Link provider")
    desk.told("Jumio EU was linked")
    page.get_by_role("link", name=re.compile("^Policy ?: Jumio EU$")).click()
    page.get_by_label("Minimum age").fill("18")
    page.get_by_label("Passport").first.check()
    desk.press("Save")
    desk.told("Saved. It applies to verifications that start from now on.")
    assert page.get_by_label("Minimum age").input_value() == "18"


def _test(desk: Desk) -> None:
    page = desk.page
    desk.follow("Start a test verification")
    state_claim(page)
    desk.press("Start the test")
    page.get_by_role("heading", level=1, name="Test verification").wait_for()
    with page.context.expect_page() as opened:
        desk.follow("Open the vendor's page")
    tab = opened.value
    tab.wait_for_url(VENDOR_PAGE)
    press("Hand in the pictures")(tab)
    tab.get_by_text("The whole way works").wait_for()
    tab.close()
    page.reload()
    desk.told("The whole way works")


def _decide(desk: Desk) -> None:
    """Find the doubtful attempt, look at it and its pictures, and approve it."""
    from playwright.sync_api import expect

    page = desk.page
    desk.tab("Overview")
    desk.told("waits for a person to decide")
    desk.tab("Verifications")
    page.get_by_label("Status").select_option("In review")
    page.get_by_label("Kind").select_option("Users")
    desk.press("Filter")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    rows.first.get_by_role("link").first.click()
    page.get_by_role("heading", level=1, name="Verification").wait_for()
    desk.follow("Show the pictures")
    pictures = page.locator("img.idv-picture")
    pictures.first.wait_for()
    page.wait_for_load_state()
    for number in range(pictures.count()):
        assert pictures.nth(number).evaluate("it => it.decode().then(() => it.naturalWidth)") > 0
    desk.press("Approve")
    desk.told("Please give a reason.")
    page.get_by_label("Reason").fill("Seen in our branch, with the papers.")
    desk.press("Approve")
    desk.told("Approved, with your user ID.")
    desk.told("Seen in our branch, with the papers.")


def _erase(desk: Desk, user_id: int) -> None:
    page = desk.page
    page.get_by_role("link", name=str(user_id), exact=True).click()
    page.get_by_role("heading", name="Reset").wait_for()
    page.locator("#erase").get_by_role("textbox").fill("Letter of 3 May.")
    page.locator("#erase").get_by_role("checkbox").check()
    desk.press("Erase personal data")
    desk.told("The personal data was erased")
    page.wait_for_load_state()
    shown = page.locator("main").inner_text()
    assert "Lena" not in shown
    for said in ("Personal data erased", "Approved", "2 pictures looked at"):
        assert said in shown, shown


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_admin_sets_up_decides_and_erases(
    make_world: Callable[..., World], window: Callable[..., Page], width: int
) -> None:
    world = make_world(None)
    strict(world.host.app)
    size = {"viewport": {"width": width, "height": 844}}
    desk = Desk(world, window(**size))
    with watched(desk.page, (422,)) as told:
        desk.told("No provider is set up")
        _set_up(desk)
        lena = Journey(world, window(**size))
        lena.go_through("face-unclear")
        lena.reads("In review")
        assert lena.attempts() == ["in_review"]
        _decide(desk)
        assert lena.attempts() == ["approved"]
        _erase(desk, lena.id)
    assert told == []
    assert not re.search("Lena|Gruber", desk.page.content())
