"""Delivery of callbacks: order, repeats, retries and the faults of reference 6.4."""

from __future__ import annotations

import threading

import pytest

from .helpers import Client, Receiver


def test_only_the_terminal_callback_can_be_asked_for(client: Client, receiver: Receiver) -> None:
    client.sandbox.set_defaults(terminal_callbacks_only=True, acquisition_started_callback=True)
    client.sandbox.complete(client.start_kyx(callbackUrl=receiver.url)[1])
    client.sandbox.settle()
    assert receiver.statuses() == ["PROCESSED"]


def test_no_callback_without_an_address(client: Client) -> None:
    client.sandbox.complete(client.start_v4())
    assert client.sandbox.settle()["delivered"] == 0


def test_callbacks_can_be_switched_off_for_all_or_for_one(
    client: Client, receiver: Receiver
) -> None:
    client.sandbox.complete(client.start_v4(callbackUrl=receiver.url), callback=False)
    client.sandbox.set_defaults(callbacks=False)
    client.sandbox.complete(client.start_v4(callbackUrl=receiver.url))
    client.sandbox.settle()
    assert receiver.got == []
    client.sandbox.complete(client.start_v4(callbackUrl=receiver.url), callback=True)
    client.sandbox.settle()
    assert len(receiver.got) == 1


def test_deliveries_are_kept_with_the_answer(client: Client, receiver: Receiver) -> None:
    ids = client.start_kyx(callbackUrl=receiver.url)
    client.sandbox.complete(ids[1])
    settled = client.sandbox.settle()
    assert settled == {"settled": True, "running": 0, "waiting": 0, "delivered": 2, "failed": 0}
    log = client.sandbox.transaction(ids[1])["callbacks"]
    assert [(item["event"], item["status"], item["attempt"]) for item in log] == [
        ("ACQUIRED", 200, 1),
        ("PROCESSED", 200, 1),
    ]
    assert log[1]["body"] == receiver.got[1].json()


def test_a_callback_is_retried_until_it_is_answered_with_200(
    client: Client, receiver: Receiver
) -> None:
    receiver.answers = [500, 204]
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.complete(ref)
    client.sandbox.settle()
    log = client.sandbox.transaction(ref)["callbacks"]
    assert [item["status"] for item in log] == [500, 204, 200]
    assert len({item.raw for item in receiver.got}) == 1


def test_a_callback_is_given_up_after_a_few_attempts(client: Client, receiver: Receiver) -> None:
    receiver.answers = [500] * 10
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.complete(ref)
    assert client.sandbox.settle()["failed"] == 1
    assert len(receiver.got) == 4


def test_a_redirect_is_not_followed(client: Client, receiver: Receiver) -> None:
    receiver.answers = [307]
    client.sandbox.complete(client.start_v4(callbackUrl=receiver.url))
    client.sandbox.settle()
    assert [item.path for item in receiver.got] == ["/callbacks/q7Vd0sXkP3"] * 2


def test_an_unreachable_target_is_noted_and_retried(client: Client) -> None:
    ref = client.start_v4(callbackUrl="http://127.0.0.1:1/x")
    client.sandbox.complete(ref)
    assert client.sandbox.settle()["failed"] == 1
    log = client.sandbox.transaction(ref)["callbacks"]
    assert [item["error"] for item in log] == ["ConnectionError"] * 4


def test_a_slow_target_runs_into_the_timeout(client: Client, receiver: Receiver) -> None:
    receiver.hold = 0.4
    client.sandbox.set_defaults(callback_timeout=0.1)
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.callback(ref, retry=False)
    client.sandbox.settle()
    (entry,) = client.sandbox.transaction(ref)["callbacks"]
    assert (entry["status"], entry["error"]) == (None, "ReadTimeout")


def test_later_callbacks_wait_for_earlier_ones_of_their_transaction(
    client: Client, receiver: Receiver
) -> None:
    receiver.answers = [500]
    client.sandbox.complete(client.start_kyx(callbackUrl=receiver.url)[1])
    client.sandbox.settle()
    assert receiver.statuses() == ["ACQUIRED", "ACQUIRED", "PROCESSED"]
    assert receiver.most_at_once == 1


def test_the_label_asks_for_repeats(client: Client, receiver: Receiver) -> None:
    ref = client.start_v4(callbackUrl=receiver.url, reportingCriteria="sim:dup=3")
    client.sandbox.complete(ref)
    client.sandbox.settle()
    assert len(receiver.got) == 3
    assert len({item.raw for item in receiver.got}) == 1


def test_a_dropped_callback_never_arrives(client: Client, receiver: Receiver) -> None:
    client.sandbox.add_fault("callback_drop", event="PROCESSED", times=1)
    ids = client.start_kyx(callbackUrl=receiver.url)
    client.sandbox.complete(ids[1])
    client.sandbox.settle()
    assert receiver.statuses() == ["ACQUIRED"]
    assert any(item.get("dropped") for item in client.sandbox.transaction(ids[1])["callbacks"])
    assert client.sandbox.faults() == []


def test_duplicates_may_arrive_at_the_same_time(client: Client, receiver: Receiver) -> None:
    receiver.hold = 0.3
    client.sandbox.add_fault("callback_duplicate", copies=4, concurrent=True)
    client.sandbox.complete(client.start_v4(callbackUrl=receiver.url))
    client.sandbox.settle()
    assert len(receiver.got) == 4
    assert receiver.most_at_once == 4


def test_duplicates_arrive_one_after_the_other_by_default(
    client: Client, receiver: Receiver
) -> None:
    client.sandbox.add_fault("callback_duplicate")
    client.sandbox.complete(client.start_v4(callbackUrl=receiver.url))
    client.sandbox.settle()
    assert len(receiver.got) == 2
    assert receiver.most_at_once == 1


def test_a_late_callback_waits_for_the_clock(client: Client, receiver: Receiver) -> None:
    client.sandbox.add_fault("callback_late", seconds=600, event="ACQUIRED")
    client.sandbox.complete(client.start_kyx(callbackUrl=receiver.url)[1])
    assert client.sandbox.settle()["waiting"] == 1
    assert receiver.statuses() == ["PROCESSED"]
    client.sandbox.advance(600)
    assert client.sandbox.settle()["waiting"] == 0
    assert receiver.statuses() == ["PROCESSED", "ACQUIRED"]


def test_reordering_puts_the_first_behind_the_last(client: Client, receiver: Receiver) -> None:
    client.sandbox.add_fault("callback_reorder", times=1)
    client.sandbox.complete(client.start_kyx(callbackUrl=receiver.url)[1])
    client.sandbox.settle()
    assert receiver.statuses() == ["PROCESSED", "ACQUIRED"]


def test_a_callback_can_be_sent_at_will(client: Client, receiver: Receiver) -> None:
    ids = client.start_kyx(callbackUrl=receiver.url)
    client.sandbox.complete(ids[1])
    client.sandbox.settle()
    answer = client.act(ids[1], "callback", status="ACQUIRED", times=2)
    assert answer.status_code == 200
    client.sandbox.settle()
    assert receiver.statuses() == ["ACQUIRED", "PROCESSED", "ACQUIRED", "ACQUIRED"]
    client.act(ids[1], "callback")
    client.sandbox.settle()
    assert receiver.statuses()[-1] == "PROCESSED"


def test_a_v4_callback_can_claim_what_is_not_true(client: Client, receiver: Receiver) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.callback(ref, "APPROVED_VERIFIED", body={"idNumber": "X1"})
    client.sandbox.settle()
    form = receiver.got[0].form()
    assert (form["verificationStatus"], form["idScanStatus"]) == ("APPROVED_VERIFIED", "SUCCESS")
    assert form["idNumber"] == "X1"
    assert client.scan(ref).json()["status"] == "PENDING"


def test_a_callback_can_be_bent_cut_and_sent_elsewhere(client: Client, receiver: Receiver) -> None:
    ref = client.start_v4()
    elsewhere = receiver.url.replace("q7Vd0sXkP3", "other")
    client.act(
        ref,
        "callback",
        url=elsewhere,
        body={"unknownField": "1", "rejectReason": "{not json"},
        without=["callbackDate", "transactionDate"],
    )
    client.act(ref, "callback", url=elsewhere, raw="verificationStatus=%zz&cut", retry=False)
    client.act(ref, "callback", url=elsewhere, raw="", content_type="text/plain")
    client.sandbox.settle()
    first, second, third = receiver.got
    assert first.path.endswith("/other")
    assert (first.form()["unknownField"], first.form()["rejectReason"]) == ("1", "{not json")
    assert not {"callbackDate", "transactionDate"} & set(first.form())
    assert second.raw == b"verificationStatus=%zz&cut"
    assert (third.raw, third.content_type) == (b"", "text/plain")


def test_a_callback_can_be_put_off(client: Client, receiver: Receiver) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.callback(ref, delay=60)
    client.sandbox.settle()
    assert receiver.got == []
    client.sandbox.advance(60)
    client.sandbox.settle()
    assert len(receiver.got) == 1


def test_a_reversal_changes_the_result_and_says_so(client: Client, receiver: Receiver) -> None:
    ids = client.start_kyx(callbackUrl=receiver.url)
    client.sandbox.complete(ids[1])
    client.sandbox.settle()
    assert client.details(ids)["decision"]["type"] == "PASSED"
    assert client.act(ids[1], "reverse", scenario="fraud").status_code == 200
    client.sandbox.settle()
    assert client.details(ids)["decision"]["type"] == "REJECTED"
    assert receiver.statuses() == ["ACQUIRED", "PROCESSED", "PROCESSED"]
    assert receiver.got[1].raw != receiver.got[2].raw
    client.act(ids[1], "reverse", scenario="approve", callback=False)
    client.sandbox.settle()
    assert client.details(ids)["decision"]["type"] == "PASSED"
    assert len(receiver.got) == 3


def test_a_v4_reversal_sends_the_new_verdict(client: Client, receiver: Receiver) -> None:
    ref = client.start_v4(callbackUrl=receiver.url)
    client.sandbox.complete(ref)
    client.sandbox.reverse(ref, "v4:reject:105")
    client.sandbox.settle()
    verdicts = [item.form()["verificationStatus"] for item in receiver.got]
    assert verdicts == ["APPROVED_VERIFIED", "DENIED_FRAUD"]


def test_settling_gives_up_after_its_timeout(client: Client, receiver: Receiver) -> None:
    receiver.hold = 0.5
    client.sandbox.complete(client.start_v4(callbackUrl=receiver.url))
    answer = client.sandbox.settle(timeout=0.05)
    assert (answer["settled"], answer["running"]) == (False, 1)
    assert client.sandbox.settle()["settled"] is True


@pytest.mark.parametrize("generation", ["v4", "kyx"])
def test_many_transactions_finish_at_once(
    client: Client, receiver: Receiver, generation: str
) -> None:
    def run() -> None:
        if generation == "v4":
            client.act(client.start_v4(callbackUrl=receiver.url), "complete")
        else:
            client.act(client.start_kyx(callbackUrl=receiver.url)[1], "complete")

    client.bearer()
    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.sandbox.settle(20)["settled"]
    assert len(receiver.got) == (20 if generation == "v4" else 40)
