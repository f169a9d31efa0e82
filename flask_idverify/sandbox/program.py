"""The stand-in as a program: its options, and serving until interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import NoReturn

import click

from .errors import ControlError
from .server import SandboxServer


def _program() -> str:
    """Return the command that was typed, for the usage line."""
    # Under ``flask idverify sandbox`` we run inside that command, which knows how it was called.
    context = click.get_current_context(silent=True)
    return context.command_path if context is not None else "python -m flask_idverify.sandbox"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_program(),
        description="Run an offline stand-in for the vendor. It has a control API without "
        "credentials: keep it on loopback.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8090, help="port to listen on; 0: any free one")
    parser.add_argument(
        "--allow-local-urls",
        action="store_true",
        help="accept http, ports and loopback hosts in the URLs of a request",
    )
    parser.add_argument("--client-id", default="sandbox-id", help="the client id to accept")
    parser.add_argument(
        "--client-secret", default="sandbox-secret", help="the client secret to accept"
    )
    parser.add_argument(
        "--processing-seconds",
        type=float,
        default=5.0,
        help="how long the check takes after the pictures were handed in",
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, help="seconds by which every answer is held back"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="start of the random numbers; the same gives the same"
    )
    return parser


def _end(*_signal: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        server = SandboxServer(**vars(given))
    except ControlError as error:
        parser.error(str(error))
    except OSError as error:
        print(
            f"cannot listen on {given.host}:{given.port}: {error}; choose another with --port",
            file=sys.stderr,
        )
        return 1
    # Also where a shell has started us in the background, with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    print(f"Sandbox at {server.url}")
    print(f"  client id      {given.client_id}")
    print(f"  client secret  {given.client_secret}")
    print("  the same pair serves Netverify v4 (Basic) and the Platform (OAuth)", flush=True)
    server.serve()
    print("Sandbox stopped")
    return 0
