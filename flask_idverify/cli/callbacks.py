"""Stored callbacks: which failed, and trying them again."""

from __future__ import annotations

import sys
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from .. import audit, inbox, queries, service
from ..errors import IDVerifyError
from ..models import CallbackRow
from ..service.callbacks import FAILED
from .group import Problem, commands


@commands.command("callbacks")
@click.option("--failed", is_flag=True, help="Only those that are owed after a failure.")
@click.option("--provider", help="Only those of the provider with this name.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@with_appcontext
def callbacks(*, failed: bool, provider: str | None, limit: int) -> None:
    """List stored callbacks, latest first; what they say is not shown."""
    try:
        sender = service.provider_named(provider).id if provider else None
    except IDVerifyError as error:
        raise Problem.of(error) from None
    if failed:
        found = queries.failed_callbacks(sender, limit=limit)
        rows, count = found.rows, found.count
    else:
        rows = queries.latest_callbacks(sender, limit=limit)
        count = len(rows)
    for row in rows:
        about = row.verification_id or "-"
        times = f"{row.received_at:%Y-%m-%d %H:%M:%S}\t{row.id}\t{row.provider.name}\t{about}"
        click.echo(f"{times}\t{_state(row)}")
    if count > len(rows):
        click.echo(f"These are the latest {len(rows)} of {count}.")
    elif not rows:
        click.echo("No callback has failed." if failed else "No callback is stored.")


def _state(row: CallbackRow) -> str:
    if row.processed_at is not None:
        return f"processed ({row.error})" if row.error else "processed"
    if row.error is None:
        return "waits"
    again = f"{row.next_try_at:%Y-%m-%d %H:%M:%S}" if row.next_try_at else "not by itself"
    return f"failed, tries: {row.tries}, next: {again}: {row.error}"


@commands.command("replay")
@click.argument("callback_id", required=False)
@click.option("--all-failed", is_flag=True, help="All that failed, instead of CALLBACK_ID.")
@click.option("--provider", help="With --all-failed: only of the provider with this name.")
@click.option("--admin", help="Who asks for it; kept in the audit log.")
@click.option("--no-wait", is_flag=True, help="Only make them due, and leave them to the workers.")
@with_appcontext
def replay(
    *,
    callback_id: str | None,
    all_failed: bool,
    provider: str | None,
    admin: str | None,
    no_wait: bool,
) -> None:
    """Try a failed callback again now, or all of them; `callbacks --failed` tells their ids."""
    if (callback_id is None) != all_failed or (provider is not None and not all_failed):
        raise click.UsageError("Give either CALLBACK_ID or --all-failed [--provider NAME].")
    actor = f"admin:{admin}" if admin else audit.SYSTEM
    try:
        if callback_id is not None:
            count, which = _one(callback_id, actor), (CallbackRow.id == callback_id,)
        else:
            count, which = _all(provider, actor), FAILED
        click.echo(f"Due now: {count}.")
        if count and not no_wait:
            _work_on(which)
    except IDVerifyError as error:
        raise Problem.of(error) from None
    except SQLAlchemyError as error:
        # Its message may hold values.
        raise Problem(
            f"The database refused: {type(error).__name__}. What is due stays due; try again."
        ) from None


def _one(callback_id: str, actor: str) -> int:
    row = queries.callback(callback_id)
    if not service.replay_callback(row.id, actor=actor):
        raise Problem("This callback has been processed; nothing is to be done.")
    return 1


def _all(provider: str | None, actor: str) -> int:
    senders = (
        [service.provider_named(provider)]
        if provider
        else [row for row, _count in queries.failed_callbacks(limit=1).providers]
    )
    return sum(service.replay_failed(sender, actor=actor) for sender in senders)


def _work_on(which: tuple[Any, ...]) -> None:
    """Process what was made due, and tell how that went; workers may help meanwhile."""
    done = failed = 0
    while any(tried := inbox.drain_callbacks(*which)):
        done, failed = done + tried.done, failed + tried.failed
    click.echo(f"Done: {done}; failed again: {failed}.")
    if failed:
        click.echo("`flask idverify callbacks --failed` tells why.")
        sys.exit(1)
