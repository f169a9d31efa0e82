"""The audit log: checking it here, exporting it, and checking an export."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import func, select

from .. import audit, clock, runtime
from ..audit_chain import AuditUnchecked, MissingKeys
from ..audit_rows import nothing_there
from ..errors import AuditBroken, IDVerifyError
from ..models import AuditEntry, Identity
from .group import Problem, commands
from .progress import progress

audit_commands = AppGroup("audit", help="The append-only log: check it, export it.")
commands.add_command(audit_commands)


class _Breaks(MissingKeys):
    """Tells each broken chain at once, and the missing keys at the end."""

    def tell(self, error: IDVerifyError) -> None:
        if not self.take(error):
            click.echo(str(error), err=True)

    def tell_keys(self) -> None:
        for line in self.told():
            click.echo(line, err=True)


@audit_commands.command("verify")
@click.option("--subject", help="Only this subject's chain.")
@click.option("--user", help="Only the chain of the identity of this user id.")
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="Check an export instead."
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Check all chains, and that each entry of this export is still in its place.",
)
@click.option("--public-key", help="The key you were given for checking exports.")
@with_appcontext
def verify(
    *,
    subject: str | None,
    user: str | None,
    file: Path | None,
    against: Path | None,
    public_key: str | None,
) -> None:
    """Check the chains, or an exported FILE; exit code 1 when one does not hold.

    Names the first entry of each chain that was changed, removed, inserted or reordered.
    """
    if sum(given is not None for given in (subject, user, file, against)) > 1:
        raise click.UsageError("--subject, --user, --file and --against: give one of them.")
    # Imported where it is used: it is also run as a program, `python -m …`.
    from .. import audit_check

    if (file or against) and not public_key:
        raise click.UsageError(audit_check.NO_KEY)
    if file is not None and public_key:
        try:
            click.echo(audit_check.told(audit_check.check(file, public_key)))
        except audit_check.CheckFailed as error:
            raise Problem(str(error)) from None
    elif against is not None and public_key:
        _verify_against(against, public_key)
    elif public_key:
        raise click.UsageError("--public-key goes with --file and --against.")
    elif subject is not None or user is not None:
        _verify_one(subject if subject is not None else _subject_of(str(user)))
    else:
        _verify_all()


def _subject_of(user: str) -> str:
    found = runtime.current().db.session.scalar(
        select(Identity.subject).where(Identity.user_id == user)
    )
    if found is None:
        raise Problem(f"There is no identity of user {user!r}.")
    return str(found)


def _verify_one(subject: str) -> None:
    try:
        count = audit.verify(runtime.current().db.session, subject)
    except (AuditBroken, AuditUnchecked) as error:
        raise Problem(str(error)) from None
    if count == 0:
        raise Problem(f"There is no audit entry of subject {subject!r}.")
    click.echo(f"The chain of {subject} holds: {count} entries.")


def _verify_all() -> None:
    if not _all_hold():
        sys.exit(1)


def _all_hold() -> bool:
    session, breaks = runtime.current().db.session, _Breaks()
    with progress(_entries(), "Checking entries") as step:
        tally = audit.verify_all(session, breaks.tell, step)
    breaks.tell_keys()
    click.echo(f"{tally.chains} chains, {tally.entries} entries, {tally.broken} broken.")
    nothing = nothing_there(session)
    session.rollback()
    if nothing is not None:
        click.echo(nothing, err=True)
    return not tally.broken and nothing is None


def _verify_against(path: Path, public_key: str) -> None:
    from .. import audit_check, audit_compare

    session, breaks = runtime.current().db.session, _Breaks()
    try:
        header, problem = audit_check.signed(path, public_key)
        with progress(int(header["entries"]), "Comparing entries") as step:
            found = audit_compare.compare(session, path, header, breaks.tell, step)
    except audit_check.CheckFailed as error:
        raise Problem(str(error)) from None
    if problem is not None or header.get("chains_intact") is not True:
        click.echo(f"The log was broken already when {path.name} was exported.", err=True)
    click.echo(
        f"{found.entries} entries of {found.chains} chains in {path.name}, "
        f"{found.broken} chain(s) no longer agree with it."
    )
    if not _all_hold() or found.broken:
        sys.exit(1)


@audit_commands.command("public-key")
@with_appcontext
def public_key_command() -> None:
    """Print the public half of the signing key, for those who check exports."""
    from .. import audit_export

    click.echo(audit_export.public_key())


@audit_commands.command("export")
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A new file; its signature is written beside it, as FILE.sig.",
)
@click.option("--since", help="From this day or moment on (ISO 8601; UTC unless it says).")
@click.option("--until", help="Up to and including this day, or before this moment.")
@click.option("--subject", help="Only this subject's chain.")
@with_appcontext
def export(
    *, kind: str, output: Path, since: str | None, until: str | None, subject: str | None
) -> None:
    """Write the log to a signed file.

    Of the people verified it holds random subjects and no personal data. It names the admins who
    acted, and with IDVERIFY_AUDIT_ADDRESSES=full it holds users' addresses.

    Exit code 1 when a chain does not hold; the file is written all the same, and says so.
    """
    from .. import audit_export

    part = audit_export.Part(_moment("--since", since), _moment("--until", until, 1), subject)
    if part.since and part.since > clock.now():
        raise click.UsageError("--since lies in the future: there is nothing to export yet.")
    if part.since and part.until and part.since >= part.until:
        raise click.UsageError("--until must be later than --since.")
    session, breaks = runtime.current().db.session, _Breaks()
    try:
        with progress(_entries(), "Exporting entries") as step:
            header = audit_export.export(
                session, output, kind, part, tell=breaks.tell, progress=step
            )
    except audit_export.ExportRefused as error:
        raise Problem(str(error)) from None
    breaks.tell_keys()
    click.echo(f"{header['entries']} entries of {header['chains']} chains: {output}, {output}.sig")
    if not header["chains_intact"]:
        click.echo("The log is broken; the signed header says so (chains_intact: false).", err=True)
        sys.exit(1)


def _entries() -> int:
    session = runtime.current().db.session
    count = session.scalar(select(func.count()).select_from(AuditEntry))
    session.rollback()
    return int(count or 0)


def _moment(option: str, text: str | None, days: int = 0) -> datetime | None:
    """Read a day or a moment; *days* later if it is a day."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise click.UsageError(
            f"{option}: expected a day such as 2026-01-31, or a moment such as "
            "2026-01-31T12:00:00+00:00."
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    return found + timedelta(days=days) if len(text.strip()) == 10 else found
