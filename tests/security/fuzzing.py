"""Driving a target with many inputs, counted; and the strange inputs themselves."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import String, event, select

from tests.adapter_bench import JSON, changed, paths
from tests.figures import tell_inputs
from tests.hosts import Host

T = TypeVar("T")

_BATCH = 1000


class Fuzz:
    """Runs a check on many inputs.

    They are the same in each run, few or many, and those of a single test are those of the whole
    suite. ``IDVERIFY_TEST_SEED=random`` (or ``--seed random``) asks for others; the run tells their
    number at its end, and with that number they come again.

    :param first: the seed of the first batch.
    """

    def __init__(self, volume: Callable[[int, int], int], first: int) -> None:
        self._volume = volume
        self._first = first

    def __call__(
        self,
        name: str,
        small: int,
        full: int,
        inputs: st.SearchStrategy[T],
        check: Callable[[T], Any],
    ) -> int:
        """Check *small* or *full* inputs, and count them under *name*."""
        wanted, ran = self._volume(small, full), 0

        def run(value: T) -> None:
            nonlocal ran
            ran += 1
            check(value)

        for number in range(0, wanted, _BATCH):
            chosen = settings(
                max_examples=min(_BATCH, wanted - number),
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            )
            # A batch is short: the memory of what was tried makes long ones slow.
            seed(self._first + number)(chosen(given(inputs)(run)))()
        tell_inputs(name, ran)
        assert ran >= wanted * 0.95, f"{name}: only {ran} of {wanted} inputs reached the parser"
        return ran


@st.composite
def damaged(draw: st.DrawFn, bodies: list[bytes]) -> bytes:
    """Real bytes with pieces cut out, put in, repeated or changed."""
    body = draw(st.sampled_from(bodies))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 40)))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from(
                [b"", b"\x00", b"\xff\xfe", b"&&", b"%00", b'"', b"{", b"]", b"\\ud800"]
            )
            | st.just(body[start:end] * 2)
        )
        body = body[:start] + piece + body[end:]
    return body


#: Bytes that were written to break readers of JSON.
BOMBS = [
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 5000,
    b'{"status": 1e999, "id": -1e999}',
    b'{"status": NaN, "id": Infinity}',
    b'{"status": "\\ud800", "\\udfff": 1}',
    b"\xef\xbb\xbf{}",
    b'{"status": "DONE", "status": "PENDING"}',
    b"null",
    b"",
    b" ",
    b"{" + b'"a":1,' * 2000 + b'"b":2}',
    b'"\\u0000"',
    "ÿþ{}".encode("utf-16"),
]


def reshaped(documents: list[Any], noise: st.SearchStrategy[Any] = JSON) -> st.SearchStrategy[Any]:
    """Return real documents with a value of another kind in one place, or with a key gone."""

    @st.composite
    def one(draw: st.DrawFn) -> Any:
        document = draw(st.sampled_from(documents))
        path = draw(st.sampled_from(_PATHS.setdefault(id(document), list(paths(document)))))
        if draw(st.booleans()):
            return changed(document, path, draw(noise))
        return _without(document, path)

    _KEPT.append(documents)  # else another list could get the id of one that is gone
    return one()


_PATHS: dict[int, list[tuple[Any, ...]]] = {}
_KEPT: list[Any] = []


def _without(document: Any, path: tuple[Any, ...]) -> Any:
    copy = json.loads(json.dumps(document))
    place = copy
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return copy


def answers(documents: list[Any]) -> st.SearchStrategy[bytes]:
    """Return bodies as a vendor gone mad could send them."""
    whole = [json.dumps(document).encode() for document in documents]
    return st.one_of(
        reshaped(documents).map(lambda value: json.dumps(value).encode()),
        JSON.map(lambda value: json.dumps(value).encode()),
        damaged(whole),
        st.sampled_from(BOMBS),
        st.binary(max_size=100),
    )


#: Texts for fields: everyday ones, odd ones, and what some parser or database trips over.
ODD_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            *("", " ", "\x00", "a\x00b", "\u202e", "\ufeff", "\n", "a" * 300, "a" * 5000, "İ", "ß"),
            *("0", "-1", "1e9", "٣", "9" * 400, "NaN", "1.5", "true", "null", "[]", "{}"),
            *("../..", "' OR 1=1 --", "<script>", "%00", "%s%n", "{{7*7}}", "\U0010ffff", "👩‍👩‍👧"),
            *(
                "http://[",
                "https://x@y",
                "//evil",
                "http://1.2.3.4:99999",
                "https://\u2100.example",
            ),
        ]
    ),
)


def _storable(value: str) -> bool:
    return value.isprintable() or not re.search("[\x00\ud800-\udfff]", value)


@contextmanager
def portable(host: Host) -> Iterator[list[str]]:
    """Collect what another database than SQLite would refuse: NULs, surrogates, too long texts.

    What would be a 500 there must not pass as fine here.
    """
    refused: list[str] = []

    def look(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sets = parameters if isinstance(parameters, list) else [parameters]
        for each in sets:
            for value in each.values() if isinstance(each, dict) else each:
                if isinstance(value, str) and not _storable(value):
                    refused.append(f"{value[:40]!r} in: {statement[:120]}")

    with host.app.app_context():
        engine = host.db.engine
    event.listen(engine, "before_cursor_execute", look)
    try:
        yield refused
    finally:
        event.remove(engine, "before_cursor_execute", look)
    with host.app.app_context():
        for table in host.db.metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, String) and column.type.length:
                    values = host.db.session.scalars(select(column).where(column.is_not(None)))
                    limit = column.type.length
                    refused += [f"{column} of {len(v)}" for v in values if len(v) > limit]
        host.db.session.rollback()


def silent(told: str, *secrets: str) -> None:
    """Assert that nothing of *secrets* is in what an error tells."""
    assert not [secret for secret in secrets if secret in told]


def tracebacks(records: list[logging.LogRecord]) -> list[str]:
    """Return what was logged with a traceback, or as an error."""
    return [
        record.getMessage()
        for record in records
        if record.exc_info or record.levelno >= logging.ERROR
    ]
