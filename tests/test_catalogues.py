"""The catalogues say all that the sources say, in each language, and nothing else."""

from __future__ import annotations

import re
import shutil
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from tests import catalogues

#: What reads the same as in English, and why.
SAME = {
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
}
LANGUAGES = sorted(SAME)
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")
#: Of a sentence, the last two in Chinese.
ENDS = ".?!\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH QUESTION MARK}"


@pytest.fixture(scope="module")
def template() -> Catalog:
    return catalogues.template()


def path(language: str) -> Path:
    return catalogues.TRANSLATIONS / language / "LC_MESSAGES" / "idverify.po"


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalogue(language: str) -> Catalog:
    return catalogues.read(path(language))


def texts(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def parts(value: object) -> tuple[str, ...]:
    """Return the forms of a text, or its only one."""
    return value if isinstance(value, tuple) else (str(value),)


def test_each_language_is_tested_here() -> None:
    assert [catalogues.language(file) for file in catalogues.files()] == LANGUAGES


def test_a_catalogue_has_every_text_of_the_sources_and_no_other(
    template: Catalog, catalogue: Catalog
) -> None:
    # Run `python -m tests.catalogues` where this fails.
    assert {message.id for message in texts(catalogue)} == {
        message.id for message in texts(template)
    }
    assert not catalogue.obsolete


def test_no_text_waits_for_a_translation_or_a_second_look(catalogue: Catalog) -> None:
    assert list(catalogues.lacks(catalogue)) == []


def test_what_reads_as_in_english_does_so_for_a_reason(language: str, catalogue: Catalog) -> None:
    same = {message.id for message in texts(catalogue) if message.string == message.id}
    assert same == set(SAME[language])


def test_a_translation_holds_the_placeholders_of_its_text(catalogue: Catalog) -> None:
    for message in texts(catalogue):
        wanted = {frozenset(PLACEHOLDER.findall(text)) for text in parts(message.id)}
        for text in parts(message.string):
            # A form for one may spell the number out, where the English does.
            assert frozenset(PLACEHOLDER.findall(text)) in wanted, message.id


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


def test_the_compiled_catalogue_is_what_its_source_says(language: str, catalogue: Catalog) -> None:
    with path(language).with_suffix(".mo").open("rb") as file:
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


def test_renewing_changes_nothing_where_nothing_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, copy = catalogues.TRANSLATIONS, tmp_path / "copy"
    shutil.copytree(ours, copy)
    monkeypatch.setattr(catalogues, "TRANSLATIONS", copy)
    assert catalogues.renew() == 0
    sources = list(ours.rglob("*.po"))
    assert len(sources) == len(LANGUAGES)
    for source in sources:
        assert (copy / source.relative_to(ours)).read_bytes() == source.read_bytes()


def test_renewing_tells_what_is_new_and_drops_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "de" / "LC_MESSAGES"
    place.mkdir(parents=True)
    old = path("de").read_text().replace('msgid "Passport"', 'msgid "Visa"')
    (place / "idverify.po").write_text(old)
    monkeypatch.setattr(catalogues, "TRANSLATIONS", tmp_path)
    assert catalogues.renew() == 1
    assert capsys.readouterr().out.splitlines()[1:] == ["  Passport"]
    assert "Visa" not in (place / "idverify.po").read_text()
