"""Dates and numbers as the language of the page writes them; without Flask-Babel in English.

Times stay in UTC in every language: the filters, the audit log and the vendors count in it.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from importlib import import_module
from typing import Any

from . import clock, i18n
from .i18n import gettext, ngettext


def _babel(module: str) -> Any:
    # Where there is a locale, Babel made it.
    return import_module(f"babel.{module}")


def percent(share: float) -> str:
    """Return a share (0.5 is the half) in whole percent."""
    locale = i18n.locale()
    if locale is None:
        return f"{share:.0%}"
    return str(_babel("numbers").format_percent(share, locale=locale))


def moment(value: datetime, *, seconds: bool = False) -> str:
    """Return a time for a page, in UTC and unambiguous in every country."""
    value = value.astimezone(timezone.utc)
    locale = i18n.locale()
    if locale is None:
        shown = f"{value:%Y-%m-%d %H:%M:%S}" if seconds else f"{value:%Y-%m-%d %H:%M}"
    else:
        dates = _babel("dates")
        time = dates.format_time(value, "medium" if seconds else "short", locale=locale)
        both = dates.get_datetime_format("medium", locale=locale).replace("'", "")
        shown = both.format(time, day(value))
    return gettext("%(time)s UTC", time=shown)


def day(value: date) -> str:
    """Return a day for a page."""
    locale = i18n.locale()
    if locale is None:
        return f"{value:%Y-%m-%d}"
    return str(_babel("dates").format_date(value, "medium", locale=locale))


def short_day(value: date) -> str:
    """Return a day without its year, as short as the axis of a chart needs it."""
    locale = i18n.locale()
    if locale is None:
        return f"{value:%m-%d}"
    return str(_babel("dates").format_skeleton("Md", value, locale=locale))


def last_day(until: datetime) -> date:
    """Return the last day that lies wholly before *until*, the first moment that does not count."""
    return (until.astimezone(timezone.utc) - timedelta(microseconds=1)).date()


def whole_minute(value: datetime) -> datetime:
    """Return the first whole minute that is not before *value*: a page shows no seconds."""
    minute = value.replace(second=0, microsecond=0)
    return minute if minute == value else minute + timedelta(minutes=1)


def duration(seconds: float) -> str:
    """Return a time to wait as people say it, rounded up: 1 minute, 50 minutes, 3 hours."""
    minutes = max(1, math.ceil(seconds / 60))
    if minutes < 100:
        return ngettext("%(num)s minute", "%(num)s minutes", minutes)
    return ngettext("%(num)s hour", "%(num)s hours", math.ceil(minutes / 60))


def wait_until(end: datetime) -> str:
    """Return how long it is until then, as people say it."""
    return duration((end - clock.now()).total_seconds())
