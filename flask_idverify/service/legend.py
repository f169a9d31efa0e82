"""The codes of an export in words: programs read the one, people the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .. import texts
from ..states import Standing, Status
from ..texts_codes import ACTIONS, CHECKS, POLICY, RULES, STANDINGS, TREATMENTS
from .owed import VENDOR_ERASURE


def legend(found: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the codes that occur in *found*, in words, by the field in which they stand.

    :param found: an export; see :func:`.export.export`.
    """
    words: dict[str, dict[str, str]] = {}
    for field, code in _codes(found):
        told = _WORDS[field](code)
        if told != code:
            words.setdefault(field, {})[code] = told
    return {field: dict(sorted(known.items())) for field, known in sorted(words.items())}


def _codes(value: Any) -> Iterator[tuple[str, str]]:
    """Yield each text of a field that may hold codes, with the field's name."""
    if isinstance(value, list):
        for item in value:
            yield from _codes(item)
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        if name in _WORDS:
            # Of a policy the names of its fields are codes as well.
            items = [*inner, *inner.values()] if isinstance(inner, Mapping) else inner
            for item in items if isinstance(items, list) else [items]:
                if isinstance(item, str):
                    # A finding begins with the name of the check.
                    yield name, item.partition(":")[0] if name == "findings" else item
        yield from _codes(inner)


def _of(table: Mapping[str, Any]) -> Callable[[str], str]:
    return lambda code: str(table.get(code, code))


def _state(code: str) -> str:
    if code in Status.__members__:
        return texts.status_label(code)
    return _standing(code)


def _standing(code: str) -> str:
    return str(STANDINGS[Standing(code)][0]) if code in Standing.__members__ else code


def _reason(code: str) -> str:
    return str(texts.reason(code).user)


_WORDS: Mapping[str, Callable[[str], str]] = {
    "action": _of(ACTIONS),
    "standing": _standing,
    **dict.fromkeys(("status", "from", "to", "held", "vendor_status"), _state),
    **dict.fromkeys(("decided_by", "rule"), _of(RULES)),
    **dict.fromkeys(("checks_passed", "required_capabilities", "findings"), _of(CHECKS)),
    **dict.fromkeys(("id_type", "id_types", "type"), texts.id_type),
    **dict.fromkeys(("country", "countries", "nationality"), texts.country),
    "policy": _of({**POLICY, **TREATMENTS}),
    "reasons": _reason,
    "what": _of({VENDOR_ERASURE: "A deletion that the vendor has not confirmed yet"}),
}
