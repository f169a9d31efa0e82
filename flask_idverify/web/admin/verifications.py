"""Verifications: the list, and one of them with what an admin may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from ... import queries, service
from ...errors import (
    ChangedMeanwhile,
    IDVerifyError,
    NotFound,
    ProviderUnusable,
    ReasonMissing,
    TransitionRefused,
    VendorError,
    VendorRecordMissing,
)
from ...i18n import gettext as _
from ...marking import marked
from ...models import Verification
from ...states import FINAL, Status
from ..user_state import is_with_the_user, told
from .blueprint import admin_id, blueprint, done, go, page, rollback
from .filters import FilterForm, asked_place
from .forms import ReasonForm
from .problems import explain, overtaken

#: The vendor is not asked about these any more.
_SETTLED = frozenset({Status.canceled, Status.error})


@blueprint.get("/verifications")
def verifications() -> ResponseReturnValue:
    """Show one page of verifications."""
    form = FilterForm.of(request.args)
    if not form.validate():
        return list_page(form, 422)
    at, readable = asked_place()
    found = queries.verifications(form.filters(), at, oldest_first=form.oldest_first)
    return list_page(form, found=found, unreadable=not readable)


def list_page(form: FilterForm, status: int = 200, **values: Any) -> ResponseReturnValue:
    """Return the page of the list; without *found* only its filter, and what is wrong with it."""
    values.setdefault("found", None)
    return page("verifications", status, form=form, owed=queries.owed_numbers(), **values)


@blueprint.get("/reviews/<verification_id>", endpoint="review")
@blueprint.get("/verifications/<verification_id>")
def verification(verification_id: str) -> ResponseReturnValue:
    """Show everything that is known of one verification; pictures only when asked for them.

    As one of the queue it also leads on to the next.
    """
    if not request.args.get("pictures"):
        return _detail_page(verification_id)
    row = queries.verification(verification_id).verification
    try:
        return _detail_page(verification_id, pictures=service.image_names(row))
    except (VendorError, NotFound, ProviderUnusable) as error:
        rollback()
        row = queries.verification(verification_id).verification
        if isinstance(error, VendorRecordMissing) and is_with_the_user(row):
            return _detail_page(verification_id, pictures=())
        # Nobody fetches pictures by himself: the usual word on what happens next would be wrong.
        shown = replace(explain(error), following="")
        return _detail_page(verification_id, error.http_status, pictures=(), pictures_problem=shown)


@blueprint.post("/verifications/<verification_id>/refresh")
def refresh_verification(verification_id: str) -> ResponseReturnValue:
    """Ask the vendor now: with a reason, except about a test, which is no user's case."""
    asked = _("The vendor was asked.")
    row = queries.verification(verification_id).verification
    if not row.is_test:
        return _act(
            verification_id,
            lambda row, reason: service.ask(row, admin=admin_id(), reason=reason),
            asked,
            stays=True,
        )
    try:
        service.refresh(row)
    except VendorError as error:
        return _refused(verification_id, error)
    return _done(row, asked)


@blueprint.post("/verifications/<verification_id>/approve")
def approve_verification(verification_id: str) -> ResponseReturnValue:
    """Approve in the admin's name."""
    return _act(verification_id, _decided(Status.approved), _("Approved, with your user ID."))


@blueprint.post("/verifications/<verification_id>/reject")
def reject_verification(verification_id: str) -> ResponseReturnValue:
    """Reject in the admin's name."""
    return _act(verification_id, _decided(Status.rejected), _("Rejected, with your user ID."))


@blueprint.post("/verifications/<verification_id>/cancel")
def cancel_verification(verification_id: str) -> ResponseReturnValue:
    """End an unfinished attempt."""
    return _act(
        verification_id,
        lambda row, reason: service.cancel(row, admin=admin_id(), reason=reason),
        _("Canceled, with your user ID."),
    )


def _decided(status: Status) -> Callable[[Verification, str], Any]:
    seen = _seen()
    return lambda row, reason: service.decide(
        row, status, admin=admin_id(), reason=reason, seen=seen
    )


def _seen() -> Status | None:
    """Return how the verification stood on the page that the form was sent from."""
    return Status.__members__.get(request.form.get("seen", ""))


def _act(
    verification_id: str,
    action: Callable[[Verification, str], Any],
    message: str,
    *,
    stays: bool = False,
) -> ResponseReturnValue:
    form = ReasonForm()
    if not form.validate():
        return _detail_page(verification_id, 422, form=form, seen=_seen())
    row = queries.verification(verification_id).verification
    try:
        action(row, form.reason.data or "")
    except (ReasonMissing, TransitionRefused, VendorError) as error:
        return _refused(verification_id, error, form=form)
    return _on(row, message) if _in_queue() and not stays else _done(row, message)


def _done(row: Verification, message: str) -> ResponseReturnValue:
    done(message)
    where = ".review" if _in_queue() else ".verification"
    return go(where, verification_id=row.id)


def _on(row: Verification, message: str) -> ResponseReturnValue:
    """Go on to the next in the queue."""
    done(message)
    following = queries.next_review(row)
    return go(".review", verification_id=following) if following else go(".reviews")


def _refused(verification_id: str, error: IDVerifyError, **values: Any) -> ResponseReturnValue:
    rollback()
    problem = explain(error)
    if isinstance(error, ChangedMeanwhile):
        problem = overtaken(queries.verification(verification_id).verification)
    values["at_vendor"] = isinstance(error, VendorError)
    return _detail_page(verification_id, error.http_status, problem=problem, **values)


def _in_queue() -> bool:
    """Whether the admin goes through the queue rather than looks at one verification."""
    return request.endpoint == f"{blueprint.name}.review" or bool(request.form.get("queue"))


def _detail_page(verification_id: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    detail = queries.verification(verification_id)
    row = detail.verification
    values.setdefault("form", ReasonForm(formdata=None))
    values.setdefault("pictures", None)
    if values.get("seen") is None:
        values["seen"] = row.status
    if _in_queue():
        values |= {"section": "reviews", "following": queries.next_review(row)}
        values |= {"waiting": queries.review_count()}
    return page(
        "verification",
        status,
        detail=detail,
        row=row,
        queue=_in_queue(),
        marked=marked(detail.claim, detail.document),
        told=told(row),
        with_the_user=is_with_the_user(row),
        can_refresh=bool(row.vendor_reference) and row.status not in _SETTLED,
        can_approve=row.status is not Status.approved and not row.is_test and not row.erased_at,
        can_reject=row.status is not Status.rejected and not row.erased_at,
        can_cancel=row.status not in FINAL,
        **values,
    )
