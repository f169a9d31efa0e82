"""Vendor accounts and their links to applications."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from .. import runtime, service
from ..errors import IDVerifyError, NotFound
from ..models import Provider
from ..types import CheckStep
from .group import MARKS, Problem, commands

provider_commands = AppGroup("provider", help="Configured vendor accounts.")
commands.add_command(provider_commands)


@provider_commands.command("add")
@click.option("--name", required=True, help="Your name for the account.")
@click.option("--type", "provider_type", required=True, help="Jumio, or Jumio Platform.")
@click.option("--client-id", required=True, help="API token or OAuth client id.")
@click.option(
    "--client-secret",
    prompt=True,
    hide_input=True,
    envvar="IDVERIFY_CLIENT_SECRET",
    help="Asked for when not given; IDVERIFY_CLIENT_SECRET in the environment also serves.",
)
@click.option("--endpoint", required=True, help="Base URL of the vendor's API.")
@click.option("--option", "pairs", multiple=True, help="name=value, as the type knows them.")
@with_appcontext
def provider_add(
    *,
    name: str,
    provider_type: str,
    client_id: str,
    client_secret: str,
    endpoint: str,
    pairs: tuple[str, ...],
) -> None:
    """Add a vendor account."""
    options = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Problem(f"--option {pair!r}: expected name=value.")
        options[key.strip()] = value.strip()
    try:
        row = service.add_provider(
            name=name,
            type=provider_type,
            client_id=client_id,
            client_secret=client_secret,
            endpoint=endpoint,
            options=options,
            actor="cli",
        )
        runtime.current().db.session.commit()
        click.echo(f"Added provider {row.name!r}. Next: flask idverify link {row.name!r}")
        click.echo(f"Callback URL for the vendor's portal (optional): {service.callback_url(row)}")
    except IDVerifyError as error:
        raise Problem.of(error) from None


@provider_commands.command("list")
@with_appcontext
def provider_list() -> None:
    """List the vendor accounts; secrets are never shown."""
    rows = runtime.current().db.session.scalars(select(Provider).order_by(Provider.name)).all()
    if not rows:
        click.echo("No providers. Add one with: flask idverify provider add")
    for row in rows:
        state = "enabled" if row.enabled else "disabled"
        click.echo(f"{row.name}\t{row.type}\t{row.endpoint}\t{state}")


@provider_commands.command("test")
@click.argument("name")
@with_appcontext
def provider_test(name: str) -> None:
    """Check a provider's connection: no billable call, no user touched."""
    from .. import connection

    try:
        steps = connection.check(service.provider_named(name))
    except IDVerifyError as error:
        raise Problem.of(error) from None
    for step in steps:
        _echo_step(step)
    if not all(step.ok for step in steps):
        sys.exit(1)


def _echo_step(step: CheckStep) -> None:
    took = f" ({step.milliseconds} ms)" if step.milliseconds is not None else ""
    click.echo(f"{MARKS['ok' if step.ok else 'error']}  {step.name}: {step.message}{took}")
    if step.detail:
        click.echo(f"         {step.detail}")


@commands.command("link")
@click.argument("provider")
@click.argument("application", required=False)
@click.option("--position", type=click.IntRange(min=0), help="Order among the application's links.")
@with_appcontext
def link(provider: str, application: str | None, position: int | None) -> None:
    """Link PROVIDER to APPLICATION (default application when left out)."""
    try:
        known = _application_exists(application)
        row = service.link(provider, application, position, actor="cli")
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


def _application_exists(name: str | None) -> bool:
    try:
        service.application_named(name)
    except NotFound:
        return False
    return True
