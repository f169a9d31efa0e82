"""The host of ``test_rotation_under_load`` as ``flask --app`` finds it in another process."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask

from tests.hosts import make_host

OLD, NEW = "old:" + "A" * 43, "new:" + "B" * 43
OWN = {
    "IDVERIFY_AUDIT_KEYS": ["a1:" + "C" * 43],
    "IDVERIFY_FINGERPRINT_KEYS": ["f2:" + "D" * 43, "f1:" + "E" * 43],
}


def settings(uri: str, *keys: str) -> dict[str, Any]:
    """Return what every process of the installation is configured with."""
    return {"SQLALCHEMY_DATABASE_URI": uri, "IDVERIFY_ENCRYPTION_KEYS": list(keys), **OWN}


def create_app() -> Flask:
    """Make the app with the new key first, in front of what its database holds already."""
    return make_host(tables=False, **settings(os.environ["ROTATING_URI"], NEW, OLD)).app
