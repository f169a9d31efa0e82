"""Texts in the user's language: through Flask-Babel where the host has it, plain otherwise.

Our catalogues are the domain ``idverify`` in ``flask_idverify/translations``; a host's own
``messages`` are never looked at and never disturbed. Placeholders are written ``%(name)s``.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from flask import current_app, has_app_context

DOMAIN = "idverify"
_TRANSLATIONS = str(Path(__file__).parent / "translations")
_RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "ur", "yi"})


@cache
def _babel_domain() -> Any | None:
    """Return our domain, or ``None`` where Flask-Babel is not installed."""
    try:
        babel = import_module("flask_babel")
    except ImportError:
        return None
    return babel.Domain(translation_directories=[_TRANSLATIONS], domain=DOMAIN)


def _domain() -> Any | None:
    """Return our domain if the current app speaks more than our English."""
    if not has_app_context() or "babel" not in current_app.extensions:
        return None
    return _babel_domain()


def gettext(text: str, **variables: Any) -> str:
    """Return *text* in the user's language, its placeholders filled."""
    domain = _domain()
    if domain is not None:
        return str(domain.gettext(text, **variables))
    return text % variables if variables else text


def ngettext(singular: str, plural: str, num: int, **variables: Any) -> str:
    """Return the form of the text that fits *num*, which fills ``%(num)s`` too."""
    domain = _domain()
    if domain is not None:
        return str(domain.ngettext(singular, plural, num, **variables))
    return (singular if num == 1 else plural) % {"num": num, **variables}


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
    """Return the language that the app chose for the current page; ``None``: it never chooses."""
    if _domain() is None:
        return None
    locale = import_module("flask_babel").get_locale()
    return str(locale).replace("_", "-") if locale is not None else None


def language() -> str:
    """Return the language of the current page as an HTML ``lang`` value."""
    return chosen_language() or "en"


def direction() -> str:
    """Return ``rtl`` for a language that is written from right to left, else ``ltr``."""
    return "rtl" if language().split("-")[0] in _RIGHT_TO_LEFT else "ltr"
