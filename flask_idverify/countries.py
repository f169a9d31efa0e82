"""Countries as documents know them: ISO 3166-1 by way of pycountry, and Kosovo. Pure."""

from __future__ import annotations

from functools import cache

import pycountry
from anyascii import anyascii

#: Kosovo issues passports but stands outside ISO 3166-1; vendors write the user-assigned ``XKX``.
_BEYOND_ISO = {"XKX": ("XK", "Kosovo")}


@cache
def _by_alpha3() -> dict[str, tuple[str, str]]:
    """Return alpha-2 code and common name by alpha-3 code."""
    # "Taiwan" and "Bolivia", where ISO has "Province of China" and "Plurinational State of".
    iso = {
        country.alpha_3: (country.alpha_2, getattr(country, "common_name", country.name))
        for country in pycountry.countries
    }
    return iso | _BEYOND_ISO


@cache
def _by_alpha2() -> dict[str, str]:
    return {alpha2: alpha3 for alpha3, (alpha2, _) in _by_alpha3().items()}


def is_known(alpha3: str) -> bool:
    """Return whether *alpha3* is an assigned upper-case ISO 3166-1 alpha-3 code, or ``XKX``."""
    return alpha3 in _by_alpha3()


def name(alpha3: str) -> str:
    """Return the common English name; an unknown code is returned as it is, fit to be shown."""
    known = _by_alpha3().get(alpha3)
    return known[1] if known else alpha3


def from_alpha2(alpha2: str) -> str | None:
    """Return the alpha-3 code of an alpha-2 code in any case, or ``None`` if there is none."""
    return _by_alpha2().get(alpha2.strip().upper())


@cache
def choices() -> tuple[tuple[str, str], ...]:
    """Return pairs of alpha-3 code and name for a form, sorted by name (Å among the A)."""
    pairs = ((alpha3, label) for alpha3, (_, label) in _by_alpha3().items())
    return tuple(sorted(pairs, key=lambda pair: anyascii(pair[1]).casefold()))
