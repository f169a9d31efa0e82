"""Whatever happens to attempts, in whatever order, the design's promises (5 to 7) hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import seed as begin_with
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from flask_idverify import clock, inbox, service
from flask_idverify.errors import IDVerifyError
from flask_idverify.models import Identity, Verification
from flask_idverify.sandbox.errors import ControlError
from tests.faults.life import Killed, Killer, Watch
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import PLATFORM, V4, Notification, Vendor

USERS = 3
APPLICATIONS = ("default", "bank")
#: Those that exist in both generations, with what the vendor then says.
SCENARIOS = (
    *("approve", "approve", "approve", "document-expired", "face-mismatch", "face-unclear"),
    *("blurred", "fraud", "expired", "session-expired", "technical"),
)
MINUTE, DAY = 60.0, 86400.0
#: Mostly the latest, sometimes an older one.
some = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3, 5, 8))
users = st.integers(0, USERS - 1)
applications = st.sampled_from(APPLICATIONS)
scenarios = st.sampled_from(SCENARIOS)
#: Whose papers: mostly the claimed ones.
papers = st.sampled_from((0, 0, 0, 0, 1))


class World:
    """One host with two applications, both generations and a few users, restored for each run."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.host: Host = make_host(SQLALCHEMY_DATABASE_URI="sqlite://")
        self.killer = Killer(self.host)
        with self.host.app.app_context():
            v4 = self.host.add_provider(vendor.url, V4, policy={"valid_for": 30})
            platform = self.host.add_provider(vendor.url, PLATFORM, link=False)
            self.host.idverify.link(platform, "bank", policy={"on_reversal": "revoke"})
            self.host.db.session.commit()
            self.users = [self.host.add_user(f"{n}@example.com").id for n in range(USERS)]
            for provider in (v4, platform):
                adapter = self.host.app.extensions["idverify"].vendors.adapter(provider)
                adapter.http.sleep = lambda _seconds: None
            self.host.db.session.remove()
            self._saved = sqlite3.connect(":memory:")
            self._connection().backup(self._saved)

    def _connection(self) -> sqlite3.Connection:
        found = self.host.db.engine.raw_connection().driver_connection
        assert isinstance(found, sqlite3.Connection)
        return found

    def restore(self) -> None:
        self.vendor.reset()
        with self.host.app.app_context():
            self.host.db.session.remove()
            self._saved.backup(self._connection())

    def close(self) -> None:
        self._saved.close()


class LifeCycle(RuleBasedStateMachine):
    """Users, an admin, a vendor, workers, time and death."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.restore()
        self.host, self.vendor = self.world.host, self.world.vendor
        self.stack = ExitStack()
        self.stack.enter_context(self.host.app.app_context())
        self.watch = Watch(self.host, self.vendor)
        self.told: list[Notification] = []
        self.signed = False

    def teardown(self) -> None:
        self.world.killer.arm(0, after=False)
        if hasattr(self, "stack"):
            self.host.db.session.remove()
            self.stack.close()

    # -- how steps are made ------------------------------------------------------------------

    def step(self, act: Callable[[], Any], *, signed: bool = False) -> None:
        """Do it in a session of its own, as a request or a worker does; it may be killed."""
        self.signed = signed
        with suppress(IDVerifyError, Killed):
            act()
        self.host.db.session.remove()

    def row(self, index: int) -> Verification | None:
        asked = select(Verification).order_by(Verification.created_at, Verification.id)
        rows = self.host.db.session.scalars(asked).all()
        return rows[-1 - index % len(rows)] if rows else None

    def on_row(self, index: int, act: Callable[[Verification], Any], *, signed: bool) -> None:
        row = self.row(index)
        if row is not None:
            self.step(lambda: act(row), signed=signed)

    def reference(self, index: int) -> str | None:
        made = self.vendor.sandbox.transactions()
        return str(made[-1 - index % len(made)]["reference"]) if made else None

    def claim(self, number: int) -> Any:
        return lena(id_number=f"U730194{number % USERS}")

    # -- rules -------------------------------------------------------------------------------

    @rule(commits=st.integers(1, 6), after=st.booleans())
    def soon_die(self, commits: int, after: bool) -> None:
        """Whoever makes the commit of that number, counted from now, is killed at it."""
        self.world.killer.arm(commits, after=after)

    @rule(user=users, name=applications, other=papers)
    def start(self, user: int, name: str, other: int) -> None:
        member = self.host.db.session.get(self.host.User, self.world.users[user])
        claim = self.claim(user + other)
        self.step(lambda: service.start(member, claim, consent(), application=name))

    @rule(index=some, scenario=scenarios, other=papers)
    def capture(self, index: int, scenario: str, other: int) -> None:
        reference = self.reference(index)
        if reference is None:
            return
        made = self.vendor.sandbox.transaction(reference)["customer_internal_reference"]
        row = self.host.db.session.query(Verification).filter_by(reference=made).one()
        user = self.world.users.index(int(row.user_id))
        with suppress(ControlError):
            paper = {"number": self.claim(user + other).id_number}
            self.vendor.sandbox.complete(reference, scenario, paper)
            if scenario in ("approve", "document-expired"):
                self.watch.approved_by_vendor.add(reference)
            self.told.append(self.vendor.notification(reference))

    @rule(user=users, name=applications, scenario=scenarios, other=papers)
    def ordinary_way(self, user: int, name: str, scenario: str, other: int) -> None:
        before = len(self.vendor.sandbox.transactions())
        self.start(user, name, 0)
        if len(self.vendor.sandbox.transactions()) > before:
            self.promises_hold()
            self.capture(0, scenario, other)
            self.callback_comes(0)
            self.promises_hold()
            self.worker_drains()

    @rule(index=some, scenario=st.sampled_from(("approve", "fraud", "face-mismatch")))
    def vendor_changes_its_mind(self, index: int, scenario: str) -> None:
        reference = self.reference(index)
        if reference is None:
            return
        with suppress(ControlError):
            self.vendor.sandbox.reverse(reference, scenario, callback=False)
            if scenario == "approve":
                self.watch.approved_by_vendor.add(reference)
            self.told.append(self.vendor.notification(reference))

    @rule(index=some)
    def callback_comes(self, index: int) -> None:
        """The latest first: repeated, out of order, or of an older attempt."""
        if self.told:
            told = self.told[-1 - index % len(self.told)]
            self.step(told.arrive)

    @rule(index=some, bare=st.booleans())
    def forged_callback_comes(self, index: int, bare: bool) -> None:
        """It says approved, whatever the vendor thinks, and knows the key."""
        reference = self.reference(index)
        if reference is not None:
            generation = self.vendor.sandbox.transaction(reference)["generation"]
            word = "APPROVED_VERIFIED" if generation == "v4" else "PROCESSED"
            told = self.vendor.notification(reference, word)
            self.step(told.arrive_bare if bare else told.arrive)
            assert not told.arrive(key="guessed")

    @rule()
    def worker_drains(self) -> None:
        self.step(inbox.drain)

    @rule(index=some, returned=st.booleans())
    def user_looks(self, index: int, returned: bool) -> None:
        def look(row: Verification) -> None:
            if returned and not row.status.is_final:
                service.note_return(row)
            service.refresh_if_due(row)

        self.on_row(index, look, signed=False)

    @rule(index=some)
    def admin_asks_again(self, index: int) -> None:
        self.on_row(index, service.refresh, signed=False)

    @rule(index=some, status=st.sampled_from(("approved", "rejected")))
    def admin_decides(self, index: int, status: str) -> None:
        def decide(row: Verification) -> None:
            service.decide(row, status, admin="7", reason="I saw the papers.")

        self.on_row(index, decide, signed=True)

    @rule(index=some, by_admin=st.booleans())
    def somebody_cancels(self, index: int, by_admin: bool) -> None:
        def cancel(row: Verification) -> None:
            service.cancel(row, admin="7" if by_admin else None, reason="Enough.")

        self.on_row(index, cancel, signed=by_admin)

    @rule(index=st.integers(0, USERS - 1))
    def admin_resets(self, index: int) -> None:
        known = self.host.db.session.scalars(select(Identity).order_by(Identity.user_id)).all()
        if known:
            identity = known[index % len(known)]
            act = lambda: service.reset(identity, admin="7", reason="A mistake.")  # noqa: E731
            self.step(act, signed=True)

    @rule(index=some)
    def link_expires(self, index: int) -> None:
        reference = self.reference(index)
        if reference is not None:
            with suppress(ControlError):
                self.vendor.sandbox.expire(reference)

    @rule(seconds=st.sampled_from((5.0, 45.0, 4 * MINUTE, 35 * MINUTE, 2 * DAY, 9 * DAY, 32 * DAY)))
    def time_passes(self, seconds: float) -> None:
        self.stack.enter_context(clock.shifted(seconds=seconds))
        self.vendor.sandbox.advance(seconds)

    # -- what holds --------------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "watch"):
            self.watch.look(signed=self.signed)
            self.signed = False


@pytest.mark.sqlite("a database in memory, restored for each run")
def test_no_order_of_events_breaks_a_promise(
    vendor: Vendor, volume: Callable[[int, int], int], seed: int
) -> None:
    world = World(vendor)

    class Run(LifeCycle):
        pass

    Run.world = world
    try:
        run_state_machine_as_test(
            begin_with(seed)(Run),
            settings=settings(
                max_examples=volume(30, 400),
                stateful_step_count=35,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        world.close()
