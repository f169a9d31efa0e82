"""Other users in whose attempts the vendor saw the same face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from ..models import Provider, Verification

#: References that are looked up, and attempts that are kept: more helps nobody to decide.
LIMIT = 50


def resolve(session: Any, verification: Verification, references: Sequence[str]) -> list[str]:
    """Return the ids of other users' verifications that the vendor's *references* point to.

    What is unknown, or the user's own, is dropped. Two providers that are one account at the
    vendor (the same type, endpoint and client id) count as one, since the vendor compares faces
    within an account. Only reads.

    :param references: :attr:`.Outcome.related`.
    :return: oldest first.
    """
    if not references:
        return []
    # Vendors write UUIDs in either case; some databases tell them apart.
    wanted = {form for one in references[:LIMIT] for form in (one, one.lower(), one.upper())}
    own = verification.provider
    found = session.scalars(
        select(Verification.id)
        .join(Provider, Provider.id == Verification.provider_id)
        .where(
            Provider.type == own.type,
            Provider.endpoint == own.endpoint,
            Provider.client_id == own.client_id,
            Verification.vendor_reference.in_(wanted),
            Verification.identity_id != verification.identity_id,
        )
        .order_by(Verification.created_at, Verification.id)
        .limit(LIMIT)
    )
    return list(found)
