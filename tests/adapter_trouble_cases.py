"""What every adapter promises when the vendor or the network is in trouble."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests
import requests_mock

from flask_idverify.clock import now
from flask_idverify.errors import (
    SandboxRefused,
    VendorBusy,
    VendorError,
    VendorProtocolError,
    VendorRejectedRequest,
    VendorUnavailable,
)
from flask_idverify.states import Status
from flask_idverify.types import Exchange

from .adapter_bench import (
    BROKEN_BODIES,
    FAILURES,
    SECRET,
    SECRETS,
    START,
    TOKEN,
    TRANSPORT,
    AdapterBench,
    Wire,
    load,
)


class TroubleCases(AdapterBench):
    """What every adapter promises when the vendor or the network is in trouble."""

    @pytest.mark.parametrize(("status", "error"), FAILURES)
    def test_each_refusal_is_its_own_error_with_the_vendors_words(
        self, w: Wire, status: int, error: type[VendorError]
    ) -> None:
        said = f"Nope {TOKEN} {SECRET} for 203.0.113.24 " + "and on " * 100
        w.mock.post(self.start_url, status_code=status, json={"title": "T", "detail": said})
        with pytest.raises(error) as caught:
            w.adapter.start(START)
        assert type(caught.value) is error
        assert caught.value.status == status
        assert str(status) in str(caught.value)
        assert caught.value.detail.startswith("T: Nope")
        assert len(caught.value.detail) <= 300
        assert not [secret for secret in SECRETS if secret in caught.value.detail]

    @pytest.mark.parametrize("body", ["plain words", "<html><h1>plain words</h1></html>", "[1]"])
    def test_error_bodies_of_any_kind_are_told(self, w: Wire, body: str) -> None:
        w.mock.post(self.start_url, status_code=400, text=body)
        with pytest.raises(VendorRejectedRequest) as caught:
            w.adapter.start(START)
        assert "plain words" in caught.value.detail or body == "[1]"
        assert "<" not in caught.value.detail

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirects_are_not_followed(self, w: Wire, status: int) -> None:
        elsewhere = w.mock.get("https://evil.example/", json={})
        posted = w.mock.post("https://evil.example/", json={})
        moved: dict[str, Any] = {
            "status_code": status,
            "headers": {"Location": "https://evil.example/"},
        }
        w.mock.post(self.start_url, **moved)
        w.mock.get(self.status_url(), **moved)
        for ask in (lambda: w.adapter.start(START), lambda: w.adapter.fetch(self.request())):
            with pytest.raises(VendorProtocolError, match="redirect"):
                ask()
        assert not elsewhere.called
        assert not posted.called

    @pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES.keys())
    def test_anything_but_a_json_object_is_a_protocol_error(self, w: Wire, body: bytes) -> None:
        w.mock.post(self.start_url, content=body)
        w.mock.get(self.status_url(), content=body)
        for ask in (lambda: w.adapter.start(START), lambda: w.adapter.fetch(self.request())):
            with pytest.raises(VendorProtocolError):
                ask()

    def test_oddities_beside_what_is_needed_do_no_harm(self, w: Wire) -> None:
        deep = "[" * 60 + "]" * 60
        odd = f'"odd": {{"deep": {deep}, "long": {"9" * 5000}, "none": NaN, "far": 1e999}}, '
        payload = load(self.folder)["approved"]

        def oddly(value: Any) -> str:
            return "{" + odd + json.dumps(value)[1:]

        w.mock.post(self.start_url, text=oddly(self.start_answer()))
        w.mock.get(self.status_url(), text=oddly(payload["status"]))
        w.mock.get(self.details_url(), text=oddly(payload["details"]))
        json.dumps(w.adapter.start(START).answer, allow_nan=False)
        assert w.adapter.fetch(self.request(payload)).status is Status.approved

    def test_reading_is_repeated_while_the_vendor_is_out(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        self.serve(w, payload)
        out: list[Any] = [
            {"status_code": 503},
            {"exc": requests.exceptions.ConnectionError},
            {"status_code": 429, "headers": {"Retry-After": "7"}},
            {"json": payload["status"]},
        ]
        w.mock.get(self.status_url(), out)
        assert w.adapter.fetch(self.request(payload)).status is Status.approved
        first, second, third = w.slept
        assert 0.25 <= first <= 0.75
        assert 0.5 <= second <= 1.5
        assert third == 7.0

    def test_reading_gives_up_after_the_configured_repetitions(self, w: Wire) -> None:
        w.mock.get(self.status_url(), status_code=500)
        with pytest.raises(VendorUnavailable):
            w.adapter.fetch(self.request())
        assert len(w.slept) == 3

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_a_refusal_is_not_repeated(self, w: Wire, status: int) -> None:
        w.mock.get(self.status_url(), status_code=status)
        with pytest.raises(VendorError):
            w.adapter.fetch(self.request())
        assert w.slept == []

    def test_a_vendor_that_asks_for_long_patience_is_not_waited_for(self, w: Wire) -> None:
        later = (now() + timedelta(seconds=120)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        for asked, seconds in (("120", 120), (later, 120), ("11", 11)):
            w.mock.get(self.status_url(), status_code=429, headers={"Retry-After": asked})
            with pytest.raises(VendorBusy) as caught:
                w.adapter.fetch(self.request())
            assert caught.value.retry_after == pytest.approx(seconds, abs=3)
        assert w.slept == []

    def test_a_rate_limit_without_a_time_is_not_tried_again(self, w: Wire) -> None:
        asked = w.mock.get(self.status_url(), status_code=429)
        with pytest.raises(VendorBusy):
            w.adapter.fetch(self.request())
        assert asked.call_count == 1
        assert w.slept == []

    def test_the_meter_hears_of_every_exchange(self) -> None:
        heard: list[Exchange] = []
        with requests_mock.Mocker() as mock:
            wire = self.wire(mock, replace(TRANSPORT, meter=heard.append))
            wire.adapter.start(START)
            mock.get(self.status_url(), status_code=500)
            with pytest.raises(VendorUnavailable):
                wire.adapter.fetch(self.request())
            assert len(heard) == len(mock.request_history)
        told = [each.error and each.error.status for each in heard]
        assert told[-5:] == [None, 500, 500, 500, 500]
        assert all(each.with_credentials for each in heard)

    def test_a_sandbox_is_refused_unless_admitted(self) -> None:
        marked = {"X-IDVerify-Sandbox": "1"}
        with requests_mock.Mocker() as mock:
            wire = self.wire(mock)
            mock.post(self.start_url, json=self.start_answer(), headers=marked)
            mock.get(self.status_url(), status_code=404, headers=marked)
            for ask in (
                lambda: wire.adapter.start(START),
                lambda: wire.adapter.fetch(self.request()),
            ):
                with pytest.raises(SandboxRefused):
                    ask()
            admitted = self.wire(mock, replace(TRANSPORT, allow_sandbox=True))
            mock.post(self.start_url, json=self.start_answer(), headers=marked)
            assert admitted.adapter.start(START).vendor_reference == self.scan

    def test_no_secret_and_no_person_in_errors_reprs_and_logs(
        self, w: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        payload = load(self.folder)["approved"]
        self.serve(w, payload)
        seen = [repr(w.adapter), repr(w.adapter.account), repr(w.adapter.start(START))]
        seen.append(repr(w.adapter.fetch(self.request(payload))))
        said = f"{SECRET} {TOKEN} Bearer {TOKEN} 203.0.113.24 https://id.example.com/a?b={TOKEN}"
        for answer in (
            {"status_code": 403, "text": said},
            {"status_code": 500, "json": {"detail": said}},
            {"exc": requests.exceptions.ConnectionError(said)},
            {"exc": requests.exceptions.ReadTimeout(said)},
        ):
            w.mock.post(self.start_url, **answer)
            w.mock.get(self.status_url(), **answer)
            for ask in (lambda: w.adapter.start(START), lambda: w.adapter.fetch(self.request())):
                with pytest.raises(VendorError) as caught:
                    ask()
                error = caught.value
                seen += [repr(error), str(error), error.detail]
                assert error.__cause__ is None
                assert error.__context__ is None
        everything = "\n".join([*seen, caplog.text])
        assert not [secret for secret in SECRETS if secret in everything]
