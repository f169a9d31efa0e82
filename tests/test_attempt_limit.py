"""The attempt limit holds for whoever starts at several doors at once."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from flask_idverify import service
from flask_idverify.errors import AttemptLimitReached, VendorUnavailable, VerificationInProgress
from flask_idverify.models import Verification
from flask_idverify.policy import Policy
from flask_idverify.service.attempts import record
from tests.hosts import Host, lena
from tests.vendor import Vendor, steps, together

LIMIT = 3
DOORS = [f"door {number}" for number in range(6)]


@pytest.fixture
def doors(file_host: Host, vendor: Vendor) -> Host:
    """A host with six applications on one provider, each admitting three attempts."""
    with file_host.app.app_context():
        provider = file_host.add_provider(vendor.url, link=False)
        for name in DOORS:
            file_host.idverify.link(provider, application=name, policy={"max_attempts": LIMIT})
        file_host.db.session.commit()
    return file_host


def _users(host: Host, count: int = 1) -> list[int]:
    with host.app.app_context():
        return [host.add_user(f"{number}@example.com").id for number in range(count)]


def _start(host: Host, user_id: int, door: str) -> str:
    user = host.db.session.get(host.User, user_id)
    return service.start(user, lena(), application=door).id


def test_parallel_starts_for_several_applications_stay_within_the_limit(
    doors: Host, vendor: Vendor
) -> None:
    (user,) = _users(doors)
    with doors.app.app_context():
        service.identity_for(doors.db.session.get(doors.User, user))
    found = together(doors, 12, lambda index: _start(doors, user, DOORS[index % len(DOORS)]))
    refused = [one for one in found if isinstance(one, Exception)]
    assert all(isinstance(one, (AttemptLimitReached, VerificationInProgress)) for one in refused), (
        refused
    )
    assert len(vendor.asked("start")) == LIMIT
    with doors.app.app_context():
        assert doors.db.session.scalar(select(func.count(Verification.id))) == LIMIT
        assert steps(doors).count("verification.created") == LIMIT


def test_users_do_not_use_up_each_others_attempts(doors: Host, vendor: Vendor) -> None:
    users = _users(doors, 2)
    found = together(doors, 6, lambda index: _start(doors, users[index % 2], DOORS[index // 2]))
    assert [one for one in found if isinstance(one, Exception)] == []
    assert len(vendor.asked("start")) == 6


def test_an_attempt_that_the_vendor_did_not_open_is_given_back(doors: Host, vendor: Vendor) -> None:
    (user,) = _users(doors)
    with doors.app.app_context():
        vendor.sandbox.add_fault("5xx", where="start", times=LIMIT)
        for _attempt in range(LIMIT):
            with pytest.raises(VendorUnavailable):
                _start(doors, user, DOORS[0])
        for number in range(LIMIT):
            _start(doors, user, DOORS[number])
        with pytest.raises(AttemptLimitReached) as caught:
            _start(doors, user, DOORS[LIMIT])
    assert caught.value.retry_at is not None
    assert len(vendor.asked("start")) == 2 * LIMIT


def test_the_limit_is_asked_again_when_the_attempt_is_recorded(doors: Host, vendor: Vendor) -> None:
    """The early check may be over by then; what it saw is worth nothing."""
    (user,) = _users(doors)
    with doors.app.app_context():
        for number in range(LIMIT):
            _start(doors, user, DOORS[number])
        identity = service.identity_for(doors.db.session.get(doors.User, user))
        last = doors.db.session.scalars(select(Verification)).first()
        assert last is not None
        late = Verification(
            user_id=identity.user_id,
            identity_id=identity.id,
            provider_id=last.provider_id,
            policy=Policy().to_dict(),
            callback_key_digest="x" * 64,
        )
        with pytest.raises(AttemptLimitReached):
            record(late, identity, lena(), limit=LIMIT)
        assert not doors.db.session.new
        assert doors.db.session.scalar(select(func.count(Verification.id))) == LIMIT
    assert len(vendor.asked("start")) == LIMIT
