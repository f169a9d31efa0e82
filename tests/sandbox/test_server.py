"""Starting, stopping and the small parts underneath."""

from __future__ import annotations

import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from datetime import date, datetime, timezone

import click
import pytest
import requests

from flask_idverify.sandbox import Sandbox, SandboxServer, create_sandbox
from flask_idverify.sandbox.clock import loose_stamp, parse_stamp, stamp, years_from
from flask_idverify.sandbox.images import SIZE, jpeg, png
from flask_idverify.sandbox.program import _parser

from .helpers import JSON, PAIR, Client, Receiver

Alive = Callable[[], set[str]]


@pytest.fixture
def alive() -> Alive:
    """Look for threads of sandboxes that were not there before the test."""
    before = set(threading.enumerate())

    def look() -> set[str]:
        new = set(threading.enumerate()) - before
        return {thread.name for thread in new if thread.name.startswith("sandbox")}

    return look


def test_the_app_can_be_used_without_a_socket(alive: Alive) -> None:
    app = create_sandbox()
    assert isinstance(app.extensions["sandbox"], Sandbox)
    answer = app.test_client().get("/", headers=JSON)
    assert answer.get_json() == {"status": "UP"}
    assert alive() == set()


def test_an_idle_sandbox_starts_no_thread_of_its_own(alive: Alive) -> None:
    with SandboxServer() as server:
        client = Client(server)
        client.act(client.start_v4(), "complete")
        assert alive() == {"sandbox-server"}


def test_closing_ends_every_thread(receiver: Receiver, alive: Alive) -> None:
    with SandboxServer(allow_local_urls=True) as server:
        client = Client(server)
        client.start_v4(callbackUrl=receiver.url)
        assert alive() == {"sandbox-server", "sandbox-timer"}
    assert alive() == set()
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=1)


def test_closing_does_not_wait_for_silent_or_slow_clients() -> None:
    with SandboxServer() as server:
        client = Client(server)
        client.sandbox.add_fault("latency", seconds=60)
        silent = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
        slow = threading.Thread(target=client.initiate)
        slow.start()
        while not client.sandbox.journal():
            time.sleep(0.01)
        started = time.monotonic()
    slow.join()
    silent.close()
    # The silent client would be given 30 seconds, the slow one 60.
    assert time.monotonic() - started < 15


def test_many_sandboxes_side_by_side_are_cheap() -> None:
    # Processor time, so that a busy machine does not fail the test.
    started = time.process_time()
    for _ in range(20):
        with SandboxServer() as one, SandboxServer() as two:
            assert one.url != two.url
    assert time.process_time() - started < 5


def test_references_never_repeat_across_sandboxes() -> None:
    seen = set()
    for _ in range(3):
        with SandboxServer(seed=7) as server:
            seen.add(Client(server).start_v4())
    assert len(seen) == 3


@pytest.mark.parametrize("options", [{"processing_seconds": -1}, {"latency": "long"}])
def test_nonsense_at_creation_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        create_sandbox(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_serves_prints_the_credentials_and_ends_cleanly(
    number: signal.Signals,
) -> None:
    command = [sys.executable, "-m", "flask_idverify.sandbox", "--port", "0", "--client-id", "me"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        match = re.search(r"http://127\.0\.0\.1:\d+", lines[0])
        assert match is not None
        assert lines[1].split()[-1] == "me"
        url = f"{match[0]}/api/netverify/v2/acceptedIdTypes"
        answer = requests.get(url, headers=JSON, auth=("me", PAIR[1]), timeout=5)
        process.send_signal(number)
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert answer.status_code == 200


def test_stamps_have_three_or_up_to_three_digits() -> None:
    moment = datetime(2031, 5, 4, 9, 12, 30, 500_000, tzinfo=timezone.utc)
    assert stamp(moment) == "2031-05-04T09:12:30.500Z"
    assert loose_stamp(moment) == "2031-05-04T09:12:30.5Z"
    assert loose_stamp(moment.replace(microsecond=0)) == "2031-05-04T09:12:30Z"
    assert loose_stamp(moment.replace(microsecond=93_999)) == "2031-05-04T09:12:30.093Z"


def test_stamps_are_read_with_any_fraction() -> None:
    whole = datetime(2031, 5, 4, 9, 12, 30, tzinfo=timezone.utc)
    assert parse_stamp("2031-05-04T09:12:30Z") == whole
    assert parse_stamp("2031-05-04T11:12:30+02:00") == whole
    assert parse_stamp("2031-05-04T09:12:30.5Z") == whole.replace(microsecond=500_000)
    assert parse_stamp("2031-05-04T09:12:30.123456789Z") == whole.replace(microsecond=123_456)
    for wrong in ("2031-05-04", "2031-05-04T09:12:30", "2031-13-04T09:12:30Z", ""):
        with pytest.raises(ValueError, match=r"."):
            parse_stamp(wrong)


def test_leap_days_find_a_neighbour() -> None:
    assert years_from(date(2028, 2, 29), 7) == date(2035, 2, 28)
    assert years_from(date(2028, 2, 29), 4) == date(2032, 2, 29)


@pytest.mark.parametrize("label", ["front", "BACK", "face", "DOCUMENT"])
def test_pictures_are_whole_legible_in_size_and_small_in_bytes(label: str) -> None:
    width, height = SIZE
    assert (width, height) >= (640, 400)
    drawn, photo = png(label), jpeg(label)
    size = int.from_bytes(drawn[33:37], "big")
    assert drawn[37:41] == b"IDAT"
    assert len(zlib.decompress(drawn[41 : 41 + size])) == height * (width + 1)
    assert photo.startswith(b"\xff\xd8\xff\xe0")
    assert photo.endswith(b"\xff\xd9")
    frame = photo.index(b"\xff\xc0")
    assert photo[frame + 5 : frame + 9] == struct.pack(">HH", height, width)
    assert max(len(drawn), len(photo)) < 4096


@pytest.mark.parametrize("draw", [png, jpeg])
def test_each_picture_is_drawn_with_its_own_name(draw: Callable[[str], bytes]) -> None:
    assert len({draw(name) for name in ("front", "back", "face", "document")}) == 4
    assert draw("front") == draw("FRONT")


def test_a_body_beyond_all_reason_is_refused(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", int(client.url.rsplit(":", 1)[1]))) as raw:
        raw.sendall(
            b"POST /api/v4/initiate HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
        )
        assert b" 413 " in raw.recv(200)


def test_every_answer_says_that_a_sandbox_spoke() -> None:
    with SandboxServer(allow_local_urls=True) as server:
        for path in ("/", "/api/netverify/v2/acceptedIdTypes", "/api/v1/x", "/_sandbox/clock"):
            answer = requests.get(server.url + path, timeout=5)
            assert answer.headers["X-IDVerify-Sandbox"] == "1", path


def test_a_taken_port_raises_instead_of_ending_the_process() -> None:
    with SandboxServer() as first, pytest.raises(OSError, match="in use"):
        SandboxServer(port=int(first.url.rpartition(":")[2]))


def test_usage_names_the_command_that_was_typed() -> None:
    assert _parser().prog == "python -m flask_idverify.sandbox"
    with click.Context(click.Command("sandbox"), info_name="flask idverify sandbox"):
        assert _parser().format_usage().startswith("usage: flask idverify sandbox [-h]")


def test_help_tells_what_every_option_does_and_its_default() -> None:
    told = " ".join(_parser().format_help().split())
    for default in ("127.0.0.1", "8090", "5.0", "0.0", "0", "sandbox-id", "sandbox-secret"):
        assert f"(default: {default})" in told
