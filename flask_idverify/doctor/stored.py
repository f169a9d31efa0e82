"""What is stored: tables, keys, vendor accounts, links, and what is owed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import inspect, select, text

from .. import key_usage, queries, runtime
from ..errors import ConfigurationError, IDVerifyError
from ..models import Application, Base, OutboxRow, Provider
from ..runtime import Runtime
from ..service.owed import MAX_TRIES, SIGNAL, VENDOR_ERASURE
from ..service.providers import clean_endpoint
from .advice import Advice, ok


def missing(app: Runtime) -> list[str]:
    """Return our tables and columns that the database lacks; nothing stored can be looked at."""
    inspected = inspect(app.db.engine)
    found = []
    for table in Base.metadata.sorted_tables:
        if not inspected.has_table(table.name):
            found.append(table.name)
            continue
        present = {column["name"] for column in inspected.get_columns(table.name)}
        found += [f"{table.name}.{name}" for name in set(table.columns.keys()) - present]
    return sorted(found)


#: What adds tables and columns.
_WAY = (
    "Run `flask db migrate` and `flask db upgrade`, or db.create_all(), which adds whole tables "
    "only, no column."
)


def tables(app: Runtime) -> Iterator[Advice]:
    """Look for our tables."""
    if lacking := missing(app):
        yield Advice("error", "tables", f"missing: {', '.join(lacking)}. {_WAY}")
    else:
        yield ok("tables", "all there.")


def lack(app: Runtime) -> str | None:
    """Say in a line what tables and columns are missing, if any are."""
    lacking = missing(app)
    if not lacking:
        return None
    more = f" and {len(lacking) - 2} more" if len(lacking) > 3 else ""
    named = ", ".join(lacking[:2] if more else lacking)
    return f"Missing in the database: {named}{more}. {_WAY} `flask idverify doctor` names them all."


def database(app: Runtime) -> Iterator[Advice]:
    """Look at the kind of database."""
    engine = app.db.engine
    if engine.dialect.name != "sqlite":
        yield ok("database", engine.dialect.name)
        return
    with engine.connect() as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar()
    if mode == "wal":
        yield ok("database", "SQLite with WAL.")
    else:
        yield Advice(
            "warning",
            "database",
            f"SQLite with journal mode {mode!r}: correct, but readers and writers wait for each "
            "other. Set PRAGMA journal_mode=WAL, once (docs/scaling.md).",
        )


def keys(app: Runtime) -> Iterator[Advice]:
    """Look for keys that are needed and missing."""
    if app.settings.audit_signing_key:
        yield ok("IDVERIFY_AUDIT_SIGNING_KEY", "is set.")
    else:
        yield ok("IDVERIFY_AUDIT_SIGNING_KEY", "not set: `audit export` is refused.")
    lacking: dict[tuple[str, str], list[str]] = {}
    for purpose, place, key_id in key_usage.missing():
        lacking.setdefault((purpose, key_id), []).append(place)
    for (purpose, key_id), places in lacking.items():
        yield Advice(
            "error",
            f"{purpose} key {key_id!r}",
            f"is not configured, and is needed for {', '.join(places)}: "
            f"{key_usage.way_back(purpose, key_id)} (docs/keys.md).",
        )
    if len(app.keyring.ids) > 1:
        yield ok(
            "keys",
            "there are older ones: `flask idverify rotate-keys --status` tells which can go.",
        )


def providers(app: Runtime) -> Iterator[Advice]:
    """Look at each vendor account."""
    rows = app.db.session.scalars(select(Provider).order_by(Provider.name)).all()
    if not rows:
        yield Advice(
            "warning", "providers", "none yet: add one with `flask idverify provider add`."
        )
    for row in rows:
        about = f"provider {row.name!r}"
        problems = [p for p in (_problem(check, row) for check in _PROVIDER_CHECKS) if p]
        for problem in problems:
            yield Advice("error", about, problem)
        if row.enabled and not queries.is_linked(row):
            yield Advice(
                "warning",
                about,
                "no application links it, so that it is never used: "
                f"`flask idverify link {row.name!r}`, or disable it.",
            )
        elif not problems:
            yield ok(about, f"{row.type} at {row.endpoint}{'' if row.enabled else ' (disabled)'}")


def _check_secret(row: Provider) -> None:
    _ = row.client_secret


def _check_endpoint(row: Provider) -> None:
    clean_endpoint(row.type, row.endpoint)


def _check_options(row: Provider) -> None:
    runtime.current().registry.get(row.type).clean_options(row.options)


_PROVIDER_CHECKS = (_check_secret, _check_endpoint, _check_options)


def _problem(check: Callable[[Provider], None], row: Provider) -> str | None:
    try:
        check(row)
    except (IDVerifyError, ConfigurationError) as error:
        return str(error)
    return None


def applications(app: Runtime) -> Iterator[Advice]:
    """Look for applications in which nobody can start."""
    rows = app.db.session.scalars(select(Application).order_by(Application.name)).all()
    default = app.settings.default_application
    if default not in {row.name for row in rows}:
        yield Advice(
            "warning",
            "applications",
            f"the default application {default!r} does not exist: link a provider to it with "
            "`flask idverify link`.",
        )
    for row in rows:
        if any(link.enabled and link.provider.enabled for link in row.links):
            yield ok(f"application {row.name!r}", "has a provider.")
        else:
            yield Advice(
                "warning", f"application {row.name!r}", "has no enabled provider: nobody can start."
            )


def starts(_app: Runtime) -> Iterator[Advice]:
    """Tell what is next where no verification can be started at all."""
    numbers = queries.setup_numbers()
    if numbers.usable_links:
        return
    if not numbers.providers:
        way = "add a provider with `flask idverify provider add`, then link it"
    elif not numbers.links:
        way = "link a provider to an application with `flask idverify link`"
    else:
        way = (
            "enable a linked provider with `flask idverify provider change NAME --enable`, or a "
            "link in the admin pages"
        )
    yield Advice("error", "starts", f"nobody can start a verification. Next: {way}.")


def owed(app: Runtime) -> Iterator[Advice]:
    """Look at what could not be delivered."""
    failing = app.db.session.scalars(
        select(OutboxRow).where(OutboxRow.error.is_not(None)).order_by(OutboxRow.created_at)
    ).all()
    for kind, about, hint in (
        (
            VENDOR_ERASURE,
            "owed deletions",
            "now tried once a day; the button on the identity's page tries at once",
        ),
        (SIGNAL, "owed signals", "now given up; correct the receiver"),
    ):
        rows = [row for row in failing if row.kind == kind]
        given_up = sum(row.tries >= MAX_TRIES for row in rows)
        often = f"; {given_up} of them {MAX_TRIES} times, {hint}" if given_up else ""
        if rows:
            yield Advice(
                "error" if given_up else "warning",
                about,
                f"{len(rows)} failed so far{often}. The oldest says: {rows[0].error}",
            )
