"""Pages for what goes wrong; the one of the lock is the reason why this file exists."""

from __future__ import annotations

from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from flask_idverify.errors import IdentityLocked

from .extensions import db
from .languages import gettext, lazy_gettext

#: Title and text by status.
_FAILURES = {
    404: (lazy_gettext("Not found"), lazy_gettext("There is nothing at this address.")),
    405: (
        lazy_gettext("Not like this"),
        lazy_gettext("This address is there, but does not answer to what was sent."),
    ),
    413: (lazy_gettext("Too large"), lazy_gettext("That is more than we take.")),
}


def register_errors(app: Flask) -> None:
    """Give *app* its error pages."""
    app.register_error_handler(IdentityLocked, _locked)
    app.register_error_handler(CSRFError, _stale_form)
    for status in _FAILURES:
        app.register_error_handler(status, _failed)


def _locked(_error: IdentityLocked) -> ResponseReturnValue:
    # The refused statement is still in the session.
    db.session.rollback()
    return render_template("locked.html"), 409


def _stale_form(_error: CSRFError) -> ResponseReturnValue:
    title = gettext("Please try again")
    text = gettext(
        "The form was open for too long, or did not come from this site. Please try again."
    )
    return render_template("error.html", title=title, text=text), 400


def _failed(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    title, text = _FAILURES[status]
    return render_template("error.html", title=title, text=text), status
