"""The usual mistakes, and a vendor to try things with."""

from __future__ import annotations

import runpy
import sys

import click
from flask.cli import with_appcontext

from .. import doctor
from .group import MARKS, commands


@commands.command("doctor")
@with_appcontext
def doctor_command() -> None:
    """Look for the usual mistakes; exit code 1 when something cannot work."""
    found = doctor.examine()
    for advice in found:
        click.echo(f"{MARKS[advice.level]}  {advice.about}: {advice.message}")
    errors = sum(advice.level == "error" for advice in found)
    warnings = sum(advice.level == "warning" for advice in found)
    click.echo(f"{errors} error(s), {warnings} warning(s).")
    if errors:
        sys.exit(1)


@commands.command(
    "sandbox",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the simulated vendor on this machine; see --help for its options."""
    # A program of its own: the sandbox shares nothing with us, so that each checks the other.
    sys.argv = ["flask idverify sandbox", *arguments]
    runpy.run_module("flask_idverify.sandbox", run_name="__main__", alter_sys=True)
