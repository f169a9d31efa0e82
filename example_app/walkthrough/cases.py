"""Who is in the play, what they hold, and how it ends for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..seed import PEOPLE

LENA, JONAS, VERA = PEOPLE


@dataclass(frozen=True)
class Customer:
    """Somebody with papers. Invented.

    :ivar printed: first and last name as the papers have them, in capitals and plain letters.
    :ivar signs_up: they have no account yet.
    """

    email: str
    password: str
    real_name: str
    born: str
    id_type: str
    id_number: str
    country: str
    printed: tuple[str, str]
    signs_up: bool = True

    @property
    def first_name(self) -> str:
        """Return how the report calls them."""
        return self.real_name.split()[0]

    def claim(self) -> dict[str, str | bool]:
        """Return what they state on the start page, consent included."""
        return {
            "id_type": self.id_type,
            "id_number": self.id_number,
            "real_name": self.real_name,
            "country": self.country,
            "location_country": "AUT",
            "consent": True,
        }

    def papers(self) -> dict[str, str]:
        """Return what the vendor's page asks for: what is printed on the papers."""
        return {
            "country": self.country,
            "first_name": self.printed[0],
            "last_name": self.printed[1],
            "number": self.id_number,
            "date_of_birth": self.born,
        }


@dataclass(frozen=True)
class Generation:
    """One of the vendor's two products, and the three customers who meet it."""

    key: str
    provider_type: str
    provider_name: str
    approved: Customer
    rejected: Customer
    retried: Customer


GENERATIONS = (
    Generation(
        key="jumio",
        provider_type="Jumio",
        provider_name="Jumio of the walkthrough",
        approved=Customer(
            LENA.email,
            LENA.password,
            LENA.real_name,
            LENA.date_of_birth.isoformat(),
            "passport",
            "U7301945",
            "AUT",
            ("LENA MARIE", "GRUBER"),
            signs_up=False,
        ),
        rejected=Customer(
            "matteo@alpenbank.example",
            "larice-4478",
            "Matteo Ferrari",
            "1990-02-14",
            "id_card",
            "CA52817KX",
            "ITA",
            ("MATTEO", "FERRARI"),
        ),
        retried=Customer(
            "zofia@alpenbank.example",
            "limba-2499",
            "Zofia Wiśniewska",
            "1996-07-30",
            "driving_licence",
            "04417/18/2461",
            "POL",
            ("ZOFIA", "WISNIEWSKA"),
        ),
    ),
    Generation(
        key="platform",
        provider_type="Jumio Platform",
        provider_name="Platform of the walkthrough",
        approved=Customer(
            JONAS.email,
            JONAS.password,
            JONAS.real_name,
            JONAS.date_of_birth.isoformat(),
            "passport",
            "C7JX40K2M",
            "DEU",
            ("JONAS", "HUBER"),
            signs_up=False,
        ),
        rejected=Customer(
            "ingrid@alpenbank.example",
            "bjork-1084",
            "Ingrid Solberg",
            "1983-12-05",
            "id_card",
            "NO8841206",
            "NOR",
            ("INGRID", "SOLBERG"),
        ),
        retried=Customer(
            "clement@alpenbank.example",
            "sapin-3066",
            "Clément Dubois",
            "2001-05-19",
            "passport",
            "19FV84402",
            "FRA",
            ("CLEMENT", "DUBOIS"),
        ),
    ),
)

#: The generations by the names under which a test asks for one.
KEYS = tuple(generation.key for generation in GENERATIONS)

#: What is chosen on the vendor's page, by outcome; ``retry`` is the second go of the retryable one.
SCENARIOS = {
    "approved": "approve",
    "rejected": "fraud",
    "retryable": "blurred",
    "retry": "approve",
}

#: Every verdict of the play, by the name under which a test flips it.
VERDICTS = {
    f"{generation.key}-{outcome}": scenario
    for generation in GENERATIONS
    for outcome, scenario in SCENARIOS.items()
}


def flips(given: Iterable[str]) -> Mapping[str, str]:
    """Return what the vendor decides otherwise, by case.

    :param given: texts such as ``jumio-approved=fraud``.
    :raises ValueError: naming what is no case.
    """
    changed = {}
    for text in given:
        case, equals, scenario = text.partition("=")
        if case not in VERDICTS or not equals or not scenario:
            raise ValueError(
                f"--flip {text!r}: expected CASE=SCENARIO, CASE of {', '.join(VERDICTS)}"
            )
        changed[case] = scenario
    return changed
