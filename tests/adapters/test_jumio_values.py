"""Reading single values, and taking secrets out of words."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_idverify.adapters.jumio.common import LOCALES, match_locale
from flask_idverify.adapters.jumio.v4_mapping import outcome_of
from flask_idverify.adapters.jumio.values import label, moment, partial_date, score, text
from flask_idverify.adapters.redaction import Redactor
from flask_idverify.claims import Document


@pytest.mark.parametrize(
    ("stamp", "microseconds"),
    [
        ("2031-05-04T09:12:30Z", 0),
        ("2031-05-04T09:12:30.5Z", 500000),
        ("2031-05-04T09:12:30.51Z", 510000),
        ("2031-05-04T09:12:30.512Z", 512000),
        ("2031-05-04T11:12:30.512+02:00", 512000),
        ("2031-05-04T11:12:30+0200", 0),
        ("2031-05-04 09:12:30", 0),
    ],
)
def test_timestamps_of_every_precision_are_utc(stamp: str, microseconds: int) -> None:
    assert moment(stamp) == datetime(2031, 5, 4, 9, 12, 30, microseconds, timezone.utc)


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "N/A",
        "2031-13-04T09:12:30Z",
        "0001-01-01T00:00:00+14:00",
        None,
        7,
        [],
        "\u0662\u0660\u0663\u0661",
    ],
)
def test_what_is_no_timestamp_is_none(stamp: Any) -> None:
    assert moment(stamp) is None


@pytest.mark.parametrize(
    ("value", "parts", "read"),
    [
        ("1988-11-23", None, "1988-11-23"),
        ("1988-11-23", {"year": "1988", "month": "11", "day": "23"}, "1988-11-23"),
        ("1990-01-01", {"year": "1990"}, "1990"),
        ("1990-07-01", {"year": "1990", "month": "7"}, "1990-07"),
        ("1990-07-01", {"year": 1990, "month": 7, "day": None}, "1990-07"),
        ("1990-07-01", {"year": "1990", "month": "XX", "day": "XX"}, "1990"),
        ("1990-07-01", {"year": "1990", "day": "5"}, "1990"),
        ("1990-07-01", {"month": "7"}, "1990-07-01"),
        ("1990-07-01", {"year": "1990", "month": "13"}, "1990-07-01"),
        ("1990-07-01", [], "1990-07-01"),
        (None, {"year": "1990"}, "1990"),
        ("1990-00-00", None, "1990"),
        ("1990", None, "1990"),
        ("1988-11-23T00:00:00Z", None, "1988-11-23"),
        ("9999-12-31", None, "9999-12-31"),
    ],
)
def test_dates_are_as_precise_as_they_are_printed(value: Any, parts: Any, read: str) -> None:
    assert str(partial_date(value, parts)) == read


@pytest.mark.parametrize(
    "value",
    [
        "1990-02-30",
        "23.11.1988",
        "N/A",
        "1990//",
        "0000-01-01",
        "",
        None,
        19881123,
        True,
        {},
        "\u0661\u0669\u0668\u0668-11-23",
        "1988-11-23x",
    ],
)
def test_dates_that_make_no_sense_are_none(value: Any) -> None:
    assert partial_date(value) is None


@pytest.mark.parametrize(
    ("value", "filler", "read"),
    [
        (" LENA  MARIE ", " ", "LENA MARIE"),
        ("GRUBER<<LENA<<<", " ", "GRUBER LENA"),
        ("U7301945<<<", "", "U7301945"),
        ("<<<", "", None),
        ("N/A", " ", None),
        ("n/a", " ", None),
        ("", " ", None),
        (7301945, "", "7301945"),
        (True, "", None),
        (None, "", None),
        ({}, "", None),
        ("a\x00b\ud800c\nd", " ", "abc d"),
        ("Ольга", " ", "Ольга"),
        ("x" * 300, " ", "x" * 255),
    ],
)
def test_printed_values_lose_what_is_not_printed(value: Any, filler: str, read: Any) -> None:
    assert text(value, filler=filler) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (50.0, 50.0),
        ("40", 40.0),
        (0, 0.0),
        (True, None),
        ("high", None),
        (None, None),
        (float("inf"), None),
        ("nan", None),
        (10**400, None),
        ([], None),
    ],
)
def test_scores_are_finite_numbers(value: Any, read: float | None) -> None:
    assert score(value) == read


def test_labels_that_are_no_words_of_the_vendor_are_not_repeated() -> None:
    assert label("MANIPULATED_DOCUMENT") == "MANIPULATED_DOCUMENT"
    assert label(100) == "100"
    odds: list[Any] = ["Lena Gruber", "x@y.z", {}, True, "A" * 65]
    for odd in odds:
        assert label(odd) == "(illegible)"


def test_addresses_come_in_parts_or_formatted() -> None:
    def read(address: Any) -> str | None:
        details = {"document": {"status": "DENIED_FRAUD", "address": address}}
        document = outcome_of(details, workflow_id=200).document
        return document.address if isinstance(document, Document) else None

    whole = {
        "line1": "Ahornweg 7",
        "line2": "N/A",
        "city": "Graz",
        "postalCode": 8010,
        "subdivision": "Steiermark",
        "country": "AUT",
        "formattedAddress": "ignored",
    }
    assert read(whole) == "Ahornweg 7, 8010 Graz, Steiermark, AUT"
    assert read({"formattedAddress": "Ahornweg 7, Graz"}) == "Ahornweg 7, Graz"
    assert read("Ahornweg 7") == "Ahornweg 7"
    assert read([1]) is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("de", "de"),
        ("de_AT", "de"),
        ("pt-BR", "pt-BR"),
        ("pt_PT", "pt"),
        ("en-US", "en"),
        ("en_GB", "en-GB"),
        ("zh", "zh-CN"),
        ("zh_Hant_TW", "zh-HK"),
        ("zh-TW", "zh-HK"),
        ("nb_NO", "no"),
        ("es-419", "es-MX"),
        ("es-AR", "es"),
        ("zh-Hans-CN", "zh-CN"),
        ("tlh", None),
        ("", None),
        (None, None),
        ("-", None),
    ],
)
def test_languages_are_matched_as_browsers_write_them(wanted: Any, found: Any) -> None:
    assert match_locale(wanted, LOCALES) == found


def test_secrets_addresses_and_tokens_are_masked() -> None:
    redactor = Redactor(["the/secret+value=="])
    jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwYWdlIn0.c2ln"
    for words in (
        "the/secret+value== the/secret+value the%2Fsecret%2Bvalue%3D%3D",
        f"authorizationToken={jwt}&locale=de",
        f"Authorization: Bearer {jwt}",
        "Authorization: Basic ZGVtbzpkZW1v",
        '{"access_token": "opaque-and-long", "client_secret":"abc"}',
        f"see https://x.example/callbacks/q7Vd0sXkP3?token={jwt}",
        "ip 203.0.113.24 and 2001:db8::7334",
        "mail lena@example.com",
    ):
        masked = redactor.text(words)
        for secret in (
            "secret+",
            "secret%2B",
            jwt,
            "ZGVt",
            "opaque",
            "abc",
            "q7Vd",
            "203.",
            "db8",
            "lena@",
            "c2ln",
        ):
            assert secret not in masked, (words, masked)
    assert redactor.text("2031-05-04T09:12:30Z is fine, code 4.2") == (
        "2031-05-04T09:12:30Z is fine, code 4.2"
    )


@given(st.text(max_size=200))
def test_a_secret_never_survives(words: str) -> None:
    secret = "s3cr3t-of-the-client"
    assert secret not in Redactor([secret]).detail(f"{words}{secret}{words}")


def test_hostile_words_cost_little() -> None:
    redactor = Redactor(["secret"])
    for words in ("<" * 100_000, "a." * 100_000, ":" * 100_000, "@" * 100_000, "token" * 50_000):
        begun = time.process_time()
        assert len(redactor.detail(words)) <= 300
        assert time.process_time() - begun < 0.5
