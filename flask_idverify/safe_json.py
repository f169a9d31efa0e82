"""Reading JSON that strangers wrote: bounded in depth and size, and without surprises in numbers.

The limits are checked before the parser runs, so that no input can exhaust its stack.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

#: A vendor's deepest documented answer has eight levels.
MAX_DEPTH = 64
#: Values that one document may hold; a vendor's longest answer has some hundred.
MAX_ITEMS = 100_000
#: Longer integers are no number of anybody, and some readers of them take quadratic time.
_MAX_DIGITS = 64
_BRACKETS = re.compile(r"[\[\]{}]")


def loads(
    data: bytes | str,
    *,
    max_depth: int = MAX_DEPTH,
    max_items: int = MAX_ITEMS,
    unique_keys: bool = False,
) -> Any:
    """Return the JSON value in *data*; what is read can be walked recursively without fear.

    Numbers that are none (``NaN``, ``Infinity``, ``1e999``, integers of more than 64 digits)
    become ``None``: they say nothing, and one of them must not cost the rest.

    :param data: bytes have to be UTF-8, with or without a byte order mark.
    :param max_depth: how many arrays and objects may stand inside each other.
    :param max_items: how many values there may be in all.
    :param unique_keys: refuse an object that names a member twice. Otherwise the last one counts,
        as with everybody else who reads the same document.
    :raises ValueError: *data* is no JSON, or exceeds a limit. The text never quotes it.
    """
    # Raised outside of the handlers: Python's own errors carry the whole document along.
    problem = ""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    if problem:
        raise ValueError(f"the text {problem}")
    _check_shape(text, max_depth, max_items)
    try:
        return json.loads(
            text,
            parse_constant=_nothing,
            parse_float=_number,
            parse_int=_integer,
            object_pairs_hook=_unique if unique_keys else None,
        )
    except _Twice:
        problem = "names a member of an object twice"
    except (ValueError, RecursionError):
        problem = "is not JSON"
    raise ValueError(f"the text {problem}")


class _Twice(ValueError):
    pass


def _check_shape(text: str, max_depth: int, max_items: int) -> None:
    """Count brackets and commas outside of strings, as far as the text is JSON at all.

    Escapes are taken out in pairs, so that every quote left begins or ends a string. Behind the
    first place that is no JSON the count may be wrong, but the parser never gets there.
    """
    plain = text.replace("\\\\", "").replace('\\"', "")
    outside = "".join(plain.split('"')[::2])
    if outside.count(",") + outside.count("[") + outside.count("{") >= max_items:
        raise ValueError(f"the text holds more than {max_items} values")
    depth = 0
    for found in _BRACKETS.finditer(outside):
        if found.group() in "[{":
            depth += 1
            if depth > max_depth:
                raise ValueError(f"the text is nested more than {max_depth} levels deep")
        else:
            depth -= 1


def _nothing(_name: str) -> None:
    return None


def _number(written: str) -> float | None:
    number = float(written)
    return number if math.isfinite(number) else None


def _integer(written: str) -> int | None:
    return int(written) if len(written) <= _MAX_DIGITS else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found
