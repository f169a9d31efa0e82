"""A host with one of everything, people at their browsers, and all its tables to compare."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_idverify import service
from flask_idverify.columns import Sealed
from flask_idverify.models import (
    Application,
    Base,
    CallbackRow,
    Identity,
    Provider,
    Verification,
)
from tests.hosts import Host, consent, lena
from tests.vendor import PLATFORM, Vendor

TYPED = {
    "id_type": "passport",
    "id_number": "U7301945",
    "real_name": "Lena Marie Gruber",
    "country": "AUT",
    "location_country": "AUT",
    "location_state": "",
    "consent": "y",
}
#: What the pages may write down while somebody only looks.
BOOKKEEPING = frozenset(
    {
        *("returned_at", "fetched_at", "next_poll_at", "polls", "leased_until", "vendor_message"),
        *("missing_since", "missing_times"),
    }
)
Dump = dict[str, list[dict[str, Any]]]


def dump(host: Host, without: Collection[str] = ()) -> Dump:
    """Return every row of every table, the host's own too, as they lie in the database."""
    with host.app.app_context():
        found = {
            table.name: sorted(
                (
                    {name: value for name, value in row.items() if name not in without}
                    for row in host.db.session.execute(select(table)).mappings()
                ),
                key=lambda row: str(row["id"]),
            )
            for table in host.db.metadata.sorted_tables
        }
        host.db.session.rollback()
    return found


def opened(host: Host) -> dict[str, str]:
    """Return every sealed value, decrypted, by ``table.attribute.row``."""
    found = {}
    with host.app.app_context():
        for mapper in Base.registry.mappers:
            sealed = [name for name, it in vars(mapper.class_).items() if isinstance(it, Sealed)]
            for row in host.db.session.scalars(select(mapper.class_)) if sealed else ():
                for name in sealed:
                    value = getattr(row, name)
                    if value is not None:
                        plain = value.to_dict() if hasattr(value, "to_dict") else value
                        found[f"{row.__tablename__}.{name}.{row.id}"] = str(plain)
        host.db.session.rollback()
    return found


class Member:
    """A user of the host at their browser."""

    def __init__(self, host: Host, email: str, *, admin: bool = False) -> None:
        self.host = host
        with host.app.app_context():
            self.id: int = host.add_user(email, is_admin=admin).id
        self.browser: FlaskClient
        self.enter()

    def enter(self) -> None:
        """Sign in with a new session."""
        self.browser = self.host.app.test_client()
        assert self.browser.get(f"/login/{self.id}").status_code == 200

    def token(self) -> str:
        """Return a CSRF token of this browser's session."""
        answer = self.browser.get("/identity/api/identity").get_json()
        return str(answer["csrf_token"])

    def send(self, method: str, path: str, **values: Any) -> TestResponse:
        """Send a request with a good token, as a form or (``json=``) as an API client."""
        token = self.token()
        if "json" in values:
            values["headers"] = {"X-CSRFToken": token, **values.get("headers", {})}
        elif method not in ("GET", "HEAD", "OPTIONS"):
            values["data"] = {"csrf_token": token, **values.get("data", {})}
        return self.browser.open(path, method=method, **values)

    def row(self) -> Any:
        """Return the user's row; needs an app context."""
        return self.host.db.session.get(self.host.User, self.id)


class Snapshot:
    """A database in memory as it is now, to be put back as often as one likes."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._saved = sqlite3.connect(":memory:")
        with host.app.app_context():
            host.db.session.rollback()
            self._connection().backup(self._saved)

    def _connection(self) -> sqlite3.Connection:
        """Return the one connection that such a database has."""
        found = self._host.db.engine.raw_connection().driver_connection
        assert isinstance(found, sqlite3.Connection)
        return found

    def restore(self) -> None:
        """Put it back."""
        with self._host.app.app_context():
            self._host.db.session.remove()
            self._saved.backup(self._connection())

    def close(self) -> None:
        """Give the copy's memory back."""
        self._saved.close()


class Stage:
    """Providers, applications, an owner with an open attempt, a stranger without, an admin."""

    def __init__(self, host: Host, vendor: Vendor) -> None:
        self.host = host
        self.vendor = vendor
        host.app.login_manager.login_view = "/login"  # type: ignore[attr-defined]
        self.owner = Member(host, "lena@example.com")
        self.stranger = Member(host, "mallory@example.com")
        self.admin = Member(host, "admin@example.com", admin=True)
        reviewed = Member(host, "karl@example.com")
        leaving = Member(host, "elsa@example.com")
        with host.app.app_context():
            used: Provider = host.add_provider(vendor.url, name="Used")
            host.idverify.link(used, "bank")
            second: Provider = host.add_provider(vendor.url, PLATFORM, name="Second")
            spare: Provider = host.add_provider(vendor.url, name="Spare", link=False)
            opened = host.idverify.start(self.owner.row(), lena(), consent(), provider=used)
            doubtful = host.idverify.start(
                reviewed.row(), lena(id_number="K1", real_name="Karl Huber"), consent()
            )
            vendor.finish(doubtful, "face-unclear")
            host.idverify.refresh(doubtful)
            assert str(doubtful.status) == "in_review"
            # A stranger without any attempt would be sent away before anybody looks whose it is.
            given_up = host.idverify.start(
                self.stranger.row(), lena(id_number="M0", real_name="Mallory Meyer"), consent()
            )
            service.cancel(given_up)
            gone = host.idverify.start(
                leaving.row(), lena(id_number="E1", real_name="Elsa Moser"), consent()
            )
            test = service.start_test(self.admin.row(), lena(), used, consent())
            told = vendor.notification(opened.vendor_reference)
            session = host.db.session
            default, bank = session.scalars(
                select(Application).order_by(Application.name.desc())
            ).all()
            identity = session.scalars(
                select(Identity).where(Identity.user_id == str(self.owner.id))
            ).one()
            failed = CallbackRow(
                provider_id=second.id,
                scope=second.id,
                digest="nobody's",
                body=b"{}",
                error="It matches no verification.",
                tries=1,
                next_try_at=None,
            )
            session.add(failed)
            session.commit()
            self.values: dict[str, str] = {
                "filename": "idverify/idverify.css",
                "rest": "nowhere",
                "provider_id": used.id,
                "application_id": default.id,
                "link_id": default.links[0].id,
                "verification_id": opened.id,
                "identity_id": identity.id,
                "provider_key": told.provider_key,
                "verification_key": told.key,
                "callback_id": failed.id,
            }
            #: Where an endpoint needs another of the same kind.
            self.special: dict[str, dict[str, str]] = {
                "idverify_admin.test": {"verification_id": test.id},
                "idverify_admin.approve_verification": {"verification_id": doubtful.id},
                "idverify_admin.reject_verification": {"verification_id": doubtful.id},
                "idverify_admin.delete_provider": {"provider_id": spare.id},
                # Of somebody else: the vendor deletes too, and does not come back with a restore.
                "idverify_admin.erase_identity": {"identity_id": gone.identity_id},
                "idverify_admin.image": {"verification_id": doubtful.id, "name": "front"},
            }
            self.others = {
                "second": second.id,
                "spare": spare.id,
                "bank": bank.id,
                "bank link": bank.links[0].id,
                "doubtful": doubtful.id,
                "test": test.id,
            }
            session.rollback()
        self._snapshot = Snapshot(host)

    def restore(self) -> None:
        """Put everything back as it was in the beginning, except what the vendor has decided."""
        self._snapshot.restore()
        for member in (self.owner, self.stranger, self.admin):
            member.enter()

    def close(self) -> None:
        """Give the databases back."""
        self._snapshot.close()
        with self.host.app.app_context():
            self.host.db.session.remove()
            self.host.db.engine.dispose()

    def body(self, endpoint: str) -> dict[str, str]:
        """Return the fields with which a form of this endpoint is filled in well."""
        provider = {
            "name": "New account",
            "type": "Jumio",
            "client_id": "new-id",
            "client_secret": "new-secret",
            "endpoint": self.vendor.url,
            "same_account": "y",
            "calls_per_day": "5000",
            "enabled": "y",
        }
        known: dict[str, dict[str, str]] = {
            "idverify.submit": TYPED,
            "idverify_admin.test_provider": TYPED,
            "idverify_admin.new_provider": provider,
            "idverify_admin.provider": provider,
            "idverify_admin.new_application": {"name": "tenant", "display_name": "Tenant"},
            "idverify_admin.application": {"display_name": "Another"},
            "idverify_admin.add_link": {"provider": self.others["spare"]},
            "idverify_admin.link": {
                "match_name": "y",
                "minimum_age": "21",
                "expired_documents": "review",
                "on_warning": "reject",
                "duplicates": "reject",
                "on_reversal": "revoke",
            },
            "idverify_admin.move_link": {"direction": "down"},
            "idverify_admin.erase_identity": {"why": "They asked for it.", "sure": "y"},
            "idverify_admin.switch_link": {"enabled": "0"},
            "idverify_admin.export_verifications": {
                "status": "started",
                "order": "oldest",
                **dict.fromkeys(("kind", "reason", "reference"), ""),
            },
            "idverify_admin.export_audit": {
                "format": "csv",
                **dict.fromkeys(("subject", "action", "actor", "admin"), ""),
            },
            "idverify_admin.verify_audit": dict.fromkeys(
                ("subject", "user", "after", "named", "chains", "entries", "broken"), ""
            ),
        }
        return dict(known.get(endpoint, {"reason": "Because I saw the papers."}))

    def json(self) -> dict[str, Any]:
        """Return the body of a good start through the API."""
        claim = {name: TYPED[name] for name in ("id_type", "id_number", "real_name", "country")}
        return {"claim": claim, "consent": {"given": True, "country": "AUT"}}

    def verification(self, verification_id: str) -> Verification:
        """Return a verification; needs an app context."""
        return self.host.db.session.get_one(Verification, verification_id)
