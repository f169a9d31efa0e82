"""What a first start puts in: three invented people, and two providers at the simulated vendor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from flask_idverify.models import Provider

from .extensions import db, idverify
from .models import User


@dataclass(frozen=True)
class Person:
    """An invented person whose password stands on the start page."""

    email: str
    password: str
    real_name: str
    date_of_birth: date
    is_admin: bool = False


PEOPLE = (
    Person("lena@alpenbank.example", "enzian-2469", "Lena Marie Gruber", date(1988, 11, 23)),
    Person("jonas@alpenbank.example", "firn-3798", "Jonas Huber", date(1979, 4, 2)),
    Person("vera@alpenbank.example", "pickel-1810", "Vera Steiner", date(1971, 9, 8), True),
)

#: Passports go to the Platform, other papers to API v4, so that both can be tried side by side.
PROVIDERS = (
    ("Jumio Platform (simulated)", "Jumio Platform", ["passport"]),
    ("Jumio v4 (simulated)", "Jumio", ["id_card", "driving_licence"]),
)


def people() -> None:
    """Add whoever is missing of the three."""
    for person in PEOPLE:
        if db.session.scalar(select(User).where(User.email == person.email)) is None:
            user = User(
                email=person.email,
                real_name=person.real_name,
                date_of_birth=person.date_of_birth,
                is_admin=person.is_admin,
            )
            user.set_password(person.password)
            db.session.add(user)
    db.session.commit()


def providers(sandbox_url: str, *, follow: bool) -> None:
    """Add and link both providers, once.

    :param follow: tell those that are there the address too.
    """
    for name, kind, id_types in PROVIDERS:
        known = db.session.scalar(select(Provider).where(Provider.name == name))
        if known is not None:
            if follow:
                known.endpoint = sandbox_url
            continue
        provider = idverify.add_provider(
            name=name,
            type=kind,
            client_id="sandbox-id",
            client_secret="sandbox-secret",  # nosec B106  # noqa: S106 - the simulated vendor's, no secret
            endpoint=sandbox_url,
        )
        idverify.link(provider, conditions={"id_types": id_types})
    db.session.commit()
