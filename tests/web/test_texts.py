"""Everything has a text, no text accuses or helps anybody to cheat, and none names the vendor."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from datetime import date, datetime, timedelta, timezone

import pytest

import flask_idverify
from flask_idverify import clock, errors, i18n, texts
from flask_idverify.claims import IdType
from flask_idverify.states import Reason, Status
from flask_idverify.texts_reasons import REASONS
from tests.hosts import Host

#: Reasons whose disclosure would accuse somebody, warn them off, or teach them.
TOUCHY = [
    Reason.document_manipulated,
    Reason.document_fake,
    Reason.document_photo_mismatch,
    Reason.document_invalidated,
    Reason.document_data_mismatch,
    Reason.document_rejected,
    Reason.mrz_check_failed,
    Reason.chip_check_failed,
    Reason.known_fraudster,
    Reason.high_fraud_risk,
    Reason.fraud_unspecified,
    Reason.rejected_unspecified,
    Reason.face_mismatch,
    Reason.selfie_spoof,
    Reason.repeated_face,
    Reason.repeated_face_other_data,
    Reason.watchlist_hit,
    Reason.screening_not_done,
    Reason.duplicate_document,
]
TELLTALE = [
    "fraud", "forg", "fake", "manipulat", "spoof", "mrz", "machine-readable", "chip", "watchlist",
    "sanction", "another account", "other account", "screen", "mask on", "suspic", "hologram",
]  # fmt: skip


def _all_errors(base: type[errors.IDVerifyError]) -> set[type[errors.IDVerifyError]]:
    return {base} | set(itertools.chain.from_iterable(map(_all_errors, base.__subclasses__())))


def test_every_reason_has_a_text_for_the_user_a_next_step_and_one_for_the_admin() -> None:
    assert set(REASONS) == set(Reason)
    for reason, text in REASONS.items():
        for part in (text.user, text.next_step, text.admin):
            assert str(part).endswith("."), reason
    admin = [str(text.admin) for text in REASONS.values()]
    assert len(set(admin)) == len(admin), "the admin can tell every reason from every other"


@pytest.mark.parametrize("reason", TOUCHY)
def test_a_touchy_reason_neither_accuses_nor_teaches(reason: Reason) -> None:
    text = texts.reason(reason)
    told = f"{text.user} {text.next_step}".lower()
    assert not [word for word in TELLTALE if word in told]
    assert sum(str(other.user) == str(text.user) for other in REASONS.values()) > 1
    assert texts.public_code(reason) in ("not_confirmed", "closer_look")


def test_harmless_reasons_keep_their_code() -> None:
    assert texts.public_code(Reason.document_unreadable) == "document_unreadable"
    assert texts.public_code("claim_mismatch") == "claim_mismatch"


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_label_a_colour_and_a_sentence(status: Status) -> None:
    assert texts.status_label(status)
    assert texts.status_kind(status) in {"ok", "bad", "warn", "wait", "off"}
    assert texts.status_sentence(status).endswith(".")


def test_every_error_code_has_its_own_sentence() -> None:
    for module in pkgutil.walk_packages(flask_idverify.__path__, "flask_idverify."):
        if not module.name.startswith("flask_idverify.sandbox"):
            importlib.import_module(module.name)
    codes = {error.code for error in _all_errors(errors.IDVerifyError)}
    assert codes <= set(texts._ERRORS)


def test_every_kind_of_papers_has_a_name() -> None:
    assert [value for value, _ in texts.id_types()] == [str(value) for value in IdType]
    assert texts.id_type("visa") == "visa"


def test_every_return_code_of_the_reference_has_a_hint() -> None:
    codes = [
        "9100",
        "9200",
        "9210",
        "9300",
        "9400",
        "9800",
        "9801",
        "9810",
        "9820",
        "9821",
        "9822",
        "9835",
        "9836",
    ]
    for code in codes:
        assert texts.return_hint(texts.return_hint_code({"errorCode": str(code)}))
    assert texts.return_hint_code({"errorCode": "<script>"}) is None
    assert texts.return_hint_code({}) is None
    assert texts.return_hint("1") is None


def test_no_text_for_users_names_the_vendor() -> None:
    shown = [str(part) for text in REASONS.values() for part in (text.user, text.next_step)]
    shown += [str(text) for text in texts._ERRORS.values()]
    shown += [str(text) for text in texts._RETURN_HINTS.values()]
    shown += [texts.status_sentence(status) for status in Status]
    assert not [text for text in shown if "jumio" in text.lower() or "netverify" in text.lower()]


def test_an_unknown_reason_of_an_older_version_still_reads_well() -> None:
    assert texts.reason("gone_long_ago") is REASONS[Reason.unknown_label]


def test_texts_need_no_translation_library(host: Host) -> None:
    with host.app.test_request_context("/"):
        assert i18n.gettext("Hello %(name)s", name="Lena") == "Hello Lena"
        assert i18n.gettext("100 %") == "100 %"
        assert i18n.ngettext("%(num)s try", "%(num)s tries", 1) == "1 try"
        assert i18n.ngettext("%(num)s try", "%(num)s tries", 2) == "2 tries"
        assert (i18n.language(), i18n.direction()) == ("en", "ltr")
        assert i18n.chosen_language() is None


def test_a_lazy_text_is_escaped_as_text() -> None:
    from markupsafe import escape

    assert escape(i18n.lazy_gettext("a < b")) == "a &lt; b"


def test_the_last_day_is_the_one_before_the_end() -> None:
    end = datetime(2031, 5, 5, tzinfo=timezone.utc)
    assert texts.last_day(end) == date(2031, 5, 4)
    assert texts.last_day(end + timedelta(hours=9)) == date(2031, 5, 5)
    assert texts.last_day(end.astimezone(timezone(timedelta(hours=5)))) == date(2031, 5, 4)


@pytest.mark.parametrize("reason", TOUCHY)
def test_nobody_is_told_to_wait_above_what_they_shall_mend(reason: Reason) -> None:
    told = texts.told(Status.in_review, [reason, reason])
    assert told.lead == (str(texts.reason(reason).user), texts.status_sentence(Status.in_review))
    assert told.reasons == ()
    assert str(told).endswith("This can take a working day.")


def test_an_attempt_that_ended_says_what_to_do() -> None:
    codes = [Reason.document_unreadable, Reason.document_fake, Reason.mrz_check_failed]
    told = texts.told(Status.rejected, codes)
    assert [what for what, _ in told.reasons] == [
        str(texts.reason(code).user) for code in codes[:2]
    ]
    assert str(told).startswith("Not accepted. We could not verify")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "1 minute"),
        (7, "1 minute"),
        (61, "2 minutes"),
        (99 * 60, "99 minutes"),
        (100 * 60, "2 hours"),
        (23.5 * 3600, "24 hours"),
    ],
)
def test_a_time_to_wait_is_told_as_people_say_it_and_never_too_short(
    seconds: float, told: str
) -> None:
    assert texts.duration(seconds) == told
    with clock.stopped():
        until = clock.now() + timedelta(seconds=seconds)
        assert texts.wait_until(until) == told
