"""A provider that is changed or deleted at the moment in which something uses it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm.exc import ObjectDeletedError

from flask_idverify import clock, leases, service
from flask_idverify.adapters.jumio.v4 import JumioV4
from flask_idverify.errors import IDVerifyError, InvalidProvider, ProviderUnusable
from flask_idverify.models import CallbackRow, OutboxRow, Provider, Verification
from flask_idverify.service import backoff, providers
from tests.faults.races import ENGINES, crowd, database
from tests.hosts import Host, lena, make_host
from tests.vendor import Vendor


@contextmanager
def hosted(engine: str, folder: Path) -> Iterator[Host]:
    with database(engine, folder) as url:
        host = make_host(SQLALCHEMY_DATABASE_URI=url)
        yield host
        with host.app.app_context():
            host.db.session.remove()
            host.db.engine.dispose()


def spare(host: Host, vendor: Vendor) -> str:
    """Return the id of a provider that nothing refers to."""
    return str(host.add_provider(vendor.url, name="spare", link=False).id)


def move(row: Provider) -> None:
    """Turn a provider into another account of the vendor's, which does not let us in."""
    providers.change_provider(
        row,
        name=row.name,
        type=row.type,
        client_id="other-id",
        client_secret=None,
        endpoint=row.endpoint,
        options=row.options,
        enabled=True,
        calls_per_day=None,
        actor="cli",
    )


def remove(row: Provider) -> None:
    providers.delete_provider(row, actor="cli")


class Starter:
    """Starts a test with a provider, in a thread of its own."""

    def __init__(self, host: Host, provider: str) -> None:
        self._host, self._provider = host, provider
        with host.app.app_context():
            self._admin = host.add_user("admin@example.com").id
        self._thread = threading.Thread(target=self._start)

    def begin(self) -> None:
        """Begin, and wait a moment: on most engines it has to wait for us first."""
        self._thread.start()
        self._thread.join(0.5)

    def end(self) -> None:
        self._thread.join(30)

    def _start(self) -> None:
        session = self._host.db.session
        with self._host.app.app_context():
            admin = session.get_one(self._host.User, self._admin)
            row = session.get_one(Provider, self._provider)
            try:
                service.start_test(admin, lena(), row)
            except (IDVerifyError, ObjectDeletedError):
                session.rollback()


def test_test_that_is_being_started_holds_the_account(
    host: Host, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer will name a record of the old account's, which only there can be deleted."""
    start, refused = JumioV4.start, []
    with host.app.app_context():
        admin, key = host.add_user("admin@example.com"), spare(host, vendor)

        def meanwhile(self: JumioV4, request: Any) -> Any:
            with pytest.raises(InvalidProvider) as caught:
                move(host.db.session.get_one(Provider, key))
            refused.append(caught.value.field)
            host.db.session.rollback()
            return start(self, request)

        monkeypatch.setattr(JumioV4, "start", meanwhile)
        service.start_test(admin, lena(), host.db.session.get_one(Provider, key))
    assert refused == ["client_id"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("act", [move, remove])
def test_who_changes_or_deletes_a_provider_and_who_starts_with_it_follow_each_other(
    engine: str, act: Any, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hosted(engine, tmp_path) as host:
        with host.app.app_context():
            key = spare(host, vendor)
        starter = Starter(host, key)
        asked = "has_records" if act is move else "in_use"
        look = getattr(providers, asked)

        def looked(row: Provider) -> bool:
            found = bool(look(row))
            starter.begin()
            return found

        monkeypatch.setattr(providers, asked, looked)
        with host.app.app_context():
            act(host.db.session.get_one(Provider, key))
            host.db.session.commit()
        starter.end()
        with host.app.app_context():
            made = host.db.session.scalars(select(Verification)).all()
            # The other account does not let us in; whatever was begun at the old one is lost.
            assert [row.vendor_reference for row in made] == [None] * len(made)
            assert act is move or not made


@pytest.mark.parametrize("engine", ENGINES)
def test_start_with_a_provider_that_was_deleted_meanwhile_records_nothing(
    engine: str, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does its error name whatever other attempt there is."""
    starting = sys.modules[service.start_test.__module__]
    record = starting.record
    with hosted(engine, tmp_path) as host, host.app.app_context():
        other = host.add_provider(vendor.url, name="other", link=False)
        service.start_test(host.add_user("one@example.com"), lena(), other)
        admin, key = host.add_user("two@example.com"), spare(host, vendor)

        def overtake(_index: int) -> None:
            with host.app.app_context():
                remove(host.db.session.get_one(Provider, key))
                host.db.session.commit()

        def late(*values: Any, **more: Any) -> None:
            host.db.session.rollback()
            crowd(1, overtake)
            record(*values, **more)

        monkeypatch.setattr(starting, "record", late)
        row = host.db.session.get_one(Provider, key)
        with pytest.raises(ProviderUnusable, match="deleted"):
            service.start_test(admin, lena(id_number="X2"), row)
        made = host.db.session.scalars(select(Verification.provider_id)).all()
        assert len(made) == 1
        assert key not in made


@pytest.mark.parametrize("engine", ENGINES)
def test_provider_that_received_a_strangers_callback_can_be_deleted(
    engine: str, tmp_path: Path, vendor: Vendor
) -> None:
    """It matched nothing and, without its provider, never will."""
    with hosted(engine, tmp_path) as host, host.app.app_context():
        row = host.db.session.get_one(Provider, spare(host, vendor))
        kept = CallbackRow(provider_id=row.id, scope="x", digest="x")
        kept.body = b"{}"
        host.db.session.add(kept)
        host.db.session.commit()
        remove(row)
        host.db.session.commit()
        assert host.db.session.scalars(select(CallbackRow)).all() == []
        assert host.db.session.scalars(select(Provider)).all() == []


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_moved_to_an_end_that_is_forgiven_at_that_moment(
    engine: str, tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_FEW", 1)
    with hosted(engine, tmp_path) as host:
        with host.app.app_context():
            key = spare(host, vendor)
            late, end = clock.now() - timedelta(hours=1), clock.now() + timedelta(minutes=5)
            for number in range(3):
                values = {"kind": "x", "subject": str(number), "next_try_at": late}
                host.db.session.add(OutboxRow(provider_id=key, **values))
            host.db.session.commit()
            backoff.back_off(key, end)
            connections = host.db.engine

        def forgive() -> None:
            with host.app.app_context():
                row = host.db.session.get_one(Provider, key)
                backoff.forgive(row, other_account=True)
                host.db.session.commit()

        admin = threading.Thread(target=forgive)
        moved: list[str] = []

        @event.listens_for(connections, "after_cursor_execute")
        def between(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            if statement.startswith("UPDATE idverify_outbox") and not moved:
                moved.append(statement)
                admin.start()
                admin.join(0.5)  # it has to wait for us

        with host.app.app_context():
            leases.make_way(OutboxRow, OutboxRow.next_try_at)
        admin.join(30)
        assert moved
        with host.app.app_context():
            waits = host.db.session.scalars(select(OutboxRow.next_try_at)).all()
            assert all(when is not None and when <= clock.now() for when in waits)
