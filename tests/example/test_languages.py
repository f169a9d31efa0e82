"""The bank speaks the language that is chosen in its header, and so does what it is built of."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_idverify.states import Standing

from .customers import JONAS, LENA, RECORD, may_enter, post, signed_in, stands

ROOT = Path(__file__).parent.parent.parent
#: Of each language: headings of the start page, of the ways in, and of an account and its safe.
SAYS = {
    "en": ("A bank that knows who you are", "Sign in", "Your account", "Safe deposit"),
    "de": ("Eine Bank, die weiß, wer Sie sind", "Anmelden", "Ihr Konto", "Schließfach"),
    "es": ("Un banco que sabe quién es usted", "Iniciar sesión", "Su cuenta", "Caja de seguridad"),
    "zh": ("知道您是谁的银行", "登录", "您的账户", "保管箱"),
}
IDENTITY = {
    "en": "Verify your identity",
    "de": "Verifizieren Sie Ihre Identität",
    "es": "Verifique su identidad",
    "zh": "验证您的身份",
}
OUT = {"en": "Sign out", "de": "Abmelden", "es": "Cerrar sesión", "zh": "退出登录"}


def chooses(client: FlaskClient, language: str, back: str = "/") -> TestResponse:
    return post(client, "/language", language=language, next=back)


def says(client: FlaskClient, path: str, language: str, title: str) -> str:
    page = client.get(path).text
    assert f'<html lang="{language}">' in page
    assert re.findall(r"<h1>(.*?)</h1>", page) == [title]
    return page


@pytest.mark.parametrize("language", SAYS)
def test_the_start_page_and_the_way_in_speak_the_language_that_is_chosen(
    bank: Flask, language: str
) -> None:
    client = bank.test_client()
    home, sign_in, _, safe = SAYS[language]
    assert chooses(client, language, "/sign-in").location == "/sign-in"
    says(client, "/sign-in", language, sign_in)
    page = says(client, "/", language, home)
    assert f'value="{language}" lang="{language}" aria-current="true"' in page
    assert f'<a href="/safe-deposit">{safe}</a>' in page


@pytest.mark.parametrize("language", SAYS)
def test_the_account_and_the_safe_speak_the_language_that_is_chosen(
    bank: Flask, language: str
) -> None:
    may_enter(bank, LENA)
    client = signed_in(bank, LENA)
    _, _, account, safe = SAYS[language]
    chooses(client, language)
    says(client, "/account", language, account)
    says(client, "/safe-deposit", language, safe)


@pytest.mark.parametrize("language", SAYS)
def test_the_identity_pages_and_the_frame_around_them_speak_one_language(
    bank: Flask, language: str
) -> None:
    client = signed_in(bank, LENA)
    assert chooses(client, language, "/identity/").location == "/identity/"
    page = says(client, "/identity/", language, IDENTITY[language])
    assert f">{OUT[language]}</button>" in page
    assert f'<a href="/safe-deposit">{SAYS[language][3]}</a>' in page


def test_the_browsers_language_is_taken_until_one_is_chosen(bank: Flask) -> None:
    client = signed_in(bank, LENA)
    asked = {"Accept-Language": "fr, zh-CN;q=0.8, de;q=0.5"}
    for path in ("/", "/identity/"):
        assert '<html lang="zh">' in client.get(path, headers=asked).text
    chooses(client, "es")
    for path in ("/", "/identity/"):
        assert '<html lang="es">' in client.get(path, headers=asked).text


@pytest.mark.parametrize(
    ("language", "missing", "none", "future"),
    [
        ("en", "This field is required.", "Not a valid date value.", "lies in the future"),
        ("de", "Dieses Feld wird benötigt.", "Kein gültiges Datum.", "liegt in der Zukunft"),
        ("es", "Este campo es obligatorio.", "No es una fecha válida.", "está en el futuro"),
        ("zh", "该字段是必填字段。", "不是有效的日期值。", "该日期在未来。"),
    ],
)
def test_forms_complain_in_the_language_also_in_the_words_of_wtforms(
    bank: Flask, language: str, missing: str, none: str, future: str
) -> None:
    client = bank.test_client()
    chooses(client, language)
    page = post(client, "/sign-up", date_of_birth="never").text
    assert page.count(missing) == 3
    assert none in page
    assert future in post(client, "/sign-up", date_of_birth="2999-12-31").text


def test_messages_and_the_pages_of_errors_speak_the_language(bank: Flask) -> None:
    stands(bank, LENA, Standing.verified)
    client = bank.test_client()
    chooses(client, "de")
    sent = client.get("/safe-deposit", follow_redirects=True).text
    assert "Bitte melden Sie sich zuerst an." in sent
    wrong = post(client, "/sign-in", email=LENA.email, password="x").text
    assert "E-Mail oder Passwort ist falsch." in wrong
    post(client, "/sign-in", email=LENA.email, password=LENA.password)
    assert post(client, "/account", **RECORD).status_code == 303
    assert "Ihre Angaben sind gespeichert." in client.get("/account").text
    refused = post(client, "/account", **{**RECORD, "real_name": "Somebody Else"})
    assert (refused.status_code, "Es wurde nichts gespeichert." in refused.text) == (409, True)
    assert "Unter dieser Adresse gibt es nichts." in client.get("/nowhere").text


def test_a_day_is_written_as_the_language_does(bank: Flask) -> None:
    may_enter(bank, JONAS)
    client = signed_in(bank, JONAS)
    for language, day in (
        ("en", r"[A-Z][a-z]+ \d+, \d{4}"),
        ("de", r"\d+\. [A-Z][a-zä]+ \d{4}"),
        ("es", r"\d+ de [a-z]+ de \d{4}"),
        ("zh", r"\d{4}年\d+月\d+日"),
    ):
        chooses(client, language)
        assert re.search(rf"</dt><dd>{day}</dd>", client.get("/account").text), language
        assert re.search(day, client.get("/safe-deposit").text), language


def test_a_language_that_is_not_offered_or_a_strange_way_back_changes_nothing(bank: Flask) -> None:
    client = signed_in(bank, LENA)
    assert chooses(client, "tlh", "//evil.example/").location == "/"
    for path in ("/", "/identity/"):
        assert '<html lang="en">' in client.get(path).text


def test_without_flask_babel_the_bank_works_in_english(first_start: Path, tmp_path: Path) -> None:
    shutil.copytree(first_start, tmp_path, dirs_exist_ok=True)
    code = f"""
import sys
sys.modules["flask_babel"] = sys.modules["babel"] = sys.modules["pytz"] = None
from example_app import create_app
from tests.example.customers import LENA, may_enter, post, signed_in
bank = create_app({{"EXAMPLE_INSTANCE": {str(tmp_path)!r}}})
stranger, lena = bank.test_client(), signed_in(bank, LENA)
may_enter(bank, LENA)
for client, path, text in (
    (stranger, "/", "A bank that knows who you are"),
    (stranger, "/account", "Please sign in first."),
    (lena, "/account", "<dt>Verified on</dt>"),
    (lena, "/safe-deposit", "<strong>Box 17</strong>"),
    (lena, "/identity/", ">Sign out</button>"),
    (lena, "/nowhere", "There is nothing at this address."),
):
    page = client.get(path, headers={{"Accept-Language": "de"}}, follow_redirects=True).text
    print('<html lang="en">' in page, text in page, 'name="language"' not in page)
print("This field is required." in post(stranger, "/sign-up").text)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [*["True True True"] * 6, "True"]
