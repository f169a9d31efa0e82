"""What only its owner may read: the app's own secrets, made at the first start, and its folder."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

_FILE = "keys.json"


def make_private(folder: Path, database: str) -> None:
    """Make *folder*, and the file *database* in it, for their owner alone.

    A folder that is there already keeps its mode; SQLite gives the files that it puts beside the
    database the mode of the database.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / database
    # SQLite takes an empty file for a new database.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def own_keys(folder: Path) -> dict[str, Any]:
    """Return the secret settings of the instance in *folder*."""
    path = folder / _FILE
    fresh = {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "IDVERIFY_ENCRYPTION_KEYS": [secrets.token_urlsafe(32)],
        "IDVERIFY_AUDIT_SIGNING_KEY": secrets.token_urlsafe(32),
    }
    try:
        # The mode belongs to the creation: there is no moment in which others could read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        return dict(json.loads(path.read_text(encoding="utf-8")))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(fresh, file)
    return dict(fresh)
