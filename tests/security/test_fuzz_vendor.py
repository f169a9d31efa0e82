"""Fuzz: whatever the vendor answers, adapters raise vendor errors only, and never approve by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests_mock
from hypothesis import strategies as st

from flask_idverify.errors import VendorError
from flask_idverify.states import Status
from flask_idverify.types import FetchRequest, Outcome, Started
from tests.adapter_bench import JSON, SECRETS, START, AdapterBench, load
from tests.security.fuzzing import Fuzz, answers, reshaped, silent
from tests.security.wires import BENCHES

KINDS = sorted(BENCHES)
TOKEN_URL = "https://auth.emea-1.jumio.ai/oauth2/token"
TOKEN = {"access_token": "demo.access.token", "expires_in": 3600, "token_type": "Bearer"}
#: Values of which an approval is made; everything else must not make one.
APPROVING = ("PASSED", "OK", "MATCH", "true", True, "APPROVED_VERIFIED", "DONE", "PROCESSED")


class Mad:
    """An adapter whose vendor answers with whatever bytes are put here."""

    def __init__(self, bench: AdapterBench, mock: requests_mock.Mocker) -> None:
        self.bench = bench
        self.payloads = load(bench.folder)
        good = self.payloads["approved"]
        self.bodies = {
            "token": json.dumps(TOKEN).encode(),
            "start": json.dumps(bench.start_answer()).encode(),
            "status": json.dumps(good["status"]).encode(),
            "details": json.dumps(good["details"]).encode(),
        }
        self.read = dict.fromkeys(self.bodies, 0)
        self.adapter = bench.make()
        self.adapter.http.sleep = lambda _seconds: None
        for method, url, place in (
            ("POST", TOKEN_URL, "token"),
            ("POST", bench.start_url, "start"),
            ("GET", bench.status_url(), "status"),
            ("GET", bench.details_url(), "details"),
        ):
            mock.register_uri(method, url, content=self._answer(place))

    def _answer(self, place: str) -> Any:
        def answer(_request: Any, _context: Any) -> bytes:
            self.read[place] += 1
            return self.bodies[place]

        return answer

    def fetch(self, name: str = "approved") -> Outcome:
        facts = self.payloads[name].get("facts", {})
        required = frozenset(self.payloads[name].get("required", ()))
        found: Outcome = self.adapter.fetch(
            FetchRequest(self.bench.scan, self.bench.account_id, facts, required, patient=False)
        )
        return found


@contextmanager
def mad(kind: str) -> Iterator[Mad]:
    with requests_mock.Mocker() as mock:
        yield Mad(BENCHES[kind], mock)


def sane(outcome: Outcome) -> None:
    """Assert that the outcome can be stored and shown, and says nothing personal by itself."""
    assert isinstance(outcome.status, Status)
    told = json.dumps([finding.to_dict() for finding in outcome.findings])
    assert not [secret for secret in SECRETS if secret in told + repr(outcome)]
    if outcome.document is not None:
        kept = json.dumps(outcome.document.to_dict(), ensure_ascii=False)
        kept.encode()
        assert "\\u0000" not in kept


@pytest.mark.parametrize("kind", KINDS)
def test_fuzz_status_and_details_raise_vendor_errors_only(fuzz: Fuzz, kind: str) -> None:
    with mad(kind) as vendor:
        good = dict(vendor.bodies)
        assert vendor.fetch().status is Status.approved, "control"
        own = [item["details"] for item in vendor.payloads.values() if item["details"]]
        statuses = [item["status"] for item in vendor.payloads.values()]
        inputs = st.one_of(
            st.tuples(st.just("details"), answers(own)),
            st.tuples(st.just("status"), answers(statuses)),
        )

        def check(given: tuple[str, bytes]) -> None:
            place, body = given
            vendor.bodies = {**good, place: body}
            try:
                outcome = vendor.fetch()
            except VendorError as error:
                silent(str(error) + error.detail, *SECRETS)
            else:
                sane(outcome)

        vendor.read = dict.fromkeys(vendor.read, 0)
        ran = fuzz(f"status and details of {kind}", 250, 6_000, inputs, check)
        assert vendor.read["status"] == ran, "control: each was asked for"
        assert ran > vendor.read["details"] > ran / 3


@pytest.mark.parametrize("kind", KINDS)
def test_fuzz_start_and_token_raise_vendor_errors_only(fuzz: Fuzz, kind: str) -> None:
    with mad(kind) as vendor:
        good = dict(vendor.bodies)
        assert vendor.adapter.start(START).vendor_reference == vendor.bench.scan, "control"
        inputs = st.tuples(st.just("start"), answers([vendor.bench.start_answer()]))
        if kind != "Jumio":
            inputs |= st.tuples(st.just("token"), answers([TOKEN]))
        opened = 0

        def check(given: tuple[str, bytes]) -> None:
            nonlocal opened
            place, body = given
            vendor.bodies = {**good, place: body}
            if place == "token":
                vendor.adapter = vendor.bench.make()  # without a token of an input before
            try:
                started = vendor.adapter.start(START)
            except VendorError as error:
                silent(str(error) + error.detail, *SECRETS)
                return
            assert isinstance(started, Started)
            assert started.redirect_url.startswith("https://")
            assert not [secret for secret in SECRETS if secret in json.dumps(started.answer)]
            opened += 1

        vendor.read = dict.fromkeys(vendor.read, 0)
        ran = fuzz(f"start and token of {kind}", 150, 4_000, inputs, check)
        assert vendor.read["start"] + vendor.read["token"] >= ran, "control"
        assert opened > ran / 100, "control: some damage is of no consequence"


@pytest.mark.parametrize("kind", KINDS)
def test_fuzz_no_change_of_one_value_makes_an_approval_of_a_refusal(fuzz: Fuzz, kind: str) -> None:
    """Unless it puts in one of the words of which approvals are made."""
    with mad(kind) as vendor:
        good = dict(vendor.bodies)
        refused = {
            name: item
            for name, item in vendor.payloads.items()
            if item["details"] and name.startswith(("fraud", "rejected", "unreadable"))
        }
        assert len(refused) > 20
        noise = JSON.filter(lambda value: value not in APPROVING)
        inputs = st.one_of(
            *(
                st.tuples(st.just(name), reshaped([item["details"]], noise))
                for name, item in refused.items()
            )
        )
        seen: set[str] = set()

        def check(given: tuple[str, Any]) -> None:
            name, details = given
            vendor.bodies = {
                **good,
                "status": json.dumps(refused[name]["status"]).encode(),
                "details": json.dumps(details).encode(),
            }
            try:
                outcome = vendor.fetch(name)
            except VendorError:
                return
            assert outcome.status is not Status.approved
            seen.add(str(outcome.status))

        fuzz(f"refusals of {kind}, changed", 150, 4_000, inputs, check)
        assert "rejected" in seen, "control"


@pytest.mark.parametrize("kind", KINDS)
def test_fuzz_garbage_under_the_right_ids_is_never_an_approval(fuzz: Fuzz, kind: str) -> None:
    """The ids and the echo are right, the rest is anything: it never adds up to an approval."""
    with mad(kind) as vendor:
        good = dict(vendor.bodies)
        frame = vendor.payloads["approved"]["details"]
        ids = ("workflow", "account", "scanReference", "transaction")
        kept = {name: value for name, value in frame.items() if name in ids}
        free = [name for name in frame if name not in ids]
        inputs = st.dictionaries(st.sampled_from(free) | st.text(max_size=8), JSON, max_size=5)
        # Texts are drawn from the tests' own constants too; a name there would prove nothing.
        inputs = inputs.filter(lambda given: not any(word in str(given) for word in SECRETS))
        statuses: set[str] = set()

        def check(given: dict[str, Any]) -> None:
            vendor.bodies = {**good, "details": json.dumps({**given, **kept}).encode()}
            try:
                outcome = vendor.fetch()
            except VendorError:
                return
            assert outcome.status is not Status.approved
            sane(outcome)
            statuses.add(str(outcome.status))

        fuzz(f"garbage of {kind}", 120, 3_000, inputs, check)
        assert "in_review" in statuses, "control: it was read"
