"""Pages for what goes wrong; the one of the lock is the reason why this file exists."""

from __future__ import annotations

from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from flask_idverify.errors import IdentityLocked

from .extensions import db


def register_errors(app: Flask) -> None:
    """Give *app* its error pages."""
    app.register_error_handler(IdentityLocked, _locked)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(404, _failed)
    app.register_error_handler(405, _failed)
    app.register_error_handler(413, _failed)


def _locked(_error: IdentityLocked) -> ResponseReturnValue:
    # The refused statement is still in the session.
    db.session.rollback()
    return render_template("locked.html"), 409


def _stale_form(_error: CSRFError) -> ResponseReturnValue:
    text = "The form was open for too long, or did not come from this site. Please try again."
    return render_template("error.html", title="Please try again", text=text), 400


def _failed(error: HTTPException) -> ResponseReturnValue:
    page = render_template("error.html", title=error.name, text=error.description)
    return page, error.code or 500
