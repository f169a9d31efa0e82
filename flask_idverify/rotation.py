"""Moving everything stored to the first key of each list, while the app works.

Sealed values are opened with the key they name and sealed anew, in the same place: a value that
was moved there from another row does not open, and stays as it is. Fingerprints and digests
cannot be turned back; they are made anew from the sealed value they belong to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Table, func, or_, select, true
from sqlalchemy.exc import IntegrityError

from . import runtime
from .batches import Batches, Change, Guard
from .columns import bound_to, sealed_columns
from .encryption import Keyring, Macs, key_id_of
from .errors import DatabaseBusy, DecryptionFailed, KeyUnavailable
from .models import Base, CallbackRow, Identity
from .service.approval import papers_of

BATCH = 500
_IDENTITY: Any = Identity.__table__
_CALLBACK: Any = CallbackRow.__table__
Place = tuple[str, str, str]


@dataclass
class Report:
    """What a rotation did. Nothing in it quotes a value."""

    #: Rows that were sealed anew, or got a new fingerprint or digest.
    changed: int = 0
    #: Values that could not be opened, by table, column and reason.
    unreadable: Counter[Place] = field(default_factory=Counter)
    #: The first of them by row id, enough to find them all.
    examples: dict[Place, list[str]] = field(default_factory=dict)
    #: Fingerprints and digests that stay under their old key, by table, column and key id.
    kept: Counter[Place] = field(default_factory=Counter)


def rows_to_look_at() -> int:
    """Return how many rows :func:`rotate` goes through; for a progress bar."""
    with runtime.current().db.engine.connect() as connection:
        counted = [
            connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()
            for table, where in (
                *((table, _any_of(table, names)) for table, names in sealed_columns(Base).items()),
                (_IDENTITY, _IDENTITY.c.number_fingerprint.is_not(None)),
                (_CALLBACK, true()),
            )
        ]
    return sum(counted)


def rotate(
    progress: Callable[[int], None] | None = None, *, batch: int = BATCH, examples: int = 20
) -> Report:
    """Seal everything with the first encryption key, and renew fingerprints and digests.

    May be interrupted and run again at any time, also twice at once: what is done is skipped.

    :param progress: is told by how many rows the work went on.
    :param batch: rows per transaction.
    :param examples: how many unreadable rows of a kind are named by id.
    :raises DatabaseBusy: the database stayed locked; what was done is kept.
    """
    app, report = runtime.current(), Report()

    def done(looked_at: int, changed: int) -> None:
        report.changed += changed
        if progress is not None:
            progress(looked_at)

    batches = Batches(app.db.engine, batch, done)
    for table, names in sealed_columns(Base).items():
        sealing = _Sealing(app.keyring, table, names, report, examples)
        columns = [table.c.id, *(table.c[name] for name in names)]
        batches.rewrite(columns, _any_of(table, names), sealing.change)
    renewal = _Renewal(app.keyring, app.fingerprint_macs, report)
    renewal.fingerprints(batches)
    renewal.digests(batches)
    return report


def _any_of(table: Table, names: tuple[str, ...]) -> Any:
    return or_(*(table.c[name].is_not(None) for name in names))


class _Sealing:
    """Says for each row of one table what is to be sealed anew."""

    def __init__(
        self, keyring: Keyring, table: Table, names: tuple[str, ...], report: Report, examples: int
    ) -> None:
        self._keyring = keyring
        self._table = table
        self._names = names
        self._report = report
        self._examples = examples
        self._told: set[str] = set()

    def change(self, row: Any) -> tuple[Change, Guard]:
        changes: dict[str, tuple[str, str]] = {}
        problems: dict[str, str] = {}
        for name in self._names:
            sealed = getattr(row, name)
            if sealed is None or key_id_of(sealed) == self._keyring.current_id:
                continue
            context = bound_to(self._table.name, name, row.id)
            try:
                plain = self._keyring.open(sealed, context)
            except KeyUnavailable:
                problems[name] = f"key {key_id_of(sealed)!r} is missing"
            except DecryptionFailed:
                problems[name] = "changed, or copied from another place"
            else:
                changes[name] = (sealed, self._keyring.seal(plain, context))
        if row.id not in self._told:
            for name, why in problems.items():
                self._unreadable(name, row.id, why)
            if changes and problems:
                self._told.add(row.id)  # it may be read again for the other column's sake
        return changes, {}

    def _unreadable(self, name: str, row_id: str, why: str) -> None:
        place = (self._table.name, name, why)
        self._report.unreadable[place] += 1
        named = self._report.examples.setdefault(place, [])
        if len(named) < self._examples:
            named.append(row_id)


class _Renewal:
    """Makes fingerprints and digests anew from the sealed values that they belong to."""

    def __init__(self, keyring: Keyring, macs: Macs, report: Report) -> None:
        self._keyring = keyring
        self._macs = macs
        self._report = report

    def fingerprints(self, batches: Batches) -> None:
        """Renew the fingerprints of identities."""
        table, macs = _IDENTITY, self._macs

        def change(row: Any) -> tuple[Change, Guard]:
            old, sealed = row.number_fingerprint, row.document_sealed
            if key_id_of(old) == macs.current_id:
                return {}, {}
            raw = self._opened(table, "document_sealed", row.id, sealed)
            papers = papers_of(Identity.document.load(raw)) if raw is not None else None
            if papers is None:
                self._keep(table, "number_fingerprint", old)
                return {}, {}
            return {"number_fingerprint": (old, macs.tagged(papers))}, {"document_sealed": sealed}

        columns = [table.c.id, table.c.number_fingerprint, table.c.document_sealed]
        batches.rewrite(columns, table.c.number_fingerprint.is_not(None), change)

    def digests(self, batches: Batches) -> None:
        """Renew the digests under which callbacks are stored once."""
        table, engine = _CALLBACK, batches.engine
        columns = [table.c.id, table.c.digest, table.c.scope, table.c.body_sealed]
        kept = self._report.kept.copy()

        def attempt(size: int, asking: bool) -> bool:
            def change(row: Any) -> tuple[Change, Guard]:
                new = self._digest(row)
                if new is None:
                    return {}, {}
                if asking and _taken(engine, row.scope, new):
                    # It was stored twice, under two keys. The other row guards the body now.
                    new = self._macs.tagged(b"stored twice|" + row.id.encode())
                return {"digest": (row.digest, new)}, {"body_sealed": row.body_sealed}

            self._report.kept = kept.copy()
            try:
                Batches(engine, size, batches.done).rewrite(columns, true(), change)
            except IntegrityError:
                return False
            return True

        # A body that was stored twice stops its batch; only then each row is asked about, and in
        # the end one at a time. The last attempt is for one that came in during the third.
        sizes = ((batches.size, False), (batches.size, True), (1, True), (1, True))
        if not any(attempt(size, asking) for size, asking in sizes):
            raise DatabaseBusy("Callbacks kept coming in twice; run the command again to go on.")

    def _digest(self, row: Any) -> str | None:
        macs, key_id = self._macs, key_id_of(row.digest)
        if key_id == macs.current_id:
            return None
        raw = self._opened(_CALLBACK, "body_sealed", row.id, row.body_sealed)
        body = CallbackRow.body.load(raw) if raw is not None else None
        if body is None or (key_id in macs.ids and row.digest not in macs.all_tagged(body)):
            # What came does not stand here any more: the digest alone still knows it.
            self._keep(_CALLBACK, "digest", row.digest)
            return None
        return macs.tagged(body)

    def _keep(self, table: Table, name: str, value: str) -> None:
        self._report.kept[(table.name, name, key_id_of(value) or "?")] += 1

    def _opened(self, table: Table, name: str, row_id: str, sealed: str | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._keyring.open(sealed, bound_to(table.name, name, row_id))
        except (KeyUnavailable, DecryptionFailed):
            return None  # told in the first pass


def _taken(engine: Engine, scope: str, digest: str) -> bool:
    asked = select(_CALLBACK.c.id).where(_CALLBACK.c.scope == scope, _CALLBACK.c.digest == digest)
    with engine.connect() as connection:
        return connection.execute(asked).first() is not None
