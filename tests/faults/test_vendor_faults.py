"""Each fault of the sandbox ends in the right state, with the right words, and is got over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_idverify import clock, inbox, service, texts
from flask_idverify.models import AuditEntry, CallbackRow, Verification
from flask_idverify.sandbox import SandboxServer, faults
from flask_idverify.states import Status
from tests.databases import file_uri
from tests.erasing import SIGNED, deleted, owed
from tests.faults.fault_table import CASES, PATIENCE, PLACES, TABLE, Case
from tests.hosts import Host, make_host, served
from tests.vendor import GENERATIONS, PLATFORM, V4, Vendor
from tests.web.people import TYPED, Person, words
from tests.web_admin.desk import Desk


def test_no_fault_and_no_place_is_forgotten() -> None:
    """Whoever teaches the sandbox a new fault or place has to say here what comes of it."""
    kinds = {name.partition("/")[0] for name in TABLE}
    assert kinds | set(faults.CALLBACK_FAULTS) == set(faults.KINDS)
    # The connection check, which alone asks for the vendor's health, has tests of its own.
    assert set(PLACES) | {"health", "any"} == set(faults.PLACES)
    assert {kind for kind, _ in CALLBACKS} == set(faults.CALLBACK_FAULTS)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_fault_is_tried_wherever_it_can_strike(generation: str) -> None:
    tried = {(case.kind, case.place) for case in CASES if case.generation == generation}
    places = set(PLACES) - ({"token"} if generation == V4 else set())
    wanted = {(kind, place) for kind in (*faults.REFUSALS, *faults.SPOILERS) for place in places}
    # An empty answer and a picture have no fields.
    wanted -= {("missing_field", "erase"), ("missing_field", "image")}
    wanted |= {(kind, "token") for kind in faults.TOKEN_FAULTS if generation == PLATFORM}
    assert tried == wanted


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
        if self.case.place == "token" and not self.case.is_harmless:
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

    def actions(self, name: str) -> int:
        """Count the entries of one kind in the audit log."""
        with self.host.app.app_context():
            self.host.db.session.rollback()
            found = select(AuditEntry).where(AuditEntry.action == name)
            return len(self.host.db.session.scalars(found).all())

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

    def approved(self) -> str:
        """Go the whole way; return the verification's id."""
        self.captured()
        self.user_page()
        with self.host.app.app_context():
            row = self.row()
            assert row.status is Status.approved
            found = str(row.id)
        if self.case.place == "token":
            self.vendor.sandbox.revoke_tokens()
        return found

    def erased(self) -> tuple[str, str]:
        """Go the whole way and be erased; return the identity's id and the vendor's reference."""
        self.approved()
        with self.host.app.app_context():
            row = self.row()
            known = str(row.identity_id), str(row.vendor_reference)
            service.erase(row.identity, **SIGNED)
        return known

    def require_told_apart(self, user_page: str) -> None:
        """The admin reads what happened, the user reads nothing of the vendor's."""
        expected = self.case.expected
        with self.host.app.app_context():
            message = self.row().vendor_message or ""
        self.require_admin_told(message)
        self.require_admin_told(self.admin_page())
        self.require_user_spared(user_page)
        assert not message or message not in user_page
        assert expected.ours

    def require_admin_told(self, text: str) -> None:
        assert self.case.expected.ours in text
        assert self.case.expected.vendors in text

    def require_user_spared(self, page: str) -> None:
        for secret in (self.case.expected.ours, self.case.expected.vendors, "127.0.0.1", "HTTP"):
            assert not secret or secret not in page


@pytest.fixture
def scene(request: pytest.FixtureRequest, vendor: Vendor) -> Iterator[Scene]:
    yield Scene(request.param, vendor)
    vendor.reset()


def only(*askers: str, harmless: bool = False) -> pytest.MarkDecorator:
    """Return the cases of those who ask; those that do no harm apart."""
    chosen = [
        # Everyday each kind meets one generation at each place, in turn; in full, all meet both.
        pytest.param(case, marks=[pytest.mark.full] if number % 2 or case.is_variant else [])
        for number, case in enumerate(
            case for case in CASES if case.asker in askers and case.is_harmless is harmless
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
    asked = answer.headers.get("Retry-After")
    told = texts.error(expected.code, float(asked) if asked else None)
    assert answer.status_code == (
        503 if expected.code in ("vendor_unavailable", "vendor_busy") else 502
    )
    assert told in words(answer)
    if expected.code == "vendor_busy":
        # The vendor's own time; or ours, when it named none.
        assert asked == str(scene.case.parameters.get("retry_after", asked))
        assert 5 < int(asked or 0) <= 30
    else:
        assert asked is None
    with scene.host.app.app_context():
        row = scene.row()
        assert (row.status, row.reasons, row.retryable) == (Status.error, ["start_failed"], True)
        assert (row.active_key, row.next_poll_at, row.leased_until) == (None, None, None)
    scene.require_told_apart(words(answer))
    scene.require_told_apart(scene.user_page())
    scene.lift()
    with clock.shifted(minutes=1):
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
    """Nothing was decided, everybody was told, and it goes on."""
    assert scene.reached() in scene.case.requests
    page = scene.user_page()
    with scene.host.app.app_context():
        row = scene.row()
        told = texts.told(row.status, row.reasons, waiting=not row.status.is_final)
        assert told.title in page
        assert row.leased_until is None
        assert not row.identity.is_verified
        assert row.status is Status.started
        assert row.next_poll_at is not None
        assert row.next_poll_at > clock.now()
    scene.require_told_apart(page)


def require_recovered(scene: Scene) -> None:
    with scene.host.app.app_context():
        row = scene.row()
        assert row.status is Status.approved
        assert row.vendor_message is None
        assert row.identity.is_verified


@only("start", "worker", "look", harmless=True)
def test_a_token_of_seconds_is_renewed_and_nobody_notices(scene: Scene) -> None:
    scene.strike()
    scene.captured()
    with clock.shifted(seconds=15):
        scene.user_page()
    assert scene.status() == "approved"
    assert len(scene.vendor.asked("token")) >= 2


LOST = [
    Case("not_found", place, generation, "worker", {})
    for place in ("status", "details")
    for generation in GENERATIONS
]


@pytest.mark.parametrize("scene", LOST, ids=str, indirect=True)
def test_a_record_that_stays_away_is_an_error_in_words_for_both(scene: Scene) -> None:
    scene.captured()
    scene.strike()
    for minutes in (1, 5, 12):
        assert scene.status() == "started"
        with clock.shifted(minutes=minutes):
            scene.drain()
    with scene.host.app.app_context():
        row = scene.row()
        assert (row.status, row.retryable, row.next_poll_at) == (Status.error, True, None)
        assert row.reasons == ["vendor_record_missing"]
        assert not row.identity.is_verified
    page = scene.user_page()
    reason = texts.reason("vendor_record_missing")
    assert str(reason.user) in page
    assert str(reason.next_step) in page
    assert str(reason.admin) in scene.admin_page()
    scene.require_told_apart(page)
    scene.lift()
    assert scene.start().status_code == 303
    assert scene.status() == "started"


@only("erasure")
def test_a_deletion_that_meets_a_fault_stays_owed_and_is_made_afterwards(scene: Scene) -> None:
    identity, reference = scene.erased()
    scene.strike()
    scene.drain()
    assert scene.reached() in scene.case.requests
    with scene.host.app.app_context():
        (row,) = owed(scene.host)
        assert scene.case.expected.ours in (row.error or "")
        # The vendor's own words may quote whom they are about.
        assert not scene.case.expected.vendors or scene.case.expected.vendors not in str(row.error)
        assert row.leased_until is None
        assert row.next_try_at is not None
        assert row.next_try_at > clock.now()
    assert scene.actions("vendor.erased") == 0
    shown = words(scene.desk.get(f"/identities/{identity}"))
    assert "1 deletion is still owed at the vendor" in shown
    assert scene.case.expected.ours in shown
    scene.require_user_spared(words(scene.person.browser.get("/identity/")))
    scene.lift()
    with clock.shifted(hours=1):
        scene.drain()
    require_deleted(scene)
    assert deleted(scene.vendor, reference)


@only("erasure", harmless=True)
def test_a_deletion_is_done_when_there_is_nothing_left_or_the_vendor_says_so_oddly(
    scene: Scene,
) -> None:
    scene.erased()
    scene.strike()
    scene.drain()
    assert scene.reached() == 1 or scene.case.kind == "short_token"
    require_deleted(scene)


def require_deleted(scene: Scene) -> None:
    with scene.host.app.app_context():
        assert owed(scene.host) == []
    assert scene.actions("vendor.erased") == 1


@only("picture")
def test_a_picture_that_meets_a_fault_is_told_to_the_admin_and_changes_nothing(
    scene: Scene,
) -> None:
    picture = f"/verifications/{scene.approved()}/images/front"
    scene.strike()
    answer = scene.desk.get(picture)
    assert scene.reached() in scene.case.requests
    busy = scene.case.expected.code in ("vendor_unavailable", "vendor_busy")
    assert answer.status_code == (503 if busy else 502)
    scene.require_admin_told(words(answer))
    assert scene.status() == "approved"
    assert scene.actions("verification.image_viewed") == 0
    page = scene.user_page()
    assert texts.told(Status.approved).title in page
    scene.require_user_spared(page)
    scene.lift()
    with clock.shifted(minutes=20):
        assert scene.desk.get(picture).mimetype == "image/jpeg"
    assert scene.actions("verification.image_viewed") == 1


@only("picture", harmless=True)
def test_a_picture_is_shown_in_spite_of_what_does_no_harm(scene: Scene) -> None:
    scene.strike()
    answer = scene.desk.get(f"/verifications/{scene.approved()}/images/front")
    assert answer.mimetype == "image/jpeg"


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
