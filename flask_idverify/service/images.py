"""Pictures at the vendor: shown to an admin who asks, audited, never stored."""

from __future__ import annotations

from sqlalchemy import select

from .. import audit
from ..errors import NotFound, ReasonMissing
from ..models import Provider, Verification
from ..phrases import phrase
from ..types import FetchRequest, Image
from .asking import asking
from .sessions import require_clean

_ERASED = phrase("This verification was erased; its pictures are not shown any more.")


def image_names(verification: Verification) -> tuple[str, ...]:
    """Ask the vendor which pictures it has of *verification*; none of them is fetched.

    ``db.session`` is committed.

    :raises NotFound: there can be none: erased here, or never opened at the vendor.
    :raises VendorError: the vendor could not be asked, or has deleted them.
    """
    provider, request, _ = _at_vendor(verification)
    with asking(provider, tells_standing=False) as adapter:
        return adapter.images(request)


def image(verification: Verification, name: str, *, admin: str) -> Image:
    """Fetch one picture for an admin. That they saw it is committed before it is returned.

    :param name: one of :func:`image_names`.
    :param admin: user id of the admin who looks; kept in the audit log.
    :raises ReasonMissing: *admin* is empty.
    :raises NotFound: as :func:`image_names`.
    :raises VendorError: the vendor could not be asked, has deleted it, or sent no picture.
    """
    if not admin.strip():
        raise ReasonMissing(phrase("A look at a picture needs the admin's name."))
    row_id = verification.id
    facts = {"verification": row_id, "image": name}
    provider, request, subject = _at_vendor(verification)
    with asking(provider, tells_standing=False) as adapter:
        found = adapter.image(request, name)
    session = require_clean()
    audit.append(session, subject, "verification.image_viewed", actor=f"admin:{admin}", facts=facts)
    # An erasure that was committed while the vendor answered wins.
    erased = session.scalar(select(Verification.erased_at).where(Verification.id == row_id))
    if erased is not None:
        session.rollback()
        raise NotFound(_ERASED)
    session.commit()
    return found


def _at_vendor(verification: Verification) -> tuple[Provider, FetchRequest, str]:
    """Return whom to ask, what, and the audit's subject."""
    session = require_clean()
    session.refresh(verification)
    subject = verification.identity.subject
    if verification.erased_at is not None:
        raise NotFound(_ERASED)
    if verification.vendor_reference is None:
        raise NotFound(
            phrase("The vendor never opened this verification, so it has no pictures of it.")
        )
    request = FetchRequest(
        vendor_reference=verification.vendor_reference,
        account_id=verification.account_id,
        facts=dict(verification.facts),
        patient=False,  # somebody waits for a page
    )
    return verification.provider, request, subject
