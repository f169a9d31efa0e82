"""The app's own secrets: made at the first start, kept in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

_FILE = "keys.json"


def own_keys(folder: Path) -> dict[str, Any]:
    """Return ``SECRET_KEY`` and ``IDVERIFY_ENCRYPTION_KEYS`` of the instance in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FILE
    fresh = {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "IDVERIFY_ENCRYPTION_KEYS": [secrets.token_urlsafe(32)],
    }
    try:
        # The mode belongs to the creation: there is no moment in which others could read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(fresh, file)
    return dict(fresh)
