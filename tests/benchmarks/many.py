"""Verifications by the thousand, written past the service: for lists, which only read them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import insert, select

from flask_idverify import clock
from flask_idverify.models import Application, AuditEntry, Identity, Provider, Verification
from flask_idverify.states import Reason, Standing, Status
from tests.hosts import Host

BATCH = 5000
#: The span in which they were made, unless another is asked for.
DAYS = 1000
NOW = clock.now()
#: Has as many verifications in a list of any length; everybody else has one or two.
REGULAR = "regular"
_ATTEMPTS = 40
#: So many verifications, each of somebody else, are in the small application of a list of any
#: length.
_FEW = 60
#: In a thousand rows each of these fills a page.
_STATUSES = (
    *(Status.approved,) * 60,
    *(Status.rejected,) * 20,
    *(Status.expired,) * 8,
    *(Status.in_review,) * 7,
    *(Status.started,) * 5,
)
_REASONS = (Reason.document_unreadable, Reason.face_mismatch, Reason.document_manipulated)
_TESTS = 0.06
_JUDGED = (Standing.verified, Standing.revoked)
_STANDINGS = (*(Standing.verified,) * 5, *(Standing.unverified,) * 3, Standing.revoked)
_ACTORS = (*("system", "vendor", "user") * 4, "admin:7")
_ACTIONS = (*("verification.created", "verification.started") * 3, "verification.approved")
_POLICY: dict[str, Any] = {"match_name": True, "minimum_age": 18}


class Filled(NamedTuple):
    """What can be filtered by."""

    provider: str
    application: str
    reference: str
    small: str


def fill(host: Host, count: int, days: int = DAYS) -> Filled:
    """Write *count* verifications of the last *days*; the same ones for the same numbers.

    Sealed values are of the usual length, and nobody can open them.
    """
    chance = random.Random(1)
    with host.app.app_context():
        providers = [
            host.add_provider("https://netverify.com", name=f"Provider {n}").id for n in range(3)
        ]
        for name in ("bank", "shop"):
            host.idverify.link(host.db.session.get_one(Provider, providers[0]), name)
        host.db.session.commit()
        applications = sorted(host.db.session.scalars(select(Application.id)))
        provider = host.db.session.get_one(Provider, providers[0])
        small = host.idverify.link(provider, "corner").application_id
        host.db.session.commit()
        identities = [str(uuid.UUID(int=n + 1)) for n in range(max(count // 2, 1))]
        connection = host.db.session.connection()
        people = [_identity(key, n, len(identities)) for n, key in enumerate(identities)]
        for part in _parts(people):
            connection.execute(insert(Identity), part)
        for start in range(0, count, BATCH):
            rows = [
                _row(n, count, days, chance, providers, applications, identities)
                for n in range(start, min(start + BATCH, count))
            ]
            for row in rows[-start % max(count // _FEW, 1) :: max(count // _FEW, 1)]:
                row["application_id"] = small
            connection.execute(insert(Verification), rows)
        host.db.session.commit()
        analyze(host)
    return Filled(providers[1], applications[0], f"vendor-{count // 2}", small)


def analyze(host: Host) -> None:
    """Let a server know its tables, as it would find out by itself; SQLite never does.

    PostgreSQL also finds out, once a fifth is new, which pages of an index speak for themselves.
    """
    engine = host.db.engine
    if engine.dialect.name == "sqlite":
        return
    word = "VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE TABLE"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in (Verification, Identity, AuditEntry):
            connection.exec_driver_sql(f"{word} {table.__tablename__}")


def _parts(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _identity(key: str, number: int, count: int) -> dict[str, Any]:
    created = NOW - timedelta(days=1000) * (1 - number / count)
    standing = _STANDINGS[number % len(_STANDINGS)]
    return {
        "id": key,
        "user_id": f"user-{number}",
        "subject": subject(key),
        "claim_sealed": "x" * 300,
        "standing": standing,
        "created_at": created,
        "verified_at": created + timedelta(minutes=5) if standing in _JUDGED else None,
    }


def subject(key: str) -> str:
    """Return what the log calls an identity."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, key))


def fill_log(host: Host, count: int, provider: str) -> None:
    """Write *count* entries of the log, of as many people as :func:`fill` wrote identities of.

    Their digests say nothing, and nobody checks them.
    """
    chance = random.Random(2)
    people = max(count // 10, 1)
    with host.app.app_context():
        connection = host.db.session.connection()
        for start in range(0, count, BATCH):
            rows = [
                {
                    "id": str(uuid.UUID(int=chance.getrandbits(128))),
                    "subject": subject(str(uuid.UUID(int=number % people + 1))),
                    "sequence": number // people + 1,
                    "at": NOW - timedelta(days=1000) * (1 - number / count),
                    "actor": chance.choice(_ACTORS),
                    "action": chance.choice(_ACTIONS),
                    "facts": {"provider": provider},
                    "key_id": "k",
                    "previous_mac": "0" * 64,
                    "mac": "1" * 64,
                }
                for number in range(start, min(start + BATCH, count))
            ]
            connection.execute(insert(AuditEntry), rows)
        host.db.session.commit()
        analyze(host)


def _row(
    number: int,
    count: int,
    days: int,
    chance: random.Random,
    providers: list[str],
    applications: list[str],
    identities: list[str],
) -> dict[str, Any]:
    status = chance.choice(_STATUSES)
    judged = status in (Status.rejected, Status.in_review)
    reason = chance.choice(_REASONS) if judged else None
    regular = number % max(count // _ATTEMPTS, 1) == 0
    owner = 0 if regular else number // 2 % len(identities)
    created = NOW - timedelta(days=days) * (1 - number / count)
    return {
        "id": str(uuid.UUID(int=chance.getrandbits(128))),
        "user_id": REGULAR if regular else f"user-{owner}",
        "identity_id": identities[owner],
        "application_id": chance.choice((*applications, applications[-1])),
        "provider_id": chance.choice((*providers, providers[0], providers[0])),
        "is_test": chance.random() < _TESTS,
        "active_key": None,
        "status": status,
        "reason": reason,
        "reasons": [reason] if reason else [],
        "related_key": str(uuid.UUID(int=chance.getrandbits(128))),
        "policy": _POLICY,
        "claim_sealed": "x" * 300,
        "document_sealed": "x" * 500,
        "consent_sealed": "x" * 200,
        "reference": f"reference-{number}",
        "vendor_reference": f"vendor-{number}",
        "callback_key_digest": f"digest-{number}",
        "created_at": created,
        "finished_at": created + timedelta(minutes=5) if status.is_final else None,
    }
