"""Both adapters over real sockets against the simulated vendor, which was written by others.

The simulator follows the same reference and shares no code with the adapters, so that each
checks the other. It is used through HTTP only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from flask_idverify.adapters import Adapter, Registry
from flask_idverify.claims import Consent
from flask_idverify.errors import (
    InvalidProvider,
    SandboxRefused,
    VendorBusy,
    VendorError,
    VendorProtocolError,
    VendorRecordMissing,
    VendorRefused,
    VendorUnavailable,
)
from flask_idverify.types import Account, FetchRequest, Outcome, Started, StartRequest, Transport

from .test_jumio_platform import TABLE

sandbox = pytest.importorskip("flask_idverify.sandbox")

V4, PLATFORM = "Jumio", "Jumio Platform"
BOTH = pytest.mark.parametrize("kind", [V4, PLATFORM])
TRANSPORT = Transport(
    user_agent="ExampleCo IdentityGate/1.0", read_timeout=2.0, backoff=0.5, allow_sandbox=True
)
#: One call may take 0.6 seconds in all.
HASTY = replace(TRANSPORT, connect_timeout=0.2, read_timeout=0.2)
START = StartRequest(
    reference="vt_sandbox01",
    user_reference="vu_sandbox01",
    callback_url="http://127.0.0.1:9/callbacks/x",
    success_url="http://127.0.0.1:9/return/x",
    error_url="http://127.0.0.1:9/return/x",
    id_type="passport",
    country="AUT",
    locale="de",
    consent=Consent(ip="192.0.2.4", country="AUT"),
)


class Bench:
    """The simulator with its controls, and adapters that talk to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.slept: list[float] = []
        self.made: list[Adapter] = []

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=5)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def adapter(self, kind: str, transport: Transport = TRANSPORT, **options: Any) -> Any:
        account = Account("sandbox-id", "sandbox-secret", self.url, options)
        made: Any = Registry().get(kind)(account, transport)
        made.http.sleep = self.slept.append
        self.made.append(made)
        return made

    def complete(self, started: Started, scenario: str) -> None:
        path = f"transactions/{started.vendor_reference}/complete"
        self.control(path, {"scenario": scenario})

    def outcome(self, kind: str, scenario: str, **options: Any) -> Outcome:
        adapter = self.adapter(kind, **options)
        started = adapter.start(START)
        self.complete(started, scenario)
        found: Outcome = adapter.fetch(asked(adapter, started))
        assert found.status in ("started", "processing") or found.reference == START.reference
        return found

    def fault(self, kind: str, where: str, times: int | None = 1, **more: Any) -> None:
        self.control("faults", {"kind": kind, "where": where, "times": times, **more})

    def transactions(self) -> int:
        return len(self.control("transactions", method="GET")["transactions"])


def asked(adapter: Adapter, started: Started) -> FetchRequest:
    checks = adapter.default_checks(adapter.account.options)
    return FetchRequest(started.vendor_reference, started.account_id, started.facts, checks)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with sandbox.SandboxServer(allow_local_urls=True, processing_seconds=0.0) as running:
        yield running.url


@pytest.fixture
def bench(server: str) -> Iterator[Bench]:
    made = Bench(server)
    made.control("faults", method="DELETE")
    made.control("defaults", {"callbacks": False, "expired_details": "body", "health": "UP"})
    yield made
    for adapter in made.made:
        adapter.close()


SCENARIOS = [
    ("approve", "approved", "", False),
    ("approve-id-only", "in_review", "checks_missing", False),
    ("face-mismatch", "rejected", "face_mismatch", False),
    ("face-unclear", "in_review", "face_not_comparable", False),
    ("spoof", "rejected", "selfie_spoof", False),
    ("fraud", "rejected", "document_manipulated", False),
    ("repeated-face", "rejected", "repeated_face_other_data", False),
    ("blurred", "rejected", "document_unreadable", True),
    ("unsupported", "rejected", "unsupported_document_type", True),
    ("expired", "expired", "not_started", True),
    ("session-expired", "expired", "dropped_out", True),
]


@BOTH
def test_every_language_that_the_form_offers_is_one_of_the_page(bench: Bench, kind: str) -> None:
    (offered,) = [option for option in Registry().get(kind).options if option.name == "locale"]
    assert len(offered.choices) > 30
    adapter = bench.adapter(kind)
    for code, _ in offered.choices:
        started = adapter.start(replace(START, locale=code))
        assert f"locale={code}" in started.redirect_url


@BOTH
@pytest.mark.parametrize(("scenario", "status", "reason", "retryable"), SCENARIOS)
def test_each_scenario_ends_as_the_reference_says(
    bench: Bench, kind: str, scenario: str, status: str, reason: str, retryable: bool
) -> None:
    found = bench.outcome(kind, scenario)
    assert (found.status, found.retryable) == (status, retryable)
    assert list(found.reasons) == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("kind", "scenario", "status", "reason"),
    [
        (PLATFORM, "watchlist", "in_review", "watchlist_hit"),
        (PLATFORM, "warning", "in_review", "selfie_unusable"),
        (PLATFORM, "no-checks", "in_review", "checks_missing"),
        (PLATFORM, "technical", "error", "vendor_technical_error"),
        (PLATFORM, "session-expired-rejected", "expired", "dropped_out"),
        (V4, "session-expired-rejected", "rejected", "document_unreadable"),
        (V4, "technical", "started", ""),
        (V4, "v4:reject:300", "in_review", "vendor_manual_reject"),
        (V4, "v4:reject:106", "rejected", "document_fake"),
        (V4, "v4:face:NO_MATCH", "rejected", "face_mismatch"),
        (V4, "v4:face:NOT_POSSIBLE", "in_review", "face_not_comparable"),
        (V4, "v4:status:DENIED_UNSUPPORTED_ID_COUNTRY", "rejected", "unsupported_country"),
        (V4, "v4:status:NO_ID_UPLOADED", "expired", "dropped_out"),
        (V4, "v4:status:DENIED_FRAUD", "rejected", None),
        (V4, "v4:status:APPROVED_MAYBE", "in_review", "unknown_label"),
        (PLATFORM, "kyx:liveness:MULTIPLE_PEOPLE", "in_review", "selfie_several_people"),
        (PLATFORM, "kyx:imageChecks:REPEATED_FACE", "in_review", "repeated_face"),
        (PLATFORM, "kyx:liveness:SOMETHING_NEW", "in_review", "unknown_label"),
        (PLATFORM, "kyx:similarity:NO_MATCH", "rejected", "face_mismatch"),
    ],
)
def test_what_only_one_generation_has(
    bench: Bench, kind: str, scenario: str, status: str, reason: str | None
) -> None:
    found = bench.outcome(kind, scenario)
    assert found.status == status
    if reason is not None:
        assert list(found.reasons) == ([reason] if reason else [])


def test_every_label_of_the_platform_lands_as_the_table_says(bench: Bench) -> None:
    for capability, name, _, landing, reason in TABLE:
        if name in ("MANIPULATED_DOCUMENT_SOMETHING_NEW", "TECHNICAL_ERROR"):
            continue  # here the simulator chooses another overall decision than the table's row
        found = bench.outcome(PLATFORM, f"kyx:{capability}:{name}")
        assert (found.status, found.retryable) == landing, name
        assert found.reasons[0] == reason, name


@pytest.mark.parametrize("workflow_id", [100, 101, 102])
def test_v4_without_a_face_is_approved_where_none_was_asked_for(
    bench: Bench, workflow_id: int
) -> None:
    found = bench.outcome(V4, "approve-id-only", workflow_id=workflow_id)
    assert (found.status, len(found.checks)) == ("approved", 4)


@BOTH
def test_the_papers_are_read(bench: Bench, kind: str) -> None:
    document = bench.outcome(kind, "approve").document
    assert document is not None
    assert (document.type, document.country) == ("passport", "AUT")
    assert document.number is not None
    assert document.full_name is not None
    assert document.personal_number is None
    assert str(document.date_of_birth) == "1988-11-23"


@BOTH
def test_before_the_user_has_done_anything_it_is_started(bench: Bench, kind: str) -> None:
    adapter = bench.adapter(kind)
    started = adapter.start(START)
    assert adapter.fetch(asked(adapter, started)).status == "started"
    assert started.redirect_url.startswith(bench.url)
    page = requests.get(started.redirect_url, timeout=5)
    assert page.status_code == 200


@pytest.mark.parametrize("scenario", ["expired", "session-expired"])
def test_an_expired_journey_stands_without_details(bench: Bench, scenario: str) -> None:
    bench.control("defaults", {"expired_details": "404"})
    adapter = bench.adapter(PLATFORM)
    started = adapter.start(START)
    bench.complete(started, scenario)
    assert adapter.fetch(asked(adapter, started)).status == "expired"
    assert bench.slept == []


def test_a_returning_user_keeps_their_account(bench: Bench) -> None:
    adapter = bench.adapter(PLATFORM)
    first = adapter.start(START)
    second = adapter.start(replace(START, account_id=first.account_id))
    assert second.account_id == first.account_id
    assert second.vendor_reference != first.vendor_reference
    gone = replace(START, account_id="00000000-0000-4000-8000-000000000000")
    assert adapter.start(gone).account_id not in (first.account_id, gone.account_id)


@BOTH
def test_what_was_erased_is_gone_and_erasing_again_is_done(bench: Bench, kind: str) -> None:
    adapter = bench.adapter(kind)
    started = adapter.start(START)
    bench.complete(started, "approve")
    adapter.erase(started.vendor_reference, started.account_id)
    adapter.erase(started.vendor_reference, started.account_id)
    with pytest.raises(VendorRecordMissing):
        adapter.fetch(asked(adapter, started))


def test_an_erased_account_takes_its_attempts_along(bench: Bench) -> None:
    adapter = bench.adapter(PLATFORM)
    first = adapter.start(START)
    second = adapter.start(replace(START, account_id=first.account_id))
    other = adapter.start(START)
    adapter.erase_account(first.account_id)
    adapter.erase_account(first.account_id)
    for started in (first, second):
        with pytest.raises(VendorRecordMissing):
            adapter.fetch(asked(adapter, started))
    assert adapter.fetch(asked(adapter, other)).status == "started"


def test_a_vendor_without_accounts_erases_none(bench: Bench) -> None:
    adapter = bench.adapter(V4)
    started = adapter.start(START)
    adapter.erase_account(started.vendor_reference)
    assert adapter.fetch(asked(adapter, started)).status == "started"


@BOTH
def test_the_pictures_of_a_finished_attempt_are_shown(bench: Bench, kind: str) -> None:
    adapter = bench.adapter(kind)
    started = adapter.start(replace(START, id_type="id_card"))
    request = asked(adapter, started)
    with pytest.raises(VendorRecordMissing):
        adapter.image(request, "front")
    bench.complete(started, "approve")
    assert adapter.images(request) == ("front", "back", "face")
    kinds = [adapter.image(request, name).content_type for name in ("front", "back", "face")]
    assert kinds == ["image/jpeg", "image/jpeg", "image/png"]
    with pytest.raises(VendorRecordMissing):
        adapter.image(request, "liveness_1")
    adapter.erase(started.vendor_reference, started.account_id)
    for ask in (adapter.images, lambda of: adapter.image(of, "front")):
        with pytest.raises(VendorRecordMissing):
            ask(request)


@BOTH
@pytest.mark.parametrize("fault", ["redirect", "html", "empty", "malformed_json"])
def test_what_comes_instead_of_a_picture_is_refused(bench: Bench, kind: str, fault: str) -> None:
    adapter = bench.adapter(kind)
    started = adapter.start(START)
    bench.complete(started, "approve")
    bench.fault(fault, "image", times=None)
    with pytest.raises(VendorProtocolError):
        adapter.image(asked(adapter, started), "front")


@BOTH
def test_good_credentials_check_well_and_start_nothing(bench: Bench, kind: str) -> None:
    before = bench.transactions()
    steps = bench.adapter(kind).check()
    assert all(step.ok for step in steps), steps
    assert bench.transactions() == before


@BOTH
def test_bad_credentials_are_told(bench: Bench, kind: str) -> None:
    account = Account("sandbox-id", "wrong", bench.url)
    adapter: Any = Registry().get(kind)(account, TRANSPORT)
    bench.made.append(adapter)
    assert not adapter.check()[0].ok
    with pytest.raises(VendorRefused):
        adapter.start(START)


def test_a_sick_vendor_is_named(bench: Bench) -> None:
    bench.control("defaults", {"health": "DOWN"})
    health = bench.adapter(PLATFORM).check()[-1]
    assert (health.name, health.ok) == ("health", False)
    assert "DOWN" in health.message


@BOTH
def test_a_sandbox_is_out_of_reach_unless_admitted(bench: Bench, kind: str) -> None:
    strict = replace(TRANSPORT, allow_sandbox=False)
    with pytest.raises(InvalidProvider, match="admits none"):
        bench.adapter(kind, strict)
    adapter = bench.adapter(kind)
    # Even if its address were admitted (a public sandbox over https), its answers are not.
    adapter.http.transport = strict
    adapter.transport = strict
    with pytest.raises(SandboxRefused):
        adapter.fetch(FetchRequest("00000000-0000-4000-8000-000000000000", "0"))


@BOTH
@pytest.mark.parametrize("fault", ["5xx", "reset"])
@pytest.mark.parametrize("where", ["status", "details"])
def test_passing_faults_of_reading_are_survived(
    bench: Bench, kind: str, fault: str, where: str
) -> None:
    adapter = bench.adapter(kind)
    started = adapter.start(START)
    bench.complete(started, "approve")
    bench.fault(fault, where, times=2)
    assert adapter.fetch(asked(adapter, started)).status == "approved"
    assert len(bench.slept) == 2


@BOTH
def test_the_vendors_patience_is_honoured(bench: Bench, kind: str) -> None:
    adapter = bench.adapter(kind)
    started = adapter.start(START)
    bench.complete(started, "approve")
    bench.fault("429", "status", retry_after=4)
    assert adapter.fetch(asked(adapter, started)).status == "approved"
    assert bench.slept == [4.0]
    bench.fault("429", "status", times=None, retry_after=3600)
    with pytest.raises(VendorBusy) as caught:
        adapter.fetch(asked(adapter, started))
    assert caught.value.retry_after == 3600


@BOTH
def test_a_result_that_is_late_is_waited_for(bench: Bench, kind: str) -> None:
    adapter = bench.adapter(kind)
    started = adapter.start(START)
    bench.complete(started, "approve")
    bench.fault("not_found", "details", times=2)
    assert adapter.fetch(asked(adapter, started)).status == "approved"
    assert bench.slept == [1.0, 3.0]


@BOTH
@pytest.mark.parametrize("fault", ["5xx", "reset", "429", "403", "drip", "redirect"])
def test_a_start_that_fails_is_sent_once(bench: Bench, kind: str, fault: str) -> None:
    adapter = bench.adapter(kind, HASTY if fault == "drip" else TRANSPORT)
    if kind == PLATFORM:
        adapter.tokens.get()
    # A second request would meet no fault any more and succeed.
    bench.fault(fault, "start", times=1)
    with pytest.raises(VendorError):
        adapter.start(START)
    assert bench.slept == []


@BOTH
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("redirect", VendorProtocolError),
        ("malformed_json", VendorProtocolError),
        ("html", VendorProtocolError),
        ("empty", VendorProtocolError),
        ("truncated", VendorError),
        ("drip", VendorUnavailable),
        ("403", VendorRefused),
    ],
)
def test_lasting_faults_are_errors_and_no_result(
    bench: Bench, kind: str, fault: str, error: type[VendorError]
) -> None:
    started = bench.adapter(kind).start(START)
    bench.complete(started, "approve")
    adapter = bench.adapter(kind, replace(HASTY if fault == "drip" else TRANSPORT, retries=0))
    for where in ("status", "details"):
        bench.control("faults", method="DELETE")
        bench.fault(fault, where, times=None)
        with pytest.raises(error):
            adapter.fetch(asked(adapter, started))


@BOTH
def test_an_answer_that_is_too_slow_is_given_up(bench: Bench, kind: str) -> None:
    started = bench.adapter(kind).start(START)
    adapter = bench.adapter(kind, replace(TRANSPORT, read_timeout=0.2, retries=0))
    bench.fault("latency", "status", seconds=1.0)
    with pytest.raises(VendorUnavailable, match="in time"):
        adapter.fetch(asked(adapter, started))


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        (V4, "redirectUrl"),
        (V4, "transactionReference"),
        (PLATFORM, "web.href"),
        (PLATFORM, "account.id"),
        (PLATFORM, "workflowExecution.id"),
    ],
)
def test_a_start_without_its_essentials_is_an_error(bench: Bench, kind: str, missing: str) -> None:
    bench.fault("missing_field", "start", field=missing)
    with pytest.raises(VendorProtocolError):
        bench.adapter(kind).start(START)


def test_one_401_renews_the_token_of_the_platform_and_ends_v4(bench: Bench) -> None:
    bench.fault("401", "start")
    assert bench.adapter(PLATFORM).start(START).account_id
    bench.fault("401", "start")
    with pytest.raises(VendorRefused):
        bench.adapter(V4).start(START)


def test_bad_and_short_tokens(bench: Bench) -> None:
    bench.fault("bad_token", "token")
    with pytest.raises(VendorProtocolError, match="access_token"):
        bench.adapter(PLATFORM).start(START)
    bench.fault("short_token", "token")
    adapter = bench.adapter(PLATFORM)
    assert adapter.start(START).account_id
    assert adapter.start(START).account_id
