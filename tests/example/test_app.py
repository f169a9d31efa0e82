"""The bank's factory and what a first start leaves behind."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from flask import Flask
from sqlalchemy import select, text

from example_app.extensions import db, idverify
from example_app.models import User
from example_app.seed import PEOPLE
from flask_idverify.models import Link, Provider

from .conftest import Make


def test_a_first_start_makes_people_providers_and_links(bank: Flask) -> None:
    """Everything is there for the first click: two customers, an admin, both generations linked."""
    with bank.app_context():
        users = db.session.scalars(select(User)).all()
        assert {user.email for user in users} == {person.email for person in PEOPLE}
        assert [user.email for user in users if user.is_admin] == ["vera@alpenbank.example"]
        types = db.session.scalars(select(Provider.type).order_by(Provider.type)).all()
        assert types == ["Jumio", "Jumio Platform"]
        links = db.session.scalars(select(Link)).all()
        assert {kind for link in links for kind in link.conditions["id_types"]} == {
            "passport",
            "id_card",
            "driving_licence",
        }


def test_passwords_are_hashed(bank: Flask) -> None:
    """The database does not know the passwords that stand on the start page."""
    with bank.app_context():
        for person in PEOPLE:
            user = db.session.scalars(select(User).where(User.email == person.email)).one()
            assert person.password not in user.password_hash
            assert user.has_password(person.password)
            assert not user.has_password("something else")


def test_a_second_start_keeps_everything_but_the_address(make: Make) -> None:
    """Nobody is added twice; the providers follow the simulated vendor to its new address."""
    make({"EXAMPLE_SANDBOX_URL": "http://127.0.0.1:4001"})
    with make({"EXAMPLE_SANDBOX_URL": "http://127.0.0.1:4002"}).app_context():
        assert len(db.session.scalars(select(User)).all()) == len(PEOPLE)
        endpoints = db.session.scalars(select(Provider.endpoint)).all()
        assert endpoints == ["http://127.0.0.1:4002"] * 2


def test_database_and_folder_are_for_the_owner_alone(make: Make, tmp_path: Path) -> None:
    """Also those of an earlier start, and what SQLite puts beside the database."""
    folder = tmp_path / "new" / "instance"
    make({"EXAMPLE_INSTANCE": folder})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        path.chmod(0o644)
    make({"EXAMPLE_INSTANCE": folder})
    kept = [folder / "alpenbank.sqlite3", folder / "keys.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600, 0o600]


def test_keys_are_made_once_and_only_for_the_owner(make: Make, tmp_path: Path) -> None:
    """The keys survive a restart, in a file that nobody else can read."""
    first = make()
    path = tmp_path / "keys.json"
    kept = path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(kept)["SECRET_KEY"] == first.config["SECRET_KEY"]
    second = make()
    assert second.config["SECRET_KEY"] == first.config["SECRET_KEY"]
    assert path.read_text(encoding="utf-8") == kept


def test_settings_are_explicit(bank: Flask) -> None:
    """Neither debug mode nor test mode stands in for a setting."""
    assert not bank.debug
    assert not bank.testing
    assert bank.config["IDVERIFY_ENCRYPTION_KEYS"]
    assert bank.config["IDVERIFY_ALLOW_SANDBOX"] is True


def test_sqlite_writes_ahead(bank: Flask) -> None:
    """Readers go on while a callback is being stored."""
    with bank.app_context():
        assert db.session.scalar(text("PRAGMA journal_mode")) == "wal"


def test_two_apps_live_side_by_side(make: Make, tmp_path: Path) -> None:
    """Nothing of an app is kept on the modules that all of them share."""
    first = make({"EXAMPLE_INSTANCE": tmp_path / "one"})
    second = make({"EXAMPLE_INSTANCE": tmp_path / "two"})
    with first.app_context():
        db.session.delete(db.session.scalars(select(User)).first())
        db.session.commit()
        assert len(db.session.scalars(select(User)).all()) == 2
    with second.app_context():
        users = db.session.scalars(select(User)).all()
        assert len(users) == 3
        assert idverify.identity_of(users[0]) is None


def test_the_providers_can_be_left_to_the_admin(make: Make) -> None:
    """As the walkthrough wants it, which adds them through the form."""
    with make({"EXAMPLE_SEED_PROVIDERS": False}).app_context():
        assert db.session.scalars(select(Provider)).all() == []


def test_the_doctor_finds_nothing_that_cannot_work(bank: Flask) -> None:
    """Warnings remain: the vendor is simulated, and the keys are one."""
    done = bank.test_cli_runner().invoke(args=["idverify", "doctor"])
    assert done.exit_code == 0, done.output
    assert "0 error(s)" in done.output


def test_a_command_leaves_the_address_alone(make: Make) -> None:
    """Only whoever runs the simulated vendor knows where it is."""
    make({"EXAMPLE_SANDBOX_URL": "http://127.0.0.1:4001"})
    with make().app_context():
        endpoints = db.session.scalars(select(Provider.endpoint)).all()
        assert endpoints == ["http://127.0.0.1:4001"] * 2
