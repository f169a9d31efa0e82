"""Fuzz: forms, the JSON API and the callback door answer, log no traceback and decide nothing."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import strategies as st

from flask_idverify import clock
from flask_idverify.models import CallbackRow
from tests.adapter_bench import JSON
from tests.hosts import Host, make_host
from tests.security.fuzzing import (
    BOMBS,
    ODD_TEXTS,
    Fuzz,
    damaged,
    portable,
    reshaped,
    tracebacks,
)
from tests.security.stage import TYPED, Member, dump
from tests.security.test_fuzz_parsers import TYPES, notifications
from tests.security.wires import wired
from tests.vendor import GENERATIONS
from tests.web.people import ENDPOINT, vendor

#: Reading an address drops these, so that the key behind them is the right one.
_DROPPED = dict.fromkeys(map(ord, "\t\r\n"))
#: What people decide or vendors say; no request body of a user may change any of it.
DECIDING = ("idverify_verification", "idverify_identity")
Form = dict[str, str]


@pytest.fixture
def open_host() -> Host:
    """A host without a check of tokens: the forms themselves are to be reached."""
    return linked(make_host(csrf=False, IDVERIFY_MAX_ATTEMPTS=1000))


@pytest.fixture(params=["checked", "unchecked"])
def admins_host(request: pytest.FixtureRequest, open_host: Host) -> Host:
    """The same, and one that checks tokens, which gets fewer inputs."""
    return open_host if request.param == "unchecked" else linked(make_host())


def linked(host: Host) -> Host:
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    return host


def forms(good: Form, *more: str) -> st.SearchStrategy[Form]:
    """Return forms that are filled in well but for some fields."""
    names = st.sampled_from([*good, *more])
    odd = st.dictionaries(names, ODD_TEXTS, max_size=4)
    gone = st.lists(names, max_size=2)

    def made(given: tuple[Form, list[str]]) -> Form:
        changes, missing = given
        return {name: value for name, value in {**good, **changes}.items() if name not in missing}

    return st.tuples(odd, gone).map(made)


def test_fuzz_claim_form_starts_what_is_whole_and_refuses_the_rest(
    fuzz: Fuzz, open_host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    lena = Member(open_host, "lena@example.com")
    answered: Counter[int] = Counter()
    inputs = forms(TYPED, "application", "csrf_token", "next", "status", "is_test", "submit")

    def check(form: Form) -> None:
        caplog.clear()
        answer = lena.browser.post("/identity/", data=form)
        answered[answer.status_code] += 1
        assert answer.status_code in (303, 404, 409, 422)
        assert not tracebacks(caplog.records)

    with vendor(), portable(open_host) as refused:
        ran = fuzz("claim form", 60, 2_000, inputs, check)
    assert refused == []
    assert answered[422] > ran / 10, "control: the form was read"
    rows = dump(open_host)
    assert {row["status"] for row in rows["idverify_verification"]} <= {"started"}
    assert {row["standing"] for row in rows["idverify_identity"]} <= {"pending", "unverified"}
    with vendor():
        # The same attempt, if some input was whole; else a new one.
        assert lena.browser.post("/identity/", data=TYPED).status_code in (303, 409)


def test_fuzz_provider_form_saves_what_is_admitted_and_refuses_the_rest(
    fuzz: Fuzz, admins_host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host = admins_host
    admin = Member(host, "admin@example.com", admin=True)
    good = {
        "name": "Account",
        "type": "Jumio",
        "client_id": "id",
        "client_secret": "Canary-Secret",
        "endpoint": ENDPOINT,
        "enabled": "y",
        "calls_per_day": "5000",
        "workflow_id": "200",
        "token_lifetime": "30",
        "locale": "de",
    }
    provider = dump(host)["idverify_provider"][0]["id"]
    answered: Counter[int] = Counter()
    more = ("workflow_key", "preset", "reporting_criteria", "options", "category", "show_type")
    inputs = st.tuples(st.sampled_from(["new", provider]), forms(good, *more))
    checked = host.app.config["WTF_CSRF_ENABLED"]
    token = {"csrf_token": admin.token()} if checked else {}

    def check(given: tuple[str, Form]) -> None:
        path, form = given
        caplog.clear()
        answer = admin.browser.post(f"/identity/admin/providers/{path}", data={**form, **token})
        answered[answer.status_code] += 1
        assert answer.status_code in (200, 303, 422)
        assert "Canary-Secret" not in answer.text
        assert not tracebacks(caplog.records)

    before = {table: dump(host)[table] for table in DECIDING}
    with portable(host) as refused:
        small, full = (15, 300) if checked else (60, 1_500)
        ran = fuzz(f"provider form, {'checked' if checked else 'open'}", small, full, inputs, check)
    assert refused == []
    assert answered[422] > ran / 10, "control: the form was read"
    assert {table: dump(host)[table] for table in DECIDING} == before
    for row in dump(host)["idverify_provider"]:
        assert row["endpoint"].startswith(("https://", "http://127.0.0.1", "http://localhost"))
        assert row["type"] in GENERATIONS


def test_fuzz_policy_form_saves_a_policy_that_can_be_read_or_refuses(
    fuzz: Fuzz, admins_host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host = admins_host
    admin = Member(host, "admin@example.com", admin=True)
    link = dump(host)["idverify_application_provider"][0]
    path = f"/identity/admin/applications/{link['application_id']}/links/{link['id']}"
    good = {
        "match_name": "y",
        "countries": "AUT, DEU",
        "id_types": "passport",
        "minimum_age": "18",
        "expired_documents": "reject",
        "on_warning": "review",
        "required_capabilities": "usability",
        "duplicates": "review",
        "on_reversal": "flag",
        "max_attempts": "5",
        "valid_for": "30",
        "route_countries": "AT",
        "route_id_types": "passport",
    }
    answered: Counter[int] = Counter()
    checked = host.app.config["WTF_CSRF_ENABLED"]
    token = {"csrf_token": admin.token()} if checked else {}

    def check(form: Form) -> None:
        caplog.clear()
        answer = admin.browser.post(path, data={**form, **token})
        answered[answer.status_code] += 1
        assert answer.status_code in (303, 422)
        if answer.status_code == 303:
            assert admin.browser.get(path).status_code == 200, "what was saved can be shown"
        assert not tracebacks(caplog.records)

    with portable(host) as refused:
        small, full = (15, 300) if checked else (60, 1_500)
        name = f"policy form, {'checked' if checked else 'open'}"
        ran = fuzz(name, small, full, forms(good, "enabled", "position", "policy"), check)
    assert refused == []
    assert answered[422] > ran / 10, "control: the form was read"


CLAIM = {"id_type": "passport", "id_number": "U7301945", "country": "AUT"}
GOOD = {
    "claim": {**CLAIM, "real_name": "Lena Marie Gruber"},
    "consent": {"given": True, "country": "AUT", "state": "x"},
    "application": "default",
}


def bodies() -> st.SearchStrategy[bytes]:
    """Return bodies that come close to a good one."""
    odd = JSON | ODD_TEXTS
    return st.one_of(
        reshaped([GOOD], odd).map(lambda value: json.dumps(value).encode()),
        damaged([json.dumps(GOOD).encode()]),
        odd.map(lambda value: json.dumps(value).encode()),
        st.sampled_from(BOMBS),
        st.binary(max_size=60),
    )


def test_fuzz_json_api_starts_what_is_whole_and_answers_problems_to_the_rest(
    fuzz: Fuzz, open_host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    lena = Member(open_host, "lena@example.com")
    answered: Counter[int] = Counter()
    kinds = st.sampled_from(["application/json"] * 8 + ["application/vnd.x+json", "text/plain", ""])

    def check(given: tuple[bytes, str]) -> None:
        body, kind = given
        caplog.clear()
        answer = lena.browser.post("/identity/api/verifications", data=body, content_type=kind)
        answered[answer.status_code] += 1
        assert answer.status_code in (200, 201, 400, 404, 409, 413, 415, 422, 429)
        assert answer.get_json() is not None
        if answer.status_code not in (200, 201):
            assert answer.mimetype == "application/problem+json"
            assert "Gruber" not in answer.text
            assert "U7301945" not in answer.text
        assert not tracebacks(caplog.records)

    with vendor(), portable(open_host) as refused:
        ran = fuzz("JSON API", 200, 7_000, st.tuples(bodies(), kinds), check)
    assert refused == []
    assert answered[422] > ran / 20, "control: bodies were read"
    assert answered[201] > 0, "control: a change of no consequence goes through"
    rows = dump(open_host)
    assert {row["status"] for row in rows["idverify_verification"]} == {"started"}
    assert {row["standing"] for row in rows["idverify_identity"]} == {"pending"}


@pytest.mark.parametrize("kind", GENERATIONS)
def test_fuzz_callback_door_keeps_what_has_the_keys_and_nothing_else(
    fuzz: Fuzz, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = make_host()
    with host.app.app_context(), wired(host, kind) as wire:
        row = wire.start()
        pending = wire.payloads["pending" if kind == "Jumio" else "running-initiated"]
        wire.answers(pending["status"], wire.details("approved", row))
        request = next(one for one in wire.mock.request_history if one.url == wire.bench.start_url)
        keys = request.json()["callbackUrl"].rsplit("/callbacks/", 1)[1]
        browser = host.app.test_client()
        wrong = st.text(max_size=50).map(lambda text: text.replace("/", "-"))
        doors = st.one_of(
            st.just(keys),
            wrong,
            st.builds("{}/{}".format, st.just(keys.split("/")[0]), wrong),
            damaged([keys.encode()]).map(lambda raw: raw.decode("latin-1")),
        )
        stored = 0

        def check(given: tuple[str, bytes, str]) -> None:
            nonlocal stored
            door, body, content_type = given
            caplog.clear()
            answer = browser.post(
                f"/identity/callbacks/{door}", data=body, content_type=content_type
            )
            right = answer.status_code == 200
            assert right or answer.status_code in (404, 405, 413, 308)
            assert not right or door.translate(_DROPPED).strip("/") in (keys, keys.split("/")[0])
            stored += right
            assert not tracebacks(caplog.records)

        held = {table: dump(host)[table] for table in DECIDING}
        inputs = st.tuples(doors, notifications(kind), TYPES)
        with portable(host) as refused:
            ran = fuzz(f"callback door of {kind}", 80, 1_500, inputs, check)
        assert refused == []
        assert ran / 20 < stored < ran
        host.db.session.rollback()  # MariaDB would go on showing what was there before
        assert 0 < host.db.session.query(CallbackRow).count() <= stored
        now = dump(host)
        for table, rows in held.items():
            for name in (
                "status",
                "standing",
                "vendor_reference",
                "document_sealed",
                "verified_at",
            ):
                assert [one.get(name) for one in now[table]] == [one.get(name) for one in rows]
        # Control: with the keys, and the vendor saying so when asked, it does count.
        wire.approves(row)
        with clock.shifted(minutes=1):
            body, content_type = wire.bench.good_callback()
            path = f"/identity/callbacks/{keys}"
            browser.post(path, data=body + b" ", content_type=content_type)
        assert wire.is_verified()


@pytest.mark.parametrize("long", ["9" * 400, "-" + "9" * 400, "1e999", "9" * 5000])
def test_fuzz_found_numbers_of_hundreds_of_digits_are_refused_at_their_field(
    open_host: Host, long: str
) -> None:
    admin = Member(open_host, "admin@example.com", admin=True)
    rows = dump(open_host)
    link, provider = rows["idverify_application_provider"][0], rows["idverify_provider"][0]
    paths = {
        f"applications/{link['application_id']}/links/{link['id']}": "max_attempts",
        f"providers/{provider['id']}": "token_lifetime",
    }
    for path, field in paths.items():
        answer = admin.browser.post(f"/identity/admin/{path}", data={field: long})
        assert answer.status_code == 422
        assert f'id="{field}-errors"' in answer.text


def test_fuzz_found_a_nul_in_a_name_is_asked_of_no_database(open_host: Host) -> None:
    admin = Member(open_host, "admin@example.com", admin=True)
    application = dump(open_host)["idverify_application"][0]["id"]
    with portable(open_host) as refused:
        for path, field in {
            "providers/new": "name",
            "applications/new": "name",
            f"applications/{application}": "display_name",
        }.items():
            form = {"name": "x", field: "a\x00b"}
            answer = admin.browser.post(f"/identity/admin/{path}", data=form)
            assert answer.status_code == 422, path
    assert refused == []
