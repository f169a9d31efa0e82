"""With Flask-Babel our pages follow the language that the host chooses; without it they do well."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from flask_babel import Babel, force_locale, gettext

from flask_idverify import countries, errors, i18n, texts
from flask_idverify.i18n import ngettext, translated
from flask_idverify.phrases import phrase
from flask_idverify.queries import CappedCount
from flask_idverify.states import Status
from tests import catalogues
from tests.hosts import Host, make_host
from tests.web.people import TYPED, Person, speaking, vendor

MOMENT = datetime(2031, 5, 4, 21, 7, 9, tzinfo=timezone.utc)


def write(folder: Path, locale: str, **said: str) -> None:
    """Write a catalogue of ours into a host's directory."""
    made = Catalog(locale=locale)
    for text, translation in said.items():
        made.add(text, translation)
    catalogues.write(folder, "idverify", made)


@pytest.mark.parametrize(
    ("chosen", "passport", "lang"),
    [
        ("de", "Reisepass", "de"),
        ("de_AT", "Reisepass", "de-AT"),
        ("de-CH", "Reisepass", "de-CH"),
        ("es", "Pasaporte", "es"),
        ("es_MX", "Pasaporte", "es-MX"),
        ("zh", "护照", "zh"),
        ("zh_CN", "护照", "zh-Hans-CN"),
        ("zh_Hans", "护照", "zh-Hans"),
        ("zh_Hans_CN", "护照", "zh-Hans-CN"),
        ("zh_SG", "护照", "zh-Hans-SG"),
        ("en", "Passport", "en"),
        ("en_GB", "Passport", "en-GB"),
        # No texts in it: English, and a page that says that it is.
        ("fr", "Passport", "en"),
        ("ar", "Passport", "en"),
        ("zh_TW", "Passport", "en"),
    ],
)
def test_a_language_is_found_by_each_of_its_names(chosen: str, passport: str, lang: str) -> None:
    chosen_locale = str(Locale.parse(chosen, sep="-" if "-" in chosen else "_"))
    page = Person(speaking(chosen_locale)).browser.get("/identity/").text
    assert f'<html lang="{lang}" dir="ltr">' in page
    assert f">{passport}</option>" in page


@pytest.mark.parametrize(
    ("locale", "spoken"),
    [
        *(("de", "de"), ("de_AT", "de"), ("es_MX", "es-MX"), ("es_419", "es-MX"), ("es", "es")),
        *(("zh", "zh-CN"), ("zh_CN", "zh-CN"), ("zh_Hans", "zh-CN"), ("zh_Hans_SG", "zh-CN")),
        *(("zh_TW", "zh-HK"), ("zh_Hant_HK", "zh-HK"), ("ar", "ar"), ("pt_BR", "pt-BR")),
        ("tlh", None),
    ],
)
@pytest.mark.parametrize("generation", ["Jumio", "Jumio Platform"])
def test_the_vendors_page_is_asked_for_in_the_users_language(
    generation: str, locale: str, spoken: str | None
) -> None:
    from flask_idverify.adapters.jumio.common import match_locale
    from flask_idverify.adapters.jumio.platform import JumioPlatform
    from flask_idverify.adapters.jumio.v4 import JumioV4

    kind = JumioV4 if generation == "Jumio" else JumioPlatform
    # As Babel writes it, and as ``i18n.chosen_language`` hands it on.
    name = str(Locale.parse(locale)) if locale != "tlh" else locale
    assert match_locale(name.replace("_", "-"), kind.locales) == spoken


@pytest.mark.parametrize(("locale", "told"), [("zh_CN", "zh-CN"), ("es", "es"), ("ar", "ar")])
def test_a_start_tells_the_vendor_the_language_also_where_our_texts_are_english(
    locale: str, told: str
) -> None:
    host = speaking(locale)
    with vendor() as mocked:
        assert Person(host).post(**TYPED).status_code == 303
    assert mocked.request_history[0].json()["locale"] == told


def test_a_host_that_did_not_set_babel_up_speaks_english(host: Host) -> None:
    with host.app.test_request_context("/"):
        assert texts.id_type("passport") == "Passport"
        assert (i18n.language(), i18n.direction(), i18n.chosen_language()) == ("en", "ltr", None)


def test_without_flask_babel_everything_works_in_english() -> None:
    code = """
import sys
sys.modules["flask_babel"] = sys.modules["babel"] = sys.modules["pytz"] = None
from tests.hosts import Host, make_host
from tests.web.people import ENDPOINT, Person
from flask_idverify import texts, clock
host = make_host()
with host.app.app_context():
    host.add_provider(ENDPOINT)
    print(texts.moment(clock.now()))
page = Person(host).browser.get("/identity/").text
print('<html lang="en" dir="ltr">' in page, "Verify your identity" in page)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == ["True True"]


def test_nobodys_language_is_asked_for_outside_of_a_request() -> None:
    host = make_host()

    def select() -> str:
        raise AssertionError("a worker asked for the language of a request")

    Babel(host.app, locale_selector=select)
    with host.app.app_context():
        assert texts.status_label(Status.approved) == "Approved"
        assert texts.moment(MOMENT) == "2031-05-04 21:07 UTC"


def test_a_host_says_single_texts_in_its_own_words(tmp_path: Path) -> None:
    write(tmp_path, "de", Passport="Pass", Expired="Zu spät")
    write(tmp_path, "en", Passport="Travel document")
    mine = {"BABEL_TRANSLATION_DIRECTORIES": str(tmp_path)}
    with speaking("de_AT", **mine).app.test_request_context("/"):
        assert texts.id_type("passport") == "Pass"
        assert texts.status_label(Status.expired) == "Zu spät"
        assert texts.id_type("id_card") == "Personalausweis", "all else stays ours"
    with speaking("en", **mine).app.test_request_context("/"):
        assert texts.id_type("passport") == "Travel document"
        assert texts.id_type("id_card") == "Identity card"


def test_a_hosts_few_words_leave_our_plurals_alone(tmp_path: Path) -> None:
    write(tmp_path, "zh_Hans_CN", Passport="旅行证件")
    host = speaking("zh_CN", BABEL_TRANSLATION_DIRECTORIES=str(tmp_path))
    with host.app.test_request_context("/"):
        assert texts.id_type("passport") == "旅行证件"
        for number in (1, 5):
            told = ngettext("%(num)s minute", "%(num)s minutes", number)
            assert told == f"{number} 分钟"


def test_a_host_brings_a_language_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, "he", Passport="דרכון")
    host = speaking("he_IL", BABEL_TRANSLATION_DIRECTORIES=f"{tmp_path};translations")
    page = Person(host).browser.get("/identity/").text
    assert '<html lang="he-IL" dir="rtl">' in page
    assert ">דרכון</option>" in page


def test_the_hosts_own_words_are_neither_read_nor_changed(tmp_path: Path) -> None:
    made = Catalog(locale="de")
    made.add("Passport", "Kundenkarte")
    catalogues.write(tmp_path, "messages", made)
    host = speaking("de", BABEL_TRANSLATION_DIRECTORIES=str(tmp_path))
    with host.app.test_request_context("/"):
        assert gettext("Passport") == "Kundenkarte"
        assert texts.id_type("passport") == "Reisepass"


@pytest.mark.parametrize(
    ("locale", "short"),
    [(None, "05-04"), ("en", "5/4"), ("de", "4.5."), ("es", "4/5"), ("zh_CN", "5/4")],
)
def test_days_below_a_chart_are_written_as_the_language_does(
    locale: str | None, short: str
) -> None:
    host = speaking(locale) if locale else make_host()
    with host.app.test_request_context("/"):
        assert texts.short_day(MOMENT.date()) == short


@pytest.mark.parametrize(
    ("locale", "moment", "second", "day", "number", "percent"),
    [
        (None, "2031-05-04 21:07 UTC", ":07:09 UTC", "2031-05-04", "1,234,567", "67%"),
        ("fr", "2031-05-04 21:07 UTC", ":07:09 UTC", "2031-05-04", "1,234,567", "67%"),
        ("en", "May 4, 2031, 9:07 PM UTC", ":07:09 PM UTC", "May 4, 2031", "1,234,567", "67%"),
        ("en_GB", "4 May 2031, 21:07 UTC", ":07:09 UTC", "4 May 2031", "1,234,567", "67%"),
        ("de", "04.05.2031, 21:07 UTC", ":07:09 UTC", "04.05.2031", "1.234.567", "67 %"),
        ("es", "4 may 2031, 21:07 UTC", ":07:09 UTC", "4 may 2031", "1.234.567", "67 %"),
        ("zh_CN", "2031年5月4日 21:07 UTC", ":07:09 UTC", "2031年5月4日", "1,234,567", "67%"),
    ],
)
def test_times_and_numbers_are_written_as_the_language_does(
    locale: str | None,
    moment: str,
    second: str,
    day: str,
    number: str,
    percent: str,
) -> None:
    host = speaking(locale) if locale else make_host()
    with host.app.test_request_context("/"):
        found = texts.moment(MOMENT), texts.day(MOMENT.date()), texts.percent(2 / 3)
        # Babel writes blanks that do not break.
        assert [re.sub(r"\s", " ", each) for each in found] == [moment, day, percent]
        assert re.sub(r"\s", " ", texts.moment(MOMENT, seconds=True)).endswith(second)
        assert texts.number(1234567) == number
        assert texts.number(1234567.0) == number
        assert texts.number(80.5) in ("80.5", "80,5")
        assert texts.number(CappedCount(5000)) == f"{texts.number(1000)}+"
        assert number in ngettext("%(num)s try", "%(num)s tries", 1234567)


def test_the_machine_readable_time_is_the_same_in_each_language() -> None:
    person = Person(speaking("de"))
    row_id = person.attempt(Status.canceled, finished_at=MOMENT)
    page = person.browser.get(f"/identity/verifications/{row_id}").text
    assert '<time datetime="2031-05-04T21:07:09+00:00">04.05.2031, 21:07 UTC</time>' in page


def test_the_last_day_is_said_in_the_language_and_told_to_machines() -> None:
    host = speaking("de")
    with host.app.test_request_context("/"):
        source = (
            '{% from "idverify/_macros.html" import last_day with context %}{{ last_day(end) }}'
        )
        made = host.app.jinja_env.from_string(source)
        shown = made.render(end=datetime(2031, 5, 5, tzinfo=timezone.utc), idverify_texts=texts)
        assert shown == '<time datetime="2031-05-04">04.05.2031</time>'
        assert texts.last_day(MOMENT) == date(2031, 5, 4)


@pytest.mark.parametrize(("locale", "austria"), [("de", "Österreich"), ("zh_CN", "奥地利")])
def test_countries_have_their_names_in_the_language(locale: str, austria: str) -> None:
    with speaking(locale).app.test_request_context("/"):
        assert texts.country("AUT") == austria
        known = dict(countries.choices(i18n.language()))
        assert known["XKX"]
        assert known["AUT"] == austria


def test_errors_of_fields_come_in_the_language_also_those_of_wtforms() -> None:
    person = Person(speaking("de"))
    page = person.post(**{**TYPED, "real_name": "", "id_type": "visa"}).text
    assert "Bitte geben Sie Ihren Namen ein." in page
    assert "Not a valid choice" not in page
    assert "Bitte korrigieren Sie" in page


def test_the_error_summary_names_a_question_without_its_marks() -> None:
    person = Person(speaking("es"))
    page = person.post(**{**TYPED, "location_country": ""}).text
    summary = page.partition('id="idv-error-summary"')[2].partition("</ul>")[0]
    assert "<li>Dónde se encuentra ahora: <a" in summary


def test_a_translation_is_escaped_and_what_is_put_into_it_is_not_twice(tmp_path: Path) -> None:
    text = "The link works for you alone, until %(time)s. You come back here when you are done."
    write(tmp_path, "de", **{text: "<b>bis</b> %(time)s"})
    person = Person(speaking("de", BABEL_TRANSLATION_DIRECTORIES=str(tmp_path)))
    row_id = person.attempt(Status.started)
    page = person.browser.get(f"/identity/verifications/{row_id}/continue").text
    assert "&lt;b&gt;bis&lt;/b&gt; <time datetime=" in page


def test_an_error_is_english_for_logs_and_translated_for_readers() -> None:
    error = errors.VendorRefused(
        phrase("The vendor answered HTTP %(status)s: %(hint)s", status=401, hint=phrase("any"))
    )
    plain = errors.InvalidProvider("name", phrase("is required."))
    with speaking("de").app.test_request_context("/"):
        assert str(error) == "The vendor answered HTTP 401: any"
        assert texts.explanation(error) == ("Der Dienstleister hat mit HTTP 401 geantwortet: alle")
        assert texts.sentence(plain.message) == "Wird benötigt."
        assert texts.explanation(plain) == "name: Wird benötigt."
        assert str(plain) == "name: is required."
        # What was stored is told in the language where it held nothing of its own.
        assert translated("This vendor hands out no pictures.").startswith("Dieser Dienst")
        named = phrase("For example %(url)s", url="Passport")
        assert "Reisepass" not in translated(named), "a name is nobody's text"
        assert translated("") == ""
        assert translated("the vendor's own words") == "the vendor's own words"


def test_what_was_stored_in_english_says_so_where_it_stays_english() -> None:
    known, own = "This vendor hands out no pictures.", "HTTP 500 <busy>"
    with speaking("de").app.test_request_context("/"):
        assert texts.stored(known) == translated(known)
        assert texts.stored(own) == '<span lang="en">HTTP 500 &lt;busy&gt;</span>'
    with speaking("en_GB").app.test_request_context("/"):
        assert (texts.stored(known), texts.stored(own)) == (known, own)


def test_a_forced_language_holds_for_our_texts() -> None:
    with speaking("de").app.test_request_context("/"):
        with force_locale("es"):
            assert texts.id_type("passport") == "Pasaporte"
        assert texts.id_type("passport") == "Reisepass"
