"""The provider type ``Jumio Platform`` (KYX)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
import requests_mock

from flask_idverify.adapters.jumio.hosts import Hosts
from flask_idverify.adapters.jumio.platform import JumioPlatform
from flask_idverify.adapters.jumio.platform_mapping import outcome_of
from flask_idverify.adapters.jumio.platform_parts import parts_of
from flask_idverify.claims import Consent
from flask_idverify.clock import now
from flask_idverify.errors import (
    ConsentMissing,
    VendorProtocolError,
    VendorRecordMissing,
    VendorRefused,
)
from flask_idverify.states import Status
from flask_idverify.types import Hint, Outcome

from ..adapter_bench import START, TOKEN, Wire, changed, load
from ..adapter_cases import AdapterCases

SCAN = "3e5b9a0c-6f1d-4c1e-9a44-7d0b5e2c8f10"
ACCOUNT = "b7c1f2d4-0a3e-4f5b-8c6d-1e2f3a4b5c6d"
AUTH = "https://auth.emea-1.jumio.ai/oauth2/token"
ACCOUNTS = "https://account.emea-1.jumio.ai/api/v1/accounts"
HEALTH = "https://status.emea-1.jumio.ai"
EXECUTION = (
    f"https://retrieval.emea-1.jumio.ai/api/v1/accounts/{ACCOUNT}/workflow-executions/{SCAN}"
)

CREDENTIALS = {
    "front": "c1a4f6d0-0b6e-4a0e-8f7d-1a2b3c4d5e01",
    "face": "c1a4f6d0-0b6e-4a0e-8f7d-1a2b3c4d5e02",
}

#: Section 5.7, label by label: capability, label, overall decision, status, reason, retryable.
DECLINED, RETRY, REVIEW = ("rejected", False), ("rejected", True), ("in_review", False)
TABLE = [
    *(
        ("usability", name, "REJECTED", RETRY, "document_unreadable")
        for name in (
            "BLURRED",
            "GLARE",
            "BAD_QUALITY",
            "BAD_QUALITY_IMAGE",
            "DAMAGED_DOCUMENT",
            "BLACK_WHITE",
            "MISSING_MANDATORY_DATAPOINTS",
        )
    ),
    *(
        ("usability", name, "REJECTED", RETRY, "document_incomplete")
        for name in ("PART_OF_DOCUMENT_MISSING", "PART_OF_DOCUMENT_HIDDEN", "MISSING_PAGE")
    ),
    ("imageChecks", "SAMPLE", "REJECTED", DECLINED, "document_sample"),
    ("imageChecks", "FAILED", "REJECTED", DECLINED, "document_rejected"),
    ("imageChecks", "DIGITAL_MANIPULATION", "REJECTED", DECLINED, "document_manipulated"),
    ("imageChecks", "MANIPULATED_DOCUMENT", "REJECTED", DECLINED, "document_manipulated"),
    *(
        (
            "imageChecks",
            f"MANIPULATED_DOCUMENT_{name}",
            "REJECTED",
            DECLINED,
            "document_manipulated",
        )
        for name in (
            "PHOTO",
            "DOCUMENT_NUMBER",
            "EXPIRY",
            "DOB",
            "NAME",
            "ADDRESS",
            "SECURITY_CHECKS",
            "SIGNATURE",
            "PERSONAL_NUMBER",
            "PLACE_OF_BIRTH",
            "GENDER",
            "ISSUING_DATE",
            "SOMETHING_NEW",
        )
    ),
    ("dataChecks", "MISMATCH_HRZ_MRZ_DATA", "REJECTED", DECLINED, "document_data_mismatch"),
    *(
        ("liveness", name, "REJECTED", DECLINED, "selfie_spoof")
        for name in ("ID_USED_AS_SELFIE", "DIGITAL_COPY", "PHOTOCOPY", "MANIPULATED")
    ),
    *(
        ("liveness", name, "REJECTED", RETRY, "selfie_unusable")
        for name in ("NO_FACE_PRESENT", "FACE_NOT_FULLY_VISIBLE", "BLACK_WHITE")
    ),
    *(
        ("watchlistScreening", name, "WARNING", REVIEW, "screening_not_done")
        for name in (
            "NOT_ENOUGH_DATA",
            "VALIDATION_FAILED",
            "INVALID_MERCHANT_SETTINGS",
            "EXTRACTION_NOT_DONE",
            "NO_VALID_ID_CREDENTIAL",
            "TECHNICAL_ERROR",
        )
    ),
]


class TestJumioPlatform(AdapterCases):
    kind = "Jumio Platform"
    folder = "jumio_platform"
    endpoint = "https://emea-1.jumio.ai"
    start_url = ACCOUNTS
    scan = SCAN
    account_id = ACCOUNT
    start_needs: ClassVar[list[tuple[str, ...]]] = [
        ("account",),
        ("account", "id"),
        ("workflowExecution",),
        ("workflowExecution", "id"),
        ("web",),
        ("web", "href"),
    ]
    link_path = ("web", "href")
    locale_path = ("web", "locale")

    def prepare(self, mock: requests_mock.Mocker) -> None:
        mock.post(AUTH, json={"access_token": "demo.access.token", "expires_in": 3600})
        mock.get(HEALTH, json={"status": "UP"})

    def start_answer(self) -> dict[str, Any]:
        href = f"https://e.web.emea-1.jumio.ai/web/v4/app?authorizationToken={TOKEN}&locale=de"
        return {
            "timestamp": "2031-05-04T09:12:31.007Z",
            "account": {"id": ACCOUNT},
            "web": {"href": href, "successUrl": START.success_url},
            "sdk": {"token": TOKEN},
            "workflowExecution": {
                "id": SCAN,
                "credentials": [{"id": "c1a4", "category": "ID", "api": {"token": TOKEN}}],
            },
        }

    def status_url(self) -> str:
        return f"{EXECUTION}/status"

    def details_url(self) -> str:
        return EXECUTION

    def account_url(self) -> str:
        return EXECUTION.partition("/workflow-executions")[0]

    def picture_url(self, name: str) -> str:
        return f"{self.account_url()}/credentials/{CREDENTIALS[name]}/parts/{name.upper()}"

    def serve_pictures(self, wire: Wire) -> None:
        details = load(self.folder)["approved"]["details"]
        # Their own addresses lead elsewhere, and are not asked.
        details["credentials"] = [
            {
                "id": key,
                "category": "SELFIE" if name == "face" else "ID",
                "parts": [{"classifier": name.upper(), "href": f"https://evil.example/{name}"}],
            }
            for name, key in reversed(CREDENTIALS.items())
        ]
        facemap = {"category": "FACEMAP", "id": "c3", "parts": [{"classifier": "FACEMAP"}]}
        details["credentials"].append(facemap)
        wire.mock.get(self.details_url(), json=details)

    def outcome(self, payload: dict[str, Any], details: Any) -> Outcome:
        return outcome_of(details, status=payload["status"]["workflowExecution"]["status"])

    def good_callback(self) -> tuple[bytes, str]:
        return self.callback(), "application/json"

    def callback(self, status: Any = "PROCESSED", **execution: Any) -> bytes:
        href = EXECUTION.replace(f"/accounts/{ACCOUNT}", "")
        return json.dumps(
            {
                "callbackSentAt": "2031-05-04T09:18:55.640Z",
                "workflowExecution": {"id": SCAN, "status": status, "href": href, **execution},
                "account": {"id": ACCOUNT},
            }
        ).encode()

    def verdict_paths(self, details: Any) -> list[tuple[Any, ...]]:
        required = ("imageChecks", "extraction", "dataChecks", "liveness", "similarity")
        entries = [("capabilities", name) for name in required]
        types = [(*entry, 0, "decision", "type") for entry in entries]
        labels = [(*entry, 0, "decision", "details", "label") for entry in entries]
        # A label that is left out does not deny a PASSED; one that says something else does.
        assert all(self.is_not_approved(details, path, "NO") for path in labels)
        return [("decision",), ("decision", "type"), ("capabilities",), *entries, *types]

    def is_not_approved(self, details: Any, path: tuple[Any, ...], put: Any) -> bool:
        return outcome_of(changed(details, path, put)).status is not Status.approved

    @pytest.mark.parametrize(
        ("capability", "label", "overall", "landing", "reason"),
        TABLE,
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_each_label_lands_where_the_table_says(
        self, capability: str, label: str, overall: str, landing: tuple[str, bool], reason: str
    ) -> None:
        details = load(self.folder)["approved"]["details"]
        kind = overall if overall == "REJECTED" else "NOT_EXECUTED"
        details["capabilities"][capability] = [
            {"decision": {"type": kind, "details": {"label": label}}}
        ]
        details["decision"]["type"] = overall
        outcome = outcome_of(details)
        assert (outcome.status, outcome.retryable) == landing
        assert outcome.reasons[0] == reason

    def test_the_start_says_what_the_reference_says(self, w: Wire) -> None:
        w.adapter.start(START)
        token, start = w.mock.request_history
        assert token.text == "grant_type=client_credentials"
        assert token.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert token.headers["Authorization"].startswith("Basic ")
        assert start.headers["Authorization"] == "Bearer demo.access.token"
        assert start.json() == {
            "customerInternalReference": "vt_payload01",
            "userReference": "vu_payload01",
            "workflowDefinition": {
                "key": 10011,
                "credentials": [
                    {
                        "category": "ID",
                        "country": {"predefinedType": "RECOMMENDED", "values": ["AUT"]},
                        "type": {"predefinedType": "RECOMMENDED", "values": ["PASSPORT"]},
                    }
                ],
            },
            "callbackUrl": START.callback_url,
            "tokenLifetime": "30m",
            "web": {
                "successUrl": START.success_url,
                "errorUrl": START.error_url,
                "locale": "de",
            },
            "userConsent": {
                "userIp": "203.0.113.24",
                "userLocation": {"country": "AUT"},
                "consent": {"obtained": "yes", "obtainedAt": "2026-01-02T00:00:00.000Z"},
            },
        }

    def test_options_reach_the_wire(self, w: Wire) -> None:
        adapter = self.make(
            workflow_key="team-key",
            locale="fr",
            token_lifetime=60,
            preset="claim_fixed",
            reporting_criteria="signup",
        )
        started = adapter.start(replace(START, locale="sw"))
        sent = w.mock.request_history[-1].json()
        assert sent["workflowDefinition"]["key"] == "team-key"
        predefined = sent["workflowDefinition"]["credentials"][0]["country"]["predefinedType"]
        assert predefined == "DEFINED"
        assert sent["web"]["locale"] == "fr"
        assert sent["tokenLifetime"] == "60m"
        assert sent["reportingCriteria"] == "signup"
        assert started.facts == {"workflow_key": "team-key"}

    def test_without_consent_nothing_is_sent(self, w: Wire) -> None:
        old = Consent(ip="203.0.113.24", country="AUT", obtained_at=now() - timedelta(days=1100))
        timeless = Consent(ip="203.0.113.24", country="USA", state="IL")
        for consent in (None, old, timeless):
            with pytest.raises(ConsentMissing):
                w.adapter.start(replace(START, consent=consent))
        assert w.mock.request_history == []

    def test_the_state_is_told_where_it_matters(self, w: Wire) -> None:
        at = datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=timezone(timedelta(hours=2)))
        consent = Consent(ip="203.0.113.24", country="USA", state="IL", obtained_at=at)
        w.adapter.start(replace(START, consent=consent))
        assert w.mock.request_history[-1].json()["userConsent"] == {
            "userIp": "203.0.113.24",
            "userLocation": {"country": "USA", "state": "IL"},
            "consent": {"obtained": "yes", "obtainedAt": "2026-03-04T03:06:07.089Z"},
        }
        elsewhere = Consent(ip="203.0.113.24", country="AUT", state="Wien")
        w.adapter.start(replace(START, consent=elsewhere))
        sent = w.mock.request_history[-1].json()["userConsent"]
        assert sent == {"userIp": "203.0.113.24", "userLocation": {"country": "AUT"}}

    def test_a_returning_user_keeps_their_account(self, w: Wire) -> None:
        w.mock.put(f"{ACCOUNTS}/{ACCOUNT}", json=self.start_answer())
        assert w.adapter.start(replace(START, account_id=ACCOUNT)).account_id == ACCOUNT
        assert w.sent("POST", "/api/v1/accounts") == []

    def test_an_account_that_is_gone_is_made_anew(self, w: Wire) -> None:
        w.mock.put(f"{ACCOUNTS}/{ACCOUNT}", status_code=404)
        w.adapter.start(replace(START, account_id=ACCOUNT))
        assert len(w.sent("PUT", "/api/v1/accounts")) == 1
        assert len(w.sent("POST", "/api/v1/accounts")) == 1

    def test_any_other_trouble_with_the_account_starts_nothing_else(self, w: Wire) -> None:
        w.mock.put(f"{ACCOUNTS}/{ACCOUNT}", status_code=500)
        with pytest.raises(Exception, match="500"):
            w.adapter.start(replace(START, account_id=ACCOUNT))
        assert w.sent("POST", "/api/v1/accounts") == []

    def test_a_token_is_renewed_once_after_a_401(self, w: Wire) -> None:
        tokens = w.mock.post(
            AUTH, [{"json": {"access_token": f"token-{n}", "expires_in": 3600}} for n in range(3)]
        )
        starts = w.mock.post(ACCOUNTS, [{"status_code": 401}, {"json": self.start_answer()}])
        w.adapter.start(START)
        assert tokens.call_count == 2
        used = [request.headers["Authorization"] for request in starts.request_history]
        assert used == ["Bearer token-0", "Bearer token-1"]

    def test_a_second_401_is_final(self, w: Wire) -> None:
        starts = w.mock.post(ACCOUNTS, status_code=401)
        with pytest.raises(VendorRefused):
            w.adapter.start(START)
        assert starts.call_count == 2

    def test_a_token_serves_many_calls(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        self.serve(w, payload)
        w.adapter.start(START)
        w.adapter.fetch(self.request(payload))
        w.adapter.fetch(self.request(payload))
        assert len(w.sent("POST", "/oauth2/token")) == 1

    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            ("INITIATED", Hint.started),
            ("ACQUISITION_STARTED", Hint.started),
            ("ACQUIRED", Hint.captured),
            ("PROCESSED", Hint.finished),
            ("SESSION_EXPIRED", Hint.finished),
            ("TOKEN_EXPIRED", Hint.finished),
            ("THINKING", Hint.unknown),
            (7, Hint.unknown),
        ],
    )
    def test_each_callback_status_is_its_hint(self, status: Any, hint: Hint) -> None:
        found = JumioPlatform.parse_callback(self.callback(status), "application/json")
        assert (found.hint, found.problem) == (hint, None)

    def test_an_empty_execution_id_is_read_from_the_address(self) -> None:
        found = JumioPlatform.parse_callback(self.callback(id=""), "application/json")
        assert found.vendor_reference == SCAN

    def test_a_status_about_something_else_is_refused(self, w: Wire) -> None:
        executions: list[Any] = [{"id": ACCOUNT, "status": "PROCESSED"}, {"id": SCAN}, []]
        for execution in executions:
            w.mock.get(self.status_url(), json={"workflowExecution": execution})
            with pytest.raises(VendorProtocolError):
                w.adapter.fetch(self.request())

    def test_details_of_another_account_are_refused(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        payload["details"]["account"]["id"] = SCAN
        self.serve(w, payload)
        with pytest.raises(VendorProtocolError):
            w.adapter.fetch(self.request(payload))

    def test_details_that_are_behind_leave_the_attempt_open(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        payload["details"]["workflow"]["status"] = "ACQUIRED"
        self.serve(w, payload)
        assert w.adapter.fetch(self.request(payload)).status is Status.processing

    def test_a_wiped_result_is_a_missing_record(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        payload["details"] |= {"wipedOutAt": "2031-06-04T09:18:54.902Z", "capabilities": {}}
        self.serve(w, payload)
        with pytest.raises(VendorRecordMissing, match="wiped"):
            w.adapter.fetch(self.request(payload))

    def test_the_latest_passed_extraction_of_an_id_is_the_document(self) -> None:
        details = load(self.folder)["approved"]["details"]

        def extraction(kind: str, category: str, name: str) -> dict[str, Any]:
            return {
                "decision": {"type": kind, "details": {"label": "OK"}},
                "credentials": [{"category": category}],
                "data": {"firstName": name},
            }

        details["capabilities"]["extraction"] = [
            extraction("PASSED", "ID", "FIRST"),
            extraction("PASSED", "ID", "SECOND"),
            extraction("PASSED", "DOCUMENT", "BILL"),
            extraction("NOT_EXECUTED", "ID", "OTHER"),
        ]
        document = outcome_of(details).document
        assert document is not None
        assert document.first_name == "SECOND"

    def test_any_shape_of_credentials_is_read(self) -> None:
        def listed(*parts: Any, key: Any = "c1") -> list[Any]:
            return [{"id": key, "parts": list(parts)}]

        front = {"classifier": "FRONT", "href": "x"}
        assert parts_of(listed(front, {"classifier": "LIVENESS_6", "href": "x"})) == {
            "front": ("c1", "FRONT"),
            "liveness_6": ("c1", "LIVENESS_6"),
        }
        assert parts_of(listed(front) + listed(front, key="c2")) == {"front": ("c1", "FRONT")}
        odd: list[Any] = [None, "", 7, [], {}, [None], [{"id": "c1"}], [{"id": "c1", "parts": 7}]]
        odd += [listed(front, key=bad) for bad in (None, 7, "../x", "a/b", "")]
        odd += [listed(part) for part in (None, {"classifier": "FRONT"}, {"classifier": "../x"})]
        for credentials in odd:
            assert parts_of(credentials) == {}

    def test_a_wiped_result_has_no_pictures(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        payload["details"]["credentials"] = [{"id": "c1", "category": "ID"}]
        self.serve(w, payload)
        assert w.adapter.images(self.request()) == ()
        with pytest.raises(VendorRecordMissing):
            w.adapter.image(self.request(), "front")

    def test_a_degraded_vendor_is_named(self, w: Wire) -> None:
        w.mock.get(requests_mock.ANY, status_code=404)
        w.mock.get(
            HEALTH,
            json={"status": "DEGRADED", "details": {"web": "DOWN", "api": "UP", "x": "DOWN"}},
        )
        step = w.adapter.check()[-1]
        assert (step.name, step.ok) == ("health", True)
        assert step.message == "The vendor reports: DEGRADED, web DOWN."
        w.mock.get(HEALTH, json={"status": "DOWN"})
        assert not w.adapter.check()[-1].ok
        health = [one for one in w.mock.request_history if one.url.startswith(HEALTH)]
        assert all("Authorization" not in one.headers for one in health)

    def test_a_refused_token_ends_the_check_of_credentials(self, w: Wire) -> None:
        w.mock.post(AUTH, status_code=401)
        assert [step.name for step in w.adapter.check()] == ["token", "health"]

    @pytest.mark.parametrize(
        ("endpoint", "auth"),
        [
            ("https://amer-1.jumio.ai", "https://auth.amer-1.jumio.ai"),
            ("https://account.apac-1.jumio.ai", "https://auth.apac-1.jumio.ai"),
            ("https://gateway.example.com/jumio", "https://gateway.example.com/jumio"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("https://xamer-1.jumio.ai", "https://xamer-1.jumio.ai"),
        ],
    )
    def test_a_data_centre_spreads_over_its_hosts(self, endpoint: str, auth: str) -> None:
        assert Hosts.of(endpoint).auth == auth
