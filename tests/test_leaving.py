"""Users who leave: their record outlives them, and nobody inherits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select

from flask_idverify import inbox
from flask_idverify.models import Identity, VendorAccount, Verification
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, Vendor, status, steps

pytestmark = pytest.mark.usefixtures("app_context")

Verify = Callable[..., Verification]


@pytest.fixture
def verify(host: Host, vendor: Vendor) -> Verify:
    """Return a function that verifies a user, by default for the default application."""
    host.add_provider(vendor.url)

    def act(user: Any, scenario: str = "approve", **paper: str) -> Verification:
        claim = lena(id_number=paper["number"]) if "number" in paper else lena()
        row = host.idverify.start(user, claim)
        vendor.finish(row, scenario, **paper)
        return host.idverify.refresh(row)

    return act


def known(host: Host, user: Any) -> Identity:
    found = host.idverify.identity_of(user)
    assert found is not None
    return found


def leave(host: Host, user: Any, how: str) -> None:
    if how == "forget":
        host.idverify.forget(user)
        host.db.session.delete(user)
    else:
        host.idverify.watch_users(host.User)
        host.db.session.delete(user)
    host.db.session.commit()


@pytest.mark.sqlite("only it reuses ids")
@pytest.mark.parametrize("how", ["forget", "watch"])
def test_next_user_with_a_reused_id_inherits_nothing(host: Host, vendor: Vendor, how: str) -> None:
    host.add_provider(vendor.url, PLATFORM)
    user = host.add_user("lena@example.com")
    row = host.idverify.start(user, lena(), consent())
    vendor.finish(row)
    host.idverify.refresh(row)
    old = known(host, user)
    leave(host, user, how)
    heir = host.add_user("heir@example.com")
    assert heir.id == 1  # SQLite hands it out again
    assert host.idverify.identity_of(heir) is None
    assert old.standing is Standing.revoked
    assert not old.is_verified
    assert row.user_id != "1"
    assert "identity.closed" in steps(host)
    # Nor the vendor's account with the other one's papers and face.
    fresh = host.idverify.start(heir, lena(real_name="Hanna Erb"), consent())
    assert fresh.account_id != row.account_id
    assert [entry["method"] for entry in vendor.asked("start")] == ["POST", "POST"]


@pytest.mark.parametrize("how", ["forget", "watch"])
def test_open_attempt_of_a_deleted_user_verifies_nobody(
    host: Host, vendor: Vendor, how: str
) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    row = host.idverify.start(user, lena())
    leave(host, user, how)
    vendor.finish(row)
    assert vendor.notification(row.vendor_reference).arrive()
    inbox.drain()
    assert status(host, row) is Status.canceled
    assert host.db.session.scalars(select(Identity)).one().standing is Standing.revoked
    heir = host.add_user("heir@example.com")
    assert host.idverify.start(heir, lena(id_number="X1")).status is Status.started


def test_deleting_a_user_undone_undoes_the_closing(host: Host, verify: Verify) -> None:
    host.idverify.watch_users(host.User)
    user = host.add_user("lena@example.com")
    verify(user)
    host.db.session.delete(user)
    host.db.session.flush()
    host.db.session.rollback()
    assert known(host, user).is_verified


def test_users_without_identity_leave_quietly(host: Host) -> None:
    host.idverify.watch_users(host.User)
    user = host.add_user("lena@example.com")
    host.idverify.forget(user)
    host.db.session.delete(user)
    host.db.session.commit()
    assert steps(host) == []
    assert host.db.session.scalars(select(VendorAccount)).all() == []


@pytest.mark.sqlite("only it reuses ids")
def test_reused_id_is_the_danger_this_guards_against(host: Host, verify: Verify) -> None:
    """The positive control: a statement past the ORM is not watched, and the heir inherits."""
    host.idverify.watch_users(host.User)
    user = host.add_user("lena@example.com")
    verify(user)
    host.db.session.execute(delete(host.User))
    host.db.session.commit()
    host.db.session.expunge_all()
    heir = host.add_user("heir@example.com")
    assert known(host, heir).is_verified
