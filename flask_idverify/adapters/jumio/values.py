"""Reading values out of Jumio's answers, whatever shape they come in. Pure, never raises."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ...claims import Document, PartialDate

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?", re.ASCII | re.DOTALL)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,64}")
_COUNTRY = re.compile(r"[A-Z]{3}")

DOCUMENT_TYPES = {
    "PASSPORT": "passport",
    "DRIVING_LICENSE": "driving_licence",
    "ID_CARD": "id_card",
    "VISA": "visa",
    "UNSUPPORTED": "unsupported",
}
_GENDERS = frozenset({"M", "F", "X"})
_ADDRESS_LINES = ("line1", "line2", "line3", "line4", "line5")


def mapping(value: Any) -> Mapping[str, Any]:
    """Return *value* if it is an object, an empty one otherwise."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """Return the elements of a list; a single element stands for itself, null for nothing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def label(value: Any) -> str:
    """Return a word of the vendor's vocabulary; anything that is none could be personal data."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _LABEL.fullmatch(value.strip()):
        return value.strip()
    return "(illegible)" if value is not None else "(none)"


def identifier(value: Any) -> str | None:
    """Return a vendor's id if it has the shape of one; only such may be put into a path."""
    if isinstance(value, str) and _IDENTIFIER.fullmatch(value.strip()):
        return value.strip()
    return None


def same(one: Any, other: str) -> bool:
    """Whether two ids are the same; UUIDs are compared without regard to case."""
    return isinstance(one, str) and one.strip().lower() == other.lower()


def reference(value: Any) -> str | None:
    """Return our own reference as echoed, if it could be one (reference, 2A.3: 1 to 100)."""
    if isinstance(value, str) and 0 < len(value) <= 100 and value.isascii() and value.isprintable():
        return value
    return None


def text(value: Any, limit: int = 255, filler: str = " ") -> str | None:
    """Return a printed value without ``N/A``, MRZ filler and what no database stores.

    :param filler: what stands for ``<`` inside the value (reference, 5.9).
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    value = "".join(
        " " if sign.isspace() else sign
        for sign in value[: limit * 4].replace("<", filler)
        if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cs")
    )
    value = " ".join(value.split())[:limit].strip()
    return None if not value or value.upper() == "N/A" else value


def score(value: Any) -> float | None:
    """Return a risk score; numbers also come as strings (reference, 5.5)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def moment(value: Any) -> datetime | None:
    """Return a timestamp in UTC; 0 to 3 fraction digits and a ``Z`` are usual (reference, 5.9)."""
    found = _TIMESTAMP.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        return None
    day, clock, fraction, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z") else f"{zone[:3]}:{zone[-2:]}"
    try:
        parsed = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '').ljust(6, '0')[:6]}{zone}")
        return parsed.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def partial_date(value: Any, parts: Any = None) -> PartialDate | None:
    """Return a date as far as it is printed.

    ``*Parts`` leave out what the papers do not show, while the plain date is then padded with
    ``01`` (reference, 2A.6): the parts are believed first.
    """
    given = mapping(parts)
    printed = [_digits(given.get(name)) for name in ("year", "month", "day")]
    found = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    plain = [_digits(part) for part in found.groups()] if found else []
    return _calendar(printed) or _calendar(plain)


def _digits(part: Any) -> int | None:
    """Return a positive number; ``00`` and ``XX`` are how papers say *unknown*."""
    if isinstance(part, bool) or not isinstance(part, (int, str)):
        return None
    written = str(part).strip()
    return int(written) or None if re.fullmatch(r"\d{1,4}", written, re.ASCII) else None


def _calendar(parts: list[int | None]) -> PartialDate | None:
    year, month, day = (*parts, None, None, None)[:3]
    if year is None or year < 1850:
        return None
    try:
        return PartialDate(year, month, day if month else None)
    except ValueError:
        return None


def document(data: Mapping[str, Any], names: Mapping[str, str]) -> Document | None:
    """Return the papers that *data* describes, or ``None`` when nothing of them was read.

    :param names: Jumio's key for each of our fields that the generations call differently:
        ``subtype``, ``state``, ``number``, ``date_of_birth``, ``expires_on`` (reference, 5.9).
    """
    kind = data.get("type")
    gender = text(data.get("gender"))
    found = Document(
        type=DOCUMENT_TYPES.get(kind.strip().upper()) if isinstance(kind, str) else None,
        subtype=_subtype(data.get(names["subtype"])),
        country=_country(data.get("issuingCountry")),
        state=text(data.get(names["state"])),
        number=text(data.get(names["number"]), filler=""),
        personal_number=text(data.get("personalNumber"), filler=""),
        first_name=text(data.get("firstName")),
        last_name=text(data.get("lastName")),
        date_of_birth=partial_date(data.get(names["date_of_birth"]), data.get("dateOfBirthParts")),
        expires_on=partial_date(data.get(names["expires_on"]), data.get("expiryDateParts")),
        issued_on=partial_date(data.get("issuingDate"), data.get("issuingDateParts")),
        gender=gender.upper() if gender and gender.upper() in _GENDERS else None,
        nationality=_country(data.get("nationality")),
        place_of_birth=text(data.get("placeOfBirth")),
        issuing_authority=text(data.get("issuingAuthority")),
        issuing_place=text(data.get("issuingPlace")),
        address=_address(data.get("address")),
    )
    return found if found.to_dict() else None


def _subtype(value: Any) -> str | None:
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        return None
    return "UNKNOWN" if value == "UNKOWN" else value  # the guide misspells it (reference, 5.9)


def _country(value: Any) -> str | None:
    """Return an alpha-3 code (or ``XKX``); free text is nothing to compare with."""
    found = text(value, filler="")
    return found.upper() if found and _COUNTRY.fullmatch(found.upper()) else None


def _address(value: Any) -> str | None:
    """Return an address on one line, from its parts or else as the vendor formatted it."""
    if isinstance(value, str):
        return text(value, limit=500)
    given = mapping(value)
    town = " ".join(filter(None, (text(given.get(key)) for key in ("postalCode", "city"))))
    lines = [text(given.get(key)) for key in _ADDRESS_LINES]
    lines += [town or None, text(given.get("subdivision"))]
    if not any(lines):
        return text(given.get("formattedAddress"), limit=500)
    return ", ".join(filter(None, [*lines, text(given.get("country"))]))[:500]
