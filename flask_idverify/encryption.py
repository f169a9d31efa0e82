"""Encryption at rest, and keyed digests. All cryptography comes from ``cryptography``.

A sealed value reads ``<key id>:<base64 of nonce and AES-256-GCM ciphertext>``. Table, column and
row are authenticated along with it, so that a value copied elsewhere does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import ConfigurationError, DecryptionFailed, KeyUnavailable
from .phrases import phrase

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_SEALED = re.compile(r"([A-Za-z0-9_-]{1,16}):([A-Za-z0-9_=-]+)")
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Key:
    """256 bits with a name. The bits never show in a repr."""

    id: str
    material: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str, where: str) -> Key:
        """Read ``material`` or ``id:material``, the material being 32 bytes in url-safe base64.

        :param where: what to name in the error: the configuration key, and the place in it.
        :raises ConfigurationError: when it is anything else. The material is not quoted.
        """
        name, _, encoded = text.strip().rpartition(":")
        try:
            material = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except ValueError:
            material = b""
        if len(material) != 32:
            raise ConfigurationError(
                f"{where}: a key must be 32 random bytes in url-safe base64, optionally with a "
                'name in front ("2026:…"). Make one with: '
                'python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        name = name or hashlib.sha256(material).hexdigest()[:8]
        if not _KEY_ID.fullmatch(name):
            raise ConfigurationError(
                f"{where}: a key's name must be 1 to 16 letters, digits, '-' or '_'."
            )
        return cls(name, material)

    @classmethod
    def derive(cls, source: Key | bytes, purpose: str) -> Key:
        """Derive a key for another purpose (HKDF-SHA256), keeping the source key's id."""
        material, name = (source.material, source.id) if isinstance(source, Key) else (source, "")
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"idverify {purpose}".encode())
        derived = hkdf.derive(material)
        return cls(name or hashlib.sha256(derived).hexdigest()[:8], derived)


def parse_keys(texts: Sequence[str], setting: str) -> tuple[Key, ...]:
    """Read a list of keys, refusing two with one name.

    :raises ConfigurationError: naming *setting*, and by its place the key that cannot be used.
    """
    keys = tuple(
        Key.parse(text, f"{setting}: element {place}") for place, text in enumerate(texts, 1)
    )
    for place, key in enumerate(keys, 1):
        if key in keys[: place - 1]:
            raise ConfigurationError(
                f"{setting}: the same key stands in it twice, as element {keys.index(key) + 1} "
                f"and as element {place}; leave one out."
            )
    names = [key.id for key in keys]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{setting}: two keys are named {name!r}; rename one.")
    return keys


class Keyring:
    """Seals with its first key and opens with any."""

    def __init__(self, keys: Sequence[Key], setting: str = "IDVERIFY_ENCRYPTION_KEYS") -> None:
        if not keys:
            raise ConfigurationError(f"{setting}: at least one key is needed.")
        self._setting = setting
        self._current = keys[0]
        self._ciphers = {key.id: AESGCM(key.material) for key in keys}

    def __repr__(self) -> str:
        return f"<Keyring {', '.join(self._ciphers)}>"

    @property
    def current_id(self) -> str:
        """Name of the key that seals."""
        return self._current.id

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of all keys, the sealing one first."""
        return tuple(self._ciphers)

    def seal(self, plain: bytes, context: str) -> str:
        """Encrypt *plain*, bound to *context* (table, column and row)."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._ciphers[self._current.id].encrypt(nonce, plain, context.encode())
        return f"{self._current.id}:{urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, context: str) -> bytes:
        """Decrypt what :meth:`seal` made for the same context.

        :raises KeyUnavailable: its key is not configured any more.
        :raises DecryptionFailed: it was changed, or belongs somewhere else.
        """
        found = _SEALED.fullmatch(sealed)
        if found is None:
            # It may be plain text: not even the part before the colon is quoted.
            raise DecryptionFailed(
                phrase("A value of %(context)s is not what was sealed there.", context=context)
            )
        key_id, encoded = found.groups()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyUnavailable(
                phrase(
                    "A value of %(context)s was encrypted with key %(key_id)s, which is not in "
                    "%(setting)s. Put that key back at the end of the list.",
                    context=context,
                    key_id=repr(key_id),
                    setting=self._setting,
                )
            )
        try:
            raw = urlsafe_b64decode(encoded)
            return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise DecryptionFailed(
                phrase(
                    "A value of %(context)s does not decrypt: it was changed or copied from "
                    "elsewhere.",
                    context=context,
                )
            ) from None


class Macs:
    """Keyed digests (HMAC-SHA256): makes them with the first key, checks them with any."""

    def __init__(self, keys: Sequence[Key], setting: str) -> None:
        if not keys:
            raise ConfigurationError(f"{setting}: at least one key is needed.")
        self._setting = setting
        self._keys = {key.id: key for key in keys}
        self.current_id = keys[0].id

    def __repr__(self) -> str:
        return f"<Macs {', '.join(self._keys)}>"

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of all keys, the present one first."""
        return tuple(self._keys)

    def mac(self, data: bytes, key_id: str | None = None) -> str:
        """Return the digest in hexadecimal, under the first key or the one named.

        :raises KeyUnavailable: the named key is not configured.
        """
        key = self._keys.get(key_id or self.current_id)
        if key is None:
            raise KeyUnavailable(
                phrase(
                    "A digest was made with key %(key_id)s, which is not in %(setting)s. Put that "
                    "key back at the end of the list.",
                    key_id=repr(key_id),
                    setting=self._setting,
                )
            )
        return hmac.new(key.material, data, hashlib.sha256).hexdigest()

    def tagged(self, data: bytes) -> str:
        """Return ``<key id>:<digest>`` under the first key."""
        return f"{self.current_id}:{self.mac(data)}"

    def all_tagged(self, data: bytes) -> list[str]:
        """Return the tagged digests under every key, to look for values made before a rotation."""
        return [f"{key_id}:{self.mac(data, key_id)}" for key_id in self._keys]

    def matches(self, data: bytes, digest: str, key_id: str) -> bool:
        """Compare in constant time. Raises :class:`KeyUnavailable` for an unknown key."""
        return hmac.compare_digest(self.mac(data, key_id), digest)


def key_id_of(value: str) -> str | None:
    """Return the name of the key in front of a sealed or tagged value; ``None``: it has none."""
    name, colon, _ = value.partition(":")
    return name if colon and _KEY_ID.fullmatch(name) else None


def digest_of_secret(secret: str) -> str:
    """Return the digest under which a random secret of 128 bits or more is stored and looked up.

    Plain SHA-256 is enough there: a random secret cannot be guessed from its digest.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
