"""The OAuth token of the Platform."""

from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from flask_idverify import clock
from flask_idverify.adapters.http import Answer
from flask_idverify.adapters.jumio.token import TokenSource
from flask_idverify.errors import VendorError, VendorProtocolError, VendorUnavailable


class Vendor:
    """Answers token requests with token-0, token-1 …, or as told."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.calls = 0
        self.date: str | None = None
        self.pause = 0.0
        self.error: VendorError | None = None

    def __call__(self) -> Answer:
        self.calls += 1
        time.sleep(self.pause)
        if self.error:
            raise self.error
        body = {"access_token": f"token-{self.calls}", "expires_in": 3600, **self.answer}
        return Answer(200, json.dumps(body).encode(), self.date)


class Cache:
    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.timeouts: list[int] = []

    def get(self, key: str, /) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any, /, timeout: int) -> None:
        self.kept[key] = value
        self.timeouts.append(timeout)


def jwt(**claims: Any) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{part}.c2lnbmF0dXJl"


def test_a_token_is_fetched_once() -> None:
    vendor = Vendor()
    source = TokenSource(vendor, "x")
    assert {source.get() for _ in range(5)} == {"token-1"}
    assert vendor.calls == 1


def test_a_token_is_renewed_five_minutes_before_its_end() -> None:
    vendor = Vendor()
    source = TokenSource(vendor, "x")
    source.get()
    with clock.shifted(minutes=54):
        assert source.get() == "token-1"
    with clock.shifted(minutes=56):
        assert source.get() == "token-2"


@pytest.mark.parametrize("life", [5, 0, -3, "5", None, "soon"])
def test_a_short_life_is_used_and_makes_no_loop(life: Any) -> None:
    vendor = Vendor(expires_in=life)
    source = TokenSource(vendor, "x")
    assert [source.get() for _ in range(3)] == ["token-1"] * 3
    with clock.shifted(hours=2):
        assert source.get() == "token-2"


def test_the_age_in_a_jwt_is_believed_before_the_promise() -> None:
    # The vendor caches tokens: this one has ten minutes left, whatever expires_in says.
    vendor = Vendor(access_token=jwt(exp=clock.now().timestamp() + 600))
    source = TokenSource(vendor, "x")
    source.get()
    with clock.shifted(minutes=8):
        source.get()
    assert vendor.calls == 1
    with clock.shifted(minutes=9.5):
        source.get()
    assert vendor.calls == 2


@pytest.mark.parametrize("skew", [-10, 10])
def test_skewed_clocks_do_not_shorten_a_life(skew: int) -> None:
    at_vendor = clock.now() + timedelta(minutes=skew)
    vendor = Vendor(access_token=jwt(exp=at_vendor.timestamp() + 600))
    vendor.date = format_datetime(at_vendor.replace(microsecond=0), usegmt=True)
    source = TokenSource(vendor, "x")
    source.get()
    with clock.shifted(minutes=8):
        source.get()
    assert vendor.calls == 1


@pytest.mark.parametrize(
    "token", ["a.b.c", "a.!!.c", jwt(exp="never"), jwt(exp=None), "eyJ.W10.x", "opaque"]
)
def test_a_token_that_cannot_be_decoded_is_used_all_the_same(token: str) -> None:
    source = TokenSource(Vendor(access_token=token), "x")
    assert source.get() == token


@pytest.mark.parametrize(
    "token", [None, "", 7, [], "with space", "line\r\nbreak", "ü", "x" * 20000]
)
def test_an_answer_without_a_usable_token_is_a_protocol_error(token: Any) -> None:
    with pytest.raises(VendorProtocolError, match="access_token"):
        TokenSource(Vendor(access_token=token), "x").get()


def test_a_hundred_threads_make_one_request() -> None:
    vendor = Vendor()
    vendor.pause = 0.05
    source = TokenSource(vendor, "x")
    start = threading.Barrier(100)

    def ask(_: int) -> str:
        start.wait()
        return source.get()

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(ask, range(100))) == {"token-1"}
    assert vendor.calls == 1


def test_those_who_waited_for_a_failure_share_it() -> None:
    vendor = Vendor()
    vendor.pause = 0.5
    vendor.error = VendorUnavailable("out", status=503)
    source = TokenSource(vendor, "x")
    start = threading.Barrier(30)

    def ask(_: int) -> type[BaseException]:
        start.wait()
        try:
            source.get()
        except VendorError as error:
            return type(error)
        raise AssertionError("no error")

    with ThreadPoolExecutor(30) as pool:
        assert set(pool.map(ask, range(30))) == {VendorUnavailable}
    assert vendor.calls == 1
    vendor.error = None
    assert source.get() == "token-2"


def test_only_the_refused_token_is_dropped() -> None:
    vendor = Vendor()
    source = TokenSource(vendor, "x")
    first = source.get()
    source.drop("older")
    assert source.get() == first
    source.drop(first)
    assert source.get() == "token-2"


def test_a_shared_cache_spares_other_processes_the_request() -> None:
    cache = Cache()
    one, other = Vendor(), Vendor()
    assert TokenSource(one, "x", cache).get() == TokenSource(other, "x", cache).get()
    assert (one.calls, other.calls) == (1, 0)
    assert cache.timeouts == [3300]
    assert TokenSource(other, "y", cache).get() == "token-1"
    assert other.calls == 1


def test_a_refused_token_is_not_taken_from_the_cache_again() -> None:
    vendor, cache = Vendor(), Cache()
    source = TokenSource(vendor, "x", cache)
    source.drop(source.get())
    assert source.get() == "token-2"
    assert TokenSource(Vendor(), "x", cache).get() == "token-2"


@pytest.mark.parametrize(
    "kept", [None, "token", {}, {"token": 1, "good_until": 9e9}, {"token": "a"}]
)
def test_what_else_is_in_the_cache_is_ignored(kept: Any) -> None:
    cache = Cache()
    source = TokenSource(Vendor(), "x", cache)
    cache.kept = {source._key: kept}
    assert source.get() == "token-1"


def test_neither_the_source_nor_the_cache_key_shows_a_secret() -> None:
    cache = Cache()
    source = TokenSource(Vendor(), "id\nvery-secret", cache)
    source.get()
    assert "secret" not in repr(source) + repr(list(cache.kept))


class BrokenCache:
    def get(self, key: str, /) -> Any:
        raise ConnectionError("redis://:secret@cache is away")

    def set(self, key: str, value: Any, /, timeout: int) -> None:
        raise ConnectionError("redis://:secret@cache is away")


def test_a_cache_that_is_away_costs_a_request_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    vendor = Vendor()
    source = TokenSource(vendor, "x", BrokenCache())
    assert source.get() == source.get() == "token-1"
    assert vendor.calls == 1
    assert "IDVERIFY_CACHE could not be read: ConnectionError" in caplog.text
    assert "secret" not in caplog.text
