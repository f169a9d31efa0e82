"""Users: how an attempt stands, and reopening an identity."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from .. import runtime, service
from ..errors import IDVerifyError
from ..models import Identity, Verification
from .group import Problem, commands, require_consent


@commands.command("refresh")
@click.argument("verification_id")
@click.option("--admin", help="Who signs, with --reason; kept in the audit log.")
@click.option("--reason", help="Why, with --admin; kept encrypted.")
@with_appcontext
def refresh(*, verification_id: str, admin: str | None, reason: str | None) -> None:
    """Ask the vendor how a verification stands; signed, the audit log keeps that it was asked."""
    row = runtime.current().db.session.get(Verification, verification_id)
    if row is None:
        raise Problem(f"There is no verification {verification_id!r}.")
    try:
        if admin is None and reason is None:
            row = service.refresh(row)
        else:
            row = service.ask(row, admin=admin or "", reason=reason or "")
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo(f"{row.id}: {row.status} {' '.join(row.reasons)}".rstrip())


@commands.command("reset")
@click.argument("user_id")
@click.option("--admin", required=True, help="Who signs; kept in the audit log.")
@click.option("--reason", required=True, help="Why; kept encrypted.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@with_appcontext
def reset(*, user_id: str, admin: str, reason: str, yes: bool) -> None:
    """Reopen the identity of USER_ID: the locked facts go, the user may verify again."""
    session = runtime.current().db.session
    row = session.scalar(select(Identity).where(Identity.user_id == user_id))
    if row is None:
        raise Problem(f"There is no identity of user {user_id!r}.")
    require_consent(
        yes,
        f"Reset user {user_id!r}? The verified facts go, and this cannot be undone.",
        "Nothing was reset",
    )
    try:
        service.reset(row, admin=admin, reason=reason)
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo("Reset. The user may state a new claim and verify again.")
