"""Where the vendor's notifications arrive: kept, committed, then answered 200. Nothing is decided.

No cookie, no CSRF (the extension exempts this blueprint), a body of limited size. A key in the
path stands for the vendor; a wrong one is answered 404 and nothing is stored. Where the host names
the vendor's networks, everybody else is answered 403, whatever they know.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, request
from werkzeug.datastructures import Headers

from .. import dispatch, inbox, networks, runtime
from ..connection import PROBE_ANSWER, PROBE_TYPE, PROBE_WITHOUT_PROXYFIX
from .bodies import limited_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = logging.getLogger("flask_idverify")

#: What an unset ProxyFix looks like, and what to do about it.
_PROXY_ADVICE = (
    "It is a proxy of your own network that forwards for another address: set up ProxyFix with "
    "the number of proxies in front of the app (x_for)."
)

blueprint = Blueprint("idverify_callbacks", __name__)


class _Cookieless(Response):
    """An answer that sets no cookie and does not vary by one.

    Flask-Login looks into the session after every request, and a host's hooks may write to it:
    only the last step before the wire can promise that nothing comes of it.
    """

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return the headers without what a session left behind."""
        headers = super().get_wsgi_headers(environ)
        headers.remove("Set-Cookie")
        varies = [word.strip() for word in headers.get("Vary", "").split(",")]
        kept = [word for word in varies if word and word.lower() != "cookie"]
        if kept:
            headers["Vary"] = ", ".join(kept)
        else:
            headers.remove("Vary")
        return headers


def _cookieless(response_class: type[Response]) -> type[Response]:
    """Return the host's response class with our promise on top; another class would be replaced."""
    return type("CookielessResponse", (_Cookieless, response_class), {})


@blueprint.post("/callbacks/<provider_key>", provide_automatic_options=False)
@blueprint.post("/callbacks/<provider_key>/<verification_key>", provide_automatic_options=False)
def receive(provider_key: str, verification_key: str | None = None) -> Response:
    """Keep a notification. 200 once it is committed, or when it was there already."""
    if request.mimetype == PROBE_TYPE and verification_key is None:
        # Our own connection check: it wants to see this view, not to leave anything behind.
        return _probed() if inbox.is_provider_key(provider_key) else _unknown()
    settings = runtime.current().settings
    if settings.callback_networks and not _comes_from(settings.callback_networks):
        return _text(b"forbidden", 403)
    body = limited_body(settings.callback_max_bytes)
    if body is None:
        return _text(b"too large", 413)
    # A context of its own has a session of its own: what a hook of the host has left in
    # db.session is not ours to commit, and must not cost the vendor its 200.
    with current_app.app_context():
        if not inbox.receive(provider_key, verification_key, body, request.content_type or ""):
            return _unknown()
        _nudge()
    return _text(b"ok", 200)


def _comes_from(admitted: networks.Networks) -> bool:
    """Whether the caller is in one of the networks; says in the log who was not.

    The address is the server's, or ProxyFix's if the host has set it up. No header is read for
    it: anybody can send one.
    """
    if networks.contains(admitted, request.remote_addr):
        return True
    log.warning(
        "A callback was refused: its sender, in %s, is not in IDVERIFY_CALLBACK_NETWORKS.%s",
        networks.shortened(request.remote_addr) or "an unknown address",
        f" {_PROXY_ADVICE}" if _is_behind_unknown_proxy() else "",
    )
    return False


def _is_behind_unknown_proxy() -> bool:
    """Whether the caller seems to be a proxy of the host's own, which speaks for somebody else."""
    if "X-Forwarded-For" not in request.headers:
        return False
    peer = networks.parsed(request.remote_addr)
    return peer is None or not peer.is_global


def _probed() -> Response:
    """Answer our own connection check, from wherever it comes: it leaves nothing behind."""
    restricted = bool(runtime.current().settings.callback_networks)
    hidden = restricted and _is_behind_unknown_proxy()
    return _text(PROBE_WITHOUT_PROXYFIX if hidden else PROBE_ANSWER, 200)


def _nudge() -> None:
    try:
        dispatch.nudge()
    except Exception as error:  # noqa: BLE001 - the row is committed: the vendor gets its 200
        log.error("The inbox could not be worked on: %s.", type(error).__name__)


def _unknown() -> Response:
    return _text(b"not found", 404)


def _text(body: bytes, status: int) -> Response:
    return _cookieless(current_app.response_class)(body, status, mimetype="text/plain")
