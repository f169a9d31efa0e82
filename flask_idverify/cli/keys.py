"""Keys: rotating them, seeing which are needed, carrying derived ones over."""

from __future__ import annotations

import sys
import textwrap
from base64 import urlsafe_b64encode

import click
from flask.cli import with_appcontext

from .. import key_usage, rotation, runtime
from ..encryption import Key, parse_keys
from ..errors import IDVerifyError
from ..models import AuditHead
from .group import Problem, commands
from .progress import progress

#: What is counted there is not what the table's name lets expect.
_NAMED = {AuditHead.__tablename__: f"{AuditHead.__tablename__} (chains without entries)"}


@commands.command("rotate-keys")
@click.option(
    "--batch",
    type=click.IntRange(1, 10000),
    default=rotation.BATCH,
    show_default=True,
    help="Rows per transaction.",
)
@click.option("--status", is_flag=True, help="Only count which key is used where.")
@click.option("--list-all", is_flag=True, help="Name every row that cannot be read.")
@with_appcontext
def rotate_keys(*, batch: int, status: bool, list_all: bool) -> None:
    """Seal everything with the first key of IDVERIFY_ENCRYPTION_KEYS, while the app works.

    May be stopped and run again at any time. Exit code 1 when something is not on the first key
    at the end. The other keys go on reading until you drop them.
    """
    try:
        if status:
            found = key_usage.usage()
            if _tell(found) or key_usage.needs_rotation(found):
                sys.exit(1)
            return
        current = runtime.current().keyring.current_id
        examples = sys.maxsize if list_all else 20
        with progress(rotation.rows_to_look_at(), f"Moving to key {current}") as step:
            report = rotation.rotate(step, batch=batch, examples=examples)
        found = key_usage.usage()
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo(f"{report.changed} row change(s) written.")
    for place in sorted(report.unreadable):
        _tell_unreadable(report, place, list_all=list_all)
    for (table, column, key_id), number in sorted(report.kept.items()):
        click.echo(
            f"{number} value(s) in {table}.{column} stay under key {key_id}: what they were made "
            "from is gone."
        )
    _tell(found)
    left = key_usage.needs_rotation(found) - sum(report.unreadable.values())
    if left > 0:
        click.echo(
            f"{left} value(s) were written under another key meanwhile: some process has not "
            f"{current} as its first key. Restart it with the new list, then run this again.",
            err=True,
        )
    if report.unreadable:
        click.echo(
            f"{sum(report.unreadable.values())} value(s) could not be read and stay as they are; "
            "everything else is done.",
            err=True,
        )
    if left > 0 or report.unreadable:
        sys.exit(1)


def _tell_unreadable(report: rotation.Report, place: rotation.Place, *, list_all: bool) -> None:
    table, column, why = place
    number, named = report.unreadable[place], report.examples[place]
    click.echo(f"{table}.{column}: {number} value(s) cannot be read ({why}):", err=True)
    for row_id in named:
        click.echo(f"  {row_id}", err=True)
    if number > len(named) and not list_all:
        click.echo(f"  and {number - len(named)} more; --list-all names every one", err=True)


def _tell(found: list[key_usage.Usage]) -> bool:
    """Print the table and what may be done with each key; say whether one is missing."""
    lines = [
        (_NAMED.get(use.place, use.place), key, str(n))
        for use in found
        for key, n in sorted(use.counts.items())
    ]
    width = max((len(place) for place, _, _ in lines), default=0)
    click.echo(f"{'column':<{width}}  {'key':<16}  {'values':>8}")
    for place, key_id, number in lines:
        click.echo(f"{place:<{width}}  {key_id:<16}  {number:>8}")
    verdicts = key_usage.verdicts(found)
    for verdict in verdicts:
        click.echo(_filled(f"{verdict.setting}: {verdict.key_id} {verdict.told}", "  "))
        for reason in verdict.reasons:
            click.echo(_filled(f"  - {reason}", "    "))
    return any(verdict.is_missing for verdict in verdicts)


def _filled(line: str, indent: str) -> str:
    """Return *line* in lines of a terminal; names and commands are not hyphenated."""
    return textwrap.fill(line, 80, subsequent_indent=indent, break_on_hyphens=False)


@commands.command("derived-keys")
@click.argument("purpose", type=click.Choice(["audit", "fingerprint"]))
@with_appcontext
def derived_keys(purpose: str) -> None:
    """Print the keys that PURPOSE has while its own setting is empty. They are secrets.

    Put them behind a new key into IDVERIFY_AUDIT_KEYS or IDVERIFY_FINGERPRINT_KEYS; then the
    encryption keys that they derive from can be dropped.
    """
    settings = runtime.current().settings
    if not settings.encryption_keys:
        raise Problem("IDVERIFY_ENCRYPTION_KEYS is not set: set it first.")
    for key in parse_keys(settings.encryption_keys, "IDVERIFY_ENCRYPTION_KEYS"):
        derived = Key.derive(key, purpose)
        click.echo(f"{key.id}:{urlsafe_b64encode(derived.material).decode().rstrip('=')}")
    click.echo("These are secrets: keep them as you keep SECRET_KEY.", err=True)
