"""Providers, applications and links: checked when saved, audited, and never half-saved."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select, text

from flask_idverify.errors import InvalidPolicy, InvalidProvider, NotFound, VendorError
from flask_idverify.models import Application, AuditEntry, Link, Provider
from flask_idverify.service import applications, providers
from flask_idverify.service.owed import owe_vendor_erasure
from tests.hosts import Host, lena
from tests.vendor import Vendor, together

pytestmark = pytest.mark.usefixtures("app_context")

GOOD: dict[str, Any] = {
    "name": "main",
    "type": "Jumio",
    "client_id": "id",
    "client_secret": "hunter2-secret",
    "endpoint": "https://netverify.com/",
}


def add(host: Host, **changes: Any) -> Provider:
    return host.idverify.add_provider(**{**GOOD, **changes})


def change(provider: Provider, **changes: Any) -> Provider:
    values = {
        "name": provider.name,
        "type": provider.type,
        "client_id": provider.client_id,
        "client_secret": None,
        "endpoint": provider.endpoint,
        "options": provider.options,
        "enabled": provider.enabled,
        "calls_per_day": provider.calls_per_day,
        "actor": "admin:7",
    }
    return providers.change_provider(provider, **{**values, **changes})


def test_provider_is_stored_clean_with_an_encrypted_secret(host: Host) -> None:
    row = add(host, name=" main ", options={"workflow_id": "100", "locale": ""})
    host.db.session.commit()
    assert (row.name, row.category, row.endpoint) == (
        *("main", "ID Verification", "https://netverify.com"),
    )
    assert row.options["workflow_id"] == "100"
    assert "locale" not in row.options
    assert row.client_secret == "hunter2-secret"
    raw = repr(host.db.session.execute(text("SELECT * FROM idverify_provider")).all())
    assert "hunter2" not in raw
    assert (row.callback_key or "x") not in raw


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", ""), ("name", "x" * 101), ("type", "Onfido"), ("client_id", " ")),
        *(("client_secret", ""), ("endpoint", ""), ("endpoint", "https://attacker.example")),
        *(("endpoint", "https://u:p@netverify.com"), ("endpoint", "http://netverify.com")),
        ("client_id", "x" * 256),
    ],
)
def test_unusable_field_is_named_and_nothing_is_stored(host: Host, field: str, value: str) -> None:
    with pytest.raises(InvalidProvider) as refusal:
        add(host, **{field: value})
    assert refusal.value.field == field
    assert "hunter2" not in str(refusal.value)
    host.db.session.commit()
    assert host.db.session.scalars(select(Provider)).all() == []


def test_taken_name_is_refused_and_the_session_stays_usable(host: Host) -> None:
    add(host)
    host.db.session.commit()
    with pytest.raises(InvalidProvider, match="taken"):
        add(host)
    other = add(host, name="other")
    host.db.session.commit()
    with pytest.raises(InvalidProvider, match="taken"):
        change(other, name="main")
    host.db.session.commit()
    assert other.name == "other"


def test_race_for_a_name_has_one_winner_and_no_wreck(file_host: Host) -> None:
    def work(_: int) -> str:
        add(file_host)
        file_host.db.session.commit()
        return "won"

    found = together(file_host, 4, work)
    assert found.count("won") == 1
    assert {type(item) for item in found} == {str, InvalidProvider}


def test_blank_secret_keeps_the_stored_one(host: Host) -> None:
    row = add(host)
    host.db.session.commit()
    for blank in (None, ""):
        change(row, client_secret=blank, client_id="new")
        host.db.session.commit()
        assert row.client_secret == "hunter2-secret"
    change(row, client_secret="other-secret")
    host.db.session.commit()
    assert row.client_secret == "other-secret"


def test_changed_provider_is_asked_with_its_new_secret(host: Host, vendor: Vendor) -> None:
    """Adapters are kept; a stale one would go on with the old credentials."""
    row = host.add_provider(vendor.url, client_secret="wrong")
    user = host.add_user("lena@example.com")
    with pytest.raises(Exception, match="credentials"):
        host.idverify.start(user, lena())
    change(row, client_secret="sandbox-secret")
    host.db.session.commit()
    assert host.idverify.start(user, lena()).status == "started"


def test_changes_are_audited_by_field_name_and_without_values(host: Host) -> None:
    row = add(host)
    change(row, client_secret="other-secret", client_id="new-id", options={"workflow_id": "100"})
    host.db.session.commit()
    entry = host.db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "provider.changed")
    ).one()
    assert entry.actor == "admin:7"
    assert entry.facts == {"changed": ["client_id", "options", "client_secret"]}


@pytest.mark.parametrize("field", ["endpoint", "client_id"])
def test_provider_does_not_turn_into_another_account_of_the_vendors_unawares(
    host: Host, vendor: Vendor, field: str
) -> None:
    elsewhere = {"endpoint": "https://lon.netverify.com", "client_id": "other-id"}[field]
    row = host.add_provider(vendor.url)
    held = getattr(row, field)
    change(row, **{field: elsewhere})
    change(row, **{field: held})
    host.db.session.commit()
    host.idverify.start(host.add_user("lena@example.com"), lena())
    with pytest.raises(InvalidProvider, match=rf"^{field}: .* same account"):
        change(row, **{field: elsewhere}, name="renamed")
    assert (getattr(row, field), row.name in host.db.session.dirty) == (held, False)
    change(row, endpoint=f"{vendor.url}/", client_id=" sandbox-id ", client_secret="renewed")
    change(row, **{field: elsewhere}, same_account=True)
    host.db.session.commit()
    assert getattr(row, field) == elsewhere
    *_, last = host.db.session.scalars(
        select(AuditEntry)
        .where(AuditEntry.action == "provider.changed")
        .order_by(AuditEntry.sequence)
    )
    assert last.facts == {"changed": [field], "same_account": True}


def test_deletion_that_is_owed_holds_the_endpoint(host: Host) -> None:
    row = add(host)
    owe_vendor_erasure(
        host.db.session, subject=str(uuid.uuid4()), provider_id=row.id, vendor_reference="scan-1"
    )
    host.db.session.commit()
    with pytest.raises(InvalidProvider, match="never made"):
        change(row, endpoint="https://lon.netverify.com")


def test_attempt_that_never_reached_the_vendor_holds_no_mistyped_endpoint(
    host: Host, vendor: Vendor
) -> None:
    row = host.add_provider("http://127.0.0.1:9")
    with pytest.raises(VendorError):
        host.idverify.start(host.add_user("lena@example.com"), lena())
    change(row, endpoint=vendor.url)
    host.db.session.commit()
    assert row.endpoint == vendor.url


def test_provider_in_use_is_disabled_and_not_deleted(host: Host, vendor: Vendor) -> None:
    row = host.add_provider(vendor.url)
    with pytest.raises(InvalidProvider, match="Disable"):
        providers.delete_provider(row, actor="admin:7")
    host.idverify.start(host.add_user("lena@example.com"), lena())
    link = host.db.session.scalars(select(Link)).one()
    applications.unlink(link, actor="admin:7")
    with pytest.raises(InvalidProvider, match="Disable"):
        providers.delete_provider(row, actor="admin:7")
    with pytest.raises(InvalidProvider, match="type"):
        change(row, type="Jumio Platform", options={})
    free = add(host, name="free")
    providers.delete_provider(free, actor="admin:7")
    host.db.session.commit()
    assert host.db.session.scalars(select(Provider.name)).all() == [row.name]


def test_link_makes_its_application_and_goes_to_the_end(host: Host) -> None:
    rows = [host.idverify.link(add(host, name=name), "bank") for name in ("a", "b", "c")]
    host.db.session.commit()
    assert [row.position for row in rows] == [0, 1, 2]
    application = host.db.session.scalars(select(Application)).one()
    assert application.name == "bank"
    applications.move_link(rows[2], up=True, actor="admin:7")
    host.db.session.commit()
    assert [row.provider.name for row in application.links] == ["a", "c", "b"]
    again = host.idverify.link("a", "bank", policy={"minimum_age": 18})
    assert again is rows[0]
    assert again.position == 0
    assert again.policy["minimum_age"] == 18


def test_link_at_a_position_moves_the_others_on(host: Host) -> None:
    for name in ("a", "b"):
        host.idverify.link(add(host, name=name), "bank")
    row = host.idverify.link(add(host, name="first"), "bank", position=0)
    host.db.session.commit()
    assert [each.provider.name for each in row.application.links] == ["first", "a", "b"]
    host.idverify.link("first", "bank", position=1)
    host.db.session.commit()
    assert [each.provider.name for each in row.application.links] == ["a", "first", "b"]
    assert [each.position for each in row.application.links] == [0, 1, 2]
    assert host.idverify.link("a", "bank", position=9).position == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": {"minimum_aeg": 18}},
        {"policy": {"minimum_age": "18"}},
        {"conditions": {"countries": []}},
        {"position": -1},
        {"position": True},
    ],
)
def test_unusable_policy_or_position_is_refused(host: Host, wrong: dict[str, Any]) -> None:
    provider = add(host)
    host.db.session.commit()
    with pytest.raises(InvalidPolicy):
        host.idverify.link(provider, **wrong)
    host.db.session.rollback()
    assert host.db.session.scalars(select(Link)).all() == []
    with pytest.raises(NotFound):
        host.idverify.link("nothing")


def test_nothing_is_committed_for_the_caller(host: Host) -> None:
    host.idverify.link(add(host))
    host.db.session.rollback()
    assert host.db.session.scalars(select(Provider)).all() == []
    assert host.db.session.scalars(select(AuditEntry)).all() == []
