"""An admin at their browser, and a reader of what it shows."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_idverify import service
from flask_idverify.models import Provider, Verification
from tests.hosts import Host, consent, lena

ADMIN = "/identity/admin"
REAL = "https://lon.netverify.com"
SECRET = "correct horse battery staple"


class Reader(HTMLParser):
    """Collects the forms of a page, as a browser would send them, and what a strict CSP forbids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.actions: list[str] = []
        self.forbidden: list[str] = []
        self.ids: list[str] = []
        self._select: str | None = None
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "style" or "style" in values or any(name.startswith("on") for name in values):
            self.forbidden.append(str(self.get_starttag_text()))
        self._script = tag == "script"
        if tag == "form":
            self.forms.append({})
            self.actions.append(values.get("action", ""))
        elif self.forms:
            self._field(tag, values)

    def _field(self, tag: str, values: dict[str, str]) -> None:
        form, name = self.forms[-1], values.get("name", "")
        if tag == "input" and name:
            ticked = values.get("type") not in ("checkbox", "radio") or "checked" in values
            if ticked and values.get("type") != "submit":
                form[name] = values.get("value", "on")
        elif tag == "textarea" and name:
            form.setdefault(name, "")
        elif tag == "select":
            self._select = name
        elif (
            tag == "option" and self._select and ("selected" in values or self._select not in form)
        ):
            form[self._select] = values.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.forbidden.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = False
        elif tag == "select":
            self._select = None


def words(answer: TestResponse) -> str:
    """Return the text of a page on one line, without markup."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", bare)).split())


def field_error(answer: TestResponse, field: str) -> str:
    """Return what stands at a field as its error."""
    found = re.search(rf'id="{field}-errors">(.*?)</ul>', answer.text, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found[1])).split()) if found else ""


class Desk:
    """A signed-in user of a host, by default an admin."""

    def __init__(self, host: Host, email: str = "admin@example.com", *, admin: bool = True) -> None:
        self.host = host
        with host.app.app_context():
            self.id: int = host.add_user(email, is_admin=admin).id
        self.browser: FlaskClient = host.app.test_client()
        assert self.browser.get(f"/login/{self.id}").text == "signed in"

    def get(self, path: str) -> TestResponse:
        return self.browser.get(ADMIN + path)

    def form(self, path: str, action: str | None = None) -> dict[str, str]:
        """Return the fields of the form on a page that posts to *action* (default: that page)."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        reader = Reader(answer.text)
        wanted = ADMIN + (action or path).partition("?")[0]
        for target, fields in zip(reader.actions, reader.forms, strict=True):
            if target.partition("#")[0] == wanted:
                return fields
        raise AssertionError(f"{path} has no form for {wanted}, but {reader.actions}")

    def send(self, path: str, page: str | None = None, /, **changes: Any) -> TestResponse:
        """Fill the form that posts to *path*, found on *page*, and send it."""
        fields: dict[str, Any] = {**self.form(page or path, path), **changes}
        return self.post(path, {key: value for key, value in fields.items() if value is not None})

    def post(self, path: str, fields: dict[str, Any]) -> TestResponse:
        """Post raw fields."""
        return self.browser.post(ADMIN + path, data=fields)

    def token(self) -> str:
        return self.form("/applications/new")["csrf_token"]


def add_provider(host: Host, endpoint: str = REAL, **values: Any) -> str:
    """Add a provider and return its id; its secret is the one that must never be seen."""
    values.setdefault("client_secret", SECRET)
    values.setdefault("link", False)
    with host.app.app_context():
        return str(host.add_provider(endpoint, **values).id)


def start(host: Host, email: str, **claim: str) -> str:
    """Let a user start a verification and return its id."""
    with host.app.app_context():
        user = host.add_user(email)
        return service.start(user, lena(**claim), consent()).id


def ended(host: Host, vendor: Any, email: str, scenario: str = "approve", **claim: str) -> str:
    """Let a user go the whole way and return the verification's id."""
    verification_id = start(host, email, **claim)
    with host.app.app_context():
        row = host.db.session.get(Verification, verification_id)
        assert row is not None
        vendor.finish(row, scenario)
        service.refresh(row)
    return verification_id


def provider_row(host: Host, provider_id: str) -> Provider:
    """Return a provider's row; needs an app context."""
    row = host.db.session.get(Provider, provider_id)
    assert row is not None
    return row
