"""The vendor's page in a frame of ours: how one comes out of it, and where it is left alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Response, request

from flask_idverify.models import Verification
from flask_idverify.sandbox import SandboxServer
from tests.browser.serving import kept
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import GENERATIONS, Vendor

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

#: A page of the vendor's own origin that tells its embedder what a test wants.
TELLER = """<!doctype html><title>teller</title><script>
addEventListener("message", (event) => parent.postMessage(event.data, "*"));
</script>"""


class Framed:
    """A served host that frames the vendor's page, and a user whose attempt is open."""

    def __init__(self, host: Host, base: str, vendor: Vendor, kind: str) -> None:
        self.host, self.base, self.vendor = host, base, vendor
        with host.app.app_context():
            host.add_provider(vendor.url, kind)
            self.user = host.add_user("lena@example.com").id
            row = host.idverify.start(host.db.session.get(host.User, self.user), lena(), consent())
            self.row_id, reference = row.id, str(row.vendor_reference)
        with vendor.sandbox.lock:
            found = vendor.sandbox.find(reference)
            assert found is not None
            # Where this host is in truth.
            found.success_url = found.error_url = f"{base}/identity/return/{self.row_id}"

    def open(self, page: Page) -> None:
        page.goto(f"{self.base}/login/{self.user}")
        page.goto(f"{self.base}/identity/verifications/{self.row_id}/continue")

    @property
    def result(self) -> re.Pattern[str]:
        return re.compile(rf"{self.base}/identity/verifications/{self.row_id}(\?|$)")

    def status(self) -> str:
        with self.host.app.app_context():
            return str(self.host.db.session.get_one(Verification, self.row_id).status)


@pytest.fixture
def opened(tmp_path: Path, browser: Browser) -> Iterator[Callable[[str], Framed]]:
    with SandboxServer(allow_local_urls=True, processing_seconds=0.0) as server:
        vendor = Vendor(server)
        vendor.reset()
        host = make_host(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.db", IDVERIFY_DISPLAY="iframe"
        )

        @host.app.after_request
        def own_frames(response: Response) -> Response:
            # As the documentation advises hosts that forbid all frames.
            if request.endpoint == "idverify.returned":
                response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
            return response

        with kept(host) as base:
            yield lambda kind: Framed(host, base, vendor, kind)


@pytest.mark.parametrize("kind", GENERATIONS)
def test_handing_in_inside_the_frame_leads_to_the_result(
    opened: Callable[[str], Framed], page: Page, kind: str
) -> None:
    framed = opened(kind)
    framed.open(page)
    inner = page.frame_locator("iframe[data-idv-frame]")
    inner.get_by_role("button", name="Hand in the pictures").click()
    page.wait_for_url(framed.result)
    page.get_by_role("heading", name="Your identity is verified").wait_for()


def test_an_error_inside_the_frame_leads_to_its_hint(
    opened: Callable[[str], Framed], page: Page
) -> None:
    framed = opened("Jumio")
    framed.open(page)
    inner = page.frame_locator("iframe[data-idv-frame]")
    inner.get_by_label("Error").select_option("9820")
    inner.get_by_role("button", name="Return with this error").click()
    page.wait_for_url(f"**/verifications/{framed.row_id}?hint=9820")
    assert page.get_by_text("No camera was found").is_visible()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"viewport": {"width": 390, "height": 844}}, id="phone"),
        pytest.param({"viewport": {"width": 844, "height": 390}}, id="phone on its side"),
        pytest.param({"java_script_enabled": False}, id="without a script"),
    ],
)
def test_where_a_frame_would_not_do_the_page_opens_in_the_tab(
    opened: Callable[[str], Framed], window: Callable[..., Page], settings: dict[str, object]
) -> None:
    framed, page = opened("Jumio"), window(**settings)
    framed.open(page)
    page.wait_for_url(f"{framed.vendor.url}/**")
    assert page.get_by_role("button", name="Hand in the pictures").is_visible()


SUCCESS = '{"eventType": 510, "payload": {"value": "success"}}'


@pytest.mark.parametrize(
    "said",
    [
        "success",
        "null",
        "[]",
        "{",
        '{"eventType": 510}',
        '{"eventType": 510, "payload": {"value": "loaded"}}',
        '{"eventType": 511, "payload": {"value": "success"}}',
    ],
)
def test_what_is_no_news_leads_nowhere(
    opened: Callable[[str], Framed], page: Page, said: str
) -> None:
    framed = opened("Jumio")
    page.route(f"{framed.vendor.url}/**", lambda route: route.fulfill(body=TELLER))
    framed.open(page)
    page.frame_locator("iframe").locator("title").wait_for(state="attached")
    _tell(page, said)
    _stays(page)
    _tell(page, SUCCESS)
    page.wait_for_url(framed.result)
    assert framed.status() == "started", "a message decides nothing"


def _tell(page: Page, said: str) -> None:
    """Have the framed page say *said*, and wait until our page has heard it."""
    page.evaluate(
        """(said) => new Promise((heard) => {
            addEventListener("message", () => setTimeout(heard, 0), { once: true });
            document.querySelector("iframe").contentWindow.postMessage(said, "*");
        })""",
        said,
    )


def _stays(page: Page) -> None:
    """See that the page has not left, nor is about to: a way to the server and back later."""
    page.evaluate("fetch('/identity/api/identity').then(() => fetch('/identity/')).then(() => 1)")
    assert page.url.endswith("/continue")


def test_a_message_of_anybody_else_leads_nowhere(
    opened: Callable[[str], Framed], page: Page
) -> None:
    framed = opened("Jumio")
    framed.open(page)
    page.frame_locator("iframe").get_by_role("button", name="Hand in").wait_for()
    # The right words, from this page itself.
    page.evaluate(
        """(said) => new Promise((heard) => {
            addEventListener("message", () => setTimeout(heard, 0), { once: true });
            postMessage(said, "*");
        })""",
        SUCCESS,
    )
    _stays(page)


def test_a_vendor_that_says_nothing_and_sends_the_frame_back_is_understood(
    opened: Callable[[str], Framed], page: Page
) -> None:
    framed = opened("Jumio")
    page.route("**/sandbox.js", lambda route: route.abort())
    framed.open(page)
    inner = page.frame_locator("iframe[data-idv-frame]")
    inner.get_by_role("button", name="Hand in the pictures").click()
    page.wait_for_url(framed.result)
    page.get_by_role("heading", name="Your identity is verified").wait_for()


@pytest.mark.parametrize(
    ("header", "value"),
    [("Content-Security-Policy", "frame-src 'none'"), ("Permissions-Policy", "camera=()")],
)
def test_a_policy_in_front_of_the_app_that_forbids_the_frame_opens_the_tab(
    opened: Callable[[str], Framed], page: Page, header: str, value: str
) -> None:
    framed = opened("Jumio")

    def stricter(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, header.lower(): value})

    page.route("**/continue", stricter)
    framed.open(page)
    page.wait_for_url(f"{framed.vendor.url}/**")
    assert page.get_by_role("button", name="Hand in the pictures").is_visible()
