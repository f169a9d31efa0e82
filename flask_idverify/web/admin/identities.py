"""One user's standing: history, and the reset that alone reopens it."""

from __future__ import annotations

from typing import Any

from flask.typing import ResponseReturnValue

from ... import queries, service
from ...errors import ErasureRefused, ReasonMissing, TransitionRefused
from ...i18n import gettext as _
from ...states import Standing
from .blueprint import admin_id, blueprint, done, go, page
from .forms import EraseForm, ReasonForm
from .problems import explain


@blueprint.get("/identities/<identity_id>")
def identity(identity_id: str) -> ResponseReturnValue:
    """Show a user's standing and how it came about."""
    return identity_page(identity_id)


@blueprint.post("/identities/<identity_id>/reset")
def reset_identity(identity_id: str) -> ResponseReturnValue:
    """Reopen an identity: the locked facts go, the user may verify again."""
    row = queries.identity(identity_id).identity
    form = ReasonForm()
    if not form.validate():
        return identity_page(identity_id, 422, form=form)
    try:
        service.reset(row, admin=admin_id(), reason=form.reason.data or "")
    except (ErasureRefused, ReasonMissing, TransitionRefused) as error:
        return identity_page(identity_id, error.http_status, problem=explain(error))
    done(_("The identity was reset. The user may verify again."))
    return go(".identity", identity_id=identity_id)


def identity_page(identity_id: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    """Return the page of one identity, with what went wrong on it."""
    detail = queries.identity(identity_id)
    values.setdefault("form", ReasonForm(formdata=None))
    values.setdefault("erase_form", EraseForm(formdata=None))
    return page(
        "identity",
        status,
        detail=detail,
        row=detail.identity,
        owed=service.owed_of(detail.identity.subject),
        can_reset=detail.identity.standing is not Standing.unverified
        and detail.identity.erased_at is None,
        **values,
    )
