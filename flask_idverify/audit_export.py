"""Writing the audit log to a file, with a signature that anybody can check (``audit_check``)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from . import clock, runtime
from .audit_chain import moment
from .audit_check import ALGORITHM, VERSION, signature_file, signature_text, signed_bytes
from .audit_rows import has_chain, is_known, nothing_there
from .audit_walk import Tally, Tell, tell_missing, walk
from .errors import ConfigurationError, IDVerifyError
from .models import AuditEntry

FIELDS = (
    *("subject", "sequence", "at", "actor", "origin", "action", "facts"),
    *("id", "key_id", "previous_mac", "mac"),
)
_ENTRY: Any = AuditEntry.__table__.c


class ExportRefused(IDVerifyError):
    """The export was not written; the message says why."""

    code = "export_refused"
    http_status = 409


@dataclass
class Part:
    """Which part of the log to export: ``since`` <= time < ``until``, of one subject or all.

    A chain is never torn: between its first and its last entry within the time, all are exported.
    """

    since: datetime | None = None
    until: datetime | None = None
    subject: str | None = None


@dataclass
class _Written:
    """What went into the file so far."""

    entries: int = 0
    chains: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    subject: str = ""
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, entry: Any) -> None:
        self.entries += 1
        self.chains += entry.subject != self.subject
        self.subject = entry.subject
        self.first_at = min(self.first_at or entry.at, entry.at)
        self.last_at = max(self.last_at or entry.at, entry.at)


def signing_key() -> Ed25519PrivateKey:
    """Return the key that signs exports.

    :raises ConfigurationError: when none is set.
    """
    seed = runtime.current().settings.audit_signing_key
    if not seed:
        raise ConfigurationError(
            "IDVERIFY_AUDIT_SIGNING_KEY is not set, so an export could not be signed. Make one "
            'with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return Ed25519PrivateKey.from_private_bytes(urlsafe_b64decode(seed + "=" * (-len(seed) % 4)))


def public_key() -> str:
    """Return the public half of the signing key, for those who check."""
    raw = signing_key().public_key().public_bytes_raw()
    return urlsafe_b64encode(raw).decode().rstrip("=")


class Export:
    """An export as it is made: first its bytes, then the header that is signed.

    The chains are checked on the way. A broken one is exported all the same, since an auditor
    needs it; the header then says ``chains_intact: false``.

    :param session: its transaction is ended between batches; nothing may be pending in it.
    :param kind: ``jsonl`` or ``csv``.
    :param tell: is handed the first break of each broken chain.
    :raises ExportRefused: there is nothing to export, which a signature must not call unchanged.
    :raises ConfigurationError: no signing key is set.
    """

    def __init__(self, session: Any, kind: str, part: Part, tell: Tell) -> None:
        self._key = signing_key()
        _require_something(session, part.subject)
        self._session, self._kind, self._part, self._tell = session, kind, part, tell
        self._written, self._tally = _Written(), Tally()

    def lines(self, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """Yield the file, line by line; in memory is one page of the log."""
        if self._kind == "csv":
            yield self._taken(_csv_line(FIELDS))
        for page in walk(self._session, self._tally, self._tell, self._part.subject):
            for entry in _within(self._session, page, self._part):
                self._written.take(entry)
                yield self._taken(_line(entry, self._kind))
            if progress is not None:
                progress(len(page))

    def _taken(self, line: bytes) -> bytes:
        self._written.digest.update(line)
        return line

    def header(self) -> dict[str, Any]:
        """Return the signed header, once all lines are through."""
        if self._part.subject is None:
            tell_missing(self._session, self._tally, self._tell)
        return _header(self._key, self._kind, self._part, self._written, self._tally)


def export(
    session: Any,
    path: Path,
    kind: str,
    part: Part,
    *,
    tell: Tell,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write an :class:`Export` to *path* and its signature beside it; return the signed header.

    :raises ExportRefused: one of the files is there already, or cannot be written; or there is
        nothing to export.
    :raises ConfigurationError: no signing key is set.
    """
    signing_key()
    beside = signature_file(path)
    for file in (path, beside):
        if file.exists():
            raise ExportRefused(f"{file} exists already: choose another name, or move it away.")
    made = Export(session, kind, part, tell)
    try:
        with open(path, "xb", opener=_private) as out:
            out.writelines(made.lines(progress))
        header = made.header()
        with open(beside, "xb", opener=_private) as out_beside:
            out_beside.write(signature_text(header))
    except FileExistsError as error:
        raise ExportRefused(f"{error.filename} appeared meanwhile; nothing was signed.") from None
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ExportRefused(f"{path} cannot be written: {error.strerror}.") from None
        raise
    return header


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _require_something(session: Any, subject: str | None) -> None:
    """Refuse to sign that there is nothing: whoever removed it all would have it in writing."""
    if subject is None:
        problem = nothing_there(session)
    elif has_chain(session, subject):
        problem = None
    elif is_known(session, subject):
        problem = f"The whole chain of {subject} was removed from the audit log."
    else:
        problem = (
            f"Nothing is known of subject {subject!r}: it is misspelt, or was removed with its "
            "whole chain."
        )
    session.rollback()
    if problem is not None:
        raise ExportRefused(f"{problem} Nothing was exported.")


def _header(
    key: Ed25519PrivateKey, kind: str, part: Part, written: _Written, tally: Tally
) -> dict[str, Any]:
    def told(value: datetime | None) -> str | None:
        return moment(value) if value is not None else None

    header: dict[str, Any] = {
        "version": VERSION,
        "algorithm": ALGORITHM,
        "public_key": public_key(),
        "format": kind,
        "sha256": written.digest.hexdigest(),
        "entries": written.entries,
        "chains": written.chains,
        "first_at": told(written.first_at),
        "last_at": told(written.last_at),
        "since": told(part.since),
        "until": told(part.until),
        "subject": part.subject,
        "chains_intact": tally.broken == 0,
        "created_at": told(clock.now()),
    }
    header["signature"] = urlsafe_b64encode(key.sign(signed_bytes(header))).decode()
    return header


def _within(session: Any, page: list[Any], part: Part) -> Iterator[Any]:
    """Yield the entries of a page that belong to the part, each chain without a gap."""
    if part.since is None and part.until is None:
        yield from page
        return
    subjects = {entry.subject for entry in page}
    asked = select(_ENTRY.subject, func.min(_ENTRY.sequence), func.max(_ENTRY.sequence))
    asked = asked.where(_ENTRY.subject.in_(subjects)).group_by(_ENTRY.subject)
    if part.since is not None:
        asked = asked.where(_ENTRY.at >= part.since)
    if part.until is not None:
        asked = asked.where(_ENTRY.at < part.until)
    spans = {subject: (first, last) for subject, first, last in session.execute(asked)}
    for entry in page:
        first, last = spans.get(entry.subject, (1, 0))
        if first <= entry.sequence <= last:
            yield entry


def _line(entry: Any, kind: str) -> bytes:
    values = {name: getattr(entry, name) for name in FIELDS} | {"at": moment(entry.at)}
    if kind == "jsonl":
        return (json.dumps(values, separators=(",", ":")) + "\n").encode()
    values["facts"] = json.dumps(values["facts"], sort_keys=True, separators=(",", ":"))
    return _csv_line(tuple(values.values()))


def _csv_line(values: tuple[Any, ...]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_harmless(value) for value in values])
    return out.getvalue().encode()


def _harmless(value: Any) -> str:
    """Keep a spreadsheet from taking a value for a formula: an apostrophe in front makes it text.

    A value that has one by itself gets another, so that the first may always be taken off.
    """
    text = "" if value is None else str(value)
    risky = text.lstrip()[:1] in ("=", "+", "-", "@", "'") or text[:1].isspace()
    return f"'{text}" if text and risky else text
