"""The tables, on a declarative base of our own; the host's metadata gets copies (``columns``).

Constraints are named one by one: a name from a naming convention is lost when a table is copied.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from . import clock, runtime
from .claims import Claim, Consent, Document
from .columns import Exact, LongText, Moment, TextEnum, sealed_bytes, sealed_json, sealed_text
from .states import Standing, Status

CATEGORY = "ID Verification"


class Base(DeclarativeBase):
    """Our declarative base. Primary keys are uuids made here: ciphertexts are bound to them."""

    type_annotation_map = {  # noqa: RUF012 - the name and type are SQLAlchemy's
        datetime: Moment(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        list[dict[str, Any]]: JSON(),
        Status: TextEnum(Status),
        Standing: TextEnum(Standing),
    }

    def __init__(self, **values: Any) -> None:
        # First of all: what is sealed below is bound to it.
        self.id = values.pop("id", None) or str(uuid.uuid4())
        for name, value in values.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no attribute {name!r}")
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    id: Mapped[str] = mapped_column(Exact(36), primary_key=True, sort_order=-1)


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
    callback_key_sealed: Mapped[str] = mapped_column(Text())
    callback_key_digest: Mapped[str] = mapped_column(Exact(64))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    client_secret = sealed_text("client_secret_sealed")
    #: The last segment of the bare callback URL, which an admin may enter in the vendor's portal.
    callback_key = sealed_text("callback_key_sealed")


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


class Identity(Base):
    """A user's standing with us: the claim, and once verified, the locked facts."""

    __tablename__ = "idverify_identity"
    __table_args__ = (
        UniqueConstraint("user_id", name="uq_idverify_identity_user"),
        UniqueConstraint("subject", name="uq_idverify_identity_subject"),
        Index("ix_idverify_identity_fingerprint", "number_fingerprint"),
        Index("ix_idverify_identity_expiry", "standing", "expires_at"),
    )

    user_id: Mapped[str] = mapped_column(Exact(255))
    #: What the audit log speaks of: erasing this mapping makes the log anonymous.
    subject: Mapped[str] = mapped_column(Exact(36), default=lambda: str(uuid.uuid4()))
    claim_sealed: Mapped[str | None] = mapped_column(Text())
    document_sealed: Mapped[str | None] = mapped_column(Text())
    number_fingerprint: Mapped[str | None] = mapped_column(Exact(96))
    standing: Mapped[Standing] = mapped_column(default=Standing.unverified)
    verified_at: Mapped[datetime | None] = mapped_column()
    expires_at: Mapped[datetime | None] = mapped_column()
    #: The verification that verified the user; by id alone, since the tables refer to each other.
    verification_id: Mapped[str | None] = mapped_column(Exact(36))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    claim = sealed_json("claim_sealed", Claim.to_dict, lambda data: Claim(**data))
    document = sealed_json("document_sealed", Document.to_dict, Document.from_dict)

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


class Verification(Base):
    """One attempt of one user with one provider."""

    __tablename__ = "idverify_verification"
    __table_args__ = (
        UniqueConstraint("active_key", name="uq_idverify_verification_active"),
        UniqueConstraint("reference", name="uq_idverify_verification_reference"),
        UniqueConstraint("callback_key_digest", name="uq_idverify_verification_callback_key"),
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
        Index("ix_idverify_verification_user", "user_id", "created_at"),
        Index("ix_idverify_verification_identity", "identity_id"),
        Index("ix_idverify_verification_application", "application_id"),
        Index("ix_idverify_verification_provider", "provider_id", "vendor_reference"),
        Index("ix_idverify_verification_status", "status", "created_at"),
        Index("ix_idverify_verification_due", "next_poll_at"),
    )

    user_id: Mapped[str] = mapped_column(Exact(255))
    identity_id: Mapped[str] = mapped_column(Exact(36))
    application_id: Mapped[str | None] = mapped_column(Exact(36))
    provider_id: Mapped[str] = mapped_column(Exact(36))
    is_test: Mapped[bool] = mapped_column(Boolean(), default=False)
    #: One unfinished attempt per user and application: set while unfinished, cleared at the end.
    active_key: Mapped[str | None] = mapped_column(Exact(64))

    status: Mapped[Status] = mapped_column(default=Status.created)
    reason: Mapped[str | None] = mapped_column(Exact(60))
    reasons: Mapped[list[str]] = mapped_column(default=list)
    retryable: Mapped[bool] = mapped_column(Boolean(), default=False)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    checks: Mapped[list[str]] = mapped_column(default=list)
    rule: Mapped[str | None] = mapped_column(Exact(60))
    risk: Mapped[float | None] = mapped_column(Float())
    #: The vendor took an approval back (or gave one late); the admin should look.
    reversed_at: Mapped[datetime | None] = mapped_column()
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

    next_poll_at: Mapped[datetime | None] = mapped_column()
    polls: Mapped[int] = mapped_column(Integer(), default=0)
    leased_until: Mapped[datetime | None] = mapped_column()

    claim = sealed_json("claim_sealed", Claim.to_dict, lambda data: Claim(**data))
    document = sealed_json("document_sealed", Document.to_dict, Document.from_dict)
    consent = sealed_json("consent_sealed", Consent.to_dict, Consent.from_dict)
    redirect_url = sealed_text("redirect_url_sealed")
    note = sealed_text("note_sealed")

    provider: Mapped[Provider] = relationship()
    application: Mapped[Application | None] = relationship()
    identity: Mapped[Identity] = relationship()


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

    verification: Mapped[Verification | None] = relationship()


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
        Index("ix_idverify_audit_at", "at"),
    )

    subject: Mapped[str] = mapped_column(Exact(36))
    sequence: Mapped[int] = mapped_column(Integer())
    at: Mapped[datetime] = mapped_column()
    actor: Mapped[str] = mapped_column(Exact(255))
    action: Mapped[str] = mapped_column(Exact(60))
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    key_id: Mapped[str] = mapped_column(Exact(16))
    previous_mac: Mapped[str] = mapped_column(Exact(64), default="")
    mac: Mapped[str] = mapped_column(Exact(64))
    #: A person's own words, sealed; only their keyed digest is under the mac.
    note_sealed: Mapped[str | None] = mapped_column(Text())

    note = sealed_text("note_sealed")
