"""Whether two names are the same: tokens, spellings, joins, initials. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, product
from typing import NamedTuple

from anyascii import anyascii
from rapidfuzz import fuzz

#: Letters that conventions spell differently in Latin (ICAO 9303-3 for machine readable zones,
#: national rules, ELOT 743 for Greek). Whatever is not listed has anyascii's one spelling.
_TABLE = (
    "ä:ä,ae,a ö:ö,oe,o ü:ü,ue,u ø:ø,oe,o å:å,aa,a đ:đ,d,dj "
    "ю:yu,iu я:ya,ia й:y,i г:g,h и:i,y є:ie,ye ї:i,yi х:kh,h "  # noqa: RUF001
    "ου:ou αυ:av,af ευ:ev,ef γγ:ng μπ:mp,b"  # noqa: RUF001
)
_SPELLINGS = {
    unit: spellings.split(",")
    for unit, _, spellings in (entry.partition(":") for entry in _TABLE.split())
}
_UNIT = re.compile("|".join(sorted(_SPELLINGS, key=len, reverse=True)) + "|.", re.DOTALL)
_MOST_SPELLINGS = 729  # of one token: six letters with three spellings each

#: Read well enough in Latin to say that two names have nothing in common.
_SPELLED_OUT = frozenset({"LATIN", "CYRILLIC", "GREEK"})
#: Vowels are not written: what is left in Latin (علي is ``ly``) is no evidence for any name.
_ABJADS = frozenset({"ARABIC", "HEBREW", "SYRIAC"})
#: Scripts whose marks may be left out. Elsewhere a mark is a letter of its own (Devanagari, Kana).
_OPTIONAL_MARKS = _SPELLED_OUT | _ABJADS
#: Scripts that set a name in one run, family name first.
_UNSPACED = frozenset({"CJK", "IDEOGRAPHIC", "HANGUL", "HIRAGANA", "KATAKANA"})

#: Apostrophes (or the O of O'Brien would pass for an initial) and the Arabic tatweel, a stroke.
_DROPPED = dict.fromkeys(map(ord, "'’‘‛ʼʻʽʾʿ`′ـ"))  # noqa: RUF001
#: Never names by themselves; *Mag*, *Ing* or *Herr* are, and so are not listed.
_TITLES = frozenset({"dr", "prof", "professor", "mr", "mrs", "ms", "mx"})
_LONGEST_JOIN = 5  # "de los Santos y Ríos" written as one word
_MOST_STEPS = 5_000  # no real name comes near; a contrived one is left to a person


class Token(NamedTuple):
    """One word of a name: as written, without marks, and in Latin as it may be spelled."""

    text: str
    native: str
    plain: str
    latin: frozenset[str]
    scripts: frozenset[str]

    @property
    def foreign(self) -> bool:
        return bool(self.scripts - {"LATIN"})


def _token(text: str) -> Token:
    """Build a token from case-folded text without separators."""
    scripts = frozenset(
        unicodedata.name(letter, "?").split(" ")[0] for letter in text if letter.isalpha()
    )
    decomposed = unicodedata.normalize("NFD", text)
    native = text
    if scripts <= _OPTIONAL_MARKS:
        native = "".join(part for part in decomposed if unicodedata.category(part)[0] != "M")
    spellings = [] if scripts & _ABJADS else _latin_spellings(decomposed)
    plain = spellings[0] if spellings else ""
    return Token(text, native, plain, frozenset(spellings) - {""}, scripts)


def _latin_spellings(decomposed: str) -> list[str]:
    """Return every spelling in Latin; the first keeps the letters that have several."""
    # Greek digraphs are spelled as such with an accent on them; other letters need their marks.
    text = unicodedata.normalize("NFC", re.sub("(?<=[\u0370-\u03ff])\u0301", "", decomposed))
    units = [
        _SPELLINGS.get(unit) or [re.sub("[^a-z0-9]", "", anyascii(unit).lower())]
        for unit in _UNIT.findall(text)
    ]
    return ["".join(spelling) for spelling in islice(product(*units), _MOST_SPELLINGS)]


def words_of(text: str) -> list[list[Token]]:
    """Split a name at spaces and filler into words, and those at hyphens and dots into tokens."""
    # NFKC would turn the acute accent, typed for an apostrophe, into a space and a mark.
    text = unicodedata.normalize("NFKC", text.replace("\u00b4", "'")).casefold()
    marked = ""
    for character in unicodedata.normalize("NFC", text).translate(_DROPPED):
        if character.isalnum() or unicodedata.category(character).startswith("M"):
            marked += character
        else:
            marked += " " if character.isspace() or character == "<" else "-"
    words = [
        [_token(part) for part in word.split("-") if any(map(str.isalnum, part))]
        for word in marked.split()
    ]
    words = [word for word in words if word]
    while sum(map(len, words)) > 1 and words[0][0].text in _TITLES:
        words = [word for word in (words[0][1:], *words[1:]) if word]
    return words


def _same(one: Token, other: Token) -> bool:
    # Within a script, only its own letters count: 王晓明 and 王小明 are both Wang Xiaoming.
    if one.foreign and other.foreign:
        return one.native == other.native
    # One side as it is, the other respelled: Müller is Mueller and Muller, but not Müeller.
    return one.text == other.text or one.plain in other.latin or other.plain in one.latin


def _abbreviates(one: Token, other: Token) -> bool:
    """Whether one of the two is the initial of the other."""
    initial, whole = sorted((one, other), key=lambda token: len(token.native))
    if len(initial.native) != 1 or initial.native.upper() == initial.native.lower():
        return False  # no letter of an alphabet with capitals
    if initial.foreign and whole.foreign:
        return whole.native.startswith(initial.native)
    return any(text.startswith(tuple(initial.latin)) for text in whole.latin)


class _Slot(NamedTuple):
    """One token of the document, and what the claim may do with it."""

    token: Token
    required: bool
    may_be_initial: bool


def agree(claim: list[Token], fields: list[list[list[Token]]]) -> bool:
    """Whether the tokens of a claimed name cover the name fields of a document.

    :param fields: the words of each field as :func:`words_of` splits them.
    """
    flat = [[token for word in words for token in word] for words in fields]
    if len(fields) == 1:
        return any(
            _covers(tokens, [[_Slot(token, True, True) for token in printed]])
            for tokens in _splits(claim, len(flat[0]) > 1)
            for printed in _splits(flat[0], len(claim) > 1)
        )
    return any(_covers(tokens, _slots(fields)) for tokens in _splits(claim, True))


def _slots(fields: list[list[list[Token]]]) -> list[list[_Slot]]:
    """Return the tokens of a document, field by field, and what the claim may do with each."""
    flat = [[token for word in words for token in word] for words in fields]
    if len(fields) == 1:
        return [[_Slot(token, True, True) for token in flat[0]]]
    # A hyphenated first name (Jean-Pierre) is one name: Jean is somebody else.
    first = len(fields[0][0])
    given = [_Slot(token, at < first, at >= first) for at, token in enumerate(flat[0])]
    return [given, [_Slot(token, True, False) for token in flat[1]]]


def _splits(tokens: list[Token], other_is_split: bool) -> Iterator[list[Token]]:
    """Yield the tokens; a name set in one run (王小明) also as family and given name."""
    yield tokens
    if len(tokens) == 1 and other_is_split and set() < tokens[0].scripts <= _UNSPACED:
        text = tokens[0].text
        for at in range(1, min(len(text), 8)):
            yield [_token(text[:at]), _token(text[at:])]


def _covers(claim: list[Token], fields: list[list[_Slot]]) -> bool:
    """Whether every claimed token has its own place in the document and all required ones one.

    Order is free. Joined neighbours may stand for one token of the other side (Anna Maria is
    Annamaria), but never across first and last name, and never several for several: *Ann Amaria*
    is not *Anna Maria*.
    """
    slots = [slot for field in fields for slot in field]
    required = sum(1 << at for at, slot in enumerate(slots) if slot.required)
    joined_slots = []
    start = 0
    for field in fields:
        for first, after, token in _joins([slot.token for slot in field]):
            joined_slots.append((token, sum(1 << start + at for at in range(first, after))))
        start += len(field)

    # moves[at]: where the claim may go on from there, and which slots are taken on the way.
    moves: list[list[tuple[int, int]]] = [[] for _ in claim]
    # A single field does not tell which end is the last name: initials stand inside, or nowhere.
    last = len(fields) == 1
    inside, inside_slots = range(1, len(claim) - last), range(last, len(slots) - last)
    for at, token in enumerate(claim):
        for place, slot in enumerate(slots):
            may_abbreviate = slot.may_be_initial and at in inside and place in inside_slots
            if _same(token, slot.token) or (may_abbreviate and _abbreviates(token, slot.token)):
                moves[at].append((at + 1, 1 << place))
        moves[at] += [(at + 1, mask) for joined, mask in joined_slots if _same(token, joined)]
    for first, after, token in _joins(claim):
        moves[first] += [
            (after, 1 << place) for place, slot in enumerate(slots) if _same(token, slot.token)
        ]
    return _complete(moves, required)


def _joins(tokens: list[Token]) -> Iterator[tuple[int, int, Token]]:
    for first in range(len(tokens)):
        for after in range(first + 2, min(first + _LONGEST_JOIN, len(tokens)) + 1):
            parts = tokens[first:after]
            joined = _token(unicodedata.normalize("NFC", "".join(part.text for part in parts)))
            if not all(part.latin for part in parts):
                # A word that Latin does not spell must not vanish in the one beside it.
                joined = joined._replace(plain="", latin=frozenset())
            yield first, after, joined


def _complete(moves: list[list[tuple[int, int]]], required: int) -> bool:
    """Search for moves that use up the claim and take every required place, none twice."""
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting and len(seen) < _MOST_STEPS:
        state = waiting.pop()
        if state in seen:
            continue
        seen.add(state)
        at, taken = state
        if at == len(moves):
            if taken & required == required:
                return True
            continue
        waiting += [(after, taken | mask) for after, mask in moves[at] if not taken & mask]
    return False


def unmatched(claim: list[Token], fields: list[list[list[Token]]]) -> tuple[set[int], set[int]]:
    """Return the places of tokens without a counterpart, in a claim and in a document.

    For showing where two names differ, not for deciding whether they do. What may be left out
    or abbreviated is not among them, as long as nothing else stands in its place.

    :param fields: as :func:`agree` takes them.
    """
    slots = _slots(fields)
    flat = [slot for field in slots for slot in field]
    alone, left = set(range(len(claim))), set(range(len(flat)))
    for mine, theirs in _counterparts(claim, slots):
        if alone.issuperset(mine) and left.issuperset(theirs):
            alone.difference_update(mine)
            left.difference_update(theirs)
    needed = {place for place in left if flat[place].required}
    # What may be left out stands for nothing, unless something else stands in its place.
    others = len(alone) == len(claim) or len(alone) > len(needed)
    return alone, left if others else needed


def _counterparts(claim: list[Token], fields: list[list[_Slot]]) -> Iterator[tuple[range, range]]:
    """Yield places of a claim and of a document that stand for each other, the surest first."""
    slots = [slot for field in fields for slot in field]
    printed = [(place, place + 1, slot.token) for place, slot in enumerate(slots)]
    single = [(at, at + 1, token) for at, token in enumerate(claim)]
    start, joined = 0, list[tuple[int, int, Token]]()
    for field in fields:
        joins = _joins([slot.token for slot in field])
        joined += [(start + first, start + after, token) for first, after, token in joins]
        start += len(field)
    for ours, theirs in ((single, printed), (list(_joins(claim)), printed), (single, joined)):
        for (first, after, token), (begin, end, other) in product(ours, theirs):
            if _same(token, other):
                yield range(first, after), range(begin, end)
    last = len(fields) == 1
    inside, inside_slots = range(1, len(claim) - last), range(last, len(slots) - last)
    for at, place in product(inside, inside_slots):
        if slots[place].may_be_initial and _abbreviates(claim[at], slots[place].token):
            yield range(at, at + 1), range(place, place + 1)


def difference(claim: list[Token], document: list[Token]) -> tuple[float, bool]:
    """Say how far apart two names are that do not agree.

    Returns the similarity, 0 to 99, and whether they are unrelated: in scripts we can compare,
    without a shared token, and less than 50 alike.
    """
    sides = (claim, document)
    scripts = [frozenset().union(*(token.scripts for token in side)) for side in sides]
    alike = scripts[0] == scripts[1]
    spelled = [
        " ".join(token.native if alike else token.plain or token.native for token in side)
        for side in sides
    ]
    # A difference of marks alone (Jäger, Jåger) is one all the same.
    similarity = min(99.0, float(fuzz.token_sort_ratio(*spelled)))
    comparable = alike or scripts[0] | scripts[1] <= _SPELLED_OUT
    shared = any(_same(one, other) for one in claim for other in document)
    return similarity, comparable and not shared and similarity < 50
