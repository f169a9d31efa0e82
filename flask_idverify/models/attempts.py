"""Verifications: one attempt of one user with one provider."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..claims import Claim, Consent, Document
from ..columns import Exact, sealed_json, sealed_text
from ..states import Status
from .base import Base
from .people import Identity
from .setup import Application, Provider


class Verification(Base):
    """One attempt of one user with one provider."""

    __tablename__ = "idverify_verification"
    __table_args__ = (
        UniqueConstraint("active_key", name="uq_idverify_verification_active"),
        UniqueConstraint("reference", name="uq_idverify_verification_reference"),
        UniqueConstraint("callback_key_digest", name="uq_idverify_verification_callback_key"),
        UniqueConstraint("related_key", name="uq_idverify_verification_related_key"),
        ForeignKeyConstraint(
            ["identity_id"], ["idverify_identity.id"], name="fk_idverify_verification_identity"
        ),
        ForeignKeyConstraint(
            ["application_id"],
            ["idverify_application.id"],
            name="fk_idverify_verification_application",
        ),
        ForeignKeyConstraint(
            ["provider_id"], ["idverify_provider.id"], name="fk_idverify_verification_provider"
        ),
        # Each makes every write dearer, so each says what it is for. The admins' list walks one of
        # them in its order, whatever it filters by; ``id`` decides between equal moments.
        Index("ix_idverify_verification_created", "created_at", "id"),
        Index("ix_idverify_verification_status", "status", "created_at", "id"),
        Index("ix_idverify_verification_provider", "provider_id", "created_at", "id"),
        Index("ix_idverify_verification_application", "application_id", "created_at", "id"),
        # What has no reason (approved, unfinished) costs this one nothing, where an engine can.
        Index(
            "ix_idverify_verification_reason",
            *("reason", "created_at", "id"),
            postgresql_where=text("reason IS NOT NULL"),
            sqlite_where=text("reason IS NOT NULL"),
        ),
        # Tests are few among a million users' attempts, and an index of them alone is tiny.
        Index(
            "ix_idverify_verification_test",
            *("is_test", "created_at", "id"),
            postgresql_where=text("is_test = true"),
            sqlite_where=text("is_test = 1"),
        ),
        # What ended when, and how, for the overview: holds all that it counts by, so that the rows
        # themselves are not read. Written once, at the end.
        Index(
            "ix_idverify_verification_finished",
            *("finished_at", "provider_id", "status", "is_test"),
            postgresql_where=text("finished_at IS NOT NULL"),
            sqlite_where=text("finished_at IS NOT NULL"),
        ),
        # One person's few attempts: the limit on attempts, the user's page, erasure, the list.
        Index("ix_idverify_verification_user", "user_id", "created_at"),
        Index("ix_idverify_verification_identity", "identity_id", "created_at"),
        # Of callbacks to a provider's bare URL, and of what an admin searches for.
        Index("ix_idverify_verification_vendor", "vendor_reference"),
        # What is due next, and what has outlived its time.
        Index("ix_idverify_verification_due", "next_poll_at"),
        Index("ix_idverify_verification_retention", "erased_at", "status", "finished_at"),
    )

    user_id: Mapped[str] = mapped_column(Exact(255))
    identity_id: Mapped[str] = mapped_column(Exact(36))
    application_id: Mapped[str | None] = mapped_column(Exact(36))
    provider_id: Mapped[str] = mapped_column(Exact(36))
    is_test: Mapped[bool] = mapped_column(Boolean(), default=False)
    #: One unfinished attempt per user and application: set while unfinished, cleared at the end.
    active_key: Mapped[str | None] = mapped_column(Exact(64))

    status: Mapped[Status] = mapped_column(default=Status.created)
    #: The first of ``reasons``, in a column of its own since lists show it and filter by it.
    reason: Mapped[str | None] = mapped_column(Exact(60))
    reasons: Mapped[list[str]] = mapped_column(default=list)
    retryable: Mapped[bool] = mapped_column(Boolean(), default=False)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    checks: Mapped[list[str]] = mapped_column(default=list)
    rule: Mapped[str | None] = mapped_column(Exact(60))
    risk: Mapped[float | None] = mapped_column(Float())
    #: The vendor took an approval back (or gave one late); the admin should look.
    reversed_at: Mapped[datetime | None] = mapped_column()
    #: Keys (below) of other users' verifications in which the vendor saw the same face.
    related: Mapped[list[str]] = mapped_column(default=list)
    #: What later verifications name this one by in ``related``: random, and nothing else knows it.
    #: Once it is gone, what still names it leads nowhere.
    related_key: Mapped[str | None] = mapped_column(Exact(36), default=lambda: str(uuid.uuid4()))
    policy: Mapped[dict[str, Any]] = mapped_column(default=dict)
    claim_sealed: Mapped[str | None] = mapped_column(Text())
    document_sealed: Mapped[str | None] = mapped_column(Text())
    consent_sealed: Mapped[str | None] = mapped_column(Text())

    #: What the vendor calls ``customerInternalReference``: random, says nothing of the person.
    reference: Mapped[str] = mapped_column(Exact(64), default=lambda: secrets.token_urlsafe(18))
    vendor_reference: Mapped[str | None] = mapped_column(Exact(64))
    account_id: Mapped[str | None] = mapped_column(Exact(64))
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    answer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    redirect_url_sealed: Mapped[str | None] = mapped_column(Text())
    link_expires_at: Mapped[datetime | None] = mapped_column()
    callback_key_digest: Mapped[str] = mapped_column(Exact(64))

    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    started_at: Mapped[datetime | None] = mapped_column()
    returned_at: Mapped[datetime | None] = mapped_column()
    captured_at: Mapped[datetime | None] = mapped_column()
    finished_at: Mapped[datetime | None] = mapped_column()
    fetched_at: Mapped[datetime | None] = mapped_column()
    decided_by: Mapped[str | None] = mapped_column(Exact(255))
    note_sealed: Mapped[str | None] = mapped_column(Text())
    #: The vendor's own words of the last failed call, masked; for the admin only.
    vendor_message: Mapped[str | None] = mapped_column(Text())

    #: When everything personal was removed.
    erased_at: Mapped[datetime | None] = mapped_column()

    next_poll_at: Mapped[datetime | None] = mapped_column()
    polls: Mapped[int] = mapped_column(Integer(), default=0)
    #: Since when, and how often, the vendor has said that it has no such record (404).
    missing_since: Mapped[datetime | None] = mapped_column()
    missing_times: Mapped[int] = mapped_column(Integer(), default=0, server_default="0")
    leased_until: Mapped[datetime | None] = mapped_column()

    claim = sealed_json("claim_sealed", Claim.to_dict, lambda data: Claim(**data))
    document = sealed_json("document_sealed", Document.to_dict, Document.from_dict)
    consent = sealed_json("consent_sealed", Consent.to_dict, Consent.from_dict)
    redirect_url = sealed_text("redirect_url_sealed")
    note = sealed_text("note_sealed")

    provider: Mapped[Provider] = relationship()
    application: Mapped[Application | None] = relationship()
    identity: Mapped[Identity] = relationship()
