"""A host whose processes die on demand, and what must hold of its database at any moment."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import event, select

from flask_idverify import audit, clock
from flask_idverify.models import AuditEntry, Identity, Verification
from flask_idverify.states import Standing, Status
from tests.hosts import Host
from tests.vendor import Vendor

#: Written down a second time on purpose: the product's own table is what is examined.
RANK = {"created": 0, "started": 1, "processing": 2, "in_review": 3}
_STANDS = (Standing.verified, Standing.expired)
_STATUSES = {str(status) for status in Status}


class Killed(BaseException):
    """The process died here. No ``except Exception`` notices that."""


class Killer:
    """Kills at a commit: just before it, so that it is lost, or just after."""

    def __init__(self, host: Host) -> None:
        self._left = 0
        self._after = False
        event.listen(host.db.session, "before_commit", self._before_commit)
        event.listen(host.db.session, "after_commit", self._after_commit)

    def arm(self, commits: int, *, after: bool) -> None:
        """Kill at so many commits from now; 0 disarms."""
        self._left, self._after = commits, after

    def _before_commit(self, _session: Any) -> None:
        if self._left == 1 and not self._after:
            self._left = 0
            raise Killed
        if not self._after:
            self._left = max(0, self._left - 1)

    def _after_commit(self, _session: Any) -> None:
        if self._left == 1 and self._after:
            self._left = 0
            raise Killed
        if self._after:
            self._left = max(0, self._left - 1)


class Watch:
    """Compares what the database says with what it said before, after every step."""

    def __init__(self, host: Host, vendor: Vendor) -> None:
        self.host = host
        self.vendor = vendor
        #: References of which the vendor said "approved" at some time.
        self.approved_by_vendor: set[str] = set()
        self._statuses: dict[str, str] = {}
        self._locked: dict[str, tuple[Any, ...]] = {}
        self._ends: dict[str, datetime | None] = {}

    def look(self, *, signed: bool) -> None:
        """Check everything.

        :param signed: the step was an admin's, who may also move a status backwards.
        """
        session = self.host.db.session
        session.remove()
        rows = list(session.scalars(select(Verification)))
        entries = list(session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)))
        self._check_rows(rows, signed=signed)
        self._check_log(rows, entries)
        self._check_vendor(rows)
        for identity in session.scalars(select(Identity)):
            own = [row for row in rows if row.identity_id == identity.id]
            self._check_identity(identity, own, signed=signed)
        session.rollback()

    def _check_rows(self, rows: list[Verification], *, signed: bool) -> None:
        unfinished = Counter(
            (row.identity_id, row.application_id) for row in rows if not row.status.is_final
        )
        assert all(count == 1 for count in unfinished.values()), "two unfinished attempts"
        for row in rows:
            before, now = self._statuses.get(row.id), str(row.status)
            if before not in (None, now):
                late = before == "expired" and now in ("approved", "rejected")
                risen = RANK.get(str(before), 4) < RANK.get(now, 4)
                assert risen or late or signed, f"{before} became {now}"
                assert RANK.get(now, 4) == 4 or risen, f"{before} was reopened as {now}"
            self._statuses[row.id] = now
            assert (row.active_key is None) == row.status.is_final
            assert (row.finished_at is not None) == row.status.is_final
            if row.status.is_final:
                assert row.next_poll_at is None
                assert row.redirect_url_sealed is None
            else:
                assert not row.retryable
            if row.status is Status.approved:
                assert not row.reasons
                assert not row.retryable
            if row.status in (Status.rejected, Status.in_review, Status.expired, Status.error):
                assert row.reasons
            assert row.reason == (row.reasons[0] if row.reasons else None)

    def _check_log(self, rows: list[Verification], entries: list[AuditEntry]) -> None:
        broken: list[Exception] = []
        audit.verify_all(self.host.db.session, broken.append)
        assert not broken
        last: dict[str, AuditEntry] = {}
        for entry in entries:
            room, _, word = entry.action.partition(".")
            if room == "verification" and word in _STATUSES:
                last[entry.facts["verification"]] = entry
        for row in rows:
            entry = last[row.id]
            assert entry.action == f"verification.{row.status}", "row and log differ"
            if row.status is Status.approved:
                by_vendor = entry.actor == "vendor" and entry.facts["vendor_status"] == "approved"
                assert by_vendor or entry.actor == "admin:7", f"approved by {entry.actor}"
                if by_vendor:
                    self._require_fetched(row)

    def _require_fetched(self, row: Verification) -> None:
        assert row.vendor_reference in self.approved_by_vendor
        paths = [entry["path"] for entry in self.vendor.asked("details")]
        assert any(str(row.vendor_reference) in path for path in paths), "approved without a fetch"

    def _check_vendor(self, rows: list[Verification]) -> None:
        """Each start at the vendor is one attempt of ours, also when its answer was lost."""
        ours = {row.reference: row for row in rows}
        made = self.vendor.sandbox.transactions()
        assert len({each["customer_internal_reference"] for each in made}) == len(made)
        for each in made:
            row = ours[each["customer_internal_reference"]]
            assert row.vendor_reference in (None, each["reference"])
        known = [row for row in rows if row.vendor_reference is not None]
        assert {row.vendor_reference for row in known} <= {each["reference"] for each in made}
        assert len({row.vendor_reference for row in known}) == len(known)

    def _check_identity(self, identity: Identity, own: list[Verification], *, signed: bool) -> None:
        unfinished = [row for row in own if not row.status.is_final]
        if identity.standing is Standing.pending:
            assert unfinished, "pending without an attempt"
        if identity.standing is Standing.unverified:
            assert not unfinished, "unverified, but an attempt is open"
            assert identity.verification_id is None
        before = self._locked.pop(identity.id, None)
        if identity.standing not in _STANDS:
            assert before is None or signed or identity.standing is Standing.revoked
            return
        (basis,) = [row for row in own if row.id == identity.verification_id]
        assert basis.status is Status.approved
        assert identity.claim == basis.claim, "locked to another claim than was verified"
        assert identity.document == basis.document or basis.decided_by
        facts = (basis.id, identity.claim, identity.document, identity.verified_at)
        if before is not None and before != facts:
            assert before[0] != basis.id, "locked facts changed"
            ended = self._ends[identity.id]
            # By another attempt only for somebody whose time had run out.
            assert ended is not None, "locked facts were replaced"
            assert ended <= clock.now(), "locked facts were replaced"
        self._locked[identity.id] = facts
        self._ends[identity.id] = identity.expires_at
