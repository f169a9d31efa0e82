"""Which vendor accounts an application uses, and in which order."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from .. import runtime, service
from ..errors import IDVerifyError, NotFound
from .group import ACTOR, Problem, commands


@commands.command("link")
@click.argument("provider")
@click.option("--application", help="To which; the default application when left out.")
@click.option("--position", type=click.IntRange(min=0), help="Order among the application's links.")
@with_appcontext
def link(*, provider: str, application: str | None, position: int | None) -> None:
    """Link PROVIDER to an application, which is made if there is none of that name."""
    try:
        known = _application_exists(application)
        row = service.link(provider, application, position, actor=ACTOR)
        runtime.current().db.session.commit()
    except IDVerifyError as error:
        raise Problem.of(error) from None
    new = "" if known else " (a new application)"
    order = ", ".join(
        each.provider.name if each.enabled else f"{each.provider.name} (disabled)"
        for each in row.application.links
    )
    click.echo(f"{row.application.name}{new}: {row.provider.name} at position {row.position}.")
    click.echo(f"Tried in this order: {order}.")


@commands.command("unlink")
@click.argument("provider")
@click.option("--application", help="Whose link; the default application's when left out.")
@with_appcontext
def unlink(*, provider: str, application: str | None) -> None:
    """Remove the link of PROVIDER to an application, with its policy and conditions.

    Verifications made through it stay. One that shall only rest is disabled in the admin pages.
    """
    try:
        account = service.provider_named(provider)
        target = service.application_named(application)
        row = next((each for each in target.links if each.provider is account), None)
        if row is None:
            raise Problem(
                f"{account.name!r} is not linked to {target.name!r}; `flask idverify provider "
                "list` shows the links."
            )
        service.applications.unlink(row, actor=ACTOR)
        runtime.current().db.session.commit()
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo(f"{target.name}: {account.name} is linked no more; the link's policy is gone.")
    left = [each for each in target.links if each is not row]
    if not any(each.enabled and each.provider.enabled for each in left):
        click.echo("Nobody can start a verification there now.")


def _application_exists(name: str | None) -> bool:
    try:
        service.application_named(name)
    except NotFound:
        return False
    return True
