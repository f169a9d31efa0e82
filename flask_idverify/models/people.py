"""Users as we know them: their standing, and the accounts that vendors keep for them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock, runtime
from ..claims import Claim, Document
from ..columns import Exact, sealed_json, sealed_text
from ..states import Standing
from .base import Base


class Identity(Base):
    """A user's standing with us: the claim, and once verified, the locked facts."""

    __tablename__ = "idverify_identity"
    __table_args__ = (
        UniqueConstraint("user_id", name="uq_idverify_identity_user"),
        UniqueConstraint("subject", name="uq_idverify_identity_subject"),
        Index("ix_idverify_identity_fingerprint", "number_fingerprint"),
        Index("ix_idverify_identity_expiry", "standing", "expires_at"),
        # The admins' list of people: in order of their coming, those of one standing, and those
        # who were verified on certain days, in the order of that.
        Index("ix_idverify_identity_created", "created_at", "id"),
        Index("ix_idverify_identity_standing", "standing", "created_at", "id"),
        Index("ix_idverify_identity_verified", "verified_at", "id"),
    )

    user_id: Mapped[str] = mapped_column(Exact(255))
    #: Who a deleted user was: a legal hold may lie on them. Goes with everything else personal.
    former_user_id_sealed: Mapped[str | None] = mapped_column(Text())
    #: What the audit log speaks of: erasing this mapping leaves the log without a name.
    subject: Mapped[str] = mapped_column(Exact(36), default=lambda: str(uuid.uuid4()))
    claim_sealed: Mapped[str | None] = mapped_column(Text())
    document_sealed: Mapped[str | None] = mapped_column(Text())
    number_fingerprint: Mapped[str | None] = mapped_column(Exact(96))
    standing: Mapped[Standing] = mapped_column(default=Standing.unverified)
    verified_at: Mapped[datetime | None] = mapped_column()
    expires_at: Mapped[datetime | None] = mapped_column()
    #: The verification that verified the user; by id alone, since the tables refer to each other.
    verification_id: Mapped[str | None] = mapped_column(Exact(36))
    #: When everything personal was removed; the row only keeps that somebody was decided upon.
    erased_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    claim = sealed_json("claim_sealed", Claim.to_dict, lambda data: Claim(**data))
    document = sealed_json("document_sealed", Document.to_dict, Document.from_dict)
    former_user_id = sealed_text("former_user_id_sealed")

    @property
    def is_verified(self) -> bool:
        """Whether the user is verified now (papers that ran out meanwhile do not count)."""
        if self.standing is not Standing.verified:
            return False
        return self.expires_at is None or self.expires_at > clock.now()

    @property
    def is_locked(self) -> bool:
        """Whether claim and document may not change."""
        return self.standing is not None and self.standing.is_locked

    def satisfies(self, application: Any = None) -> bool:
        """Whether the locked facts meet every demand of *application* (name, row or default)."""
        return runtime.current().satisfies(self, application)


class VendorAccount(Base):
    """The vendor's account of a returning user, where the vendor keeps accounts."""

    __tablename__ = "idverify_vendor_account"
    __table_args__ = (
        UniqueConstraint("user_id", "provider_id", name="uq_idverify_vendor_account_pair"),
        ForeignKeyConstraint(
            ["provider_id"], ["idverify_provider.id"], name="fk_idverify_vendor_account_provider"
        ),
        Index("ix_idverify_vendor_account_provider", "provider_id"),
    )

    user_id: Mapped[str] = mapped_column(Exact(255))
    provider_id: Mapped[str] = mapped_column(Exact(36))
    account_id: Mapped[str] = mapped_column(Exact(64))
