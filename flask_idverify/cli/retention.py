"""Personal data: erasing a person, handing out what is held of one, and its time running out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from .. import config, outbox, runtime, service
from ..errors import ErasureRefused, IDVerifyError
from ..models import Identity, OutboxRow
from ..service import retention
from ..service.identities import former_identities
from .group import ACTOR, Problem, commands, lack_behind, require_consent
from .progress import progress

_BY_ID = click.option(
    "--identity", "identity_id", help="The identity's id, e.g. of a user who is gone, not USER_ID."
)


def _identity(user_id: str | None, identity_id: str | None) -> Identity:
    if (user_id is None) == (identity_id is None):
        raise click.UsageError("Give either USER_ID or --identity ID.")
    column = Identity.user_id if identity_id is None else Identity.id
    row: Identity | None = runtime.current().db.session.scalar(
        select(Identity).where(column == (user_id if identity_id is None else identity_id))
    )
    if row is None:
        raise Problem(
            _nobody(user_id) if user_id is not None else f"There is no identity {identity_id!r}."
        )
    return row


def _nobody(user_id: str) -> str:
    """Say that there is no such user, and where the records are of one who is gone."""
    gone = former_identities(user_id)
    if not gone:
        return (
            f"There is no identity of user {user_id!r}. If they were deleted, find the identity in "
            "the admin pages and give --identity ID."
        )
    found = " or ".join(f"--identity {each}" for each in gone)
    return f"The user {user_id!r} was deleted. If it is the one you mean, give {found} instead."


@contextmanager
def _told() -> Iterator[None]:
    """End with a line, and no traceback, for what may happen in a working installation."""
    try:
        yield
    except IDVerifyError as error:
        raise Problem.of(error) from None
    except SQLAlchemyError as error:
        if lack := lack_behind(error):
            raise Problem(lack) from None
        # Its message may hold values.
        raise Problem(
            f"The database refused: {type(error).__name__}. What is done stays done; try again."
        ) from None


@commands.command("erase")
@click.argument("user_id", required=False)
@_BY_ID
@click.option("--admin", required=True, help="Who signs; kept in the audit log.")
@click.option(
    "--reason",
    required=True,
    help="Why. It may name the person, so only its keyed digest is kept: keep the text yourself.",
)
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@click.option("--no-wait", is_flag=True, help="Leave the vendors' deletions to the worker.")
@with_appcontext
def erase(
    *,
    user_id: str | None,
    identity_id: str | None,
    admin: str,
    reason: str,
    yes: bool,
    dry_run: bool,
    no_wait: bool,
) -> None:
    """Erase the person with USER_ID: their data here, and what vendors hold of them.

    That they were verified or refused, when and by which rule stays. They may start anew. Of a
    deleted user this tells the --identity to give, since their id may be somebody else's by now.

    Exit code 0 means that they are erased here. What a vendor could not delete at once stays owed:
    the last lines say so, `flask idverify work` goes on, and `flask idverify doctor` tells until
    it is done.
    """
    with _told():
        row = _identity(user_id, identity_id)
        subject = row.subject
        late = config.changed_since(current_app, runtime.current().settings)
        if late:
            # One of them may be a hold.
            raise Problem(f"Set after init_app and without effect: {', '.join(late)}.")
        try:
            found = service.would_erase(row)
        except ErasureRefused:
            if not dry_run:
                service.erase(row, actor=f"admin:{admin}", reason=reason)  # refused, and noted
            raise
        _tell("Would remove" if dry_run else "To be removed", found)
        if dry_run:
            return
        require_consent(yes, "Erase? This cannot be undone.", "Nothing was erased")
        found = service.erase(row, actor=f"admin:{admin}", reason=reason)
        _tell("Removed", found)
        _settle(subject, wait=not no_wait)


def _tell(verb: str, found: service.Erased) -> None:
    click.echo(
        f"{verb}: personal data of {found.attempts} verification(s) ({found.canceled} unfinished), "
        f"{found.callbacks} callback(s), {found.notes} note(s); "
        f"{found.owed} deletion(s) at vendors."
    )
    if found.fingerprint_kept:
        click.echo("The policy keeps the keyed digest of the document's number.")


def _settle(subject: str, *, wait: bool) -> None:
    """Try what is owed, and tell what still is."""
    owed = len(service.owed_of(subject))
    runtime.current().db.session.rollback()
    if wait and owed:
        with progress(owed, "Deleting at the vendor") as step:
            # Never more often than there are rows: a lease or a back-off ends it too.
            for _ in range(owed):
                if not (tried := sum(outbox.drain_owed(subject))):
                    break
                step(tried)
    left = service.owed_of(subject)
    if not left:
        click.echo("Erased here, and no vendor owes a deletion.")
        return
    click.echo(f"Erased here. Still owed by vendors: {len(left)} deletion(s):")
    for row in left:
        _tell_owed(row)
    click.echo(
        "`flask idverify work` goes on trying, `flask idverify doctor` tells until it is done; see "
        "docs/personal-data.md."
    )


def _tell_owed(row: OutboxRow) -> None:
    name = row.provider.name if row.provider is not None else "–"
    click.echo(f"  {name}: {row.error or 'not tried yet'}")


@commands.command("export")
@click.argument("user_id", required=False)
@_BY_ID
@click.option(
    "--admin",
    help="Who asks; kept in the audit log. Without it the log says `cli`: somebody at this prompt.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to a file that only you can read; without it, to the terminal.",
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@with_appcontext
def export(
    *,
    user_id: str | None,
    identity_id: str | None,
    admin: str | None,
    output: Path | None,
    force: bool,
) -> None:
    """Write all that is held of the person with USER_ID as JSON. Audited.

    Administrators' notes are left out, since they may be about others too.
    """
    with _told():
        row = _identity(user_id, identity_id)
    if output is not None and output.exists() and not force:
        raise Problem(f"{output} exists; choose another name, or --force.")
    with _told():
        found = service.export(row, actor=f"admin:{admin}" if admin else ACTOR)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, force=force)
        click.echo(f"Written to {output}.")
    if not found["complete"]:
        click.echo("Some values cannot be decrypted; they are marked 'unreadable'.", err=True)


def _write(output: Path, text: str, *, force: bool) -> None:
    """Write a file that nobody else could read at any moment."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        descriptor = os.open(output, flags, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)  # an overwritten file keeps its own mode otherwise
            file.write(text)
    except OSError as error:
        raise Problem(f"{output} cannot be written: {error.strerror}.") from None


@commands.command("purge")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many pieces.")
@with_appcontext
def purge(*, dry_run: bool, limit: int | None) -> None:
    """Remove personal data whose days (IDVERIFY_RETENTION_DAYS) are over. For cron.

    May be stopped and run again at any time, while the app works.
    """
    if not retention.is_configured():
        click.echo("IDVERIFY_RETENTION_DAYS is not set: everything is kept until it is erased.")
        service.purge(dry_run=dry_run)  # what is nobody's: old numbers of calls
        return
    with (
        _told(),
        progress(retention.due(), "Looking" if dry_run else "Removing") as step,
    ):
        found = service.purge(progress=step, limit=limit, dry_run=dry_run)
    _summarise(found, dry_run=dry_run)


def _summarise(found: service.Purged, *, dry_run: bool) -> None:
    verb = "Would remove" if dry_run else "Removed"
    by_status = ", ".join(f"{count} {name}" for name, count in sorted(found.attempts.items()))
    click.echo(
        f"{verb}: {found.attempts.total()} verification(s) ({by_status or 'none'}), "
        f"{found.identities} identity(ies), {found.attempts_callbacks} callback(s) with their "
        f"verification, {found.callbacks} by their own age."
    )
    if dry_run and found.attempts:
        click.echo("Identities that are empty afterwards go in the same run; they are not counted.")
    if found.held:
        click.echo(f"Passed over because of a legal hold: {found.held} piece(s) of theirs.")
    if found.owed:
        click.echo(f"Owed at vendors: {found.owed} deletion(s); `flask idverify work` makes them.")
