"""Mass assignment: a form takes the fields that it declares, and the JSON API refuses the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Boolean, DateTime, Integer

from flask_idverify import clock
from flask_idverify.models import Base
from tests.security.routes import Need, Route, routes
from tests.security.stage import TYPED, Dump, Member, Stage, dump, opened

FORMS = [
    route
    for route in routes(Need.owner, Need.login, Need.admin)
    if route.changes and not route.endpoint.startswith("idverify_api.")
]
#: Random by design; of these only whether there is one is compared.
RANDOM = frozenset(
    {
        *("id", "reference", "vendor_reference", "account_id", "callback_key_digest"),
        *("active_key", "mac", "previous_mac", "related_key", "subject"),
    }
)
CHOSEN = {"status": "approved", "standing": "verified", "type": "Jumio Platform"}


def columns(stage: Stage) -> dict[str, Any]:
    """Return every column of every table, the host's own too, with its type."""
    tables = stage.host.db.metadata.sorted_tables
    return {column.name: column.type for table in tables for column in table.columns}


def extras(stage: Stage, route: Route, *, on: bool) -> dict[str, str]:
    """Return fields that the form does not declare, with values that would fit the columns."""
    found = {
        "identity.standing": "verified",
        "verification[status]": "approved",
        "is_verified": "1",
        "decision": "PASSED",
        "csrf": "no",
        "__class__": "x",
    }
    for name, kind in columns(stage).items():
        if name.removesuffix("_sealed") in (*CHOSEN,):
            found[name] = CHOSEN[name]
        elif isinstance(kind, Boolean):
            found[name] = "1" if on else "0"
        elif isinstance(kind, DateTime):
            found[name] = "2001-01-01 00:00:00" if on else ""
        elif isinstance(kind, Integer):
            found[name] = "7" if on else "0"
        elif name == "user_id":
            found[name] = str(stage.owner.id if on else stage.stranger.id)
        elif name in stage.values:
            found[name] = stage.others["doubtful"] if on else stage.others["bank"]
        else:
            found[name] = '{"match_name": false}' if on else ""
    for name in (*found,):
        # What stands sealed has a name without the suffix in the code.
        found[name.removesuffix("_sealed")] = found[name]
    return {name: value for name, value in found.items() if name not in declared(stage, route)}


def declared(stage: Stage, route: Route) -> set[str]:
    """Return the fields that the form is meant to take."""
    return {*stage.body(route.endpoint), "csrf_token"}


def shape(stage: Stage, before: Dump) -> str:
    """Return all there is in the database, without what is random in new rows."""
    after = dump(stage.host)
    known = {row["id"] for rows in before.values() for row in rows}
    fresh = [row for rows in after.values() for row in rows if row["id"] not in known]
    names = {str(value) for row in fresh for name, value in row.items() if name in RANDOM and value}
    lines = []
    for table, rows in after.items():
        for row in rows:
            shown = {
                name: bool(value)
                if name.endswith("_sealed")
                or name in ("mac", "previous_mac")
                or (name in RANDOM and row["id"] not in known)
                else value
                for name, value in row.items()
                if name != "answer"  # the vendor's own words, with the vendor's time
            }
            lines.append(f"{table} {json.dumps(shown, default=str, sort_keys=True)}")
    for place, plain in opened(stage.host).items():
        if ".redirect_url." not in place and ".callback_key." not in place:
            lines.append(f"{place} {plain}")
    text = "\n".join(lines)
    for name in sorted(names, key=len, reverse=True):
        if len(name) > 8:
            text = text.replace(name, "(new)")
    return "\n".join(sorted(text.splitlines()))


def member(route: Route, stage: Stage) -> Member:
    return stage.admin if route.need is Need.admin else stage.owner


def done(stage: Stage, route: Route, fields: dict[str, str], query: dict[str, str]) -> str:
    """Send the form on a fresh stage; return what came of it."""
    stage.restore()
    before = dump(stage.host)
    sent = {**stage.body(route.endpoint), **fields}
    answer = member(route, stage).send(
        route.method, route.path(stage), data=sent, query_string=query
    )
    assert answer.status_code in (200, 303), (str(route), answer.status_code)
    return shape(stage, before)


@pytest.mark.parametrize("route", FORMS, ids=str)
def test_mass_assignment_no_form_takes_a_field_that_it_does_not_declare(
    stage: Stage, route: Route
) -> None:
    with clock.stopped():
        wanted = done(stage, route, {}, {})
        for on in (True, False):
            more = extras(stage, route, on=on)
            assert len(more) > 60
            assert done(stage, route, more, {}) == wanted
            assert done(stage, route, {}, more) == wanted


def test_control_a_declared_field_does_change_its_column(stage: Stage) -> None:
    before = dump(stage.host)
    for path, form, (table, column) in [
        (
            f"/identity/admin/applications/{stage.values['application_id']}",
            {"display_name": "Seen"},
            ("idverify_application", "display_name"),
        ),
        (
            f"/identity/admin/providers/{stage.values['provider_id']}",
            {**stage.body("idverify_admin.provider"), "name": "Seen"},
            ("idverify_provider", "name"),
        ),
    ]:
        assert stage.admin.send("POST", path, data=form).status_code == 303
        assert "Seen" in {row[column] for row in dump(stage.host)[table]}
    assert dump(stage.host) != before


def test_control_every_table_and_every_sealed_column_is_compared(stage: Stage) -> None:
    assert set(Base.metadata.tables) <= set(dump(stage.host))
    places = opened(stage.host)
    assert any(place.startswith("idverify_identity.claim.") for place in places)
    assert any(place.startswith("idverify_provider.client_secret.") for place in places)
    assert {"is_admin", "status", "callback_key_digest", "verified_at"} <= set(columns(stage))


@pytest.mark.parametrize("place", ["body", "claim", "consent"])
def test_mass_assignment_the_api_refuses_a_member_that_it_does_not_know(
    stage: Stage, place: str
) -> None:
    known = {"claim", "consent", "application", *TYPED, "given", "state"}
    before = dump(stage.host)
    for name in sorted(set(columns(stage)) - known):
        body = stage.json()
        target = body if place == "body" else body[place]
        target[name] = True
        answer = stage.stranger.send("POST", "/identity/api/verifications", json=body)
        assert answer.status_code == 422, name
        assert answer.get_json()["field"] == name
    assert dump(stage.host) == before
    control = stage.stranger.send("POST", "/identity/api/verifications", json=stage.json())
    assert control.status_code == 201
