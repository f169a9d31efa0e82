"""Checks an exported audit log without the app: ``python audit_check.py FILE --public-key KEY``.

Needs nothing but Python 3.10 and the package ``cryptography``; hand this file to whoever shall
check. What it proves: the file is what the holder of the signing key wrote, to the byte, and each
subject's entries follow each other without a gap.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERSION = 1
ALGORITHM = "Ed25519"
NO_KEY = (
    "Pass --public-key: the key inside the signature file proves nothing, since whoever forged the "
    "file would have put their own there. Pass the one you were given."
)
_LARGEST_SIGNATURE_FILE = 65536


class CheckFailed(Exception):
    """The export is not what was signed, or its chains do not hold."""


def signed_bytes(header: dict[str, Any]) -> bytes:
    """Return what the signature is made over: every field of the header but itself."""
    content = {name: value for name, value in header.items() if name != "signature"}
    return b"idverify audit export\n" + json.dumps(
        content, sort_keys=True, separators=(",", ":")
    ).encode("ascii")


def signature_file(path: Path) -> Path:
    """Return where the signature of *path* stands."""
    return path.with_name(path.name + ".sig")


def signature_text(header: dict[str, Any]) -> bytes:
    """Return what a signature file holds: no other bytes pass, or two could say one thing."""
    return json.dumps(header, indent=2, sort_keys=True).encode("ascii") + b"\n"


def check(path: Path, public_key: str) -> dict[str, Any]:
    """Check an export and return its header.

    :param public_key: as ``flask idverify audit public-key`` prints it.
    :raises CheckFailed: saying what is wrong.
    """
    header, problem = signed(path, public_key)
    if header.get("chains_intact") is not True:
        found = f" First in this file: {problem}." if problem else ""
        raise CheckFailed(
            f"{path.name} is what was signed, but the log was broken already when it was exported."
            f"{found}"
        )
    if problem is not None:
        raise CheckFailed(f"{path.name} is what was signed, but {problem}.")
    return header


def signed(path: Path, public_key: str) -> tuple[dict[str, Any], str | None]:
    """Return the header of an export that is what was signed, and what is wrong with its chains.

    :raises CheckFailed: the file or its header is not what was signed with that key.
    """
    key = _public_key(public_key)
    header = _header(path, key, public_key)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise CheckFailed(f"{path.name} cannot be read: {error.strerror}.") from None
    count, problem = _follow(path, header)
    if digest.hexdigest() != header["sha256"]:
        if problem is None and count != header["entries"]:
            problem = f"it holds {count} entries, {header['entries']} were signed"
        where = f" ({problem})" if problem else ""
        raise CheckFailed(f"{path.name} was changed after it was signed{where}.")
    if problem is None and count != header["entries"]:
        problem = "entries are missing"
    return header, problem


def _public_key(text: str) -> Ed25519PublicKey:
    text = text.strip()
    try:
        return Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise CheckFailed(
            "The public key must be 32 bytes in url-safe base64, as `flask idverify audit "
            "public-key` prints it."
        ) from None


def _header(path: Path, key: Ed25519PublicKey, public_key: str) -> dict[str, Any]:
    beside = signature_file(path)
    try:
        with beside.open("rb") as file:
            raw = file.read(_LARGEST_SIGNATURE_FILE + 1)
        if len(raw) > _LARGEST_SIGNATURE_FILE:
            raise CheckFailed(f"{beside.name} is too large for a signature file.")
        header = json.loads(raw, object_pairs_hook=_once)
        signature = urlsafe_b64decode(header["signature"])
    except FileNotFoundError:
        raise CheckFailed(f"{beside.name} is missing: without it nothing can be checked.") from None
    except OSError as error:
        raise CheckFailed(f"{beside.name} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CheckFailed(f"{beside.name} is not a signature file of an audit export.") from None
    try:
        key.verify(signature, signed_bytes(header))
    except InvalidSignature:
        if str(header.get("public_key")).rstrip("=") != public_key.strip().rstrip("="):
            raise CheckFailed(
                f"{beside.name} was signed with another key than the one you passed."
            ) from None
        raise CheckFailed(f"{beside.name} was changed: its signature does not hold.") from None
    plain = urlsafe_b64encode(signature).decode() == header["signature"]
    if not plain or raw != signature_text(header):
        raise CheckFailed(
            f"{beside.name} was changed: it says what was signed, but not in the bytes that were "
            "written."
        )
    if header.get("version") != VERSION or header.get("algorithm") != ALGORITHM:
        raise CheckFailed(
            f"{beside.name} is of another version ({header.get('version')}): take the checker of "
            "the release that wrote it."
        )
    return header  # type: ignore[no-any-return]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a field that stands there twice: readers would differ in which of them counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands there twice")
    return found


def _follow(path: Path, header: dict[str, Any]) -> tuple[int, str | None]:
    """Return how many entries there are, and the first that does not follow the one before."""
    seen: set[str] = set()
    subject, sequence, mac = "", 0, ""
    count, problem = 0, None
    try:
        for number, entry in rows(path, header.get("format")):
            count += 1
            if problem is not None:
                continue
            here = f"line {number}"
            if entry["subject"] != subject:
                subject, sequence, mac = entry["subject"], 0, ""
                if subject in seen:
                    problem = f"{here}: the entries of {subject} do not stand together"
                seen.add(subject)
                if header.get("since") is not None:  # an excerpt may begin anywhere
                    sequence, mac = int(entry["sequence"]) - 1, entry["previous_mac"]
            if problem is None and int(entry["sequence"]) != sequence + 1:
                problem = (
                    f"{here}: number {entry['sequence']} of {subject} follows number {sequence}"
                )
            elif problem is None and entry["previous_mac"] != mac:
                problem = f"{here}: number {entry['sequence']} of {subject} does not link back"
            sequence, mac = int(entry["sequence"]), entry["mac"]
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error):
        return count, problem or f"entry {count} cannot be read"
    return count, problem


def rows(path: Path, kind: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the entries of an export with the numbers of their lines."""
    with path.open(encoding="utf-8", newline="" if kind == "csv" else "\n") as file:
        if kind == "csv":
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                yield reader.line_num, row
        else:
            for number, line in enumerate(file, 1):
                yield number, json.loads(line)


def told(header: dict[str, Any]) -> str:
    """Return the good news about a checked export."""
    return (
        f"The signature holds: {header['entries']} entries in {header['chains']} chains, exported "
        f"{header['created_at']}, from {header['since'] or 'the beginning'} to "
        f"{header['until'] or 'the end'}"
        f"{', of one subject' if header['subject'] else ''}. Nothing was changed."
    )


def main(arguments: list[str] | None = None) -> int:
    """Check one export; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="audit_check", description="Check an exported audit log of Flask-IDVerify."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--public-key", help="the one you were given")
    given = parser.parse_args(arguments)
    if not given.public_key:
        parser.error(NO_KEY)
    try:
        print(told(check(given.file, given.public_key)))  # noqa: T201 - it is a program
    except CheckFailed as error:
        print(error, file=sys.stderr)  # noqa: T201 - it is a program
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
