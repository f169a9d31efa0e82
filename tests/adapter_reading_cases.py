"""What every adapter promises of reading results and notifications."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_idverify.adapters import Registry
from flask_idverify.errors import VendorProtocolError, VendorRecordMissing, VendorRejectedRequest
from flask_idverify.states import Status
from flask_idverify.types import Hint

from .adapter_bench import JSON, NOTHINGS, SLOW, AdapterBench, Wire, changed, load, paths


class ReadingCases(AdapterBench):
    """What every adapter promises of reading results and notifications."""

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "payload_name" in metafunc.fixturenames:
            metafunc.parametrize("payload_name", sorted(load(metafunc.cls.folder)))

    def test_every_payload_lands_where_the_reference_says(self, w: Wire, payload_name: str) -> None:
        payload = load(self.folder)[payload_name]
        self.serve(w, payload)
        outcome = w.adapter.fetch(self.request(payload))
        expect = payload["expect"]
        assert outcome.status == expect["status"]
        assert [str(reason) for reason in outcome.reasons] == expect["reasons"]
        assert outcome.retryable is expect["retryable"]
        if "checks" in expect:
            assert sorted(outcome.checks) == expect["checks"]
        if "warned" in expect:
            assert sorted(outcome.warned) == expect["warned"]
        if "waivable" in expect:
            assert outcome.waivable is expect["waivable"]
        if "related" in expect:
            assert list(outcome.related) == expect["related"]
        if "risk" in expect:
            assert outcome.risk == expect["risk"]
        if "severity" in expect:
            assert outcome.findings[0].severity.name == expect["severity"]

    def test_only_approved_payloads_carry_no_reason(self, w: Wire, payload_name: str) -> None:
        payload = load(self.folder)[payload_name]
        self.serve(w, payload)
        outcome = w.adapter.fetch(self.request(payload))
        ended = outcome.status not in (Status.started, Status.processing)
        assert bool(outcome.reasons) is (ended and outcome.status is not Status.approved)
        assert outcome.waivable is False or outcome.status is Status.in_review
        never = {"unknown_label", "watchlist_hit", "checks_missing", "screening_not_done"}
        assert not (outcome.waivable and never.intersection(outcome.reasons))
        assert list(outcome.findings) == sorted(outcome.findings, key=lambda one: one.severity)

    def test_our_reference_comes_back_with_the_result(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        self.serve(w, payload)
        outcome = w.adapter.fetch(self.request(payload))
        assert outcome.reference == "vt_payload01"
        assert outcome.completed_at is not None
        assert outcome.completed_at.tzinfo is not None
        assert outcome.document is not None
        assert outcome.document.to_dict() | {"address": ""} == {
            "type": "passport",
            "country": "AUT",
            "number": "U7301945",
            "first_name": "LENA MARIE",
            "last_name": "GRUBER",
            "date_of_birth": "1988-11-23",
            "expires_on": "2034-02-09",
            "issued_on": "2024-02-10",
            "gender": "F",
            "nationality": "AUT",
            "address": "",
        }

    def test_an_approval_has_passed_what_its_configuration_runs(self) -> None:
        adapter = self.make()
        payload = load(self.folder)["approved"]
        checks = self.outcome(payload, payload["details"]).checks
        assert checks >= adapter.default_checks(adapter.clean_options({}))

    def test_a_record_of_somebody_else_is_refused(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        foreign = json.loads(
            json.dumps(payload["details"]).replace(
                self.scan, "00000000-0000-4000-8000-000000000000"
            )
        )
        self.serve(w, payload | {"details": foreign})
        with pytest.raises(VendorProtocolError, match="another"):
            w.adapter.fetch(self.request(payload))

    def test_a_result_that_is_not_readable_yet_is_asked_for_again(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        self.serve(w, payload)
        missing = {"status_code": 404, "json": {"title": "Not Found"}}
        w.mock.get(self.details_url(), [missing, missing, {"json": payload["details"]}])
        assert w.adapter.fetch(self.request(payload)).status is Status.approved
        assert w.slept == [1.0, 3.0]

    def test_a_result_that_stays_away_is_a_missing_record(self, w: Wire) -> None:
        payload = load(self.folder)["approved"]
        self.serve(w, payload | {"details": None})
        with pytest.raises(VendorRecordMissing):
            w.adapter.fetch(self.request(payload))
        assert w.slept == [1.0, 3.0, 8.0]

    @pytest.mark.parametrize("bad", ["", "../../evil", "a/b", "a?b", "a b", "ä", "x" * 65, "%2e"])
    def test_only_an_id_gets_into_a_path(self, w: Wire, bad: str) -> None:
        for ask in (w.adapter.fetch, lambda request: w.adapter.erase(bad, request.account_id)):
            with pytest.raises(VendorRejectedRequest):
                ask(replace(self.request(), vendor_reference=bad))
        assert w.mock.request_history == []

    @settings(max_examples=70, deadline=None, suppress_health_check=SLOW)
    @given(data=st.data())
    def test_no_shape_of_a_result_crashes_the_reading(self, data: st.DataObject) -> None:
        payloads = load(self.folder)
        name = data.draw(st.sampled_from([key for key in payloads if payloads[key]["details"]]))
        details = payloads[name]["details"]
        path = data.draw(st.sampled_from(list(paths(details))))
        outcome = self.outcome(payloads[name], changed(details, path, data.draw(JSON)))
        for finding in outcome.findings:
            json.dumps(finding.to_dict()).encode()
        if outcome.document is not None:
            json.dumps(outcome.document.to_dict(), ensure_ascii=False).encode()

    @settings(max_examples=70, deadline=None, suppress_health_check=SLOW)
    @given(details=st.dictionaries(st.text(max_size=10), JSON, max_size=5))
    def test_garbage_is_never_approved(self, details: dict[str, Any]) -> None:
        payload = load(self.folder)["approved"]
        assert self.outcome(payload, details).status is not Status.approved

    @settings(max_examples=90, deadline=None, suppress_health_check=SLOW)
    @given(data=st.data())
    def test_a_negative_result_is_not_approved_by_changing_one_value(
        self, data: st.DataObject
    ) -> None:
        """Only a value that is itself part of an approval may make one."""
        payloads = load(self.folder)
        bad = [key for key in payloads if key.startswith(("fraud", "rejected"))]
        name = data.draw(st.sampled_from(bad))
        details = payloads[name]["details"]
        path = data.draw(st.sampled_from(list(paths(details))))
        noise = JSON.filter(lambda value: value not in ("PASSED", "OK", "MATCH", "true"))
        outcome = self.outcome(payloads[name], changed(details, path, data.draw(noise)))
        assert outcome.status is not Status.approved

    def test_every_part_of_the_verdict_is_needed_for_an_approval(self) -> None:
        payload = load(self.folder)["approved"]
        for path in self.verdict_paths(payload["details"]):
            for put in NOTHINGS:
                outcome = self.outcome(payload, changed(payload["details"], path, put))
                assert outcome.status is not Status.approved, (path, put)

    @settings(max_examples=90, deadline=None, suppress_health_check=SLOW)
    @given(body=st.binary(max_size=200), content_type=st.text(max_size=30))
    def test_no_bytes_crash_the_reading_of_a_callback(self, body: bytes, content_type: str) -> None:
        found = Registry().get(self.kind).parse_callback(body, content_type)
        assert found.problem is not None
        assert found.hint is Hint.unknown

    @settings(max_examples=90, deadline=None, suppress_health_check=SLOW)
    @given(data=st.data())
    def test_no_damage_to_a_callback_crashes_its_reading(self, data: st.DataObject) -> None:
        body, content_type = self.good_callback()
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, len(body)))
        damaged = body[:start] + data.draw(st.binary(max_size=10)) + body[end:]
        found = Registry().get(self.kind).parse_callback(damaged, content_type)
        assert found.problem or found.vendor_reference

    def test_a_callback_is_a_hint_with_references_and_time(self) -> None:
        found = Registry().get(self.kind).parse_callback(*self.good_callback())
        assert (found.hint, found.vendor_reference) == (Hint.finished, self.scan)
        assert found.account_id == self.account_id
        assert found.sent_at is not None
        assert found.sent_at.utcoffset() == timedelta(0)
        assert found.problem is None

    def test_what_is_wrong_with_a_callback_is_said_without_its_content(self) -> None:
        body, content_type = self.good_callback()
        wrong = (b"", b"Lena Gruber", b"[1]", body.replace(self.scan.encode(), b"Lena Gruber"))
        for damaged in (*wrong, b"x" * 3_000_000):
            found = Registry().get(self.kind).parse_callback(damaged, content_type)
            assert found.problem
            assert "Gruber" not in repr(found)
