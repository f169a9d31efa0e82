"""Guarantees of the comparison of claim and document. Every person here is invented."""

# ruff: noqa: RUF001 - letters that look like others are what this is about

from __future__ import annotations

import random
import time
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flask_idverify.claims import Claim, Document
from flask_idverify.matching import (
    Agreement,
    Match,
    NameComparison,
    compare,
    compare_names,
    compare_numbers,
)

# (claimed, first name on the document or None, last name on the document or None)
SAME_PERSON = [
    # plain, case, order
    ("Anna Gruber", "ANNA", "GRUBER"),
    ("gruber anna", "Anna", "Gruber"),
    ("GRUBER, Anna", "ANNA", "GRUBER"),
    ("Anna Gruber", None, "ANNA GRUBER"),
    ("Anna Gruber", None, "GRUBER ANNA"),
    ("Anna Gruber", "ANNA GRUBER", None),
    ("Anna Gruber", "N/A", "GRUBER ANNA"),
    ("Suharno", None, "SUHARNO"),
    ("Marlon X", "MARLON", "X"),
    # filler
    ("Anna Gruber", "ANNA<<<<<<", "GRUBER<"),
    ("Anna Gruber", None, "GRUBER<<ANNA<<<<<<<<<"),
    ("Anna Gruber", "<<<", "GRUBER<ANNA"),
    # further given names and initials
    ("Anna Gruber", "ANNA MARIA THERESIA", "GRUBER"),
    ("Anna Theresia Gruber", "ANNA MARIA THERESIA", "GRUBER"),
    ("Anna M. Gruber", "ANNA MARIA", "GRUBER"),
    ("Anna M Gruber", "ANNA<MARIA", "GRUBER"),
    ("Gruber Anna M.", "ANNA MARIA", "GRUBER"),
    ("Anna Maria Gruber", "ANNA M", "GRUBER"),
    ("Anna Maria Gruber", "ANNA M.", "GRUBER"),
    ("Anna Gruber", "ANNA M", "GRUBER"),
    ("John Q. Sample", None, "JOHN QUENTIN SAMPLE"),
    ("John Quentin Sample", None, "JOHN Q SAMPLE"),
    ("John R.R. Sample", "JOHN RONALD ROBERT", "SAMPLE"),
    # split and joined
    ("Annamaria Gruber", "ANNA MARIA", "GRUBER"),
    ("Anna Maria Gruber", "ANNAMARIA", "GRUBER"),
    ("Anna-Maria Gruber", "ANNAMARIA", "GRUBER"),
    ("Anna-Maria Gruber", "ANNA MARIA", "GRUBER"),
    ("Anna Maria Gruber", "ANNA-MARIA", "GRUBER"),
    ("Anna Maria Gruber", None, "GRUBER ANNAMARIA"),
    ("Jean-Luc Moreau-Petit", "JEAN LUC", "MOREAU PETIT"),
    # titles
    ("Dr. Anna Gruber", "ANNA", "GRUBER"),
    ("Prof. Dr. Anna Gruber", "Anna", "Gruber"),
    ("Dr.Anna Gruber", "Anna", "Gruber"),
    ("Anna Gruber", "DR ANNA", "GRUBER"),
    ("Anna Gruber", "ANNA", "DR. GRUBER"),
    ("Ms Anna Gruber", None, "Gruber Anna"),
    # German
    ("Jürgen Müller", "JUERGEN", "MUELLER"),
    ("Jürgen Müller", "JURGEN", "MULLER"),
    ("Juergen Mueller", "JÜRGEN", "MÜLLER"),
    ("Jurgen Muller", "Jürgen", "Müller"),
    ("Jürgen Müller", "JÜRGEN", "MÜLLER"),
    ("Zoë Größwang", "ZOE", "GROESSWANG"),
    ("Zoë Größwang", "Zoe", "Grosswang"),
    ("Hans GROẞ", "HANS", "GROSS"),
    ("Hans Groß", "HANS", "GROẞ"),
    ("Jörg von der Höh", "JOERG", "VON DER HOEH"),
    # Nordic
    ("Åse Bjørnstad", "AASE", "BJOERNSTAD"),
    ("Åse Bjørnstad", "ASE", "BJORNSTAD"),
    ("Åse Bjørnstad", "ÅSE", "BJØRNSTAD"),
    ("Søren Kærgård", "SOEREN", "KAERGAARD"),
    ("Søren Kærgård", "SOREN", "KAERGAARD"),
    ("Þórdís Aðalsteinsdóttir", "THORDIS", "ADALSTEINSDOTTIR"),
    ("Päivi Hämäläinen", "PAEIVI", "HAEMAELAEINEN"),
    ("Päivi Hämäläinen", "PAIVI", "HAMALAINEN"),
    ("Søren Søgaard", "SØREN", "SØGÅRD"),
    ("Päivi Hämäläinen-Mäkelä", "PAEIVI", "HAEMAELAEINENMAEKELAE"),
    # Spanish and Portuguese
    ("María José Peña Ibáñez", "MARIA JOSE", "PENA IBANEZ"),
    ("Maria Jose Pena Ibanez", "MARÍA JOSÉ", "PEÑA IBÁÑEZ"),
    ("Iñigo de la Peña y Ríos", "IÑIGO", "DE LA PEÑA Y RÍOS"),
    ("Iñigo Delossantosyríos", "IÑIGO", "DE LOS SANTOS Y RÍOS"),
    ("Iñigo Delapeña Soto", "IÑIGO", "DE LA PEÑA SOTO"),
    ("João da Conceição Gonçalves", "JOAO", "DA CONCEICAO GONCALVES"),
    ("Inês Magalhães", "INES FILIPA", "MAGALHAES"),
    # Dutch
    ("Sanne van der Berg", "SANNE", "VAN DER BERG"),
    ("Sanne Vanderberg", "SANNE", "VAN DER BERG"),
    ("Sanne van der Berg", "SANNE", "VANDERBERG"),
    ("Berg, Sanne van der", "SANNE", "VAN DER BERG"),
    ("Daan 't Hart", "DAAN", "T HART"),
    ("Mariëtte IJssels", "MARIETTE", "IJSSELS"),
    ("Mariëtte Ĳssels", "MARIETTE", "IJSSELS"),
    # Irish, Scottish, French, Italian
    ("Conor O'Brannan", "CONOR", "OBRANNAN"),
    ("Conor O’Brannan", "CONOR", "O BRANNAN"),
    ("Conor O Brannan", "CONOR", "O'BRANNAN"),
    ("Conor OBrannan", "CONOR", "O`BRANNAN"),
    ("Conor O´Brannan", "CONOR", "OBRANNAN"),
    ("Fiona Mac Leith", "FIONA", "MACLEITH"),
    ("Séan Ó Dálach", "SEAN", "ODALACH"),
    ("Chloé D'Aubrac", "CHLOE", "DAUBRAC"),
    ("François Lefèbvre", "FRANCOIS", "LEFEBVRE"),
    ("Nicolò Dell'Orto", "NICOLO", "DELL ORTO"),
    # Polish, Czech, Romanian, Croatian, Baltic
    ("Łukasz Żółkiewicz", "LUKASZ", "ZOLKIEWICZ"),
    ("Jiří Dvořáček", "JIRI", "DVORACEK"),
    ("Ștefan Țurcanu", "STEFAN", "TURCANU"),
    ("Đorđe Đurić", "DORDE", "DURIC"),
    ("Đorđe Đurić", "DJORDJE", "DJURIC"),
    ("Ђорђе Ђурић", "ĐORĐE", "ĐURIĆ"),
    ("Ģirts Bērziņš", "GIRTS", "BERZINS"),
    # Hungarian: the family name comes first
    ("Kővári Ágnes", "AGNES", "KOVARI"),
    ("Szűcs-Kővári Ágnes", "ÁGNES", "SZŰCS-KŐVÁRI"),
    # Turkish
    ("Işıl Yıldırımoğlu", "ISIL", "YILDIRIMOGLU"),
    ("ışıl yıldırımoğlu", "IŞIL", "YILDIRIMOĞLU"),
    ("İbrahim Çınaroğlu", "IBRAHIM", "CINAROGLU"),
    ("ibrahim çinaroglu", "İBRAHİM", "ÇINAROĞLU"),
    # Vietnamese
    ("Nguyễn Thị Ánh Đào", "THI ANH DAO", "NGUYEN"),
    ("Nguyen Thi Anh Dao", "THỊ ÁNH ĐÀO", "NGUYỄN"),
    ("Trần Văn Hưởng", None, "TRAN VAN HUONG"),
    # Cyrillic
    ("Юлия Щербакова", "ЮЛИЯ", "ЩЕРБАКОВА"),
    ("Юлия Щербакова", "ЮЛИЯ СЕРГЕЕВНА", "ЩЕРБАКОВА"),
    ("Юлия С. Щербакова", "ЮЛИЯ СЕРГЕЕВНА", "ЩЕРБАКОВА"),
    ("Юлия Щербакова", "YULIYA", "SHCHERBAKOVA"),
    ("Юлия Щербакова", "IULIIA", "SHCHERBAKOVA"),
    ("Iuliia Shcherbakova", "ЮЛИЯ", "ЩЕРБАКОВА"),
    ("Андрей Хлебников", "ANDREI", "KHLEBNIKOV"),
    ("Семён Королёв", "СЕМЕН", "КОРОЛЕВ"),
    ("Сергій Ґжицький", "SERHII", "GZHYTSKYI"),
    ("Сергій Ґжицький", "СЕРГІЙ", "ҐЖИЦЬКИЙ"),
    # Greek
    ("Γιώργος Ιωαννόπουλος", "ΓΙΩΡΓΟΣ", "ΙΩΑΝΝΟΠΟΥΛΟΣ"),
    ("Γιώργος Ιωαννόπουλος", "GIORGOS", "IOANNOPOULOS"),
    ("Ευτυχία Αυγέρη", "EFTYCHIA", "AVGERI"),
    ("Eftychia Avgeri", "ΕΥΤΥΧΙΑ", "ΑΥΓΕΡΗ"),
    ("Λουκία Μαυρούδη", "LOUKIA", "MAVROUDI"),
    ("Loukia Mavroudi", "ΛΟΥΚΙΑ", "ΜΑΥΡΟΎΔΗ"),
    # Arabic, as romanised; and in its own script
    ("Khalid Abd al-Rahim", "KHALID", "ABDALRAHIM"),
    ("Khalid Abdal Rahim", "KHALID", "ABDAL-RAHIM"),
    ("Layla Al-Sabri", "LAYLA", "ALSABRI"),
    ("Layla ‘Abbūdī", "LAYLA", "ABBUDI"),
    ("خالد الصبري", "خالد", "الصبري"),
    ("خـالـد الصبري", "خالد", "الصبري"),
    ("علی‌رضا صبوری", "علیرضا", "صبوری"),
    ("أحمد الصبري", "احمد", "الصَّبري"),
    # Chinese, Korean, Japanese
    ("王小明", "XIAOMING", "WANG"),
    ("王小明", "XIAO MING", "WANG"),
    ("Wang Xiaoming", "小明", "王"),
    ("Xiaoming Wang", None, "王小明"),
    ("Xiao Ming Wang", None, "王小明"),
    ("王小明", "小明", "王"),
    ("王小明", None, "王小明"),
    ("王 小明", None, "王小明"),
    ("欧阳小明", "XIAOMING", "OUYANG"),
    ("長谷部花子", "花子", "長谷部"),
    ("佐々部花子", "花子", "佐々部"),
    ("김철수", "철수", "김"),
    ("Xiaoming Lü", "XIAOMING", "LU"),
    ("Ａｎｎａ　Ｇｒｕｂｅｒ", "ANNA", "GRUBER"),
    # letters without a Latin spelling, and other scripts, compared as they are
    ("Anna ʔ", "ANNA", "ʔ"),
    ("अनीता शर्मा", "अनीता", "शर्मा"),
    ("สมชาย ใจดี", "สมชาย", "ใจดี"),
]

# Anything here is at best a case for a person, however similar it looks.
SOMEBODY_ELSE = [
    ("Anna", "ANNA", "GRUBER"),
    ("Anna", None, "ANNA GRUBER"),
    ("Gruber", "ANNA", "GRUBER"),
    ("Smith", "JOHN", "SMITH"),
    ("J Smith", "JOHN", "SMITH"),
    ("J. Smith", None, "JOHN SMITH"),
    ("John S.", "JOHN", "SMITH"),
    ("John S", None, "JOHN SMITH"),
    ("John Smith", "J", "SMITH"),
    ("John Smith", "JOAN", "SMITH"),
    ("Jon Smith", "JOHN", "SMITH"),
    ("John Smyth", "JOHN", "SMITH"),
    ("John Smith", None, "SMITH"),
    # only further given names may be missing, and only from the claim
    ("Maria Gruber", "ANNA MARIA", "GRUBER"),
    ("Anna Maria", "ANNA MARIA", "GRUBER"),
    ("Anna Maria Gruber", "ANNA", "GRUBER"),
    ("Anna Gruber Berger", "ANNA", "GRUBER"),
    ("Anna Gruber", "ANNA", "GRUBER BERGER"),
    ("Anna Gruber", None, "ANNA MARIA GRUBER"),
    ("Anna Anna Gruber", "ANNA", "GRUBER"),
    ("Anna Gruber Gruber", "ANNA", "GRUBER"),
    ("Ana García", "ANA", "GARCIA LOPERA"),
    ("Jean Moreau", "JEAN-PIERRE", "MOREAU"),
    ("Pierre Moreau", "JEAN-PIERRE", "MOREAU"),
    ("Anna Gruber", "ANNAMARIA", "GRUBER"),
    ("Sanne Berg", "SANNE", "VAN DER BERG"),
    ("Sanne van den Berg", "SANNE", "VAN DER BERG"),
    # initials stand for further given names only
    ("Anna K. Gruber", "ANNA MARIA", "GRUBER"),
    ("A. Maria Gruber", "ANNA MARIA", "GRUBER"),
    ("M. Anna Gruber", "ANNA MARIA", "GRUBER"),
    ("Anna Maria G.", "ANNA MARIA", "GRUBER"),
    ("James John Smith", "JOHN J", "SMITH"),
    ("John J. Smith", "JOHN", "SMITH"),
    ("Smith J.", "JOHN", "SMITH"),
    ("Anna Gruber M", None, "ANNA MARIA GRUBER"),
    ("Anna G. Maria", None, "ANNA MARIA GRUBER"),
    ("Conor O'Brannan", "CONOR OSCAR", "BRANNAN"),
    ("Conor O´Brannan", "CONOR OSCAR", "BRANNAN"),
    ("Anna Ь Gruber", "ANNA MARIA", "GRUBER"),
    ("王 大 小", "大 小明", "王"),
    ("Anna Ma Gruber", "ANNA MARIA", "GRUBER"),
    ("Anna Maria G", None, "ANNA MARIA GRUBER"),
    ("A Maria Gruber", None, "ANNA MARIA GRUBER"),
    ("Anna Maria Gruber", None, "A MARIA GRUBER"),
    # joining never crosses from first to last name, nor cuts several words anew
    ("Ann Amaria", "ANNA", "MARIA"),
    ("Ann Amaria Gruber", "ANNA MARIA", "GRUBER"),
    ("Ann Amaria", None, "ANNA MARIA"),
    ("Annamaria", "ANNA", "MARIA"),
    ("Annagruber", "ANNA", "GRUBER"),
    ("Maria Anna Gruber", "ANNAMARIA", "GRUBER"),
    ("Joanne Lee", "JO", "ANNE LEE"),
    # titles: only at the front, and never a name that merely looks like one
    ("Anna Dr Gruber", "ANNA", "GRUBER"),
    ("Ing Wei Tan", "WEI", "TAN"),
    ("Mag Gruber", "ANNA", "GRUBER"),
    ("Dr", "ANNA", "GRUBER"),
    ("Dr Gruber", "ANNA", "GRUBER"),
    # neither umlaut nor expansion is printed: these are two names
    ("Muller", "HANS", "MUELLER"),
    ("Hans Muller", "HANS", "MUELLER"),
    ("Joel Sample", "JOL", "SAMPLE"),
    ("Jürgen Müller", "JÖRGEN", "MÖLLER"),
    ("Hans Müeller", "HANS", "MÜLLER"),
    ("Hans Mü E Ller", "HANS", "MÜLLER"),
    ("Hans Jäger", "HANS", "JÅGER"),
    ("Hans Müller", "HANS", "MILLER"),
    ("Ole Hansen", "OLE", "HANSSON"),
    # scripts
    ("Юлия Щербакова", "ЮЛИЯ", "ЩЕРБАКОВ"),
    ("Юлия Щербакова", "JULIA", "SMITH"),
    ("Юлия С. Щербакова", "ЮЛИЯ ШАРЛОТТА", "ЩЕРБАКОВА"),
    ("Ж Щербакова", "YULIYA", "SHCHERBAKOVA"),
    ("王晓明", None, "王小明"),
    ("王晓明", "小明", "王"),
    ("王明小", None, "王小明"),
    ("王小", "小明", "王"),
    ("王", "小明", "王"),
    ("小明", None, "王小明"),
    ("山田花子", "HANAKO", "YAMADA"),
    ("علي", None, "LY"),
    ("محمد", "MOHAMED", None),
    ("محمد", None, "שלום"),
    ("حمد الصبري", "همد", "الصبري"),
    ("がん", None, "かん"),
    # nothing to compare in the claim
    ("😀", "ANNA", "GRUBER"),
    ("-", "ANNA", "GRUBER"),
    ("Dr. 😀", "ANNA", "GRUBER"),
]


@pytest.mark.parametrize(("claimed", "first", "last"), SAME_PERSON)
def test_spellings_of_one_name_agree(claimed: str, first: str | None, last: str | None) -> None:
    assert compare_names(claimed, first, last) == (Agreement.agree, 100.0, False)


@pytest.mark.parametrize(("claimed", "first", "last"), SOMEBODY_ELSE)
def test_anything_else_differs(claimed: str, first: str | None, last: str | None) -> None:
    comparison = compare_names(claimed, first, last)
    assert comparison.agreement is Agreement.differs
    assert comparison.similarity is not None
    assert 0 <= comparison.similarity < 100


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (None, None),
        ("N/A", "N/A"),
        ("", " "),
        ("<<<", "<"),
        ("J***", "SMITH"),
        ("JOHN", "S••••"),
        ("XXXX", "XXXXX"),
        ("XX", "SMITH"),
        ("JXXXX", "SXXXX"),
        (None, "****"),
    ],
)
def test_a_name_that_was_not_read_or_is_masked_is_unverifiable(
    first: str | None, last: str | None
) -> None:
    assert compare_names("John Smith", first, last) == NameComparison(Agreement.unverifiable)


@pytest.mark.parametrize(
    ("claimed", "first", "last"),
    [
        ("John Smith", "MARIA", "GARCIA"),
        ("Юлия Щербакова", "BORIS", "OVK"),
        ("王小明", "大卫", "李"),
    ],
)
def test_names_with_nothing_in_common_are_unrelated(claimed: str, first: str, last: str) -> None:
    assert compare_names(claimed, first, last).unrelated


@pytest.mark.parametrize(
    ("claimed", "first", "last"),
    [
        ("John Smith", "JOAN", "SMYTH"),  # similar
        ("Sue Smith", "BARTHOLOMEW", "SMITH"),  # a shared token
        ("山田花子", "HANAKO", "YAMADA"),  # kanji have readings that we do not know
        ("محمد الصبري", "MOHAMED", "ALSABRI"),  # vowels are not written
        ("John Smith", "JOHN", "SMITH"),
    ],
)
def test_names_that_may_be_the_same_are_never_called_unrelated(
    claimed: str, first: str, last: str
) -> None:
    assert not compare_names(claimed, first, last).unrelated


def test_similarity_ranks_within_and_across_scripts() -> None:
    def similarity(claimed: str, first: str, last: str) -> float:
        return compare_names(claimed, first, last).similarity or 0.0

    assert similarity("John Smith", "JOAN", "SMITH") > similarity("John Smith", "PIA", "SMITH") > 30
    assert similarity("Юлия Щербаков", "YULIYA", "SHCHERBAKOVA") > 85
    assert similarity("Юлия Щербаков", "ЮЛИЯ", "ЩЕРБАКОВА") > 85
    assert similarity("王小明", "YOUMING", "ZHANG") < 70


@pytest.mark.parametrize(
    ("claimed", "printed"),
    [
        ("P1234567", "P1234567"),
        ("X", "X"),
        ("p 123-456.7", "P1234567"),
        ("P1234567", "P1234567<<"),
        ("12/345/67", "1234567"),
        ("L01X00T47", "l01x 00t47"),
        ("１２３４", "1234"),
        ("١٢٣٤", "1234"),
        ("AB–12–34", "AB1234"),
        ("X123", "X123"),
    ],
)
def test_numbers_agree_whatever_separates_their_characters(claimed: str, printed: str) -> None:
    assert compare_numbers(claimed, printed) is Agreement.agree


@pytest.mark.parametrize(
    ("claimed", "printed"),
    [
        ("1234567", "01234567"),  # a leading zero is printed
        ("O123", "0123"),
        ("1I23", "1123"),
        ("P1234567", "P1234568"),
        ("P123456", "P1234567"),
        ("---", "P1234567"),
    ],
)
def test_numbers_that_are_not_the_same_differ(claimed: str, printed: str) -> None:
    assert compare_numbers(claimed, printed) is Agreement.differs


@pytest.mark.parametrize(
    "printed", [None, "", "N/A", "<<<<", "*****123", "XXXX", "XXXXX1234", "xx", "12••34", "--"]
)
def test_a_number_that_was_not_read_or_is_masked_is_unverifiable(printed: str | None) -> None:
    assert compare_numbers("*****123", printed) is Agreement.unverifiable
    assert compare_numbers("XXXX", printed) is Agreement.unverifiable


def claim(**changes: str) -> Claim:
    facts = {"id_type": "id_card", "id_number": "CARD 1", "real_name": "Anna Gruber"}
    return Claim(**{**facts, "country": "AUT", **changes})


def document(**changes: str | None) -> Document:
    facts: dict[str, str | None] = {"type": "id_card", "country": "AUT", "number": "CARD1"}
    facts |= {"first_name": "ANNA", "last_name": "GRUBER"}
    return Document(**{**facts, **changes})  # type: ignore[arg-type]  # no dates among them


def test_the_holders_personal_number_may_be_claimed_of_an_identity_card() -> None:
    printed = document(personal_number="850101<1234")
    assert compare(claim(id_number="850101-1234"), printed).number is Agreement.agree
    assert compare(claim(id_number="CARD 1"), printed).number is Agreement.agree
    assert compare(claim(id_number="CARD 2"), printed).number is Agreement.differs
    unread = document(number=None, personal_number="8501011234")
    assert compare(claim(id_number="850101-1234"), unread).number is Agreement.agree
    assert compare(claim(id_number="CARD 1"), unread).number is Agreement.unverifiable
    filler = document(number="CARD1", personal_number="<<<<")
    assert compare(claim(id_number="CARD 2"), filler).number is Agreement.differs


@pytest.mark.parametrize("id_type", ["passport", "driving_licence"])
def test_of_other_papers_only_the_documents_own_number_counts(id_type: str) -> None:
    printed = document(type=id_type, personal_number="8501011234")
    stated = claim(id_type=id_type, id_number="8501011234")
    assert compare(stated, printed).number is Agreement.differs


def test_every_field_is_compared_on_its_own() -> None:
    agree, differs, unverifiable = Agreement.agree, Agreement.differs, Agreement.unverifiable
    assert compare(claim(), document()) == Match(agree, agree, agree, agree, 100.0)
    other = compare(claim(id_type="passport"), document(country="DEU", number=None))
    assert (other.id_type, other.country, other.number, other.name) == (
        *(differs, differs),
        *(unverifiable, agree),
    )
    nothing = Match(unverifiable, unverifiable, unverifiable, unverifiable)
    assert compare(claim(), Document()) == nothing


def test_a_match_shows_no_personal_data() -> None:
    shown = repr(compare(claim(id_number="SECRET1"), document(last_name="HIDDEN", country="DEU")))
    for personal in ("Anna", "ANNA", "Gruber", "HIDDEN", "SECRET", "CARD", "DEU"):
        assert personal not in shown


def test_contrived_names_are_compared_in_bounded_time() -> None:
    many = " ".join("a" * length for length in range(1, 19))
    letters = " ".join("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz")
    start = time.monotonic()
    umlauts = ("ü" * 10 + " ") * 18
    for claimed in (many, letters, "ü " * 100, umlauts, "X " * 99 + "a", "王" * 200):
        for printed in (many, letters, "ä" * 255, umlauts, "a " * 127, "王" * 255):
            compare_names(claimed, "a" + printed, printed)
            compare_numbers(claimed, printed)
    assert time.monotonic() - start < 20


letters_of = {
    "latin": "abcdefgàéîõůçłżşğıňőåøæßþðđ",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщыьэюяіїєґ",
    "greek": "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώ",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
}
any_token = st.sampled_from(sorted(letters_of)).flatmap(
    lambda script: st.text(letters_of[script], min_size=2, max_size=9)
)
TITLES = {"dr", "prof", "professor", "mr", "mrs", "ms", "mx"}


def _names(token: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[list[str], list[str]]]:
    part = st.lists(token.filter(lambda text: text not in TITLES), min_size=1, max_size=3)
    return st.tuples(part, part)


@settings(deadline=None)
@given(_names(any_token), st.randoms(use_true_random=False))
def test_order_case_and_composition_never_matter(
    name: tuple[list[str], list[str]], chance: random.Random
) -> None:
    first, last = name
    claimed = [*first, *last]
    chance.shuffle(claimed)
    for form in ("NFC", "NFD"):
        stated = unicodedata.normalize(form, " ".join(claimed))
        for printed in (str, str.upper, str.title):
            fields = printed(" ".join(first)), printed(" ".join(last))
            assert compare_names(stated, *fields).agreement is Agreement.agree
            assert compare_names(stated, None, " ".join(fields)).agreement is Agreement.agree


@settings(deadline=None)
@given(_names(st.text(letters_of["latin"] + "äöüñ", min_size=2, max_size=7)))
def test_diacritics_never_matter_on_either_side(name: tuple[list[str], list[str]]) -> None:
    def plain(text: str) -> str:
        marked = unicodedata.normalize("NFD", text)
        return "".join(part for part in marked if not unicodedata.combining(part))

    first, last = " ".join(name[0]), " ".join(name[1])
    # A whole name may look like a title once its marks are gone.
    assume(not TITLES & {*plain(first).split(), *plain(last).split()})
    assert compare_names(f"{first} {last}", plain(first), plain(last)).agreement == "agree"
    assert compare_names(plain(f"{first} {last}"), first, last).agreement == "agree"


@settings(deadline=None)
@given(_names(st.text("abdegimnorstuxäöüøåđéñß", min_size=2, max_size=9)), st.data())
def test_one_letter_more_in_any_word_never_agrees(
    name: tuple[list[str], list[str]], data: st.DataObject
) -> None:
    first, last = name
    tokens = [*first, *last]
    at = data.draw(st.integers(0, len(tokens) - 1))
    place = data.draw(st.integers(0, len(tokens[at])))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    changed = [*tokens]
    changed[at] = tokens[at][:place] + letter + tokens[at][place:]
    assume(not TITLES & {*changed})
    fields = " ".join(changed[: len(first)]), " ".join(changed[len(first) :])
    assert compare_names(" ".join(changed), " ".join(first), " ".join(last)).agreement == "differs"
    assert compare_names(" ".join(tokens), *fields).agreement == "differs"
    assert compare_names(" ".join(tokens), None, " ".join(fields)).agreement == "differs"


@settings(deadline=None)
@given(_names(any_token), st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1))
def test_one_word_more_in_the_claim_never_agrees(
    name: tuple[list[str], list[str]], word: str
) -> None:
    first, last = " ".join(name[0]), " ".join(name[1])
    for claimed in (f"{first} {word} {last}", f"{first} {last} {word}"):
        assert compare_names(claimed, first, last).agreement == "differs"
        assert compare_names(claimed, None, f"{first} {last}").agreement == "differs"


@settings(deadline=None)
@given(_names(any_token), st.data())
def test_a_claim_without_first_given_name_or_any_last_name_never_agrees(
    name: tuple[list[str], list[str]], data: st.DataObject
) -> None:
    first, last = name
    tokens = [*first, *last]
    lacking = data.draw(st.sampled_from([0, *range(len(first), len(tokens))]))
    claimed = tokens[:lacking] + tokens[lacking + 1 :]
    # What is left could by chance be a join of what was printed; that would need the same letters.
    assume(len("".join(claimed)) > 0 and tokens[lacking] not in claimed)
    needed = first[:1] + last
    assume(sum(map(len, claimed)) < sum(map(len, needed)) or len(first) == 1)
    assert compare_names(" ".join(claimed), " ".join(first), " ".join(last)).agreement == "differs"


@settings(deadline=None)
@given(st.text(max_size=60), st.none() | st.text(max_size=60), st.none() | st.text(max_size=60))
def test_no_text_makes_the_comparison_fail(
    claimed: str, first: str | None, last: str | None
) -> None:
    comparison = compare_names(claimed, first, last)
    assert (comparison.similarity is None) == (comparison.agreement == "unverifiable")
    assert compare_numbers(claimed, last) in Agreement


@settings(deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_a_name_always_agrees_with_itself_or_cannot_be_read(name: str) -> None:
    comparison = compare_names(name, None, name)
    assert comparison.agreement in (Agreement.agree, Agreement.unverifiable)


@settings(deadline=None)
@given(st.from_regex(r"[A-Z0-9]{2,20}", fullmatch=True), st.text(" -./<–", max_size=3), st.data())
def test_separators_anywhere_in_a_number_never_matter(
    number: str, separator: str, data: st.DataObject
) -> None:
    assume("XXXX" not in number and set(number) != {"X"})
    at = data.draw(st.integers(0, len(number)))
    assert compare_numbers(number[:at] + separator + number[at:], number) is Agreement.agree
    assert compare_numbers(number.lower(), number[:at] + separator + number[at:]) == "agree"
    assert compare_numbers(number + "7", number) is Agreement.differs
    assert compare_numbers("0" + number, number) is Agreement.differs
