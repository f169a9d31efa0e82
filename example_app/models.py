"""The bank's own users: nothing of Flask-IDVerify is in their table, but it locks two columns."""

from __future__ import annotations

from datetime import date

from flask_login import UserMixin, current_user
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from flask_idverify.models import Identity

from .extensions import db, idverify, login


class User(db.Model, UserMixin):  # type: ignore[name-defined,misc]  # made at run time
    """A customer or an employee."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    is_admin: Mapped[bool] = mapped_column(default=False)
    real_name: Mapped[str] = mapped_column(String(200))
    date_of_birth: Mapped[date]
    phone: Mapped[str | None] = mapped_column(String(40))

    def set_password(self, password: str) -> None:
        """Keep a salted hash of *password*."""
        self.password_hash = generate_password_hash(password)

    def has_password(self, password: str) -> bool:
        """Whether *password* is this user's."""
        return check_password_hash(self.password_hash, password)


# Once somebody is verified, these two columns of our own cannot change any more, whoever tries.
idverify.lock(User.real_name, User.date_of_birth)
# SQLite hands the id of a deleted user to the next one, who must not inherit a verification.
idverify.watch_users(User)


@login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
def load_user(user_id: str) -> User | None:
    """Find the user of a session."""
    return db.session.get(User, int(user_id)) if user_id.isdecimal() else None


@idverify.claim_getter
def known_claim(user: User) -> dict[str, str]:
    """Fill in the name of the claim form; the customer may correct it."""
    return {"real_name": user.real_name}


@idverify.profile_writer
def take_over(identity: Identity) -> None:
    """Write what was verified into our own record, before the lock falls over it."""
    user = db.session.get(User, int(identity.user_id))
    if user is None:
        return
    if identity.claim is not None:
        user.real_name = identity.claim.real_name
    birth = identity.document.date_of_birth if identity.document else None
    if birth is not None and birth.day is not None:
        user.date_of_birth = birth.latest


@idverify.admin_check
def is_admin() -> bool:
    """Admit the bank's employees to the admin pages of Flask-IDVerify."""
    return bool(current_user.is_authenticated and current_user.is_admin)
