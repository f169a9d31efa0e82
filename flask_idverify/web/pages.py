"""What all our pages have in common: texts in templates, headers, and error pages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from jinja2 import pass_context
from jinja2.runtime import Context
from werkzeug.exceptions import HTTPException

from .. import i18n, runtime, texts
from ..errors import IDVerifyError

_HEADERS = {
    # A shared computer's back button and a proxy's cache must not show anybody's identity.
    "Cache-Control": "no-store",
    # Flask-WTF needs the referrer on https; nobody else learns our addresses.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def refuse_unprintable() -> None:
    """Answer for addresses that hold what no id or name of ours does, e.g. a NUL.

    Databases differ in what they make of it; PostgreSQL raises.
    """
    values = [*(request.view_args or {}).values(), *request.args.values()]
    if not all(str(value).isprintable() for value in values):
        abort(404)


def prepare(blueprint: Blueprint) -> None:
    """Give a blueprint of pages our template context, private headers and error pages."""
    blueprint.before_request(refuse_unprintable)
    blueprint.context_processor(context)
    blueprint.after_request(keep_private)
    blueprint.register_error_handler(IDVerifyError, _our_error)
    blueprint.register_error_handler(400, _bad_request)
    blueprint.register_error_handler(404, _not_found)


def context() -> dict[str, Any]:
    """Return what the templates of all our pages find under these names."""
    return {
        "_": _gettext,
        "gettext": _gettext,
        "ngettext": _ngettext,
        "idverify_base": runtime.current().settings.base_template,
        "idverify_dir": i18n.direction(),
        "idverify_lang": i18n.language(),
        "idverify_texts": texts,
    }


@pass_context
def _gettext(page: Context, text: str, **variables: Any) -> Any:
    """Say a text of ours; one of the host's, from the frame around our pages, as the host does."""
    hosts: Any = page.environment.globals.get("gettext")
    if hosts is None or i18n.is_ours(text):
        return i18n.gettext(text, **variables)
    try:
        return page.call(hosts, text, **variables)
    except (KeyError, TypeError, ValueError):
        # Jinja's fills placeholders at once; a host's copy of a page of ours may do it afterwards.
        return i18n.gettext(text, **variables)


@pass_context
def _ngettext(page: Context, singular: str, plural: str, num: int, **variables: Any) -> Any:
    """Say the form that fits *num*, of a text of ours or of the host's."""
    hosts: Any = page.environment.globals.get("ngettext")
    if hosts is None or i18n.is_ours(singular, plural):
        return i18n.ngettext(singular, plural, num, **variables)
    return page.call(hosts, singular, plural, num, **variables)


def keep_private(response: Response) -> Response:
    """Set the headers of pages with personal data; our static files stay cacheable."""
    if not (request.endpoint or "").endswith(".static"):
        for name, value in _HEADERS.items():
            response.headers[name] = value
    return response


def is_hosts_mistake(error: IDVerifyError) -> bool:
    """Whether the developer has to see this error, rather than the person at the browser."""
    return error.http_status == 500


def error_page(status: int, title: str, text: str) -> tuple[str, int]:
    """Return the page for an error that leaves nothing else to show."""
    page = render_template("idverify/error.html", status=status, title=title, text=text)
    return page, status


def _our_error(error: IDVerifyError) -> ResponseReturnValue:
    if is_hosts_mistake(error):
        raise error
    title = i18n.gettext("Not found") if error.http_status == 404 else i18n.gettext("Sorry")
    return error_page(error.http_status, title, texts.error(error.code))


def _bad_request(_error: HTTPException) -> ResponseReturnValue:
    # A missing or stale CSRF token is the only way to a bad request on these pages.
    return error_page(400, i18n.gettext("Please try again"), texts.error("csrf"))


def _not_found(_error: HTTPException) -> ResponseReturnValue:
    return error_page(404, i18n.gettext("Not found"), texts.error("not_found"))
