"""What pages read: of an admin everything, of a user their own. Only reads."""

from .attempts import PAGE_SIZE, Counts, Filters, Page, status_counts, verifications
from .details import HISTORY, IdentityDetail, Step, VerificationDetail, identity, verification
from .setup import (
    ProviderType,
    ProviderUse,
    SetupNumbers,
    application,
    applications,
    default_checks,
    is_linked,
    link,
    linkable,
    provider,
    provider_type,
    provider_types,
    providers,
    setup_numbers,
)

__all__ = [
    "HISTORY",
    "PAGE_SIZE",
    "Counts",
    "Filters",
    "IdentityDetail",
    "Page",
    "ProviderType",
    "ProviderUse",
    "SetupNumbers",
    "Step",
    "VerificationDetail",
    "application",
    "applications",
    "default_checks",
    "identity",
    "is_linked",
    "link",
    "linkable",
    "provider",
    "provider_type",
    "provider_types",
    "providers",
    "setup_numbers",
    "status_counts",
    "verification",
    "verifications",
]
