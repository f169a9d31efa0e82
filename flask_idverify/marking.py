"""Where claim and document differ, letter by letter or word by word: for eyes, not for decisions.

What :mod:`.matching` takes for equal is never marked. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple

from .claims import Claim, Document
from .matching import Agreement, compare, normalised_number, printed_names
from .names import unmatched, words_of

_WORDS = re.compile(r"([\s<]+|[^\w\s<'’]+)")

#: Numbers less alike than this are two numbers: what they share by chance is no help.
_ALIKE = 0.5


class Part(NamedTuple):
    """A piece of a text, and whether the other side has something else there."""

    text: str
    differs: bool


class Marked(NamedTuple):
    """What the claim says, and what the document says."""

    claim: list[Part]
    document: list[Part]


def marked(claim: Claim | None, document: Document | None) -> dict[str, Marked]:
    """Return the fields that differ and can be told apart within, by the names of a match."""
    if claim is None or document is None:
        return {}
    match, found = compare(claim, document), {}
    if match.name is Agreement.differs:
        names = printed_names(document.first_name, document.last_name)
        found["name"] = _names(claim.real_name, names)
    if match.number is Agreement.differs:
        found["number"] = _numbers(claim.id_number, document.number or "")
    return found


def _names(claimed: str, printed: list[str]) -> Marked:
    fields = [words for words in map(words_of, printed) if words]
    mine = [token for word in words_of(claimed) for token in word]
    alone, left = unmatched(mine, fields)
    if not alone and not left:
        # Each word has its counterpart, and yet the whole is another name.
        return Marked([Part(claimed, True)], [Part(" ".join(printed), True)])
    theirs: list[Part] = []
    start = 0
    for text in printed:
        count = sum(map(len, words_of(text)))
        here = {place - start for place in left if start <= place < start + count}
        theirs += [Part(" ", False)] * bool(theirs) + _words(text, here)
        start += count
    return Marked(_words(claimed, alone), theirs)


def _words(text: str, wanted: set[int]) -> list[Part]:
    """Cut a name into pieces; those of the tokens in the *wanted* places are marked."""
    tokens = [token for word in words_of(text) for token in word]
    at = 0
    found = []
    for piece in filter(None, _WORDS.split(text)):
        own = [token for word in words_of(piece) for token in word]
        # A title in front is a piece without a token of the whole.
        if own and tokens[at : at + len(own)] == own:
            places = range(at, at + len(own))
            at += len(own)
            found.append(Part(piece, bool(wanted.intersection(places))))
        else:
            found.append(Part(piece, False))
    if at < len(tokens):
        return [Part(text, bool(wanted))]
    return found


def _numbers(claimed: str, printed: str) -> Marked:
    sides = [[normalised_number(letter) for letter in text] for text in (claimed, printed)]
    # What the comparison passes over is no letter of either.
    places = [[at for at, letter in enumerate(side) if letter] for side in sides]
    mine, theirs = ([side[at] for at in own] for side, own in zip(sides, places, strict=True))
    differing: tuple[set[int], set[int]] = (set(), set())
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return Marked([Part(claimed, True)], [Part(printed, True)])
    for kind, *spans in matcher.get_opcodes():
        if kind != "equal":
            differing[0].update(places[0][spans[0] : spans[1]])
            differing[1].update(places[1][spans[2] : spans[3]])
    return Marked(list(_letters(claimed, differing[0])), list(_letters(printed, differing[1])))


def _letters(text: str, wanted: set[int]) -> Iterator[Part]:
    for differs, places in groupby(range(len(text)), wanted.__contains__):
        yield Part("".join(text[at] for at in places), differs)
