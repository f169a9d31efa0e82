"""Users go the whole way in a real browser: at a desk, on a phone, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from example_app.seed import PEOPLE
from example_app.serving import Site, running
from flask_idverify.web import user_state
from tests.browser.acts import claim, press, state_claim
from tests.browser.eyes import watched
from tests.browser.journey import ATTEMPT_PAGE, THINKS, VENDOR_PAGE, Journey, decide_now
from tests.browser.serving import strict
from tests.flows.conftest import World, make_world
from tests.vendor import GENERATIONS

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["make_world"]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
VERIFIED = "Your identity is verified"
LENA = PEOPLE[0]


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A strict host, and a vendor that answers at once."""
    made = make_world()
    strict(made.host.app)
    return made


@pytest.fixture
def bank(tmp_path: Path, browser: object) -> Iterator[Site]:
    """The example's bank, whose vendor takes its time."""
    with running(tmp_path, processing_seconds=THINKS) as made:
        yield made


def test_customer_of_the_bank_is_led_to_the_vendor_and_back_and_into_the_safe(
    bank: Site, page: Page
) -> None:
    """Through the host's own skeleton and policy; the status page sees the result by itself."""
    page.clock.install()
    with watched(page) as told:
        page.goto(f"{bank.url}/safe-deposit")
        page.get_by_label("E-mail").fill(LENA.email)
        page.get_by_label("Password").fill(LENA.password)
        press("Sign in")(page)
        page.get_by_role("heading", level=1, name="Verify your identity").wait_for()
        claim("Verify identity")(page)
        page.get_by_role("heading", level=1, name="On to your pictures").wait_for()
        page.clock.run_for(1000)
        page.wait_for_url(VENDOR_PAGE)
        press("Hand in the pictures")(page)
        page.wait_for_url(ATTEMPT_PAGE)
        assert "This page renews itself" in page.locator("main").inner_text()
        decide_now(bank.sandbox_url)
        # The page looks again after five seconds, and once more where the result came in between.
        for _ in range(20):
            page.clock.run_for(5000)
            if page.get_by_role("heading", name=VERIFIED).count():
                break
            page.wait_for_timeout(50)
        page.get_by_role("link", name="Continue", exact=True).click()
        page.wait_for_url(f"{bank.url}/safe-deposit")
        page.goto(f"{bank.url}/account")
        locked = page.locator("[name=real_name]")
        assert locked.input_value() == "Lena Marie Gruber"
        assert not locked.is_editable()
        page.goto(f"{bank.url}/identity/")
        page.get_by_role("heading", level=1, name=VERIFIED).wait_for()
        assert page.locator("form input:visible").count() == 0
    assert told == []


@pytest.mark.parametrize("kind", GENERATIONS)
def test_the_whole_way_on_a_phone_without_javascript(
    make_world: Callable[..., World],
    window: Callable[..., Page],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """Each page that leads on by itself does so by its own refresh."""
    monkeypatch.setattr(user_state, "_PACE", ((timedelta(minutes=2), 1),))
    world = make_world(kind)
    strict(world.host.app)
    world.sandbox.sandbox.set_defaults(processing_seconds=THINKS)
    lena = Journey(world, window(java_script_enabled=False, **PHONE))
    lena.start()
    lena.reads("On to your pictures")
    lena.reach_vendor()
    lena.hand_in()
    assert "This page renews itself" in lena.page.locator("main").inner_text()
    decide_now(world.sandbox.url)
    lena.reads(VERIFIED)
    lena.page.get_by_role("link", name="Go to my verification").click()
    lena.page.get_by_role("heading", name="What was verified").wait_for()
    assert lena.attempts() == ["approved"]


def test_two_clicks_on_the_button_start_one_attempt(world: World, page: Page) -> None:
    """The second comes while the vendor still thinks about the first."""
    lena = Journey(world, page)
    vendor = world.sandbox.sandbox
    page.goto(f"{world.base}/identity/")
    state_claim(page)
    button = page.get_by_role("button", name="Verify identity")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    where = box["x"] + 5, box["y"] + 5
    with vendor.lock:  # until then it answers nobody
        # The bare mouse does not wait for what a click leads to.
        page.mouse.click(*where)
        while lena.attempts() != ["created"]:
            page.wait_for_timeout(10)
        page.mouse.click(*where)
    lena.reach_vendor()
    assert lena.attempts() == ["started"]
    assert len([call for call in vendor.journal() if call["where"] == "start"]) == 1


def test_going_back_from_the_vendor_shows_the_attempt_and_leads_on_to_it(
    world: World, page: Page
) -> None:
    """The page in between is not met again."""
    lena = Journey(world, page)
    lena.start()
    lena.reach_vendor()
    page.go_back()
    lena.reads("You have a verification under way")
    page.get_by_role("link", name="Continue with the pictures").click()
    lena.reach_vendor()
    assert lena.attempts() == ["started"]


def test_the_form_in_two_tabs_leads_to_one_attempt(world: World, page: Page) -> None:
    lena = Journey(world, page)
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{world.base}/identity/")
    for tab in (page, other):
        claim("Verify identity")(tab)
        tab.wait_for_url(VENDOR_PAGE)
    lena.hand_in()
    lena.reads(VERIFIED)
    other.goto(f"{world.base}/identity/")
    assert "What was verified" in other.locator("main").inner_text()
    assert lena.attempts() == ["approved"]


def test_an_unfinished_attempt_is_gone_on_with_and_can_be_given_up(
    world: World, page: Page
) -> None:
    lena = Journey(world, page)
    lena.start()
    lena.reach_vendor()
    press("Leave without finishing")(page)
    page.goto(f"{world.base}/identity/")
    lena.reads("You have a verification under way")
    press("Cancel this verification")(page)
    page.wait_for_url(ATTEMPT_PAGE)
    page.get_by_role("link", name="Try again").click()
    lena.reads("Verify your identity")
    assert page.get_by_label("Document number").input_value() == "U7301945"
    assert lena.attempts() == ["canceled"]


def test_whoever_is_rejected_tries_again_and_is_verified(world: World, page: Page) -> None:
    """What was typed is there again; the consent is asked for anew."""
    lena = Journey(world, page)
    lena.go_through("blurred")
    page.get_by_role("link", name="Try again").click()
    assert page.get_by_label("Full name").input_value() == "Lena Marie Gruber"
    assert not page.get_by_label("I agree").is_checked()
    page.get_by_label("I agree").check()
    press("Verify identity")(page)
    lena.reach_vendor()
    lena.hand_in()
    lena.reads(VERIFIED)
    assert lena.attempts() == ["rejected", "approved"]


def test_whoever_has_used_all_attempts_is_told_until_when(
    make_world: Callable[..., World], page: Page
) -> None:
    world = make_world(IDVERIFY_MAX_ATTEMPTS=1)
    strict(world.host.app)
    lena = Journey(world, page)
    lena.go_through("blurred")
    page.get_by_text("You have used all your attempts for now.").wait_for()
    page.goto(f"{world.base}/identity/")
    lena.reads("No attempts left for now")
    assert "You can try again from" in page.locator("main").inner_text()
    assert page.locator("form").count() == 0


def test_whoever_has_no_camera_is_told_and_can_go_on(world: World, page: Page) -> None:
    """The vendor's error brings the user back with what to do, and a way to go on."""
    lena = Journey(world, page)
    lena.start()
    lena.reach_vendor()
    press("Return with this error")(page)
    page.wait_for_url(ATTEMPT_PAGE)
    assert "camera" in page.get_by_role("status").first.inner_text()
    page.get_by_role("link", name="Continue with the pictures").click()
    lena.reach_vendor()
    assert lena.attempts() == ["started"]
