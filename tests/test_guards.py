"""Who may pass: those whose identity satisfies the application, asked once per request."""

from __future__ import annotations

from typing import Any

import pytest
from flask import jsonify
from flask_login import login_user
from sqlalchemy import event

from flask_idverify import current_identity, identity_required
from flask_idverify.states import Standing
from tests.hosts import Host, lena
from tests.vendor import Vendor


@pytest.fixture
def site(host: Host, vendor: Vendor) -> Host:
    """A host with guarded pages, a verified user (1) and one who is not (2)."""
    app = host.app

    @app.route("/bank", methods=["GET", "POST"])
    @identity_required(application="bank")
    def bank() -> str:
        return "money"

    @app.get("/signin")
    def sign_in_page() -> str:
        return "sign in"

    @app.get("/who")
    def who() -> Any:
        names = [str(current_identity.standing) for _ in range(3)]
        return jsonify(
            there=bool(current_identity),
            verified=current_identity.is_verified,
            locked=current_identity.is_locked,
            satisfies=current_identity.satisfies(),
            name=current_identity.claim.real_name if current_identity.claim else None,
            standing=names[0],
        )

    @app.get("/switch")
    def switch() -> Any:
        before = current_identity.is_verified
        login_user(host.db.session.get(host.User, 1))
        return jsonify(before=before, after=current_identity.is_verified)

    with app.app_context():
        host.add_provider(vendor.url)
        host.idverify.link("Jumio test", "bank", policy={"minimum_age": 90})
        host.db.session.commit()
        verified = host.add_user("lena@example.com")
        host.add_user("free@example.com")
        row = host.idverify.start(verified, lena())
        vendor.finish(row)
        host.idverify.refresh(row)
    return host


def client(site: Host, user: int | None) -> Any:
    made = site.app.test_client()
    if user is not None:
        made.get(f"/login/{user}")
    return made


def test_verified_user_passes(site: Host) -> None:
    assert client(site, 1).get("/members").text == "welcome to host"
    assert client(site, 1).post("/members").status_code == 405


def test_unverified_user_is_sent_to_the_verify_page_and_back(site: Host) -> None:
    answer = client(site, 2).get("/members?a=1&b=%2F..//x")
    assert answer.status_code == 302
    assert answer.location == "/identity/?next=/members%3Fa%3D1%26b%3D%252F..//x"


def test_way_back_never_repeats_a_lost_post(site: Host) -> None:
    answer = client(site, 1).post("/bank", data={"sum": "5"})
    assert answer.status_code == 302
    assert answer.location == "/identity/?next=/&application=bank"


def test_way_back_knows_where_the_app_is_mounted(site: Host) -> None:
    visitor, base = site.app.test_client(), "https://id.example.com/app"
    visitor.get("/login/2", base_url=base)
    answer = visitor.get("/members", base_url=base)
    assert answer.location == "/app/identity/?next=/app/members"


@pytest.mark.parametrize(
    "headers", [{"Accept": "application/json"}, {"Content-Type": "application/json"}]
)
def test_json_clients_get_a_problem_that_says_what_to_do(
    site: Host, headers: dict[str, str]
) -> None:
    answer = client(site, 2).get("/members", headers=headers)
    assert answer.status_code == 403
    assert answer.mimetype == "application/problem+json"
    body = answer.get_json()
    assert (body["code"], body["status"], body["standing"], body["verify"]) == (
        "identity_required",
        403,
        "unverified",
        "/identity/",
    )


def test_browsers_that_also_take_json_are_redirected(site: Host) -> None:
    accept = "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"
    assert client(site, 2).get("/members", headers={"Accept": accept}).status_code == 302


def test_anonymous_visitors_are_the_login_managers(site: Host) -> None:
    assert client(site, None).get("/members").status_code == 401
    site.app.login_manager.login_view = "sign_in_page"  # type: ignore[attr-defined]
    assert "/signin?next=" in client(site, None).get("/members").location


def test_application_decides_whether_a_verified_user_passes(site: Host) -> None:
    answer = client(site, 1).get("/bank")
    assert answer.status_code == 302
    assert answer.location == "/identity/?next=/bank&application=bank"
    body = client(site, 1).get("/bank", headers={"Accept": "application/json"}).get_json()
    assert body["standing"] == "verified"


def test_hook_names_the_application_of_a_bare_guard(site: Host) -> None:
    site.idverify.application_getter(lambda: "bank")
    assert client(site, 1).get("/members").status_code == 302


@pytest.mark.parametrize("user", [None, 2])
def test_current_identity_of_nobody_is_false_and_verified_for_nothing(
    site: Host, user: int | None
) -> None:
    assert client(site, user).get("/who").get_json() == {
        "there": False,
        "verified": False,
        "locked": False,
        "satisfies": False,
        "name": None,
        "standing": str(Standing.unverified),
    }


def test_current_identity_is_the_row_of_the_signed_in_user(site: Host) -> None:
    body = client(site, 1).get("/who").get_json()
    assert (body["there"], body["verified"], body["locked"]) == (True, True, True)
    assert body["name"] == "Lena Marie Gruber"


def test_identity_follows_a_login_within_the_request(site: Host) -> None:
    assert client(site, 2).get("/switch").get_json() == {"before": False, "after": True}


def test_identity_is_asked_for_once_per_request(site: Host) -> None:
    signed_in = client(site, 1)
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with site.app.app_context():
        engine = site.db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        signed_in.get("/who")
        asked = [one for one in seen if "FROM idverify_identity" in one]
        assert len(asked) == 1
        seen.clear()
        signed_in.get("/members")
        assert len([one for one in seen if "FROM idverify_identity" in one]) == 1
        assert len(seen) <= 6  # the user, and what satisfying an application needs
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_view_keeps_its_name_and_documentation() -> None:
    @identity_required
    def page() -> str:
        """Show a page."""
        return "page"

    assert (page.__name__, page.__doc__) == ("page", "Show a page.")


def test_nobody_reads_the_same_wherever_it_stands(site: Host) -> None:
    with site.app.test_request_context():
        assert repr(current_identity) == "<NoIdentity>"
