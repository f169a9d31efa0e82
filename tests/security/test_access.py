"""IDOR: whoever asks for what is not theirs gets nothing, over every route of the URL map."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from tests.hosts import Host, lena
from tests.security.routes import METHODS, SAFE, Need, Route, ours, routes
from tests.security.stage import BOOKKEEPING, Member, Stage, dump

NOBODYS = "00000000-0000-4000-8000-000000000000"
OWN = [*routes(Need.owner), *routes(Need.login)]
ADMIN = routes(Need.admin)
#: A look at these is itself a line in the audit log.
NOTED = frozenset({"idverify_admin.image"})


def refused_as_anonymous(answer: TestResponse) -> bool:
    """Whether somebody is told to sign in."""
    if answer.status_code == 302:
        return answer.headers["Location"].startswith("/login")
    return answer.status_code == 401


def ask(member: Member, route: Route, stage: Stage, **instead: str) -> TestResponse:
    """Send what belongs to the route, with a good token."""
    path = route.path(stage, **instead)
    if route.endpoint == "idverify_api.start":
        return member.send("POST", path, json=stage.json())
    return member.send(route.method, path, data=stage.body(route.endpoint))


def test_control_every_route_says_whom_it_is_for(host: Host) -> None:
    unknown = [str(route) for route in routes() if route.need is None]
    assert not unknown, f"classify these in tests/security/routes.py: {unknown}"
    assert {rule.endpoint for rule in ours(host.app)} == {route.endpoint for route in routes()}
    assert len(OWN) >= 8
    assert len(ADMIN) >= 30


@pytest.mark.parametrize("route", routes(Need.owner), ids=str)
def test_idor_another_users_attempt_is_404_and_its_owner_enters(stage: Stage, route: Route) -> None:
    before = dump(stage.host)
    stolen = ask(stage.stranger, route, stage)
    unknown = ask(stage.stranger, route, stage, verification_id=NOBODYS)
    assert stolen.status_code == 404
    assert stolen.get_data() == unknown.get_data(), "an answer of its own would tell that it exists"
    assert dump(stage.host) == before
    assert ask(stage.owner, route, stage).status_code in (200, 303)


def test_idor_not_even_an_admin_sees_a_users_own_pages(stage: Stage) -> None:
    for route in routes(Need.owner):
        assert ask(stage.admin, route, stage).status_code == 404, route


def test_idor_as_anonymous_nothing_opens_and_nothing_changes(stage: Stage) -> None:
    nobody = stage.host.app.test_client()
    before = dump(stage.host)
    for route in [*OWN, *ADMIN, *routes(Need.nowhere)]:
        path = route.path(stage)
        for form in ({}, stage.body(route.endpoint)):
            answer = nobody.open(path, method=route.method, data=form)
            assert refused_as_anonymous(answer), route
            assert "Gruber" not in answer.text
    assert dump(stage.host) == before


def test_idor_open_routes_show_strangers_nothing_personal(stage: Stage) -> None:
    pages = []
    for browser in (stage.host.app.test_client(), stage.stranger.browser):
        for route in routes(Need.nothing):
            with browser.get(route.path(stage)) as answer:
                assert answer.status_code == 200, route
                pages.append(answer.get_data(as_text=True))
    for canary in ("Gruber", "U7301945", "lena@", stage.vendor.url, stage.values["provider_key"]):
        assert not [page for page in pages if canary in page]
    own = stage.owner.browser.get(f"/identity/return/{stage.values['verification_id']}")
    assert own.headers["Location"] == f"/identity/verifications/{stage.values['verification_id']}"


@pytest.mark.parametrize("route", ADMIN, ids=str)
def test_idor_as_user_on_admin_pages_is_403_and_the_admin_enters(
    stage: Stage, route: Route
) -> None:
    before = dump(stage.host)
    for member in (stage.owner, stage.stranger):
        answer = ask(member, route, stage)
        assert answer.status_code == 403, member
        assert "Karl Huber" not in answer.text
    assert dump(stage.host) == before
    control = ask(stage.admin, route, stage)
    assert control.status_code in (200, 302, 303), f"Stage.values has no example for {route}"


@pytest.mark.parametrize("route", [route for route in ADMIN if route.changes], ids=str)
def test_admin_permission_withdrawn_between_form_and_post_counts_at_the_post(
    stage: Stage, route: Route
) -> None:
    form = {"csrf_token": stage.admin.token(), **stage.body(route.endpoint)}
    with stage.host.app.app_context():
        stage.admin.row().is_admin = False
        stage.host.db.session.commit()
    before = dump(stage.host)
    path = route.path(stage)
    assert stage.admin.browser.open(path, method=route.method, data=form).status_code == 403
    assert dump(stage.host) == before
    with stage.host.app.app_context():
        stage.admin.row().is_admin = True
        stage.host.db.session.commit()
    control = stage.admin.browser.open(path, method=route.method, data=form)
    assert control.status_code in (200, 302, 303)


@pytest.mark.parametrize("need", [Need.owner, Need.login, Need.admin, Need.key, Need.nothing])
def test_method_confusion_changes_nothing(stage: Stage, need: Need) -> None:
    member = stage.admin if need is Need.admin else stage.owner
    before = dump(stage.host, BOOKKEEPING)
    tried = 0
    for rule in [rule for rule in ours(stage.host.app) if Route(rule, "").need is need]:
        path = Route(rule, sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})[0]).path(stage)
        known = {route.method for route in routes(need) if route.path(stage) == path}
        skipped = SAFE if rule.endpoint in NOTED else known - SAFE
        for method in [name for name in METHODS if name not in skipped]:
            form = {"csrf_token": member.token(), "_method": "POST", "reason": "because"}
            answer = member.browser.open(
                f"{path}?_method=POST",
                method=method,
                data=form if method not in SAFE else None,
                headers={"X-HTTP-Method-Override": "POST", "X-CSRFToken": form["csrf_token"]},
            )
            answer.close()
            assert answer.status_code < 500, (method, path)
            if method not in SAFE:
                assert answer.status_code in (404, 405), (method, path)
            tried += 1
    assert tried >= 4
    assert dump(stage.host, BOOKKEEPING) == before


def test_idor_ids_of_others_in_a_users_form_or_body_are_not_looked_at(stage: Stage) -> None:
    owners = {
        "user_id": str(stage.owner.id),
        "identity_id": stage.values["identity_id"],
        "verification_id": stage.values["verification_id"],
        "provider": "Second",
        "provider_id": stage.others["second"],
        "application_id": stage.others["bank"],
    }
    mine = {"id_number": "M1", "real_name": "Mallory Meyer"}

    def of_owner() -> object:
        now = dump(stage.host)
        return [
            row
            for table in ("idverify_identity", "idverify_verification")
            for row in now[table]
            if row["user_id"] == str(stage.owner.id)
        ]

    before = of_owner()
    refused = stage.stranger.send(
        "POST",
        "/identity/api/verifications",
        json={**stage.json(), "claim": lena(**mine).to_dict(), **owners},
    )
    assert refused.status_code == 422
    form = {**stage.body("idverify.submit"), **mine, **owners}
    answer = stage.stranger.send("POST", "/identity/", query_string=owners, data=form)
    assert answer.status_code == 303
    assert of_owner() == before
    with stage.host.app.app_context():
        started = stage.verification(answer.headers["Location"].split("/")[-2])
        assert started.user_id == str(stage.stranger.id)
        assert started.provider.name == "Used", "the application's order chooses, not the user"
        assert started.application is not None
        assert started.application.name == "default"


def test_idor_things_of_one_application_or_provider_are_not_reached_through_another(
    stage: Stage,
) -> None:
    admin, values = "/identity/admin", {**stage.values, **stage.others}
    default, bank = values["application_id"], values["bank"]
    mixed = [
        ("GET", f"{admin}/applications/{default}/links/{values['bank link']}"),
        ("GET", f"{admin}/applications/{bank}/links/{values['link_id']}"),
        ("GET", f"{admin}/providers/{values['second']}/tests/{values['test']}"),
        ("GET", f"{admin}/providers/{values['provider_id']}/tests/{values['verification_id']}"),
        *(
            ("POST", f"{admin}/applications/{bank}/links/{values['link_id']}{action}")
            for action in ("", "/move", "/enabled", "/remove")
        ),
    ]
    before = dump(stage.host)
    for method, path in mixed:
        assert stage.admin.send(method, path).status_code == 404, (method, path)
    taken = stage.admin.send(
        "POST", f"{admin}/applications/{default}/links", data={"provider": values["provider_id"]}
    )
    assert taken.status_code == 422, "a provider that the form does not offer"
    assert dump(stage.host) == before
