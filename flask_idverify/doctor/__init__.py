"""What ``flask idverify doctor`` looks at: the mistakes that are made in real installations."""

from __future__ import annotations

from .. import runtime
from . import app as around
from . import stored
from .advice import Advice

__all__ = ["Advice", "examine"]


def examine() -> list[Advice]:
    """Look at the current app and return everything worth saying, the good news included."""
    app = runtime.current()
    found: list[Advice] = []
    for part in (
        around.settings,
        around.late,
        around.login,
        around.cookies,
        around.celery,
        around.callbacks,
        around.retention,
        stored.tables,
        stored.database,
        stored.keys,
        stored.providers,
        stored.applications,
        stored.owed,
    ):
        found.extend(part(app))
    return found
