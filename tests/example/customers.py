"""The bank's people at its pages, by way of Flask's test client."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from example_app.extensions import db
from example_app.models import User
from example_app.seed import PEOPLE, Person
from flask_idverify import Claim, clock
from flask_idverify.models import Identity, Link, Verification
from flask_idverify.states import Standing, Status

LENA, JONAS, VERA = PEOPLE
RECORD = {"real_name": LENA.real_name, "date_of_birth": LENA.date_of_birth.isoformat()}


def token(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def post(client: FlaskClient, path: str, **values: str) -> TestResponse:
    values["csrf_token"] = token(client.get("/sign-in"))
    return client.post(path, data=values)


def signed_in(app: Flask, person: Person) -> FlaskClient:
    client = app.test_client()
    answer = post(client, "/sign-in", email=person.email, password=person.password)
    assert answer.status_code == 303
    return client


def stands(app: Flask, person: Person, standing: Standing) -> None:
    """Give somebody a standing, as a verification would."""
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == person.email)).one()
        identity = Identity(id="i" * 36, user_id=user.get_id(), standing=standing)
        identity.claim = Claim("passport", "U7301945", person.real_name, "AUT")
        identity.verified_at = clock.now()
        db.session.add(identity)
        db.session.commit()


def may_enter(app: Flask, person: Person) -> None:
    """Let somebody into the safe, as an approval that an employee signed does."""
    stands(app, person, Standing.verified)
    with app.app_context():
        identity = db.session.scalars(select(Identity)).one()
        link = db.session.scalars(select(Link)).first()
        assert link is not None
        row = Verification(
            user_id=identity.user_id,
            identity_id=identity.id,
            application_id=link.application_id,
            provider_id=link.provider_id,
            policy={},
            status=Status.approved,
            decided_by="admin:3",
            callback_key_digest="",
            created_at=clock.now(),
            finished_at=clock.now(),
        )
        db.session.add(row)
        db.session.commit()


def record(app: Flask, person: Person) -> User:
    with app.app_context():
        found = db.session.scalars(select(User).where(User.email == person.email)).one()
        db.session.expunge(found)
        return found
