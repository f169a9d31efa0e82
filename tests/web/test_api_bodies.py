"""Bodies that the JSON API is sent: read strictly, and never the cause of a 500."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hosts import lena
from tests.web.people import Person, vendor

START = "/identity/api/verifications"
GOOD = (
    '{"claim": {"id_type": "passport", "id_number": "U7301945", '
    '"real_name": "Lena Marie Gruber", "country": "AUT"}, '
    '"consent": {"given": true, "country": "AUT"}}'
)


def _send(person: Person, body: str | bytes) -> Any:
    return person.browser.post(
        START,
        data=body,
        content_type="application/json",
        headers={"X-CSRFToken": person.token()},
    )


def test_a_good_body_starts(lena_at: Person) -> None:
    with vendor():
        assert _send(lena_at, GOOD).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        GOOD.replace('"country": "AUT"}, ', '"country": "AUT", "country": "DEU"}, '),
        GOOD[:-1] + ', "claim": {}}',
        GOOD.replace('{"claim"', '{"\\u0063laim": {}, "claim"'),
        '{"claim": ' * 9 + "1" + "}" * 9,
        '{"claim": ' * 1000,
        "[" * 8000 + "]" * 8000,
        GOOD.encode("utf-16"),
        b'{"claim": "\xff"}',
        "",
        "null",
        "[]",
        "7",
        '{"claim": }',
    ],
    ids=range(13),
)
def test_what_could_be_read_in_two_ways_or_not_at_all_is_refused(
    lena_at: Person, body: str | bytes
) -> None:
    answer = _send(lena_at, body)
    assert answer.status_code == 400
    assert answer.get_json(force=True)["code"] == "invalid_json"


ODD = ["9" * 5000, "1e999", "NaN", "-Infinity", "9" * 60, "1.5", "true", "[[]]", '{"a": {}}']
ODD += ['"\\ud800"', '"\\u0000"', '"\\u202e"', '"x\\ny"', "null", '""']


#: Started, started already, no such application, or not understood.
FINE = (200, 201, 409, 404, 422)


def _members(values: dict[str, str]) -> str:
    return ", ".join(f'"{name}": {text}' for name, text in values.items())


@pytest.mark.parametrize("name", list(lena().to_dict()))
def test_no_value_of_a_claim_is_a_500(lena_at: Person, name: str) -> None:
    right = {key: f'"{text}"' for key, text in lena().to_dict().items()}
    with vendor():
        for value in ODD:
            claim = _members({**right, name: value})
            answer = _send(lena_at, f'{{"claim": {{{claim}}}}}')
            assert answer.status_code in FINE, (value, answer.text)
            if answer.status_code == 422:
                assert answer.get_json(force=True)["field"] == name


@pytest.mark.parametrize("name", ["given", "country", "state"])
def test_no_value_of_a_consent_is_a_500(lena_at: Person, name: str) -> None:
    right = {"given": "true", "country": '"AUT"', "state": "null"}
    with vendor():
        for value in ODD:
            consent = _members({**right, name: value})
            body = GOOD.partition('"consent"')[0] + f'"consent": {{{consent}}}}}'
            answer = _send(lena_at, body)
            assert answer.status_code in FINE, (value, answer.text)


@pytest.mark.parametrize("name", ["claim", "consent", "application", "\\ud800", "\\u0000"])
def test_no_value_of_the_body_is_a_500(lena_at: Person, name: str) -> None:
    right = {"claim": GOOD.partition('{"claim": ')[2].partition(', "consent"')[0]}
    with vendor():
        for value in ODD:
            answer = _send(lena_at, f"{{{_members({**right, name: value})}}}")
            assert answer.status_code in FINE, (value, answer.text)
