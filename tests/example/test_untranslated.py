"""Whatever a page of the bank says went through gettext: a language of marks leaves none bare."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from example_app.extensions import idverify
from example_app.outage import offer_outage
from example_app.seed import PEOPLE
from example_app.views import STANDINGS
from flask_idverify.sandbox import SandboxServer
from flask_idverify.states import Standing
from tests import catalogues, marks

from .conftest import Make
from .customers import JONAS, LENA, RECORD, VERA, may_enter, post, signed_in

PERSON = "|".join(re.escape(person.real_name) for person in PEOPLE)
#: What is nobody's text: the bank's name, its people and their country, a day, papers, addresses.
DATA = re.compile(
    rf"""
    \b(Alpenbank|Österreich|{PERSON})\b | https?://\S+ | /identity/admin/
    | \d+\.\ \w+\ \d{{4}} | \bJumio(\ (Platform|v4)\ \(simulated\))? | \bU7301945\b
    """,
    re.VERBOSE,
)
#: Names of languages, and what WTForms says by itself, in the words of its own German catalogue.
OTHERS = {"Deutsch", "Español", "中文", "Dieses Feld wird benötigt.", "Kein gültiges Datum."}


@pytest.fixture
def marked(make: Make, first_start: Path, tmp_path: Path) -> Iterator[Flask]:
    """The bank in a language that marks every text, with a vendor that can be taken down."""
    shutil.copytree(first_start, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "marks"
    for each in catalogues.ALL:
        marks.write(folder, each)
    with SandboxServer(allow_local_urls=True) as vendor:
        app = make({"BABEL_TRANSLATION_DIRECTORIES": str(folder)})
        offer_outage(app, vendor.sandbox)
        yield app
        idverify.close(app)


def strangers(answer: TestResponse) -> set[str]:
    """Return the pieces of a page that neither went through gettext nor are data."""
    assert f'<html lang="{marks.LANGUAGE}">' in answer.text
    # Countries are named by another catalogue; tests/test_untranslated.py knows them.
    page = re.sub(r"<option\b.*?</option>", "", answer.text, flags=re.DOTALL)
    found = {piece for piece in marks.bare(page) if piece not in OTHERS}
    return {piece for piece in found if re.search(r"[^\W\d_]", DATA.sub(" ", piece))}


def answers(bank: Flask) -> Iterator[tuple[str, TestResponse]]:
    """Yield every page of the bank in each of its states."""
    asked = {"Accept-Language": marks.LANGUAGE}
    visitor, jonas, vera = bank.test_client(), signed_in(bank, JONAS), signed_in(bank, VERA)
    for client in (visitor, jonas, vera):
        post(client, "/language", language=marks.LANGUAGE)
    for path in ("/", "/sign-in", "/sign-up", "/nowhere"):
        yield path, visitor.get(path)
    yield "sent to sign in", visitor.get("/account", follow_redirects=True)
    yield "wrong password", post(visitor, "/sign-in", email=LENA.email, password="x")
    for number, values in enumerate(
        (
            {},
            {"date_of_birth": "never", "email": "x", "password": "x"},
            {**RECORD, "date_of_birth": "2999-12-31"},
            {**RECORD, "email": LENA.email, "password": "edelweiss"},
        )
    ):
        yield f"sign up {number}", post(visitor, "/sign-up", **values)
    yield "no token", visitor.post("/sign-in", headers=asked)
    yield "no such method", visitor.get("/sign-out")
    yield "too large", visitor.post("/sign-in", data={"email": "x" * 2**20})
    post(visitor, "/vendor", switch="down")
    yield "vendor down", visitor.get("/")
    for path in ("/", "/account", "/identity/"):
        yield f"unverified {path}", jonas.get(path)
    for path in ("/", "/identity/admin/"):
        yield f"admin {path}", vera.get(path)
    may_enter(bank, LENA)
    lena = signed_in(bank, LENA)
    post(lena, "/language", language=marks.LANGUAGE)
    for path in ("/", "/account", "/safe-deposit", "/identity/"):
        yield f"verified {path}", lena.get(path)
    yield "locked", post(lena, "/account", **{**RECORD, "real_name": "Jonas Huber"})
    assert post(lena, "/account", **RECORD).status_code == 303
    yield "saved", lena.get("/account")
    assert post(lena, "/account/close").status_code == 303
    yield "closed", lena.get("/")


def test_no_page_of_the_bank_says_anything_that_was_not_translated(marked: Flask) -> None:
    found = {name: strangers(answer) for name, answer in answers(marked)}
    assert len(found) > 20
    assert {name: bare for name, bare in found.items() if bare} == {}


@pytest.mark.parametrize("standing", Standing)
def test_a_standing_has_a_word_in_the_language(standing: Standing, marked: Flask) -> None:
    with marked.test_request_context("/", headers={"Accept-Language": marks.LANGUAGE}):
        assert marks.MARKED.fullmatch(str(STANDINGS[standing]))
