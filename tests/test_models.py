"""Our tables in the host's database: once, with their names, and migrations that need nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, inspect, select, text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.schema import CreateTable

from flask_idverify import IDVerify, clock
from flask_idverify.errors import ConfigurationError
from flask_idverify.models import Base, Identity, Verification
from flask_idverify.states import Standing
from tests.hosts import Host, make_host

TABLES = {
    "idverify_application",
    "idverify_application_provider",
    "idverify_audit",
    "idverify_audit_head",
    "idverify_gate",
    "idverify_callback",
    "idverify_identity",
    "idverify_outbox",
    "idverify_provider",
    "idverify_provider_usage",
    "idverify_vendor_account",
    "idverify_verification",
    "idverify_worker",
}
CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Make = Callable[..., Flask]


@pytest.fixture
def make_app() -> Iterator[Make]:
    """Return a function that makes an app around a given db, closed at the end."""
    made: list[tuple[Flask, SQLAlchemy]] = []

    def build(db: SQLAlchemy, url: str = "sqlite://") -> Flask:
        app = Flask("models")
        app.config.update(TESTING=True, SECRET_KEY="s", SQLALCHEMY_DATABASE_URI=url)
        db.init_app(app)
        IDVerify().init_app(app, db)
        made.append((app, db))
        return app

    yield build
    for app, db in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def ours(db: SQLAlchemy) -> set[str]:
    return {name for name in db.metadata.tables if name.startswith("idverify_")}


def declarative() -> SQLAlchemy:
    class HostBase(DeclarativeBase):
        pass

    return SQLAlchemy(model_class=HostBase)


@pytest.mark.parametrize("db", [SQLAlchemy(), declarative()], ids=["db.Model", "model_class"])
def test_tables_reach_either_kind_of_host_and_work_there(make_app: Make, db: SQLAlchemy) -> None:
    app = make_app(db)
    assert ours(db) == TABLES == {table.name for table in Base.metadata.sorted_tables}
    with app.app_context():
        db.create_all()
        assert set(inspect(db.engine).get_table_names()) == TABLES
        db.session.add(Identity(user_id="1"))
        db.session.commit()
        assert db.session.scalars(select(Identity)).one().standing is Standing.unverified


def test_two_apps_with_one_db_share_the_tables_and_nothing_else(make_app: Make) -> None:
    db = SQLAlchemy()
    apps = [make_app(db), make_app(db)]
    assert ours(db) == TABLES
    for number, app in enumerate(apps):
        with app.app_context():
            db.create_all()
            db.session.add(Identity(user_id=f"app {number}"))
            db.session.commit()
            assert db.session.scalars(select(Identity.user_id)).all() == [f"app {number}"]


def test_two_apps_with_two_dbs_live_side_by_side(make_app: Make) -> None:
    first, second = SQLAlchemy(), declarative()
    for db in (first, second):
        app = make_app(db)
        with app.app_context():
            db.create_all()
            db.session.add(Identity(user_id="1"))
            db.session.commit()
            assert len(db.session.scalars(select(Identity)).all()) == 1
    assert (
        first.metadata.tables["idverify_identity"]
        is not (second.metadata.tables["idverify_identity"])
    )


def test_default_schema_is_refused_with_a_way_out() -> None:
    app = Flask("schema")
    app.config.update(TESTING=True, SECRET_KEY="s", SQLALCHEMY_DATABASE_URI="sqlite://")
    db = SQLAlchemy(metadata=MetaData(schema="tenant"), app=app)
    with pytest.raises(ConfigurationError, match="default schema 'tenant'"):
        IDVerify(app, db)


def names(metadata: MetaData) -> set[str]:
    """Return the names of all our constraints and indexes, primary keys apart."""
    found: set[str] = set()
    item: Any
    for table in metadata.tables.values():
        for item in [*table.constraints, *table.indexes]:
            if item.__class__.__name__ != "PrimaryKeyConstraint":
                assert item.name, f"{item!r} has no name"
                found.add(str(item.name))
    return found


@pytest.mark.parametrize("convention", [{}, CONVENTION])
def test_constraint_names_survive_the_copy(make_app: Make, convention: dict[str, str]) -> None:
    db = SQLAlchemy(metadata=MetaData(naming_convention=convention))
    app = make_app(db)
    assert names(db.metadata) == names(Base.metadata)
    assert all(len(name) <= 63 for name in names(db.metadata))
    with app.app_context():
        db.create_all()
        found = inspect(db.engine)
        kept = {
            item["name"]
            for table in TABLES
            for item in [
                *found.get_unique_constraints(table),
                *found.get_foreign_keys(table),
                *found.get_indexes(table),
            ]
        }
        assert kept == names(Base.metadata)


def test_tables_compile_for_other_engines() -> None:
    dialects: list[Any] = [postgresql, mysql]
    for dialect in (module.dialect() for module in dialects):
        made = "".join(
            str(CreateTable(table).compile(dialect=dialect))
            for table in Base.metadata.sorted_tables
        )
        if dialect.name == "mysql":
            assert "DATETIME(6)" in made
            assert "MEDIUMTEXT" in made
            assert " DATETIME," not in made
        else:
            assert "TIMESTAMP WITH TIME ZONE" in made


#: What must be written into a row and has no default in the database, as the tables began.
REQUIRED = {
    "idverify_application": {"created_at", "display_name", "id", "name"},
    "idverify_application_provider": {
        *("application_id", "conditions", "enabled", "id", "policy", "position", "provider_id"),
    },
    "idverify_audit": {
        *("action", "actor", "at", "facts", "id", "key_id", "mac", "previous_mac", "sequence"),
        "subject",
    },
    "idverify_audit_head": {"id", "mac", "sequence"},
    "idverify_callback": {
        *("body_sealed", "content_type", "digest", "id", "provider_id", "received_at", "scope"),
        "tries",
    },
    "idverify_gate": {"id", "passes"},
    "idverify_identity": {"created_at", "id", "standing", "subject", "updated_at", "user_id"},
    "idverify_outbox": {"created_at", "id", "kind", "subject", "tries"},
    "idverify_provider": {
        *("callback_key_digest", "callback_key_sealed", "category", "client_id"),
        *("client_secret_sealed", "created_at", "enabled", "endpoint", "id", "name", "options"),
        *("type", "updated_at"),
    },
    "idverify_provider_usage": {"calls", "day", "failed", "id", "provider_id", "refused"},
    "idverify_vendor_account": {"account_id", "id", "provider_id", "user_id"},
    "idverify_verification": {
        *("answer", "callback_key_digest", "checks", "created_at", "facts", "findings", "id"),
        *("identity_id", "is_test", "policy", "polls", "provider_id", "reasons", "reference"),
        *("related", "retryable", "status", "user_id"),
    },
    "idverify_worker": {"concurrency", "host", "id", "kind", "pid", "seen_at", "started_at"},
}


def test_a_migration_can_add_our_newer_columns_to_tables_with_rows() -> None:
    """A new column of an old table may be NULL or has a ``server_default``; ADD COLUMN needs it.

    Only a new table adds to `REQUIRED`.
    """
    found = {
        table.name: {
            column.name
            for column in table.columns
            if not column.nullable and column.server_default is None
        }
        for table in Base.metadata.sorted_tables
    }
    assert found == REQUIRED


@pytest.mark.usefixtures("app_context")
def test_times_are_aware_and_utc_though_sqlite_drops_zones(host: Host) -> None:
    vienna = timezone(timedelta(hours=2))
    row = Identity(user_id="1", verified_at=datetime(2031, 5, 4, 12, 0, 0, 123456, vienna))
    host.db.session.add(row)
    host.db.session.commit()
    assert row.verified_at == datetime(2031, 5, 4, 10, 0, 0, 123456, timezone.utc)
    assert row.verified_at.utcoffset() == timedelta()
    assert row.created_at.tzinfo is not None
    found = host.db.session.scalar(select(Identity).where(Identity.verified_at < clock.now()))
    assert found is None
    row.expires_at = datetime(2031, 5, 4, 12, 0)  # noqa: DTZ001 - that is the point
    with pytest.raises(StatementError, match="naive"):
        host.db.session.commit()
    host.db.session.rollback()


@pytest.mark.usefixtures("app_context")
def test_database_itself_admits_one_identity_and_one_unfinished_attempt(host: Host) -> None:
    session = host.db.session
    provider = host.add_provider("http://127.0.0.1:9")
    session.add(Identity(id="i", user_id="1"))
    session.commit()
    session.add(Identity(user_id="1"))
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()

    def attempt(key: str | None, digest: str) -> Verification:
        return Verification(
            user_id="1",
            identity_id="i",
            provider_id=provider.id,
            active_key=key,
            callback_key_digest=digest,
        )

    session.add_all([attempt("k", "1"), attempt(None, "2"), attempt(None, "3")])
    session.commit()
    session.add(attempt("k", "4"))
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()


@pytest.mark.usefixtures("app_context")
def test_unknown_status_in_the_database_is_an_error_and_not_a_status(host: Host) -> None:
    host.db.session.add(Identity(user_id="1"))
    host.db.session.commit()
    host.db.session.execute(text("UPDATE idverify_identity SET standing = 'wonderful'"))
    with pytest.raises(ValueError, match="wonderful"):
        host.db.session.scalars(select(Identity)).one()


HOST_APP = """
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_idverify import IDVerify

app = Flask(__name__)
app.config.update(TESTING=True, SECRET_KEY="s", SQLALCHEMY_DATABASE_URI="sqlite:///host.db")
db = SQLAlchemy()

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)

db.init_app(app)
IDVerify().init_app(app, db)
Migrate(app, db)

if __name__ == "__main__":
    import flask_migrate

    with app.app_context():  # what `flask db init`, `migrate` and `upgrade` do
        flask_migrate.init()
        flask_migrate.migrate(message="all")
        flask_migrate.upgrade()
"""


def test_migrations_create_the_tables_then_find_no_difference(tmp_path: Path) -> None:
    (tmp_path / "hostapp.py").write_text(HOST_APP)
    for command in (["hostapp.py"], ["-m", "flask", "--app", "hostapp", "db", "check"]):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "No new upgrade operations" in done.stdout + done.stderr
    (script,) = (tmp_path / "migrations" / "versions").glob("*.py")
    written = script.read_text()
    assert written.count("op.create_table('idverify_") == len(TABLES)
    assert "flask_idverify" not in written
    imports = {line for line in written.splitlines() if "import" in line}
    assert imports <= {
        "from alembic import op",
        "import sqlalchemy as sa",
        "from sqlalchemy.dialects import mysql",
    }


def test_every_host_of_the_tests_starts_with_the_same_tables() -> None:
    host = make_host()
    with host.app.app_context():
        assert set(inspect(host.db.engine).get_table_names()) == {*TABLES, "member"}
        host.db.session.remove()
        host.db.engine.dispose()


def test_rows_show_no_personal_data(host: Host) -> None:
    def shown(row: Any) -> str:
        return f"{row!r} {row}"

    assert shown(Identity(id="x", user_id="lena@example.com")) == "<Identity x> <Identity x>"
