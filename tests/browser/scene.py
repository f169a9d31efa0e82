"""A host with people in every state that a page can show, and one with nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from flask_idverify import clock, inbox, outbox, service
from flask_idverify.locking import permitted
from flask_idverify.models import (
    Application,
    CallbackRow,
    Identity,
    OutboxRow,
    Provider,
    Verification,
)
from flask_idverify.policy import Policy
from flask_idverify.service.applications import add_application
from flask_idverify.service.usage import add_calls
from flask_idverify.states import Reason, Standing, Status
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, Vendor
from tests.web.people import Person

#: Nothing listens there.
SILENT = "http://127.0.0.1:9"
#: A word that fits nowhere, for names that are as long as they may be.
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenkasse" * 4


class Scene:
    """A served host: who can sign in there, and what the pages are about.

    :ivar ids: what stands in addresses, by the name that :mod:`.pages` uses.
    """

    def __init__(self, host: Host, base: str) -> None:
        self.host = host
        self.base = base
        self.people: dict[str, int] = {}
        self.ids: dict[str, str] = {}
        self.add("admin", is_admin=True)

    def add(self, name: str, **values: Any) -> int:
        """Add a user."""
        with self.host.app.app_context():
            self.people[name] = self.host.add_user(f"{name}@example.com", **values).id
        return self.people[name]


class Filled(Scene):
    """One of everything."""

    def __init__(self, host: Host, base: str, vendor: Vendor) -> None:
        super().__init__(host, base)
        self.vendor = vendor
        self._set_up()
        self._attempts()
        self._earlier()
        self._decided()
        self._tests()
        self._erased()
        self._callbacks()
        self._signals()
        self._log()

    # -- what admins set up ---------------------------------------------------------------------

    def _set_up(self) -> None:
        with self.host.app.app_context():
            first = self.host.add_provider(
                self.vendor.url, PLATFORM, name="Jumio EU", calls_per_day=5000
            )
            spare = self.host.add_provider(
                self.vendor.url, name=LONG[:100], link=False, calls_per_day=130
            )
            broken = self.host.add_provider(SILENT, name="Account in trouble", link=False)
            broken.enabled = False
            broken.trouble = "401 Unauthorized: the client ID or the client secret is wrong."
            broken.trouble_since = clock.now() - timedelta(hours=3)
            broken.backed_off_until = clock.now() + timedelta(hours=1)
            self.host.idverify.link(first, "once", policy=Policy(max_attempts=1))
            self.host.idverify.link(first, "strict", policy=Policy(minimum_age=60))
            add_application("bare", "Branch that nobody serves", actor="admin:1")
            add_application("long", LONG[:200], actor="admin:1")
            self.host.idverify.link(spare, "long", policy=Policy(minimum_age=18))
            self.host.db.session.commit()
            silent = self.host.add_provider(SILENT, name="Account of nobody", link=False)
            self.ids.update(provider=first.id, spare=spare.id)
            self.ids.update(broken=broken.id, silent=silent.id)
            for application in self.host.db.session.query(Application):
                self.ids[f"application {application.name}"] = application.id
                for link in application.links:
                    self.ids[f"link {application.name}"] = link.id

    # -- users in every state -------------------------------------------------------------------

    def _attempts(self) -> None:
        self.add("newcomer", real_name="Lena Marie Gruber")
        wait = {"captured_at": clock.now(), "returned_at": clock.now()}
        for name, status, reasons, values in (
            ("preparing", Status.created, (), {}),
            ("capturing", Status.started, (), {}),
            ("left", Status.started, (), {}),
            ("returned", Status.started, (), {"returned_at": clock.now()}),
            ("processing", Status.processing, (), wait),
            ("doubtful", Status.in_review, (Reason.claim_unverifiable,), wait),
            (
                "blurred",
                Status.rejected,
                (Reason.document_unreadable, Reason.document_incomplete),
                {"retryable": True},
            ),
            ("fraudster", Status.rejected, (Reason.document_manipulated,), {}),
            ("late", Status.expired, (Reason.dropped_out,), {"retryable": True}),
            ("canceled", Status.canceled, (), {"retryable": True}),
            ("unlucky", Status.error, (), {"retryable": True}),
        ):
            person = Person(self.host, f"{name}@example.com")
            self.people[name] = person.id
            end = {"finished_at": clock.now()} if status.is_final else {}
            # The vendor has just been asked, for as long as the tests take: a page changes nothing.
            just = clock.now() + timedelta(hours=1)
            self.ids[name] = person.attempt(status, *reasons, fetched_at=just, **values, **end)

    def _earlier(self) -> None:
        """Let there have been days before this one, and some on which nothing happened."""
        person = Person(self.host, "regular@example.com")
        ends = (Status.approved, Status.approved, Status.rejected, Status.approved, Status.expired)
        for ago in range(1, 60):
            with clock.shifted(days=-ago):
                if ago % 7 > 1:
                    end = {"created_at": clock.now(), "finished_at": clock.now()}
                    for number in range(ago % 4):
                        person.attempt(ends[(ago + number) % 5], **end)
                with self.host.app.app_context():
                    calls = 30 + ago % 11 * 7
                    add_calls(self.ids["provider"], calls=calls, refused=ago % 3, failed=ago % 5)
        with self.host.app.app_context():
            add_calls(self.ids["spare"], calls=120, refused=0, failed=0)

    def start(self, name: str, application: str | None = None, **claim: str) -> str:
        """Let a new user start; return the attempt's id."""
        self.add(name)
        return self.start_again(name, application, **claim)

    def start_again(self, name: str, application: str | None = None, **claim: str) -> str:
        """Let a user start once more."""
        with self.host.app.app_context():
            user = self.host.db.session.get(self.host.User, self.people[name])
            row = service.start(user, lena(**claim), consent(), application=application)
            self.ids[name] = row.id
        return row.id

    def end(self, name: str, scenario: str = "approve", **paper: str) -> None:
        """Let the vendor decide."""
        self.change(Verification, name, lambda row: self.vendor.finish(row, scenario, **paper))
        self.change(Verification, name, service.refresh)

    def change(self, model: type[Any], name: str, act: Callable[[Any], Any]) -> None:
        """Do something to a row that is known by name."""
        with self.host.app.app_context():
            act(self.host.db.session.get_one(model, self.ids[name]))
            self.host.db.session.commit()

    def _decided(self) -> None:
        with self.host.app.app_context():
            self.host.add_provider(self.vendor.url, name="Jumio v4 for licences")
        papers = {"first_name": "Karl", "last_name": "Huber"}
        for number, (name, scenario) in enumerate(
            [
                ("verified", "approve"),
                ("lapsed", "approve"),
                ("revoked", "approve"),
                ("leaving", "approve"),
                ("reversed", "approve"),
                ("rejected", "fraud"),
                ("blurry", "blurred"),
                ("unclear", "face-unclear"),
            ]
        ):
            number_of = {"id_number": f"N730194{number}"}
            self.start(name, real_name="Karl Huber", **number_of)
            self.end(name, scenario, number=number_of["id_number"], **papers)
        self.start("mismatch", real_name=f"Karl Maria {LONG[:180]}", id_number="X1")
        self.end("mismatch")
        self.start("twin", real_name="Eleni Papadopoulou", id_number="N1")
        self._same_face("twin", "rejected")
        self.start("limited", "once", id_number="N9")
        self.end("limited", "fraud", number="N9")
        with self.host.app.app_context():
            for row in self.host.db.session.query(Verification):
                self.ids.setdefault(f"identity {row.user_id}", row.identity_id)
        for name, user_id in self.people.items():
            if f"identity {user_id}" in self.ids:
                self.ids[f"identity of {name}"] = self.ids[f"identity {user_id}"]
                self.ids[f"user of {name}"] = str(user_id)
        self._stands("lapsed", Standing.expired)
        self._stands("revoked", Standing.revoked)
        self.change(Verification, "reversed", lambda row: setattr(row, "reversed_at", clock.now()))

    def _same_face(self, name: str, other: str) -> None:
        with self.host.app.app_context():
            seen = self.host.db.session.get_one(Verification, self.ids[other]).vendor_reference
            row = self.host.db.session.get_one(Verification, self.ids[name])
            assert seen
            stranger = "77e0c1ab-4d2f-4f0a-9c3e-0b1d2e3f4a55"
            self.vendor.finish(row, "repeated-face", related=[seen, stranger], number="N1")
        self.change(Verification, name, service.refresh)

    def _stands(self, name: str, standing: Standing) -> None:
        with permitted():
            self.change(
                Identity, f"identity of {name}", lambda row: setattr(row, "standing", standing)
            )

    # -- what admins do -------------------------------------------------------------------------

    def _tests(self) -> None:
        for name, scenario in (("test", None), ("test done", "approve"), ("test bad", "fraud")):
            with self.host.app.app_context():
                session = self.host.db.session
                admin = session.get(self.host.User, self.people["admin"])
                provider = session.get_one(Provider, self.ids["provider"])
                row = service.start_test(admin, lena(), provider, consent())
                self.ids[name] = row.id
            if scenario:
                self.end(name, scenario)

    def _erased(self) -> None:
        """Let two people be erased, of whom the vendor forgets but one."""
        self.start("gone", id_number="N20")
        self.end("gone", number="N20")
        for name, faults in (("gone", []), ("leaving", [{"kind": "redirect"}])):
            self.vendor.sandbox.set_faults(faults)
            with self.host.app.app_context():
                row = self.host.db.session.get_one(Verification, self.ids[name])
                self.ids[f"identity of {name}"] = row.identity_id
                admin = f"admin:{self.people['admin']}"
                service.erase(row.identity, actor=admin, reason="Letter of 3 May.")
                outbox.drain_owed(row.identity.subject)
        self.vendor.sandbox.set_faults([])

    def _callbacks(self) -> None:
        """Let the vendor say something while it cannot be asked."""
        self.start("called", id_number="N21")
        with self.host.app.app_context():
            row = self.host.db.session.get_one(Verification, self.ids["called"])
            self.vendor.finish(row, number="N21")
            told = self.vendor.notification(row.vendor_reference)
            self.vendor.sandbox.set_faults([{"kind": "redirect"}])
            assert told.arrive()
            inbox.drain()
        self.vendor.sandbox.set_faults([])
        with self.host.app.app_context():
            assert self.host.db.session.query(CallbackRow).one().error

    def _signals(self) -> None:
        """Let a receiver of the app have raised."""
        with self.host.app.app_context():
            row = OutboxRow(kind="signal", subject=self.ids["verified"], tries=3, next_try_at=None)
            row.error = "A receiver raised; the log tells which signal and what."
            self.host.db.session.add(row)
            self.host.db.session.commit()

    def _log(self) -> None:
        """Let somebody with the database have changed what was done to one account."""
        with self.host.app.app_context():
            self.host.db.session.execute(
                text("UPDATE idverify_audit SET actor = 'vendor' WHERE subject = :it"),
                {"it": self.ids["silent"]},
            )
            self.host.db.session.commit()
