"""The vendor's page, visited by an HTTP client (references 4.1 and 4.3)."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from flask_idverify.sandbox.documents import FIELDS

from .helpers import TODAY, Client, Receiver

BACK = "https://id.example.com/verify/return/vt_8Hq2Zr5K"


class Visit:
    """One transaction and the link to its page."""

    def __init__(self, client: Client, generation: str, **body: Any) -> None:
        self.client = client
        if generation == "v4":
            answer = client.initiate(**{"successUrl": BACK, "errorUrl": BACK, **body}).json()
            self.ref, self.link = answer["transactionReference"], answer["redirectUrl"]
        else:
            web = body.pop("web", {"successUrl": BACK, "errorUrl": BACK})
            answer = client.create(web=web, **body).json()
            self.ref, self.link = answer["workflowExecution"]["id"], answer["web"]["href"]
            self.account = answer["account"]["id"]
        self.token = parse_qs(urlsplit(self.link).query)["authorizationToken"][0]

    def get(self) -> requests.Response:
        return requests.get(self.link, timeout=5, allow_redirects=False)

    def post(self, **form: str) -> requests.Response:
        url = self.link.split("?")[0]
        data = {"authorizationToken": self.token, **form}
        return requests.post(url, data=data, timeout=5, allow_redirects=False)

    def state(self) -> dict[str, Any]:
        return self.client.sandbox.transaction(self.ref)


def returned(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 303
    address, _, query = answer.headers["Location"].partition("?")
    assert address == BACK
    return {key: values[0] for key, values in parse_qs(query).items()}


def attribute(page: str, name: str) -> str:
    match = re.search(rf"""{name}=(['"])(.*?)\1""", page, re.S)
    assert match is not None
    return html.unescape(match[2])


GENERATIONS = pytest.mark.parametrize("generation", ["v4", "kyx"])


@GENERATIONS
def test_the_page_shows_scenarios_and_the_invented_person(client: Client, generation: str) -> None:
    visit = Visit(client, generation)
    page = visit.get()
    assert page.status_code == 200
    for name in ("approve", "face-mismatch", "drop-off", "custom"):
        assert f'value="{name}"' in page.text
    assert ('value="watchlist"' in page.text) == (generation == "kyx")
    assert 'value="approve" checked' in page.text
    for name in FIELDS:
        assert f'name="{name}"' in page.text
    assert 'value="GRUBER"' in page.text
    assert f'value="{TODAY.year + 7}-' in page.text
    assert visit.state()["phase"] == "opened"


@GENERATIONS
def test_the_page_needs_no_inline_script_or_style(client: Client, generation: str) -> None:
    page = Visit(client, generation).get()
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page.text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page.text))
    for name in ("sandbox.css", "sandbox.js", "icon.svg"):
        answer = requests.get(f"{client.url}/_sandbox/static/{name}", timeout=5)
        assert answer.status_code == 200
        assert f"/_sandbox/static/{name}" in page.text


@GENERATIONS
def test_every_control_has_a_label(client: Client, generation: str) -> None:
    page = Visit(client, generation).get().text
    labelled = "".join(re.findall(r"<label.*?</label>", page, re.S))
    controls = re.findall(r"<(?:input|select)(?![^>]*type=\"hidden\")[^>]*>", page)
    assert controls
    assert all(control in labelled for control in controls)


def test_handing_in_returns_to_the_success_address_of_v4(client: Client) -> None:
    visit = Visit(client, "v4")
    assert returned(visit.post(action="submit", scenario="face-mismatch")) == {
        "transactionStatus": "SUCCESS",
        "customerInternalReference": "vt_8Hq2Zr5K",
        "transactionReference": visit.ref,
    }
    found = client.scan(visit.ref, "/data").json()["verification"]["identityVerification"]
    assert found["similarity"] == "NO_MATCH"


def test_handing_in_returns_to_the_success_address_of_the_platform(client: Client) -> None:
    visit = Visit(client, "kyx")
    assert returned(visit.post(action="submit", scenario="watchlist")) == {
        "accountId": visit.account,
        "workflowExecutionId": visit.ref,
        "acquisitionStatus": "SUCCESS",
        "customerInternalReference": "vt_8Hq2Zr5K",
    }
    assert client.details((visit.account, visit.ref))["decision"]["type"] == "WARNING"


def test_parameters_join_an_existing_query(client: Client) -> None:
    visit = Visit(client, "v4", successUrl=f"{BACK}?lang=de")
    assert visit.post().headers["Location"].startswith(f"{BACK}?lang=de&transactionStatus=SUCCESS")


@GENERATIONS
def test_the_result_follows_after_the_processing_time(
    client: Client, receiver: Receiver, generation: str
) -> None:
    client.sandbox.set_defaults(processing_seconds=20, terminal_callbacks_only=True)
    visit = Visit(client, generation, callbackUrl=receiver.url)
    visit.post()
    client.sandbox.settle()
    assert (visit.state()["phase"], receiver.got) == ("processing", [])
    client.sandbox.advance(20)
    client.sandbox.settle()
    assert (visit.state()["phase"], len(receiver.got)) == ("finished", 1)


def test_what_is_typed_is_what_the_vendor_reads(client: Client) -> None:
    visit = Visit(client, "v4")
    typed = {
        "type": "ID_CARD",
        "country": "DEU",
        "first_name": "Ada",
        "last_name": "Beispiel",
        "number": "",
        "personal_number": "N/A",
        "date_of_birth": "1991-02-03",
        "expiry": "2040-01-01",
        "issuing_date": "",
    }
    visit.post(action="submit", **typed)
    paper = client.scan(visit.ref, "/data/document").json()
    assert (paper["type"], paper["issuingCountry"]) == ("ID_CARD", "DEU")
    assert (paper["firstName"], paper["lastName"]) == ("Ada", "Beispiel")
    assert (paper["dob"], paper["expiry"]) == ("1991-02-03", "2040-01-01")
    assert paper["personalNumber"] == "N/A"
    assert not {"number", "issuingDate"} & set(paper)
    # What was not on the form at all keeps its default.
    assert paper["nationality"] == "AUT"


@GENERATIONS
def test_presets_fill_the_form(client: Client, generation: str) -> None:
    if generation == "v4":
        preset = {"index": 1, "country": "FRA", "type": "ID_CARD"}
        page = Visit(client, "v4", presets=[preset]).get().text
    else:
        wish = {"category": "ID", "country": {"values": ["FRA"]}, "type": {"values": ["ID_CARD"]}}
        definition = {"key": 10011, "credentials": [wish]}
        page = Visit(client, "kyx", workflowDefinition=definition).get().text
    assert 'name="country" value="FRA"' in page
    assert "<option selected>ID_CARD</option>" in page


def test_the_planned_scenario_is_preselected_but_the_page_decides(client: Client) -> None:
    visit = Visit(client, "v4", reportingCriteria="sim:scenario=fraud")
    assert 'value="fraud" checked' in visit.get().text
    visit.post(scenario="blurred")
    assert visit.state()["scenario"] == "blurred"
    left_alone = Visit(client, "v4", reportingCriteria="sim:scenario=fraud")
    left_alone.post()
    assert left_alone.state()["scenario"] == "fraud"


def test_parametrised_scenarios_can_be_typed(client: Client) -> None:
    visit = Visit(client, "v4", reportingCriteria="sim:scenario=v4:reject:107")
    assert 'name="custom_scenario" value="v4:reject:107"' in visit.get().text
    visit.post(scenario="custom", custom_scenario="v4:reject:106")
    assert visit.state()["scenario"] == "v4:reject:106"
    direct = Visit(client, "kyx")
    direct.post(scenario="kyx:imageChecks:FAKE")
    assert direct.state()["scenario"] == "kyx:imageChecks:FAKE"


@pytest.mark.parametrize(
    "form",
    [
        {"scenario": "nonsense"},
        {"scenario": "watchlist"},
        {"scenario": "kyx:liveness:BAD_QUALITY"},
        {"scenario": "custom", "custom_scenario": "v4:reject:x"},
        {"date_of_birth": "23.11.1988"},
        {"expiry": "2031-02-30"},
        {"last_name": "x" * 256},
        {"action": "dance"},
        {"action": "camera_error", "error_code": "1"},
        {"action": "camera_error", "error_code": "²"},
    ],
    ids=str,
)
def test_a_mistake_on_the_form_is_shown_and_nothing_is_lost(
    client: Client, form: dict[str, str]
) -> None:
    visit = Visit(client, "v4")
    answer = visit.post(**{"first_name": "<Ada & Co>", **form})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "&lt;Ada &amp; Co&gt;" in answer.text
    assert visit.state()["phase"] == "opened"
    assert visit.post().status_code == 303


@GENERATIONS
def test_leaving_returns_nobody_and_ends_by_idleness(client: Client, generation: str) -> None:
    visit = Visit(client, generation)
    answer = visit.post(action="leave")
    assert answer.status_code == 200
    assert "left without finishing" in answer.text
    assert visit.state()["phase"] == "opened"
    client.sandbox.advance(15 * 60)
    assert visit.state()["status"] == ("FAILED" if generation == "v4" else "SESSION_EXPIRED")


@GENERATIONS
def test_a_broken_camera_returns_with_its_code(client: Client, generation: str) -> None:
    visit = Visit(client, generation)
    answer = returned(visit.post(action="camera_error"))
    assert answer["errorCode"] == "9822"
    name = "transactionStatus" if generation == "v4" else "acquisitionStatus"
    assert answer[name] == "ERROR"
    assert returned(visit.post(action="camera_error", error_code="9300"))["errorCode"] == "9300"


@GENERATIONS
def test_three_unreadable_submissions_end_with_9835(client: Client, generation: str) -> None:
    visit = Visit(client, generation)
    for number in (1, 2):
        answer = visit.post(scenario="blurred", retry="1")
        assert answer.status_code == 200
        assert f"attempt {number + 1} of 3" in answer.text
        assert visit.state()["attempts"] == number
    assert returned(visit.post(scenario="blurred", retry="1"))["errorCode"] == "9835"
    assert visit.state()["attempts"] == 3
    assert visit.state()["phase"] == "finished"


def test_a_second_attempt_may_succeed(client: Client) -> None:
    visit = Visit(client, "v4")
    assert visit.post(scenario="blurred", retry="1").status_code == 200
    assert "errorCode" not in returned(visit.post(scenario="approve", retry="1"))
    assert visit.state()["attempts"] == 2


def test_leaving_after_an_unreadable_attempt_keeps_its_reason(client: Client) -> None:
    visit = Visit(client, "v4")
    visit.post(scenario="v4:reject:206", retry="1")
    client.sandbox.advance(15 * 60)
    body = client.scan(visit.ref, "/data").json()
    assert body["document"]["status"] == "ERROR_NOT_READABLE_ID"
    assert body["verification"]["rejectReason"]["rejectReasonCode"] == "206"


@pytest.mark.parametrize("token", ["", "wrong", "a.b.c"])
def test_a_wrong_token_leads_to_an_error_page(client: Client, token: str) -> None:
    for path in ("/web/v4/app", "/web/client"):
        answer = requests.get(f"{client.url}{path}?authorizationToken={token}", timeout=5)
        assert answer.status_code == 403
        assert "9200" in answer.text
        assert requests.post(client.url + path, timeout=5).status_code == 403


@GENERATIONS
def test_an_expired_token_returns_with_9200(client: Client, generation: str) -> None:
    visit = Visit(client, generation)
    client.sandbox.advance(30 * 60)
    assert returned(visit.get())["errorCode"] == "9200"
    assert returned(visit.post())["errorCode"] == "9200"


@GENERATIONS
def test_a_session_that_timed_out_returns_with_9210(client: Client, generation: str) -> None:
    visit = Visit(client, generation)
    visit.get()
    client.sandbox.advance(15 * 60)
    assert returned(visit.post())["errorCode"] == "9210"


@GENERATIONS
def test_a_used_link_returns_with_9200(client: Client, generation: str) -> None:
    visit = Visit(client, generation)
    visit.post()
    assert returned(visit.get())["errorCode"] == "9200"
    assert returned(visit.post())["errorCode"] == "9200"


def test_an_open_session_can_be_finished_after_the_link_has_died(client: Client) -> None:
    visit = Visit(client, "v4", tokenLifetimeInMinutes=5)
    visit.get()
    client.sandbox.advance(6 * 60)
    assert returned(visit.get())["errorCode"] == "9200"
    assert "errorCode" not in returned(visit.post())


def test_a_deleted_transaction_has_no_page(client: Client) -> None:
    visit = Visit(client, "v4")
    client.v4("DELETE", f"/api/netverify/v2/scans/{visit.ref}")
    assert returned(visit.get())["errorCode"] == "9200"


@pytest.mark.parametrize(
    ("scenario", "code"), [("expired", "9200"), ("session-expired", "9210"), ("technical", None)]
)
def test_endings_without_a_result_return_as_they_should(
    client: Client, scenario: str, code: str | None
) -> None:
    assert returned(Visit(client, "v4").post(scenario=scenario)).get("errorCode") == code


@GENERATIONS
def test_without_addresses_the_journey_ends_on_a_page_of_its_own(
    client: Client, generation: str
) -> None:
    none: dict[str, Any] = (
        {"web": {}} if generation == "kyx" else {"successUrl": ..., "errorUrl": ...}
    )
    answer = Visit(client, generation, **none).post()
    assert answer.status_code == 200
    assert "Thank you" in answer.text
    answer = Visit(client, generation, **none).post(action="camera_error")
    assert answer.status_code == 200
    assert "9822" in answer.text


@GENERATIONS
def test_messages_for_an_embedding_page_have_the_documented_members(
    client: Client, generation: str
) -> None:
    visit = Visit(client, generation)
    ids = (
        {"transactionReference": visit.ref}
        if generation == "v4"
        else {"workflowExecutionId": visit.ref, "accountId": visit.account}
    )
    expected = {
        "authorizationToken": visit.token,
        **ids,
        "customerInternalReference": "vt_8Hq2Zr5K",
        "eventType": 510,
    }
    loaded = json.loads(attribute(visit.get().text, "data-message"))
    assert loaded == {**expected, "payload": {"value": "loaded"}}
    broken = visit.post(action="camera_error", embedded="1")
    assert broken.status_code == 200
    assert json.loads(attribute(broken.text, "data-message")) == {
        **expected,
        "payload": {"value": "error", "metainfo": {"code": 9822}},
    }
    assert "errorCode=9822" in attribute(broken.text, "data-onward")
    done = visit.post(embedded="1")
    assert json.loads(attribute(done.text, "data-message"))["payload"] == {"value": "success"}
    assert attribute(done.text, "data-onward").startswith(f"{BACK}?")


def test_the_home_page_lists_transactions_for_people_only(client: Client) -> None:
    visit = Visit(client, "v4")
    browser = {"Accept": "text/html,*/*", "User-Agent": "Mozilla/5.0"}
    page = requests.get(client.url, headers=browser, timeout=5)
    assert page.headers["Content-Type"].startswith("text/html")
    assert visit.ref in page.text
    assert "/_sandbox/faults" in page.text
    assert all(entry["path"] != "/" for entry in client.sandbox.journal())
