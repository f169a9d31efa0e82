"""Test verifications: real ones, of the admin, that never verify anybody."""

from __future__ import annotations

import json
from dataclasses import replace

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ... import i18n, queries, service, texts
from ...errors import (
    ClaimNotAccepted,
    ConfigurationError,
    ConsentMissing,
    DecryptionFailed,
    InvalidClaim,
    InvalidConsent,
    KeyUnavailable,
    NotFound,
    ProviderUnusable,
    VendorBusy,
    VendorError,
    VendorUnavailable,
)
from ...i18n import gettext as _
from ...models import Provider, Verification
from ...phrases import phrase
from ...states import Status
from ..forms import ClaimForm
from ..user_state import is_waiting, seconds_to_next_look
from .blueprint import admin_id, blueprint, go, page, rollback
from .problems import Problem, explain

_WITH_THE_USER = frozenset({Status.created, Status.started})
#: Seconds until a page whose pictures are still being taken looks again.
_QUIET = 15


@blueprint.route("/providers/<provider_id>/test", methods=["GET", "POST"])
def test_provider(provider_id: str) -> ResponseReturnValue:
    """Ask for the admin's own claim and consent, and start a test verification."""
    row = queries.provider(provider_id)
    form = ClaimForm()
    if not form.is_submitted():
        _prefill(form)
        return _form_page(row, form)
    if not form.validate():
        return _form_page(row, form, 422)
    try:
        started = service.start_test(
            current_user._get_current_object(),
            form.claim(),
            row,
            form.given_consent(request.remote_addr or ""),
            locale=i18n.chosen_language(),
        )
    except InvalidClaim as error:
        form.complain(error.field, texts.sentence(error.message))
        return _form_page(row, form, 422)
    except InvalidConsent as error:
        form.complain(error.field, texts.sentence(error.message), of_consent=True)
        return _form_page(row, form, 422)
    except (VendorError, ConsentMissing, ClaimNotAccepted, ProviderUnusable) as error:
        rollback()
        problem = explain(error)
        if isinstance(error, (VendorBusy, VendorUnavailable)):
            # A start is never repeated by itself.
            problem = replace(problem, following=_("No test was started. Try again in a while."))
        return _form_page(queries.provider(provider_id), form, error.http_status, problem=problem)
    except ConfigurationError as error:
        rollback()
        problem = Problem("", str(error))
        return _form_page(queries.provider(provider_id), form, 500, problem=problem)
    return go(".test", provider_id=provider_id, verification_id=started.id)


@blueprint.get("/providers/<provider_id>/tests/<verification_id>")
def test(provider_id: str, verification_id: str) -> ResponseReturnValue:
    """Follow a test verification to its outcome."""
    row = _test(provider_id, verification_id)
    if row.returned_at or row.captured_at or row.status not in _WITH_THE_USER:
        service.refresh_if_due(row)
    detail = queries.verification(verification_id)
    row = detail.verification
    unfinished = not row.status.is_final and row.status is not Status.in_review
    mine = is_waiting(row) and row.user_id == admin_id()
    return page(
        "test",
        provider=row.provider,
        row=row,
        detail=detail,
        answer=json.dumps(row.answer, indent=2, ensure_ascii=False) if row.answer else "",
        vendor_page=_vendor_page(row),
        unfinished=unfinished,
        waiting=unfinished and is_waiting(row),
        every=_seconds_to_next_look(row) if unfinished else None,
        # Only the admin's own attempts can be looked at through the API.
        look=url_for("idverify_api.verification", verification_id=row.id) if mine else None,
    )


def _seconds_to_next_look(row: Verification) -> int | None:
    """Return the pace of a user's page, or a quieter one while the vendor's page is open."""
    return seconds_to_next_look(row) if is_waiting(row) else _QUIET


def _test(provider_id: str, verification_id: str) -> Verification:
    row = queries.verification(verification_id).verification
    if row.provider_id != provider_id or not row.is_test:
        raise NotFound(phrase("This provider has no such test verification."))
    return row


def _vendor_page(row: Verification) -> str | None:
    """Return the link to the vendor's page: for the admin whose claim it is, while it is open."""
    if row.status is not Status.started or row.user_id != admin_id():
        return None
    try:
        return row.redirect_url
    except (KeyUnavailable, DecryptionFailed):
        return None


def _prefill(form: ClaimForm) -> None:
    """Spare the admin the typing of a claim that we know."""
    known = service.identity_of(current_user._get_current_object())
    try:
        claim = known.claim if known is not None else None
    except (KeyUnavailable, DecryptionFailed):
        claim = None
    if claim is not None:
        form.fill(claim)


def _form_page(
    row: Provider, form: ClaimForm, status: int = 200, *, problem: Problem | None = None
) -> ResponseReturnValue:
    return page("provider_test", status, provider=row, form=form, problem=problem)
