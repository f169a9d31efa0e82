"""People at browsers, attempts as the database may hold them, and a reader of our pages."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

import requests_mock
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_idverify import clock, service
from flask_idverify.encryption import digest_of_secret
from flask_idverify.models import Application, Identity, Link, Verification
from flask_idverify.policy import Policy
from flask_idverify.service.resuming import active_key
from flask_idverify.states import Reason, Status
from tests.hosts import Host, consent, lena, make_host

ENDPOINT = "https://lon.netverify.com"
VENDOR_PAGE = "https://exampleco.netverify.com/web/v4/app?authorizationToken=demo.jwt.value"
SCAN = "0f4d9a6b-8a3c-4b57-9c61-2e7d5f8a1b33"

TYPED = {
    "id_type": "passport",
    "id_number": "U7301945",
    "real_name": "Lena Marie Gruber",
    "country": "AUT",
    "location_country": "AUT",
    "location_state": "",
    "consent": "y",
}


def speaking(locale: str, **config: Any) -> Host:
    """Make a host that chose a language."""
    from flask_babel import Babel  # not above: one test does without

    host = make_host(**config)
    Babel(host.app, locale_selector=lambda: locale)
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    return host


class Person:
    """A user of the host and their browser."""

    def __init__(self, host: Host, email: str = "lena@example.com") -> None:
        self.host = host
        with host.app.app_context():
            self.id = host.add_user(email).id
        self.browser: FlaskClient = host.app.test_client()
        self.browser.get(f"/login/{self.id}")

    def user(self) -> Any:
        """Return the row; needs an app context."""
        return self.host.db.session.get(self.host.User, self.id)

    def token(self) -> str:
        """Return a CSRF token of this browser's session."""
        return str(self.browser.get("/identity/api/identity").json["csrf_token"])  # type: ignore[index]

    def post(self, path: str = "/identity/", **values: str) -> TestResponse:
        """Send a form with a token."""
        return self.browser.post(path, data={"csrf_token": self.token(), **values})

    def attempt(self, status: Status, *reasons: Reason, **values: Any) -> str:
        """Store an attempt as if it had come that far; return its id."""
        with self.host.app.app_context():
            session = self.host.db.session
            identity = service.identity_for(self.user())
            link = session.query(Link).join(Application).filter_by(name="default").one()
            now = clock.now()
            row = Verification(
                user_id=identity.user_id,
                identity_id=identity.id,
                application_id=link.application_id,
                provider_id=link.provider_id,
                policy=Policy().to_dict(),
                status=status,
                reason=str(reasons[0]) if reasons else None,
                reasons=[str(reason) for reason in reasons],
                callback_key_digest=digest_of_secret(secrets.token_urlsafe(32)),
                vendor_reference=None if status is Status.created else SCAN,
                created_at=now,
            )
            row.claim = lena()
            row.consent = consent()
            if not status.is_final:
                row.active_key = active_key(identity, link.application)
            if status is Status.started:
                row.redirect_url = VENDOR_PAGE
                row.link_expires_at = now + timedelta(minutes=30)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)
            session.commit()
            return row.id

    def verified(self) -> str:
        """Make this person verified by an admin's decision; return the attempt's id."""
        row_id = self.attempt(Status.in_review, Reason.claim_unverifiable)
        with self.host.app.app_context():
            row = self.row(row_id)
            service.decide(row, "approved", admin="1", reason="Seen in person.")
        return row_id

    def row(self, row_id: str) -> Verification:
        """Return an attempt; needs an app context."""
        return self.host.db.session.get_one(Verification, row_id)

    def status_of(self, row_id: str) -> Status:
        """Return what the database says now."""
        with self.host.app.app_context():
            return self.row(row_id).status

    def returned_at(self, row_id: str) -> datetime | None:
        """Return when the browser came back, as the database says."""
        with self.host.app.app_context():
            return self.row(row_id).returned_at

    def claim(self) -> Any:
        """Return the claim that the identity holds."""
        with self.host.app.app_context():
            found = self.host.db.session.query(Identity).filter_by(user_id=str(self.id)).first()
            return found.claim if found else None

    def attempts(self) -> int:
        """Return how many attempts the database holds."""
        with self.host.app.app_context():
            return self.host.db.session.query(Verification).count()


@contextmanager
def vendor(**answer: Any) -> Iterator[requests_mock.Mocker]:
    """Answer for the vendor at the edge of HTTP; by default a start succeeds."""
    with requests_mock.Mocker() as mocked:
        mocked.post(
            f"{ENDPOINT}/api/v4/initiate",
            **(
                answer
                or {
                    "json": {
                        "timestamp": "2031-05-04T09:12:30.512Z",
                        "transactionReference": SCAN,
                        "redirectUrl": VENDOR_PAGE,
                    }
                }
            ),
        )
        mocked.get(f"{ENDPOINT}/api/netverify/v2/scans/{SCAN}", json={"status": "PENDING"})
        yield mocked


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self._script = tag == "script" and "src" not in names
        if tag == "style" or "style" in names or self._script:
            self.inline.append(f"<{tag} {names}>")
        self.inline += [f"{tag} {name}" for name in names if name.startswith("on")]
        for name in ("href", "src", "action"):
            if (names.get(name) or "").strip().lower().startswith("javascript:"):
                self.inline.append(f"{tag} {name}=javascript:")


def inline_code(page: str) -> list[str]:
    """Return every inline script, style and handler that a strict policy would block."""
    reader = _Reader()
    reader.feed(page)
    return reader.inline


def words(answer: TestResponse) -> str:
    """Return the text of a page as a person reads it."""
    text = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return " ".join(unescape(text).split())


def seen(person: Person, row_id: str, query: str = "") -> TestResponse:
    """Open an attempt's page while the vendor says that nothing is decided."""
    with vendor():
        return person.browser.get(f"/identity/verifications/{row_id}{query}")
