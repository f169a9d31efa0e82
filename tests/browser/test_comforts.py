"""What a page does beyond being read: what can be copied, and what comes out of a printer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.eyes import DESK, watched
from tests.browser.scene import Filled
from tests.browser.visitors import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_a_reference_is_copied_with_one_click(filled: Filled, visitors: Visitors) -> None:
    page = visitors.of(filled, "admin")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with watched(page) as told:
        page.goto(f"{filled.base}/identity/admin/verifications/{filled.ids['unclear']}")
        page.get_by_role("button", name="Copy Vendor's reference").click()
        page.get_by_role("button", name="Copied Vendor's reference").wait_for()
        shown = page.locator("#vendor-reference + dd code").inner_text()
        assert page.evaluate("navigator.clipboard.readText()") == shown
    assert not told, "\n".join(told)


def test_a_type_chosen_before_the_script_came_leads_to_its_settings_by_the_button(
    filled: Filled, visitors: Visitors
) -> None:
    from playwright.sync_api import expect

    page = visitors.of(filled, "admin")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/admin.js", hold)
    page.goto(f"{filled.base}/identity/admin/providers/new", wait_until="commit")
    page.get_by_label("Type", exact=True).select_option("Jumio Platform")
    while not held:
        page.wait_for_timeout(10)
    held[0].continue_()
    page.unroute("**/admin.js")
    page.wait_for_load_state()
    page.get_by_role("button", name="Show its settings").click()
    page.get_by_role("group", name="Settings of Jumio Platform").wait_for()
    page.wait_for_load_state()
    expect(page.get_by_role("button", name="Show its settings")).to_be_hidden()


def test_an_export_says_how_much_has_come(filled: Filled, visitors: Visitors) -> None:
    page = visitors.of(filled, "admin")
    with watched(page) as told:
        page.goto(f"{filled.base}/identity/admin/verifications")
        with page.expect_download() as coming:
            page.get_by_role("button", name="Download as CSV").click()
        assert coming.value.suggested_filename == "verifications.csv"
        lines = Path(coming.value.path()).read_text(encoding="utf-8").splitlines()
        page.get_by_text(re.compile(r"Received: [\d.]+ MB")).wait_for()
    assert lines[0].startswith("verification,")
    assert len(lines) > 20
    assert not told, "\n".join(told)


def test_an_export_that_is_refused_shows_why(filled: Filled, visitors: Visitors) -> None:
    page = visitors.of(filled, "admin")
    page.goto(f"{filled.base}/identity/admin/verifications")
    form = page.locator("form[data-idv-download]")
    form.locator("[name=csrf_token]").evaluate("(field) => { field.value = 'old'; }")
    page.get_by_role("button", name="Download as CSV").click()
    page.get_by_role("heading", name="Please send the form again").wait_for()


def test_an_export_that_breaks_off_says_so(filled: Filled, visitors: Visitors) -> None:
    page = visitors.of(filled, "admin")
    page.goto(f"{filled.base}/identity/admin/verifications")
    address = "**/verifications/export"
    page.route(address, lambda route: route.abort())
    try:
        page.get_by_role("button", name="Download as CSV").click()
        page.get_by_text("That did not work").wait_for()
    finally:
        page.unroute(address)


def test_paper_shows_what_was_decided_and_nothing_to_press(
    filled: Filled, visitors: Visitors
) -> None:
    page = visitors.of(filled, "admin")
    page.set_viewport_size({"width": DESK, "height": 900})
    try:
        page.emulate_media(media="print")
        for address, stays in (
            ("", "Approval rate by day"),
            (f"/verifications/{filled.ids['unclear']}", "Claim and document"),
        ):
            page.goto(f"{filled.base}/identity/admin{address}")
            page.get_by_role("heading", name=stays).wait_for()
            for what in ("navigation", "button"):
                assert page.get_by_role(what).count() == 0, (address, what)
    finally:
        page.emulate_media(media="screen")
