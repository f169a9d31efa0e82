"""Does the document bear out what the user claims? Pure; nothing here decides, it only compares.

Names agree only when their normalised tokens are equal. However similar two different names are
(*John* and *Joan Smith*: 90 %), similarity only ranks what a person has to look at.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from .claims import Claim, Document, IdType
from .names import agree, difference, words_of
from .states import _Text

_MASK = re.compile("[*•●█■▒#]|X{4,}", re.IGNORECASE)
_NOT_GIVEN = frozenset({"", "N/A"})


class Agreement(_Text):
    """What the document says of one field of the claim."""

    agree = "agree"
    differs = "differs"
    #: The document does not tell: not read, not printed, or masked by the vendor.
    unverifiable = "unverifiable"


class NameComparison(NamedTuple):
    """How two names compare.

    :ivar similarity: 0 to 100, for ranking only; ``None`` when the document gave no name.
    :ivar unrelated: they differ, in scripts we can compare, share no token and are less than 50
        alike: a mistake or somebody else's papers rather than another spelling.
    """

    agreement: Agreement
    similarity: float | None = None
    unrelated: bool = False


@dataclass(frozen=True)
class Match:
    """A claim compared with a document, field by field. Holds and shows no personal data."""

    id_type: Agreement
    country: Agreement
    number: Agreement
    name: Agreement
    similarity: float | None = None
    name_unrelated: bool = False


def compare(claim: Claim, document: Document) -> Match:
    """Compare every field of *claim* with what the vendor read from the papers."""
    name = compare_names(claim.real_name, document.first_name, document.last_name)
    return Match(
        id_type=_compare_code(claim.id_type, document.type),
        country=_compare_code(claim.country, document.country),
        number=_compare_number(claim, document),
        name=name.agreement,
        similarity=name.similarity,
        name_unrelated=name.unrelated,
    )


def compare_names(claimed: str, first_name: str | None, last_name: str | None) -> NameComparison:
    """Compare a full name with the name fields of a document.

    With both fields given, the claim must cover the first given name and the whole last name;
    further given names may be missing from it or be initials, on either side. With only one
    field given, nobody knows what is a given name: all tokens must be equal, but inner ones may be
    initials. Tokens that the document lacks are never accepted.
    """
    printed = printed_names(first_name, last_name)
    if any(map(_is_masked, printed)):
        return NameComparison(Agreement.unverifiable)
    fields = [words for words in (words_of(text) for text in printed) if words]
    if not fields:
        return NameComparison(Agreement.unverifiable)
    claim = [token for word in words_of(claimed) for token in word]
    if agree(claim, fields):
        return NameComparison(Agreement.agree, 100.0)
    similarity, unrelated = difference(
        claim, [token for words in fields for word in words for token in word]
    )
    return NameComparison(Agreement.differs, similarity, unrelated)


def printed_names(first_name: str | None, last_name: str | None) -> list[str]:
    """Return the name fields in which the document has something."""
    return [text for text in (first_name, last_name) if text and text.strip() not in _NOT_GIVEN]


def compare_numbers(claimed: str, printed: str | None) -> Agreement:
    """Compare two document numbers regardless of case, separators and filler.

    Leading zeros count and O is not 0: the number is printed, so it can be copied exactly.
    """
    number = normalised_number(printed or "")
    if not number:
        return Agreement.unverifiable
    return Agreement.agree if normalised_number(claimed) == number else Agreement.differs


def normalised_number(text: str) -> str:
    """Return a number's letters and digits in upper case; nothing if masked or mere filler."""
    if text.strip() in _NOT_GIVEN or _is_masked(text):
        return ""
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in unicodedata.normalize("NFKC", text).upper()
        if character.isalnum()
    )


def _compare_code(claimed: str, read: str | None) -> Agreement:
    if not read:
        return Agreement.unverifiable
    return Agreement.agree if claimed == read else Agreement.differs


def _compare_number(claim: Claim, document: Document) -> Agreement:
    by_document = compare_numbers(claim.id_number, document.number)
    # Most national identity cards print two numbers, the card's and the holder's, and people know
    # the second as "my ID number" (PESEL, CNP, DNI ...). It names one person in one country for
    # life, so that it is no weaker evidence. A passport's personal number is another matter: it is
    # optional data of the MRZ, in some countries a mere file number.
    if claim.id_type == IdType.id_card and by_document is not Agreement.agree:
        by_person = compare_numbers(claim.id_number, document.personal_number)
        if by_person is Agreement.agree:
            return Agreement.agree
    return by_document


def _is_masked(text: str) -> bool:
    shown = [character.upper() for character in text if character.isalnum()]
    return bool(_MASK.search(text)) or (len(shown) > 1 and set(shown) == {"X"})
