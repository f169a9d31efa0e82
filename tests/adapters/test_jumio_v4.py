"""The provider type ``Jumio`` (Netverify v4)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
import requests_mock

from flask_idverify.adapters.jumio.v4 import JumioV4
from flask_idverify.adapters.jumio.v4_mapping import outcome_of
from flask_idverify.errors import VendorProtocolError
from flask_idverify.types import Hint, Outcome

from ..adapter_bench import START, TOKEN, TRANSPORT, Wire, load
from ..adapter_cases import AdapterCases

BASE = "https://lon.netverify.com"
SCAN = "3e5b9a0c-6f1d-4c1e-9a44-7d0b5e2c8f10"
FORM = "application/x-www-form-urlencoded"


def callback(**fields: str) -> bytes:
    usual = {
        "callBackType": "NETVERIFYID",
        "jumioIdScanReference": SCAN,
        "verificationStatus": "APPROVED_VERIFIED",
        "idFirstName": "LENA MARIE",
        "callbackDate": "2031-05-04T09:19:02Z",
        "merchantIdScanReference": "vt_payload01",
    }
    return urlencode({**usual, **fields}).encode()


class TestJumioV4(AdapterCases):
    kind = "Jumio"
    folder = "jumio_v4"
    endpoint = BASE
    start_url = f"{BASE}/api/v4/initiate"
    scan = SCAN
    start_needs: ClassVar[list[tuple[str, ...]]] = [("transactionReference",), ("redirectUrl",)]
    link_path = ("redirectUrl",)
    locale_path = ("locale",)

    def start_answer(self) -> dict[str, Any]:
        return {
            "timestamp": "2031-05-04T09:12:30.512Z",
            "transactionReference": SCAN,
            "redirectUrl": f"https://e.netverify.com/web/v4/app?locale=de&authorizationToken={TOKEN}",
        }

    def status_url(self) -> str:
        return f"{BASE}/api/netverify/v2/scans/{SCAN}"

    def details_url(self) -> str:
        return f"{self.status_url()}/data"

    def picture_url(self, name: str) -> str:
        return f"{self.status_url()}/images/{name}"

    def serve_pictures(self, wire: Wire) -> None:
        # The list's own addresses lead elsewhere, and are not asked.
        listed = [
            {"classifier": name, "href": f"https://evil.example/{name}"}
            for name in ("face", "front", "facemap")
        ]
        wire.mock.get(f"{self.status_url()}/images", json={"scanReference": SCAN, "images": listed})

    def outcome(self, payload: dict[str, Any], details: Any) -> Outcome:
        return outcome_of(details, workflow_id=payload["facts"]["workflow_id"])

    def good_callback(self) -> tuple[bytes, str]:
        return callback(), FORM

    def verdict_paths(self, details: Any) -> list[tuple[Any, ...]]:
        face = ("verification", "identityVerification")
        return [("document", "status"), (*face, "similarity"), (*face, "validity")]

    def test_the_start_says_what_the_reference_says(self, w: Wire) -> None:
        w.adapter.start(START)
        assert w.mock.request_history[0].json() == {
            "customerInternalReference": "vt_payload01",
            "userReference": "vu_payload01",
            "workflowId": 200,
            "tokenLifetimeInMinutes": 30,
            "successUrl": START.success_url,
            "errorUrl": START.error_url,
            "callbackUrl": START.callback_url,
            "locale": "de",
            "presets": [{"index": 1, "country": "AUT", "type": "PASSPORT"}],
        }
        assert w.mock.request_history[0].headers["Authorization"].startswith("Basic ")

    def test_options_reach_the_wire(self, w: Wire) -> None:
        adapter = self.make(
            workflow_id=101,
            locale="fr",
            token_lifetime="90",
            preset="none",
            reporting_criteria="signup",
        )
        started = adapter.start(replace(START, locale="tlh"))
        sent = w.mock.request_history[0].json()
        assert sent["workflowId"] == 101
        assert sent["locale"] == "fr"
        assert sent["tokenLifetimeInMinutes"] == 90
        assert sent["reportingCriteria"] == "signup"
        assert "presets" not in sent
        assert started.facts == {"workflow_id": 101}

    @pytest.mark.parametrize(("id_type", "country"), [(None, "AUT"), ("passport", None)])
    def test_half_a_preset_is_none(self, w: Wire, id_type: str | None, country: str | None) -> None:
        w.adapter.start(replace(START, id_type=id_type, country=country))
        assert "presets" not in w.mock.request_history[0].json()

    def test_long_success_urls_are_taken(self, w: Wire) -> None:
        url = "https://id.example.com/" + "x" * 2000
        w.adapter.start(replace(START, success_url=url))
        assert w.mock.request_history[0].json()["successUrl"] == url

    def test_id_only_is_four_checks_and_face_is_six(self) -> None:
        assert len(JumioV4.default_checks({"workflow_id": "100"})) == 4
        assert len(JumioV4.default_checks({"workflow_id": 102})) == 4
        assert len(JumioV4.default_checks({"workflow_id": "201"})) == 6
        assert len(JumioV4.default_checks({})) == 6

    def test_what_a_policy_requires_is_not_approved_without(self, w: Wire) -> None:
        payload = load(self.folder)["approved-id-only"]
        self.serve(w, payload)
        request = replace(self.request(payload), required_checks=frozenset({"liveness"}))
        outcome = w.adapter.fetch(request)
        assert outcome.status == "in_review"
        assert outcome.reasons == ("checks_missing",)
        assert not outcome.waivable

    def test_credentials_are_tried_without_a_transaction(self, w: Wire) -> None:
        w.mock.get(f"{BASE}/api/netverify/v2/acceptedIdTypes", status_code=500)
        w.mock.get(re.compile(f"{BASE}/api/netverify/v2/scans/[0-9a-f-]+$"), status_code=404)
        (step,) = w.adapter.check()
        assert (step.name, step.ok) == ("credentials", True)

    @pytest.mark.parametrize(
        ("answer", "accepted"),
        [
            ({"json": {"message": "No such scan"}}, True),
            ({"text": ""}, True),
            ({"text": "<!doctype html><h1>Not Found</h1>"}, False),
            ({"text": "404 page not found"}, False),
            ({"text": '["nothing here"]'}, False),
        ],
    )
    def test_web_servers_404_does_not_prove_the_credentials(
        self, w: Wire, answer: dict[str, Any], accepted: bool
    ) -> None:
        w.mock.get(requests_mock.ANY, status_code=404, **answer)
        (step,) = w.adapter.check()
        assert step.ok is accepted
        assert ("no API at this address" in step.message) is not accepted

    @pytest.mark.parametrize(
        ("fields", "hint", "problem"),
        [
            ({"callBackType": "netverifyid"}, Hint.finished, None),
            ({"verificationStatus": "WHATEVER"}, Hint.finished, None),
            ({"callBackType": "NETVERIFY_AUTHENTICATION"}, Hint.unknown, "another"),
            ({"jumioIdScanReference": ""}, Hint.finished, "jumioIdScanReference"),
        ],
    )
    def test_callbacks_of_this_product_mean_finished(
        self, fields: dict[str, str], hint: Hint, problem: str | None
    ) -> None:
        found = JumioV4.parse_callback(callback(**fields), FORM)
        assert found.hint is hint
        assert problem is None if found.problem is None else (problem or "-") in found.problem

    def test_field_names_are_read_without_regard_to_case(self) -> None:
        body = callback().replace(b"callBackType", b"callbackType")
        assert JumioV4.parse_callback(body, FORM).vendor_reference == SCAN

    def test_a_callback_names_our_reference(self) -> None:
        assert JumioV4.parse_callback(callback(), FORM).reference == "vt_payload01"

    def test_a_callback_with_thousands_of_fields_is_not_read(self) -> None:
        found = JumioV4.parse_callback(callback() + b"&a=1" * 1000, FORM)
        assert found.problem is not None

    def test_a_status_without_a_word_is_a_protocol_error(self, w: Wire) -> None:
        w.mock.get(self.status_url(), json={"scanReference": SCAN, "status": 7})
        with pytest.raises(VendorProtocolError):
            w.adapter.fetch(self.request())

    def test_details_that_still_say_pending_leave_the_attempt_open(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        payload["details"]["transaction"]["status"] = "PENDING"
        self.serve(w, payload)
        assert w.adapter.fetch(self.request(payload)).status == "started"

    @pytest.mark.parametrize(
        ("listed", "names"),
        [
            ({"images": {"classifier": "front", "href": "x"}}, ("front",)),
            ({"images": [{"classifier": "BACK"}, {"classifier": 7}, None, "face"]}, ("back",)),
            ({"livenessImages": ["b", "a"]}, ("liveness_1", "liveness_2")),
            ({"livenessImages": ["x"] * 50}, tuple(f"liveness_{n}" for n in range(1, 7))),
            ({}, ()),
        ],
    )
    def test_any_shape_of_the_list_of_pictures_is_read(
        self, w: Wire, listed: dict[str, Any], names: tuple[str, ...]
    ) -> None:
        w.mock.get(f"{self.status_url()}/images", json={"scanReference": SCAN, **listed})
        assert w.adapter.images(self.request()) == names

    def test_pictures_of_another_transaction_are_refused(self, w: Wire) -> None:
        other = {"scanReference": "00000000-0000-4000-8000-000000000000", "images": []}
        w.mock.get(f"{self.status_url()}/images", json=other)
        with pytest.raises(VendorProtocolError, match="another"):
            w.adapter.images(self.request())

    def test_a_moment_of_liveness_is_asked_for_by_its_number(self, w: Wire) -> None:
        png: dict[str, Any] = {
            "content": b"\x89PNG\r\n\x1a\n",
            "headers": {"Content-Type": "image/png"},
        }
        asked = w.mock.get(f"{self.status_url()}/images/liveness/2", **png)
        w.adapter.image(self.request(), "liveness_2")
        assert asked.call_count == 1

    def test_transport_is_shared(self) -> None:
        assert self.make().transport is TRANSPORT
