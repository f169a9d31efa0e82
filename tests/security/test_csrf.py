"""CSRF: no route that changes something does so on a request that another site could have sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask_wtf import CSRFProtect

from flask_idverify import IDVerify
from tests.security.routes import METHODS, Need, Route, routes
from tests.security.stage import Member, Stage, dump

#: Every route that changes something, from the URL map; vendors cannot know a token.
CHANGING = [route for route in routes() if route.changes and route.need is not Need.key]
VIEWS = [route for route in CHANGING if route.need is not Need.nowhere]
#: The right answers to a request without authenticity: refused, or nobody there (the API's 404).
REFUSED = (400, 403)
NOBODY = (404, 405)


class ProtectedBefore(IDVerify):
    """The extension on a host that has its own protection already."""

    def init_app(self, app: Any, db: Any) -> None:
        CSRFProtect(app)
        super().init_app(app, db)


class ProtectedAfter(IDVerify):
    """The extension on a host that sets up its own protection later."""

    def init_app(self, app: Any, db: Any) -> None:
        super().init_app(app, db)
        CSRFProtect(app)


HOSTS: dict[str, type[IDVerify]] = {
    "without a protection of the host's": IDVerify,
    "the host's protection set up before us": ProtectedBefore,
    "the host's protection set up after us": ProtectedAfter,
}


def of(route: Route, stage: Stage) -> Member:
    """Return who may use the route, were it not for the token."""
    return stage.admin if route.need is Need.admin else stage.owner


Attack = Callable[[Member, str], dict[str, Any]]
ATTACKS: dict[str, Attack] = {
    "without a token": lambda _user, _other: {},
    "with an empty token": lambda _user, _other: {
        "fields": {"csrf_token": ""},
        "headers": {"X-CSRFToken": ""},
    },
    "with a forged token": lambda _user, _other: {
        "fields": {"csrf_token": "forged"},
        "headers": {"X-CSRFToken": "forged"},
    },
    "with a token of another session": lambda _user, other: {
        "fields": {"csrf_token": other},
        "headers": {"X-CSRFToken": other},
    },
    "with the token in the query": lambda user, _other: {
        "query_string": {"csrf_token": user.token(), "X-CSRFToken": user.token()}
    },
    "with the token in a cookie": lambda user, _other: {"cookie": user.token()},
}


def send(member: Member, route: Route, path: str, stage: Stage, attack: dict[str, Any]) -> int:
    """Send what would do it, but for the token; return the status."""
    fields = {**stage.body(route.endpoint), **attack.get("fields", {})}
    sent: dict[str, Any] = {"headers": attack.get("headers", {})}
    if route.endpoint.startswith("idverify_api."):
        sent["json"] = {**stage.json(), **attack.get("fields", {})}
    else:
        sent["data"] = fields
    if "query_string" in attack:
        sent["query_string"] = attack["query_string"]
    if "cookie" in attack:
        for name in ("csrf_token", "X-CSRFToken", "XSRF-TOKEN"):
            member.browser.set_cookie(name, attack["cookie"])
    return member.browser.open(path, method=route.method, **sent).status_code


@pytest.mark.parametrize("kind", HOSTS)
def test_csrf_no_changing_route_does_anything_on_a_request_of_another_site(
    make_stage: Callable[..., Stage], kind: str
) -> None:
    stage = make_stage(idverify=HOSTS[kind]())
    paths = {route: route.path(stage) for route in CHANGING}
    assert len(VIEWS) > 18
    for name, attack in ATTACKS.items():
        for member in (stage.admin, stage.owner):
            member.enter()
            other = stage.stranger.token()
            member.token()  # a session that has a token, as a browser that was here has
            before = dump(stage.host)
            for route, path in paths.items():
                if of(route, stage) is not member:
                    continue
                status = send(member, route, path, stage, attack(member, other))
                expected = NOBODY if route.need is Need.nowhere else REFUSED
                # The host's protection may be asked before anybody looks for a view.
                assert status in (*expected, 400), (name, str(route), status)
            assert dump(stage.host) == before, name


@pytest.mark.parametrize("kind", HOSTS)
def test_control_every_changing_route_works_with_the_token_of_its_own_page(
    make_stage: Callable[..., Stage], kind: str
) -> None:
    stage = make_stage(idverify=HOSTS[kind]())
    for route in VIEWS:
        stage.restore()
        member, path = of(route, stage), route.path(stage)
        token = member.token()
        given = {"fields": {"csrf_token": token}}
        if route.endpoint.startswith("idverify_api."):
            given = {"headers": {"X-CSRFToken": token}}
        assert send(member, route, path, stage, given) in (200, 201, 303), str(route)


def test_csrf_a_host_that_switches_the_check_off_has_none(
    make_stage: Callable[..., Stage],
) -> None:
    """The counter-proof: without the check, the very attacks of above do what they say."""
    stage = make_stage(csrf=False)
    for route in VIEWS:
        stage.restore()
        status = send(of(route, stage), route, route.path(stage), stage, {})
        assert status in (200, 201, 303), str(route)


def test_csrf_no_method_but_the_declared_ones_gets_around_the_check(stage: Stage) -> None:
    before = dump(stage.host)
    for route in VIEWS:
        for method in METHODS[3:]:
            member, path = of(route, stage), route.path(stage)
            form = stage.body(route.endpoint)
            answer = member.browser.open(path, method=method, data=form)
            assert answer.status_code in (400, 403, 404, 405), (method, str(route))
    assert dump(stage.host) == before


def test_csrf_callbacks_alone_need_no_token(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(idverify=ProtectedAfter())
    browser = stage.host.app.test_client()
    for route in routes(Need.key):
        told = {"callBackType": "NETVERIFYID"}
        assert browser.post(route.path(stage), data=told).status_code == 200
    assert browser.post("/identity/", data=stage.body("idverify.submit")).status_code == 400
