"""What a Platform transaction says at its end (references 2B.5 to 2B.7, 3.5, 5.5 to 5.8, 7)."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from flask_idverify.sandbox.kyx_vocabulary import LABELS
from flask_idverify.sandbox.scenarios import SCENARIOS

from .helpers import TODAY, Client, Receiver

BLOCKED = ("NOT_EXECUTED", "PRECONDITION_NOT_FULFILLED")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
BASE = ["usability", "imageChecks", "extraction", "dataChecks", "liveness", "similarity"]
Ids = tuple[str, str]


def finish(client: Client, scenario: str, **body: Any) -> Ids:
    ids = client.start_kyx(**body)
    answer = client.act(ids[1], "complete", scenario=scenario)
    assert answer.status_code == 200, answer.text
    return ids


def decisions(body: dict[str, Any], capability: str) -> list[tuple[str, str]]:
    return [
        (entry["decision"]["type"], entry["decision"]["details"]["label"])
        for entry in body["capabilities"][capability]
    ]


def overall(body: dict[str, Any]) -> tuple[str, str, float]:
    verdict = body["decision"]
    return verdict["type"], verdict["details"]["label"], verdict["risk"]["score"]


def test_a_passed_workflow_reads_like_the_documented_example(client: Client) -> None:
    ids = finish(client, "approve", reportingCriteria="signup")
    body = client.details(ids)
    base = f"{client.url}/api/v1/accounts/{ids[0]}"
    assert body["workflow"] == {
        "id": ids[1],
        "status": "PROCESSED",
        "definitionKey": "10011",
        "userReference": "vu_3LmX0pQa",
        "customerInternalReference": "vt_8Hq2Zr5K",
        "reportingCriteria": "signup",
    }
    assert body["account"] == {"id": ids[0]}
    for name in ("createdAt", "startedAt", "completedAt"):
        assert STAMP.fullmatch(body[name])
    assert body["decision"] == {
        "type": "PASSED",
        "details": {"label": "PASSED"},
        "risk": {"score": 0.0},
    }
    assert body["steps"] == {"href": f"{base}/workflow-executions/{ids[1]}/steps"}
    paper, selfie, facemap = body["credentials"]
    assert paper["parts"] == [
        {"classifier": "FRONT", "href": f"{base}/credentials/{paper['id']}/parts/FRONT"}
    ]
    assert selfie["parts"][0]["classifier"] == "FACE"
    assert facemap == {
        "id": facemap["id"],
        "category": "FACEMAP",
        "parts": [{"classifier": "FACEMAP"}],
    }
    assert list(body["capabilities"]) == BASE
    assert decisions(body, "usability") == [("PASSED", "OK")] * 2
    assert decisions(body, "similarity") == [("PASSED", "MATCH")]
    for name, entries in body["capabilities"].items():
        for entry in entries:
            assert {"id", "credentials", "decision"} <= set(entry), name
    assert body["capabilities"]["similarity"][0]["data"] == {"similarity": "MATCH"}
    assert [item["category"] for item in body["capabilities"]["similarity"][0]["credentials"]] == [
        "ID",
        "SELFIE",
    ]
    found = body["capabilities"]["extraction"][0]["data"]
    assert found.pop("expiryDate")[:4] == str(TODAY.year + 7)
    assert found.pop("issuingDate")
    assert isinstance(found.pop("currentAge"), str)
    assert found == {
        "type": "PASSPORT",
        "issuingCountry": "AUT",
        "firstName": "LENA MARIE",
        "lastName": "GRUBER",
        "dateOfBirth": "1988-11-23",
        "documentNumber": "U7301945",
        "gender": "F",
        "nationality": "AUT",
    }
    liveness = body["capabilities"]["liveness"][0]["data"]
    assert set(liveness) == {"type", "predictedAge", "ageConfidenceRange"}


def test_details_are_the_same_when_read_twice(client: Client) -> None:
    ids = finish(client, "approve")
    assert client.details(ids) == client.details(ids)


def test_the_status_has_its_href_without_the_account(client: Client) -> None:
    ids = client.start_kyx()
    assert client.workflow(ids, "/status").json() == {
        "account": {"id": ids[0], "href": f"{client.url}/api/v1/accounts/{ids[0]}"},
        "workflowExecution": {
            "id": ids[1],
            "href": f"{client.url}/api/v1/workflow-executions/{ids[1]}",
            "definitionKey": "10011",
            "status": "INITIATED",
        },
    }


def test_a_callback_carries_ids_and_a_status_but_no_verdict(
    client: Client, receiver: Receiver
) -> None:
    ids = finish(client, "approve", callbackUrl=receiver.url)
    client.sandbox.settle()
    assert receiver.statuses() == ["ACQUIRED", "PROCESSED"]
    arrived = receiver.got[-1]
    assert arrived.content_type == "application/json"
    body = arrived.json()
    assert STAMP.fullmatch(body.pop("callbackSentAt"))
    account = f"{client.url}/api/v1/accounts/{ids[0]}"
    assert body == {
        "userReference": "vu_3LmX0pQa",
        "workflowExecution": {
            "id": ids[1],
            "href": f"{account}/workflow-executions/{ids[1]}",
            "definitionKey": "10011",
            "status": "PROCESSED",
        },
        "account": {"id": ids[0], "href": account},
    }


def test_a_callback_without_user_reference_leaves_it_out(
    client: Client, receiver: Receiver
) -> None:
    finish(client, "approve", callbackUrl=receiver.url, userReference=...)
    client.sandbox.settle()
    assert "userReference" not in receiver.got[0].json()


# scenario -> (status, overall type, score, capability, its decision)
ENDINGS: dict[str, tuple[str, str, float, str, tuple[str, str]]] = {
    "approve": ("PROCESSED", "PASSED", 0.0, "similarity", ("PASSED", "MATCH")),
    "approve-id-only": ("PROCESSED", "PASSED", 0.0, "dataChecks", ("PASSED", "OK")),
    "face-mismatch": ("PROCESSED", "REJECTED", 100.0, "similarity", ("REJECTED", "NO_MATCH")),
    "face-unclear": ("PROCESSED", "WARNING", 50.0, "similarity", ("WARNING", "NOT_POSSIBLE")),
    "spoof": ("PROCESSED", "REJECTED", 100.0, "liveness", ("REJECTED", "DIGITAL_COPY")),
    "fraud": (
        "PROCESSED",
        "REJECTED",
        100.0,
        "imageChecks",
        ("REJECTED", "MANIPULATED_DOCUMENT_PHOTO"),
    ),
    "repeated-face": (
        "PROCESSED",
        "REJECTED",
        80.0,
        "dataChecks",
        ("REJECTED", "MISMATCHING_DATA_REPEATED_FACE"),
    ),
    "blurred": ("PROCESSED", "REJECTED", 100.0, "usability", ("REJECTED", "BLURRED")),
    "unsupported": (
        "PROCESSED",
        "REJECTED",
        100.0,
        "usability",
        ("WARNING", "UNSUPPORTED_DOCUMENT_TYPE"),
    ),
    "watchlist": ("PROCESSED", "WARNING", 50.0, "watchlistScreening", ("WARNING", "ALERT")),
    "warning": ("PROCESSED", "WARNING", 40.0, "liveness", ("WARNING", "BAD_QUALITY")),
    "document-expired": ("PROCESSED", "PASSED", 0.0, "extraction", ("PASSED", "OK")),
    "technical": (
        "PROCESSED",
        "NOT_EXECUTED",
        -1.0,
        "usability",
        ("NOT_EXECUTED", "TECHNICAL_ERROR"),
    ),
    "wiped": ("PROCESSED", "PASSED", 0.0, "similarity", ("PASSED", "MATCH")),
    "expired": (
        "TOKEN_EXPIRED",
        "NOT_EXECUTED",
        -1.0,
        "usability",
        ("NOT_EXECUTED", "NOT_UPLOADED"),
    ),
    "session-expired": (
        "SESSION_EXPIRED",
        "NOT_EXECUTED",
        -1.0,
        "usability",
        ("NOT_EXECUTED", "NOT_UPLOADED"),
    ),
    "session-expired-rejected": (
        "SESSION_EXPIRED",
        "REJECTED",
        100.0,
        "usability",
        ("NOT_EXECUTED", "NOT_UPLOADED"),
    ),
}


@pytest.mark.parametrize("scenario", ENDINGS)
def test_each_scenario_ends_as_the_table_says(client: Client, scenario: str) -> None:
    status, kind, score, capability, decision = ENDINGS[scenario]
    body = client.details(finish(client, scenario))
    assert body["workflow"]["status"] == status
    assert (overall(body)[0], overall(body)[2]) == (kind, score)
    assert decision in decisions(body, capability)


def test_no_scenario_was_forgotten() -> None:
    elsewhere = {"never-opened", "drop-off", "no-checks"}
    known = {name for name, item in SCENARIOS.items() if item.kyx is not None}
    assert known == set(ENDINGS) | elsewhere


def test_id_only_leaves_the_face_out(client: Client) -> None:
    body = client.details(finish(client, "approve-id-only"))
    assert list(body["capabilities"]) == BASE[:4]


def test_no_checks_passes_with_nothing_checked(client: Client) -> None:
    for scenario, workflow in (("no-checks", 10011), ("approve", 10170)):
        rest = {"workflowDefinition": {"key": workflow}}
        body = client.details(finish(client, scenario, **rest))
        assert body["capabilities"] == {}
        assert overall(body) == ("PASSED", "PASSED", 0.0)


def test_a_blurred_document_reads_like_the_documented_example(client: Client) -> None:
    body = client.details(finish(client, "blurred"))
    assert decisions(body, "usability") == [("REJECTED", "BLURRED"), ("PASSED", "OK")]
    for capability in ("imageChecks", "extraction", "dataChecks", "similarity"):
        assert decisions(body, capability) == [BLOCKED]
    assert decisions(body, "liveness") == [("PASSED", "OK")]
    assert body["capabilities"]["extraction"][0]["data"] == {}
    assert body["capabilities"]["similarity"][0]["data"] == {}


def test_an_unsupported_document_is_rejected_though_only_a_warning(client: Client) -> None:
    body = client.details(finish(client, "unsupported"))
    assert overall(body)[0] == "REJECTED"
    assert decisions(body, "extraction") == [BLOCKED]
    assert decisions(body, "similarity") == [("PASSED", "MATCH")]


def test_a_warning_tells_of_the_missing_facemap(client: Client) -> None:
    body = client.details(finish(client, "warning"))
    entry = body["capabilities"]["usability"][-1]
    assert entry["decision"]["details"]["label"] == "NOT_UPLOADED"
    assert entry["credentials"][0]["category"] == "FACEMAP"


def test_a_watchlist_hit_reads_like_the_documented_example(client: Client) -> None:
    body = client.details(finish(client, "watchlist"))
    found = body["capabilities"]["watchlistScreening"][0]["data"]
    assert set(found) == {"searchDate", "searchStatus", "searchId", "searchResults"}
    assert (found["searchStatus"], found["searchResults"]) == ("SUCCESS", 1)


def test_an_expired_token_reads_like_the_documented_example(client: Client) -> None:
    body = client.details(finish(client, "expired"))
    assert overall(body) == ("NOT_EXECUTED", "TOKEN_EXPIRED", -1.0)
    assert [set(item) for item in body["credentials"]] == [{"id", "category"}]
    assert "startedAt" not in body
    assert list(body["capabilities"]) == ["usability"]


def test_details_of_expired_workflows_can_be_switched_off(client: Client) -> None:
    ids = finish(client, "session-expired")
    client.sandbox.set_defaults(expired_details="404")
    assert client.workflow(ids).status_code == 404
    assert client.workflow(ids, "/status").json()["workflowExecution"]["status"] == (
        "SESSION_EXPIRED"
    )


ALL_LABELS = [
    (capability, kind, label)
    for capability, kinds in LABELS.items()
    for kind, labels in kinds.items()
    for label in labels.split()
]
DEPENDENT = {
    "usability": ["imageChecks", "extraction", "dataChecks"],
    "imageChecks": ["extraction", "dataChecks"],
}


def test_every_label_gives_a_consistent_body(client: Client) -> None:
    for capability, kind, label in ALL_LABELS:
        body = client.details(finish(client, f"kyx:{capability}:{label}"))
        name = f"{capability}:{label}"
        assert (kind, label) in decisions(body, capability), name
        verdict = overall(body)[0]
        technical = label in ("TECHNICAL_ERROR",) or name == "usability:NOT_UPLOADED"
        unsupported = capability == "usability" and label.startswith("UNSUPPORTED")
        if technical:
            assert verdict == "NOT_EXECUTED", name
        elif kind == "REJECTED" or unsupported:
            assert verdict == "REJECTED", name
        elif kind != "PASSED":
            assert verdict == "WARNING", name
        else:
            assert verdict == "PASSED", name
        failed = kind in ("REJECTED", "NOT_EXECUTED") or unsupported
        for dependent in DEPENDENT.get(capability, []):
            assert (BLOCKED in decisions(body, dependent)) == failed, f"{name} -> {dependent}"


@pytest.mark.parametrize("capability", list(LABELS))
def test_technical_errors_can_strike_anywhere(client: Client, capability: str) -> None:
    body = client.details(finish(client, f"kyx:{capability}:TECHNICAL_ERROR"))
    assert overall(body) == ("NOT_EXECUTED", "TECHNICAL_ERROR", -1.0)
    assert ("NOT_EXECUTED", "TECHNICAL_ERROR") in decisions(body, capability)


def test_unknown_labels_are_warnings_unless_a_type_is_given(client: Client) -> None:
    body = client.details(finish(client, "kyx:liveness:SOMETHING_NEW"))
    assert decisions(body, "liveness") == [("WARNING", "SOMETHING_NEW")]
    assert overall(body)[0] == "WARNING"
    body = client.details(finish(client, "kyx:liveness:SOMETHING_NEW:REJECTED"))
    assert decisions(body, "liveness") == [("REJECTED", "SOMETHING_NEW")]
    assert overall(body)[0] == "REJECTED"


def test_findings_can_be_joined(client: Client) -> None:
    name = "kyx:liveness:BAD_QUALITY+watchlistScreening:ALERT+imageChecks:REPEATED_FACE"
    body = client.details(finish(client, name))
    assert decisions(body, "liveness") == [("WARNING", "BAD_QUALITY")]
    assert decisions(body, "watchlistScreening") == [("WARNING", "ALERT")]
    assert body["capabilities"]["imageChecks"][0]["data"]["faceSearchFindings"]["findings"]


def test_the_overall_decision_can_contradict_or_be_absent(client: Client) -> None:
    assert "decision" not in client.details(finish(client, "kyx:decision:absent"))
    body = client.details(finish(client, "kyx:decision:REJECTED"))
    assert overall(body) == ("REJECTED", "REJECTED", 100.0)
    assert decisions(body, "similarity") == [("PASSED", "MATCH")]
    assert overall(client.details(finish(client, "kyx:decision:NOVEL")))[0] == "NOVEL"


def test_a_capability_can_be_missing(client: Client) -> None:
    body = client.details(finish(client, "kyx:missing:similarity"))
    assert "similarity" not in body["capabilities"]
    assert overall(body)[0] == "PASSED"


def test_a_blocked_capability_alone_leaves_the_decision_alone(client: Client) -> None:
    body = client.details(finish(client, "kyx:similarity:PRECONDITION_NOT_FULFILLED"))
    assert decisions(body, "similarity") == [BLOCKED]
    assert overall(body)[0] == "PASSED"


def test_the_status_may_be_one_nobody_knows(client: Client) -> None:
    ids = finish(client, "kyx:status:SOMETHING_NEW")
    assert client.details(ids)["workflow"]["status"] == "SOMETHING_NEW"


WORKFLOWS = {
    2: BASE[:4],
    6: ["usability", "liveness"],
    9: ["usability", "liveness", "authentication"],
    20: ["usability", "similarity"],
    32: [*BASE, "watchlistScreening"],
    10010: ["watchlistScreening"],
    10013: [*BASE, "watchlistScreening"],
    10026: ["usability", "extraction"],
    10163: BASE,
    99999: BASE,
}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_runs_the_capabilities_its_name_promises(client: Client, workflow: int) -> None:
    body = client.details(finish(client, "approve", workflowDefinition={"key": workflow}))
    assert list(body["capabilities"]) == WORKFLOWS[workflow]
    assert all(entries for entries in body["capabilities"].values())


def test_unfinished_details_have_a_status_and_no_result(client: Client) -> None:
    ids = client.start_kyx()
    body = client.details(ids)
    assert body["workflow"]["status"] == "INITIATED"
    assert not {"decision", "capabilities", "completedAt", "startedAt"} & set(body)
    assert all("parts" not in item for item in body["credentials"])


def test_steps_answer(client: Client) -> None:
    ids = finish(client, "approve")
    assert client.workflow(ids, "/steps").json()["workflow"]["id"] == ids[1]


def test_parts_are_served_after_the_pictures_were_handed_in(client: Client) -> None:
    ids = client.start_kyx()
    key = client.details(ids)["credentials"][0]["id"]
    path = f"/api/v1/accounts/{ids[0]}/credentials/{key}/parts"
    want = {"Accept": "image/jpeg, image/png"}
    assert client.kyx("GET", f"{path}/FRONT", headers=want).status_code == 404
    client.act(ids[1], "complete", document={"type": "ID_CARD"})
    body = client.details(ids)
    assert [item["classifier"] for item in body["credentials"][0]["parts"]] == ["FRONT", "BACK"]
    seen = set()
    for credential in body["credentials"][:2]:
        for part in credential["parts"]:
            answer = client.kyx("GET", part["href"].removeprefix(client.url), headers=want)
            assert answer.status_code == 200
            seen.add(answer.headers["Content-Type"])
    assert seen == {"image/jpeg", "image/png"}
    assert client.kyx("GET", f"{path}/LIVENESS_1", headers=want).status_code == 404
    assert client.kyx("GET", f"{path}/FRONT").status_code == 400


def test_a_deleted_workflow_is_gone_but_its_account_stays(client: Client) -> None:
    ids = finish(client, "approve")
    path = f"/api/v1/accounts/{ids[0]}/workflow-executions/{ids[1]}"
    assert client.kyx("DELETE", path).status_code == 200
    assert client.workflow(ids).status_code == 404
    assert client.workflow(ids, "/status").status_code == 404
    assert client.kyx("DELETE", path).status_code == 404
    answer = client.kyx("PUT", f"/api/v1/accounts/{ids[0]}", json=client.kyx_body())
    assert answer.status_code == 200


def test_a_deleted_account_takes_all_its_workflows_along(client: Client) -> None:
    account, first = finish(client, "approve")
    path = f"/api/v1/accounts/{account}"
    second = client.kyx("PUT", path, json=client.kyx_body()).json()["workflowExecution"]["id"]
    assert client.kyx("DELETE", path).status_code == 200
    for ref in (first, second):
        assert client.workflow((account, ref)).status_code == 404
        assert client.sandbox.transaction(ref)["deleted"] is True
    assert client.kyx("DELETE", path).status_code == 404
    assert client.kyx("PUT", path, json=client.kyx_body()).status_code == 404


def test_unknown_and_mismatched_ids_are_404(client: Client) -> None:
    first, second = client.start_kyx(), client.start_kyx()
    for ids in ((first[0], second[1]), (first[0], str(uuid4())), (str(uuid4()), first[1])):
        for rest in ("", "/status", "/steps"):
            assert client.workflow(ids, rest).status_code == 404
    answer = client.workflow((first[0], second[1]))
    assert set(answer.json()) == {"title", "status", "detail"}


def test_presets_shape_the_document_only_when_exactly_one_of_each(client: Client) -> None:
    def shown(countries: list[str], types: list[str]) -> tuple[str, str]:
        wish = {"category": "ID", "country": {"values": countries}, "type": {"values": types}}
        ids = finish(client, "approve", workflowDefinition={"key": 10011, "credentials": [wish]})
        found = client.details(ids)["capabilities"]["extraction"][0]["data"]
        return found["issuingCountry"], found["type"]

    assert shown(["DEU"], ["ID_CARD"]) == ("DEU", "ID_CARD")
    assert shown(["DEU", "FRA"], ["ID_CARD"]) == ("AUT", "PASSPORT")


def test_partly_known_dates_are_padded_and_their_parts_told(client: Client) -> None:
    ids = client.start_kyx()
    client.act(ids[1], "complete", document={"date_of_birth": "1990-05", "number": ""})
    found = client.details(ids)["capabilities"]["extraction"][0]["data"]
    assert found["dateOfBirth"] == "1990-05-01"
    assert found["dateOfBirthParts"] == {"year": "1990", "month": "05"}
    assert not {"currentAge", "documentNumber"} & set(found)


def test_findings_of_the_same_face_can_point_at_transactions_there_are(client: Client) -> None:
    _, other = client.start_kyx()
    ids = client.start_kyx()
    told = client.act(ids[1], "complete", scenario="repeated-face", related=[other])
    assert told.status_code == 200
    (checked,) = client.details(ids)["capabilities"]["imageChecks"]
    assert checked["data"]["faceSearchFindings"] == {"status": "DONE", "findings": [other]}
    scan = client.start_v4()
    client.act(scan, "complete", scenario="repeated-face", related=[other])
    checks = client.scan(scan, "/data").json()["verification"]["additionalChecks"]
    assert checks["faceSearchFindings"] == {"status": "DONE", "findings": [other]}
    refused = client.act(client.start_v4(), "complete", scenario="repeated-face", related=[7])
    assert (refused.status_code, refused.json()["field"]) == (400, "related")
