"""A reset or a closing that meets an erasure, and user ids that stand for somebody who is gone."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import inbox, service
from flask_idverify.errors import NotSignedIn, TransitionRefused
from flask_idverify.models import AuditEntry, CallbackRow, Identity
from flask_idverify.states import Standing
from tests.erasing import SIGNED, identity_of, verified
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, V4, Vendor


def erased_meanwhile(host: Host, vendor: Vendor) -> Identity:
    """Return an identity as one admin has read it, after another one has erased it."""
    host.add_provider(vendor.url, policy={"keep_fingerprint": True})
    user = host.add_user("lena@example.com")
    verified(host, vendor, user)
    identity = identity_of(host, user)
    assert identity.standing is Standing.verified
    key = identity.id

    def erase() -> None:
        with host.app.app_context():
            service.erase(host.db.session.get_one(Identity, key), **SIGNED)

    other = threading.Thread(target=erase)
    other.start()
    other.join()
    return identity


def traces(host: Host, identity_id: str) -> tuple[Any, ...]:
    host.db.session.remove()
    row = host.db.session.get_one(Identity, identity_id)
    asked = select(AuditEntry).where(AuditEntry.subject == row.subject)
    entries = host.db.session.scalars(asked.order_by(AuditEntry.sequence))
    after = ("identity.reset", "identity.closed")
    told = [entry.action for entry in entries if entry.action in after]
    return row.user_id, row.standing, row.number_fingerprint is None, told


def test_reset_that_races_an_erasure_writes_nothing(file_host: Host, vendor: Vendor) -> None:
    with file_host.app.app_context():
        identity = erased_meanwhile(file_host, vendor)
        key = identity.id
        with pytest.raises(TransitionRefused, match="erased"):
            service.reset(identity, admin="7", reason="Lena Gruber asked by phone.")
        assert traces(file_host, key) == (f"erased:{key}", Standing.revoked, False, [])
        notes = select(AuditEntry).where(AuditEntry.note_sealed.is_not(None))
        assert file_host.db.session.scalars(notes).all() == []


def test_user_may_be_deleted_while_they_are_erased(file_host: Host, vendor: Vendor) -> None:
    with file_host.app.app_context():
        identity = erased_meanwhile(file_host, vendor)
        key = identity.id
        service.close(file_host.db.session, identity)
        file_host.db.session.commit()
        assert traces(file_host, key) == (f"erased:{key}", Standing.revoked, False, [])
        assert file_host.db.session.get_one(Identity, key).former_user_id_sealed is None


@pytest.mark.parametrize("how", ["closed", "erased"])
def test_user_with_the_id_of_a_gone_one_is_refused(host: Host, vendor: Vendor, how: str) -> None:
    with host.app.app_context():
        host.idverify.user_id_getter(lambda user: user.email)
        host.add_provider(vendor.url)
        user = host.add_user("lena@example.com")
        row = verified(host, vendor, user)
        if how == "closed":
            host.idverify.forget(user)
        else:
            host.idverify.erase(user)
        host.db.session.refresh(row)
        assert row.user_id.startswith(f"{how}:")
        heir = host.add_user(row.user_id)
        assert host.idverify.identity_of(heir) is None
        assert host.idverify.identities_of([heir]) == {}
        with pytest.raises(NotSignedIn, match="may not begin with 'closed:' or 'erased:'"):
            host.idverify.start(heir, lena(), consent())
        host.idverify.watch_users(host.User)
        host.db.session.delete(heir)
        host.db.session.commit()


@pytest.mark.parametrize("kind", [V4, PLATFORM])
def test_late_notification_about_an_erased_person_is_dropped(
    host: Host, vendor: Vendor, kind: str
) -> None:
    """It came to the bare URL, and only our name for the person tells whom it is about."""
    with host.app.app_context():
        host.add_provider(vendor.url, kind)
        user = host.add_user("lena@example.com")
        row = verified(host, vendor, user)
        told = vendor.notification(row.vendor_reference)
        assert row.identity_id.encode() in told.body
        own = row.reference.encode()
        body = told.body.replace(own, b"another")
        stranger = body.replace(row.identity_id.encode(), b"somebody-else")
        service.erase(row.identity, **SIGNED)
        for each in (body, stranger):
            assert inbox.receive(told.provider_key, None, each, told.content_type)
        inbox.drain()
        assert [left.body for left in host.db.session.scalars(select(CallbackRow))] == [stranger]
