"""Identity verification for Flask apps."""

from .claims import Claim, Consent
from .extension import IDVerify
from .guards import current_identity, identity_required

__all__ = ["Claim", "Consent", "IDVerify", "current_identity", "identity_required"]
