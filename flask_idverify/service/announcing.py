"""What is told after a committed transition."""

from __future__ import annotations

from ..models import Verification
from ..signals import identity_verified, review_needed, tell, verification_updated
from ..states import Status


def announce(verification: Verification, *, moved: bool) -> None:
    """Send the signals that follow a committed transition."""
    if not moved:
        return
    tell(verification_updated, verification=verification)
    if verification.status is Status.in_review:
        tell(review_needed, verification=verification)
    if verification.status is Status.approved and not verification.is_test:
        tell(identity_verified, identity=verification.identity, verification=verification)
