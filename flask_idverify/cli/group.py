"""The command group, and what its commands have in common."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .. import origin

#: What the audit log calls somebody at the prompt who gave no name.
ACTOR = "cli"
MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


@click.pass_context
def _begin(context: click.Context) -> None:
    # The audit log tells what was asked for at a prompt.
    context.with_resource(origin.working_for("cli"))


commands = AppGroup(
    "idverify", help="Identity verification: providers, checks and repairs.", callback=_begin
)


class Problem(click.ClickException):
    """An error of ours, without a traceback."""

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return *error* with the vendor's words, which are for the admin at this prompt."""
        detail = getattr(error, "detail", "")
        return cls(f"{error} {detail}".strip())
