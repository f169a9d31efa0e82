"""Stored callbacks: which failed, and trying them again."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from .. import audit, clock, processing, queries, service
from ..errors import IDVerifyError
from ..models import CallbackRow
from ..service.callbacks import FAILED
from .group import Problem, commands, lack_behind


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
        rows, more = found.page.rows, found.page.older is not None
        of = f" of {found.count}" if found.count > len(rows) else "; there are more"
    else:
        rows, more, of = queries.latest_callbacks(sender, limit=limit), False, ""
    if rows:
        click.echo("received (UTC)	id	provider	verification	state")
    for row in rows:
        about = row.verification_id or "-"
        times = f"{row.received_at:%Y-%m-%d %H:%M:%S}\t{row.id}\t{row.provider.name}\t{about}"
        click.echo(f"{times}\t{_state(row)}")
    if more:
        click.echo(f"These are the latest {len(rows)}{of}.")
    elif not rows:
        click.echo("No callback has failed." if failed else "No callback is stored.")


def _state(row: CallbackRow) -> str:
    if row.processed_at is not None:
        return f"processed ({row.error})" if row.error else "processed"
    if row.error is None:
        return "waits"
    again = f"{row.next_try:%Y-%m-%d %H:%M:%S}" if row.next_try else "not by itself"
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
            count, which = _one(callback_id, actor), [CallbackRow.id == callback_id]
        else:
            count, which = _all(provider, actor)
        begun = clock.now()
        click.echo(f"Due now: {count}.")
        done = _work_on(which, begun) if count and not no_wait else None
        _tell(done, queries.replayed(which, begun))
    except IDVerifyError as error:
        raise Problem.of(error) from None
    except SQLAlchemyError as error:
        if lack := lack_behind(error):
            raise Problem(lack) from None
        # Its message may hold values.
        raise Problem(
            f"The database refused: {type(error).__name__}. What is due stays due; try again."
        ) from None


def _one(callback_id: str, actor: str) -> int:
    row = queries.callback(callback_id)
    if not service.replay_callback(row.id, actor=actor):
        row = queries.callback(callback_id)
        if row.processed_at is None:
            raise Problem("A worker is processing this callback at this moment; look again soon.")
        raise Problem("This callback has been processed; nothing is to be done.")
    return 1


def _all(provider: str | None, actor: str) -> tuple[int, list[Any]]:
    """Make due what failed; return how many, and which they are."""
    senders = (
        [service.provider_named(provider)]
        if provider
        else [row for row, _count in queries.failed_callbacks(limit=1).providers]
    )
    which = [*FAILED, CallbackRow.provider_id.in_([sender.id for sender in senders])]
    return sum(service.replay_failed(sender, actor=actor) for sender in senders), which


def _work_on(which: list[Any], begun: datetime) -> int:
    """Try each that was made due once, and return how many are done; workers may help meanwhile."""
    done = 0
    # One that fails is put off beyond this moment.
    while any(tried := processing.drain_callbacks(*which, CallbackRow.next_try_at <= begun)):
        done += tried.done
    return done


def _tell(done: int | None, left: queries.Replayed) -> None:
    """Tell how it went, and what stands in the way of the others; failures are an error.

    :param done: how many are; ``None`` when none was tried.
    """
    if done is not None:
        click.echo(f"Done: {done}; failed again: {left.failed}.")
    for provider, count in left.waiting:
        click.echo(
            f"{count} of {provider.name!r} wait until {provider.backed_off_until:%H:%M:%S} UTC: "
            "the vendor's rate limit."
        )
    if left.in_process:
        click.echo(f"{left.in_process} are being processed by a worker at this moment.")
    if done is not None and left.failed:
        click.echo("`flask idverify callbacks --failed` tells why.")
        sys.exit(1)
