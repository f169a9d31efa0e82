"""Pages fit in every language: mirrored where it is written from right to left, or with long words.

Arabic is one that a host brings: we have no texts in it, so that ours are spelled in its letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from flask_babel import Babel

from tests import catalogues
from tests.browser.eyes import LOOKS, Eyes
from tests.browser.pages import PAGES, Shown, opened
from tests.browser.scene import Filled
from tests.browser.visitors import Visitors

#: One of each layout: form, result, table, comparison, list of links, settings.
FEW = {
    "start-new",
    "verification-blurred",
    "admin.overview-filled",
    "admin.provider-used",
    "admin.application-filled",
    "admin.link-filled",
    "admin.verifications-filled",
    "admin.verification-twin",
    "admin.identity-owed",
}
#: All of them run the other way; German, which is only longer, has its turn with the few.
READ = [
    pytest.param(
        locale,
        shown,
        id=f"{locale}-{shown}",
        marks=() if str(shown) in FEW else pytest.mark.full,
    )
    for shown in PAGES
    if shown.act is None and not shown.bare
    for locale in ("ar", "de")
    if locale == "ar" or str(shown) in FEW
]
#: What stays as it is: placeholders, and signs.
_KEPT = re.compile(r"(%\(\w+\)s|%%)")
_LETTERS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ابجدهوزحطيكلمنسعفصقرشتثخذض", "")


def spelled(text: str) -> str:
    """Spell an English text in Arabic letters, which is as long and runs the other way."""
    parts = _KEPT.split(text)
    return "".join(
        part if _KEPT.fullmatch(part) else part.lower().translate(_LETTERS) for part in parts
    )


@pytest.fixture(scope="module")
def arabic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's directory with our texts in Arabic letters."""
    folder = tmp_path_factory.mktemp("translations")
    made = Catalog(locale="ar")
    for message in catalogues.EXTENSION.template():
        if isinstance(message.id, str) and message.id:
            made.add(message.id, spelled(message.id))
        elif message.id:
            made.add(message.id, (spelled(message.id[1]),) * made.num_plurals)
    catalogues.write(folder, "idverify", made)
    return folder


@contextmanager
def speaking(filled: Filled, locale: str, folder: Path) -> Iterator[None]:
    """Let the host choose a language for a while."""
    app = filled.host.app
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(folder)
    Babel(app, locale_selector=lambda: locale, configure_jinja=False)
    try:
        yield
    finally:
        del app.extensions["babel"]


@pytest.mark.parametrize(("locale", "shown"), READ)
def test_page_fits_in_a_language_that_runs_the_other_way_and_in_one_of_long_words(
    shown: Shown,
    locale: str,
    filled: Filled,
    visitors: Visitors,
    eyes: Eyes,
    arabic: Path,
) -> None:
    with speaking(filled, locale, arabic):
        page = visitors.of(filled, shown.who)
        # What proves the state is English.
        opened(page, filled, replace(shown, says=""))
        html = page.locator("html")
        assert html.get_attribute("lang") == locale
        assert html.get_attribute("dir") == ("rtl" if locale == "ar" else "ltr")
        main = page.evaluate("getComputedStyle(document.querySelector('main')).direction")
        assert main == html.get_attribute("dir")
        for look in LOOKS[:2]:  # both widths; colours make nothing wider
            look.take(page)
            eyes.photograph(page, f"{locale}-{shown}-{look}")
            assert eyes.overflow(page) == []


def test_the_few_are_pages() -> None:
    assert {str(shown) for shown in PAGES} >= FEW
