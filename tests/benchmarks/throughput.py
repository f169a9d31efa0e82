"""How much one small machine does, end to end: ``python -m tests.benchmarks.throughput``.

gunicorn with two workers of four threads, ``flask idverify work``, and the sandbox as the vendor,
which answers at once, all on this machine. Users are signed in before the clock starts. Then

* *verifications*: each is started over the JSON API, the vendor approves and calls back, and the
  worker fetches; timed from the first start to the last approval;
* *callbacks*: stored and answered 200 while no worker runs.

The best of several rounds is shown, for other programs only ever take away.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import requests

from tests.benchmarks.stage import Line, Stage, path_of, side_by_side, stage

ENGINES = ["sqlite-wal", "postgresql", "mariadb"]
PATIENCE = 600.0
_PAPER = {"real_name": "Lena Marie Gruber", "country": "AUT"}


class Figures(NamedTuple):
    """What one round found."""

    verifications: float
    callbacks: float
    commits: float
    vendor_calls: float
    cpu_ms: float
    bytes: float


def measure(engine: str, count: int, deliveries: int, clients: int, hands: int) -> Figures:
    """Run one round on an empty database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        stage(engine, Path(folder), users=count, hands=hands) as scene,
    ):
        _wait_ready(scene)
        cookies = _sign_in(scene, clients)
        empty = scene.bytes()
        began = (time.monotonic(), scene.commits(), scene.cpu_seconds())
        _verify(scene, cookies, clients)
        seconds = time.monotonic() - began[0]
        commits = scene.commits() - began[1]
        cpu = scene.cpu_seconds() - began[2]
        calls = _calls(scene)
        scene.worker.stop()
        size = scene.bytes() - empty
        rate = _deliver(scene, deliveries, clients)
    return Figures(
        verifications=count / seconds,
        callbacks=rate,
        commits=commits / count,
        vendor_calls=calls / count,
        cpu_ms=1000 * cpu / count,
        bytes=size / count,
    )


def _wait_ready(scene: Stage) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            requests.get(f"http://127.0.0.1:{scene.port}/ready", timeout=5).raise_for_status()
            break
        except requests.RequestException:
            assert time.monotonic() < deadline, scene.server.tail()
            time.sleep(0.1)
    # The worker has found its feet when it has written itself down.
    while not scene.number("SELECT count(*) FROM idverify_worker"):
        assert time.monotonic() < deadline, scene.worker.tail()
        time.sleep(0.1)


def _sign_in(scene: Stage, clients: int) -> list[str]:
    cookies = [""] * scene.users

    def sign_in(line: Line, number: int) -> None:
        status, _, cookies[number] = line.post(f"/sign-in/{number + 1}", b"")
        assert status == 200, scene.server.tail()

    side_by_side(scene.port, clients, scene.users, sign_in)
    return cookies


def _verify(scene: Stage, cookies: list[str], clients: int) -> None:
    sandbox = scene.vendor.sandbox

    def verify(line: Line, number: int) -> None:
        own = f"U{number:07d}"
        claim = {"id_type": "passport", "id_number": own, **_PAPER}
        body = {"claim": claim, "consent": {"given": True, "country": "AUT"}}
        status, raw, _ = line.post(
            "/identity/api/verifications",
            json.dumps(body).encode(),
            Content_Type="application/json",
            Cookie=cookies[number],
        )
        assert status == 201, (status, raw, scene.server.tail())
        link = json.loads(raw)["redirect_url"]
        (token,) = parse_qs(urlsplit(link).query)["authorizationToken"]
        with sandbox.lock:
            transaction = sandbox.store.by_token(token)
            assert transaction is not None
            sandbox.complete(transaction.reference, "approve", {"number": own})

    side_by_side(scene.port, clients, scene.users, verify)
    deadline = time.monotonic() + PATIENCE
    approved = "SELECT count(*) FROM idverify_verification WHERE status = 'approved'"
    while (done := scene.number(approved)) < scene.users:
        assert time.monotonic() < deadline, f"{done} of {scene.users}: {scene.worker.tail()}"
        time.sleep(0.02)


def _calls(scene: Stage) -> int:
    entries = scene.vendor.sandbox.journal()
    assert len(entries) < 5000, "the journal keeps no more: choose fewer verifications"
    return len(entries)


def _deliver(scene: Stage, count: int, clients: int) -> float:
    sandbox = scene.vendor.sandbox
    with sandbox.lock:
        urls = [one["callback_url"] for one in sandbox.transactions()]

    def deliver(line: Line, number: int) -> None:
        body = b"callBackType=NETVERIFYID&idScanStatus=SUCCESS&delivery=%d" % number
        path = path_of(urls[number % len(urls)])
        status, *_ = line.post(path, body, Content_Type="application/x-www-form-urlencoded")
        assert status == 200, scene.server.tail()

    began = time.monotonic()
    side_by_side(scene.port, clients, count, deliver)
    return count / (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Formatter)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: all")
    parser.add_argument("--count", type=int, default=300, help="verifications of a round")
    parser.add_argument("--deliveries", type=int, default=1500, help="callbacks of a round")
    parser.add_argument("--clients", type=int, default=8, help="connections at once")
    parser.add_argument("--hands", type=int, default=4, help="--concurrency of the worker")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best is shown")
    given = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before")
    for engine in given.engine or ENGINES:
        rounds = []
        for _ in range(given.rounds):
            found = measure(engine, given.count, given.deliveries, given.clients, given.hands)
            rounds.append(found)
            load = os.getloadavg()[0]
            shown = {name: round(value, 1) for name, value in found._asdict().items()}
            print(f"{engine}: {shown}, load {load:.1f}", flush=True)
        print(
            f"{engine}: best of {given.rounds}: "
            f"{max(one.verifications for one in rounds):.1f} verifications/s, "
            f"{max(one.callbacks for one in rounds):.0f} callbacks/s accepted; "
            f"{min(one.commits for one in rounds):.1f} commits and "
            f"{min(one.vendor_calls for one in rounds):.1f} vendor calls a verification, "
            f"{min(one.cpu_ms for one in rounds):.0f} ms of processor, "
            f"{min(one.bytes for one in rounds):.0f} bytes",
            flush=True,
        )


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults beside the options, and the text above as it stands."""


if __name__ == "__main__":
    main()
