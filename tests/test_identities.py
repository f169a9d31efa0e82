"""Who is verified, for what, for how long; and nobody inherits anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import request
from sqlalchemy import event, select

from flask_idverify import clock, inbox, service
from flask_idverify.errors import PendingChanges
from flask_idverify.models import Application, Identity, Verification
from flask_idverify.states import Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, Vendor, status, together

pytestmark = pytest.mark.usefixtures("app_context")

SIGNED = {"admin": "7", "reason": "Papers were somebody else's."}
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


@contextmanager
def statements(host: Host) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(host.db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(host.db.engine, "before_cursor_execute", note)


def test_identities_of_a_list_page_are_one_query(host: Host, verify: Verify) -> None:
    users = [host.add_user(f"user{number}@example.com") for number in range(20)]
    verify(users[3])
    strangers = [None, host.User(email="unsaved@example.com")]
    host.db.session.expunge_all()
    users = list(host.db.session.scalars(select(host.User)))
    with statements(host) as seen:
        found = host.idverify.identities_of([*users, *strangers])
        assert {key: row.is_verified for key, row in found.items()} == {"4": True}
    assert len(seen) == 1
    assert host.idverify.identities_of([]) == {}


def test_identity_is_made_once_however_many_ask(file_host: Host) -> None:
    with file_host.app.app_context():
        file_host.add_user("lena@example.com")

    def make(_: int) -> str:
        return service.identity_for(file_host.db.session.get(file_host.User, 1)).id

    assert len(set(together(file_host, 6, make))) == 1
    with file_host.app.app_context():
        assert len(file_host.db.session.scalars(select(Identity)).all()) == 1


def test_identity_expires_with_its_papers_and_may_verify_again(
    host: Host, vendor: Vendor, verify: Verify
) -> None:
    user = host.add_user("lena@example.com")
    verify(user, expiry=(clock.now() + timedelta(days=10)).date().isoformat())
    with clock.shifted(days=9):
        assert known(host, user).is_verified
    with clock.shifted(days=12):
        assert not known(host, user).is_verified
        assert not known(host, user).satisfies()
        assert known(host, user).is_locked
        again = host.idverify.start(user, lena(real_name="Lena Gruber"))
        assert known(host, user).claim == lena()  # the old facts stay locked meanwhile
        vendor.finish(again)  # their own papers again are no duplicate
        host.idverify.refresh(again)
        assert known(host, user).is_verified
        assert known(host, user).verification_id == again.id
        assert known(host, user).claim == lena(real_name="Lena Gruber")


def test_policy_can_end_a_verification_before_the_papers_do(host: Host, verify: Verify) -> None:
    host.idverify.link("Jumio test", policy={"valid_for": 30})
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    verify(user)
    with clock.shifted(days=29):
        assert known(host, user).is_verified
    with clock.shifted(days=32):
        assert not known(host, user).is_verified


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("review", "in_review"), ("reject", "rejected"), ("accept", "approved")],
)
def test_same_papers_on_a_second_account_follow_the_policy(
    host: Host, verify: Verify, policy: str, expected: str
) -> None:
    host.idverify.link("Jumio test", policy={"duplicates": policy})
    host.db.session.commit()
    assert verify(host.add_user("first@example.com")).status is Status.approved
    second = verify(host.add_user("second@example.com"))
    assert second.status == expected
    assert (second.reasons == ["duplicate_document"]) is (expected != "approved")


def test_papers_of_a_revoked_identity_are_still_known(host: Host, verify: Verify) -> None:
    row = verify(host.add_user("first@example.com"))
    service.decide(row, "rejected", **SIGNED)
    assert verify(host.add_user("second@example.com")).reasons == ["duplicate_document"]


def test_fingerprint_is_keyed_and_tells_nothing(host: Host, verify: Verify) -> None:
    user = host.add_user("lena@example.com")
    verify(user)
    mark = known(host, user).number_fingerprint
    assert mark is not None
    assert "7301945" not in mark
    assert mark.partition(":")[0] == host.app.extensions["idverify"].fingerprint_macs.current_id


def test_satisfying_one_application_is_not_satisfying_another(host: Host, verify: Verify) -> None:
    for name, policy in (
        ("grown-ups", {"minimum_age": 18}),
        ("elders", {"minimum_age": 90}),
        ("germans", {"countries": ["DEU"]}),
        ("drivers", {"id_types": ["driving_licence"]}),
        ("watched", {"required_capabilities": ["watchlistScreening"]}),
    ):
        host.idverify.link("Jumio test", name, policy=policy)
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    nobody = host.idverify.identity_of(user)
    assert nobody is None
    verify(user)
    names = ["default", "grown-ups", "elders", "germans", "drivers", "watched", "nowhere"]
    found = {name: known(host, user).satisfies(name) for name in names}
    assert [name for name, good in found.items() if good] == ["default", "grown-ups"]
    row = host.db.session.scalars(select(Application).where(Application.name == "grown-ups")).one()
    assert known(host, user).satisfies(row)


@pytest.fixture
def two_levels(host: Host, vendor: Vendor) -> Callable[..., Verification]:
    """Return a function that verifies for ``default`` (papers only) or ``bank`` (face too)."""
    host.add_provider(vendor.url, options={"workflow_id": "100"})
    bank = host.add_provider(vendor.url, PLATFORM, link=False)
    host.idverify.link(bank, "bank")
    host.db.session.commit()

    def act(user: Any, application: str) -> Verification:
        row = host.idverify.start(user, lena(), consent(), application=application)
        vendor.finish(row, "approve-id-only" if application == "default" else "approve")
        return host.idverify.refresh(row)

    return act


def test_step_up_adds_checks_and_leaves_the_locked_facts(
    host: Host, two_levels: Callable[..., Verification]
) -> None:
    user = host.add_user("lena@example.com")
    first = two_levels(user, "default")
    since = known(host, user).verified_at
    assert not known(host, user).satisfies("bank")
    second = two_levels(user, "bank")
    assert second.status is Status.approved
    assert known(host, user).satisfies("bank")
    assert known(host, user).satisfies()
    assert known(host, user).verification_id == first.id
    assert known(host, user).verified_at == since


def test_checks_from_before_a_reset_count_no_more(
    host: Host, two_levels: Callable[..., Verification]
) -> None:
    user = host.add_user("lena@example.com")
    two_levels(user, "bank")
    service.reset(known(host, user), **SIGNED)
    two_levels(user, "default")
    assert known(host, user).satisfies()
    assert not known(host, user).satisfies("bank")


def test_checks_of_a_test_verification_never_count(
    host: Host, vendor: Vendor, two_levels: Callable[..., Verification]
) -> None:
    user = host.add_user("lena@example.com")
    two_levels(user, "default")
    row = service.start_test(user, lena(), service.provider_named(f"{PLATFORM} test"), consent())
    vendor.finish(row)
    assert host.idverify.refresh(row).status is Status.approved
    assert not known(host, user).satisfies("bank")


def test_disabled_link_starts_nothing_but_what_it_verified_counts(
    host: Host, verify: Verify
) -> None:
    user = host.add_user("lena@example.com")
    verify(user)
    host.idverify.link("Jumio test").enabled = False
    host.db.session.commit()
    assert known(host, user).satisfies()


def test_hook_names_the_application_of_the_request(host: Host, verify: Verify) -> None:
    host.idverify.link("Jumio test", "elders", policy={"minimum_age": 90})
    host.db.session.commit()
    user = host.add_user("lena@example.com")
    verify(user)
    assert known(host, user).satisfies()
    host.idverify.application_getter(lambda: "elders")
    with host.app.test_request_context():
        assert not known(host, user).satisfies()
        host.idverify.application_getter(lambda: None)
        assert known(host, user).satisfies()


def test_hook_that_looks_at_the_request_is_not_asked_without_one(
    host: Host, verify: Verify
) -> None:
    host.idverify.application_getter(lambda: request.args["tenant"])
    user = host.add_user("lena@example.com")
    assert verify(user).status is Status.approved
    assert known(host, user).satisfies()


def test_reset_clears_the_facts_and_old_approvals_count_no_more(
    host: Host, vendor: Vendor, verify: Verify
) -> None:
    user = host.add_user("lena@example.com")
    old = verify(user)
    service.reset(known(host, user), **SIGNED)
    assert known(host, user).standing is Standing.unverified
    assert known(host, user).claim is None
    assert known(host, user).document is None
    assert known(host, user).number_fingerprint is None
    assert known(host, user).verified_at is None
    assert not known(host, user).satisfies()
    # What the vendor still says of the old attempt verifies nobody anew.
    assert vendor.notification(old.vendor_reference).arrive()
    inbox.drain()
    assert status(host, old) is Status.approved
    assert not known(host, user).is_verified
    verify(user)
    assert known(host, user).is_verified
    assert known(host, user).verification_id != old.id


def test_reset_with_uncommitted_work_of_the_host_is_refused(host: Host, verify: Verify) -> None:
    user = host.add_user("lena@example.com")
    verify(user)
    user.nickname = "half"
    with pytest.raises(PendingChanges):
        service.reset(known(host, user), **SIGNED)
    host.db.session.rollback()
    assert known(host, user).is_verified


def test_own_user_ids_come_from_the_hosts_hook(host: Host, verify: Verify) -> None:
    @host.idverify.user_id_getter
    def stable(user: Any) -> str | None:
        return f"u-{user.email}" if user is not None and user.email else None

    user = host.add_user("lena@example.com")
    verify(user)
    assert known(host, user).user_id == "u-lena@example.com"


def test_reset_ends_open_attempts_so_that_none_locks_again(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com")
    verification = host.idverify.start(user, lena(), consent())
    identity = host.idverify.identity_of(user)
    assert identity is not None
    service.reset(identity, admin="7", reason="stated the wrong papers")
    assert verification.status is Status.canceled
    vendor.finish(verification)
    assert vendor.notification(verification.vendor_reference).arrive()
    inbox.drain()
    assert verification.status is Status.canceled
    assert not identity.is_verified
    assert host.idverify.start(user, lena(id_number="N1"), consent()).status is Status.started


@pytest.mark.parametrize("hook", [False, True])
@pytest.mark.parametrize("given", [7, "7"])
def test_id_in_place_of_a_user_is_told_apart(host: Host, hook: bool, given: Any) -> None:
    if hook:
        host.idverify.user_id_getter(lambda user: str(user.id))
    for act in (
        lambda: host.idverify.start(given, lena()),
        lambda: host.idverify.identity_of(given),
        lambda: host.idverify.identities_of([given]),
        lambda: host.idverify.forget(given),
        lambda: host.idverify.erase(given),
        lambda: host.idverify.export(given),
    ):
        with pytest.raises(TypeError, match="Pass the user, not their id"):
            act()


def test_anything_else_in_place_of_a_user_is_a_type_error(host: Host) -> None:
    with pytest.raises(TypeError, match="got dict"):
        host.idverify.start({"id": 7}, lena())
