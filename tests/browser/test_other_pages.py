"""The pages beside ours: the example's bank, ours in its skeleton, and the simulated vendor's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from example_app.extensions import db
from example_app.seed import PEOPLE
from example_app.serving import Site, running
from flask_idverify.models import Verification
from tests.browser.acts import claim, press
from tests.browser.eyes import LOOKS, Eyes, watched
from tests.browser.journey import VENDOR_PAGE
from tests.browser.pages import Shown, bring, named, readable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Milliseconds.
PATIENCE = 60_000


def _typed(button: str, **values: str) -> Callable[[Page], None]:
    """Fill in fields and send them, also what the browser would not let a person send."""

    def act(page: Page) -> None:
        for name, value in values.items():
            field = page.locator(f"[name={name}]")
            field.evaluate("it => { it.readOnly = false; it.form.noValidate = true; }")
            field.fill(value)
        press(button)(page)

    return act


def _unknown_scenario(page: Page) -> None:
    page.get_by_role("radio", name="custom").check()
    _typed("Hand in the pictures", custom_scenario="x")(page)


_NEW = {
    "real_name": "Somebody Else",
    "date_of_birth": "1990-01-01",
    "email": "x@y",
    "password": "short",
}
BANK = [
    Shown("bank.home", "signed-out", "Who you can be", "/", ""),
    Shown("bank.sign_in", "empty", "Who you can be", "/sign-in", ""),
    Shown(
        "bank.sign_in",
        "error",
        "is wrong",
        "/sign-in",
        "",
        _typed("Sign in", email="x@y.example", password="x"),
    ),
    Shown("bank.sign_up", "empty", "invent somebody", "/sign-up", ""),
    Shown("bank.sign_up", "error", "At least 8", "/sign-up", "", _typed("Open an account", **_NEW)),
    Shown("bank.home", "signed-in", "Behind the counter", "/", "jonas"),
    Shown("bank.account", "open", "Leave the bank", "/account", "jonas"),
    Shown(
        "bank.account",
        "error",
        "lies in the future",
        "/account",
        "jonas",
        _typed("Save", date_of_birth="2999-01-01"),
    ),
    Shown("bank.account", "locked", "Locked.", "/account", "lena"),
    Shown(
        "bank.account",
        "forced",
        "",
        "/account",
        "lena",
        _typed("Save", real_name="Donald Duck"),
        status=409,
    ),
    Shown("bank.safe_deposit", "open", "brass compass", "/safe-deposit", "lena"),
    Shown("bank.safe_deposit", "refused", "What will happen", "/safe-deposit", "jonas"),
    Shown("bank.home", "nowhere", "", "/nowhere", "jonas", status=404),
    Shown("idverify.start", "verified", "What was verified", "/identity/", "lena"),
    Shown("idverify_admin.overview", "bank", "Verifications by status", "/identity/admin/", "vera"),
    Shown(
        "idverify_admin.providers",
        "bank",
        "Jumio v4 (simulated)",
        "/identity/admin/providers",
        "vera",
    ),
]
VENDOR = [
    Shown("platform.health", "home", "Control calls", "/"),
    Shown("hosted.page", "form", "Hand in the pictures", ""),
    Shown("hosted.page", "problem", "scenario", "", act=_unknown_scenario, status=400),
    Shown(
        "hosted.page",
        "left",
        "You left without finishing",
        "",
        act=press("Leave without finishing"),
    ),
    Shown(
        "hosted.page", "end", "Something went wrong", "/web/client?authorizationToken=x", status=403
    ),
]


class Bank:
    """The bank and its vendor behind sockets: Lena is verified, Vera has just begun."""

    def __init__(self, site: Site, browser: Browser) -> None:
        self.site = site
        self._browser = browser
        self._windows: dict[str, Page] = {}
        self._start("lena")
        press("Hand in the pictures")(self.window("lena"))
        self.window("lena").get_by_role("heading", name="Your identity is verified").wait_for()
        self._start("vera")
        with site.app.app_context():
            begun = db.session.scalars(select(Verification).filter_by(status="started")).one()
            self.vendor_page = begun.redirect_url or ""

    def window(self, name: str) -> Page:
        """Return somebody's window; an empty name is nobody's."""
        if name not in self._windows:
            page = self._windows[name] = self._browser.new_context().new_page()
            page.set_default_timeout(PATIENCE)
            if name:
                self._sign_in(page, name)
        return self._windows[name]

    def _sign_in(self, page: Page, name: str) -> None:
        (person,) = [person for person in PEOPLE if person.email.startswith(name)]
        page.goto(f"{self.site.url}/sign-in")
        _typed("Sign in", email=person.email, password=person.password)(page)
        page.get_by_role("button", name="Sign out").wait_for()

    def _start(self, name: str) -> None:
        page = self.window(name)
        page.goto(f"{self.site.url}/identity/")
        claim("Verify identity")(page)
        page.wait_for_url(VENDOR_PAGE)

    def close(self) -> None:
        """Close all windows."""
        for page in self._windows.values():
            page.context.close()


@pytest.fixture(scope="module")
def bank(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The bank, which tests leave as it is."""
    with running(tmp_path_factory.mktemp("bank"), processing_seconds=0) as site:
        made = Bank(site, browser)
        yield made
        made.close()


def test_every_page_of_the_bank_is_looked_at(bank: Bank) -> None:
    assert readable(bank.site.app, "bank.") == {
        each for each in named(BANK) if each.startswith("bank.")
    }


@pytest.mark.parametrize("shown", BANK, ids=str)
def test_page_of_the_bank(
    shown: Shown, bank: Bank, eyes: Eyes, volume: Callable[[int, int], int]
) -> None:
    page = bank.window(shown.who)
    with watched(page, (shown.status,)) as told:
        LOOKS[0].take(page)
        bring(page, bank.site.url + shown.address, shown)
        told.extend(eyes.examine(page, f"bank-{shown}", LOOKS[: volume(2, 4)]))
    assert not told, "\n".join(told)


@pytest.mark.parametrize("shown", VENDOR, ids=str)
def test_page_of_the_simulated_vendor(
    shown: Shown, bank: Bank, eyes: Eyes, volume: Callable[[int, int], int]
) -> None:
    page = bank.window("vera")
    address = bank.site.sandbox_url + shown.address if shown.address else bank.vendor_page
    with watched(page, (shown.status,)) as told:
        LOOKS[0].take(page)
        bring(page, address, shown)
        told.extend(eyes.examine(page, f"vendor-{shown}", LOOKS[: volume(2, 4)]))
    assert not told, "\n".join(told)
