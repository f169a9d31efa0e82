"""What is said of a person: claim, consent, document. Frozen, pure, silent in their repr."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any

from . import clock
from .errors import InvalidClaim, InvalidConsent
from .phrases import phrase
from .states import _Text

_ALPHA3 = re.compile(r"[A-Z]{3}")
_CLOCK_SKEW = timedelta(minutes=5)
#: Countries whose citizens' state must be told to the vendor (reference, 2B.3).
STATE_REQUIRED = frozenset({"USA", "CAN", "AUS"})


class IdType(_Text):
    """The papers a person can claim to hold."""

    passport = "passport"
    id_card = "id_card"
    driving_licence = "driving_licence"


@dataclass(frozen=True, repr=False)
class Claim:
    """What a user says of themself.

    :param id_type: ``passport``, ``id_card`` or ``driving_licence``.
    :param id_number: the number printed on it, up to 64 characters.
    :param real_name: the full name as printed, up to 200 characters.
    :param country: the issuing country, ISO 3166-1 alpha-3 or ``XKX``.
    :raises InvalidClaim: naming the first field that cannot be used.
    """

    id_type: str
    id_number: str
    real_name: str
    country: str

    def __post_init__(self) -> None:
        """Normalise surrounding space and case, then refuse what cannot be used."""
        for name in ("id_type", "id_number", "real_name", "country"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise InvalidClaim(
                    name, phrase("is missing; state it as it is printed on the document.")
                )
            object.__setattr__(self, name, " ".join(str(value).split()))
        object.__setattr__(self, "country", self.country.upper())
        if self.id_type not in IdType.__members__:
            raise InvalidClaim(
                "id_type", phrase("expected one of %(kinds)s.", kinds=", ".join(IdType.__members__))
            )
        if not _ALPHA3.fullmatch(self.country):
            raise InvalidClaim(
                "country", phrase("expected three letters (ISO 3166-1 alpha-3, or XKX).")
            )
        if len(self.id_number) > 64:
            raise InvalidClaim("id_number", phrase("is longer than 64 characters."))
        if len(self.real_name) > 200:
            raise InvalidClaim("real_name", phrase("is longer than 200 characters."))
        for name in ("id_number", "real_name"):
            if not all(character.isprintable() for character in getattr(self, name)):
                raise InvalidClaim(name, phrase("holds characters that cannot be printed."))

    def __repr__(self) -> str:
        return "<Claim (personal data withheld)>"

    def to_dict(self) -> dict[str, str]:
        """Return the four fields as plain strings."""
        return {item.name: str(getattr(self, item.name)) for item in fields(self)}


@dataclass(frozen=True, repr=False)
class Consent:
    """A user's consent to the capture of face and papers, and where they are while giving it.

    :param ip: the user's address.
    :param country: where the user is (not who issued the papers), ISO 3166-1 alpha-3.
    :param state: where in USA, CAN or AUS, without country prefix, e.g. ``IL``.
    :param obtained_at: when consent was given (aware).
    :param wording: version of the wording the user agreed to.
    :raises InvalidConsent: naming the first field that cannot be used.

    The fields are what the vendor must be told (reference, 2B.3, ``userConsent``).
    """

    ip: str
    country: str
    state: str | None = None
    obtained_at: datetime | None = None
    wording: str | None = None

    def __post_init__(self) -> None:
        """Normalise and refuse what the vendor would refuse."""
        if not isinstance(self.ip, str) or not self.ip.strip():
            raise InvalidConsent(
                "ip", phrase("is missing; give the address the user connects from.")
            )
        try:
            address = ip_address(self.ip.strip())
        except ValueError:
            raise InvalidConsent(
                "ip", phrase("expected an IP address, e.g. 203.0.113.7.")
            ) from None
        object.__setattr__(self, "ip", str(address))
        object.__setattr__(self, "country", str(self.country).strip().upper())
        if not _ALPHA3.fullmatch(self.country):
            raise InvalidConsent(
                "country", phrase("expected three letters (ISO 3166-1 alpha-3, or XKX).")
            )
        state = (self.state or "").strip() or None
        object.__setattr__(self, "state", state)
        if state is None and self.country in STATE_REQUIRED:
            raise InvalidConsent(
                "state",
                phrase("is required for users in %(country)s, e.g. IL.", country=self.country),
            )
        if state is not None and (len(state) > 100 or not state.isprintable()):
            raise InvalidConsent("state", phrase("expected at most 100 printable characters."))
        moment = self.obtained_at
        if moment is not None and moment.tzinfo is None:
            raise InvalidConsent("obtained_at", phrase("expected a time with a time zone."))
        if moment is not None and moment > clock.now() + _CLOCK_SKEW:
            raise InvalidConsent("obtained_at", phrase("lies in the future."))

    def __repr__(self) -> str:
        return "<Consent (personal data withheld)>"

    def to_dict(self) -> dict[str, str | None]:
        """Return the fields as JSON values; the time in ISO 8601, UTC."""
        moment = self.obtained_at.astimezone(timezone.utc).isoformat() if self.obtained_at else None
        return {
            "ip": self.ip,
            "country": self.country,
            "state": self.state,
            "obtained_at": moment,
            "wording": self.wording,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Consent:
        """Rebuild what :meth:`to_dict` gave."""
        moment = data.get("obtained_at")
        return cls(
            ip=data["ip"],
            country=data["country"],
            state=data.get("state"),
            obtained_at=datetime.fromisoformat(moment) if moment else None,
            wording=data.get("wording"),
        )


@dataclass(frozen=True)
class PartialDate:
    """A date of which the month or the day may not be printed on the papers (reference, 2A.6)."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        """Refuse dates that the calendar does not have."""
        if self.month is None and self.day is not None:
            raise ValueError("a day needs a month")
        date(self.year, self.month or 1, self.day or 1)

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """Read ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``. Raises :class:`ValueError` otherwise."""
        return cls(*(int(part) for part in text.split("-", 2)))

    def __str__(self) -> str:
        parts = [f"{self.year:04d}"]
        parts += [f"{part:02d}" for part in (self.month, self.day) if part is not None]
        return "-".join(parts)

    @property
    def earliest(self) -> date:
        """The first day that the printed part admits: for a birth date, the oldest reading."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> date:
        """The last day that the printed part admits: for a birth date, the youngest reading."""
        month = self.month or 12
        return date(self.year, month, self.day or monthrange(self.year, month)[1])


@dataclass(frozen=True, repr=False)
class Document:
    """What the vendor read from the papers (reference, 5.9). ``None``: not read, or masked.

    ``type`` is one of ours (``passport``, ``id_card``, ``driving_licence``), or ``visa`` or
    ``unsupported``; ``country`` and ``nationality`` are alpha-3; names are as printed.
    """

    type: str | None = None
    subtype: str | None = None
    country: str | None = None
    state: str | None = None
    number: str | None = None
    personal_number: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    date_of_birth: PartialDate | None = None
    expires_on: PartialDate | None = None
    issued_on: PartialDate | None = None
    gender: str | None = None
    nationality: str | None = None
    place_of_birth: str | None = None
    issuing_authority: str | None = None
    issuing_place: str | None = None
    address: str | None = None

    def __repr__(self) -> str:
        return "<Document (personal data withheld)>"

    @property
    def full_name(self) -> str | None:
        """First and last name as printed, or ``None`` when neither was read."""
        return " ".join(part for part in (self.first_name, self.last_name) if part) or None

    def to_dict(self) -> dict[str, str]:
        """Return what was read as plain strings; dates as far as they are printed."""
        values = ((item.name, getattr(self, item.name)) for item in fields(self))
        return {name: str(value) for name, value in values if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> Document:
        """Rebuild what :meth:`to_dict` gave; keys of later versions are ignored."""
        dates = {"date_of_birth", "expires_on", "issued_on"}
        known = {item.name for item in fields(cls)}
        return cls(
            **{
                name: PartialDate.parse(value) if name in dates else value
                for name, value in data.items()
                if name in known
            }  # type: ignore[arg-type]  # dates and strings are told apart by name
        )
