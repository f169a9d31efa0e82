"""Guarantees of the thin layer over pycountry."""

from __future__ import annotations

import pycountry
import pytest
from anyascii import anyascii
from hypothesis import given
from hypothesis import strategies as st

from flask_idverify import countries


def test_kosovo_is_known_although_pycountry_lacks_it() -> None:
    assert countries.is_known("XKX")
    assert countries.name("XKX") == "Kosovo"
    assert countries.from_alpha2("XK") == "XKX"


@pytest.mark.parametrize("country", list(pycountry.countries), ids=lambda c: str(c.alpha_3))
def test_every_iso_country_is_known_by_both_its_codes(country: object) -> None:
    alpha2, alpha3 = getattr(country, "alpha_2"), getattr(country, "alpha_3")  # noqa: B009 - untyped
    assert countries.is_known(alpha3)
    assert countries.from_alpha2(alpha2) == alpha3
    assert countries.name(alpha3) != alpha3


@pytest.mark.parametrize("code", ["", "AUS ", "aut", "AT", "XXX", "UNO", "ATLANTIS", "Ä"])
def test_anything_else_is_not_a_country(code: str) -> None:
    assert not countries.is_known(code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("AUT", "Austria"), ("TWN", "Taiwan"), ("BOL", "Bolivia"), ("VNM", "Vietnam")],
)
def test_common_names_are_preferred_over_official_ones(code: str, expected: str) -> None:
    assert countries.name(code) == expected


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert countries.name("UNO") == "UNO"


@pytest.mark.parametrize(
    ("alpha2", "alpha3"),
    [("AT", "AUT"), ("at", "AUT"), (" de ", "DEU"), ("XX", None), ("AUT", None), ("", None)],
)
def test_alpha2_leads_to_alpha3_in_any_case(alpha2: str, alpha3: str | None) -> None:
    assert countries.from_alpha2(alpha2) == alpha3


def test_choices_hold_every_country_once_sorted_by_name() -> None:
    codes = [code for code, _ in countries.choices()]
    names = [label for _, label in countries.choices()]
    assert sorted(codes) == sorted({"XKX", *(c.alpha_3 for c in pycountry.countries)})
    assert names == sorted(names, key=lambda label: anyascii(label).casefold())
    assert names.index("Åland Islands") < names.index("Austria") < names.index("Zimbabwe")


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert countries.is_known(text) == (text in dict(countries.choices()))
    assert countries.name(text)[:1] == text[:1] or countries.is_known(text)
    countries.from_alpha2(text)


@pytest.mark.parametrize(
    ("language", "alpha3", "expected"),
    [
        ("de", "AUT", "Österreich"),
        ("de-AT", "USA", "Vereinigte Staaten"),
        ("fr_CH", "KOR", "Corée du Sud"),
        ("pt-BR", "VNM", "Vietnã"),
        ("pt-PT", "VNM", "Vietname"),
        ("nb", "AUT", "Østerrike"),
        ("zh", "AUT", "奥地利"),
        ("zh-Hans-CN", "AUT", "奥地利"),
        ("zh-Hant-TW", "AUT", "奧地利"),
        ("zh_TW", "TWN", "臺灣"),
        ("he-IL", "XKX", "Kosovo"),
        ("tlh", "AUT", "Austria"),
        ("", "AUT", "Austria"),
        ("../../etc", "AUT", "Austria"),
        ("de", "UNO", "UNO"),
    ],
)
def test_names_are_in_the_language_as_far_as_it_is_known(
    language: str, alpha3: str, expected: str
) -> None:
    assert countries.name(alpha3, language) == expected


@pytest.mark.parametrize("language", ["de", "es", "ru", "zh-CN", "ar"])
def test_choices_are_sorted_by_the_name_that_is_read(language: str) -> None:
    found = countries.choices(language)
    names = [label for _, label in found]
    assert {code for code, _ in found} == {code for code, _ in countries.choices()}
    assert names == sorted(names, key=lambda label: anyascii(label).casefold())
    assert names != [label for _, label in countries.choices()]


def test_umlauts_do_not_fall_behind_the_alphabet() -> None:
    names = [label for _, label in countries.choices("de")]
    assert names.index("Norwegen") < names.index("Österreich") < names.index("Polen")
