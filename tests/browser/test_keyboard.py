"""Without a mouse: everything is reached, seen and pressed by Tab, Enter and Space."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.acts import press
from tests.browser.eyes import watched
from tests.browser.journey import Journey, focus_of
from tests.browser.scene import Filled
from tests.browser.serving import strict
from tests.browser.visitors import Visitors
from tests.flows.conftest import World, make_world

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["make_world"]

#: What can be used, and so must be reached; of radio buttons one is enough.
_USABLE = """() => [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
)].filter((it) => !it.disabled && it.checkVisibility()).length"""


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A strict host, and a vendor that answers at once."""
    made = make_world()
    strict(made.host.app)
    return made


def _tab(page: Page) -> dict[str, Any]:
    page.keyboard.press("Tab")
    found = focus_of(page)
    assert found["outlined"], f"one cannot see where the focus is: {found}"
    assert found["inside"], f"the focus is out of sight: {found}"
    return found


def _tab_to(page: Page, name: str) -> None:
    """Go on to the field or control of this name or these words."""
    for _ in range(40):
        found = _tab(page)
        if name in (found["name"], found["words"]):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_the_whole_way_by_keyboard_alone(world: World, page: Page) -> None:
    lena = Journey(world, page)
    page.goto(f"{world.base}/identity/")
    keys = page.keyboard
    for field, typed in (
        ("id_type", "Passport"),
        ("country", "Austria"),
        ("real_name", "Lena Marie Gruber"),
        ("id_number", "U7301945"),
        ("location_country", "Austria"),
    ):
        _tab_to(page, field)
        keys.type(typed)
    _tab_to(page, "consent")
    keys.press("Space")
    _tab_to(page, "Verify identity")
    keys.press("Enter")
    lena.reach_vendor()
    page.go_back()
    lena.reads("You have a verification under way")
    _tab_to(page, "Continue with the pictures")
    keys.press("Enter")
    lena.reach_vendor()
    for _ in range(60):
        keys.press("Tab")
        if focus_of(page)["words"] == "Hand in the pictures":
            break
    keys.press("Space")
    lena.reads("Your identity is verified")
    _tab_to(page, "Go to my verification")
    keys.press("Enter")
    page.get_by_role("heading", name="What was verified").wait_for()


def test_the_first_tab_offers_to_skip_what_every_page_has(world: World, page: Page) -> None:
    Journey(world, page)
    page.goto(f"{world.base}/identity/")
    assert _tab(page)["words"] == "Skip to the content"
    page.keyboard.press("Enter")
    assert _tab(page)["name"] == "id_type"


def test_refused_form_says_what_is_wrong_where_the_focus_is(world: World, page: Page) -> None:
    """Whoever cannot see the page hears the summary first; each line leads to its field."""
    from playwright.sync_api import expect

    Journey(world, page)
    page.goto(f"{world.base}/identity/")
    press("Verify identity")(page)
    page.get_by_text("Please correct what is marked below.").wait_for()
    expect(page.locator("#idv-error-summary")).to_be_focused()
    _tab(page)
    page.keyboard.press("Enter")
    assert focus_of(page)["name"] == "id_type"
    described = page.locator("#id_type").get_attribute("aria-describedby")
    assert described
    told = [page.locator(f"#{name}").inner_text() for name in described.split()]
    assert "Please choose a document." in " ".join(told)


@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("newcomer", "/"),
        ("capturing", "/verifications/{capturing}"),
        ("verified", "/"),
        ("admin", "/admin/"),
        ("admin", "/admin/providers/{provider}"),
        ("admin", "/admin/applications/{application default}"),
        ("admin", "/admin/applications/{application default}/links/{link default}"),
        ("admin", "/admin/verifications"),
        ("admin", "/admin/verifications/{unclear}"),
        ("admin", "/admin/reviews"),
        ("admin", "/admin/audit"),
        ("admin", "/admin/identities/{identity of verified}"),
    ],
)
@pytest.mark.parametrize("width", [1280, 390])
def test_tab_reaches_all_there_is_to_use_and_shows_where_it_is(
    filled: Filled, visitors: Visitors, who: str, address: str, width: int
) -> None:
    page = visitors.of(filled, who)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{filled.base}/identity{address.format_map(filled.ids)}")
    for _ in range(page.evaluate(_USABLE)):
        _tab(page)


def test_the_queue_of_reviews_is_worked_off_by_keyboard_alone(
    world: World, window: Callable[..., Page]
) -> None:
    """Tab, Enter, the reason, Tab, Enter: and the next one stands there."""
    from playwright.sync_api import expect

    people = [Journey(world, window(), f"{name}@example.com") for name in ("lena", "karl", "eva")]
    for person in people:
        person.go_through("face-unclear")
        person.reads("In review")
    page = window()
    with world.host.app.app_context():
        admin = world.host.add_user("admin@example.com", is_admin=True).id
    page.goto(f"{world.base}/login/{admin}")
    page.goto(f"{world.base}/identity/admin/")
    keys = page.keyboard
    _tab_to(page, "Reviews 3\nwaiting")
    keys.press("Enter")
    page.get_by_role("heading", level=1, name="Reviews").wait_for()
    _tab_to(page, "Begin with the oldest")
    keys.press("Enter")
    with watched(page) as told:
        for left, button in (
            ("3 wait, this one", "Approve and next"),
            ("2 wait, this one", "Reject and next"),
            ("1 waits, this one", "Approve"),
        ):
            page.get_by_text(left).wait_for()
            page.wait_for_load_state()
            expect(page.get_by_role("navigation", name="Queue")).to_be_focused()
            assert _tab(page)["words"] == "Decide", "the first step from where the page begins"
            keys.press("Enter")
            expect(page.locator("[name=reason]")).to_be_focused()
            keys.type("Seen in our branch.")
            _tab_to(page, button)
            keys.press("Enter")
        page.get_by_text("Nothing waits for a decision").wait_for()
    assert told == []
    assert [person.attempts() for person in people] == [["approved"], ["rejected"], ["approved"]]
