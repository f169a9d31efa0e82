"""What is done on a page to bring it into a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

Act = Callable[["Page"], None]


def press(words: str) -> Act:
    """Press the button of these words."""
    return lambda page: page.get_by_role("button", name=words, exact=True).click()


def filled_in(values: dict[str, str], button: str) -> Act:
    """Fill in fields by their names, then press a button."""

    def act(page: Page) -> None:
        for name, value in values.items():
            page.locator(f"[name={name}]").fill(value)
        press(button)(page)

    return act


def too_long(name: str, button: str) -> Act:
    """Send more than the field takes, as a browser does that does not know the limit."""

    def act(page: Page) -> None:
        field = page.locator(f"[name={name}]")
        field.evaluate("it => it.removeAttribute('maxlength')")
        field.fill("x" * 201)
        press(button)(page)

    return act


def state_claim(
    page: Page, country: str = "AUT", number: str = "U7301945", name: str = "Lena Marie Gruber"
) -> None:
    """Fill in the claim form."""
    page.get_by_label("Document", exact=True).select_option("passport")
    page.get_by_label("Issued by").select_option(country)
    page.get_by_label("Full name").fill(name)
    page.get_by_label("Document number").fill(number)
    page.get_by_label("Where are you now?").select_option("AUT")
    page.get_by_label("I agree").check()


def claim(button: str) -> Act:
    """Fill in the claim form and send it."""

    def act(page: Page) -> None:
        state_claim(page)
        press(button)(page)

    return act


def with_old_token(words: str) -> Act:
    """Press a button of a form that was open for too long."""

    def act(page: Page) -> None:
        page.locator("input[name=csrf_token]").evaluate_all(
            "found => found.forEach(each => each.value = 'old')"
        )
        press(words)(page)

    return act


def overtaken(page: Page) -> None:
    """Decide on what stood differently when the page was opened."""
    page.locator("input[name=seen]").evaluate("it => it.value = 'processing'")
    page.get_by_label("Reason").fill("Seen in our branch.")
    press("Approve and next")(page)
