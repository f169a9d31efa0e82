"""Each fault of the sandbox ends in the right state, with the right words, and is got over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_idverify import clock, inbox, texts
from flask_idverify.models import AuditEntry, CallbackRow, Verification
from flask_idverify.sandbox import SandboxServer, faults
from flask_idverify.states import Status
from tests.databases import file_uri
from tests.faults.fault_table import CASES, PATIENCE, PLACES, TABLE, Case
from tests.hosts import Host, make_host, served
from tests.vendor import GENERATIONS, PLATFORM, Vendor
from tests.web.people import TYPED, Person, words
from tests.web_admin.desk import Desk


def test_no_fault_and_no_place_is_forgotten() -> None:
    kinds = {name.partition("/")[0] for name in TABLE}
    assert kinds | set(faults.CALLBACK_FAULTS) == set(faults.KINDS)
    # Deletions, the connection check and pictures have tests of their own.
    assert set(PLACES) | {"erase", "health", "image", "any"} == set(faults.PLACES)
    assert {case.kind for case in CASES} == kinds


class Scene:
    """A user, an admin, and a provider in whose way a fault is laid."""

    def __init__(self, case: Case, vendor: Vendor) -> None:
        slow: dict[str, Any] = {
            "IDVERIFY_CONNECT_TIMEOUT": PATIENCE,
            "IDVERIFY_READ_TIMEOUT": PATIENCE,
        }
        self.host: Host = make_host(**(slow if case.expected.slow else {}))
        self.case = case
        self.vendor = vendor
        with self.host.app.app_context():
            provider = self.host.add_provider(vendor.url, case.generation)
            adapter = self.host.app.extensions["idverify"].vendors.adapter(provider)
            adapter.http.sleep = lambda _seconds: None
        self.person = Person(self.host)
        self.desk = Desk(self.host)

    def start(self) -> TestResponse:
        return self.person.post(**TYPED)

    def captured(self) -> None:
        """Start well, go through the vendor's page and come back."""
        assert self.start().status_code == 303
        with self.host.app.app_context():
            row = self.row()
            self.vendor.finish(row)
            identifier = row.id
        self.person.browser.get(f"/identity/return/{identifier}")
        if self.case.place == "token":
            # What was got for the start must not help the fetch over the fault.
            self.vendor.sandbox.revoke_tokens()

    def strike(self) -> None:
        self.vendor.sandbox.clear_journal()
        self.vendor.sandbox.set_faults([self.case.fault])

    def lift(self) -> None:
        """Let the vendor be in order again, and count what had reached the place."""
        self.vendor.sandbox.clear_faults()

    def reached(self) -> int:
        """How many requests met the fault."""
        return len([each for each in self.vendor.asked(self.case.place) if each["faults"]])

    def drain(self) -> None:
        with self.host.app.app_context():
            inbox.drain()

    def row(self) -> Verification:
        """Return the latest attempt; needs an app context."""
        session = self.host.db.session
        session.rollback()
        newest = select(Verification).order_by(Verification.created_at.desc()).limit(1)
        return session.scalars(newest).one()

    def status(self) -> str:
        with self.host.app.app_context():
            return str(self.row().status)

    def user_page(self) -> str:
        with self.host.app.app_context():
            identifier = self.row().id
        return words(self.person.browser.get(f"/identity/verifications/{identifier}"))

    def admin_page(self) -> str:
        with self.host.app.app_context():
            identifier = self.row().id
        return words(self.desk.get(f"/verifications/{identifier}"))

    def require_told_apart(self, user_page: str) -> None:
        """The admin reads what happened, the user reads nothing of the vendor's."""
        expected = self.case.expected
        with self.host.app.app_context():
            message = self.row().vendor_message or ""
        assert expected.ours in message
        shown = self.admin_page()
        assert expected.ours in shown
        if not self.case.ends_it:
            assert expected.vendors in message
            assert expected.vendors in shown
        for secret in (message, expected.ours, expected.vendors, "127.0.0.1", "HTTP"):
            assert not secret or secret not in user_page


@pytest.fixture
def scene(request: pytest.FixtureRequest, vendor: Vendor) -> Iterator[Scene]:
    yield Scene(request.param, vendor)
    vendor.reset()


def only(*askers: str, harmless: bool = False) -> pytest.MarkDecorator:
    """Return the cases of those who ask; those that do no harm apart."""
    chosen = [
        # Everyday each fault meets one generation at each place, in turn; in full, both.
        pytest.param(case, marks=[pytest.mark.full] if number % 2 else [])
        for number, case in enumerate(
            case
            for case in CASES
            if case.asker in askers and (case.kind == "short_token") is harmless
        )
    ]
    return pytest.mark.parametrize("scene", chosen, ids=str, indirect=True)


@only("start")
def test_a_start_that_meets_a_fault_is_a_retryable_error_and_works_afterwards(
    scene: Scene,
) -> None:
    expected = scene.case.expected
    scene.strike()
    answer = scene.start()
    assert scene.reached() in scene.case.requests
    told = texts.error(expected.code)
    assert answer.status_code == (
        503 if expected.code in ("vendor_unavailable", "vendor_busy") else 502
    )
    assert told in words(answer)
    assert answer.headers.get("Retry-After") == (
        str(scene.case.parameters["retry_after"])
        if "retry_after" in scene.case.parameters
        else None
    )
    with scene.host.app.app_context():
        row = scene.row()
        assert (row.status, row.reasons, row.retryable) == (Status.error, ["start_failed"], True)
        assert (row.active_key, row.next_poll_at, row.leased_until) == (None, None, None)
    scene.require_told_apart(words(answer))
    scene.require_told_apart(scene.user_page())
    scene.lift()
    assert scene.start().status_code == 303
    assert scene.status() == "started"


@only("worker")
def test_a_worker_that_meets_a_fault_decides_nothing_and_fetches_afterwards(scene: Scene) -> None:
    scene.captured()
    scene.strike()
    with clock.shifted(seconds=45):
        scene.drain()
        require_unharmed(scene)
    scene.lift()
    with clock.shifted(minutes=20):
        scene.drain()
    require_recovered(scene)


@only("look")
def test_a_look_that_meets_a_fault_decides_nothing_and_costs_one_question(scene: Scene) -> None:
    scene.captured()
    scene.strike()
    scene.user_page()
    require_unharmed(scene)
    scene.lift()
    with clock.shifted(minutes=20):
        scene.user_page()
    require_recovered(scene)


def require_unharmed(scene: Scene) -> None:
    """Nothing was decided, everybody was told, and it goes on (or may be begun anew)."""
    assert scene.reached() in scene.case.requests
    page = scene.user_page()
    with scene.host.app.app_context():
        row = scene.row()
        told = texts.told(row.status, row.reasons, waiting=not row.status.is_final)
        assert told.title in page
        assert row.leased_until is None
        assert not row.identity.is_verified
        if scene.case.ends_it:
            assert (row.status, row.retryable) == (Status.error, True)
            assert row.reasons == ["vendor_record_missing"]
            assert row.next_poll_at is None
        else:
            assert row.status is Status.started
            assert row.next_poll_at is not None
            assert row.next_poll_at > clock.now()
    scene.require_told_apart(page)


def require_recovered(scene: Scene) -> None:
    if scene.case.ends_it:
        assert scene.start().status_code == 303
        assert scene.status() == "started"
        return
    with scene.host.app.app_context():
        row = scene.row()
        assert row.status is Status.approved
        assert row.vendor_message is None
        assert row.identity.is_verified


@only("start", "worker", "look", harmless=True)
def test_a_token_of_seconds_is_renewed_and_nobody_notices(scene: Scene) -> None:
    scene.strike()
    scene.captured()
    scene.user_page()
    assert scene.status() == "approved"
    assert len(scene.vendor.asked("token")) >= 2


class Delivering:
    """A served host to which a sandbox sends its callbacks."""

    def __init__(self, generation: str, folder: Path, stack: ExitStack) -> None:
        self.server = stack.enter_context(
            SandboxServer(allow_local_urls=True, processing_seconds=0.0)
        )
        self.sandbox = self.server.sandbox
        self.host = make_host(SQLALCHEMY_DATABASE_URI=file_uri(folder))
        base = stack.enter_context(served(self.host.app))
        # The port is known only once the server stands.
        settings = self.host.app.extensions["idverify"].settings
        object.__setattr__(settings, "external_url", base)
        with self.host.app.app_context():
            self.host.add_provider(self.server.url, generation)
        self.person = Person(self.host)
        assert self.person.post(**TYPED).status_code == 303

    def capture(self) -> None:
        with self.host.app.app_context():
            reference = self.rows(Verification)[0].vendor_reference
        self.sandbox.complete(reference)
        assert self.sandbox.settle(20)["settled"]

    def rows(self, model: Any) -> Any:
        self.host.db.session.rollback()
        return self.host.db.session.scalars(select(model)).all()

    def deliveries(self) -> list[int]:
        (transaction,) = self.sandbox.transactions()
        log = self.sandbox.transaction(transaction["reference"])["callbacks"]
        return [each["status"] for each in log if "status" in each]


CALLBACKS = [
    (kind, generation)
    for kind in faults.CALLBACK_FAULTS
    for generation in GENERATIONS
    # Only the Platform sends another message before the last.
    if kind != "callback_reorder" or generation == PLATFORM
]


@pytest.mark.parametrize(("kind", "generation"), CALLBACKS)
def test_callbacks_that_go_astray_change_nothing_of_the_result(
    kind: str, generation: str, tmp_path: Path
) -> None:
    parameters = {
        "callback_late": {"seconds": 3600},
        "callback_duplicate": {"copies": 5, "concurrent": True},
    }.get(kind, {})
    with ExitStack() as stack:
        scene = Delivering(generation, tmp_path, stack)
        scene.sandbox.add_fault(kind, **parameters)
        scene.capture()
        with scene.host.app.app_context():
            if kind in ("callback_drop", "callback_late"):
                assert scene.rows(Verification)[0].status is Status.started
                assert not scene.rows(CallbackRow)
                with clock.shifted(minutes=35):
                    inbox.drain()
                assert scene.rows(Verification)[0].status is Status.approved
            scene.sandbox.advance(4000)
            assert scene.sandbox.settle(20)["settled"]
            with clock.shifted(minutes=40):
                inbox.drain()
            (row,) = scene.rows(Verification)
            assert row.status is Status.approved
            actions = [entry.action for entry in scene.rows(AuditEntry)]
            assert actions.count("verification.approved") == 1
            assert actions.count("identity.verified") == 1
            kept = scene.rows(CallbackRow)
            assert all(each.processed_at for each in kept)
            assert len({each.digest for each in kept}) == len(kept)
        assert set(scene.deliveries()) <= {200}
