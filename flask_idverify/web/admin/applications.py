"""Applications, and the providers that serve them, in order."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from ... import queries
from ...errors import InvalidProvider
from ...i18n import gettext as _
from ...models import Application
from ...policy import Conditions, Policy
from ...service import applications as service
from .blueprint import actor, blueprint, commit, done, go, page, rollback
from .forms import AddLinkForm, ApplicationForm, DisplayNameForm, blame
from .policy_form import PolicyForm


@blueprint.get("/applications")
def applications() -> ResponseReturnValue:
    """Show all applications."""
    return page("applications", applications=queries.applications())


@blueprint.route("/applications/new", methods=["GET", "POST"])
def new_application() -> ResponseReturnValue:
    """Add an application."""
    form = ApplicationForm()
    if form.validate_on_submit():
        try:
            row = service.add_application(
                form.name.data or "", form.display_name.data or "", actor=actor()
            )
            commit()
        except InvalidProvider as error:
            rollback()
            blame(form, error)
        else:
            done(_("%(name)s was added. Link a provider to it.", name=row.name))
            return go(".application", application_id=row.id)
    return page("application_new", 422 if form.is_submitted() else 200, form=form)


@blueprint.route("/applications/<application_id>", methods=["GET", "POST"])
def application(application_id: str) -> ResponseReturnValue:
    """Show an application with its provider rows, and change its display name."""
    row = queries.application(application_id)
    form = DisplayNameForm(data={"display_name": row.display_name})
    if form.validate_on_submit():
        service.change_application(row, display_name=form.display_name.data or "", actor=actor())
        commit()
        done(_("Saved."))
        return _back(application_id)
    return _application_page(row, 422 if form.is_submitted() else 200, form=form)


@blueprint.post("/applications/<application_id>/links")
def add_link(application_id: str) -> ResponseReturnValue:
    """Link one more provider, at the end of the order."""
    row = queries.application(application_id)
    form = AddLinkForm.offering(queries.linkable(row))
    if not form.validate():
        return _application_page(row, 422, add_form=form)
    provider = queries.provider(form.provider.data)
    service.link(provider, row, actor=actor())
    commit()
    done(_("%(name)s was linked, at the end of the order.", name=provider.name))
    return _back(application_id)


@blueprint.route("/applications/<application_id>/links/<link_id>", methods=["GET", "POST"])
def link(application_id: str, link_id: str) -> ResponseReturnValue:
    """Show and change the policy and the routing conditions of one provider row."""
    row = queries.link(application_id, link_id)
    form = PolicyForm.of(
        Policy.from_dict(row.policy),
        Conditions.from_dict(row.conditions),
        queries.default_checks(row.provider),
    )
    read = form.read() if form.is_submitted() else None
    if read is not None:
        service.link(
            row.provider,
            row.application,
            policy=read[0],
            conditions=read[1],
            enabled=row.enabled,
            actor=actor(),
        )
        commit()
        done(_("Saved. It applies to verifications that start from now on."))
        return go(".link", application_id=application_id, link_id=link_id)
    return page("link", 422 if form.is_submitted() else 200, link=row, form=form)


@blueprint.post("/applications/<application_id>/links/<link_id>/move")
def move_link(application_id: str, link_id: str) -> ResponseReturnValue:
    """Swap a provider row with its neighbour."""
    row = queries.link(application_id, link_id)
    service.move_link(row, request.form.get("direction") == "up", actor=actor())
    commit()
    return _back(application_id)


@blueprint.post("/applications/<application_id>/links/<link_id>/enabled")
def switch_link(application_id: str, link_id: str) -> ResponseReturnValue:
    """Enable or disable a provider row."""
    row = queries.link(application_id, link_id)
    enabled = request.form.get("enabled") == "1"
    service.link(row.provider, row.application, enabled=enabled, actor=actor())
    commit()
    name = row.provider.name
    done(_("%(name)s is used.", name=name) if enabled else _("%(name)s is not used.", name=name))
    return _back(application_id)


@blueprint.post("/applications/<application_id>/links/<link_id>/remove")
def remove_link(application_id: str, link_id: str) -> ResponseReturnValue:
    """Remove a provider row; verifications made through it stay."""
    row = queries.link(application_id, link_id)
    name = row.provider.name
    service.unlink(row, actor=actor())
    commit()
    done(_("%(name)s was removed from this application.", name=name))
    return _back(application_id)


def _back(application_id: str) -> ResponseReturnValue:
    return go(".application", application_id=application_id)


def _application_page(row: Application, status: int, **forms: Any) -> ResponseReturnValue:
    # A fresh form beside the one that was posted must not take the other's fields for its own.
    forms.setdefault(
        "form", DisplayNameForm(formdata=None, data={"display_name": row.display_name})
    )
    linkable = queries.linkable(row)
    if "add_form" not in forms:
        forms["add_form"] = AddLinkForm.offering(linkable, formdata=None)
    return page("application", status, application=row, linkable=linkable, **forms)
