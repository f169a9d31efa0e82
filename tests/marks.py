"""A language that marks each text, and a reader that finds what a page says without the mark."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.catalog import Catalog

from tests import catalogues
from tests.catalogues import Catalogues

#: Stands for all of them: dates are digits, countries and WTForms have words of their own.
LANGUAGE = "de"
MARKED = re.compile("«[^«»]*»")
#: What a text is broken at: placeholders, and markup.
BREAK = re.compile(r"<[^<>]*>|%\(\w+\)s")
#: Attributes that are read out or shown.
SAID = {"title", "aria-label", "alt", "placeholder", "data-label", "data-done", "content"}
#: Elements that quote: code, what vendors and admins wrote. What was stored in English says so.
QUOTES = {"code", "pre", "q", "blockquote", "script", "style", "textarea"}


def marked(text: str) -> str:
    """Mark a text piece by piece, but not what fills its placeholders: that has its own marks."""
    return f"«{BREAK.sub(lambda found: f'»{found[0]}«', text)}»"


def write(folder: Path, texts: Catalogues) -> None:
    """Write a catalogue that marks every text into a host's directory."""
    made = Catalog(locale=LANGUAGE)
    for message in texts.template():
        if not message.id:
            continue
        if isinstance(message.id, str):
            made.add(message.id, marked(message.id))
        else:
            made.add(message.id, tuple(map(marked, message.id)))
    catalogues.write(folder, texts.domain, made)


class Said(HTMLParser):
    """Collects what people read or hear of a page, piece by piece."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._quoting: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in QUOTES or values.get("lang") == "en":
            self._quoting.append(tag)
        if tag != "meta":
            self.pieces += [values[name] or "" for name in SAID if name in values]
        if tag == "input" and values.get("type") in ("submit", "button"):
            self.pieces.append(values.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._quoting and self._quoting[-1] == tag:
            self._quoting.pop()

    def handle_data(self, data: str) -> None:
        if not self._quoting:
            self.pieces.append(data)


def bare(page: str) -> set[str]:
    """Return the pieces of a page that hold letters beside what is marked."""
    # A place where a long word may break is inside it.
    found = (MARKED.sub(" ", piece) for piece in Said(page.replace("<wbr>", "")).pieces)
    return {" ".join(rest.split()) for rest in found if re.search(r"[^\W\d_]", rest)}
