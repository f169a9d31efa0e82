"""Nothing but a signal ends a worker, and what had to wait is not late."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flask_idverify import clock, inbox, service, workers
from flask_idverify.cli import work
from flask_idverify.errors import AuditBroken
from flask_idverify.leases import Tally
from flask_idverify.models import Provider
from flask_idverify.service import backoff
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor


def test_a_hand_outlives_whatever_a_look_raises(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = threading.Event()
    looks: list[float] = []
    rests: list[float] = []

    def work_through(until: Any = None) -> Tally:
        looks.append(1)
        if len(looks) < 3:
            raise AuditBroken("s", 1, "changed", "Lena Gruber")
        stop.set()
        return Tally(0, 0)

    monkeypatch.setattr(inbox, "work_through", work_through)
    monkeypatch.setattr(work._Hand, "_rest", lambda _self, seconds: rests.append(seconds))
    hand = work._Hand(host.app, stop, 2.0, workers.Heartbeat("work"), once=False)
    hand.run()
    assert (len(looks), hand.failed) == (3, False)
    assert rests[:2] == [4.0, 8.0], "pauses grow"
    said = capsys.readouterr().err
    assert said.count("failed: AuditBroken") == 2
    assert "Lena" not in said


def test_a_single_run_that_breaks_tells_by_its_exit_code(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work_through(until: Any = None) -> Tally:
        raise AuditBroken("s", 1, "changed", "")

    monkeypatch.setattr(inbox, "work_through", work_through)
    done = host.app.test_cli_runner().invoke(args=["idverify", "work", "--once"])
    assert done.exit_code == 1
    assert "failed: AuditBroken" in done.output


@pytest.mark.usefixtures("app_context")
def test_what_waited_for_a_silence_to_end_is_late_from_then_on(host: Host, vendor: Vendor) -> None:
    host.add_provider(vendor.url)
    with clock.stopped() as now:
        rows = [
            service.start(host.add_user(f"{n}@example.com"), lena(id_number=f"U{n}"), consent())
            for n in range(2)
        ]
        for row in rows:
            vendor.finish(row, "fraud")
            service.note_return(row)
        until = now + timedelta(minutes=30)
        backoff.back_off(host.db.session.scalars(select(Provider.id)).one(), until)
        with clock.shifted(minutes=30, seconds=1):
            assert workers.shift().waiting_since == until
            assert not workers.shift().is_late
            host.db.session.rollback()
            # The first answer ends the count of refusals, and the others have still just waited.
            service.refresh(rows[0])
            assert not workers.shift().is_late
            host.db.session.rollback()
        with clock.shifted(minutes=36):
            assert workers.shift().waiting_since == until
            assert workers.shift().is_late
