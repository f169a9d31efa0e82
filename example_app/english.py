"""Stands in for Flask-Babel where that is not installed: the few names of it that the bank uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Flask
from markupsafe import Markup


class Babel:
    """Gives templates what they expect of Flask-Babel, in English."""

    def __init__(self, app: Flask, locale_selector: Callable[[], str]) -> None:
        app.jinja_env.globals.update(_=_of_page, gettext=_of_page)
        app.jinja_env.filters["dateformat"] = _day


def gettext(text: str, **values: Any) -> str:
    """Return *text*, its placeholders filled."""
    return text % values if values else text


lazy_gettext = gettext


def _of_page(text: str, **values: Any) -> Markup:
    # As Jinja's own: the text may hold markup, and what is put into it is escaped.
    return Markup(text) % values  # nosec B704  # noqa: S704 - a literal of a template


def _day(value: date, _format: str) -> str:
    return f"{value:%d %B %Y}"
