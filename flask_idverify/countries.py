"""Countries as documents know them: ISO 3166-1 by way of pycountry, and Kosovo. Pure.

Names are in the language that is asked for as far as pycountry's catalogues know it, else English.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from gettext import NullTranslations, translation

import pycountry
from anyascii import anyascii

#: Kosovo issues passports but stands outside ISO 3166-1; vendors write the user-assigned ``XKX``.
_BEYOND_ISO = {"XKX": ("XK", "Kosovo")}
#: Languages whose catalogue has another name.
_CATALOGUES = {"nb": "nb_NO", "no": "nb_NO", "zh": "zh_CN", "zh_Hans": "zh_CN", "zh_Hant": "zh_TW"}
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,3}")
#: Far more languages than any app speaks.
_LANGUAGES = 64


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


def name(alpha3: str, language: str = "en") -> str:
    """Return the common name; an unknown code is returned as it is, fit to be shown.

    :param language: as HTML or Babel writes it: ``de``, ``pt-BR``, ``zh_Hant_TW``.
    """
    known = _by_alpha3().get(alpha3)
    return _catalogue(language).gettext(known[1]) if known else alpha3


def from_alpha2(alpha2: str) -> str | None:
    """Return the alpha-3 code of an alpha-2 code in any case, or ``None`` if there is none."""
    return _by_alpha2().get(alpha2.strip().upper())


@lru_cache(_LANGUAGES)
def choices(language: str = "en") -> tuple[tuple[str, str], ...]:
    """Return pairs of alpha-3 code and name for a form, sorted by name (Å among the A).

    :param language: as :func:`name` takes it. Other scripts are sorted as they sound in Latin.
    """
    pairs = ((alpha3, name(alpha3, language)) for alpha3 in _by_alpha3())
    return tuple(sorted(pairs, key=lambda pair: anyascii(pair[1]).casefold()))


@lru_cache(_LANGUAGES)
def _catalogue(language: str) -> NullTranslations:
    """Return pycountry's translations for a language, or those that leave everything as it is."""
    if not _LOCALE.fullmatch(language) or language == "en":
        return NullTranslations()
    code, wanted = language.replace("-", "_"), []
    while code:
        wanted.append(_CATALOGUES.get(code, code))
        code = code.rpartition("_")[0]
    return translation("iso3166-1", pycountry.LOCALES_DIR, wanted, fallback=True)
