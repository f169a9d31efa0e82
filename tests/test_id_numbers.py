"""A number is only doubted where its check digit stands on those very papers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_idverify import countries
from flask_idverify.claims import IdType
from flask_idverify.id_numbers import _KNOWN, looks_wrong

#: Published samples of numbers that hold, each with one that a slip of the finger makes of it.
SAMPLES = [
    ("BEL", "id_card", "591-1917064-58", "591-1917064-85"),
    ("BEL", "id_card", "85.07.30-033 28", "85.07.30-033 82"),
    ("BGR", "id_card", "7523169263", "7523169264"),
    ("CHL", "id_card", "12.531.909-2", "12.531.909-3"),
    ("CHN", "id_card", "360426199101010071", "360426199101010017"),
    ("CHN", "id_card", "360426199101010071", "36042619910101007"),
    ("ESP", "id_card", "54362315-K", "54362315-Z"),
    ("ESP", "id_card", "54362315K", "54362315"),
    ("ESP", "id_card", "X-2482300W", "X-2482300A"),
    ("ESP", "driving_licence", "54362315K", "54363215K"),
    ("EST", "id_card", "36805280109", "36805280108"),
    ("FIN", "id_card", "131052-308T", "131052-308U"),
    ("LTU", "id_card", "33309240064", "33309240164"),
    ("NLD", "id_card", "XR 1001R5 8", "581001RXR"),
    ("NLD", "passport", "EM0000000", "EM000000"),
    ("NOR", "id_card", "151086 95088", "151086 95077"),
    ("POL", "id_card", "44051401359", "44051401358"),
    ("PRT", "id_card", "00000000 0 ZZ4", "00000000 0 ZZ3"),
    ("ROU", "id_card", "1630615123457", "1630615123458"),
    ("SWE", "id_card", "880320-0016", "880320-0018"),
    ("SWE", "id_card", "198803200016", "198803200018"),
    ("THA", "id_card", "3-1006-00445-63-5", "3-1006-00445-63-6"),
    ("TUR", "id_card", "17291716060", "17291716050"),
    ("ZAF", "id_card", "7503305044089", "7503305044088"),
]


@pytest.mark.parametrize(("country", "id_type", "right", "wrong"), SAMPLES)
def test_a_slip_of_the_finger_is_noticed(
    country: str, id_type: str, right: str, wrong: str
) -> None:
    assert not looks_wrong(country, id_type, right)
    assert not looks_wrong(country, id_type, f" {right.lower()} ")
    assert looks_wrong(country, id_type, wrong)


def test_every_row_of_the_table_has_a_sample() -> None:
    assert {(country, id_type) for country, id_type, _, _ in SAMPLES} == set(_KNOWN)
    assert all(
        countries.is_known(country) and kind in IdType.__members__ for country, kind in _KNOWN
    )


@pytest.mark.parametrize(
    ("country", "id_type", "number"),
    [
        ("ESP", "id_card", "BAA000589"),  # the card's support number
        ("ESP", "id_card", "E12345678"),  # of a foreigner's card
        ("BEL", "id_card", "B123456789"),  # of a foreigner's card
        ("POL", "id_card", "ABA300001"),  # the card's own
        ("PRT", "id_card", "12345678"),  # the civil number without the card's part
        ("SWE", "id_card", "12345678"),
        ("CHL", "id_card", "123456789"),
        ("TUR", "id_card", "A01A12345"),
        ("NOR", "driving_licence", "12345678901"),  # eleven digits, and not the holder's
        ("CHN", "id_card", "999999199101010072"),  # a district that no list has
        ("POL", "passport", "44051401358"),
        ("AUT", "passport", "U7301945"),
        ("AUT", "id_card", "1"),
        ("KOR", "id_card", "971013-9019901"),
        ("XXX", "id_card", "1"),
        ("ESP", "library_card", "1"),
    ],
)
def test_another_number_of_the_papers_is_not_doubted(
    country: str, id_type: str, number: str
) -> None:
    assert not looks_wrong(country, id_type, number)


@given(
    st.sampled_from(sorted(_KNOWN)), st.text() | st.from_regex(r"\d{8,14}[A-Z]?", fullmatch=True)
)
def test_any_text_can_be_asked_about(papers: tuple[str, str], number: str) -> None:
    assert looks_wrong(*papers, number) in (True, False)
