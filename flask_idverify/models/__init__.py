"""The tables, on a declarative base of our own; the host's metadata gets copies (``columns``).

Constraints are named one by one: a name from a naming convention is lost when a table is copied.
"""

from .attempts import Verification
from .base import Base
from .inbox import CallbackRow, OutboxRow
from .log import AuditEntry, AuditHead, Gate
from .people import Identity, VendorAccount
from .setup import CATEGORY, Application, Link, Provider, ProviderUsage
from .workers import WorkerRow

__all__ = [
    "CATEGORY",
    "Application",
    "AuditEntry",
    "AuditHead",
    "Base",
    "CallbackRow",
    "Gate",
    "Identity",
    "Link",
    "OutboxRow",
    "Provider",
    "ProviderUsage",
    "VendorAccount",
    "Verification",
    "WorkerRow",
]
