"""The command group, and what its commands have in common."""

from __future__ import annotations

import sys
from typing import Any

import click
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from .. import origin, runtime
from ..doctor import stored

#: What the audit log calls somebody at the prompt who gave no name.
ACTOR = "cli"
MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


@click.pass_context
def _begin(context: click.Context) -> None:
    # The audit log tells what was asked for at a prompt.
    context.with_resource(origin.working_for("cli"))


class Problem(click.ClickException):
    """An error of ours, without a traceback."""

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return *error* with the vendor's words, which are for the admin at this prompt."""
        detail = getattr(error, "detail", "")
        return cls(f"{error} {detail}".strip())


def lack_behind(error: Exception) -> str | None:
    """Say which tables or columns are missing, if *error* may come from that and some are.

    Asked only when a statement failed, so that a healthy command pays nothing for it.
    """
    if not isinstance(error, (OperationalError, ProgrammingError)):
        return None
    try:
        return stored.lack(runtime.current())
    except SQLAlchemyError:
        return None  # the database cannot be asked at all: the first error says more


def require_tables() -> None:
    """End the command before anybody is asked for anything, where tables or columns are missing."""
    if lack := stored.lack(runtime.current()):
        raise Problem(lack)


def require_consent(yes: bool, question: str, untouched: str) -> None:
    """Have somebody at the prompt agree, unless they did by ``--yes``.

    :param untouched: what is said where nobody can be asked, e.g. "Nothing was erased".
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Problem(f"{untouched}: nobody can be asked here. Add --yes.")
    click.confirm(question, abort=True)


class _Commands(AppGroup):
    """Ends a command with a line where the database is older than the code, or empty."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (OperationalError, ProgrammingError) as error:
            # The command's own context has ended by now.
            with ctx.ensure_object(ScriptInfo).load_app().app_context():
                lack = lack_behind(error)
            if lack is None:
                raise
            raise Problem(lack) from None


commands = _Commands(
    "idverify", help="Identity verification: providers, checks and repairs.", callback=_begin
)
