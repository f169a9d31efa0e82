"""Taking secrets and addresses out of a vendor's words before anybody keeps them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

MASK = "***"
#: How much of a vendor's own words is kept for the admin.
DETAIL_LIMIT = 300

# The words come from outside: every repetition is bounded, so that none costs more than its length.
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s{0,9}>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_PATTERNS = (
    # A URL may carry a token in its query or our callback key in its path: only the host stays.
    (re.compile(r"(?i)\b(https?://[^\s/?#\"'<>@]{1,255})[/?#][^\s\"'<>]*"), r"\1/" + MASK),
    (re.compile(r"(?i)\b(basic|bearer)\s{1,9}[A-Za-z0-9._~+/=-]+"), r"\1 " + MASK),
    (
        re.compile(
            r"(?i)((?:token|secret|password)\w{0,20}[\"']?\s{0,9}[:=]\s{0,9}[\"']?)[^\s\"'&,;}]+"
        ),
        r"\1" + MASK,
    ),
    # Anything shaped like a JWT, whatever stands in front of it.
    (re.compile(r"\beyJ[A-Za-z0-9_.-]+"), MASK),
    (re.compile(r"(?<![\w-])[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    # The user's address is personal data, and a vendor may quote it back.
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), MASK),
    (re.compile(r"(?i)(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])"), MASK),
    (re.compile(r"[\w.+-]{1,64}@[\w.-]{1,255}"), MASK),
)
_SECRET_KEY = re.compile(r"token|secret|password|authorization", re.IGNORECASE)
_MAX_DEPTH = 8
_USUAL = 6


class Redactor:
    """Masks the given secrets, in every form they travel in, and whatever looks like one.

    :param secrets: values that must never appear, e.g. the client secret.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {
            form
            for secret in secrets
            for form in (secret, secret.rstrip("="), quote(secret, safe=""))
            if form
        }
        # Longest first, so that a secret inside another leaves no remainder.
        self._secrets = sorted(forms, key=len, reverse=True)

    def __repr__(self) -> str:
        return "<Redactor>"

    def text(self, words: str) -> str:
        """Return *words* with secrets, tokens, URLs' paths, addresses and e-mails masked."""
        for secret in self._secrets:
            if len(secret) >= _USUAL:
                words = words.replace(secret, MASK)
        for pattern, replacement in _PATTERNS:
            words = pattern.sub(replacement, words)
        # A very short secret would break up what the patterns have to recognise.
        for secret in self._secrets:
            if len(secret) < _USUAL:
                words = words.replace(secret, MASK)
        return words

    def detail(self, words: str) -> str:
        """Return a vendor's error text for an admin: no markup, one line, masked, cut."""
        # Cut generously first: a hostile body must not cost much, a masked one may be longer.
        plain = " ".join(_TAGS.sub(" ", words[: DETAIL_LIMIT * 8]).split())
        plain = "".join(sign for sign in plain if sign.isprintable())
        masked = self.text(plain)
        return masked if len(masked) <= DETAIL_LIMIT else f"{masked[: DETAIL_LIMIT - 1]}…"

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a JSON value with everything in it masked, and keys that name secrets emptied."""
        if isinstance(value, str):
            return self.text(value)
        if depth >= _MAX_DEPTH and isinstance(value, (Mapping, list)):
            return MASK
        if isinstance(value, Mapping):
            return {
                str(key): MASK
                if _SECRET_KEY.search(str(key)) and isinstance(item, str)
                else self.value(item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item, depth + 1) for item in value]
        return value
