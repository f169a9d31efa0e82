"""Verified facts do not change: not by a flush, nor by any statement of any session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import String, bindparam, cast, delete, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Session

from flask_idverify import clock, service
from flask_idverify.errors import ConfigurationError, IdentityLocked
from flask_idverify.models import Identity
from flask_idverify.states import Standing
from tests.hosts import Host, lena
from tests.vendor import Vendor, together

pytestmark = pytest.mark.usefixtures("app_context")


def verify(host: Host, vendor: Vendor, user: Any) -> None:
    row = host.idverify.start(user, lena())
    vendor.finish(row)
    host.idverify.refresh(row)


@pytest.fixture
def people(host: Host, vendor: Vendor) -> tuple[Any, Any]:
    """Return a verified user and one who never was; ``real_name`` is under the lock."""
    host.idverify.lock(host.User.real_name)
    host.add_provider(vendor.url)
    verified = host.add_user("lena@example.com", real_name="Lena Gruber", nickname="L")
    free = host.add_user("free@example.com", real_name="Free Bird", nickname="F")
    verify(host, vendor, verified)
    return verified, free


IDENTITY: Any = Identity.__table__
Write = Callable[[Host, Any], Any]


def _flush(host: Host, user: Any) -> None:
    user.real_name = "X"
    host.db.session.flush()


def _second_session(host: Host, user: Any) -> None:
    with Session(host.db.engine) as session:
        session.get_one(host.User, user.id).real_name = "X"
        session.commit()


def _engine(host: Host, user: Any, statement: Any = None, *arguments: Any) -> None:
    host.db.session.rollback()  # the database in memory has one connection only
    table = host.User.__table__
    with host.db.engine.begin() as connection:
        if statement is None:
            statement = table.update().where(table.c.id == user.id).values(real_name="X")
        connection.execute(statement, *arguments)


def _executemany(host: Host, user: Any) -> None:
    table = host.User.__table__
    statement = table.update().where(table.c.id == bindparam("key"))
    _engine(host, user, statement, [{"key": 99, "real_name": "X"}, {"key": 1, "real_name": "X"}])


def _upsert(host: Host, user: Any) -> None:
    statement = upsert(host.User).values(
        id=user.id, email="lena@example.com", real_name="X", is_admin=False
    )
    host.db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={"real_name": statement.excluded.real_name}
        )
    )


def _alias(host: Host, user: Any) -> None:
    other = host.User.__table__.alias()
    host.db.session.execute(update(other).where(other.c.id == user.id).values(real_name="X"))


def _merge(host: Host, user: Any) -> None:
    host.db.session.merge(host.User(id=user.id, real_name="X"))
    host.db.session.flush()


WRITES: dict[str, Write] = {
    "flush": _flush,
    "second session": _second_session,
    "engine": _engine,
    "executemany": _executemany,
    "upsert": _upsert,
    "alias": _alias,
    "insert or replace": lambda host, user: host.db.session.execute(
        insert(host.User.__table__)
        .prefix_with("OR REPLACE")
        .values(id=user.id, email="lena@example.com", real_name="X", is_admin=False)
    ),
    "bulk by column": lambda host, user: host.db.session.execute(
        update(host.User).where(host.User.id == user.id).values({host.User.real_name: "X"})
    ),
    "bulk by name": lambda host, user: host.db.session.execute(
        update(host.User).values(real_name="X")
    ),
    "bulk by primary key": lambda host, user: host.db.session.execute(
        update(host.User), [{"id": user.id, "real_name": "X"}]
    ),
    "bulk mappings": lambda host, user: host.db.session.bulk_update_mappings(
        host.User, [{"id": user.id, "real_name": "X"}]
    ),
    "legacy query": lambda host, user: host.db.session.query(host.User).update({"real_name": "X"}),
    "core": lambda host, user: host.db.session.execute(
        host.User.__table__.update().values(real_name="X")
    ),
    "ordered": lambda host, user: host.db.session.execute(
        update(host.User.__table__).ordered_values(
            (host.User.__table__.c.nickname, "X"), (host.User.__table__.c.real_name, "X")
        )
    ),
    "subquery": lambda host, user: host.db.session.execute(
        update(host.User)
        .where(cast(host.User.id, String).in_(select(Identity.user_id)))
        .values(real_name="X", nickname="X")
    ),
    "merge": _merge,
}


@pytest.mark.parametrize("way", [way for way in WRITES if way != "subquery"])
def test_control_the_same_writes_succeed_before_the_user_is_verified(
    host: Host, vendor: Vendor, way: str
) -> None:
    """Those through a condition on identities have none to find; the rest change the row."""
    host.idverify.lock(host.User.real_name)
    user = host.add_user("lena@example.com", real_name="Lena Gruber", nickname="L")
    upserts = ("upsert", "insert or replace")
    if way in upserts:
        # Which rows an upsert meets is not known beforehand, so it is refused for everybody.
        with pytest.raises(IdentityLocked):
            WRITES[way](host, user)
        return
    WRITES[way](host, user)
    host.db.session.commit()
    assert host.db.session.execute(text("SELECT real_name FROM member")).scalar_one() == "X"


@pytest.mark.parametrize("way", WRITES)
def test_locked_column_of_the_hosts_is_not_written_in_any_way_that_sqlalchemy_has(
    host: Host, people: tuple[Any, Any], way: str
) -> None:
    user, _ = people
    with pytest.raises(IdentityLocked) as refusal:
        WRITES[way](host, user)
    assert "Lena" not in str(refusal.value)
    host.db.session.rollback()
    stored = host.db.session.execute(text("SELECT real_name, nickname FROM member ORDER BY id"))
    assert stored.all() == [("Lena Gruber", "L"), ("Free Bird", "F")]


@pytest.mark.parametrize(
    "column", ["claim_sealed", "document_sealed", "number_fingerprint", "user_id", "standing"]
)
@pytest.mark.parametrize("way", ["flush", "bulk", "engine"])
def test_locked_facts_of_ours_are_not_written_by_flush_bulk_or_engine(
    host: Host, people: tuple[Any, Any], column: str, way: str
) -> None:
    known = host.db.session.scalars(select(Identity)).one()
    value = Standing.unverified if column == "standing" else "X"

    def write() -> None:
        if way == "flush":
            setattr(known, column, value)
            host.db.session.flush()
        elif way == "bulk":
            host.db.session.execute(update(Identity).values({column: value}))
        else:
            _engine(host, people[0], update(IDENTITY).values({column: value}))

    with pytest.raises(IdentityLocked):
        write()
    host.db.session.rollback()
    host.db.session.refresh(known)
    assert known.is_verified
    assert known.claim == lena()


def test_locked_term_cannot_be_stretched(host: Host, people: tuple[Any, Any]) -> None:
    known = host.db.session.scalars(select(Identity)).one()
    for column in ("expires_at", "verified_at", "verification_id"):
        with pytest.raises(IdentityLocked):
            host.db.session.execute(update(Identity).values({column: None}))
        host.db.session.rollback()
    assert known.expires_at is not None


def test_locked_claim_is_refused_through_its_sealed_attribute_too(
    host: Host, people: tuple[Any, Any]
) -> None:
    known = host.db.session.scalars(select(Identity)).one()
    known.claim = lena(real_name="Somebody Else")
    with pytest.raises(IdentityLocked):
        host.db.session.commit()
    host.db.session.rollback()
    assert known.claim == lena()


@pytest.mark.parametrize("way", ["flush", "bulk", "engine"])
def test_locked_identity_is_not_deleted_to_get_around_the_lock(
    host: Host, people: tuple[Any, Any], way: str
) -> None:
    known = host.db.session.scalars(select(Identity)).one()

    def remove() -> None:
        if way == "flush":
            host.db.session.delete(known)
            host.db.session.flush()
        elif way == "bulk":
            host.db.session.execute(delete(Identity))
        else:
            _engine(host, people[0], delete(IDENTITY))

    with pytest.raises(IdentityLocked):
        remove()
    host.db.session.rollback()
    assert len(host.db.session.scalars(select(Identity)).all()) == 1


def test_control_everything_else_stays_writable(host: Host, people: tuple[Any, Any]) -> None:
    verified, free = people
    verified.nickname = "Leni"
    free.real_name = "Freya Bird"
    host.db.session.commit()
    model = host.User
    host.db.session.execute(update(model).values(nickname="all"))
    host.db.session.execute(update(model).where(model.id == free.id).values(real_name="Fay"))
    host.db.session.execute(update(model), [{"id": free.id, "real_name": "Fred"}])
    host.db.session.execute(
        insert(model).values(email="new@example.com", real_name="New", is_admin=False)
    )
    host.db.session.commit()
    assert [row.real_name for row in host.db.session.scalars(select(model).order_by(model.id))] == [
        *("Lena Gruber", "Fred", "New")
    ]
    host.db.session.delete(free)
    host.db.session.commit()


def test_control_same_value_again_is_no_change(host: Host, people: tuple[Any, Any]) -> None:
    """A form that writes all its fields back must not fail."""
    people[0].real_name = "Lena Gruber"
    people[0].nickname = "Leni"
    host.db.session.commit()
    assert people[0].nickname == "Leni"


def test_control_pending_and_unverified_users_are_not_locked(
    host: Host, vendor: Vendor, people: tuple[Any, Any]
) -> None:
    _, free = people
    host.idverify.start(free, lena(id_number="F1", real_name="Free Bird"))
    free.real_name = "Still Free"
    host.db.session.commit()
    assert free.real_name == "Still Free"


def test_lock_outlives_the_papers(host: Host, people: tuple[Any, Any]) -> None:
    known = host.idverify.identity_of(people[0])
    assert known is not None
    with clock.shifted(days=5000):
        assert not known.is_verified
        people[0].real_name = "X"
        with pytest.raises(IdentityLocked):
            host.db.session.commit()
        host.db.session.rollback()


def test_locked_fields_are_reopened_by_an_audited_reset_only(
    host: Host, people: tuple[Any, Any]
) -> None:
    known = host.idverify.identity_of(people[0])
    assert known is not None
    service.reset(known, admin="7", reason="Married.")
    people[0].real_name = "Lena Gruber-Wolf"
    host.db.session.commit()
    assert people[0].real_name == "Lena Gruber-Wolf"
    # What the service may do is not left open behind it.
    assert known.standing is Standing.unverified


def test_locked_column_is_not_written_by_any_thread(file_host: Host, vendor: Vendor) -> None:
    file_host.idverify.lock(file_host.User.real_name)
    with file_host.app.app_context():
        file_host.add_provider(vendor.url)
        verify(file_host, vendor, file_host.add_user("lena@example.com", real_name="Lena"))

    def write(index: int) -> str:
        user = file_host.db.session.get_one(file_host.User, 1)
        user.real_name = f"Thread {index}"
        try:
            file_host.db.session.commit()
        finally:
            file_host.db.session.rollback()
        return "written"

    found = together(file_host, 4, write)
    assert [type(item) for item in found] == [IdentityLocked] * 4


def test_only_mapped_columns_can_be_locked(host: Host) -> None:
    for wrong in ("real_name", host.User.__table__.c.real_name, host.User.get_id):
        with pytest.raises(ConfigurationError, match="mapped columns"):
            host.idverify.lock(wrong)


@pytest.mark.parametrize("way", sorted(set(WRITES) - {"subquery"}))
def test_lock_asks_the_hosts_hook_whose_row_it_is(host: Host, vendor: Vendor, way: str) -> None:
    host.idverify.lock(host.User.real_name)

    @host.idverify.user_id_getter
    def stable(user: Any) -> str | None:
        return f"u-{user.email}" if user is not None and user.email else None

    host.add_provider(vendor.url)
    user = host.add_user("lena@example.com", real_name="Lena Gruber", nickname="L")
    free = host.add_user("free@example.com", real_name="Free Bird", nickname="F")
    verify(host, vendor, user)
    with pytest.raises(IdentityLocked):
        WRITES[way](host, user)
    host.db.session.rollback()
    free.real_name = "Freya"
    host.db.session.commit()
    assert (user.real_name, free.real_name) == ("Lena Gruber", "Freya")
