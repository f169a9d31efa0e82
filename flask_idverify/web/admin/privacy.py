"""A person's rights: all that is held of them, its erasure, and what vendors still owe."""

from __future__ import annotations

import json

from flask import Response
from flask.typing import ResponseReturnValue

from ... import dispatch, outbox, queries, service
from ...errors import ErasureRefused, ReasonMissing, TransitionRefused
from ...i18n import gettext as _
from ...i18n import ngettext
from ...service.owed import SIGNAL, VENDOR_ERASURE
from .blueprint import actor, blueprint, done, go, page, warned
from .filters import asked_place
from .forms import EraseForm
from .identities import identity_page
from .problems import explain


@blueprint.get("/owed")
def owed() -> ResponseReturnValue:
    """Show what vendors still have to delete."""
    at, readable = asked_place()
    return page(
        "owed",
        numbers=queries.owed_numbers(),
        deletions=queries.owed_deletions(at),
        signals=queries.failed_signals(),
        unreadable=not readable,
    )


@blueprint.post("/owed/deletions")
def retry_deletions() -> ResponseReturnValue:
    """Try every deletion again that a vendor has not made."""
    count = service.owe_all_again(VENDOR_ERASURE, actor=actor())
    if count:
        dispatch.nudge()
        done(
            ngettext(
                "%(num)s deletion is due now and is tried next.",
                "%(num)s deletions are due now and are tried next.",
                count,
            )
        )
    else:
        warned(_("No deletion waits that has failed."))
    return go(".owed")


@blueprint.post("/owed/signals")
def retry_signals() -> ResponseReturnValue:
    """Call the app's receivers again that have raised, also of signals that were given up."""
    count = service.owe_all_again(SIGNAL, actor=actor())
    if count:
        dispatch.nudge()
        done(
            ngettext(
                "%(num)s signal is due now and is sent next.",
                "%(num)s signals are due now and are sent next.",
                count,
            )
        )
    else:
        warned(_("No signal waits that has failed."))
    return go(".owed")


@blueprint.get("/identities/<identity_id>/erase")
@blueprint.get("/identities/<identity_id>/settle")
@blueprint.get("/identities/<identity_id>/reset")
def back_to_identity(identity_id: str) -> ResponseReturnValue:
    """Show the page again to whoever reloads the address of a refused form."""
    return go(".identity", identity_id=queries.identity(identity_id).identity.id)


@blueprint.post("/identities/<identity_id>/erase")
def erase_identity(identity_id: str) -> ResponseReturnValue:
    """Erase a person here, and have the vendors do it."""
    row = queries.identity(identity_id).identity
    form = EraseForm()
    if not form.validate():
        return identity_page(identity_id, 422, erase_form=form)
    try:
        found = service.erase(row, actor=actor(), reason=form.why.data or "")
    except (ErasureRefused, ReasonMissing, TransitionRefused) as error:
        return identity_page(identity_id, error.http_status, problem=explain(error))
    dispatch.nudge()
    if found.owed:
        done(_("The personal data was erased here. The vendor is told to delete it, too."))
    else:
        done(_("The personal data was erased."))
    return go(".identity", identity_id=identity_id)


@blueprint.post("/identities/<identity_id>/settle")
def settle_identity(identity_id: str) -> ResponseReturnValue:
    """Try now what is owed at vendors, also what was given up."""
    subject = queries.identity(identity_id).identity.subject
    service.owe_again(subject, actor=actor())
    outbox.drain_owed(subject)
    left = len(service.owed_of(subject))
    if left:
        warned(_("It was tried and failed again. Still owed: %(count)s.", count=left))
    else:
        done(_("The vendor has deleted everything."))
    return go(".identity", identity_id=identity_id)


@blueprint.post("/identities/<identity_id>/export")
def export_identity(identity_id: str) -> ResponseReturnValue:
    """Hand out all that is held of a person; a POST, since it is audited."""
    row = queries.identity(identity_id).identity
    found = service.export(row, actor=actor())
    answer = Response(json.dumps(found, indent=2, ensure_ascii=False), mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="identity-{row.id}.json"'
    return answer
