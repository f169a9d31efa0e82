"""The bank's pages: home, signing in and up, the account, and a room for verified people only."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user, logout_user
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flask_idverify import current_identity, identity_required
from flask_idverify.states import Standing

from . import languages, outage
from .extensions import db
from .forms import AccountForm, SignInForm, SignUpForm
from .languages import gettext, lazy_gettext
from .models import User
from .seed import PEOPLE

bank = Blueprint("bank", __name__)

#: What a customer reads of where their identity stands.
STANDINGS = {
    Standing.unverified: lazy_gettext("not verified"),
    Standing.pending: lazy_gettext("being verified"),
    Standing.verified: lazy_gettext("verified"),
    Standing.expired: lazy_gettext("verification ran out"),
    Standing.revoked: lazy_gettext("revoked"),
}


@bank.app_context_processor
def _everywhere() -> dict[str, object]:
    """Every page, the extension's too, has our header, which says who is here."""
    return {
        "identity": current_identity,
        "languages": languages.LANGUAGES,
        "language": languages.chosen(),
    }


@bank.get("/")
def home() -> ResponseReturnValue:
    """Say what can be tried here."""
    sandbox = current_app.config["EXAMPLE_SANDBOX_URL"]
    return render_template("home.html", people=PEOPLE, sandbox=sandbox, down=outage.is_down())


@bank.post("/vendor")
def switch_vendor() -> ResponseReturnValue:
    """Take the simulated vendor down or bring it back; only on this machine, and for anybody."""
    if outage.is_down() is None:
        abort(404)
    outage.switch(down=request.form.get("switch") == "down")
    return redirect(url_for("bank.home", _anchor="behind"), 303)


@bank.post("/language")
def choose_language() -> ResponseReturnValue:
    """Remember the language, and go back to where it was chosen."""
    if request.form.get("language") in languages.LANGUAGES:
        session["language"] = request.form["language"]
    return redirect(_own(request.form.get("next", "")) or url_for("bank.home"), 303)


@bank.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Let somebody in."""
    form = SignInForm()
    if form.validate_on_submit():
        email = (form.email.data or "").strip().lower()
        user = db.session.scalar(select(User).where(User.email == email))
        if user is not None and user.has_password(form.password.data or ""):
            login_user(user)
            return redirect(_own(request.args.get("next", "")) or url_for("bank.home"), 303)
        form.password.errors = [gettext("E-mail or password is wrong.")]
    return render_template("sign_in.html", form=form, people=PEOPLE)


@bank.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Let somebody out."""
    logout_user()
    return redirect(url_for("bank.home"), 303)


@bank.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> ResponseReturnValue:
    """Take in a new customer, who may then be verified."""
    form = SignUpForm()
    if form.validate_on_submit():
        user = User(
            email=(form.email.data or "").strip().lower(),
            real_name=form.real_name.data,
            date_of_birth=form.date_of_birth.data,
        )
        user.set_password(form.password.data or "")
        db.session.add(user)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            form.email.errors = [gettext("Somebody has an account with this address already.")]
        else:
            login_user(user)
            return redirect(url_for("bank.account"), 303)
    return render_template("sign_up.html", form=form)


@bank.route("/account", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
def account() -> ResponseReturnValue:
    """Show and change the customer's own record.

    The page shows the locked fields read-only, but what keeps them is the lock in front of the
    database: a post from elsewhere that changes one ends in the 409 page of :mod:`.errors`.
    """
    form = AccountForm(obj=current_user)
    if form.validate_on_submit():
        current_user.real_name = form.real_name.data
        current_user.date_of_birth = form.date_of_birth.data
        current_user.phone = form.phone.data or None
        db.session.commit()
        flash(gettext("Your record is saved."), "success")
        return redirect(url_for("bank.account"), 303)
    # The standing ends with this moment, so the day before it is the last one.
    ends = current_identity.expires_at
    last_day = (ends - timedelta(microseconds=1)).date() if ends else None
    standing = STANDINGS[current_identity.standing]
    return render_template("account.html", form=form, standing=standing, last_day=last_day)


@bank.post("/account/close")
@login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
def close_account() -> ResponseReturnValue:
    """Delete the customer; the extension closes their identity (``watch_users``)."""
    user = current_user._get_current_object()
    logout_user()
    db.session.delete(user)
    db.session.commit()
    flash(gettext("Your account is closed."), "success")
    return redirect(url_for("bank.home"), 303)


@bank.get("/safe-deposit")
@identity_required
def safe_deposit() -> ResponseReturnValue:
    """Show the room that only verified people enter."""
    return render_template("safe_deposit.html", since=current_identity.verified_at)


def _own(target: str) -> str | None:
    """Return the page that somebody wants to go on to, if it is one of ours."""
    parts = urlsplit(target)
    # Browsers read "/\host" and "//host" as another site.
    own = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if own and not parts.scheme and not parts.netloc else None
