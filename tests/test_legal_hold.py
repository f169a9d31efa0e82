"""What the host has to keep is kept: after the user left, during a run, and from a reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from flask_idverify import clock, service
from flask_idverify.errors import ErasureRefused
from flask_idverify.models import AuditEntry, Identity, Verification
from tests.erasing import SIGNED, USER_ID, everything, identity_of, verified
from tests.hosts import Host, consent, lena, make_host
from tests.vendor import PLATFORM, Vendor

Held = set[str]


@pytest.fixture
def held() -> Held:
    """Ids of users whose data a court wants kept."""
    return set()


@pytest.fixture
def keeper(held: Held) -> Iterator[Host]:
    """A host that keeps everything for 30 days, and some of it for longer."""
    host = make_host(
        IDVERIFY_RETENTION_DAYS=30,
        IDVERIFY_LEGAL_HOLD=lambda user_id: "Court order 7 C." if user_id in held else None,
    )
    with host.app.app_context():
        host.idverify.user_id_getter(lambda user: f"{USER_ID}-{user.id}")
        yield host


def left(host: Host, vendor: Vendor, how: str) -> Identity:
    """Verify a user, and have them leave."""
    host.add_provider(vendor.url, PLATFORM)
    user = host.add_user("lena@example.com")
    verified(host, vendor, user)
    identity = identity_of(host, user)
    if how == "forget":
        host.idverify.forget(user)
    else:
        host.idverify.watch_users(host.User)
        host.db.session.delete(user)
        host.db.session.commit()
    host.db.session.refresh(identity)
    assert identity.user_id.startswith("closed:")
    assert identity.subject not in identity.user_id
    return identity


@pytest.mark.parametrize("how", ["forget", "watch"])
def test_hold_outlives_the_account(keeper: Host, vendor: Vendor, held: Held, how: str) -> None:
    identity = left(keeper, vendor, how)
    held.add(f"{USER_ID}-1")
    assert f"{USER_ID}-1" not in str(identity.former_user_id_sealed)
    for ask in (service.would_erase, lambda row: service.erase(row, **SIGNED)):
        with pytest.raises(ErasureRefused, match="Court order"):
            ask(identity)
    with clock.shifted(days=40):
        found = service.purge()
        assert (found.pieces, found.held) == (0, 1)
        assert identity.claim == lena()
        held.clear()
        assert service.purge().identities == 1
    assert identity.former_user_id_sealed is None
    assert USER_ID not in everything(keeper)


def test_erasure_takes_the_former_id_too(keeper: Host, vendor: Vendor) -> None:
    identity = left(keeper, vendor, "forget")
    assert f"{USER_ID}-1" in everything(keeper)
    service.erase(identity, **SIGNED)
    assert USER_ID not in everything(keeper)


def test_former_id_that_cannot_be_read_holds(keeper: Host, vendor: Vendor) -> None:
    identity = left(keeper, vendor, "forget")
    keeper.db.session.execute(update(Identity).values(former_user_id_sealed="lost:AAAA"))
    keeper.db.session.commit()
    with pytest.raises(ErasureRefused, match="cannot be decrypted"):
        service.erase(identity, **SIGNED)


def test_commands_say_where_a_user_is_who_is_gone(
    keeper: Host, vendor: Vendor, cli: Callable[..., Any]
) -> None:
    identity = left(keeper, vendor, "forget")
    signed = ["--admin", "7", "--reason", "-", "--yes"]
    for words in (["erase", *signed], ["export"]):
        answer = cli(keeper, *words, f"{USER_ID}-1")
        assert answer.exit_code == 1
        assert f"--identity {identity.id}" in answer.output
    unknown = cli(keeper, "export", "nobody")
    assert unknown.exit_code == 1
    assert "--identity" in unknown.output
    exported = cli(keeper, "export", "--identity", identity.id)
    assert f'"former_user_id": "{USER_ID}-1"' in exported.output


@pytest.fixture
def cli() -> Callable[..., Any]:
    def invoke(host: Host, *words: str) -> Any:
        return host.app.test_cli_runner().invoke(args=["idverify", *words])

    return invoke


def test_hold_that_comes_during_a_run_counts_at_once(
    keeper: Host, vendor: Vendor, held: Held
) -> None:
    keeper.add_provider(vendor.url)
    user = keeper.add_user("lena@example.com")
    for _ in range(3):
        row = keeper.idverify.start(user, lena(), consent())
        vendor.finish(row, "blurred")
        keeper.idverify.refresh(row)
    seen: list[int] = []

    def progress(pieces: int) -> None:
        seen.append(pieces)
        if len(seen) == 2:
            held.add(f"{USER_ID}-{user.id}")

    with clock.shifted(days=40):
        found = service.purge(progress=progress)
    assert (found.attempts, found.held) == ({"rejected": 1}, 2)


def test_reset_removes_nothing_that_is_held(keeper: Host, vendor: Vendor, held: Held) -> None:
    keeper.add_provider(vendor.url)
    user = keeper.add_user("lena@example.com")
    verified(keeper, vendor, user)
    identity = identity_of(keeper, user)
    held.add(f"{USER_ID}-{user.id}")
    with pytest.raises(ErasureRefused, match=r"Nothing was reset\. Court order"):
        service.reset(identity, admin="7", reason="Wrong papers.")
    keeper.db.session.refresh(identity)
    assert identity.is_verified
    assert identity.claim == lena()
    (entry,) = keeper.db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "identity.reset_refused")
    )
    assert "Court order" in str(entry.note)
    assert keeper.db.session.scalars(select(Verification.status)).one() == "approved"


def test_refusal_at_the_command_line_is_in_the_log_and_a_look_is_not(
    keeper: Host, vendor: Vendor, held: Held
) -> None:
    keeper.add_provider(vendor.url, PLATFORM)
    user = keeper.add_user("lena@example.com")
    verified(keeper, vendor, user)
    user_id = f"{USER_ID}-{user.id}"
    held.add(user_id)
    words = ["idverify", "erase", user_id, "--admin", "7", "--reason", "Asked by letter."]
    refusals = select(AuditEntry).where(AuditEntry.action == "identity.erasure_refused")
    for option, number in (("--dry-run", 0), ("--yes", 1)):
        answer = keeper.app.test_cli_runner().invoke(args=[*words, option])
        assert answer.exit_code == 1
        assert "Court order 7 C." in answer.output
        assert len(keeper.db.session.scalars(refusals).all()) == number
    assert identity_of(keeper, user).claim == lena()


def test_hold_that_was_set_too_late_stops_an_erasure_at_the_command_line(
    keeper: Host, vendor: Vendor
) -> None:
    keeper.add_provider(vendor.url, PLATFORM)
    user = keeper.add_user("lena@example.com")
    verified(keeper, vendor, user)
    keeper.app.config["IDVERIFY_LEGAL_HOLD"] = lambda _: "Set after init_app."
    words = ["idverify", "erase", f"{USER_ID}-{user.id}", "--admin", "7", "--reason", "Asked."]
    answer = keeper.app.test_cli_runner().invoke(args=[*words, "--yes"])
    assert answer.exit_code == 1
    assert "IDVERIFY_LEGAL_HOLD" in answer.output
    assert identity_of(keeper, user).claim == lena()
