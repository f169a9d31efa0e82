"""The admin pages: providers, applications, verifications, identities.

Mounted by the extension; nobody enters before the host has said who may (``admin_check``).
"""

from . import (
    applications,
    audit_files,
    audit_log,
    callbacks,
    exports,
    identities,
    overview,
    people,
    pictures,
    privacy,
    provider_tests,
    providers,
    reviews,
    verifications,
)
from .blueprint import blueprint

__all__ = [
    "applications",
    "audit_files",
    "audit_log",
    "blueprint",
    "callbacks",
    "exports",
    "identities",
    "overview",
    "people",
    "pictures",
    "privacy",
    "provider_tests",
    "providers",
    "reviews",
    "verifications",
]
