"""What an application demands of a verification, checked and stored as JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from . import countries as iso
from .claims import Claim, IdType
from .errors import InvalidPolicy
from .phrases import phrase
from .states import Reason

Treatment = Literal["reject", "review", "accept"]

_Clean = Callable[[str, Any], Any]


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidPolicy(field, phrase("expected true or false."))
    return value


def _number(highest: int) -> _Clean:
    def clean(field: str, value: Any) -> int | None:
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
            raise InvalidPolicy(
                field,
                phrase(
                    "expected a whole number from 1 to %(highest)s, or nothing.", highest=highest
                ),
            )
        return value

    return clean


def _one_of(*words: str) -> _Clean:
    def clean(field: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise InvalidPolicy(field, phrase("expected one of %(words)s.", words=", ".join(words)))
        return str(value)

    return clean


def _some(expected: str, is_good: Callable[[str], bool], absent: str = phrase("any")) -> _Clean:
    def clean(field: str, value: Any) -> frozenset[str] | None:
        if value is None:
            return None
        # An empty list may mean "any" or "none" to whoever wrote it; neither is guessed.
        is_list = isinstance(value, (list, tuple, set, frozenset)) and len(value) > 0
        if not is_list or not all(isinstance(item, str) and is_good(item) for item in value):
            raise InvalidPolicy(
                field,
                phrase(
                    "expected a list of %(expected)s; leave it out for %(absent)s.",
                    expected=expected,
                    absent=absent,
                ),
            )
        return frozenset(map(str, value))

    return clean


def _is_capability(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", text) is not None


_TREATMENTS = _one_of("reject", "review", "accept")
_CLEAN: dict[str, _Clean] = {
    "match_name": _flag,
    "match_number": _flag,
    "countries": _some(phrase("countries (ISO 3166-1 alpha-3 such as AUT, or XKX)"), iso.is_known),
    "id_types": _some(" and ".join(IdType.__members__), IdType.__members__.__contains__),
    "minimum_age": _number(150),
    "expired_documents": _TREATMENTS,
    "on_warning": _TREATMENTS,
    "required_capabilities": _some(
        phrase("names such as liveness"), _is_capability, phrase("the usual ones")
    ),
    "duplicates": _TREATMENTS,
    "on_reversal": _one_of("flag", "revoke"),
    "max_attempts": _number(1000),
    "valid_for": _number(36500),
    "keep_fingerprint": _flag,
}


class _Rules:
    """Fields that are checked however they are set, and stored as JSON."""

    def __post_init__(self) -> None:
        for name in self._names():
            object.__setattr__(self, name, _CLEAN[name](name, getattr(self, name)))

    @classmethod
    def _names(cls) -> list[str]:
        return [item.name for item in fields(cls)]  # type: ignore[arg-type]  # all are dataclasses

    @classmethod
    def _checked(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        what = cls.__name__.lower()
        if not isinstance(data, Mapping):
            raise InvalidPolicy(what, phrase("expected an object of names and values."))
        for name in data:
            if name not in cls._names():
                known = ", ".join(cls._names())
                raise InvalidPolicy(
                    str(name),
                    phrase(
                        "is no field of the %(what)s; known are %(known)s.", what=what, known=known
                    ),
                )
        return dict(data)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values: a snapshot that outlives a change of defaults."""
        values = ((name, getattr(self, name)) for name in self._names())
        return {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in values
        }


@dataclass(frozen=True)
class Conditions(_Rules):
    """Which claims a link takes at all; what it does not take, the next link may.

    :param countries: issuing countries, ISO 3166-1 alpha-3 or ``XKX``; ``None``: any.
    :param id_types: ``passport``, ``id_card``, ``driving_licence``; ``None``: any.
    :raises InvalidPolicy: naming the field and what is expected.
    """

    countries: frozenset[str] | None = None
    id_types: frozenset[str] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Conditions:
        """Build from JSON values; unknown names and unusable values raise ``InvalidPolicy``."""
        return cls(**cls._checked(data))

    def admits(self, claim: Claim) -> bool:
        """Whether the link is meant for such papers."""
        return admits(self, claim) is None


@dataclass(frozen=True)
class Policy(_Rules):
    """What one application demands of verifications through one provider.

    :param match_name: the claimed name must agree with the papers.
    :param match_number: the claimed number must agree with the papers.
    :param countries: issuing countries, ISO 3166-1 alpha-3 or ``XKX``; ``None``: any.
    :param id_types: ``passport``, ``id_card``, ``driving_licence``; ``None``: any.
    :param minimum_age: in years, on the day of the decision.
    :param expired_documents: ``reject``, ``review`` or ``accept``.
    :param on_warning: what a vendor's warning does: ``review``, ``reject`` or ``accept``. Watchlist
        hits are reviewed whatever it says.
    :param required_capabilities: what the vendor must have checked; ``None``: what the provider
        type runs by default.
    :param duplicates: the same papers on another account: ``review``, ``reject`` or ``accept``.
    :param on_reversal: the vendor takes an approval back: ``flag`` or ``revoke``.
    :param max_attempts: per user in 24 hours; ``None``: the app's setting.
    :param valid_for: days until the user must verify again; ``None``: until the papers expire.
    :param keep_fingerprint: after an erasure keep the keyed digest of the number, so that the same
        papers on another account are still noticed, also when the same person starts anew.
    :raises InvalidPolicy: naming the field and what is expected.
    """

    match_name: bool = True
    match_number: bool = True
    countries: frozenset[str] | None = None
    id_types: frozenset[str] | None = None
    minimum_age: int | None = None
    expired_documents: Treatment = "reject"
    on_warning: Treatment = "review"
    required_capabilities: frozenset[str] | None = None
    duplicates: Treatment = "review"
    on_reversal: Literal["flag", "revoke"] = "flag"
    max_attempts: int | None = None
    valid_for: int | None = None
    keep_fingerprint: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Policy:
        """Build from JSON values; unknown names and unusable values raise ``InvalidPolicy``."""
        return cls(**cls._checked(data))


def admits(rules: Policy | Conditions, claim: Claim) -> Reason | None:
    """Return why papers as claimed are not accepted, or ``None`` when they are."""
    if rules.countries is not None and claim.country not in rules.countries:
        return Reason.country_not_accepted
    if rules.id_types is not None and claim.id_type not in rules.id_types:
        return Reason.document_type_not_accepted
    return None
