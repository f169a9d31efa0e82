"""Comparing the log with an export of earlier: what was in it then must still be there."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select

from .audit_check import CheckFailed, rows
from .audit_walk import Tally, Tell
from .errors import AuditBroken
from .models import AuditEntry

PAGE = 500
_ENTRY: Any = AuditEntry.__table__.c
_Place = tuple[str, int, str]


def compare(
    session: Any,
    path: Path,
    header: dict[str, Any],
    tell: Tell,
    progress: Callable[[int], None] | None = None,
) -> Tally:
    """Look for each entry of an export in the database; return how many chains lack one.

    :param session: its transaction is ended between batches; nothing may be pending in it.
    :param header: of the export, as ``audit_check.signed`` returned it.
    :param tell: is handed :class:`AuditBroken` for the first such entry of each chain.
    :raises CheckFailed: the export cannot be read.
    """
    tally, told, last = Tally(), "", ""
    places = _places(path, header)
    while page := list(islice(places, PAGE)):
        held = _held(session, page)
        for place in page:
            subject, number, _ = place
            tally.entries += 1
            tally.chains += subject != last
            last = subject
            if place in held or subject == told:
                continue
            told = subject
            tally.broken += 1
            tell(_missing(session, subject, number))
        session.rollback()
        if progress is not None:
            progress(len(page))
    return tally


def _places(path: Path, header: dict[str, Any]) -> Iterator[_Place]:
    try:
        for _, entry in rows(path, header.get("format")):
            yield str(entry["subject"]), int(entry["sequence"]), str(entry["mac"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError, csv.Error):
        raise CheckFailed(f"{path.name} holds an entry that cannot be read.") from None


def _held(session: Any, page: list[_Place]) -> set[_Place]:
    """Return those places of a page that are in the database as they are in the export."""
    found = session.execute(
        select(_ENTRY.subject, _ENTRY.sequence, _ENTRY.mac).where(
            _ENTRY.subject.in_({subject for subject, _, _ in page}),
            _ENTRY.mac.in_({mac for _, _, mac in page}),
        )
    )
    return {(row.subject, row.sequence, row.mac) for row in found}


def _missing(session: Any, subject: str, number: int) -> AuditBroken:
    there = session.scalar(
        select(_ENTRY.id).where(_ENTRY.subject == subject, _ENTRY.sequence == number)
    )
    if there is None:
        how = f"entry {number} is in the export, but not in the database any more."
        return AuditBroken(subject, number, "removed", how)
    how = f"entry {number} is not the one that is in the export."
    return AuditBroken(subject, number, "changed", how)
