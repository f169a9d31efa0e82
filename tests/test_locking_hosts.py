"""The lock holds for hosts of another make: own user ids, other tables, other databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, select, update
from sqlalchemy.orm import Mapped, mapped_column

from flask_idverify import IDVerify
from flask_idverify.errors import ConfigurationError, IdentityLocked
from tests.hosts import Host, lena, make_host
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("app_context")


def verify(host: Host, vendor: Vendor, user: Any) -> None:
    row = host.idverify.start(user, lena())
    vendor.finish(row)
    host.idverify.refresh(row)


@pytest.fixture
def other_host(vendor: Vendor) -> Iterator[tuple[Host, Any]]:
    """Users with their own get_id, a renamed column, a profile table, and a second database."""
    app = Flask("other")
    app.config.update(
        TESTING=True,
        SECRET_KEY="a test's secret key",
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_BINDS={"people": "sqlite://"},
        IDVERIFY_DISPATCH="inline",
    )
    db = SQLAlchemy()

    class Person(db.Model, UserMixin):  # type: ignore[name-defined,misc]
        __bind_key__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]
        public_id: Mapped[str]
        real_name: Mapped[str] = mapped_column("legal_name")

        def get_id(self) -> str:
            return str(self.public_id)

    class Profile(db.Model):  # type: ignore[name-defined,misc]
        __bind_key__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner: Mapped[str] = mapped_column(ForeignKey(Person.public_id))
        born: Mapped[str]

    db.init_app(app)
    LoginManager(app)
    idverify = IDVerify(app, db)
    host = Host(app, db, Person, idverify)
    with pytest.raises(ConfigurationError, match="user_id="):
        idverify.lock(Person.real_name)
    idverify.lock(Person.real_name, user_id=Person.public_id)
    idverify.lock(Profile.born, user_id=Profile.owner)
    with app.app_context():
        db.create_all()
        yield host, Profile
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def test_lock_follows_the_users_own_id_into_other_tables_and_databases(
    other_host: tuple[Host, Any], vendor: Vendor
) -> None:
    host, profile = other_host
    host.add_provider(vendor.url)
    users = [
        host.add_user(f"{key}@example.com", public_id=key, real_name=key) for key in ("p1", "p2")
    ]
    host.db.session.add_all(profile(owner=user.public_id, born="1990") for user in users)
    host.db.session.commit()
    verify(host, vendor, users[0])
    for model, column in ((host.User, "real_name"), (profile, "born")):
        row = host.db.session.scalars(select(model).order_by(model.id)).first()
        setattr(row, column, "X")
        with pytest.raises(IdentityLocked):
            host.db.session.flush()
        host.db.session.rollback()
        with pytest.raises(IdentityLocked):
            host.db.session.execute(update(model).values({column: "X"}))
        host.db.session.rollback()
        with pytest.raises(IdentityLocked):
            host.db.session.execute(update(model).values({getattr(model, column): "X"}))
        host.db.session.rollback()
    users[1].real_name = "free"
    host.db.session.commit()
    with pytest.raises(IdentityLocked):
        host.db.session.execute(update(host.User), [{"id": users[0].id, "real_name": "X"}])


def test_one_extension_locks_like_named_tables_of_several_apps(vendor: Vendor) -> None:
    shared = IDVerify()
    hosts = [make_host(idverify=shared), make_host(idverify=shared)]
    for each in hosts:
        shared.lock(each.User.real_name)
    for each in hosts:
        with each.app.app_context():
            each.add_provider(vendor.url)
            locked = each.add_user("lena@example.com", real_name="Lena")
            free = each.add_user("free@example.com", real_name="Free")
            verify(each, vendor, locked)
            free.real_name = "Freya"
            each.db.session.commit()
            with pytest.raises(IdentityLocked):
                each.db.session.execute(update(each.User).values(real_name="X"))
            each.db.session.remove()
            each.db.engine.dispose()
