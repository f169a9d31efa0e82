"""``flask idverify …``: the extension at the command line."""

from . import checks, people, providers, work
from .group import commands

__all__ = ["checks", "commands", "people", "providers", "work"]
