"""``flask idverify …``: the extension at the command line."""

from __future__ import annotations

import runpy
import signal
import sys
import threading
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from . import clock, doctor, inbox, runtime, service
from .errors import ConfigurationError, IDVerifyError, NotFound
from .models import Identity, Provider, Verification
from .types import CheckStep

commands = AppGroup("idverify", help="Identity verification: providers, checks and repairs.")
provider_commands = AppGroup("provider", help="Configured vendor accounts.")
commands.add_command(provider_commands)

_MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


class Problem(click.ClickException):
    """An error of ours, without a traceback."""

    @classmethod
    def of(cls, error: Exception) -> Problem:
        """Return *error* with the vendor's words, which are for the admin at this prompt."""
        detail = getattr(error, "detail", "")
        return cls(f"{error} {detail}".strip())


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
    from . import connection

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
    click.echo(f"{_MARKS['ok' if step.ok else 'error']}  {step.name}: {step.message}{took}")
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
    click.echo(f"{row.application.name}{new}: {row.provider.name} at position {row.position}.")


def _application_exists(name: str | None) -> bool:
    try:
        service.application_named(name)
    except NotFound:
        return False
    return True


@commands.command("refresh")
@click.argument("verification_id")
@with_appcontext
def refresh(verification_id: str) -> None:
    """Ask the vendor how a verification stands."""
    row = runtime.current().db.session.get(Verification, verification_id)
    if row is None:
        raise Problem(f"There is no verification {verification_id!r}.")
    try:
        row = service.refresh(row)
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo(f"{row.id}: {row.status} {' '.join(row.reasons)}".rstrip())


@commands.command("reset")
@click.argument("user_id")
@click.option("--admin", required=True, help="Who signs; kept in the audit log.")
@click.option("--reason", required=True, help="Why; kept encrypted.")
@with_appcontext
def reset(user_id: str, admin: str, reason: str) -> None:
    """Reopen the identity of USER_ID: the locked facts go, the user may verify again."""
    session = runtime.current().db.session
    row = session.scalar(select(Identity).where(Identity.user_id == user_id))
    if row is None:
        raise Problem(f"There is no identity of user {user_id!r}.")
    try:
        service.reset(row, admin=admin, reason=reason)
    except IDVerifyError as error:
        raise Problem.of(error) from None
    click.echo("Reset. The user may state a new claim and verify again.")


@commands.command("work")
@click.option("--once", is_flag=True, help="Do what is due and end; for cron.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@with_appcontext
def work(*, once: bool, interval: float) -> None:
    """Do what is owed: stored callbacks, due polls, endings of silent attempts."""
    stop = threading.Event()

    def ask_to_stop(*_: Any) -> None:
        stop.set()

    if not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask_to_stop)
    pause = interval
    while not stop.is_set():
        try:
            done = inbox.drain()
            if done or once:
                click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} done: {done}")
            pause = interval
        except SQLAlchemyError as error:
            # The database may come back; its message may hold values, so only the kind is told.
            click.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} failed: {type(error).__name__}", err=True)
            if once:
                sys.exit(1)
            pause = min(pause * 2, 60.0)
        if once:
            return
        runtime.current().db.session.remove()
        stop.wait(pause)


@commands.command("doctor")
@with_appcontext
def doctor_command() -> None:
    """Look for the usual mistakes; exit code 1 when something cannot work."""
    try:
        found = doctor.examine()
    except ConfigurationError as error:
        raise Problem(str(error)) from None
    for advice in found:
        click.echo(f"{_MARKS[advice.level]}  {advice.about}: {advice.message}")
    errors = sum(advice.level == "error" for advice in found)
    warnings = sum(advice.level == "warning" for advice in found)
    click.echo(f"{errors} error(s), {warnings} warning(s).")
    if errors:
        sys.exit(1)


@commands.command(
    "sandbox",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the simulated vendor on this machine; see --help for its options."""
    # A program of its own: the sandbox shares nothing with us, so that each checks the other.
    sys.argv = ["flask idverify sandbox", *arguments]
    runpy.run_module("flask_idverify.sandbox", run_name="__main__", alter_sys=True)
