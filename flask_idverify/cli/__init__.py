"""``flask idverify …``: the extension at the command line."""

from . import audit, callbacks, checks, keys, links, people, providers, retention, work
from .group import commands

__all__ = [
    "audit",
    "callbacks",
    "checks",
    "commands",
    "keys",
    "links",
    "people",
    "providers",
    "retention",
    "work",
]
