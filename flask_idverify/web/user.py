"""The user's pages: state and claim, hand-over to the vendor, return, result.

``POST ▶ own page ▶ vendor`` is deliberate: under the policy ``form-action 'self'`` some browsers
block a redirect to another origin that follows a form's POST.
"""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user

from .. import i18n, runtime, service, texts
from ..errors import IDVerifyError, TransitionRefused, VendorBusy
from ..guards import NEXT_URL
from ..models import Verification
from ..queries import own
from ..states import Status
from . import framing, pages
from .forms import CancelForm, ClaimForm
from .next_url import is_safe
from .refusals import Refusal, refusal, retry_after
from .user_state import (
    Standpoint,
    State,
    has_live_link,
    is_over,
    is_waiting,
    is_worth_asking,
    seconds_to_next_look,
    standpoint,
    told,
)

blueprint = Blueprint(
    "idverify",
    "flask_idverify",
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)
pages.prepare(blueprint)


@blueprint.before_request
def require_login() -> ResponseReturnValue | None:
    """Send anonymous users to the host's login; the return page and static files are for all."""
    if request.endpoint in ("idverify.returned", "idverify.static"):
        return None
    if not current_user.is_authenticated:
        answer: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]  # set by Flask-Login
        return answer
    return None


def _user() -> Any:
    return current_user._get_current_object()


@blueprint.get("/")
def start() -> ResponseReturnValue:
    """Show where the user stands, and the form while they may start."""
    target = request.args.get("next")
    if is_safe(target):
        session[NEXT_URL] = target
    here = standpoint(_user(), request.args.get("application") or None)
    form = ClaimForm()
    known = here.identity and here.identity.claim
    if known:
        form.fill(known)
    else:
        form.suggest(service.known_claim(_user()))
    if here.identity:
        # Never the consent itself, nor the state, which changes more often.
        form.location_country.data = own.last_location(here.identity)
    return _start_page(here, form)


@blueprint.post("/")
def submit() -> ResponseReturnValue:
    """Start a verification and hand over to the page that leads to the vendor."""
    here = standpoint(_user(), request.form.get("application") or None)
    form = ClaimForm()
    known = here.identity and here.identity.claim
    if known and here.state is State.step_up and not form.states_a_claim:
        # A verified user proves the locked claim again; there is nothing to state.
        form.fill(known)
    valid = form.validate()
    if form.has_bad_token:
        # The form says it by itself; pages without one cannot.
        told_there = here.state in (State.form, State.step_up)
        return _start_page(here, form, Refusal(400, None if told_there else "csrf"))
    if here.state is State.verified:
        return _start_page(here, form, Refusal(409, "already_verified"))
    doubted = form.states_a_claim and form.doubts_number()
    if not valid or doubted:
        return _start_page(here, form, Refusal(422))
    try:
        # One that another request is still starting is gone on with on its own page.
        verification, _ = service.start_or_resume(
            _user(),
            form.claim(),
            form.given_consent(request.remote_addr or ""),
            application=here.application,
            locale=i18n.chosen_language(),
        )
    except IDVerifyError as error:
        return _not_started(error, form)
    return redirect(url_for(".proceed", verification_id=verification.id), 303)


def _not_started(error: IDVerifyError, form: ClaimForm) -> ResponseReturnValue:
    if pages.is_hosts_mistake(error):
        raise error
    here = standpoint(_user(), request.form.get("application") or None)
    refused = refusal(error, form)
    return _start_page(refused.applied_to(here), form, refused)


def _start_page(
    here: Standpoint, form: ClaimForm, refused: Refusal | None = None
) -> ResponseReturnValue:
    status = 503 if here.state is State.unavailable and request.method == "GET" else 200
    if here.application is not None:
        accepted = own.accepted(here.application)
        form.offer(accepted.countries, accepted.id_types)
    return make_response(
        render_template(
            "idverify/start.html",
            here=here,
            form=form,
            alert=(
                texts.error(refused.code, refused.retry_after) if refused and refused.code else None
            ),
            cancel_form=CancelForm(),
            live=here.attempt is not None and has_live_link(here.attempt),
            checkers=own.checkers(here.application) if here.application else [],
            told=told(here.attempt) if here.attempt is not None else None,
            next_url=_next_url(),
        ),
        refused.status if refused else status,
        retry_after(refused.retry_after if refused else None),
    )


@blueprint.get("/verifications/<verification_id>/continue")
def proceed(verification_id: str) -> ResponseReturnValue:
    """Lead to the vendor's page while its link lives."""
    row = _own(verification_id)
    target = row.redirect_url if has_live_link(row) else None
    if not target:
        return redirect(url_for(".verification", verification_id=row.id), 303)
    origin = framing.origin_of(target) if _frames() else None
    if origin is None:
        return render_template("idverify/continue.html", verification=row, target=target)
    framing.let_in(origin)
    return render_template(
        "idverify/frame.html", verification=row, target=target, features=framing.FEATURES
    )


def _frames() -> bool:
    return runtime.current().settings.display == "iframe"


@blueprint.get("/verifications/<verification_id>")
def verification(verification_id: str) -> ResponseReturnValue:
    """Show how an attempt stands, after asking the vendor if that is worth it."""
    row = _own(verification_id)
    if row.is_test:
        return _to_test(row)
    if is_worth_asking(row):
        row = service.refresh_if_due(row)
    return _verification_page(row)


def _verification_page(row: Verification, alert: str | None = None) -> str:
    application = row.application
    here = standpoint(_user(), application.name if application else None)
    hint = texts.return_hint(request.args.get("hint"))
    unfinished = not row.status.is_final
    waiting = is_waiting(row) and hint is None
    may_start = here.state in (State.form, State.step_up)
    # Where the page of an attempt that is being started goes on by itself: to the vendor.
    after = ".proceed" if row.status is Status.created else ".verification"
    return render_template(
        "idverify/verification.html",
        verification=row,
        told=told(row, waiting=waiting),
        alert=alert,
        hint=hint if unfinished else None,
        waiting=waiting,
        over=is_over(row),
        live=has_live_link(row),
        can_cancel=row.status in (Status.created, Status.started),
        can_retry=may_start and (row.retryable or (is_over(row) and not waiting)),
        retry_at=here.retry_at if row.status.is_final else None,
        look_again=seconds_to_next_look(row) if hint is None else None,
        look_url=url_for(after, verification_id=row.id),
        cancel_form=CancelForm(),
        next_url=_next_url() if row.status is Status.approved else None,
    )


@blueprint.post("/verifications/<verification_id>/cancel")
def cancel(verification_id: str) -> ResponseReturnValue:
    """Give an attempt up while the papers are not handed in."""
    row = _own(verification_id)
    if not CancelForm().validate():
        abort(400)
    try:
        service.cancel(row)
    except TransitionRefused as error:
        return _verification_page(_own(verification_id), texts.error(error.code)), 409
    except VendorBusy as error:
        told = texts.error(error.code, error.retry_after)
        page = _verification_page(_own(verification_id), told)
        return page, error.http_status, retry_after(error.retry_after)
    return redirect(url_for(".verification", verification_id=verification_id), 303)


@blueprint.get("/return/<verification_id>")
def returned(verification_id: str) -> ResponseReturnValue:
    """Receive the browser from the vendor. Decides nothing, whatever the query says.

    Works logged out and inside a frame, where the session cookie may be missing, and then shows
    nothing personal: not even whether the address belongs to anybody.
    """
    row = own.attempt(verification_id)
    if row is None:
        return render_template("idverify/return.html"), 404
    if not row.status.is_final:
        service.note_return(row)
    if request.headers.get("Sec-Fetch-Dest") == "iframe":
        # The page around it goes on from here, whether or not the cookie came along.
        return render_template("idverify/return.html")
    identity = service.identity_of(_user()) if current_user.is_authenticated else None
    if identity is None or row.identity_id != identity.id:
        return render_template("idverify/return.html")
    if row.is_test:
        return _to_test(row)
    # url_for leaves out what is None.
    hint = texts.return_hint_code(request.args)
    return redirect(url_for(".verification", verification_id=row.id, hint=hint), 303)


def _to_test(row: Verification) -> ResponseReturnValue:
    """Lead to the admin's page of a test: on a user's page it would look like the real thing."""
    target = url_for("idverify_admin.test", provider_id=row.provider_id, verification_id=row.id)
    return redirect(target, 303)


def _own(verification_id: str) -> Verification:
    """Return the user's own attempt; another's is as unknown as one that never was."""
    identity = service.identity_of(_user())
    row = own.attempt(verification_id, identity) if identity is not None else None
    if row is None:
        abort(404)
    return row


def _next_url() -> str | None:
    """Return where the user wanted to go, checked again: the session's key may have leaked."""
    target = session.get(NEXT_URL)
    return target if isinstance(target, str) and is_safe(target) else None
