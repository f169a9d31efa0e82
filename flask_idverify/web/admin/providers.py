"""Providers: list, add, change, delete, check their connection."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from ... import connection, queries, texts
from ...errors import DecryptionFailed, InvalidProvider, KeyUnavailable, NotFound
from ...i18n import gettext as _
from ...models import Provider
from ...phrases import phrase
from ...queries import ProviderType
from ...service import providers as accounts
from ...service.urls import callback_url
from . import figures
from .blueprint import actor, blueprint, commit, done, go, page, rollback
from .forms import blame
from .problems import Problem
from .provider_form import ProviderForm, edit_form, new_form

#: Days of calls that the page draws.
_CHARTED_DAYS = 30


@blueprint.get("/providers")
def providers() -> ResponseReturnValue:
    """Show all providers."""
    return page("providers", providers=queries.providers())


@blueprint.route("/providers/new", methods=["GET", "POST"])
def new_provider() -> ResponseReturnValue:
    """Add a provider."""
    kinds = queries.provider_types()
    kind = _wanted(kinds, request.values.get("type"))
    form = new_form(kinds, kind)
    status = 200
    if form.is_submitted() and not form.show_type.data:
        status = 422
        if form.validate():
            try:
                row = accounts.add_provider(**form.values(), actor=actor())
                commit()
            except InvalidProvider as error:
                rollback()
                blame(form, error, form.option_names)
            else:
                done(
                    _(
                        "%(name)s was added. Next: check its connection, then link it to an "
                        "application.",
                        name=row.name,
                    )
                )
                return go(".provider", provider_id=row.id)
    return page("provider_new", status, form=form)


@blueprint.route("/providers/<provider_id>", methods=["GET", "POST"])
def provider(provider_id: str) -> ResponseReturnValue:
    """Show and change a provider."""
    row = queries.provider(provider_id)
    form = _edit_form(row, request.form.get("type"))
    status = 200
    if form.is_submitted() and not form.show_type.data:
        status = 422
        if form.validate():
            try:
                accounts.change_provider(
                    row, **form.values(), actor=actor(), same_account=form.same_account.data
                )
                commit()
            except InvalidProvider as error:
                rollback()
                blame(form, error, form.option_names)
            else:
                done(_("Saved."))
                return go(".provider", provider_id=row.id)
    return _edit_page(row, form, status)


@blueprint.post("/providers/<provider_id>/delete")
def delete_provider(provider_id: str) -> ResponseReturnValue:
    """Delete a provider that nothing refers to."""
    row = queries.provider(provider_id)
    name = row.name
    try:
        accounts.delete_provider(row, actor=actor())
        commit()
    except InvalidProvider as error:
        rollback()
        problem = Problem(_("It cannot be deleted"), f"{name}: {texts.sentence(error.message)}")
        return _edit_page(row, _edit_form(row, None, as_stored=True), 409, problem=problem)
    done(_("%(name)s was deleted.", name=name))
    return go(".providers")


@blueprint.post("/providers/<provider_id>/check")
def check_provider(provider_id: str) -> ResponseReturnValue:
    """Check the connection of what is stored, and show every step."""
    steps = connection.check(queries.provider(provider_id))
    row = queries.provider(provider_id)
    return _edit_page(row, _edit_form(row, None, as_stored=True), steps=steps)


@blueprint.get("/providers/<provider_id>/check")
def checked_provider(provider_id: str) -> ResponseReturnValue:
    """Lead a browser that reloads the address of a check to the provider's page."""
    return go(".provider", provider_id=queries.provider(provider_id).id)


def _wanted(kinds: list[ProviderType], name: str | None) -> ProviderType:
    if not kinds:
        raise NotFound(phrase("No provider type is installed."))
    # An unknown name falls back to the first and is then refused by the form.
    return next((kind for kind in kinds if kind.name == name), kinds[0])


def _edit_form(row: Provider, wanted: str | None, *, as_stored: bool = False) -> ProviderForm:
    """Return the form of a stored provider; *as_stored* ignores what was posted."""
    kinds = queries.provider_types()
    if accounts.in_use(row):
        kinds = [kind for kind in kinds if kind.name == row.type]
    if not kinds:
        kinds = [queries.provider_type(row.type)]
    kind = _wanted(kinds, wanted or row.type)
    return edit_form(kinds, kind, row, as_stored=as_stored)


def _edit_page(
    row: Provider, form: ProviderForm, status: int = 200, **values: Any
) -> ResponseReturnValue:
    usage, calls = queries.usage_of(row), queries.calls(_CHARTED_DAYS, row.id)
    busiest = calls.busiest.get(row.id, 0)
    return page(
        "provider",
        status,
        provider=row,
        form=form,
        in_use=accounts.in_use(row),
        linked=queries.is_linked(row),
        callback_url=_callback_url(row),
        usage=usage,
        call_figure=figures.vendor_calls(calls),
        charted_days=_CHARTED_DAYS,
        quota_today=figures.quota(queries.quota_use(row, usage[0].calls)),
        quota_busiest=figures.quota(queries.quota_use(row, busiest)),
        accepted_at=queries.last_accepted().get(row.id),
        errors=queries.last_errors(row),
        errors_among=queries.ERRORS_AMONG,
        **values,
    )


def _callback_url(row: Provider) -> str | None:
    """Return the bare callback URL; ``None`` when its key was encrypted with a lost key."""
    try:
        return callback_url(row)
    except (KeyUnavailable, DecryptionFailed):
        return None
