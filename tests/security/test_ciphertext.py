"""Ciphertext moved: a sealed value opens where it was sealed and nowhere else."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import inspect, select, text

from flask_idverify import service
from flask_idverify.columns import Sealed
from flask_idverify.errors import DecryptionFailed
from flask_idverify.models import Base, Identity, Provider, Verification
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("app_context")

#: Every sealed attribute of every table: class, attribute, column.
SEALED = sorted(  # the registry is a set: each process would have its own order
    (
        (mapper.class_, name, value.column)
        for mapper in Base.registry.mappers
        for name, value in vars(mapper.class_).items()
        if isinstance(value, Sealed)
    ),
    key=lambda found: (found[0].__tablename__, found[1]),
)


@pytest.fixture
def rows(host: Host) -> dict[type, list[Any]]:
    """Return two rows of each table that holds something sealed, with all of it filled in."""
    found: dict[type, list[Any]] = {}
    for model in dict.fromkeys(model for model, _, _ in SEALED):
        found[model] = [model(id=f"{model.__tablename__[9:20]}-{number}") for number in (1, 2)]
        for row in found[model]:
            for owner, _, column in SEALED:
                if owner is model:
                    context = f"{model.__tablename__}.{column}.{row.id}"
                    ring = host.app.extensions["idverify"].keyring
                    setattr(row, column, ring.seal(b'"Canary"', context))
    return found


def opened(host: Host, row: Any, column: str) -> bytes:
    """Open a column of *row* as the table's attribute does, whatever it would make of it."""
    context = f"{row.__tablename__}.{column}.{row.id}"
    plain: bytes = host.app.extensions["idverify"].keyring.open(getattr(row, column), context)
    return plain


def test_control_every_sealed_column_of_the_tables_is_among_them() -> None:
    columns = {
        (mapper.class_, column.key)
        for mapper in Base.registry.mappers
        for column in inspect(mapper.class_).columns
        if column.key.endswith("_sealed")
    }
    assert {(model, column) for model, _, column in SEALED} == columns
    assert len(columns) >= 11


@pytest.mark.parametrize(
    ("model", "name", "column"), SEALED, ids=[f"{m.__tablename__}.{n}" for m, n, _ in SEALED]
)
def test_ciphertext_moved_to_another_row_column_or_table_does_not_open(
    host: Host, rows: dict[type, list[Any]], model: type, name: str, column: str
) -> None:
    one, two = rows[model]
    assert opened(host, one, column) == b'"Canary"', "control"
    sources = [(two, column)]
    sources += [(one, other) for owner, _, other in SEALED if owner is model and other != column]
    sources += [(rows[owner][0], other) for owner, _, other in SEALED if owner is not model]
    kept = getattr(one, column)
    for source, other in sources:
        setattr(one, column, getattr(source, other))
        with pytest.raises(DecryptionFailed) as refusal:
            getattr(one, name)
        assert "Canary" not in str(refusal.value)
    setattr(one, column, kept)
    assert opened(host, one, column) == b'"Canary"'


def test_ciphertext_of_one_users_papers_moved_to_another_user_verifies_nobody_as_them(
    host: Host, vendor: Vendor
) -> None:
    """By somebody with the database's password: raw SQL between two real identities."""
    host.add_provider(vendor.url)
    people = []
    for email, claim in (
        ("lena@example.com", lena()),
        ("mallory@example.com", lena(id_number="M1", real_name="Mallory Meyer")),
    ):
        people.append(host.add_user(email))
        row = host.idverify.start(people[-1], claim, consent())
        vendor.finish(row, number=claim.id_number, first_name="", last_name=claim.real_name)
        service.refresh(row)
    session = host.db.session
    names = [host.idverify.identity_of(user).claim.real_name for user in people]  # type: ignore[union-attr]
    assert names == ["Lena Marie Gruber", "Mallory Meyer"], "control"
    ids = [str(host.idverify.identity_of(user).id) for user in people]  # type: ignore[union-attr]
    for column, (thief, victim) in [
        (column, pair)
        for column in ("claim_sealed", "document_sealed")
        for pair in permutations(ids)
    ]:
        session.execute(
            text(
                f"UPDATE idverify_identity SET {column} = "
                f"(SELECT {column} FROM idverify_identity WHERE id = :victim) WHERE id = :thief"
            ),
            {"victim": victim, "thief": thief},
        )
        session.expire_all()
        with pytest.raises(DecryptionFailed):
            getattr(session.get_one(Identity, thief), column.removesuffix("_sealed"))
        session.rollback()


def test_ciphertext_of_a_provider_secret_moved_to_an_attackers_provider_is_never_sent(
    host: Host, vendor: Vendor
) -> None:
    """Else the secret would go to the endpoint of whoever moved it."""
    host.add_provider(vendor.url, name="Real", client_secret="sandbox-secret")
    trap: Provider = host.add_provider(vendor.url, name="Trap", client_secret="wrong-secret")
    session, user = host.db.session, host.add_user("lena@example.com")
    session.execute(
        text(
            "UPDATE idverify_provider SET client_secret_sealed = (SELECT client_secret_sealed "
            "FROM idverify_provider WHERE name = 'Real') WHERE name = 'Trap'"
        )
    )
    session.commit()
    with pytest.raises(DecryptionFailed):
        _ = trap.client_secret
    with pytest.raises(DecryptionFailed):
        host.idverify.start(user, lena(), consent(), provider="Trap")
    session.rollback()
    assert not vendor.asked()
    assert session.scalars(select(Verification)).all() == []
    host.idverify.start(user, lena(), consent(), provider="Real")
    assert vendor.asked("start"), "control"
