"""What ``flask idverify doctor`` looks at: the mistakes that are made in real installations."""

from __future__ import annotations

from .. import runtime
from . import app as around
from . import stored, vendors, work
from .advice import Advice

__all__ = ["Advice", "examine"]


def examine() -> list[Advice]:
    """Look at the current app and return everything worth saying, the good news included."""
    app = runtime.current()
    found: list[Advice] = []
    around_us = (
        around.settings,
        around.late,
        around.keys,
        around.templates,
        around.login,
        around.cookies,
        around.celery,
        around.callbacks,
        around.retention,
        stored.database,
        stored.tables,
    )
    in_our_tables = (
        stored.keys,
        stored.providers,
        vendors.standing,
        stored.applications,
        stored.starts,
        stored.owed,
        work.seen,
        work.callbacks,
    )
    for part in around_us:
        found.extend(part(app))
    if stored.missing(app):
        return found
    for look in in_our_tables:
        found.extend(look(app))
    return found
