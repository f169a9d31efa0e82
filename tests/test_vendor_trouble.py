"""A provider whose vendor does not let us in says so, until it does; no attempt is lost by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from flask_idverify import clock, connection, doctor, inbox, service
from flask_idverify.errors import VendorError, VendorRefused
from flask_idverify.models import Provider, Verification
from flask_idverify.service import backoff
from flask_idverify.service.providers import change_provider
from flask_idverify.service.usage import add_calls
from flask_idverify.states import Status
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor, status
from tests.web.people import TYPED, Person
from tests.web.people import words as user_words
from tests.web_admin.desk import Desk, words

WRONG, RIGHT = "not the secret", "sandbox-secret"


def provider(host: Host) -> Provider:
    host.db.session.rollback()
    return host.db.session.scalars(select(Provider)).one()


def save(host: Host, **changes: Any) -> None:
    """Save the provider as an admin does."""
    row = provider(host)
    fields = ("name", "type", "client_id", "endpoint", "options", "enabled", "calls_per_day")
    kept: dict[str, Any] = {name: getattr(row, name) for name in fields}
    change_provider(row, **{"client_secret": None, "actor": "admin:1", **kept, **changes})
    host.db.session.commit()


def advice(host: Host) -> list[tuple[str, str]]:
    """Return what the doctor says of the provider's calls."""
    name = provider(host).name
    found = [each for each in doctor.examine() if each.about == f"calls of {name!r}"]
    host.db.session.rollback()
    return [(each.level, each.message) for each in found]


@pytest.mark.usefixtures("app_context")
@pytest.mark.parametrize("kind", GENERATIONS)
def test_wrong_secret_marks_the_provider_and_the_right_one_clears_it(
    host: Host, vendor: Vendor, kind: str
) -> None:
    host.add_provider(vendor.url, kind)
    row = service.start(host.add_user("lena@example.com"), lena(), consent())
    vendor.finish(row)
    service.note_return(row)
    save(host, client_secret=WRONG)
    with clock.stopped() as now:
        with clock.shifted(minutes=1):
            inbox.drain()
            first = provider(host).trouble
            assert "does not accept the credentials" in (first or "")
            assert provider(host).trouble_since == now + timedelta(minutes=1)
        with clock.shifted(minutes=2):
            inbox.drain()
            assert provider(host).trouble_since == now + timedelta(minutes=1), "since the first"
        # By the usual schedule, and not lost.
        assert status(host, row) is Status.started
        assert row.next_poll_at is not None
        assert row.next_poll_at < now + timedelta(minutes=5)
        save(host, client_secret=RIGHT)
        assert provider(host).trouble is None
        with clock.shifted(minutes=5):
            inbox.drain()
        assert status(host, row) is Status.approved
    assert (provider(host).trouble, provider(host).trouble_since) == (None, None)


@pytest.mark.usefixtures("app_context")
@pytest.mark.parametrize("kind", GENERATIONS)
def test_next_success_clears_it_by_itself(host: Host, vendor: Vendor, kind: str) -> None:
    host.add_provider(vendor.url, kind)
    user = host.add_user("lena@example.com")
    for fault in ({"kind": "403", "where": "start"}, {"kind": "401", "where": "any"}):
        vendor.sandbox.set_faults([fault])
        with pytest.raises(VendorRefused):
            service.start(user, lena(), consent())
        assert provider(host).trouble
        # Neither is what has nothing to do with it.
        for other in ({"kind": "5xx"}, {"kind": "429", "retry_after": 0}):
            vendor.sandbox.set_faults([other])
            with pytest.raises(VendorError):
                service.start(user, lena(), consent())
            assert provider(host).trouble
        vendor.sandbox.clear_faults()
        with clock.shifted(seconds=2):
            row = service.start(user, lena(), consent())
            assert provider(host).trouble is None
            service.cancel(row)
        provider(host).backed_off_until = None  # the clock goes back
        host.db.session.commit()


@pytest.mark.usefixtures("app_context")
@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (V4, {"kind": "401"}),
        (PLATFORM, {"kind": "401", "where": "token"}),
        (PLATFORM, {"kind": "not_found", "where": "token"}),
        # The token is fine and the vendor's health too; we only may not read.
        (PLATFORM, {"kind": "403", "where": "details"}),
    ],
)
def test_a_connection_check_marks_and_clears_it_too(
    host: Host, vendor: Vendor, kind: str, fault: dict[str, Any]
) -> None:
    host.add_provider(vendor.url, kind)
    vendor.sandbox.set_faults([fault])
    assert not all(step.ok for step in connection.check(provider(host))[:2])
    assert provider(host).trouble
    vendor.sandbox.clear_faults()
    connection.check(provider(host))
    assert provider(host).trouble is None


@pytest.mark.usefixtures("app_context")
def test_a_token_that_ran_out_is_no_trouble(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url, PLATFORM)
    row = service.start(host.add_user("lena@example.com"), lena(), consent())
    vendor.sandbox.revoke_tokens()
    service.refresh(row)
    assert provider(host).trouble is None


def test_everybody_reads_what_they_need(host: Host, vendor: Vendor) -> None:
    with host.app.app_context():
        provider_id = host.add_provider(vendor.url, client_secret=WRONG).id
    person, desk = Person(host), Desk(host)
    answer = person.post(**TYPED)
    assert answer.status_code == 502
    shown = user_words(answer)
    assert "credentials" not in shown
    assert "401" not in shown
    assert "Not let in by the vendor" in words(desk.get("/providers"))
    overview = desk.get("/")
    assert " is not let in by the vendor since" in words(overview)
    assert f'/providers/{provider_id}"' in overview.text, "users read that we have been told"
    page = words(desk.get(f"/providers/{provider_id}"))
    assert "The vendor does not let us in" in page
    assert "it does not accept the credentials" in page
    assert WRONG not in desk.get(f"/providers/{provider_id}").text
    listed = host.app.test_cli_runner().invoke(args=["idverify", "provider", "list"])
    assert "not let in by the vendor" in listed.output
    assert desk.send(f"/providers/{provider_id}", client_secret=RIGHT).status_code in (302, 303)
    assert "The vendor does not let us in" not in words(desk.get(f"/providers/{provider_id}"))
    with host.app.app_context():
        row = provider(host)
        backoff.back_off(row.id, clock.now() + timedelta(minutes=5))
        assert host.db.session.scalars(select(Verification)).one().status is Status.error
    assert "Rate limit reached" in words(desk.get("/providers"))
    assert "has reached the vendor's rate limit" in words(desk.get("/"))
    assert "Nothing is sent to it before" in words(desk.get(f"/providers/{provider_id}"))
    listed = host.app.test_cli_runner().invoke(args=["idverify", "provider", "list"])
    assert "left alone until" in listed.output


@pytest.mark.sqlite("others do not drop what an index stands on")
@pytest.mark.usefixtures("app_context")
def test_doctor_names_what_a_migration_has_not_added_yet(host: Host) -> None:
    host.db.session.execute(text("ALTER TABLE idverify_provider DROP COLUMN trouble"))
    host.db.session.execute(text("DROP TABLE idverify_provider_usage"))
    host.db.session.commit()
    found = {each.about: each for each in doctor.examine()}
    assert found["tables"].level == "error"
    assert "idverify_provider.trouble, idverify_provider_usage." in found["tables"].message
    assert "flask db upgrade" in found["tables"].message


@pytest.mark.usefixtures("app_context")
def test_doctor_tells_of_silence_trouble_and_a_limit_that_is_too_low(
    host: Host, vendor: Vendor
) -> None:
    row = host.add_provider(vendor.url, client_secret=WRONG)
    assert [level for level, _ in advice(host)] == ["ok"]
    connection.check(row)
    assert [level for level, _ in advice(host)] == ["error"]
    assert "does not accept the credentials" in advice(host)[0][1]
    save(host, enabled=False)
    connection.check(provider(host))
    assert [level for level, _ in advice(host)] == ["warning"], "nobody is kept waiting"
    save(host, client_secret=RIGHT, enabled=True)
    backoff.back_off(provider(host).id, clock.now() + timedelta(minutes=5))
    assert [level for level, _ in advice(host)] == ["warning"]
    assert "nothing is sent before" in advice(host)[0][1]
    with clock.shifted(minutes=6):
        add_calls(provider(host).id, calls=98, refused=5, failed=0)
        assert [level for level, _ in advice(host)] == ["ok"], "5 of 100"
        add_calls(provider(host).id, calls=0, refused=1, failed=0)
        assert advice(host)[0][0] == "warning"
        assert "6 of today's 100" in advice(host)[0][1]
