"""Whatever a page says went through gettext: a language that marks each text leaves none bare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_babel import Babel
from werkzeug.test import TestResponse

from flask_idverify import countries
from flask_idverify.sandbox import SandboxServer
from tests import catalogues, marks
from tests.browser.pages import PAGES
from tests.browser.scene import Filled, Scene
from tests.hosts import make_host
from tests.marks import LANGUAGE, MARKED, bare
from tests.vendor import Vendor


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Filled, Scene]]:
    folder = tmp_path_factory.mktemp("marks")
    marks.write(folder, catalogues.EXTENSION)
    made: list[Any] = []
    with SandboxServer(allow_local_urls=True, processing_seconds=0.0) as server:
        vendor = Vendor(server)
        vendor.reset()
        for name in ("filled", "empty"):
            database = f"sqlite:///{tmp_path_factory.mktemp(name)}/host.db"
            host = make_host(
                SQLALCHEMY_DATABASE_URI=database, BABEL_TRANSLATION_DIRECTORIES=str(folder)
            )
            Babel(host.app, locale_selector=lambda: LANGUAGE)
            made.append(Filled(host, "", vendor) if name == "filled" else Scene(host, ""))
        made[1].add("newcomer")
        yield made[0], made[1]


@dataclass(frozen=True)
class Form:
    """Where a form goes to, and its token."""

    action: str
    method: str
    token: str


class Forms(HTMLParser):
    """Collects the forms of a page, and the other places that their buttons send them to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._now = ("", "get")
        self._token = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self._now = (values.get("action") or "", values.get("method") or "get")
        if tag == "input" and values.get("name") == "csrf_token":
            self._token = values.get("value") or ""
            self.found.append(Form(*self._now, self._token))
        if tag == "button" and values.get("formaction"):
            self.found.append(Form(values["formaction"] or "", "post", self._token))


def browser(scene: Scene, who: str) -> FlaskClient:
    client = scene.host.app.test_client()
    if who:
        client.get(f"/login/{scene.people[who]}")
    return client


#: What is nobody's text: names that people and vendors gave, and codes.
DATA = re.compile(
    r"""
    \b(Jumio\ (EU|Platform|v4\ for\ licences)|Jumio|Account\ (in\ trouble|of\ nobody))\b
    | \bBranch\ that\ nobody\ serves\b | (Donaudampfschifffahrts\w+) | \bUTC\b
    | \b(Karl\ Huber|Karl\ Maria|Eleni\ Papadopoulou|Lena\ Marie\ Gruber|LENA\ MARIE\ GRUBER)\b
    # Marked in a comparison, they stand alone.
    | \b(Karl|Huber|Maria|Eleni|Papadopoulou|Lena|Marie|Gruber|KARL|HUBER|LENA|MARIE|GRUBER)\b
    | \b[A-Z]\d{1,7}\b | https?://\S+ | \b[0-9a-f]{8}\b | \w+@example\.com
    | \b(dataChecks|extraction|imageChecks|liveness|similarity|usability)\b (:\ [A-Z_ ()]+)?
    | \b(default|once|strict|bare|long)\b | \bF\b | \b\d+\ ms\b
    """,
    re.VERBOSE,
)
#: What WTForms says by itself, in the words of its own German catalogue; a vendor's state; a name.
OTHERS = {"Dieses Feld wird benötigt.", "Keine gültige Auswahl.", "UP", "id.example.com 443", "x"}
#: Codes of languages, of which Jumio's page offers a choice.
CODES = re.compile(r"[a-z]{2}(-[A-Z]{2})?")


def strangers(page: str) -> set[str]:
    """Return the pieces of a page that neither went through gettext nor are data."""
    names = sorted((name for _, name in countries.choices(LANGUAGE)), key=len, reverse=True)
    found = set()
    for piece in bare(page):
        rest = piece
        for name in names:
            rest = rest.replace(name, " ")
        rest = DATA.sub(" ", rest)
        if re.search(r"[^\W\d_]", rest) and not CODES.fullmatch(piece):
            found.add(piece)
    return found


def read(answer: TestResponse) -> set[str]:
    assert answer.mimetype == "text/html", answer.request.path
    assert f'<html lang="{LANGUAGE}"' in answer.text
    return strangers(answer.text)


def test_no_page_says_anything_that_was_not_translated(scenes: tuple[Filled, Scene]) -> None:
    filled, empty = scenes
    found: dict[str, str] = {}
    looked = 0
    for shown in PAGES:
        if shown.act is not None:
            continue
        scene = empty if shown.bare else filled
        path = "/identity" + shown.address.format_map(scene.ids)
        answer = browser(scene, shown.who).get(path)
        assert answer.status_code == shown.status, shown
        found |= dict.fromkeys(read(answer), str(shown))
        looked += 1
    assert looked > 70
    assert found == {}


def test_no_answer_to_a_form_says_anything_that_was_not_translated(
    scenes: tuple[Filled, Scene],
) -> None:
    """Send every form of every page empty, and look at what comes, or is flashed then."""
    filled, _ = scenes
    found: dict[str, str] = {}
    sent: set[str] = set()
    for shown in PAGES:
        if shown.act is not None or shown.bare or shown.status >= 400:
            continue
        client = browser(filled, shown.who)
        page = client.get("/identity" + shown.address.format_map(filled.ids)).text
        for form in Forms(page).found:
            kind = re.sub(r"[0-9a-f-]{36}", "*", form.action)
            if kind in sent or form.method != "post":
                continue
            sent.add(kind)
            # A date that is none, and a choice that is not offered.
            values = dict.fromkeys(("since", "until", "id_type", "country", "type"), "x")
            answer = client.post(
                form.action, data={**values, "csrf_token": form.token}, follow_redirects=True
            )
            if answer.mimetype == "text/html":
                found |= dict.fromkeys(read(answer) - OTHERS, kind)
    assert len(sent) > 20
    assert found == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/identity/api/verifications/x", 404),
        ("GET", "/identity/api/nowhere", 404),
        ("POST", "/identity/api/verifications", 400),
    ],
)
def test_what_the_api_tells_people_is_translated(
    scenes: tuple[Filled, Scene], method: str, path: str, status: int
) -> None:
    answer = browser(scenes[0], "newcomer").open(path, method=method)
    assert answer.status_code == status
    assert answer.json is not None
    # The title is of the kind of problem, for developers.
    assert not re.search(r"[^\W\d_]", MARKED.sub("", answer.json["detail"])), answer.json


def test_a_bare_text_would_be_seen() -> None:
    page = "<h1>«Marked»</h1><p aria-label='Bare'>«So » Jumio EU« it is»</p><i>Hello</i>"
    assert strangers(page) == {"Bare", "Hello"}
