"""The simulated paper: what is printed on it, and how each printed date goes on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

from .clock import years_from
from .errors import ControlError

NOT_AVAILABLE = "N/A"
TYPES = ("PASSPORT", "DRIVING_LICENSE", "ID_CARD", "VISA", "UNSUPPORTED")
_DATES = ("date_of_birth", "expiry", "issuing_date")
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@dataclass(frozen=True)
class Document:
    """What the vendor reads off the paper; an empty string means it read nothing there.

    Dates are ``YYYY-MM-DD``, or ``YYYY-MM`` / ``YYYY`` when the paper prints no more, or ``N/A``.
    """

    type: str = "PASSPORT"
    country: str = "AUT"
    first_name: str = "LENA MARIE"
    last_name: str = "GRUBER"
    number: str = "U7301945"
    personal_number: str = ""
    date_of_birth: str = "1988-11-23"
    expiry: str = ""
    issuing_date: str = ""
    gender: str = "F"
    nationality: str = "AUT"
    place_of_birth: str = ""
    address_line1: str = ""
    address_city: str = ""
    address_postal_code: str = ""
    address_country: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the fields as plain text."""
        return dict(asdict(self))

    def changed(self, changes: Mapping[str, Any]) -> Document:
        """Return a copy with some fields replaced; refuse unknown fields and malformed dates."""
        for name, value in changes.items():
            if name not in FIELDS:
                raise ControlError(
                    f"unknown document field; expected one of {', '.join(FIELDS)}",
                    field=f"document.{name}",
                )
            if not isinstance(value, str) or len(value) > 255:
                raise ControlError(
                    "expected text of at most 255 characters", field=f"document.{name}"
                )
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise ControlError("expected valid Unicode", field=f"document.{name}")
            if name in _DATES:
                _check_date(name, value.strip())
        return replace(self, **{name: value.strip() for name, value in changes.items()})

    def address(self, *, formatted: bool) -> dict[str, str]:
        """Return the address object of reference 2A.6; empty when nothing was read."""
        pairs = {
            "line1": self.address_line1,
            "city": self.address_city,
            "postalCode": self.address_postal_code,
            "country": self.address_country,
        }
        found = {key: value for key, value in pairs.items() if value}
        if found and formatted:
            town = f"{self.address_postal_code} {self.address_city}".strip()
            parts = (self.address_line1, town, self.address_country)
            found["formattedAddress"] = ", ".join(part for part in parts if part)
        return found

    def age(self, today: date) -> int | None:
        """Return the age in whole years when the birth date is fully known."""
        born = date_parts(self.date_of_birth)
        if set(born) != {"year", "month", "day"}:
            return None
        month, day = int(born["month"]), int(born["day"])
        return today.year - int(born["year"]) - ((today.month, today.day) < (month, day))


FIELDS = tuple(item.name for item in fields(Document))


def _check_date(name: str, value: str) -> None:
    if value in ("", NOT_AVAILABLE):
        return
    match = _DATE.fullmatch(value)
    try:
        if match is None:
            raise ValueError(value)
        date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError as error:
        raise ControlError(
            "expected YYYY-MM-DD, YYYY-MM, YYYY, N/A or nothing", field=f"document.{name}"
        ) from error


def date_parts(value: str) -> dict[str, str]:
    """Split a date; parts the paper does not print are left out (reference 2A.6)."""
    match = _DATE.fullmatch(value)
    if match is None:
        return {}
    names = ("year", "month", "day")
    return {name: part for name, part in zip(names, match.groups(), strict=True) if part}


def padded_date(value: str) -> str:
    """Fill unknown months and days with 01, as the vendor does (reference 3.4)."""
    parts = date_parts(value)
    if not parts:
        return value
    return f"{parts['year']}-{parts.get('month', '01')}-{parts.get('day', '01')}"


def origin_date(value: str) -> str:
    """Write a partly known date the way ``originDob`` does, e.g. ``1990//`` (reference 3.4)."""
    parts = date_parts(value)
    return "/".join(parts.get(name, "") for name in ("year", "month", "day"))


def default_document(
    today: date, *, generation: str, country: str | None = None, type_: str | None = None
) -> Document:
    """Return the invented default person's paper, valid for seven more years."""
    base = Document(
        expiry=years_from(today, 7).isoformat(),
        issuing_date=years_from(today, -3).isoformat(),
    )
    if generation == "v4":
        # The v4 samples carry an address and a filler personal number; the Platform's do not.
        base = replace(
            base,
            personal_number=NOT_AVAILABLE,
            address_line1="Ahornweg 7",
            address_city="Graz",
            address_postal_code="8010",
            address_country="AUT",
        )
    issued_by = country or base.country
    return replace(base, country=issued_by, nationality=issued_by, type=type_ or base.type)
