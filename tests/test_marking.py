"""What is marked where claim and document differ, and what the policy takes for equal never is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_idverify.claims import Claim, Document
from flask_idverify.marking import Part, marked
from flask_idverify.matching import Agreement, compare

CLAIM = Claim("passport", "U7301945", "Lena Marie Gruber", "AUT")


def shown(parts: list[Part]) -> str:
    """Return a text with what is marked in brackets."""
    return "".join(f"[{part.text}]" if part.differs else part.text for part in parts)


def names(claimed: str, first: str | None, last: str | None) -> tuple[str, str] | None:
    document = Document(type="passport", first_name=first, last_name=last)
    found = marked(replace(CLAIM, real_name=claimed), document).get("name")
    return (shown(found.claim), shown(found.document)) if found else None


def numbers(claimed: str, printed: str) -> tuple[str, str] | None:
    found = marked(replace(CLAIM, id_number=claimed), Document(number=printed)).get("number")
    return (shown(found.claim), shown(found.document)) if found else None


@pytest.mark.parametrize(
    ("claimed", "first", "last", "mine", "theirs"),
    [
        ("Karl Huber", "KARL", "HUBNER", "Karl [Huber]", "KARL [HUBNER]"),
        ("Karl Huber", "LENA", "GRUBER", "[Karl] [Huber]", "[LENA] [GRUBER]"),
        ("Karl Huber", "LENA MARIE", "GRUBER", "[Karl] [Huber]", "[LENA] [MARIE] [GRUBER]"),
        # Spelled otherwise, joined, abbreviated inside, left out: all that is the same name.
        ("Jörg Mueller Hube", "JOERG", "MÜLLER HUBER", "Jörg Mueller [Hube]", None),
        ("Annamaria Hube", "ANNA MARIA", "HUBER", "Annamaria [Hube]", "ANNA MARIA [HUBER]"),
        ("Anna M. Hube", "ANNA MARIA", "HUBER", "Anna M. [Hube]", "ANNA MARIA [HUBER]"),
        ("Anna Hube", "ANNA MARIA", "HUBER", "Anna [Hube]", "ANNA MARIA [HUBER]"),
        ("Dr. Anna Hube", "ANNA", "HUBER", "Dr. Anna [Hube]", "ANNA [HUBER]"),
        ("Huber Ana", "ANNA", "HUBER", "Huber [Ana]", "[ANNA] HUBER"),
        # Something else in the place of what may be left out.
        ("Lena Eva Gruber", "LENA MARIE", "GRUBER", "Lena [Eva] Gruber", "LENA [MARIE] GRUBER"),
        ("Jean Dupont", "JEAN-PIERRE", "DUPONT", "Jean Dupont", "JEAN-[PIERRE] DUPONT"),
        ("Anna Anna Huber", "ANNA", "HUBER", "Anna [Anna] Huber", "ANNA HUBER"),
        ("Karl Hube", None, "KARL HUBER", "Karl [Hube]", "KARL [HUBER]"),
        ("王晓明", "小明", "王", "[王晓明]", "[小明] [王]"),
        # Every word has its counterpart, and yet it is another name.
        ("A. Gruber Lena", "LENA ALMA", "GRUBER", "[A]. Gruber Lena", "LENA [ALMA] GRUBER"),
    ],
)
def test_words_without_a_counterpart_are_marked_on_both_sides(
    claimed: str, first: str | None, last: str, mine: str, theirs: str | None
) -> None:
    assert names(claimed, first, last) == (mine, theirs or "JOERG MÜLLER [HUBER]")


@pytest.mark.parametrize(
    ("claimed", "printed", "mine", "theirs"),
    [
        ("U7301945", "U7301946", "U730194[5]", "U730194[6]"),
        ("u-730 1945", "U7301946", "u-730 194[5]", "U7301946".replace("6", "[6]")),
        ("O7301945", "07301945", "[O]7301945", "[0]7301945"),
        ("U731945", "U7301945", "U731945", "U73[0]1945"),
        ("X99", "U7301945", "[X99]", "[U7301945]"),
    ],
)
def test_letters_of_a_number_that_differ_are_marked(
    claimed: str, printed: str, mine: str, theirs: str
) -> None:
    assert numbers(claimed, printed) == (mine, theirs)


def test_what_agrees_or_cannot_be_told_is_not_marked() -> None:
    whole = Document(first_name="LENA MARIE", last_name="GRUBER", number="U-7301945")
    for document in (None, Document(), whole, Document(number="XXXXX945")):
        assert marked(CLAIM, document) == {}
    assert marked(None, whole) == {}
    card = replace(CLAIM, id_type="id_card", id_number="90010112345")
    other = Document(type="id_card", number="ABC123", personal_number="90010112345")
    assert "number" not in marked(card, other)


_TEXT = st.text(st.sampled_from("aAäßéo'-. <王明J1Ж"), max_size=12)


@given(_TEXT, _TEXT, _TEXT)
def test_marking_loses_no_letter_and_marks_exactly_what_differs(
    claimed: str, first: str, last: str
) -> None:
    claim = replace(CLAIM, real_name=claimed.strip() or "a", id_number=last.strip() or "1")
    document = Document(first_name=first, last_name=last, number=first)
    match, found = compare(claim, document), marked(claim, document)
    for name, field, text in (
        ("name", match.name, claim.real_name),
        ("number", match.number, claim.id_number),
    ):
        assert (name in found) is (field is Agreement.differs)
        if name in found:
            assert "".join(part.text for part in found[name].claim) == text
            every = [*found[name].claim, *found[name].document]
            assert any(part.differs for part in every)
