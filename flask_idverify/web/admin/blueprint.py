"""The admin blueprint: who may enter, and what every page of it has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from markupsafe import Markup
from wtforms import ValidationError

from ... import runtime
from ...errors import IDVerifyError
from ...service.identities import user_id_of
from ...service.sessions import session
from ..pages import context, is_hosts_mistake, keep_private, refuse_unprintable
from . import history, wording
from .problems import explain

blueprint = Blueprint("idverify_admin", __name__)

blueprint.after_request(keep_private)
blueprint.before_request(refuse_unprintable)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@blueprint.before_request
def _admit() -> ResponseReturnValue | None:
    """Let in whom the host names, and change things only on a form of ours."""
    if not current_user.is_authenticated:
        answer: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]  # set by Flask-Login
        return answer
    hooks = runtime.current().hooks
    if not hooks.is_admin():
        unset = hooks.is_admin is runtime.nobody_is_admin
        return page("forbidden", 403, unset=unset)
    # Here and not in the forms, so that no view can forget it.
    if request.method not in _SAFE and not _came_from_our_form():
        return page("stale", 400)
    return None


def _came_from_our_form() -> bool:
    if not current_app.config.get("WTF_CSRF_ENABLED", True):
        return True
    name = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
    token = request.form.get(name) or request.headers.get("X-CSRFToken")
    try:
        validate_csrf(token)
    except ValidationError:
        return False
    return True


@blueprint.context_processor
def _context() -> dict[str, Any]:
    return {
        **context(),
        "wording": wording,
        "history": history,
        "csrf_field": csrf_field,
        "section": _section(),
    }


def _section() -> str:
    """Return the first part of the page's address below the overview's.

    Of its rule, so that the page of a refused form belongs where the form stands, and nothing
    depends on where the app is mounted.
    """
    start = next(current_app.url_map.iter_rules(f"{blueprint.name}.overview")).rule
    return str(request.url_rule).removeprefix(start).partition("/")[0]


def csrf_field() -> Markup:
    """Return the hidden token; a page has several forms, so it carries no id."""
    name = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, generate_csrf())


@blueprint.errorhandler(IDVerifyError)
def _failed(error: IDVerifyError) -> ResponseReturnValue:
    """What no view has turned into something better."""
    session().rollback()
    if is_hosts_mistake(error):
        current_app.logger.error("%s: %s", type(error).__name__, error)
    return page("problem", error.http_status, problem=explain(error))


def page(template: str, status: int = 200, /, **values: Any) -> ResponseReturnValue:
    """Render one of the admin templates."""
    return render_template(f"idverify/admin/{template}.html", **values), status


def go(endpoint: str, **values: str) -> ResponseReturnValue:
    """Send the browser on after a change, so that a reload repeats nothing."""
    return redirect(url_for(endpoint, **values), 303)  # type: ignore[arg-type]  # only path values


def done(message: str) -> None:
    """Tell the admin on the next page what was done."""
    flash(message, "success")


def warned(message: str) -> None:
    """Tell the admin on the next page what was not done."""
    flash(message, "warning")


def admin_id() -> str:
    """Return the user id of the admin who is looking."""
    return user_id_of(current_user._get_current_object())


def actor() -> str:
    """Return how the audit log names the admin who is looking."""
    return f"admin:{admin_id()}"


def commit() -> None:
    """Keep what a service function has flushed."""
    session().commit()


def rollback() -> None:
    """Forget what a service function has refused halfway."""
    session().rollback()


def chosen(values: Mapping[str, str], name: str) -> str | None:
    """Return a query or form value, or ``None`` when it is empty."""
    return values.get(name, "").strip() or None
