"""Vendor accounts."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence

import click
from flask.cli import AppGroup, ScriptInfo, with_appcontext

from .. import queries, runtime, service
from ..errors import IDVerifyError, InvalidProvider
from ..i18n import ngettext, number
from ..texts import sentence
from ..types import CheckStep, Option
from .group import ACTOR, MARKS, Problem, commands, require_consent, require_tables

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
    envvar="IDVERIFY_CLIENT_SECRET",
    help="Asked for when not given; IDVERIFY_CLIENT_SECRET in the environment also serves.",
)
@click.option("--endpoint", required=True, help="Base URL of the vendor's API.")
@click.option("--option", "pairs", multiple=True, help="name=value; names are listed below.")
@click.option("--calls-per-day", help="What the contract allows, if you know; holds nothing back.")
@with_appcontext
def provider_add(
    *,
    name: str,
    provider_type: str,
    client_id: str,
    client_secret: str | None,
    endpoint: str,
    pairs: tuple[str, ...],
    calls_per_day: str | None,
) -> None:
    """Add a vendor account.

    Nothing is sent to the vendor; `provider test` does that.
    """
    require_tables()
    options = _named(pairs)
    kind = _type_meant(provider_type)
    try:
        _require_options(kind, options)
        # Asked for here and not by click, which would do it before anything can be looked at.
        if client_secret is None:
            client_secret = click.prompt("Client secret", hide_input=True)
        row = service.add_provider(
            name=name,
            type=kind,
            client_id=client_id,
            client_secret=client_secret,
            endpoint=endpoint,
            options=options,
            calls_per_day=calls_per_day,
            actor=ACTOR,
        )
        runtime.current().db.session.commit()
        click.echo(f"Added provider {row.name!r}. Next: flask idverify link {row.name!r}")
        click.echo(f"Callback URL for the vendor's portal (optional): {service.callback_url(row)}")
    except IDVerifyError as error:
        raise Problem.of(error) from None


def _named(pairs: Sequence[str]) -> dict[str, str]:
    """Return the values of ``--option`` by name."""
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Problem(f"--option {pair!r}: expected name=value.")
        options[key.strip()] = value.strip()
    return options


def _type_meant(given: str) -> str:
    """Return the provider type that was typed, in whatever case."""
    known = {name.lower(): name for name in runtime.current().registry.types()}
    wanted = " ".join(given.lower().split())
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, 1)
    hint = f" Did you mean {known[near[0]]!r}?" if near else ""
    expected = ", ".join(sorted(known.values()))
    raise Problem(f"type: expected one of {expected}, not {given!r}.{hint}")


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


@provider_commands.command("change", cls=_WithOptions)
@click.argument("name")
@click.option("--rename", help="A new name.")
@click.option("--type", "provider_type", help="Only while nothing refers to the provider.")
@click.option("--client-id", help="API token or OAuth client id.")
@click.option(
    "--client-secret",
    prompt="Client secret",
    prompt_required=False,
    hide_input=True,
    default="",
    help="Without a value it is asked for, so that it stands in no history of commands.",
)
@click.option("--endpoint", help="Base URL of the vendor's API.")
@click.option("--option", "pairs", multiple=True, help="name=value; name= takes the default again.")
@click.option("--enable/--disable", "enabled", default=None, help="Disabled starts nothing new.")
@click.option("--calls-per-day", help='What the contract allows; "" where that is not known.')
@click.option(
    "--same-account",
    is_flag=True,
    help="Confirms that a new client id or endpoint leads to the account that has the records.",
)
@with_appcontext
def provider_change(
    *,
    name: str,
    rename: str | None,
    provider_type: str | None,
    client_id: str | None,
    client_secret: str,
    endpoint: str | None,
    pairs: tuple[str, ...],
    enabled: bool | None,
    calls_per_day: str | None,
    same_account: bool,
) -> None:
    """Change the vendor account NAME; what is not given stays as it is.

    Nothing is sent to the vendor; `provider test` does that.
    """
    wishes = (rename, provider_type, client_id, client_secret or None, endpoint, enabled)
    if all(wish is None for wish in (*wishes, calls_per_day)) and not pairs:
        raise Problem("Nothing was given to change; see --help.")
    given = _named(pairs)
    try:
        row = service.provider_named(name)
        kind = row.type if provider_type is None else _type_meant(provider_type)
        # Another type's settings mean nothing to this one.
        options = {**(row.options if kind == row.type else {}), **given}
        if kind != row.type:
            _require_options(kind, given)
        service.providers.change_provider(
            row,
            name=row.name if rename is None else rename,
            type=kind,
            client_id=row.client_id if client_id is None else client_id,
            client_secret=client_secret,
            endpoint=row.endpoint if endpoint is None else endpoint,
            options=options,
            enabled=row.enabled if enabled is None else enabled,
            calls_per_day=row.calls_per_day if calls_per_day is None else calls_per_day,
            actor=ACTOR,
            same_account=same_account,
        )
        runtime.current().db.session.commit()
    except InvalidProvider as error:
        how = " Add --same-account." if error.message == service.providers.OTHER_ACCOUNT else ""
        raise Problem(f"{error}{how}") from None
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo(f"Changed provider {row.name!r}. Next: flask idverify provider test {row.name!r}")


@provider_commands.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@with_appcontext
def provider_remove(*, name: str, yes: bool) -> None:
    """Remove the vendor account NAME, to which nothing refers, with its secret.

    One that is linked or has verifications can only be disabled: `provider change --disable`.
    """
    try:
        row = service.provider_named(name)
        require_consent(yes, f"Remove provider {row.name!r} for good?", "Nothing was removed")
        service.providers.delete_provider(row, actor=ACTOR)
        runtime.current().db.session.commit()
    except InvalidProvider as error:
        how = f" To disable it: flask idverify provider change {name!r} --disable"
        if queries.is_linked(row):
            how += f". To remove a link: flask idverify unlink {name!r} --application NAME"
        raise Problem(f"{error}{how}") from None
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo(f"Removed provider {name!r}.")


@provider_commands.command("list")
@with_appcontext
def provider_list() -> None:
    """List the vendor accounts and what they are linked to; secrets are never shown."""
    uses = queries.providers()
    if not uses:
        click.echo("No providers. Add one with: flask idverify provider add")
        return
    links = _links()
    click.echo("name\ttype\tendpoint\tstate\tcalls\tlinks")
    for use in uses:
        row = use.provider
        state = "enabled" if row.enabled else "disabled"
        calls = ngettext("%(num)s call today", "%(num)s calls today", use.today.calls)
        calls += f" of {number(row.calls_per_day)}" if row.calls_per_day else ""
        linked = ", ".join(links.get(row.id, ["not linked"]))
        words = [row.name, row.type, row.endpoint, state, calls, linked]
        if row.trouble:
            words.append("not let in by the vendor: see doctor")
        if row.is_backed_off:
            words.append(f"left alone until {row.backed_off_until:%Y-%m-%d %H:%M:%S} UTC")
        click.echo("\t".join(words))


def _links() -> dict[str, list[str]]:
    """Return by provider what it is linked to, and where it stands there."""
    found: dict[str, list[str]] = {}
    for application in queries.applications():
        for each in application.links:
            told = f"{application.name} at position {each.position}"
            told += "" if each.enabled else " (disabled)"
            found.setdefault(each.provider_id, []).append(told)
    return found


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
