"""Applications and their links to providers. The caller commits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import has_request_context
from sqlalchemy import func, select

from .. import audit, runtime
from ..errors import InvalidPolicy, InvalidProvider, NotConfigured, NotFound
from ..models import Application, Link, Provider
from ..phrases import phrase
from ..policy import Conditions, Policy
from .named_rows import flush_unique, required
from .providers import provider_named
from .sessions import session


def application_named(application: Application | str | None = None) -> Application:
    """Return the row; ``None`` asks the host's hook, then the default application.

    :raises NotFound: for a name that does not exist.
    :raises NotConfigured: for the default application, when it does not exist.
    """
    if isinstance(application, Application):
        return application
    app = runtime.current()
    name = application
    # A host's function looks at the request; commands and workers have none.
    if name is None and app.hooks.application is not None and has_request_context():
        name = app.hooks.application()
    name = name or app.settings.default_application
    known = select(Application).where(Application.name == name)
    row = session().scalar(known) if name.isprintable() else None
    if row is None:
        missing = NotConfigured if application is None else NotFound
        raise missing(
            phrase(
                "There is no application named '%(name)s'. Link a provider to it, under "
                "Applications in the admin pages, by `flask idverify link PROVIDER --application "
                '%(name)s`, or by idverify.link(provider, application="%(name)s").',
                name=name,
            )
        )
    return row


def add_application(name: str, display_name: str = "", *, actor: str) -> Application:
    """Store an application and flush.

    :raises InvalidProvider: the name is empty or taken.
    """
    row = Application(name=required("name", name), display_name=_shown(display_name))
    if len(row.name) > 100:
        raise InvalidProvider("name", phrase("is longer than 100 characters."))
    flush_unique(row)
    audit.begin(session(), row.id)
    audit.append(session(), row.id, "application.added", actor=actor, facts={})
    return row


def _shown(display_name: str) -> str:
    """Return a display name as it is stored. Raises :class:`InvalidProvider`."""
    wanted = display_name.strip()
    if len(wanted) > 200:
        raise InvalidProvider("display_name", phrase("is longer than 200 characters."))
    if not wanted.isprintable():
        raise InvalidProvider("display_name", phrase("holds characters that cannot be printed."))
    return wanted


def change_application(application: Application, *, display_name: str, actor: str) -> None:
    """Change how people read an application's name, and flush; the name itself is in code.

    :raises InvalidProvider: the display name is too long.
    """
    application.display_name = _shown(display_name)
    session().flush()
    audit.append(
        session(),
        application.id,
        "application.changed",
        actor=actor,
        facts={"changed": ["display_name"]},
    )


def link(
    provider: Provider | str,
    application: Application | str | None = None,
    position: int | None = None,
    policy: Policy | Mapping[str, Any] | None = None,
    *,
    conditions: Conditions | Mapping[str, Any] | None = None,
    enabled: bool = True,
    actor: str = audit.SYSTEM,
) -> Link:
    """Link a provider to an application, or change that link, and flush.

    A new application is created. Without *position* a new link goes to the end; with it, the link
    is put there and the others move on.

    :raises InvalidPolicy: naming the field of *policy* or *conditions* that cannot be used.
    """
    if position is not None and (type(position) is not int or position < 0):
        raise InvalidPolicy("position", phrase("expected a whole number from 0."))
    provider = provider_named(provider)
    try:
        target = application_named(application)
    except NotFound:
        name = application if isinstance(application, str) else None
        fallback = runtime.current().settings.default_application
        target = add_application(name or fallback, actor=actor)
    row = session().scalar(
        select(Link).where(Link.application_id == target.id, Link.provider_id == provider.id)
    )
    new = row is None
    if row is None:
        row = Link(application=target, provider=provider, position=_next_position(target))
    if policy is not None:
        row.policy = (policy if isinstance(policy, Policy) else Policy.from_dict(policy)).to_dict()
    if conditions is not None:
        kept = (
            conditions if isinstance(conditions, Conditions) else Conditions.from_dict(conditions)
        )
        row.conditions = kept.to_dict()
    row.enabled = enabled
    session().add(row)
    session().flush()
    if position is not None:
        _place(row, position)
    audit.append(
        session(),
        target.id,
        "link.added" if new else "link.changed",
        actor=actor,
        facts={
            "provider": provider.id,
            "position": row.position,
            "enabled": row.enabled,
            "policy": row.policy,
            "conditions": row.conditions,
        },
    )
    return row


def _next_position(application: Application) -> int:
    highest = session().scalar(
        select(func.max(Link.position)).where(Link.application_id == application.id)
    )
    return 0 if highest is None else highest + 1


def _place(row: Link, position: int) -> None:
    """Put a link at *position* among its application's, and number them anew."""
    session().expire(row.application, ["links"])
    others = [each for each in row.application.links if each is not row]
    ordered = [*others[:position], row, *others[position:]]
    for number, each in enumerate(ordered):
        each.position = number
    session().flush()
    session().expire(row.application, ["links"])


def move_link(row: Link, up: bool, *, actor: str) -> None:
    """Swap a link with its neighbour, renumbering the application's links, and flush."""
    links = list(row.application.links)
    index = links.index(row)
    other = index - 1 if up else index + 1
    if 0 <= other < len(links):
        links[index], links[other] = links[other], links[index]
    for position, each in enumerate(links):
        each.position = position
    session().flush()
    session().expire(row.application, ["links"])
    audit.append(
        session(),
        row.application_id,
        "link.moved",
        actor=actor,
        facts={"provider": row.provider_id, "up": up},
    )


def unlink(row: Link, *, actor: str) -> None:
    """Remove a link and flush; verifications made through it stay."""
    audit.append(
        session(),
        row.application_id,
        "link.removed",
        actor=actor,
        facts={"provider": row.provider_id},
    )
    session().delete(row)
    session().flush()
