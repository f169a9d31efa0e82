"""A picture on its way from the vendor to the admin who asked for it; nothing of it stays here."""

from __future__ import annotations

from dataclasses import replace
from textwrap import wrap
from unicodedata import east_asian_width

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue

from ... import queries, service
from ...errors import IDVerifyError, NotFound, ProviderUnusable, VendorError
from ...i18n import gettext as _
from . import wording
from .blueprint import admin_id, blueprint, page, rollback
from .problems import Problem, explain

#: Nothing in it may run, whatever a browser takes it for, and no other page may show it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": "inline",
}
#: What fits into a picture of words: letters in a line, lines below the title.
_LETTERS, _LINES = 40, 12


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
    try:
        found = service.image(row, name, admin=admin_id())
    except (VendorError, NotFound, ProviderUnusable) as error:
        rollback()
        return _why_not(verification_id, name, error)
    answer = current_app.response_class(found.body, mimetype=found.content_type)
    answer.headers.update(_HEADERS)
    return answer


def _why_not(verification_id: str, name: str, error: IDVerifyError) -> ResponseReturnValue:
    """Say why a picture cannot be shown: on a page, or as a picture in the page that embeds it."""
    # Nobody fetches pictures by himself: the usual word on what happens next would be wrong.
    problem, title = replace(explain(error), following=""), wording.picture(name)
    if request.accept_mimetypes.best_match(["text/html", "image/svg+xml"]) != "image/svg+xml":
        return page(
            "picture",
            error.http_status,
            picture=title,
            problem=problem,
            verification_id=verification_id,
            again=request.script_root + request.path,
        )
    told = [problem.message]
    if problem.words:
        told.append(_("The vendor's own words: %(words)s", words=problem.words))
    lines = [line for text in told for line in _wrapped(text)]
    if len(lines) > _LINES:
        lines[_LINES - 1 :] = ["…"]
    drawn = render_template("idverify/admin/picture_problem.svg", picture=title, lines=lines)
    answer = current_app.response_class(drawn, error.http_status, mimetype="image/svg+xml")
    answer.headers.update(_HEADERS)
    return answer


def _wrapped(text: str) -> list[str]:
    """Return a text in lines of equal width: a Chinese letter takes the place of two."""
    spread = "".join(f"{each}\0" if east_asian_width(each) in "WF" else each for each in text)
    return [line.replace("\0", "") for line in wrap(spread, _LETTERS)]
