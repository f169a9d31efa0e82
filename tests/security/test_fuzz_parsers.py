"""Fuzz: what reads callbacks, keys and settings raises what it documents, and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest
from hypothesis import strategies as st

from flask_idverify.config import Settings
from flask_idverify.encryption import Key, parse_keys
from flask_idverify.errors import ConfigurationError
from flask_idverify.types import Callback, Hint
from tests.adapter_bench import JSON
from tests.security.fuzzing import BOMBS, ODD_TEXTS, Fuzz, damaged, reshaped, silent
from tests.security.wires import BENCHES

KINDS = sorted(BENCHES)
GOOD_KEY = "q3ZkXo0m6l0bC1Yw2vHq0m8h5d7s9a1f3g5h7j9k1l0"
TYPES = st.sampled_from(
    ["application/x-www-form-urlencoded", "application/json", "", "text/plain; charset=\x00", "é"]
)


def notifications(kind: str) -> st.SearchStrategy[bytes]:
    """Return bodies that come close to the vendor's own."""
    body, _ = BENCHES[kind].good_callback()
    close: list[st.SearchStrategy[bytes]] = [
        damaged([body]),
        st.sampled_from(BOMBS),
        st.binary(max_size=100),
    ]
    if kind == "Jumio":
        names = st.sampled_from(
            [
                *("callBackType", "CALLBACKTYPE", "jumioIdScanReference", " callbacktype "),
                *("merchantIdScanReference", "callbackDate", "idFirstName", ""),
            ]
        )
        values = ODD_TEXTS | st.just("NETVERIFYID")
        pairs = st.lists(st.tuples(names, values), max_size=6)
        close.append(pairs.map(lambda found: "&".join("=".join(p) for p in found).encode()))
    else:
        close.append(reshaped([json.loads(body)]).map(lambda value: json.dumps(value).encode()))
        close.append(JSON.map(lambda value: json.dumps(value).encode()))
    return st.one_of(close)


@pytest.mark.parametrize("kind", KINDS)
def test_fuzz_callback_parser_never_raises_and_hands_out_ids_only(fuzz: Fuzz, kind: str) -> None:
    adapter = type(BENCHES[kind].make())
    understood = 0

    def check(given: tuple[bytes, str]) -> None:
        nonlocal understood
        found = adapter.parse_callback(*given)
        assert isinstance(found, Callback)
        assert isinstance(found.hint, Hint)
        for value in (found.vendor_reference, found.account_id):
            assert value is None or re.fullmatch(r"[A-Za-z0-9-]{1,64}", value)
        assert found.reference is None or (0 < len(found.reference) <= 100)
        assert found.reference is None or found.reference.isprintable()
        assert found.sent_at is None or isinstance(found.sent_at, datetime)
        assert bool(found.problem) is (found.vendor_reference is None)
        understood += found.problem is None

    inputs = st.tuples(notifications(kind), TYPES)
    ran = fuzz(f"callback parser of {kind}", 300, 20_000, inputs, check)
    assert understood > ran / 100, "control: some inputs come close enough to be understood"


def test_fuzz_key_reader_takes_256_bits_with_a_name_or_refuses(fuzz: Fuzz) -> None:
    good = GOOD_KEY.encode()
    texts = st.one_of(
        ODD_TEXTS,
        damaged([good, b"2026:" + good, good + b"="]).map(lambda raw: raw.decode("latin-1")),
        st.builds("{}:{}".format, st.text(max_size=18), st.just(GOOD_KEY)),
        st.text(alphabet="AZaz09-_=+/: \n", min_size=40, max_size=50),
        st.text(st.characters(categories=["Cs", "Nd"]), max_size=50),
    )
    taken = 0
    told: set[bool] = set()

    def check(given: list[str]) -> None:
        nonlocal taken
        try:
            keys = parse_keys(given, "IDVERIFY_X")
        except ConfigurationError as error:
            told.add("IDVERIFY_X" in str(error))
            silent(str(error), *(text for text in given if len(text) >= 30))
            return
        for key in keys:
            assert isinstance(key, Key)
            assert len(key.material) == 32
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,16}", key.id)
        taken += bool(keys)

    ran = fuzz("key reader", 300, 10_000, st.lists(texts, min_size=1, max_size=2), check)
    assert taken > ran / 100, "control: some are keys"
    assert told == {True}, "every refusal names the setting"


ANYTHING: st.SearchStrategy[Any] = st.one_of(
    ODD_TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=10),
    JSON,
    st.lists(ODD_TEXTS, max_size=3),
    st.dictionaries(
        st.sampled_from(["approved", "rejected", "unmatched", "x"]), st.integers(), max_size=3
    ),
    st.sampled_from(
        [
            *("jumio-us", "10.0.0.0/8", "10.0.0.1/8", "approved=90,rejected=30", "90", "/identity"),
            *("https://id.example.com", "ExampleCo App/1.0", "2001:db8::/32", "https://x:99999"),
        ]
    ),
)


def test_fuzz_setting_readers_raise_value_error_and_do_not_quote(fuzz: Fuzz) -> None:
    readers = {item.name: item.metadata["parse"] for item in fields(Settings)}
    taken: set[str] = set()

    def check(given: tuple[str, Any]) -> None:
        name, value = given
        try:
            readers[name](value)
        except ValueError as error:
            if isinstance(value, str) and len(value) > 40 and "key" in name:
                silent(str(error), value)
        else:
            taken.add(name)

    inputs = st.tuples(st.sampled_from(sorted(readers)), ANYTHING)
    fuzz("setting readers", 400, 12_000, inputs, check)
    assert len(taken) > 7, "control: many read something"
