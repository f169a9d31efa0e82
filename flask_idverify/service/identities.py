"""Users' standings: who is verified, for what, and how that is undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from .. import audit, clock, runtime
from ..engines import retrying
from ..errors import (
    DecryptionFailed,
    KeyUnavailable,
    NotFound,
    NotSignedIn,
    ReasonMissing,
    TransitionRefused,
)
from ..locking import permitted
from ..models import Application, Identity, Link, VendorAccount, Verification
from ..phrases import phrase
from ..policy import Policy, meets
from ..states import Reason, Standing, Status
from .announcing import announce
from .applications import application_named
from .holds import require_free
from .sessions import require_clean, session
from .transitions import conclude, move

#: How the ids begin that stand in place of users who are gone; no user has such a one.
_RESERVED = ("closed:", "erased:")


def _identifier(user: Any) -> str | None:
    """Return the id by the host's hook, which an id in place of a user would break."""
    if isinstance(user, (int, str, UUID)):
        raise runtime.not_a_user(user)
    return runtime.current().hooks.user_id(user)


def user_id_of(user: Any) -> str:
    """Return the host's id for *user* as text.

    :raises NotSignedIn: the user is anonymous or was not saved yet, or has an id that stands for
        somebody who is gone.
    """
    identifier = _identifier(user)
    if identifier is None or str(identifier) in ("", "None"):
        raise NotSignedIn(
            "The user has no id: they are anonymous or not saved yet. Sign them in, or commit "
            "them, before verifying."
        )
    if str(identifier).startswith(_RESERVED):
        raise NotSignedIn(
            "A user's id may not begin with 'closed:' or 'erased:', which stand for users who are "
            "gone. Let user_id_getter return another, e.g. with a prefix of your own."
        )
    return str(identifier)


def known_claim(user: Any) -> Mapping[str, str]:
    """Return what the host knows of a user's claim beforehand; perhaps nothing."""
    getter = runtime.current().hooks.claim
    return getter(user) if getter is not None else {}


def identity_of(user: Any) -> Identity | None:
    """Return what we hold of *user*, or ``None`` when they never started.

    Whoever has an id that stands for somebody who is gone (:func:`user_id_of`) has nothing.
    """
    identifier = _identifier(user)
    if identifier is None or str(identifier).startswith(_RESERVED):
        return None
    return session().scalar(select(Identity).where(Identity.user_id == str(identifier)))


def identities_of(users: Iterable[Any]) -> dict[str, Identity]:
    """Return the identities of many users by user id, in one query."""
    ids = {str(found) for found in map(_identifier, users) if found is not None}
    if not ids:
        return {}
    ids = {found for found in ids if not found.startswith(_RESERVED)}
    rows = session().scalars(select(Identity).where(Identity.user_id.in_(ids)))
    return {row.user_id: row for row in rows}


@retrying
def identity_for(user: Any) -> Identity:
    """Return the user's identity, made and committed if there was none."""
    user_id = user_id_of(user)
    current = require_clean()
    found = current.scalar(select(Identity).where(Identity.user_id == user_id))
    if found is not None:
        return found
    made = Identity(user_id=user_id, subject=str(uuid4()))
    current.add(made)
    try:
        current.flush()
        audit.begin(current, made.subject)
        current.commit()
    except IntegrityError:
        current.rollback()  # another request made it first; theirs is as good
    return current.scalars(select(Identity).where(Identity.user_id == user_id)).one()


def satisfies(identity: Identity, application: Application | str | None = None) -> bool:
    """Whether the locked facts meet what *application* demands now.

    One of its links must be satisfied by the papers and by the checks that were made since the
    user was verified. What an admin signed for this application needs no checks.
    """
    if not identity.is_verified:
        return False
    try:
        target = application_named(application)
    except NotFound:
        return False
    approvals = [row for row in session().scalars(_approvals(identity)) if not _taken_back(row)]
    if any(row.decided_by and row.application_id == target.id for row in approvals):
        return True
    claim, document = identity.claim, identity.document
    if claim is None:
        return False
    checks = frozenset(check for row in approvals for check in row.checks)
    vendors = runtime.current().vendors
    # A disabled link starts nothing any more, but what was verified through it still counts.
    return any(
        meets(
            claim,
            document,
            checks,
            policy,
            today=clock.now().date(),
            required_checks=policy.required_capabilities
            if policy.required_capabilities is not None
            else vendors.default_checks(row.provider),
        )
        for row in session().scalars(select(Link).where(Link.application_id == target.id))
        for policy in [Policy.from_dict(row.policy)]
    )


def _approvals(identity: Identity) -> Any:
    """The approvals that count for the present standing: none from before a reset."""
    since = identity.verified_at or clock.now()
    return select(Verification).where(
        Verification.identity_id == identity.id,
        Verification.status == Status.approved,
        Verification.is_test.is_(False),
        (Verification.id == identity.verification_id) | (Verification.finished_at >= since),
    )


def _taken_back(approval: Verification) -> bool:
    """Whether the vendor reversed it under a policy that revokes; an admin's signature stands."""
    revokes = approval.policy.get("on_reversal") == "revoke"
    return revokes and approval.reversed_at is not None and approval.decided_by is None


def _undecided(current: Any, identity: Identity) -> list[Verification]:
    """Return the attempts that a vendor may still decide: expired ones may be decided late."""
    open_or_expired = Verification.active_key.is_not(None) | (Verification.status == Status.expired)
    return list(
        current.scalars(
            select(Verification).where(Verification.identity_id == identity.id, open_or_expired)
        )
    )


def reset(identity: Identity, *, admin: str, reason: str) -> Identity:
    """Reopen an identity: the locked facts go, the user may verify again. Audited.

    :param admin: user id of the admin who signs.
    :raises ReasonMissing: *admin* or *reason* is empty.
    :raises TransitionRefused: the identity was erased.
    :raises ErasureRefused: ``IDVERIFY_LEGAL_HOLD`` keeps the facts; audited.
    """
    if not admin.strip() or not reason.strip():
        raise ReasonMissing(phrase("A reset needs the admin's name and a reason."))
    current = require_clean()
    if identity.erased_at is not None:
        raise _erased()
    require_free(identity, "reset", actor=f"admin:{admin}", reason=reason)
    before = identity.standing
    for attempt in _undecided(current, identity):
        # An approval of the old claim must not lock what the admin has just reopened.
        conclude(
            current,
            attempt,
            Status.canceled,
            actor=f"admin:{admin}",
            reasons=[Reason.manual],
            retryable=True,
            by_admin=True,
        )
    with permitted():
        reopened: Any = current.execute(
            update(Identity)
            # An erasure may have come in between; nothing more may be written about its person.
            .where(Identity.id == identity.id, Identity.erased_at.is_(None))
            .values(
                standing=Standing.unverified,
                claim_sealed=None,
                document_sealed=None,
                number_fingerprint=None,
                verified_at=None,
                expires_at=None,
                verification_id=None,
                updated_at=clock.now(),
            )
            .execution_options(synchronize_session=False)
        )
    if reopened.rowcount != 1:
        current.rollback()
        raise _erased()
    current.expire(identity)
    audit.append(
        current,
        identity.subject,
        "identity.reset",
        actor=f"admin:{admin}",
        facts={"from": str(before), "to": str(Standing.unverified)},
        note=reason.strip(),
    )
    current.commit()
    announce()
    return identity


def _erased() -> TransitionRefused:
    return TransitionRefused(
        phrase("This identity was erased; its user starts anew, with another.")
    )


def former_identities(user_id: str) -> list[str]:
    """Return the ids of the identities that deleted users with this id have left.

    Reads every closed identity, since a sealed value cannot be looked up.
    """
    found = []
    rows = session().scalars(
        select(Identity)
        .where(Identity.former_user_id_sealed.is_not(None))
        .order_by(Identity.created_at)
        .execution_options(yield_per=500)
    )
    for row in rows:
        # Whatever was sealed with a key that is lost cannot be compared.
        with suppress(KeyUnavailable, DecryptionFailed):
            if row.former_user_id == user_id:
                found.append(row.id)
    return found


def forget(user: Any) -> None:
    """Close the identity of a user who leaves, so that nobody inherits it with a reused id."""
    identity = identity_of(user)
    if identity is None:
        return
    current = require_clean()
    close(current, identity)
    current.commit()


def close(current: Any, identity: Identity) -> None:
    """Take the user's id off an identity and its verifications; the record outlives the account.

    The id is kept sealed, for a legal hold. An identity that was erased or closed meanwhile has
    lost it already: it is left alone, so that the host may delete its user.
    """
    left, gone = identity.user_id, f"closed:{uuid4()}"
    for attempt in _undecided(current, identity):
        move(current, attempt, Status.canceled, by_admin=True)
    with permitted():
        closed = current.execute(
            update(Identity)
            .where(
                Identity.id == identity.id,
                Identity.user_id == left,
                Identity.erased_at.is_(None),
            )
            .values(
                user_id=gone,
                former_user_id_sealed=Identity.former_user_id.seal(identity, left),
                standing=Standing.revoked,
                updated_at=clock.now(),
            )
            .execution_options(synchronize_session=False)
        )
    current.expire(identity)
    if closed.rowcount != 1:
        return
    current.execute(
        update(Verification).where(Verification.identity_id == identity.id).values(user_id=gone)
    )
    # The next user with this id must not be sent to the vendor's account of this one.
    current.execute(update(VendorAccount).where(VendorAccount.user_id == left).values(user_id=gone))
    audit.append(current, identity.subject, "identity.closed", actor=audit.SYSTEM)
