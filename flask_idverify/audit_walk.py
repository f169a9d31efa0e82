"""Reading the audit log from end to end in bounded memory, and naming what does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, or_, select, true

from . import runtime
from .audit_chain import AuditUnchecked, Chain
from .audit_rows import Beside, Rows
from .errors import AuditBroken, IDVerifyError
from .models import Application, AuditEntry, AuditHead, Identity, Provider

PAGE = 1000
_ENTRY: Any = AuditEntry.__table__.c

Tell = Callable[[IDVerifyError], None]


class _Walked(Chain):
    """A chain, and what has to agree with it beside it."""

    def __init__(self, subject: str, head: tuple[int, str] | None, rows: Rows) -> None:
        macs = runtime.current().audit_macs
        super().__init__(macs, subject, head)
        self.beside = Beside(macs, subject, rows)


@dataclass
class Tally:
    """What a walk through the log met; ``broken`` counts chains.

    :ivar reached: every chain up to this subject's was walked; ``None`` before the first.
    :ivar complete: there are no more.
    """

    chains: int = 0
    entries: int = 0
    broken: int = 0
    reached: str | None = None
    complete: bool = False


def _never() -> bool:
    return False


def verify(session: Any, subject: str) -> int:
    """Check one subject's chain and return its length.

    :raises AuditBroken: naming the first entry that was changed, removed, inserted or reordered.
    :raises AuditUnchecked: naming the key that is needed to tell.
    """
    rows = Rows()
    chain = _Walked(subject, _head(session, subject), rows)
    for entry in _entries(session, _ENTRY.subject == subject, rows):
        _follow(session, chain, entry)
        if chain.error is not None:
            raise chain.error
    if chain.head is not None or chain.count:
        _end(chain)
    return chain.count


def verify_all(
    session: Any,
    tell: Tell,
    progress: Callable[[int], None] | None = None,
    *,
    after: str | None = None,
    enough: Callable[[], bool] = _never,
) -> Tally:
    """Check every chain, and that every subject which must have one has it.

    :param session: its transaction is ended between batches; nothing may be pending in it.
    :param tell: is handed the first break of each broken chain: :class:`AuditBroken`, or
        :class:`AuditUnchecked` where a key is missing that could tell.
    :param progress: is told by how many entries the walk went on.
    :param after: begin behind this subject's chain, which an earlier walk has ``reached``.
    :param enough: is asked now and then; true ends the walk before it is ``complete``.
    """
    tally = Tally(reached=after)
    while not tally.complete:
        for page in _stretch(session, tally, tell, None):
            if progress is not None:
                progress(len(page))
        if not tally.complete and enough():
            return tally
    tell_missing(session, tally, tell)
    return tally


def tell_missing(session: Any, tally: Tally, tell: Tell) -> None:
    """Tell the subjects that must have a chain and have none."""
    for model, subject in (
        (Identity, Identity.subject),
        (Provider, Provider.id),
        (Application, Application.id),
    ):
        last = ""
        while True:
            page = session.scalars(
                select(subject)
                .outerjoin_from(model, AuditHead, AuditHead.id == subject)
                .where(AuditHead.id.is_(None), subject > last)
                .order_by(subject)
                .limit(PAGE)
            ).all()
            session.rollback()
            for last in page:
                # Entries without a head were told already.
                entry = select(_ENTRY.id).where(_ENTRY.subject == last).limit(1)
                if session.scalar(entry) is None:
                    tally.broken += 1
                    tell(AuditBroken(last, 1, "removed", "the whole chain was removed."))
            if len(page) < PAGE:
                break
    session.rollback()


def walk(session: Any, tally: Tally, tell: Tell, subject: str | None = None) -> Iterator[list[Any]]:
    """Yield the log in pages, chain by chain in order, checking each chain on the way.

    :param subject: only this one's chain.
    """
    while not tally.complete:
        yield from _stretch(session, tally, tell, subject)


def _stretch(session: Any, tally: Tally, tell: Tell, subject: str | None) -> Iterator[list[Any]]:
    """Yield the next chains, as many as one page of heads names, each to its end."""
    low = tally.reached
    asked = select(AuditHead.id, AuditHead.sequence, AuditHead.mac).order_by(AuditHead.id)
    asked = asked if low is None else asked.where(AuditHead.id > low)
    asked = asked if subject is None else asked.where(AuditHead.id == subject)
    # Heads first: an entry that is written meanwhile only adds to what they say.
    heads = {row.id: (row.sequence, row.mac) for row in session.execute(asked.limit(PAGE))}
    bounds = [_ENTRY.subject == subject] if subject is not None else []
    bounds += [_ENTRY.subject > low] if low is not None else []
    last = len(heads) < PAGE
    if not last:
        low = list(heads)[-1]
        bounds.append(_ENTRY.subject <= low)
    yield from _chains(session, heads, and_(true(), *bounds), tally, tell)
    session.rollback()
    tally.reached, tally.complete = low, last


def _chains(
    session: Any, heads: dict[str, tuple[int, str]], bounds: Any, tally: Tally, tell: Tell
) -> Iterator[list[Any]]:
    """Yield the entries of these heads (and those within the bounds that have none)."""
    silent = dict.fromkeys(heads)
    chain: _Walked | None = None
    rows = Rows()
    page: list[Any] = []
    for entry in _entries(session, bounds, rows):
        if chain is None or chain.subject != entry.subject:
            _finish(session, chain, tally, tell)
            silent.pop(entry.subject, None)
            chain = _Walked(entry.subject, heads.get(entry.subject), rows)
        tally.entries += 1
        _follow(session, chain, entry)
        page.append(entry)
        if len(page) == PAGE:
            yield page
            page = []
    _finish(session, chain, tally, tell)
    for subject in silent:
        _finish(session, _Walked(subject, heads[subject], rows), tally, tell)
    if page:
        yield page


def _follow(session: Any, chain: _Walked, entry: Any) -> None:
    """Take *entry* as the next one, or note why it cannot be."""
    if chain.error is not None:
        return
    try:
        if not chain.fits(entry):
            chain.error = _named(session, chain, entry)
        elif not chain.bridged:
            chain.error = AuditBroken(
                chain.subject,
                entry.sequence,
                "cut off",
                f"the head before entry {entry.sequence} was written by somebody without the key; "
                "entries may have been removed there.",
            )
        else:
            chain.error = chain.beside.problem(entry)
    except AuditUnchecked as error:
        chain.error = error


def _finish(session: Any, chain: _Walked | None, tally: Tally, tell: Tell) -> None:
    if chain is None:
        return
    tally.chains += 1
    try:
        if chain.error is not None:
            raise chain.error
        if chain.head is None:
            # It may be newer than the heads that were read, or have lost its own.
            verify(session, chain.subject)
        else:
            _end(chain)
    except (AuditBroken, AuditUnchecked) as error:
        tally.broken += 1
        tell(error)


def _end(chain: _Walked) -> None:
    problem = chain.end()
    if problem is not None:
        raise AuditBroken(chain.subject, chain.count + 1, "cut off", f"{problem}.")
    chain.beside.end()


def _named(session: Any, chain: Chain, entry: Any) -> AuditBroken:
    """Say what was done to the chain where *entry* does not fit."""
    number = chain.count + 1

    def broken(what: str, how: str) -> AuditBroken:
        return AuditBroken(chain.subject, number, what, f"entry {number} {how}.")

    # The entry that should stand here, if it stands further down.
    moved = session.scalar(
        select(_ENTRY.sequence)
        .where(_ENTRY.subject == chain.subject, _ENTRY.previous_mac == chain.last)
        .where(_ENTRY.sequence > number)
        .order_by(_ENTRY.sequence)
        .limit(1)
    )
    if entry.sequence > number:
        if moved is not None:
            return broken("reordered", f"was reordered: it stands at number {moved}")
        return broken("removed", "was removed")
    if entry.sequence < number or (chain.head is not None and number > chain.head[0]):
        return broken("inserted", "was inserted: the chain never had it")
    if moved is not None:
        if chain.belongs_elsewhere(entry):
            return broken("reordered", f"was reordered: it stands at number {moved}")
        return broken("inserted", f"was inserted: the one that was here stands at number {moved}")
    if entry.previous_mac != chain.last and chain.belongs_elsewhere(entry):
        return broken("removed", "was removed, and those after it were moved up")
    return broken("changed", "was changed")


def _head(session: Any, subject: str) -> tuple[int, str] | None:
    found = session.execute(
        select(AuditHead.sequence, AuditHead.mac).where(AuditHead.id == subject)
    ).one_or_none()
    return (found.sequence, found.mac) if found is not None else None


def _entries(session: Any, bounds: Any, rows: Rows) -> Iterator[Any]:
    """Yield entries in order, in pages, so that neither side holds them all.

    :param rows: is told of each page before its first entry comes.
    """
    asked = select(*_ENTRY).where(bounds).order_by(_ENTRY.subject, _ENTRY.sequence).limit(PAGE)
    page = session.execute(asked).all()
    while page:
        rows.read(session, page)
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]
        # The first condition lets the index find the place; a plain "or" would begin at the start.
        after = and_(
            _ENTRY.subject >= last.subject,
            or_(_ENTRY.subject > last.subject, _ENTRY.sequence > last.sequence),
        )
        page = session.execute(asked.where(after)).all()
