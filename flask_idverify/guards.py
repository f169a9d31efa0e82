"""For the host's views: who is looking, and may they pass."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, cast, overload
from urllib.parse import quote

from flask import current_app, g, jsonify, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.local import LocalProxy

from . import service
from .claims import Claim, Document
from .models import Application, Identity
from .states import Standing

#: Where in the session the verify page keeps the way back.
NEXT_URL = "idverify_next"

P = ParamSpec("P")
R = TypeVar("R")


class NoIdentity:
    """Stands for a user of whom we hold nothing; false, and verified for nothing."""

    user_id: str | None = None
    standing = Standing.unverified
    is_verified = False
    is_locked = False
    verified_at: datetime | None = None
    expires_at: datetime | None = None
    claim: Claim | None = None
    document: Document | None = None

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<NoIdentity>"

    def satisfies(self, application: Application | str | None = None) -> bool:
        """Return ``False``: nobody is verified."""
        return False


def _current_identity() -> Identity | NoIdentity:
    # Kept for one request and user; a first verification in between shows on the next request.
    user = current_user._get_current_object()
    kept = g.get("_idverify_identity")
    if kept is None or kept[0] is not user:
        kept = g._idverify_identity = (user, service.identity_of(user) or NoIdentity())
    return cast("Identity | NoIdentity", kept[1])


#: The identity of the current user, as Flask-Login's ``current_user`` is their account.
current_identity = cast("Identity", LocalProxy(_current_identity))


def _wants_json() -> bool:
    if request.is_json:
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and not request.accept_mimetypes.accept_html


@overload
def identity_required(view: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def identity_required(
    *, application: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def identity_required(
    view: Callable[..., Any] | None = None, /, *, application: str | None = None
) -> Any:
    """Admit only users whose identity satisfies the application.

    Used bare or as ``@identity_required(application="bank")``. Others are sent to the verify
    page and back, anonymous ones to the host's login. Clients that ask for JSON get 403, or 401
    when anonymous, with problem details.
    """

    def decorate(inner: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(inner)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_user.is_authenticated and _wants_json():
                return _problem(401, "not_signed_in", "Sign in first.")
            if not current_user.is_authenticated:
                return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]  # set by Flask-Login
            if _current_identity().satisfies(application):
                if NEXT_URL in session:
                    session.pop(NEXT_URL)  # the way led here
                return current_app.ensure_sync(inner)(*args, **kwargs)
            return _turned_away(application)

        return guarded

    return decorate if view is None else decorate(view)


def _problem(status: int, code: str, detail: str, **members: str) -> Any:
    """Answer as the JSON API does (RFC 9457)."""
    answer = jsonify(
        type=f"urn:flask-idverify:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        **members,
    )
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


def _turned_away(application: str | None) -> Any:
    standing = _current_identity().standing
    if _wants_json():
        return _problem(
            403,
            "identity_required",
            "Verify your identity first, at the address in 'verify'.",
            standing=str(standing),
            verify=url_for("idverify.start"),
        )
    target = request.full_path if request.query_string else request.path
    if request.method not in ("GET", "HEAD"):
        target = "/"  # a lost form post cannot be repeated by a redirect
    parameters = f"?next={quote(request.root_path + target, safe='/')}"
    if application is not None:
        parameters += f"&application={quote(application, safe='')}"
    return redirect(url_for("idverify.start") + parameters)
