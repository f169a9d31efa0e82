"""The audit log, and the rows that make transactions follow each other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..columns import Exact, sealed_text
from .base import Base


class Gate(Base):
    """A row that transactions pass one after another; its id names what they are about."""

    __tablename__ = "idverify_gate"
    passes: Mapped[int] = mapped_column(Integer(), default=0)


class AuditHead(Base):
    """The end of one subject's chain (its id): serialises writers, betrays a cut tail."""

    __tablename__ = "idverify_audit_head"
    sequence: Mapped[int] = mapped_column(Integer(), default=0)
    mac: Mapped[str] = mapped_column(Exact(96), default="")


class AuditEntry(Base):
    """One step, chained to the one before it. Holds no personal data."""

    __tablename__ = "idverify_audit"
    __table_args__ = (
        UniqueConstraint("subject", "sequence", name="uq_idverify_audit_sequence"),
        # The admins' list walks one of these in its order; of one subject it sorts the short chain.
        # No other table grows as fast, so there is one index for each question that is asked: what
        # happened on these days, what did this admin do, when did such a step happen.
        Index("ix_idverify_audit_at", "at", "id"),
        Index("ix_idverify_audit_actor", "actor", "at", "id"),
        Index("ix_idverify_audit_action", "action", "at", "id"),
    )

    subject: Mapped[str] = mapped_column(Exact(36))
    sequence: Mapped[int] = mapped_column(Integer())
    at: Mapped[datetime] = mapped_column()
    actor: Mapped[str] = mapped_column(Exact(255))
    #: From where: an address (see ``origin``), ``cli``, or nothing.
    origin: Mapped[str | None] = mapped_column(Exact(64))
    action: Mapped[str] = mapped_column(Exact(60))
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    key_id: Mapped[str] = mapped_column(Exact(16))
    previous_mac: Mapped[str] = mapped_column(Exact(64), default="")
    mac: Mapped[str] = mapped_column(Exact(64))
    #: A person's own words, sealed; only their keyed digest is under the mac.
    note_sealed: Mapped[str | None] = mapped_column(Text())

    note = sealed_text("note_sealed")
