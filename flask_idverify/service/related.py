"""Other users in whose attempts the vendor saw the same face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select

from ..models import Provider, Verification

#: References that are looked up, and attempts that are kept: more helps nobody to decide.
LIMIT = 50


def resolve(session: Any, verification: Verification, references: Sequence[str]) -> list[str]:
    """Return the keys of other users' verifications that the vendor's *references* point to.

    What is unknown, or the user's own, is dropped. Two providers that are one account at the
    vendor (the same type, endpoint and client id) count as one, since the vendor compares faces
    within an account. Only reads.

    :param references: :attr:`.Outcome.related`.
    :return: their ``related_key``, oldest first.
    """
    if not references:
        return []
    found = session.scalars(
        select(Verification.related_key)
        .join(Provider, Provider.id == Verification.provider_id)
        .where(
            *_named(verification, references),
            Verification.identity_id != verification.identity_id,
            Verification.related_key.is_not(None),
        )
        .order_by(Verification.created_at, Verification.id)
        .limit(LIMIT)
    )
    return list(found)


def unknown(session: Any, verification: Verification, references: Sequence[str]) -> int:
    """Return how many of the vendor's *references* no attempt here goes by, or not any more.

    As in :func:`resolve`, no more than :data:`LIMIT` are looked up. Only reads.
    """
    if not references:
        return 0
    found = session.scalars(
        select(Verification.vendor_reference)
        .join(Provider, Provider.id == Verification.provider_id)
        .where(*_named(verification, references))
    )
    return len({one.lower() for one in references[:LIMIT]} - {one.lower() for one in found})


def _named(verification: Verification, references: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of being named by *references* in an account at the vendor."""
    # Vendors write UUIDs in either case; some databases tell them apart.
    wanted = {form for one in references[:LIMIT] for form in (one, one.lower(), one.upper())}
    own = verification.provider
    return [
        Provider.type == own.type,
        Provider.endpoint == own.endpoint,
        Provider.client_id == own.client_id,
        Verification.vendor_reference.in_(wanted),
    ]
