"""The vendor's notifications: kept and answered 200, whatever the host wraps around us."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask, request, session
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect
from sqlalchemy import event

from flask_idverify import inbox
from flask_idverify.models import CallbackRow, Provider
from flask_idverify.service import callback_url
from tests.hosts import Host, make_host
from tests.web.people import ENDPOINT

BODY = b"jumioIdScanReference=0f4d9a6b-8a3c-4b57-9c61-2e7d5f8a1b33&callBackType=NETVERIFYID"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def bare(ready: Host) -> str:
    """The path of the provider's bare callback URL."""
    return _bare(ready)


def _bare(host: Host) -> str:
    with host.app.app_context():
        provider = host.db.session.query(Provider).one()
        return callback_url(provider).removeprefix("https://id.example.com")


def _stored(host: Host) -> list[tuple[bytes | None, str]]:
    with host.app.app_context():
        rows = host.db.session.query(CallbackRow).all()
        return [(row.body, row.content_type) for row in rows]


@pytest.mark.parametrize(
    ("body", "kind"),
    [(BODY, FORM), (b'{"workflowExecution": {}}', "application/json"), (b"\xff\x00", "text/odd")],
)
def test_a_notification_is_kept_raw_and_answered_200(
    ready: Host, bare: str, body: bytes, kind: str
) -> None:
    answer = ready.app.test_client().post(bare, data=body, content_type=kind)
    assert (answer.status_code, answer.data) == (200, b"ok")
    assert _stored(ready) == [(body, kind)]


def test_a_wrong_key_is_answered_404_and_nothing_is_kept(ready: Host, bare: str) -> None:
    browser = ready.app.test_client()
    for path in ("/identity/callbacks/wrong", f"{bare}/wrong", "/identity/callbacks/wrong/wrong"):
        answer = browser.post(path, data=BODY, content_type=FORM)
        assert (answer.status_code, answer.data) == (404, b"not found")
    assert _stored(ready) == []


def test_a_repeated_notification_is_answered_200_and_kept_once(ready: Host, bare: str) -> None:
    browser = ready.app.test_client()
    for _ in range(3):
        assert browser.post(bare, data=BODY, content_type=FORM).status_code == 200
    assert len(_stored(ready)) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(ready: Host, bare: str, method: str) -> None:
    assert ready.app.test_client().open(bare, method=method).status_code == 405


def _limit(host: Host) -> int:
    limit: int = host.app.extensions["idverify"].settings.callback_max_bytes
    return limit


def test_a_body_of_just_the_limit_is_taken_and_one_more_byte_is_not(ready: Host, bare: str) -> None:
    browser = ready.app.test_client()
    limit = _limit(ready)
    assert browser.post(bare, data=b"x" * limit, content_type=FORM).status_code == 200
    assert browser.post(bare, data=b"x" * (limit + 1), content_type=FORM).status_code == 413
    assert len(_stored(ready)) == 1


class _Endless(io.RawIOBase):
    """A body without an end, as a chunked request may send; counts what was read of it."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"x" * len(buffer)
        self.taken += len(buffer)
        return len(buffer)


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=b", "application/json"])
def test_a_chunked_body_without_a_length_is_cut_off(ready: Host, bare: str, kind: str) -> None:
    endless = _Endless()
    answer = ready.app.test_client().post(
        bare,
        content_type=kind,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={
            "wsgi.input": endless,
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "",
        },
    )
    assert answer.status_code == 413
    assert endless.taken <= _limit(ready) + 16384
    assert _stored(ready) == []


def test_a_short_chunked_body_is_taken(ready: Host, bare: str) -> None:
    answer = ready.app.test_client().post(
        bare,
        content_type=FORM,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={
            "wsgi.input": io.BytesIO(BODY),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "",
        },
    )
    assert answer.status_code == 200
    assert _stored(ready) == [(BODY, FORM)]


@pytest.mark.parametrize("kind", [FORM, "application/json"])
def test_a_body_above_the_hosts_own_limit_is_413_too(kind: str) -> None:
    host = make_host(MAX_CONTENT_LENGTH=20)
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    answer = host.app.test_client().post(_bare(host), data=BODY, content_type=kind)
    assert answer.status_code == 413
    assert _stored(host) == []


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("form", BODY, FORM),
        ("data", BODY, FORM),
        ("get_data", BODY, FORM),
        ("get_data", b"{}", "application/json"),
        ("json", b"{}", "application/json"),
    ],
)
def test_a_body_that_the_host_has_read_before_us_is_not_lost(
    name: str, body: bytes, kind: str
) -> None:
    host = make_host()

    @host.app.before_request
    def look() -> None:
        found = getattr(request, name)
        if callable(found):
            found()

    with host.app.app_context():
        host.add_provider(ENDPOINT)
    host.app.test_client().post(_bare(host), data=body, content_type=kind)
    assert _stored(host) == [(body, kind)]


def _without_cookies(browser: FlaskClient, path: str, **extra: Any) -> None:
    answer = browser.post(path, data=BODY, content_type=FORM, **extra)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "cookie" not in answer.headers.get("Vary", "").lower()


def test_no_cookie_is_set_and_none_matters(ready: Host, bare: str) -> None:
    _without_cookies(ready.app.test_client(), bare)


def test_no_cookie_even_where_hooks_of_the_host_write_to_the_session() -> None:
    host = make_host(SESSION_REFRESH_EACH_REQUEST=True, REMEMBER_COOKIE_REFRESH_EACH_REQUEST=True)

    @host.app.before_request
    def count() -> None:
        session.permanent = True
        session["visits"] = session.get("visits", 0) + 1

    @host.app.after_request
    def vary(response: Any) -> Any:
        response.vary.add("Accept-Encoding")
        return response

    with host.app.app_context():
        host.add_provider(ENDPOINT)
    browser = host.app.test_client()
    _without_cookies(browser, _bare(host))
    answer = browser.post(_bare(host), data=BODY, content_type=FORM)
    assert answer.headers["Vary"].lower() == "accept-encoding"


@pytest.mark.parametrize("before", [True, False], ids=["before us", "after us"])
def test_callbacks_pass_a_hosts_csrf_protection_in_either_order(
    before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        original = Flask.__init__

        def with_protection(self: Flask, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            CSRFProtect(self)

        monkeypatch.setattr(Flask, "__init__", with_protection)
    host = make_host()
    if not before:
        CSRFProtect(host.app)

    @host.app.post("/hosts-own")
    def hosts_own() -> str:
        return "reached"

    with host.app.app_context():
        host.add_provider(ENDPOINT)
    browser = host.app.test_client()
    assert browser.post("/hosts-own").status_code == 400, "the host's own forms stay protected"
    assert browser.post("/identity/").status_code == 400, "and so do our pages"
    assert browser.post(_bare(host), data=BODY, content_type=FORM).status_code == 200


def test_the_connection_probe_is_answered_and_leaves_nothing(ready: Host, bare: str) -> None:
    browser = ready.app.test_client()
    probe: dict[str, Any] = {
        "content_type": "application/x-idverify-probe",
        "headers": {"X-IDVerify-Probe": "1"},
    }
    answer = browser.post(bare, data=b"probe", **probe)
    assert (answer.status_code, answer.data) == (200, b"idverify-callback-ok")
    wrong = browser.post("/identity/callbacks/wrong", data=b"probe", **probe)
    assert wrong.status_code == 404
    assert _stored(ready) == []


def test_what_could_not_be_committed_is_not_answered_200(ready: Host, bare: str) -> None:
    def refuse(_session: Any) -> None:
        raise OSError("the disk is full")

    event.listen(ready.db.session, "before_commit", refuse)
    ready.app.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        answer = ready.app.test_client().post(bare, data=BODY, content_type=FORM)
    finally:
        event.remove(ready.db.session, "before_commit", refuse)
    assert answer.status_code == 500
    assert _stored(ready) == []


def test_trouble_after_the_commit_does_not_cost_the_200(
    ready: Host, bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise RuntimeError("a secret of the driver")

    monkeypatch.setattr(inbox, "drain", broken)
    answer = ready.app.test_client().post(bare, data=BODY, content_type=FORM)
    assert answer.status_code == 200
    assert len(_stored(ready)) == 1
