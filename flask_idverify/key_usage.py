"""Which key is still needed by what, and which may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, and_, func, or_, select

from . import runtime
from .audit_chain import EARLIER_HEAD, head_key
from .batches import pages
from .columns import sealed_columns
from .encryption import key_id_of
from .models import AuditEntry, AuditHead, Base, CallbackRow, Identity

#: What a value without a key in front of it is counted under; no key can be named so.
UNSEALED = "(none)"
_PAGE = 5000
#: A key's name, and the colon.
_FRONT = 17
#: Where an audit entry keeps the head before it.
_KEPT_HEADS = f"{AuditEntry.__tablename__}.facts"

ENCRYPTION, AUDIT, FINGERPRINT = "encryption", "audit", "fingerprint"


@dataclass
class Usage:
    """How many values of one column each key has: ``counts[key id]``."""

    purpose: str
    place: str
    counts: Counter[str]


@dataclass(frozen=True)
class Verdict:
    """What may be done with one key of one setting.

    :ivar told: says it; ends with a colon where ``reasons`` follow.
    :ivar reasons: what needs the key, where that is what decides.
    :ivar is_missing: it is needed and not configured.
    """

    setting: str
    key_id: str
    told: str
    reasons: tuple[str, ...] = ()
    is_missing: bool = False


def usage() -> list[Usage]:
    """Count the values of every column by key, reading only the fronts of them."""
    engine = runtime.current().db.engine
    found: list[Usage] = []
    for table, names in sealed_columns(Base).items():
        found += _fronts(ENCRYPTION, table, names)
    found += _fronts(FINGERPRINT, Identity.__table__, ("number_fingerprint",))
    found += _fronts(FINGERPRINT, CallbackRow.__table__, ("digest",))
    with engine.connect() as connection:
        entries = connection.execute(
            select(AuditEntry.key_id, func.count()).group_by(AuditEntry.key_id)
        )
        counts = Counter({row[0]: row[1] for row in entries})
        # A chain that has not begun is sealed, too; the others' heads are with their last entry.
        empty = connection.execute(select(AuditHead.mac).where(AuditHead.sequence == 0))
        heads = Counter(head_key(0, held) or UNSEALED for (held,) in empty)
    found.append(Usage(AUDIT, AuditEntry.__tablename__, counts))
    found.append(Usage(AUDIT, AuditHead.__tablename__, heads))
    found.append(Usage(AUDIT, _KEPT_HEADS, _kept_heads(engine)))
    return found


def _kept_heads(engine: Engine) -> Counter[str]:
    """Count the keys of heads that entries keep because those keys were not configured.

    Only before a first entry: a later head has the key of the entry before it, which is counted.
    """
    columns = [AuditEntry.id, _kept_head().label("held")]
    where = and_(AuditEntry.sequence == 1, _kept_head().is_not(None))
    return Counter(
        head_key(0, row.held) or UNSEALED
        for page in pages(engine, columns, where, _PAGE)
        for row in page
    )


def _kept_head() -> Any:
    return AuditEntry.facts[EARLIER_HEAD].as_string()


def _fronts(purpose: str, table: Any, names: tuple[str, ...]) -> Iterator[Usage]:
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    columns = [table.c.id, *(func.substr(table.c[name], 1, _FRONT).label(name) for name in names)]
    where = or_(*(table.c[name].is_not(None) for name in names))
    for page in pages(runtime.current().db.engine, columns, where, _PAGE):
        for row in page:
            for name in names:
                front = getattr(row, name)
                if front is not None:
                    counts[name][key_id_of(front) or UNSEALED] += 1
    return (Usage(purpose, f"{table.name}.{name}", counts[name]) for name in names)


def verdicts(found: list[Usage]) -> list[Verdict]:
    """Say of every configured key, and of every one that is missing, what may be done with it."""
    app = runtime.current()
    told: list[Verdict] = []
    own = {AUDIT: bool(app.settings.audit_keys), FINGERPRINT: bool(app.settings.fingerprint_keys)}
    rings = {
        ENCRYPTION: app.keyring.ids,
        AUDIT: app.audit_macs.ids,
        FINGERPRINT: app.fingerprint_macs.ids,
    }
    for purpose, ids in rings.items():
        if purpose in own and not own[purpose]:
            continue
        setting = f"IDVERIFY_{purpose.upper()}_KEYS"
        for number, key_id in enumerate(ids):
            purposes = [purpose]
            if purpose == ENCRYPTION:
                purposes += [other for other, set_ in own.items() if not set_]
            why = [text for each in purposes for text in _reasons(each, key_id, found, purpose)]
            if number == 0:
                told.append(Verdict(setting, key_id, "is in use: it makes new values."))
            elif why:
                told.append(Verdict(setting, key_id, "must stay:", tuple(why)))
            else:
                # Nothing tells a key that is used no more from one that never was.
                text = (
                    "can be dropped, unless you have just added it: nothing here was made with "
                    "it, not yet or not any more. Leave a new one, and go on with the next step "
                    "(docs/keys.md)."
                )
                told.append(Verdict(setting, key_id, text))
    for purpose, ids in rings.items():
        lost = {key_id for use in _of(found, purpose) for key_id in use.counts} - {*ids, UNSEALED}
        derived = purpose in own and not own[purpose]
        setting = f"IDVERIFY_{(ENCRYPTION if derived else purpose).upper()}_KEYS"
        for key_id in sorted(lost):
            text = f"is missing: {way_back(purpose, key_id)}. What needs it:"
            needs = tuple(_reasons(purpose, key_id, found))
            told.append(Verdict(setting, key_id, text, needs, is_missing=True))
    return told


def way_back(purpose: str, key_id: str) -> str:
    """Say how a missing key is put back."""
    app = runtime.current()
    own = {AUDIT: app.settings.audit_keys, FINGERPRINT: app.settings.fingerprint_keys}
    if own.get(purpose) and key_id in app.keyring.ids:
        return (
            f"it derives from the encryption key of this name. Put what `flask idverify "
            f"derived-keys {purpose}` prints behind your own in IDVERIFY_{purpose.upper()}_KEYS"
        )
    return "put it back at the end of its list"


def _of(found: list[Usage], purpose: str) -> list[Usage]:
    return [use for use in found if use.purpose == purpose]


def _reasons(
    purpose: str, key_id: str, found: list[Usage], listed: str | None = None
) -> Iterator[str]:
    """Yield what needs this key; *listed* is the setting where it stands."""
    derived = " derived from it" if listed == ENCRYPTION != purpose else ""
    for use in _of(found, purpose):
        number = use.counts[key_id]
        if not number:
            continue
        if purpose == ENCRYPTION:
            yield f"{number} value(s) in {use.place} are sealed with it"
        elif purpose == AUDIT:
            yield (
                f"{number} row(s) in {use.place} are chained with the key{derived}, and those are "
                "never rewritten"
            )
        else:
            yield f"{number} value(s) in {use.place} were made with the key{derived}"


def needs_rotation(found: list[Usage]) -> int:
    """Return how many sealed values are not under the first encryption key."""
    current = runtime.current().keyring.current_id
    return sum(
        number
        for use in _of(found, ENCRYPTION)
        for key_id, number in use.counts.items()
        if key_id != current
    )


def missing() -> Iterator[tuple[str, str, str]]:
    """Yield purpose, column and key id of values whose key is not configured; for the doctor.

    Asks the database to look for one of each and no more.
    """
    app = runtime.current()
    asked: list[tuple[str, Any, str, tuple[str, ...]]] = [
        (ENCRYPTION, table, name, app.keyring.ids)
        for table, names in sealed_columns(Base).items()
        for name in names
    ]
    for model, name in ((Identity, "number_fingerprint"), (CallbackRow, "digest")):
        asked.append((FINGERPRINT, model.__table__, name, app.fingerprint_macs.ids))
    with app.db.engine.connect() as connection:
        for purpose, table, name, ids in asked:
            column = table.c[name]
            front = select(func.substr(column, 1, _FRONT)).where(
                column.is_not(None), *_under_others(column, ids)
            )
            value = connection.execute(front.limit(1)).scalar()
            if value is not None:
                yield purpose, f"{table.name}.{name}", key_id_of(value) or UNSEALED
        entry = select(AuditEntry.key_id).where(AuditEntry.key_id.not_in(app.audit_macs.ids))
        value = connection.execute(entry.limit(1)).scalar()
        if value is not None:
            yield AUDIT, AuditEntry.__tablename__, value
        for place, held, of_nothing in (
            (AuditHead.__tablename__, AuditHead.mac, AuditHead.sequence == 0),
            (_KEPT_HEADS, _kept_head(), AuditEntry.sequence == 1),
        ):
            others = _under_others(held, app.audit_macs.ids)
            head = select(held).where(of_nothing, held != "", *others)
            value = connection.execute(head.limit(1)).scalar()
            if value is not None:
                yield AUDIT, place, head_key(0, value)


def _under_others(column: Any, ids: tuple[str, ...]) -> list[Any]:
    return [func.substr(column, 1, len(key) + 1) != f"{key}:" for key in ids]
