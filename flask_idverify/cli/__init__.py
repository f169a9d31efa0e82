"""``flask idverify …``: the extension at the command line."""

from . import audit, checks, keys, people, providers, retention, work
from .group import commands

__all__ = ["audit", "checks", "commands", "keys", "people", "providers", "retention", "work"]
