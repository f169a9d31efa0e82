"""A picture on its way from the vendor to the admin who asked for it; nothing of it stays here."""

from __future__ import annotations

from flask import current_app, request
from flask.typing import ResponseReturnValue

from ... import queries, service
from ...i18n import gettext as _
from .blueprint import admin_id, blueprint, page
from .problems import Problem

#: Nothing in it may run, whatever a browser takes it for, and no other page may show it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": "inline",
}


@blueprint.get("/verifications/<verification_id>/images/<name>")
def image(verification_id: str, name: str) -> ResponseReturnValue:
    """Hand one picture through. The look is in the audit log before the first byte is sent."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        # A page of somebody else would make the admin look, in their name, without knowing.
        message = _(
            "Pictures are shown on our own pages only. Open the verification and ask there."
        )
        return page("problem", 403, problem=Problem(_("That did not work"), message))
    row = queries.verification(verification_id).verification
    found = service.image(row, name, admin=admin_id())
    answer = current_app.response_class(found.body, mimetype=found.content_type)
    answer.headers.update(_HEADERS)
    return answer
