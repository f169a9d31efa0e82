"""What admins set up: providers, applications and the links between them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..columns import Exact, sealed_text
from .base import Base

CATEGORY = "ID Verification"


class Provider(Base):
    """A configured vendor account."""

    __tablename__ = "idverify_provider"
    __table_args__ = (
        UniqueConstraint("name", name="uq_idverify_provider_name"),
        UniqueConstraint("callback_key_digest", name="uq_idverify_provider_callback_key"),
    )

    name: Mapped[str] = mapped_column(Exact(100))
    category: Mapped[str] = mapped_column(Exact(40), default=CATEGORY)
    type: Mapped[str] = mapped_column(Exact(60))
    client_id: Mapped[str] = mapped_column(Exact(255))
    client_secret_sealed: Mapped[str] = mapped_column(Text())
    endpoint: Mapped[str] = mapped_column(Exact(255))
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    enabled: Mapped[bool] = mapped_column(Boolean(), default=True)
    #: What the contract with the vendor allows, as far as an admin knows. It holds nothing back.
    calls_per_day: Mapped[int | None] = mapped_column(Integer())
    callback_key_sealed: Mapped[str] = mapped_column(Text())
    callback_key_digest: Mapped[str] = mapped_column(Exact(64))
    #: The vendor's rate limit was reached: until then nothing is sent to it. Kept when it is over.
    backed_off_until: Mapped[datetime | None] = mapped_column()
    #: How often in a row it was. With a default of the database's own, so that a migration can add
    #: the column to rows that exist.
    refusals: Mapped[int] = mapped_column(Integer(), default=0, server_default="0")
    #: Why the vendor does not let us in, until it does again. Our words only: its own may name
    #: people, and stand on their attempts, which an erasure reaches.
    trouble: Mapped[str | None] = mapped_column(Text())
    trouble_since: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    client_secret = sealed_text("client_secret_sealed")
    #: The last segment of the bare callback URL, which an admin may enter in the vendor's portal.
    callback_key = sealed_text("callback_key_sealed")

    @property
    def is_backed_off(self) -> bool:
        """Whether the vendor has asked for peace."""
        return self.backed_off_until is not None and self.backed_off_until > clock.now()


class ProviderUsage(Base):
    """How often a provider's vendor was called on one day (UTC)."""

    __tablename__ = "idverify_provider_usage"
    __table_args__ = (
        UniqueConstraint("provider_id", "day", name="uq_idverify_provider_usage_day"),
        ForeignKeyConstraint(
            ["provider_id"], ["idverify_provider.id"], name="fk_idverify_provider_usage_provider"
        ),
        Index("ix_idverify_provider_usage_day", "day"),
    )

    provider_id: Mapped[str] = mapped_column(Exact(36))
    day: Mapped[date] = mapped_column(Date())
    #: Every request that was sent, repetitions and requests for tokens included.
    calls: Mapped[int] = mapped_column(Integer(), default=0)
    #: Of these, the ones that met the vendor's rate limit.
    refused: Mapped[int] = mapped_column(Integer(), default=0)
    #: Of these, the ones without an answer, or with an error; *no such record* is none.
    failed: Mapped[int] = mapped_column(Integer(), default=0)
    #: When the last call of an operation ended of which at least one was answered as we hoped.
    accepted_at: Mapped[datetime | None] = mapped_column()


class Application(Base):
    """What users are verified for: one host app, or each of its tenants or brands."""

    __tablename__ = "idverify_application"
    __table_args__ = (UniqueConstraint("name", name="uq_idverify_application_name"),)

    name: Mapped[str] = mapped_column(Exact(100))
    display_name: Mapped[str] = mapped_column(Exact(200), default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    links: Mapped[list[Link]] = relationship(
        back_populates="application", order_by="Link.position, Link.id"
    )


class Link(Base):
    """The application–provider row: position, enabled, policy, routing conditions."""

    __tablename__ = "idverify_application_provider"
    __table_args__ = (
        UniqueConstraint("application_id", "provider_id", name="uq_idverify_link_pair"),
        ForeignKeyConstraint(
            ["application_id"], ["idverify_application.id"], name="fk_idverify_link_application"
        ),
        ForeignKeyConstraint(
            ["provider_id"], ["idverify_provider.id"], name="fk_idverify_link_provider"
        ),
        Index("ix_idverify_link_provider", "provider_id"),
    )

    application_id: Mapped[str] = mapped_column(Exact(36))
    provider_id: Mapped[str] = mapped_column(Exact(36))
    position: Mapped[int] = mapped_column(Integer(), default=0)
    enabled: Mapped[bool] = mapped_column(Boolean(), default=True)
    policy: Mapped[dict[str, Any]] = mapped_column(default=dict)
    conditions: Mapped[dict[str, Any]] = mapped_column(default=dict)

    application: Mapped[Application] = relationship(back_populates="links")
    provider: Mapped[Provider] = relationship()
