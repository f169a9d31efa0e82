"""Who enters the admin pages, and on whose form things change."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask_wtf import CSRFProtect

from flask_idverify import runtime
from flask_idverify.models import Application
from tests.hosts import Host, make_host
from tests.web_admin.desk import ADMIN, Desk, words

NOBODY = "00000000-0000-4000-8000-000000000000"


def routes(app: Flask) -> list[tuple[str, str]]:
    """Return method and path of every admin route, about things that do not exist."""
    return [
        (method, re.sub("<[^>]*>", NOBODY, rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("idverify_admin.")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_the_routes_are_all_found(host: Host) -> None:
    found = routes(host.app)
    assert len(found) > 25
    assert ("GET", f"{ADMIN}/") in found
    assert ("POST", f"{ADMIN}/verifications/{NOBODY}/approve") in found


def test_users_who_are_no_admins_get_403_everywhere(host: Host) -> None:
    visitor = Desk(host, "visitor@example.com", admin=False)
    for method, path in routes(host.app):
        answer = visitor.browser.open(path, method=method)
        assert answer.status_code == 403, (method, path)
        assert "admin_check" not in answer.text


def test_nobody_enters_before_the_host_has_said_who_and_the_page_says_how(host: Host) -> None:
    desk = Desk(host)
    host.app.extensions["idverify"].hooks.is_admin = runtime.nobody_is_admin
    for method, path in routes(host.app):
        answer = desk.browser.open(path, method=method)
        assert answer.status_code == 403, (method, path)
    assert "@idverify.admin_check" in words(desk.get("/"))


def test_the_check_is_asked_at_every_request(host: Host) -> None:
    desk = Desk(host)
    assert desk.get("/").status_code == 200
    with host.app.app_context():
        host.db.session.get(host.User, desk.id).is_admin = False  # type: ignore[union-attr]
        host.db.session.commit()
    assert desk.get("/").status_code == 403


def test_forms_work_under_a_global_csrf_protection_and_without_any(host: Host) -> None:
    CSRFProtect(host.app)
    answer = Desk(host).send("/applications/new", name="tenant")
    assert answer.status_code == 303
    open_host = make_host(csrf=False)
    answer = Desk(open_host).post("/applications/new", {"name": "tenant"})
    assert answer.status_code == 303
    for made in (host, open_host):
        with made.app.app_context():
            assert [row.name for row in made.db.session.query(Application)] == ["tenant"]


@pytest.mark.parametrize("path", ["/", "/providers", f"/verifications/{NOBODY}"])
def test_pages_stay_out_of_caches_and_referrers(host: Host, path: str) -> None:
    for browser in (
        Desk(host, f"{len(path)}@example.com"),
        Desk(host, "x@example.com", admin=False),
    ):
        headers = browser.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_what_does_not_exist_is_told_in_a_page(desk: Desk) -> None:
    for method, path in routes(desk.host.app):
        if NOBODY in path and method == "GET":
            answer = desk.browser.get(path)
            assert answer.status_code == 404, path
            assert "Not found" in answer.text
    posts = [path for method, path in routes(desk.host.app) if method == "POST" and NOBODY in path]
    for path in posts:
        answer = desk.browser.post(path, data={"csrf_token": desk.token(), "reason": "because"})
        assert answer.status_code == 404, path
