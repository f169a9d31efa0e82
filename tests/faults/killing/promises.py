"""What must hold after all the killing, read from the vendor's books and from our tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from flask_idverify import audit
from flask_idverify.models import AuditEntry, CallbackRow, Identity, Verification
from flask_idverify.sandbox.engine import encode
from flask_idverify.states import FINAL, Standing, Status
from tests.faults.killing.stories import ENDS, NEVER, TYPO
from tests.faults.killing.world import World

_FINAL = {str(status) for status in FINAL}


@dataclass
class Findings:
    """What was counted, and every promise that was broken."""

    figures: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.broken.append(what)


class Auditor:
    """Compares the two sides."""

    def __init__(self, world: World) -> None:
        self.found = Findings()
        self._world = world
        self._books: list[dict[str, Any]] = world.vendor.sandbox.transactions()
        self._rows: list[Verification] = []

    def check(self) -> Findings:
        db, _, member = self._world.app.extensions["kill_test"]
        with self._world.app.app_context():
            session = db.session
            self._rows = list(session.scalars(select(Verification)))
            held = self._outcomes()
            self._callbacks(list(session.scalars(select(CallbackRow))))
            entries = list(session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)))
            identities = list(session.scalars(select(Identity)))
            names = dict(session.execute(select(member.id, member.real_name)).all())
            self._identities(identities, entries, names)
            self._log(session, entries, identities)
            self.found.figures["verifications with the vendor's outcome"] = held
        return self.found

    def _outcomes(self) -> int:
        """Every attempt ended as the vendor's books say; what the vendor has twice is nobody's."""
        found = self.found
        by_reference = {row.reference: row for row in self._rows}
        known = {row.vendor_reference: row for row in self._rows if row.vendor_reference}
        orphans = 0
        for entry in self._books:
            row = by_reference.get(entry["customer_internal_reference"])
            found.expect(row is not None, f"the vendor has {entry['reference']}, and we do not")
            if row is None or row.vendor_reference == entry["reference"]:
                continue
            orphans += 1
            found.expect(
                row.status is Status.expired and row.vendor_reference is None,
                f"{row.id} is {row.status} with a transaction that it does not know",
            )
        books = {entry["reference"]: entry for entry in self._books}
        found.expect(len(books) == len(self._books), "a reference of the vendor's occurs twice")
        held = 0
        papers: dict[str, list[str]] = defaultdict(list)
        for row in self._rows:
            if row.vendor_reference is None:
                found.expect(row.status is Status.expired, f"{row.id}: {row.status} without vendor")
            elif row.vendor_reference in books:
                held += self._outcome(row, books[row.vendor_reference], papers)
            else:
                found.broken.append(f"{row.id} names a transaction that the vendor does not have")
        for number, statuses in papers.items():
            found.expect(
                statuses.count("approved") == 1, f"the papers {number} verified {statuses}"
            )
        never = [row.id for row in self._rows if row.status not in (*FINAL, Status.in_review)]
        found.expect(not never, f"without an outcome: {never}")
        lost = len(self._rows) - len(known) - orphans
        found.figures.update(
            {
                "verifications": len(self._rows),
                "transactions at the vendor": len(books),
                "killed starts that a late callback found": sum(
                    row.started_at is None for row in known.values()
                ),
                "killed starts whose transaction is nobody's": orphans,
                "killed starts that never reached the vendor": lost,
                "papers claimed by two users": sum(len(who) > 1 for who in papers.values()),
            }
        )
        for status, count in sorted(Counter(str(row.status) for row in self._rows).items()):
            found.figures[f"  {status}"] = count
        return held

    def _outcome(self, row: Verification, entry: dict[str, Any], papers: Any) -> int:
        scenario = entry["scenario"] or NEVER
        number = entry["document"]["number"]
        if scenario == "approve" and row.claim is not None and row.claim.id_number != number:
            scenario = TYPO
        status, reason = ENDS[scenario]
        seen = (str(row.status), row.reasons[0] if row.reasons else None)
        if scenario == "approve":
            papers[number].append(str(row.status))
            if seen == ("in_review", "duplicate_document"):
                return 1  # one of the two; that the other one is approved is checked apart
        self.found.expect(
            seen == (status, reason), f"{row.id}: {seen}, but the vendor played {scenario}"
        )
        return int(seen == (status, reason))

    def _callbacks(self, rows: list[CallbackRow]) -> None:
        """What was answered 200 is stored once, and nothing is stored that was not sent."""
        found = self.found
        by_reference = {row.reference: row.id for row in self._rows}
        stored = Counter((row.verification_id, row.body) for row in rows)
        answered: Counter[tuple[str | None, bytes | None]] = Counter()
        sent: set[tuple[str | None, bytes | None]] = set()
        dropped = failed = 0
        for entry in self._books:
            scope = by_reference.get(entry["customer_internal_reference"])
            for delivery in entry["callbacks"]:
                if delivery.get("dropped"):
                    dropped += 1
                    continue
                body: bytes | None = encode(delivery["body"], delivery["content_type"])
                key = (scope, body)
                sent.add(key)
                answered[key] += delivery["status"] == 200
                failed += delivery["status"] != 200
        for key, times in answered.items():
            found.expect(
                not times or stored[key] == 1,
                f"a callback of {key[0]}, 200 {times} times, is stored {stored[key]} times",
            )
        found.expect(max(stored.values(), default=0) <= 1, "a callback is stored twice")
        found.expect(not set(stored) - sent, "a callback is stored that nobody sent")
        undone = [row.id for row in rows if row.processed_at is None]
        found.expect(not undone, f"never processed: {undone}")
        kept = sum(1 for times in answered.values() if times)
        found.figures.update(
            {
                "callbacks answered 200": sum(answered.values()),
                "callbacks stored": len(rows),
                "duplicates refused": sum(answered.values()) - kept,
                "deliveries that failed": failed,
                "callbacks dropped by the vendor": dropped,
            }
        )

    def _identities(
        self, identities: list[Identity], entries: list[AuditEntry], names: dict[int, str | None]
    ) -> None:
        """Verified is who was approved, once; pending is who waits for a person."""
        found = self.found
        attempts: dict[str, list[Verification]] = defaultdict(list)
        for row in self._rows:
            attempts[row.identity_id].append(row)
        marks = Counter(entry.subject for entry in entries if entry.action == "identity.verified")
        verified = 0
        for identity in identities:
            own = attempts[identity.id]
            approved = [row for row in own if row.status is Status.approved]
            open_ones = [row.active_key for row in own if row.active_key is not None]
            found.expect(len(approved) <= 1, f"{identity.id} was approved {len(approved)} times")
            found.expect(
                marks[identity.subject] == len(approved),
                f"{identity.id}: {marks[identity.subject]} marks, {len(approved)} approvals",
            )
            wanted = Standing.pending if open_ones else Standing.unverified
            if approved:
                wanted = Standing.verified
                verified += 1
                found.expect(
                    identity.verification_id == approved[0].id
                    and identity.claim == approved[0].claim
                    and not approved[0].is_test,
                    f"{identity.id} was verified by another attempt than the approved one",
                )
            found.expect(
                identity.standing is wanted, f"{identity.id} is {identity.standing}, not {wanted}"
            )
            name = approved[0].claim.real_name if approved and approved[0].claim else None
            found.expect(
                names[int(identity.user_id)] == name, f"{identity.id}: the host's name is another"
            )
            places = Counter((row.application_id) for row in own if not row.status.is_final)
            found.expect(
                max(places.values(), default=0) <= 1, f"{identity.id} has two unfinished attempts"
            )
        for row in self._rows:
            found.expect(
                (row.active_key is None) is row.status.is_final, f"{row.id}: key and {row.status}"
            )
        found.expect(
            len({identity.user_id for identity in identities}) == len(identities),
            "a user has two identities",
        )
        found.figures["identities verified"] = verified

    def _log(self, session: Any, entries: list[AuditEntry], identities: list[Identity]) -> None:
        """The chains hold, and they tell each attempt's story once."""
        found = self.found
        tally = audit.verify_all(session, lambda error: found.broken.append(str(error)))
        told: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in entries:
            if entry.action.startswith("verification."):
                told[entry.facts["verification"]][entry.action.removeprefix("verification.")] += 1
        for row in self._rows:
            story = told.pop(row.id, Counter())
            opened = int(row.started_at is not None)
            found.expect(
                story["created"] == 1
                and opened <= story["started"] <= 1
                and story[str(row.status)] == 1
                and max(story.values()) == 1
                and sum(story[word] for word in _FINAL) == int(row.status.is_final),
                f"{row.id} is {row.status}, and the log tells {dict(story)}",
            )
        found.expect(not told, f"the log tells of attempts that we do not have: {list(told)}")
        found.expect(tally.chains >= len(identities), "identities without a chain")
        found.figures["audit chains that hold"] = tally.chains - tally.broken
        found.figures["audit entries"] = tally.entries
