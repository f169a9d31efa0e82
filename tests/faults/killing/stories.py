"""Who wants to be verified, what happens to them at the vendor, and what must become of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

APPLICATIONS = {"v4": "default", "kyx": "platform"}
#: They show somebody else's number at the vendor: a typing error in the claim.
TYPO = "typo"
#: They never follow the link.
NEVER = "never-opened"

#: Our status and first reason, by the scenario that the vendor played (reference, section 6.3).
ENDS: dict[str, tuple[str, str | None]] = {
    "approve": ("approved", None),
    "approve-id-only": ("in_review", "checks_missing"),
    "face-mismatch": ("rejected", "face_mismatch"),
    "face-unclear": ("in_review", "face_not_comparable"),
    "spoof": ("rejected", "selfie_spoof"),
    "fraud": ("rejected", "document_manipulated"),
    "blurred": ("rejected", "document_unreadable"),
    "unsupported": ("rejected", "unsupported_document_type"),
    "document-expired": ("rejected", "document_expired"),
    "expired": ("expired", "not_started"),
    "session-expired": ("expired", "dropped_out"),
    "watchlist": ("in_review", "watchlist_hit"),
    "warning": ("in_review", "selfie_unusable"),
    "technical": ("error", "vendor_technical_error"),
    TYPO: ("rejected", "claim_mismatch"),
    NEVER: ("expired", "not_started"),
}
_WEIGHTS = {
    "approve": 50,
    "approve-id-only": 3,
    "face-mismatch": 4,
    "face-unclear": 3,
    "spoof": 3,
    "fraud": 4,
    "blurred": 7,
    "unsupported": 3,
    "document-expired": 3,
    "expired": 3,
    "session-expired": 4,
    TYPO: 4,
    NEVER: 4,
}
_PLATFORM_ONLY = {"watchlist": 2, "warning": 2, "technical": 2}
#: After these the user tries again, and then all goes well.
_RETRIED = frozenset({"blurred", TYPO, "session-expired", NEVER, "technical"})
_FAULTS = {
    "": 40,
    "callback_duplicate": 28,
    "callback_drop": 12,
    "callback_late": 10,
    "callback_reorder": 10,
}
_SYLLABLES = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru")


@dataclass(frozen=True)
class Errand:
    """One verification that a user wants, with everything that chance decides about it."""

    user: int
    generation: str
    scenario: str
    claim: Mapping[str, str]
    paper: Mapping[str, str]
    fault: str = ""
    copies: int = 2
    concurrent: bool = False
    #: The browser returns from the vendor.
    comes_back: bool = False
    #: The button is pressed twice at once.
    double: bool = False
    then: tuple[Errand, ...] = field(default=())


def errands(count: int, rng: random.Random) -> list[Errand]:
    """Invent *count* users with one errand each (some with a second one after it)."""
    made: list[Errand] = []
    while len(made) < count:
        index = len(made) + 1
        if index % 25 == 0 and len(made) + 2 <= count:
            # Two users with the same papers: only one of them may be verified by them.
            made += [_errand(index + more, index, rng, "approve") for more in (0, 1)]
        else:
            made.append(_errand(index, index, rng, None))
    return made


def _errand(user: int, person: int, rng: random.Random, scenario: str | None) -> Errand:
    generation = "v4" if person % 2 else "kyx"
    weights = dict(_WEIGHTS)
    if generation == "kyx":
        weights.update(_PLATFORM_ONLY)
    chosen = scenario or _draw(weights, rng)
    then: tuple[Errand, ...] = ()
    if chosen in _RETRIED and rng.random() < 0.7:
        then = (_played(user, person, generation, "approve", rng),)
    return _played(user, person, generation, chosen, rng, then)


def _played(
    user: int,
    person: int,
    generation: str,
    scenario: str,
    rng: random.Random,
    then: tuple[Errand, ...] = (),
) -> Errand:
    first, last = _name(person)
    number = f"K{person:07d}"
    return Errand(
        user=user,
        generation=generation,
        scenario=scenario,
        claim={
            "id_type": "passport",
            "id_number": number,
            "real_name": f"{first} {last}",
            "country": "AUT",
        },
        paper={
            "first_name": first.upper(),
            "last_name": last.upper(),
            "number": f"X{person:07d}" if scenario == TYPO else number,
        },
        fault=_draw(_FAULTS, rng),
        copies=rng.randint(2, 4),
        concurrent=rng.random() < 0.5,
        comes_back=rng.random() < 0.4,
        double=rng.random() < 0.1,
        then=then,
    )


def _name(person: int) -> tuple[str, str]:
    """Spell the person's number: names that share no word with anybody else's."""
    spelt = "".join(_SYLLABLES[int(digit)] for digit in f"{person:05d}")
    return spelt[:5].capitalize(), spelt[5:].capitalize() + spelt[:4]


def _draw(weights: Mapping[str, int], rng: random.Random) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
