"""What is owed: notifications to act on, and what we still have to tell others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..columns import Exact, LongText, Sealed, sealed_bytes, sealed_json
from .attempts import Verification
from .base import Base
from .setup import Provider


class CallbackRow(Base):
    """An inbound vendor notification as it came: a hint that something changed."""

    __tablename__ = "idverify_callback"
    __table_args__ = (
        UniqueConstraint("scope", "digest", name="uq_idverify_callback_once"),
        ForeignKeyConstraint(
            ["provider_id"], ["idverify_provider.id"], name="fk_idverify_callback_provider"
        ),
        ForeignKeyConstraint(
            ["verification_id"],
            ["idverify_verification.id"],
            name="fk_idverify_callback_verification",
        ),
        Index("ix_idverify_callback_provider", "provider_id"),
        Index("ix_idverify_callback_verification", "verification_id", "received_at"),
        Index("ix_idverify_callback_due", "next_try_at"),
        Index("ix_idverify_callback_open", "processed_at", "received_at"),
    )

    provider_id: Mapped[str] = mapped_column(Exact(36))
    verification_id: Mapped[str | None] = mapped_column(Exact(36))
    #: The verification's id, or the provider's where none was found: what the digest is unique in.
    scope: Mapped[str] = mapped_column(Exact(36))
    digest: Mapped[str] = mapped_column(Exact(96))
    content_type: Mapped[str] = mapped_column(Exact(100), default="")
    body_sealed: Mapped[str] = mapped_column(LongText)
    received_at: Mapped[datetime] = mapped_column(default=clock.now)
    processed_at: Mapped[datetime | None] = mapped_column()
    error: Mapped[str | None] = mapped_column(Text())
    tries: Mapped[int] = mapped_column(Integer(), default=0)
    #: When processing is owed; empty once processed.
    next_try_at: Mapped[datetime | None] = mapped_column(default=clock.now)
    leased_until: Mapped[datetime | None] = mapped_column()

    body = sealed_bytes("body_sealed")

    provider: Mapped[Provider] = relationship()
    verification: Mapped[Verification | None] = relationship()

    @property
    def is_in_process(self) -> bool:
        """Whether a worker has taken it and may still be at it."""
        return self.leased_until is not None and self.leased_until > clock.now()

    @property
    def next_try(self) -> datetime | None:
        """When it is tried next by itself: not before its vendor may be asked again."""
        if self.next_try_at is None or not self.provider.is_backed_off:
            return self.next_try_at
        return max(filter(None, (self.next_try_at, self.provider.backed_off_until)))


class OutboxRow(Base):
    """Something we owe somebody else; the row goes once it is done."""

    __tablename__ = "idverify_outbox"
    __table_args__ = (
        ForeignKeyConstraint(
            ["provider_id"], ["idverify_provider.id"], name="fk_idverify_outbox_provider"
        ),
        Index("ix_idverify_outbox_provider", "provider_id"),
        Index("ix_idverify_outbox_due", "next_try_at"),
        # Signals come and go in the same table; what vendors still have to delete is listed.
        Index("ix_idverify_outbox_kind", "kind", "created_at", "id"),
    )

    kind: Mapped[str] = mapped_column(Exact(40))
    #: What the audit log calls the person it is about.
    subject: Mapped[str] = mapped_column(Exact(36))
    provider_id: Mapped[str | None] = mapped_column(Exact(36))
    payload_sealed: Mapped[str | None] = mapped_column(Text())
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    tries: Mapped[int] = mapped_column(Integer(), default=0)
    error: Mapped[str | None] = mapped_column(Text())
    #: When the next try is due; empty once it was given up, which an admin may undo.
    next_try_at: Mapped[datetime | None] = mapped_column(default=clock.now)
    leased_until: Mapped[datetime | None] = mapped_column()

    payload: Sealed[dict[str, Any]] = sealed_json("payload_sealed", dict, dict)

    provider: Mapped[Provider | None] = relationship()
