"""The bank's pages: who gets where, and what the lock does to the account page."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

import example_app
from example_app.extensions import db
from example_app.seed import Person
from flask_idverify.locking import permitted
from flask_idverify.models import Identity
from flask_idverify.states import Standing

from .customers import JONAS, LENA, RECORD, VERA, post, record, signed_in, stands, token


def test_the_account_is_edited_freely_before(bank: Flask) -> None:
    """Until somebody is verified, the record is theirs to change."""
    client = signed_in(bank, LENA)
    changed = {**RECORD, "real_name": "Lena Maria Gruber", "phone": "+43 1 234"}
    assert post(client, "/account", **changed).status_code == 303
    assert record(bank, LENA).real_name == "Lena Maria Gruber"
    assert "readonly" not in client.get("/account").text


@pytest.mark.parametrize(
    "change", [{"real_name": "Somebody Else"}, {"date_of_birth": "1990-01-01"}]
)
def test_a_verified_user_cannot_change_locked_columns(bank: Flask, change: dict[str, str]) -> None:
    """A raw POST gets a clear 409 page, and nothing of the post is saved."""
    stands(bank, LENA, Standing.verified)
    client = signed_in(bank, LENA)
    answer = post(client, "/account", **{**RECORD, "phone": "+43 1 234", **change})
    assert answer.status_code == 409
    assert "Nothing was saved." in answer.text
    kept = record(bank, LENA)
    assert kept.real_name == LENA.real_name
    assert kept.date_of_birth == LENA.date_of_birth
    assert kept.phone is None


def test_a_verified_user_may_change_the_rest(bank: Flask) -> None:
    """The lock is on columns, not on the record."""
    stands(bank, LENA, Standing.verified)
    client = signed_in(bank, LENA)
    page = client.get("/account").text
    assert page.count("readonly") == 2
    assert post(client, "/account", **RECORD, phone="+43 1 234").status_code == 303
    assert record(bank, LENA).phone == "+43 1 234"


def test_the_safe_opens_for_nobody_unverified(bank: Flask) -> None:
    """Strangers go to sign in, customers to the page that verifies, and come back by it."""
    assert "/sign-in" in bank.test_client().get("/safe-deposit").location
    answer = signed_in(bank, LENA).get("/safe-deposit")
    assert answer.status_code == 302
    assert answer.location == "/identity/?next=/safe-deposit"


def test_a_closed_account_leaves_nothing_to_the_next(bank: Flask) -> None:
    """SQLite gives the id to the next customer, who is not verified by it."""
    newest = Person("ada@alpenbank.example", "arve-1234-x", "Ada Moser", date(1990, 5, 5))
    joins = {
        "email": newest.email,
        "password": newest.password,
        "real_name": newest.real_name,
        "date_of_birth": newest.date_of_birth.isoformat(),
    }
    client = bank.test_client()
    assert post(client, "/sign-up", **joins).status_code == 303
    stands(bank, newest, Standing.verified)
    before = record(bank, newest).id
    assert post(client, "/account/close").status_code == 303
    assert post(client, "/sign-up", **{**joins, "real_name": "Another Person"}).status_code == 303
    assert record(bank, newest).id == before
    assert "verified</span>" not in client.get("/account").text
    assert client.get("/safe-deposit").status_code == 302


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"]
)
def test_signing_in_leads_nowhere_else(bank: Flask, target: str) -> None:
    """The page one wanted before is a path of ours, or it is forgotten."""
    client = bank.test_client()
    values = {
        "email": LENA.email,
        "password": LENA.password,
        "csrf_token": token(client.get("/sign-in")),
    }
    answer = client.post("/sign-in", query_string={"next": target}, data=values)
    assert answer.location == "/"


def test_a_wrong_password_says_no_more_than_that(bank: Flask) -> None:
    """Whether the account exists is not told."""
    client = bank.test_client()
    wrong = post(client, "/sign-in", email=LENA.email, password="x")
    unknown = post(client, "/sign-in", email="x@alpenbank.example", password="x")
    assert "E-mail or password is wrong." in wrong.text
    assert "E-mail or password is wrong." in unknown.text


def test_posts_need_a_token(bank: Flask) -> None:
    """The global CSRFProtect is on, and has a page of its own."""
    answer = bank.test_client().post("/sign-in", data={"email": LENA.email})
    assert answer.status_code == 400
    assert "Please try again" in answer.text


def test_only_employees_are_admins(bank: Flask) -> None:
    """The host says who may enter the admin pages."""
    assert signed_in(bank, JONAS).get("/identity/admin/").status_code == 403
    assert signed_in(bank, VERA).get("/identity/admin/").status_code == 200


def test_the_extensions_pages_wear_the_banks_look(bank: Flask) -> None:
    """One overridden template puts them into our skeleton, with their stylesheet before ours."""
    page = signed_in(bank, LENA).get("/identity/").text
    assert "Alpenbank" in page
    assert page.index("idverify.css") < page.index("alpenbank.css")


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/sign-up", "/account", "/identity/", "/nowhere"]
)
def test_every_page_forbids_what_it_does_not_use(bank: Flask, path: str) -> None:
    """The strictest content policy holds for the bank's pages and the extension's alike."""
    headers = signed_in(bank, LENA).get(path).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"


def test_templates_have_no_inline_script_or_style() -> None:
    """Whatever the policy says, there is nothing for it to block."""
    folder = Path(example_app.__file__).parent / "templates"
    templates = sorted(folder.rglob("*.html"))
    assert len(templates) > 8
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|javascript:", text)


def test_the_account_names_the_last_good_day(bank: Flask) -> None:
    """The standing ends with the first moment of the next day."""
    stands(bank, LENA, Standing.verified)
    with bank.app_context(), permitted():
        ends = datetime(2031, 5, 5, tzinfo=timezone.utc)
        db.session.execute(update(Identity).values(expires_at=ends))
        db.session.commit()
    page = signed_in(bank, LENA).get("/account").text
    assert "<dt>Good until</dt><dd>May 4, 2031</dd>" in page
