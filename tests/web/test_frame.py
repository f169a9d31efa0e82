"""With ``IDVERIFY_DISPLAY = "iframe"`` one page of ours shows the vendor's, and admits it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from flask_idverify import IDVerify
from flask_idverify.states import Status
from flask_idverify.web.framing import origin_of
from tests.hosts import Host, make_host
from tests.web.people import ENDPOINT, VENDOR_PAGE, Person, inline_code, seen

ORIGIN = "https://exampleco.netverify.com"
POLICY = "Content-Security-Policy"
PERMISSIONS = "Permissions-Policy"


@pytest.fixture
def framing() -> Host:
    host = make_host(IDVERIFY_DISPLAY="iframe")
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    return host


def _opened(host: Host) -> TestResponse:
    person = Person(host)
    row_id = person.attempt(Status.started)
    return person.browser.get(f"/identity/verifications/{row_id}/continue")


def test_the_page_frames_the_vendors_with_what_a_capture_needs(framing: Host) -> None:
    page = _opened(framing)
    escaped = VENDOR_PAGE.replace("&", "&amp;")
    assert f'<iframe class="idv-frame" src="{escaped}"' in page.text
    allow = page.text.split('allow="')[1].split('"')[0].split(";")
    assert {"camera", "fullscreen", "accelerometer", "gyroscope", "magnetometer"} <= set(allow)
    assert " allowfullscreen " in page.text
    assert page.headers[POLICY] == f"frame-src 'self' {ORIGIN}"
    assert page.headers[PERMISSIONS] == f'camera=(self "{ORIGIN}")'
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert inline_code(page.text) == []


def test_without_a_script_the_vendors_page_opens_in_the_tab(framing: Host) -> None:
    page = _opened(framing).text
    escaped = VENDOR_PAGE.replace("&", "&amp;")
    assert f'<noscript><meta http-equiv="refresh" content="1;url={escaped}"></noscript>' in page
    assert f'href="{escaped}" rel="noreferrer">Open it in this tab' in page


def test_no_other_page_lets_anybody_in(framing: Host) -> None:
    person = Person(framing)
    row_id = person.attempt(Status.started)
    for page in (
        person.browser.get("/identity/"),
        seen(person, row_id),
        person.browser.get(f"/identity/return/{row_id}"),
        person.browser.get("/members"),
    ):
        assert POLICY not in page.headers
        assert PERMISSIONS not in page.headers


def test_by_default_the_vendors_page_opens_in_the_tab(ready: Host) -> None:
    page = _opened(ready)
    assert "<iframe" not in page.text
    assert POLICY not in page.headers


def test_a_return_inside_a_frame_is_noted_and_shows_nothing_personal(framing: Host) -> None:
    person = Person(framing)
    row_id = person.attempt(Status.started)
    page = person.browser.get(
        f"/identity/return/{row_id}?errorCode=9822", headers={"Sec-Fetch-Dest": "iframe"}
    )
    assert page.status_code == 200
    assert page.data == framing.app.test_client().get("/identity/return/x").data
    assert person.returned_at(row_id) is not None
    assert person.status_of(row_id) is Status.started


def _hook(header: str, value: str) -> Callable[[Response], Response]:
    def hook(response: Response) -> Response:
        response.headers[header] = value
        return response

    return hook


@pytest.mark.parametrize(
    ("hosts", "ours"),
    [
        (
            "default-src 'self'; img-src *",
            f"default-src 'self'; img-src *; frame-src 'self' {ORIGIN}",
        ),
        ("default-src 'none'", f"default-src 'none'; frame-src {ORIGIN}"),
        ("frame-src 'none'; script-src 'self'", f"script-src 'self'; frame-src {ORIGIN}"),
        (
            "child-src https://a.io; default-src 'none'",
            f"child-src https://a.io; default-src 'none'; frame-src https://a.io {ORIGIN}",
        ),
        (f"frame-src {ORIGIN}", f"frame-src {ORIGIN}"),
        (
            "default-src 'self', frame-src 'none'",
            f"default-src 'self'; frame-src 'self' {ORIGIN},frame-src {ORIGIN}",
        ),
    ],
)
def test_a_hosts_own_policy_is_kept_and_widened_by_one_origin(
    framing: Host, hosts: str, ours: str
) -> None:
    framing.app.after_request(_hook(POLICY, hosts))
    assert _opened(framing).headers[POLICY] == ours
    assert Person(framing, "x@example.com").browser.get("/identity/").headers[POLICY] == hosts


class _Late(IDVerify):
    """Initialised behind a hook of the host, which Flask therefore calls after most of ours."""

    def init_app(self, app: Flask, db: Any, **options: Any) -> None:
        app.after_request(_hook(POLICY, "default-src 'self'"))
        super().init_app(app, db, **options)


def test_a_policy_that_was_there_before_us_is_widened_too() -> None:
    host = make_host(IDVERIFY_DISPLAY="iframe", idverify=_Late())
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    assert _opened(host).headers[POLICY] == f"default-src 'self'; frame-src 'self' {ORIGIN}"


@pytest.mark.parametrize(
    ("hosts", "ours"),
    [
        ("camera=(), geolocation=()", f'camera=(self "{ORIGIN}"), geolocation=()'),
        ("fullscreen=self", f'fullscreen=(self "{ORIGIN}"), camera=(self "{ORIGIN}")'),
        ("microphone=*", f'microphone=*, camera=(self "{ORIGIN}")'),
    ],
)
def test_the_camera_is_lent_where_the_host_lends_it_to_nobody(
    framing: Host, hosts: str, ours: str
) -> None:
    framing.app.after_request(_hook(PERMISSIONS, hosts))
    assert _opened(framing).headers[PERMISSIONS] == ours


@pytest.mark.parametrize(
    ("page", "origin"),
    [
        ("https://exampleCo.netverify.com/web?x=1", "https://exampleco.netverify.com"),
        ("http://127.0.0.1:8080/web", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/web", "http://[::1]:8080"),
        ("https://evil.example;script-src/x", None),
        ("https://evil.example,x/y", None),
        ("https://user@evil.example/", None),
        ("javascript:alert(1)", None),
        ("https:///x", None),
        ("/x", None),
    ],
)
def test_only_a_plain_address_is_framed(page: str, origin: str | None) -> None:
    assert origin_of(page) == origin


def test_an_address_that_could_end_a_directive_opens_in_the_tab(framing: Host) -> None:
    person = Person(framing)
    row_id = person.attempt(Status.started, redirect_url="https://evil.example;script-src/x")
    page = person.browser.get(f"/identity/verifications/{row_id}/continue")
    assert "<iframe" not in page.text
    assert POLICY not in page.headers
