"""Applications, their provider rows, and each row's policy."""

from __future__ import annotations

from typing import Any

import pytest

from flask_idverify.models import Application, AuditEntry, Link
from flask_idverify.policy import Policy
from tests.hosts import Host
from tests.web_admin.desk import Desk, add_provider, field_error, words


@pytest.fixture
def ready(host: Host, desk: Desk) -> str:
    """The path of an application with three linked providers: one, two, three."""
    for name in ("one", "two", "three"):
        add_provider(host, name=name, link=True)
    with host.app.app_context():
        return f"/applications/{host.db.session.query(Application).one().id}"


def rows(host: Host) -> list[tuple[str, bool]]:
    """Return name and enabled of the application's links, in order."""
    with host.app.app_context():
        application: Any = host.db.session.query(Application).one()
        return [(link.provider.name, link.enabled) for link in application.links]


def link_path(host: Host, ready: str, name: str) -> str:
    with host.app.app_context():
        found = [link for link in host.db.session.query(Link) if link.provider.name == name]
        return f"{ready}/links/{found[0].id}"


def policy_of(host: Host, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with host.app.app_context():
        link = host.db.session.get(Link, path.rpartition("/")[2])
        assert link is not None
        return link.policy, link.conditions


def test_an_application_is_added_and_its_display_name_changed(host: Host, desk: Desk) -> None:
    answer = desk.send("/applications/new", name="bank", display_name="The Bank")
    assert answer.status_code == 303
    path = answer.headers["Location"].removeprefix("/identity/admin")
    assert "The Bank" in words(desk.get("/applications"))
    assert desk.send(path, display_name="A Bank", name="renamed").status_code == 303
    with host.app.app_context():
        row = host.db.session.query(Application).one()
        assert (row.name, row.display_name) == ("bank", "A Bank")
        actions = [
            entry.action
            for entry in host.db.session.query(AuditEntry).order_by(AuditEntry.sequence)
        ]
        assert actions == ["application.added", "application.changed"]


@pytest.mark.parametrize(
    ("name", "told"), [("", "Please enter"), ("x" * 101, "100"), ("bank", "taken")]
)
def test_an_application_needs_a_name_of_its_own(desk: Desk, name: str, told: str) -> None:
    desk.send("/applications/new", name="bank")
    answer = desk.send("/applications/new", name=name)
    assert answer.status_code == 422
    assert told in field_error(answer, "name")


def test_a_new_link_goes_to_the_end_and_each_provider_is_offered_once(
    host: Host, desk: Desk, ready: str
) -> None:
    four = add_provider(host, name="four")
    page = desk.get(ready).text.split('name="provider"')[1].split("</select>")[0]
    assert page.count("<option") == 1
    assert desk.send(f"{ready}/links", ready, provider=four).status_code == 303
    assert [name for name, _ in rows(host)] == ["one", "two", "three", "four"]
    assert 'name="provider"' not in desk.get(ready).text
    refused = desk.post(f"{ready}/links", {"provider": four, "csrf_token": desk.token()})
    assert refused.status_code == 422


def test_links_are_ordered_by_buttons(host: Host, desk: Desk, ready: str) -> None:
    def move(name: str, direction: str) -> None:
        path = f"{link_path(host, ready, name)}/move"
        assert desk.send(path, ready, direction=direction).status_code == 303

    move("three", "up")
    assert [name for name, _ in rows(host)] == ["one", "three", "two"]
    move("one", "down")
    assert [name for name, _ in rows(host)] == ["three", "one", "two"]
    move("two", "down")
    assert [name for name, _ in rows(host)] == ["three", "one", "two"]


def test_a_link_is_disabled_enabled_and_removed(host: Host, desk: Desk, ready: str) -> None:
    path = link_path(host, ready, "two")
    desk.send(f"{path}/enabled", ready, enabled="0")
    assert rows(host) == [("one", True), ("two", False), ("three", True)]
    assert "Disabled" in words(desk.get(ready))
    desk.send(f"{path}/enabled", ready, enabled="0")
    assert rows(host)[1] == ("two", False)
    desk.send(f"{path}/enabled", ready, enabled="1")
    assert rows(host)[1] == ("two", True)
    desk.send(f"{path}/remove", ready)
    assert [name for name, _ in rows(host)] == ["one", "three"]
    assert desk.get(path).status_code == 404


def test_a_link_is_found_only_under_its_own_application(host: Host, desk: Desk, ready: str) -> None:
    answer = desk.send("/applications/new", name="other")
    other = answer.headers["Location"].removeprefix("/identity/admin")
    link_id = link_path(host, ready, "one").rpartition("/")[2]
    assert desk.get(f"{other}/links/{link_id}").status_code == 404
    removal = desk.post(f"{other}/links/{link_id}/remove", {"csrf_token": desk.token()})
    assert removal.status_code == 404
    assert desk.get(f"{ready}/links/{link_id}").status_code == 200


def test_the_policy_form_shows_what_holds_and_keeps_it(host: Host, desk: Desk, ready: str) -> None:
    path = link_path(host, ready, "one")
    assert desk.send(path).status_code == 303
    policy, conditions = policy_of(host, path)
    assert policy == Policy().to_dict()
    assert conditions == {"countries": None, "id_types": None}


def test_every_field_of_policy_and_conditions_is_kept(host: Host, desk: Desk, ready: str) -> None:
    path = link_path(host, ready, "one")
    answer = desk.send(
        path,
        match_name=None,
        match_number="y",
        countries="at, DEU;  che",
        id_types=["passport", "id_card"],
        minimum_age="18",
        expired_documents="accept",
        on_warning="reject",
        required_capabilities="liveness, similarity",
        duplicates="reject",
        keep_fingerprint="y",
        on_reversal="revoke",
        max_attempts="3",
        valid_for="365",
        route_countries="AUT",
        route_id_types=["passport"],
    )
    assert answer.status_code == 303, words(answer)
    policy, conditions = policy_of(host, path)
    assert policy == {
        "match_name": False,
        "match_number": True,
        "countries": ["AUT", "CHE", "DEU"],
        "id_types": ["id_card", "passport"],
        "minimum_age": 18,
        "expired_documents": "accept",
        "on_warning": "reject",
        "required_capabilities": ["liveness", "similarity"],
        "duplicates": "reject",
        "keep_fingerprint": True,
        "on_reversal": "revoke",
        "max_attempts": 3,
        "valid_for": 365,
    }
    assert conditions == {"countries": ["AUT"], "id_types": ["passport"]}
    shown = desk.form(path)
    assert shown["countries"] == "AUT, CHE, DEU"
    assert "match_name" not in shown
    assert "Countries: Austria" in words(desk.get(ready))


@pytest.mark.parametrize(
    "between", ["\N{FULLWIDTH COMMA}", "\N{FULLWIDTH SEMICOLON}", "\N{IDEOGRAPHIC COMMA}", " ; "]
)
def test_codes_are_told_apart_by_what_a_keyboard_writes(
    host: Host, desk: Desk, ready: str, between: str
) -> None:
    path = link_path(host, ready, "one")
    answer = desk.send(path, countries=f"AUT{between}DEU")
    assert answer.status_code == 303, words(answer)
    assert policy_of(host, path)[0]["countries"] == ["AUT", "DEU"]


def test_the_form_has_every_field_of_the_policy(host: Host, desk: Desk, ready: str) -> None:
    page = desk.get(link_path(host, ready, "one")).text
    for name in Policy.__dataclass_fields__:
        assert f'name="{name}"' in page, name


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("countries", "AUT, QQQ", "QQQ"),
        ("route_countries", "Austria", "AUSTRIA"),
        ("minimum_age", "0", "1"),
        ("minimum_age", "old", "integer"),
        ("max_attempts", "1001", "1000"),
        ("valid_for", "-1", "36500"),
        ("required_capabilities", "live-ness", "names such as"),
        ("expired_documents", "maybe", "choice"),
        ("on_reversal", "", "required"),
        ("id_types", "library_card", "choice"),
    ],
)
def test_policy_errors_are_told_at_their_field(
    host: Host, desk: Desk, ready: str, field: str, value: str, told: str
) -> None:
    path = link_path(host, ready, "one")
    before = policy_of(host, path)
    answer = desk.send(path, **{field: value})
    assert answer.status_code == 422
    assert told in field_error(answer, field), words(answer)
    assert policy_of(host, path) == before


def test_saving_a_policy_leaves_a_disabled_link_disabled(
    host: Host, desk: Desk, ready: str
) -> None:
    path = link_path(host, ready, "two")
    desk.send(f"{path}/enabled", ready, enabled="0")
    desk.send(path, minimum_age="21")
    assert rows(host)[1] == ("two", False)
    assert policy_of(host, path)[0]["minimum_age"] == 21


def test_what_was_done_is_audited_in_the_admins_name(host: Host, desk: Desk, ready: str) -> None:
    path = link_path(host, ready, "two")
    desk.send(path, minimum_age="21")
    desk.send(f"{path}/move", ready, direction="up")
    desk.send(f"{path}/enabled", ready, enabled="0")
    desk.send(f"{path}/remove", ready)
    with host.app.app_context():
        entries = host.db.session.query(AuditEntry).filter_by(actor=f"admin:{desk.id}")
        actions = [entry.action for entry in entries.order_by(AuditEntry.sequence)]
    assert actions == ["link.changed", "link.moved", "link.changed", "link.removed"]
