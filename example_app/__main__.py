"""``python -m example_app``: serve the bank, or play through it."""

from __future__ import annotations

import argparse
import io
import signal
import sys
import threading
from pathlib import Path

from .app import INSTANCE
from .seed import PEOPLE
from .serving import HOSTS, PortTaken, Site, running
from .walkthrough import cases, walk


def main(arguments: list[str] | None = None) -> int:
    """Do what was asked; return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that has no letter for a name shall not end the play.
        sys.stdout.reconfigure(errors="replace")
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.walkthrough or given.flip:
        try:
            flips = cases.flips(given.flip)
        except ValueError as error:
            parser.error(str(error))
        return walk(flips, only=given.only)
    try:
        with running(
            given.instance, host=given.host, port=given.port, sandbox_port=given.sandbox_port
        ) as site:
            _announce(site)
            _until_asked_to_stop()
    except PortTaken as error:
        print(f"example_app: {error}; choose others with --port and --sandbox-port.")
        return 1
    print("Stopped.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m example_app",
        description="Alpenbank, an invented bank that verifies its customers with Flask-IDVerify. "
        "The vendor is simulated and runs along. To start afresh, delete the instance folder.",
    )
    parser.add_argument("--host", choices=HOSTS, default=HOSTS[0], help="this machine only")
    parser.add_argument("--port", type=int, default=8000, help="of the bank (default: 8000)")
    parser.add_argument(
        "--sandbox-port", type=int, default=8090, help="of the simulated vendor (default: 8090)"
    )
    parser.add_argument(
        "--instance",
        type=Path,
        default=INSTANCE,
        metavar="FOLDER",
        help="where database and keys are kept (default: example_app/instance)",
    )
    parser.add_argument(
        "--walkthrough",
        action="store_true",
        help="instead of serving, play everything through over HTTP, on free ports and a "
        "temporary database; exit code 1 if anything is not as expected",
    )
    # For our own tests: the vendor decides otherwise, and the walkthrough must notice.
    parser.add_argument("--only", choices=cases.KEYS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--flip", action="append", default=[], metavar="CASE=SCENARIO", help=argparse.SUPPRESS
    )
    return parser


def _announce(site: Site) -> None:
    print(f"Alpenbank          {site.url}")
    print(f"Simulated vendor   {site.sandbox_url}")
    print()
    width = max(len(person.email) for person in PEOPLE)
    for person in PEOPLE:
        role = "admin" if person.is_admin else "customer"
        print(f"  {person.email:<{width}}  {person.password:<12}  {role}")
    print()
    print("Ctrl-C stops both.", flush=True)


def _until_asked_to_stop() -> None:
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()


if __name__ == "__main__":
    sys.exit(main())
