"""Country codes the vendor knows: ISO 3166-1 alpha-3 plus Kosovo's XKX (reference 2A.3)."""

from __future__ import annotations

from typing import Any

import pycountry

ALPHA3 = frozenset({country.alpha_3 for country in pycountry.countries} | {"XKX"})

# (code, name, types the tenant accepts); D marks a driving licence, I an identity card.
_ACCEPTED = (
    ("AUT", "Austria", "PDI"),
    ("CHE", "Switzerland", "PDI"),
    ("DEU", "Germany", "PDI"),
    ("ESP", "Spain", "PDI"),
    ("FRA", "France", "PDI"),
    ("GBR", "United Kingdom", "PD"),
    ("ITA", "Italy", "PDI"),
    ("NLD", "Netherlands", "PDI"),
    ("USA", "United States", "PDI"),
)
_SUPPORTED = (
    *_ACCEPTED,
    ("BRA", "Brazil", "PDI"),
    ("IND", "India", "PD"),
    ("JPN", "Japan", "PD"),
    ("KOR", "Korea, Republic of", "PD"),
    ("XKX", "Kosovo", "PI"),
)
_TYPES = {"P": ("PASSPORT", False), "D": ("DRIVING_LICENSE", True), "I": ("ID_CARD", True)}


def id_types(*, accepted_only: bool) -> list[dict[str, Any]]:
    """List countries with their document types in the shape of reference 2A.2."""
    return [
        {
            "countryCode": code,
            "countryName": name,
            "idTypes": [
                {"idType": _TYPES[key][0], "acquisitionConfig": {"backSide": _TYPES[key][1]}}
                for key in letters
            ],
        }
        for code, name, letters in (_ACCEPTED if accepted_only else _SUPPORTED)
    ]
