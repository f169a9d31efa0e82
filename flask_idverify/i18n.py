"""Texts in the user's language: through Flask-Babel where the host has it, plain otherwise.

Our catalogues are the domain ``idverify`` in ``flask_idverify/translations``. A host's own
``messages`` are never looked at and never disturbed; catalogues of the domain ``idverify`` among
the host's go before ours, text by text. Placeholders are written ``%(name)s``.

Flask-Babel says which language, and no more: its domains lose the plural forms of a language
where catalogues of two places meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib import import_module
from pathlib import Path
from typing import Any

from flask import current_app, has_request_context

from .phrases import Phrase

DOMAIN = "idverify"
_TRANSLATIONS = str(Path(__file__).parent / "translations")
#: Catalogues kept in memory, one for each language and host's directories.
_CATALOGUES = 64


def _chosen() -> Any | None:
    """Return the Babel locale that the host chose; ``None``: it does not choose.

    Commands and workers have nobody whose language it could be, and the host's selector would
    look for a request there.
    """
    if not has_request_context() or "babel" not in current_app.extensions:
        return None
    return import_module("flask_babel").get_locale()


def _spoken() -> tuple[Any | None, NullTranslations | None]:
    """Return the locale that our texts are in, and their catalogue; English needs none."""
    chosen = _chosen()
    if chosen is None:
        return None, None
    directories = import_module("flask_babel").get_babel().translation_directories
    found = _catalogue(chosen, (*directories, _TRANSLATIONS))
    return (chosen, found) if found or chosen.language == "en" else (None, None)


@lru_cache(_CATALOGUES)
def _catalogue(locale: Any, directories: tuple[str, ...]) -> NullTranslations | None:
    """Return the texts of a locale, the first directory's before the others'."""
    found: NullTranslations | None = None
    for directory in directories:
        for name in _names(locale):
            path = Path(directory, name, "LC_MESSAGES", f"{DOMAIN}.mo")
            if not path.is_file():
                continue
            with path.open("rb") as file:
                texts = GNUTranslations(file)
            if found is None:
                found = texts
            else:
                found.add_fallback(texts)
    return found


def _names(locale: Any) -> Iterator[str]:
    """Yield how the directory of a locale's texts may be called, the closest first.

    A script that is not the language's usual one does not meet texts in the usual one:
    ``zh_TW`` is written ``zh_Hant`` and no ``zh``, which is ``zh_Hans``.
    """
    usual = import_module("babel.core").get_global("likely_subtags").get(locale.language, "")
    usual_script = usual.split("_")[1] if "_" in usual else None
    script = locale.script or usual_script
    wanted = [(script, locale.territory), (None, locale.territory), (script, None)]
    if script == usual_script:
        wanted.append((None, None))
    names = ("_".join(filter(None, (locale.language, *parts))) for parts in wanted)
    yield from dict.fromkeys(names)


class _NotOurs(NullTranslations):
    """Stands behind a catalogue for the texts that it does not have."""

    def gettext(self, message: str) -> str:
        raise LookupError(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        raise LookupError(msgid1)


@lru_cache(1)
def _ours() -> NullTranslations:
    """Return a catalogue of the package, any of them: each has every text of ours."""
    path = next(Path(_TRANSLATIONS).glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    with path.open("rb") as file:
        texts = GNUTranslations(file)
    texts.add_fallback(_NotOurs())
    return texts


def is_ours(text: str, plural: str | None = None) -> bool:
    """Whether our pages say *text*, or the host has put it into a catalogue of our domain."""

    def said(texts: NullTranslations) -> str:
        return texts.gettext(text) if plural is None else texts.ngettext(text, plural, 1)

    try:
        said(_ours())
    except LookupError:
        _, catalogue = _spoken()
        return catalogue is not None and said(catalogue) != text
    return True


def gettext(text: str, **variables: Any) -> str:
    """Return *text* in the user's language, its placeholders filled."""
    _, catalogue = _spoken()
    if catalogue is not None:
        text = catalogue.gettext(text)
    return text % variables if variables else text


def ngettext(singular: str, plural: str, num: int, **variables: Any) -> str:
    """Return the form of the text that fits *num*, which fills ``%(num)s`` too."""
    _, catalogue = _spoken()
    if catalogue is not None:
        text = catalogue.ngettext(singular, plural, num)
    else:
        text = singular if num == 1 else plural
    return text % {"num": number(num), **variables}


def translated(text: str) -> str:
    """Return in the user's language what was made as a :func:`.phrases.phrase`.

    Of one that was stored, the English alone is left: it is said in the language if it had no
    placeholders, and as it is otherwise.
    """
    if isinstance(text, Phrase):
        values = {
            name: translated(value) if isinstance(value, Phrase) else value
            for name, value in text.values.items()
        }
        return gettext(text.template, **values)
    _, catalogue = _spoken()
    return catalogue.gettext(text) if catalogue is not None and text else text


def number(value: float) -> str:
    """Return a number for people, its thousands set apart; 1,000+ where counting stopped."""
    more = "+" if getattr(value, "more", False) else ""
    plain = int(value) if value == int(value) else value
    spoken = locale()
    if spoken is None:
        return f"{plain:,}{more}"
    return f"{import_module('babel.numbers').format_decimal(plain, locale=spoken)}{more}"


class LazyText:
    """A text that is translated each time it is shown, since modules load before requests."""

    __slots__ = ("_text", "_variables")

    def __init__(self, text: str, variables: dict[str, Any]) -> None:
        self._text = text
        self._variables = variables

    def __str__(self) -> str:
        return gettext(self._text, **self._variables)

    def __repr__(self) -> str:
        return f"LazyText({self._text!r})"

    def __mod__(self, values: Any) -> str:
        # WTForms fills its validators' messages this way.
        filled: str = str(self) % values
        return filled

    def __html__(self) -> str:
        # Lets Jinja escape the translation instead of this object's repr.
        from markupsafe import escape

        return str(escape(str(self)))


def lazy_gettext(text: str, **variables: Any) -> LazyText:
    """Return *text* to be translated when it is shown; for labels and tables of texts."""
    return LazyText(text, variables)


def chosen_language() -> str | None:
    """Return the language that the app chose for the current page; ``None``: it never chooses.

    It may be one that we have no texts in, but the vendor has.
    """
    chosen = _chosen()
    return str(chosen).replace("_", "-") if chosen is not None else None


def locale() -> Any | None:
    """Return the Babel locale of our texts on the current page; ``None``: plain English."""
    return _spoken()[0]


def language() -> str:
    """Return the language of our texts on the current page as an HTML ``lang`` value."""
    spoken = locale()
    return str(spoken).replace("_", "-") if spoken is not None else "en"


def direction() -> str:
    """Return ``rtl`` where our texts are written from right to left, else ``ltr``."""
    spoken = locale()
    return str(spoken.text_direction) if spoken is not None else "ltr"
