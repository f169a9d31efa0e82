"""Vendor accounts and their links to applications."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
from flask.cli import AppGroup, ScriptInfo, with_appcontext

from .. import queries, runtime, service
from ..errors import IDVerifyError, InvalidProvider, NotFound
from ..i18n import ngettext
from ..texts import sentence
from ..types import CheckStep, Option
from .group import ACTOR, MARKS, Problem, commands

provider_commands = AppGroup("provider", help="Configured vendor accounts.")
commands.add_command(provider_commands)


class _WithOptions(click.Command):
    """Lists in its help what each provider type can be given by ``--option``."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each type."""
        # Help is written before a command has its app context.
        with ctx.ensure_object(ScriptInfo).load_app().app_context():
            registry = runtime.current().registry
        for name in registry.types():
            with formatter.section(f"--option names of type {name!r}"):
                formatter.write_dl(
                    [(option.name, _told(option)) for option in registry.get(name).options]
                )


def _told(option: Option) -> str:
    """Return in a line what an option is, and what it takes."""
    takes = ", ".join(
        value if value == label else f"{value} ({label})" for value, label in option.choices
    )
    if option.limits:
        takes = f"{option.limits[0]} to {option.limits[1]}"
    parts = [f"{option.label}.", sentence(option.help), takes and f"Takes: {takes}."]
    if option.required:
        parts.append("Required.")
    elif option.default is not None:
        parts.append(f"Default: {option.default}.")
    return " ".join(filter(None, parts))


@provider_commands.command("add", cls=_WithOptions)
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
@click.option("--option", "pairs", multiple=True, help="name=value; names are listed below.")
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
    """Add a vendor account.

    Nothing is sent to the vendor; `provider test` does that.
    """
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Problem(f"--option {pair!r}: expected name=value.")
        options[key.strip()] = value.strip()
    try:
        _require_options(provider_type, options)
        row = service.add_provider(
            name=name,
            type=provider_type,
            client_id=client_id,
            client_secret=client_secret,
            endpoint=endpoint,
            options=options,
            actor=ACTOR,
        )
        runtime.current().db.session.commit()
        click.echo(f"Added provider {row.name!r}. Next: flask idverify link {row.name!r}")
        click.echo(f"Callback URL for the vendor's portal (optional): {service.callback_url(row)}")
    except IDVerifyError as error:
        raise Problem.of(error) from None


def _require_options(provider_type: str, options: Mapping[str, str]) -> None:
    """Have what the type cannot do without be said; a form shows its default, a prompt does not."""
    registry = runtime.current().registry
    known = registry.get(provider_type).options if provider_type in registry.types() else ()
    for option in known:
        if option.required and not options.get(option.name):
            raise InvalidProvider(
                option.name,
                f"is required by {provider_type}; add --option {option.name}=… {option.help}",
            )


@provider_commands.command("list")
@with_appcontext
def provider_list() -> None:
    """List the vendor accounts; secrets are never shown."""
    uses = queries.providers()
    if not uses:
        click.echo("No providers. Add one with: flask idverify provider add")
        return
    click.echo("name\ttype\tendpoint\tstate\tcalls")
    for use in uses:
        row = use.provider
        state = "enabled" if row.enabled else "disabled"
        calls = ngettext("%(num)s call today", "%(num)s calls today", use.today.calls)
        words = [row.name, row.type, row.endpoint, state, calls]
        if row.trouble:
            words.append("not let in by the vendor: see doctor")
        if row.is_backed_off:
            words.append(f"left alone until {row.backed_off_until:%Y-%m-%d %H:%M:%S} UTC")
        click.echo("\t".join(words))


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


def _application_exists(name: str | None) -> bool:
    try:
        service.application_named(name)
    except NotFound:
        return False
    return True
