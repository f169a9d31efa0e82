"""What a Netverify transaction says at its end (references 2A.6, 2A.7, 3.4, 5.1 to 5.4, 7)."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest

from flask_idverify.sandbox.scenarios import SCENARIOS

from .helpers import TODAY, Client, Receiver

CHECKS = [
    "idCheckDataPositions",
    "idCheckDocumentValidation",
    "idCheckHologram",
    "idCheckMRZcode",
    "idCheckMicroprint",
    "idCheckSecurityFeatures",
    "idCheckSignature",
]
MANDATORY = {
    "callBackType",
    "jumioIdScanReference",
    "verificationStatus",
    "idScanStatus",
    "idScanSource",
    "transactionDate",
    "callbackDate",
    *CHECKS,
}
PERSONAL = {"firstName", "lastName", "number", "dob"}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LOOSE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,2}[1-9])?Z")


def finish(client: Client, scenario: str, **body: Any) -> str:
    ref = client.start_v4(**body)
    answer = client.act(ref, "complete", scenario=scenario)
    assert answer.status_code == 200, answer.text
    return ref


def data(client: Client, ref: str) -> dict[str, Any]:
    answer = client.scan(ref, "/data")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_approved_scan_reads_like_the_documented_example(client: Client) -> None:
    ref = finish(client, "approve", reportingCriteria="signup")
    status = client.scan(ref).json()
    assert set(status) == {"timestamp", "scanReference", "status"}
    assert (status["scanReference"], status["status"]) == (ref, "DONE")
    body = data(client, ref)
    assert set(body) == {"timestamp", "scanReference", "document", "transaction", "verification"}
    paper = body["document"]
    assert paper["expiry"][:4] == str(TODAY.year + 7)
    assert {key: paper[key] for key in paper if key not in ("expiry", "issuingDate")} == {
        "status": "APPROVED_VERIFIED",
        "type": "PASSPORT",
        "issuingCountry": "AUT",
        "number": "U7301945",
        "firstName": "LENA MARIE",
        "lastName": "GRUBER",
        "dob": "1988-11-23",
        "gender": "F",
        "nationality": "AUT",
        "personalNumber": "N/A",
        "address": {
            "line1": "Ahornweg 7",
            "city": "Graz",
            "postalCode": "8010",
            "country": "AUT",
        },
        "dateOfBirthParts": {"year": "1988", "month": "11", "day": "23"},
    }
    transaction = body["transaction"]
    assert STAMP.fullmatch(transaction.pop("date"))
    assert transaction == {
        "status": "DONE",
        "source": "WEB_CAM",
        "customerId": "vu_3LmX0pQa",
        "merchantScanReference": "vt_8Hq2Zr5K",
        "merchantReportingCriteria": "signup",
    }
    assert body["verification"] == {
        "mrzCheck": "OK",
        "identityVerification": {"similarity": "MATCH", "validity": "true"},
    }


def test_the_partial_endpoints_flatten_their_part(client: Client) -> None:
    ref = finish(client, "approve")
    whole = data(client, ref)
    for part in ("document", "transaction", "verification"):
        body = client.scan(ref, f"/data/{part}").json()
        assert body.pop("scanReference") == ref
        assert STAMP.fullmatch(body.pop("timestamp"))
        assert body == whole[part]
    assert client.scan(ref, "/data/other").status_code == 404


def test_an_approved_callback_reads_like_the_documented_example(
    client: Client, receiver: Receiver
) -> None:
    ref = finish(client, "approve", callbackUrl=receiver.url, reportingCriteria="signup")
    client.sandbox.settle()
    (arrived,) = receiver.got
    assert arrived.content_type == "application/x-www-form-urlencoded"
    form = arrived.form()
    assert set(form) >= MANDATORY
    assert form["callBackType"] == "NETVERIFYID"
    assert form["jumioIdScanReference"] == ref
    assert (form["verificationStatus"], form["idScanStatus"]) == ("APPROVED_VERIFIED", "SUCCESS")
    assert [form[name] for name in CHECKS] == ["OK"] * 7
    assert LOOSE.fullmatch(form["transactionDate"])
    assert LOOSE.fullmatch(form["callbackDate"])
    assert LOOSE.fullmatch(form["firstAttemptDate"])
    assert json.loads(form["identityVerification"]) == {"similarity": "MATCH", "validity": True}
    assert (form["idFirstName"], form["idLastName"]) == ("LENA MARIE", "GRUBER")
    assert b"idFirstName=LENA+MARIE" in arrived.raw
    assert (form["idType"], form["idCountry"], form["idNumber"]) == ("PASSPORT", "AUT", "U7301945")
    assert form["personalNumber"] == "N/A"
    assert json.loads(form["idAddress"])["formattedAddress"] == "Ahornweg 7, 8010 Graz, AUT"
    assert form["merchantIdScanReference"] == "vt_8Hq2Zr5K"
    assert form["customerId"] == "vu_3LmX0pQa"
    assert form["merchantReportingCriteria"] == "signup"
    assert form["idScanImage"] == f"{client.url}/recognition/v1/idscan/{ref}/front"


def test_a_denied_callback_carries_the_reason_but_no_person(
    client: Client, receiver: Receiver
) -> None:
    finish(client, "fraud", callbackUrl=receiver.url)
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert set(form) >= MANDATORY
    assert (form["verificationStatus"], form["idScanStatus"]) == ("DENIED_FRAUD", "ERROR")
    assert [form[name] for name in CHECKS] == ["N/A"] * 7
    assert json.loads(form["rejectReason"]) == {
        "rejectReasonCode": "100",
        "rejectReasonDescription": "MANIPULATED_DOCUMENT",
        "rejectReasonDetails": [
            {"detailsCode": "1001", "detailsDescription": "PHOTO"},
            {"detailsCode": "1004", "detailsDescription": "DOB"},
        ],
    }
    assert not {"idFirstName", "idLastName", "idNumber", "idDob", "identityVerification"} & set(
        form
    )


# scenario -> (status, document.status, identityVerification, rejectReasonCode)
ENDINGS: dict[str, tuple[str, str, dict[str, str] | None, str | None]] = {
    "approve": ("DONE", "APPROVED_VERIFIED", {"similarity": "MATCH", "validity": "true"}, None),
    "approve-id-only": ("DONE", "APPROVED_VERIFIED", None, None),
    "face-mismatch": (
        "DONE",
        "APPROVED_VERIFIED",
        {"similarity": "NO_MATCH", "validity": "true"},
        None,
    ),
    "face-unclear": (
        "DONE",
        "APPROVED_VERIFIED",
        {"similarity": "NOT_POSSIBLE", "validity": "true"},
        None,
    ),
    "spoof": (
        "DONE",
        "APPROVED_VERIFIED",
        {
            "similarity": "MATCH",
            "validity": "false",
            "reason": "SELFIE_IS_SCREEN_PAPER_VIDEO",
        },
        None,
    ),
    "fraud": ("DONE", "DENIED_FRAUD", None, "100"),
    "repeated-face": ("DONE", "DENIED_FRAUD", None, "113"),
    "blurred": ("DONE", "ERROR_NOT_READABLE_ID", None, "200"),
    "unsupported": ("DONE", "DENIED_UNSUPPORTED_ID_TYPE", None, None),
    "document-expired": (
        "DONE",
        "APPROVED_VERIFIED",
        {"similarity": "MATCH", "validity": "true"},
        None,
    ),
    "expired": ("FAILED", "NO_ID_UPLOADED", None, None),
    "session-expired": ("FAILED", "NO_ID_UPLOADED", None, None),
    "session-expired-rejected": ("DONE", "ERROR_NOT_READABLE_ID", None, "200"),
    "wiped": ("DONE", "APPROVED_VERIFIED", {"similarity": "MATCH", "validity": "true"}, None),
}


@pytest.mark.parametrize("scenario", ENDINGS)
def test_each_scenario_ends_as_the_table_says(client: Client, scenario: str) -> None:
    status, verdict, face, code = ENDINGS[scenario]
    ref = finish(client, scenario)
    assert client.scan(ref).json()["status"] == status
    body = data(client, ref)
    assert body["document"]["status"] == verdict
    assert body["transaction"]["status"] == status
    verification = body.get("verification", {})
    assert verification.get("identityVerification") == face
    assert verification.get("rejectReason", {}).get("rejectReasonCode") == code
    if verdict not in ("APPROVED_VERIFIED", "DENIED_FRAUD"):
        assert not PERSONAL & set(body["document"])


def test_no_scenario_was_forgotten() -> None:
    elsewhere = {"never-opened", "drop-off", "technical"}
    known = {name for name, item in SCENARIOS.items() if item.v4 is not None}
    assert known == set(ENDINGS) | elsewhere


def test_an_expired_document_has_an_expiry_in_the_past(client: Client) -> None:
    ref = finish(client, "document-expired")
    assert data(client, ref)["document"]["expiry"] < TODAY.isoformat()
    typed = client.start_v4()
    client.act(typed, "complete", scenario="document-expired", document={"expiry": "2019-05-04"})
    assert data(client, typed)["document"]["expiry"] == "2019-05-04"


def test_an_unsupported_document_says_so(client: Client) -> None:
    ref = finish(client, "unsupported")
    assert data(client, ref)["document"]["type"] == "UNSUPPORTED"


@pytest.mark.parametrize("workflow", [100, 101, 102])
def test_id_only_workflows_never_report_a_face(client: Client, workflow: int) -> None:
    ref = finish(client, "face-mismatch", workflowId=workflow)
    assert data(client, ref)["verification"] == {"mrzCheck": "OK"}
    expected = "WEB_UPLOAD" if workflow == 102 else "WEB_CAM"
    assert data(client, ref)["transaction"]["source"] == expected


FRAUD = [str(code) for code in (100, *range(105, 117), 118)]
UNREADABLE = [
    str(code) for code in (102, 103, 104, 200, 201, 202, 206, 207, 209, 210, 211, 213, 214, 300)
]


@pytest.mark.parametrize("code", [*FRAUD, *UNREADABLE, "199", "299"])
def test_every_reject_code_can_be_reached(client: Client, code: str) -> None:
    ref = finish(client, f"v4:reject:{code}")
    body = data(client, ref)
    fraud = code in FRAUD or code == "199"
    assert body["document"]["status"] == ("DENIED_FRAUD" if fraud else "ERROR_NOT_READABLE_ID")
    reason = body["verification"]["rejectReason"]
    assert reason["rejectReasonCode"] == code
    assert reason["rejectReasonDescription"]
    assert ("rejectReasonDetails" in reason) == (code in ("100", "200"))


def test_reject_details_are_an_object_an_array_or_empty(client: Client) -> None:
    def details(name: str) -> Any:
        body = data(client, finish(client, name))
        return body["verification"]["rejectReason"]["rejectReasonDetails"]

    assert details("v4:reject:100:10011") == {
        "detailsCode": "10011",
        "detailsDescription": "PLACE_OF_BIRTH",
    }
    codes = [item["detailsCode"] for item in details("v4:reject:200:2001,2006")]
    assert codes == ["2001", "2006"]
    assert details("v4:reject:100:none") == []
    assert details("v4:reject:106:1001")["detailsDescription"] == "PHOTO"


def test_every_face_result_can_be_reached(client: Client) -> None:
    def face(name: str) -> Any:
        return data(client, finish(client, name))["verification"]["identityVerification"]

    assert face("v4:face:NO_MATCH")["similarity"] == "NO_MATCH"
    assert face("v4:face:SOMETHING_NEW")["similarity"] == "SOMETHING_NEW"
    assert face("v4:face:validity:MULTIPLE_PEOPLE") == {
        "similarity": "MATCH",
        "validity": "false",
        "reason": "MULTIPLE_PEOPLE",
    }
    assert face("v4:face:validity") == {"similarity": "MATCH", "validity": "false"}


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ("APPROVED_VERIFIED", "DONE"),
        ("DENIED_FRAUD", "DONE"),
        ("DENIED_UNSUPPORTED_ID_COUNTRY", "DONE"),
        ("DENIED_UNSUPPORTED_ID_TYPE", "DONE"),
        ("ERROR_NOT_READABLE_ID", "DONE"),
        ("NO_ID_UPLOADED", "FAILED"),
        ("SOMETHING_NEW", "DONE"),
    ],
)
def test_every_verification_status_can_be_reached(
    client: Client, verdict: str, status: str
) -> None:
    ref = finish(client, f"v4:status:{verdict}")
    body = data(client, ref)
    assert (body["document"]["status"], body["transaction"]["status"]) == (verdict, status)
    assert "rejectReason" not in body.get("verification", {})


def test_details_of_a_pending_scan_have_no_verdict_or_are_404_by_switch(client: Client) -> None:
    ref = client.start_v4()
    body = data(client, ref)
    assert body["transaction"]["status"] == "PENDING"
    assert body["document"] == {}
    assert "verification" not in body
    client.sandbox.set_defaults(pending_details="404")
    assert client.scan(ref, "/data").status_code == 404
    assert client.scan(ref).json()["status"] == "PENDING"


def test_a_technical_problem_leaves_the_scan_pending_for_ever(client: Client) -> None:
    ref = finish(client, "technical")
    client.sandbox.advance(30 * 86400)
    assert client.scan(ref).json()["status"] == "PENDING"


def test_images_are_listed_and_served(client: Client) -> None:
    ref = client.start_v4()
    assert client.scan(ref, "/images").status_code == 404
    client.act(ref, "complete", document={"type": "ID_CARD"})
    listed = client.scan(ref, "/images").json()["images"]
    assert [item["classifier"] for item in listed] == ["front", "back", "face"]
    want = {"Accept": "image/jpeg, image/png"}
    for item in listed:
        path = item["href"].removeprefix(client.url)
        answer = client.v4("GET", path, headers=want)
        kind = answer.headers["Content-Type"]
        start = b"\xff\xd8\xff" if kind == "image/jpeg" else b"\x89PNG\r\n\x1a\n"
        assert kind in ("image/jpeg", "image/png")
        assert answer.content.startswith(start)
    assert client.v4("GET", f"{path}x", headers=want).status_code == 404
    assert client.v4("GET", path).status_code == 403


def test_a_single_image_is_listed_as_an_object(client: Client) -> None:
    ref = finish(client, "approve", workflowId=100)
    assert client.scan(ref, "/images").json()["images"]["classifier"] == "front"


def test_a_deleted_scan_is_gone(client: Client) -> None:
    ref = finish(client, "approve")
    path = f"/api/netverify/v2/scans/{ref}"
    assert client.v4("DELETE", path).status_code == 200
    for rest in ("", "/data", "/data/document", "/images"):
        assert client.scan(ref, rest).status_code == 404
    assert client.v4("DELETE", path).status_code == 404
    assert client.sandbox.transaction(ref)["deleted"] is True


def test_a_scan_deleted_before_its_end_sends_no_callback(
    client: Client, receiver: Receiver
) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    assert client.v4("DELETE", f"/api/netverify/v2/scans/{ref}").ok
    client.sandbox.advance(3600)
    client.sandbox.settle()
    assert receiver.got == []


def test_an_unknown_reference_is_404(client: Client) -> None:
    for rest in ("", "/data", "/images"):
        assert client.scan(str(uuid4()), rest).status_code == 404
    # The other generation's reference is just as unknown.
    assert client.scan(client.start_kyx()[1]).status_code == 404


@pytest.mark.parametrize("kind", ["acceptedIdTypes", "supportedIdTypes"])
def test_id_types_have_the_documented_shape(client: Client, kind: str) -> None:
    body = client.v4("GET", f"/api/netverify/v2/{kind}").json()
    assert set(body) == {"timestamp", kind}
    entry = body[kind][0]
    assert set(entry) == {"countryCode", "countryName", "idTypes"}
    assert set(entry["idTypes"][0]) == {"idType", "acquisitionConfig"}
    assert set(entry["idTypes"][0]["acquisitionConfig"]) == {"backSide"}


def test_partly_known_dates_are_padded_and_their_parts_told(
    client: Client, receiver: Receiver
) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    client.act(ref, "complete", document={"date_of_birth": "1990", "issuing_date": "2020-03"})
    paper = data(client, ref)["document"]
    assert (paper["dob"], paper["dateOfBirthParts"]) == ("1990-01-01", {"year": "1990"})
    assert paper["issuingDate"] == "2020-03-01"
    assert paper["issuingDateParts"] == {"year": "2020", "month": "03"}
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert (form["idDob"], form["originDob"]) == ("1990-01-01", "1990//")
    assert json.loads(form["dateOfBirthParts"]) == {"year": "1990"}


def test_unread_fields_are_left_out_and_unusual_names_survive(
    client: Client, receiver: Receiver
) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    paper = {"number": "", "first_name": "N/A", "last_name": "Žofia + 𠮷田 %20", "expiry": "N/A"}
    client.act(ref, "complete", document=paper)
    body = data(client, ref)["document"]
    assert "number" not in body
    assert (body["firstName"], body["lastName"]) == ("N/A", "Žofia + 𠮷田 %20")
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert "idNumber" not in form
    assert (form["idLastName"], form["idExpiry"]) == ("Žofia + 𠮷田 %20", "N/A")


def test_presets_shape_the_document(client: Client, receiver: Receiver) -> None:
    preset = {"index": 1, "country": "DEU", "type": "DRIVING_LICENSE"}
    ref = finish(client, "approve", presets=[preset], callbackUrl=receiver.url)
    paper = data(client, ref)["document"]
    assert (paper["issuingCountry"], paper["type"]) == ("DEU", "DRIVING_LICENSE")
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert (form["presetCountry"], form["presetIdType"]) == ("DEU", "DRIVING_LICENSE")
