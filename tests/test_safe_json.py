"""JSON of strangers: bounded before it is parsed, and nothing escapes but ``ValueError``."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_idverify.safe_json import MAX_DEPTH, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(value=JSON, ascii=st.booleans())
def test_what_is_json_is_read_as_everybody_reads_it(value: Any, ascii: bool) -> None:  # noqa: A002
    assert loads(json.dumps(value, ensure_ascii=ascii)) == value


@given(text=st.text(alphabet='[]{}",:\\ 1ae\n', max_size=60))
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError, match="the text"):
            loads(text)
    else:
        assert loads(text) == expected


@given(data=st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        loads(data)


@pytest.mark.parametrize(
    ("left", "right", "levels"),
    [
        ("[", "]", MAX_DEPTH),
        ('{"a":', "}", MAX_DEPTH),
        ('[{"a":', "}]", MAX_DEPTH // 2),
    ],
)
def test_depth_ends_at_the_limit_and_not_before(left: str, right: str, levels: int) -> None:
    assert loads(left * levels + "1" + right * levels)
    with pytest.raises(ValueError, match="levels deep"):
        loads(left * (levels + 1) + "1" + right * (levels + 1))


@pytest.mark.parametrize(
    "bomb",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '["\\"]", ' + "[" * 1_000_000,
        "[" * 1_000_000 + "]" * 1_000_000,
        '{"a": "' + "[" * 10 + '", "b": ' + "[" * 65 + "]" * 65 + "}",
        r'["\\", ' + "[" * 65 + "]" * 65 + "]",
        r'["\\\"", ' + "[" * 65 + "]" * 65 + "]",
    ],
    ids=[
        *("arrays", "objects", "behind a string", "balanced", "beside a string"),
        *("behind a backslash", "behind a backslash and a quote"),
    ],
)
def test_a_depth_bomb_is_refused_before_it_is_parsed(bomb: str) -> None:
    with pytest.raises(ValueError, match=r"levels deep|more than"):
        loads(bomb)


def test_brackets_in_strings_are_no_depth() -> None:
    text = json.dumps({"a": "[{" * 1000, "b": '\\"[' * 1000, "c\\": ['"' * 100]})
    assert loads(text) == json.loads(text)


def test_the_number_of_values_is_bounded() -> None:
    assert loads("[" + "1," * 50 + "1]", max_items=60) == [1] * 51
    for text in ("[" + "1," * 70 + "1]", "[" + "[]," * 40 + "1]", '{"a":' * 60 + "1" + "}" * 60):
        with pytest.raises(ValueError, match="more than 60 values"):
            loads(text, max_items=60)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000])
def test_a_number_that_is_none_says_nothing(text: str) -> None:
    assert loads(f'{{"a": {text}, "b": 1}}') == {"a": None, "b": 1}


def test_numbers_that_are_some_stay() -> None:
    assert loads("[1, -2, 1.5, 1e3, 18446744073709551616]") == [1, -2, 1.5, 1000.0, 2**64]


def test_of_a_member_named_twice_the_last_counts_unless_that_is_refused() -> None:
    assert loads('{"a": 1, "a": 2}') == {"a": 2}
    for text in ('{"a": 1, "a": 2}', '[{"b": {"a": 1, "\\u0061": 1}}]'):
        with pytest.raises(ValueError, match="twice"):
            loads(text, unique_keys=True)
    assert loads('[{"a": 1}, {"a": 2}]', unique_keys=True) == [{"a": 1}, {"a": 2}]


def test_bytes_are_utf8_with_or_without_a_mark() -> None:
    assert loads(b"\xef\xbb\xbf[1]") == [1]
    assert loads('{"a": "é"}'.encode()) == {"a": "é"}
    for data in ('{"a": 1}'.encode("utf-16"), b'{"a": "\xff"}'):
        with pytest.raises(ValueError, match="the text"):
            loads(data)


def test_no_error_quotes_the_document() -> None:
    for text in ('{"a": "Lena Gruber', "Lena", '{"Lena": 1, "Lena": 2}', '"Lena \\x"'):
        with pytest.raises(ValueError, match="the text") as caught:
            loads(text, unique_keys=True)
        assert "Lena" not in str(caught.value)
        assert caught.value.__context__ is None, "Python's own error carries the document"


@pytest.mark.parametrize("unit", ['"\\"', '\\"', "\\", '"', '","', "[],", '"\\\\'])
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    text = unit * (2_000_000 // len(unit))
    begun = time.monotonic()
    with pytest.raises(ValueError, match="the text"):
        loads(text)
    assert time.monotonic() - begun < 15  # quadratic time would be hours
