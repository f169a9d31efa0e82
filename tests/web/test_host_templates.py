"""A host's templates around ours, or instead of them, speak the host's texts by its own gettext."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from flask import render_template
from jinja2 import ChoiceLoader, DictLoader

from tests import catalogues
from tests.hosts import Host
from tests.web.people import Person, speaking


def write(folder: Path, domain: str, texts: dict[Any, Any]) -> None:
    """Write a German catalogue into a host's directory."""
    made = Catalog(locale="de")
    for text, translation in texts.items():
        made.add(text, translation)
    catalogues.write(folder, domain, made)


def add_template(host: Host, name: str, source: str) -> None:
    loader = host.app.jinja_loader
    assert loader is not None
    host.app.jinja_loader = ChoiceLoader([DictLoader({name: source}), loader])


FRAME = """
<header>{{ _("Our <i>branches</i>") }} · {% trans %}<b>Opening</b> hours{% endtrans %}
· {{ ngettext("%(num)s branch", "%(num)s branches", 2) }} · {{ _("Ask %(who)s", who="R&D") }}
· {{ _("Passport") }}</header>{% block content %}{% endblock %}
"""


def framed(host: Host) -> tuple[str, str]:
    """Return the first two lines of a host's own frame, on a page of its own and on one of ours."""
    add_template(host, "frame.html", FRAME)
    host.app.add_url_rule("/branches", view_func=lambda: render_template("frame.html"))
    browser = Person(host).browser
    own, ours = (browser.get(path).text for path in ("/branches", "/identity/"))
    assert "id_number" in ours
    return own.partition("</header>")[0], ours.partition("</header>")[0]


def test_the_hosts_frame_around_our_pages_says_what_it_says_around_its_own(tmp_path: Path) -> None:
    texts = {
        "Our <i>branches</i>": "Unsere <i>Filialen</i>",
        "<b>Opening</b> hours": "<b>Öffnungs</b>zeiten",
        ("%(num)s branch", "%(num)s branches"): ("%(num)s Filiale", "%(num)s Filialen"),
        "Ask %(who)s": "Fragen Sie %(who)s",
    }
    write(tmp_path, "messages", texts)
    settings = {
        "BABEL_TRANSLATION_DIRECTORIES": str(tmp_path),
        "IDVERIFY_BASE_TEMPLATE": "frame.html",
    }
    own, ours = framed(speaking("de", **settings))
    assert "Unsere <i>Filialen</i> · <b>Öffnungs</b>zeiten" in own
    assert "2 Filialen · Fragen Sie R&amp;D" in own
    assert ours == own.replace("Passport", "Reisepass"), "a text that we have ourselves is ours"
    own, ours = framed(speaking("en", **settings))
    assert "Our <i>branches</i> · <b>Opening</b> hours\n· 2 branches" in own
    assert ours == own


def test_a_hosts_copy_of_a_page_says_its_new_words_as_ours_did(tmp_path: Path) -> None:
    write(tmp_path, "idverify", {"Now until %(time)s": "Nun bis %(time)s"})
    host = speaking("de", BABEL_TRANSLATION_DIRECTORIES=str(tmp_path))
    copy = """
    {{ _("Now until %(time)s") | e | format(time="<noon>") }}
    {{ _("Never before %(time)s") | e | format(time="<noon>") }} {{ _("Sure to 100%") }}
    """
    add_template(host, "idverify/start.html", copy)
    page = Person(host).browser.get("/identity/").text
    assert "Nun bis &lt;noon&gt;" in page
    assert "Never before &lt;noon&gt; Sure to 100%" in page
