"""The admin pages: providers, applications, verifications, identities.

Mounted by the extension; nobody enters before the host has said who may (``admin_check``).
"""

from . import (
    applications,
    callbacks,
    exports,
    identities,
    overview,
    pictures,
    privacy,
    provider_tests,
    providers,
    verifications,
)
from .blueprint import blueprint

__all__ = [
    "applications",
    "blueprint",
    "callbacks",
    "exports",
    "identities",
    "overview",
    "pictures",
    "privacy",
    "provider_tests",
    "providers",
    "verifications",
]
