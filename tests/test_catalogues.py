"""The catalogues say all that their sources say, in each language, and nothing else."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from tests import catalogues
from tests.catalogues import BANK, EXTENSION, Catalogues

#: What reads the same as in English, and why.
SAME: dict[Catalogues, dict[str, dict[str, str]]] = {
    EXTENSION: {
        "de": {
            "%(time)s UTC": "the abbreviation is international",
            "Admin %(user)s": "the same word",
            "Callbacks": "the technical term",
            "Information": "the same word",
            "Name": "the same word",
            "Person": "the same word",
            "Routing": "the technical term",
            "Status": "the same word",
            "System": "the same word",
            "Test": "the same word",
            "Tests": "the same word",
            "optional": "the same word",
        },
        "es": {
            "%(time)s UTC": "the abbreviation is international",
            "Callbacks": "the technical term",
            "Endpoint": "the technical term",
            "Total": "the same word",
            "no": "the same word",
        },
        "zh_Hans": {"%(time)s UTC": "the abbreviation is international"},
    },
    BANK: {
        "de": {"Bank": "the same word", "optional": "the same word"},
        "es": {},
        "zh": {},
    },
}
EACH = [(of, language) for of in SAME for language in SAME[of]]
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")
MARKUP = re.compile(r"</?[a-z]+[^<>]*>")
#: Of a sentence, the last two in Chinese.
ENDS = ".?!\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH QUESTION MARK}"


@pytest.fixture(scope="module")
def templates() -> dict[Catalogues, Catalog]:
    return {of: of.template() for of in SAME}


@pytest.fixture(params=EACH, ids=lambda each: f"{each[0].package}-{each[1]}")
def each(request: pytest.FixtureRequest) -> tuple[Catalogues, str]:
    """One catalogue: whose it is, and its language."""
    of, language = request.param
    return of, language


@pytest.fixture
def path(each: tuple[Catalogues, str]) -> Path:
    of, language = each
    return of.path(language)


@pytest.fixture
def catalogue(path: Path) -> Catalog:
    return catalogues.read(path)


def texts(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def parts(value: object) -> tuple[str, ...]:
    """Return the forms of a text, or its only one."""
    return value if isinstance(value, tuple) else (str(value),)


def test_each_language_is_tested_here() -> None:
    assert list(SAME) == list(catalogues.ALL)
    for of, languages in SAME.items():
        assert [catalogues.language(file) for file in of.files()] == list(languages)


def test_a_catalogue_has_every_text_of_the_sources_and_no_other(
    templates: dict[Catalogues, Catalog], each: tuple[Catalogues, str], catalogue: Catalog
) -> None:
    # Run `python -m tests.catalogues` where this fails.
    wanted = {message.id for message in texts(templates[each[0]])}
    assert {message.id for message in texts(catalogue)} == wanted
    assert not catalogue.obsolete


def test_no_text_waits_for_a_translation_or_a_second_look(catalogue: Catalog) -> None:
    assert list(catalogues.lacks(catalogue)) == []


def test_what_reads_as_in_english_does_so_for_a_reason(
    each: tuple[Catalogues, str], catalogue: Catalog
) -> None:
    of, language = each
    same = {message.id for message in texts(catalogue) if message.string == message.id}
    assert same == set(SAME[of][language])


def test_a_translation_holds_the_placeholders_of_its_text(catalogue: Catalog) -> None:
    for message in texts(catalogue):
        wanted = {frozenset(PLACEHOLDER.findall(text)) for text in parts(message.id)}
        for text in parts(message.string):
            # A form for one may spell the number out, where the English does.
            assert frozenset(PLACEHOLDER.findall(text)) in wanted, message.id


def test_a_translation_has_the_markup_of_its_text(catalogue: Catalog) -> None:
    for message in texts(catalogue):
        for text, said in zip(parts(message.id), parts(message.string), strict=False):
            assert sorted(MARKUP.findall(said)) == sorted(MARKUP.findall(text)), text


def test_a_text_with_a_number_has_each_form_of_the_language(catalogue: Catalog) -> None:
    for message in texts(catalogue):
        errors = list(message.check(catalogue))
        assert errors == [], message.id
        if message.pluralizable:
            assert len(parts(message.string)) == catalogue.num_plurals


def test_a_translation_ends_and_begins_like_its_text(catalogue: Catalog) -> None:
    for message in texts(catalogue):
        for text, said in zip(parts(message.id), parts(message.string), strict=False):
            assert said == said.strip(), text
            assert (text[-1] in ".?!") == (said[-1] in ENDS), (text, said)


def test_the_compiled_catalogue_is_what_its_source_says(path: Path, catalogue: Catalog) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for message in texts(catalogue):
        if message.pluralizable:
            for number in (0, 1, 2, 5, 11, 100):
                form = parts(message.string)[compiled.plural(number)]  # type: ignore[attr-defined]
                assert compiled.ngettext(message.id[0], message.id[1], number) == form
        else:
            assert compiled.gettext(str(message.id)) == message.string
    known = {key for key in compiled._catalog if key}  # type: ignore[attr-defined]
    assert len({key[0] if isinstance(key, tuple) else key for key in known}) == len(catalogue)


@pytest.mark.parametrize("of", SAME, ids=lambda of: of.package)
def test_renewing_changes_nothing_where_nothing_has_changed(of: Catalogues, tmp_path: Path) -> None:
    copy = replace(of, folder=tmp_path / "copy")
    shutil.copytree(of.folder, copy.folder)
    assert copy.renew() == 0
    assert len(of.files()) == len(SAME[of])
    for source in of.files():
        assert copy.path(catalogues.language(source)).read_bytes() == source.read_bytes()


def test_renewing_tells_what_is_new_and_drops_what_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = replace(EXTENSION, folder=tmp_path)
    german = copy.path("de")
    german.parent.mkdir(parents=True)
    old = EXTENSION.path("de").read_text().replace('msgid "Passport"', 'msgid "Visa"')
    german.write_text(old)
    assert copy.renew() == 1
    assert capsys.readouterr().out.splitlines()[1:] == ["  Passport"]
    assert "Visa" not in german.read_text()
