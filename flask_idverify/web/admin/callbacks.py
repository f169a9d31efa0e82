"""Callbacks that failed, tried again when an admin asks for it; and who does what is owed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from ... import clock, dispatch, queries, service, workers
from ...i18n import gettext as _
from ...i18n import ngettext
from ...models import Provider
from .blueprint import actor, blueprint, chosen, done, go, page, warned
from .filters import asked_place


@blueprint.context_processor
def _context() -> dict[str, Any]:
    """Let any page of ours include what it says of workers and of failed callbacks."""
    return {
        "work_shift": workers.shift,
        "failed_callback_count": queries.failed_callback_count,
        "ago": ago,
    }


def ago(moment: datetime) -> str:
    """Return how long ago *moment* was, in its largest unit."""
    seconds = max(int((clock.now() - moment).total_seconds()), 0)
    if seconds < 60:
        return ngettext("%(num)s second ago", "%(num)s seconds ago", seconds)
    if seconds < 3600:
        return ngettext("%(num)s minute ago", "%(num)s minutes ago", seconds // 60)
    if seconds < 2 * 86400:
        return ngettext("%(num)s hour ago", "%(num)s hours ago", seconds // 3600)
    return ngettext("%(num)s day ago", "%(num)s days ago", seconds // 86400)


@blueprint.get("/callbacks")
def callbacks() -> ResponseReturnValue:
    """Show callbacks that are owed after a failure."""
    provider_id = chosen(request.args, "provider")
    chosen_one = queries.provider(provider_id) if provider_id else None
    at, readable = asked_place()
    return page(
        "callbacks",
        failed=queries.failed_callbacks(provider_id, at),
        chosen_provider=chosen_one,
        kept={"provider": provider_id} if provider_id else {},
        unreadable=not readable,
    )


@blueprint.post("/callbacks/<callback_id>/replay")
def replay_callback(callback_id: str) -> ResponseReturnValue:
    """Make one callback due now, and have it done soon."""
    row = queries.callback(callback_id)
    verification_id, provider = row.verification_id, row.provider
    if service.replay_callback(callback_id, actor=actor()):
        dispatch.nudge()
        done(_peace(provider) or _("The callback is due now and is tried next."))
    elif row.processed_at is None and row.is_in_process:
        warned(_("A worker is processing it at this moment."))
    else:
        warned(_("It has been processed meanwhile."))
    if verification_id and request.form.get("back") == "verification":
        return go(".verification", verification_id=verification_id)
    return go(".callbacks")


def _peace(provider: Provider) -> str:
    """Say until when callbacks wait for a vendor's peace to end; empty when it wants none."""
    if not provider.is_backed_off:
        return ""
    until = f"{provider.backed_off_until:%H:%M:%S}"
    return _("Due now, and waiting until %(until)s UTC: the vendor's rate limit.", until=until)


@blueprint.post("/providers/<provider_id>/callbacks/replay")
def replay_callbacks(provider_id: str) -> ResponseReturnValue:
    """Make every failed callback of a provider due now, and have them done soon."""
    row = queries.provider(provider_id)
    name = row.name
    count = service.replay_failed(row, actor=actor())
    if count:
        dispatch.nudge()
        done(
            _peace(row)
            or ngettext(
                "%(num)s callback of %(name)s is due now and is tried next.",
                "%(num)s callbacks of %(name)s are due now and are tried next.",
                count,
                name=name,
            )
        )
    else:
        warned(_("No callback of %(name)s has failed.", name=name))
    return go(".callbacks")
