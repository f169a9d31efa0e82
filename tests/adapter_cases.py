"""What every adapter promises of starting, configuring, checking and erasing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests
import requests_mock

from flask_idverify.adapters import Registry
from flask_idverify.clock import now
from flask_idverify.errors import (
    InvalidProvider,
    VendorError,
    VendorProtocolError,
    VendorRefused,
    VendorRejectedRequest,
)
from flask_idverify.states import Status
from flask_idverify.types import FetchRequest

from .adapter_bench import (
    NOTHINGS,
    SECRET,
    SECRETS,
    START,
    TOKEN,
    TRANSPORT,
    AdapterBench,
    Wire,
    changed,
    load,
)
from .adapter_image_cases import ImageCases
from .adapter_reading_cases import ReadingCases
from .adapter_trouble_cases import TroubleCases


class StartingCases(AdapterBench):
    """What every adapter promises of starting, configuring, checking and erasing."""

    def test_a_start_is_one_post_with_the_headers_the_vendor_asks_for(self, w: Wire) -> None:
        started = w.adapter.start(START)
        (sent,) = w.sent("POST", urlsplit(self.start_url).path.lower())
        assert sent.headers["User-Agent"] == "ExampleCo IdentityGate/1.0"
        assert sent.headers["Accept"] == "application/json"
        assert sent.headers["Content-Type"] == "application/json"
        assert int(sent.headers["Content-Length"]) == len(sent.body)
        assert "Transfer-Encoding" not in sent.headers
        assert (started.vendor_reference, started.account_id) == (self.scan, self.account_id)
        assert started.redirect_url.startswith("https://")
        expiry = now() + timedelta(minutes=30)
        assert abs(started.link_expires_at - expiry) < timedelta(seconds=5)

    def test_what_is_kept_of_a_start_holds_no_secret(self, w: Wire) -> None:
        started = w.adapter.start(START)
        kept = json.dumps([started.facts, started.answer])
        assert TOKEN in started.redirect_url
        assert not [secret for secret in SECRETS if secret in kept]
        assert TOKEN not in repr(started)

    def test_the_same_facts_bring_the_result_home(self, w: Wire) -> None:
        started = w.adapter.start(START)
        payload = load(self.folder)["approved"]
        self.serve(w, payload)
        facts = json.loads(json.dumps(started.facts))
        request = FetchRequest(started.vendor_reference, started.account_id, facts)
        assert w.adapter.fetch(request).status is Status.approved

    @pytest.mark.parametrize(
        "answer",
        [
            {"status_code": 500, "text": "out"},
            {"status_code": 503, "headers": {"Retry-After": "1"}, "text": "out"},
            {"status_code": 429, "json": {"title": "Too Many Requests"}},
            {"exc": requests.exceptions.ConnectTimeout},
            {"exc": requests.exceptions.ReadTimeout},
            {"exc": requests.exceptions.ConnectionError},
        ],
    )
    def test_a_start_is_never_repeated(self, w: Wire, answer: dict[str, Any]) -> None:
        w.mock.post(self.start_url, **answer)
        with pytest.raises(VendorError) as caught:
            w.adapter.start(START)
        assert caught.value.transient
        assert len(w.sent("POST", urlsplit(self.start_url).path.lower())) == 1
        assert w.slept == []

    def test_a_start_without_its_essentials_is_an_error(self, w: Wire) -> None:
        for path in self.start_needs:
            for put in (*(one for one in NOTHINGS if one != "NO"), "../x y"):
                w.mock.post(self.start_url, json=changed(self.start_answer(), path, put))
                with pytest.raises(VendorProtocolError):
                    w.adapter.start(START)

    @pytest.mark.parametrize(
        "link",
        [
            "javascript:alert(1)",
            "//evil.example",
            "/relative",
            "http://plain.example/x",
            "https://",
        ],
    )
    def test_a_browser_is_only_sent_to_an_absolute_https_address(self, w: Wire, link: str) -> None:
        w.mock.post(self.start_url, json=changed(self.start_answer(), self.link_path, link))
        with pytest.raises(VendorProtocolError):
            w.adapter.start(START)

    @pytest.mark.parametrize(
        ("wanted", "configured", "told"),
        [
            ("de", "", "de"),
            ("de-AT", "fr", "de"),
            ("de_AT", "", "de"),
            ("pt-BR", "", "pt-BR"),
            ("zh-Hant-TW", "", "zh-HK"),
            ("tlh", "fr", "fr"),
            (None, "fr", "fr"),
            ("tlh", "", None),
            (None, "", None),
        ],
    )
    def test_the_page_speaks_the_users_language_or_else_the_configured_one(
        self, w: Wire, wanted: str | None, configured: str, told: str | None
    ) -> None:
        self.make(locale=configured).start(replace(START, locale=wanted))
        (sent,) = w.sent("POST", urlsplit(self.start_url).path.lower())
        place = sent.json()
        for key in self.locale_path[:-1]:
            place = place[key]
        assert place.get(self.locale_path[-1]) == told

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("callback_url", "https://id.example.com/" + "x" * 233),
            ("callback_url", "https://id.example.com:8443/x"),
            ("callback_url", "http://id.example.com/x"),
            ("callback_url", "https://203.0.113.9/x"),
            ("callback_url", "https://[2001:db8::1]/x"),
            ("callback_url", "https://id.example.com/x#part"),
            ("callback_url", "https://idé.example.com/x"),
            ("callback_url", "/x"),
            ("error_url", "https://id.example.com/" + "x" * 233),
            ("success_url", "https://id.example.com/" + "x" * 2030),
            ("success_url", "https://id.example.com/?errorCode=1"),
            ("reference", ""),
            ("reference", "x" * 101),
            ("reference", "Lena Gruber"),
            ("user_reference", "a/b"),
        ],
    )
    def test_what_the_vendor_would_refuse_is_not_sent(
        self, w: Wire, field: str, value: str
    ) -> None:
        with pytest.raises(VendorRejectedRequest, match=field) as caught:
            w.adapter.start(replace(START, **{field: cast("Any", value)}))
        assert w.mock.request_history == []
        assert not value or value not in str(caught.value)

    @pytest.mark.parametrize(
        "endpoint",
        ["", "http://{}", "https://{}@evil.example", "https://evil.example/{}", "{}.evil.io"],
    )
    def test_credentials_go_to_the_vendor_only(self, endpoint: str) -> None:
        host = urlsplit(self.endpoint).netloc
        account = replace(self.account(), endpoint=endpoint.format(host))
        with pytest.raises(InvalidProvider, match="endpoint"):
            Registry().get(self.kind)(account, TRANSPORT)

    def test_options_have_defaults_and_unknown_ones_are_refused(self) -> None:
        adapter = Registry().get(self.kind)
        cleaned = adapter.clean_options({})
        assert cleaned["token_lifetime"] == 30
        assert adapter.clean_options(cleaned) == cleaned
        with pytest.raises(InvalidProvider, match="known are"):
            adapter.clean_options({"nonsense": 1})
        with pytest.raises(InvalidProvider):
            adapter.clean_options({"token_lifetime": 4})
        with pytest.raises(InvalidProvider):
            adapter.clean_options({"locale": "tlh"})

    def test_users_are_told_who_checks_them_and_where_to_read_what_becomes_of_it(self) -> None:
        adapter = Registry().get(self.kind)
        assert adapter.vendor
        assert urlsplit(adapter.privacy_notice({})).scheme == "https"
        own = adapter.clean_options({"privacy_url": "https://shop.example/privacy?a=1"})
        assert adapter.privacy_notice(own) == "https://shop.example/privacy?a=1"
        for bad in ("http://shop.example/", "javascript:alert(1)", "https://shop.example/a b"):
            with pytest.raises(InvalidProvider, match="privacy_url"):
                adapter.clean_options({"privacy_url": bad})

    def test_a_check_of_good_credentials_starts_nothing(self, w: Wire) -> None:
        w.mock.get(requests_mock.ANY, status_code=404, json={"title": "Not Found"})
        self.prepare(w.mock)
        steps = w.adapter.check()
        assert steps
        assert all(step.ok and step.milliseconds is not None for step in steps), steps
        assert not w.sent("POST", urlsplit(self.start_url).path.lower())

    @pytest.mark.parametrize("status", [401, 403, 429, 500, 200])
    def test_a_check_says_what_is_wrong(self, w: Wire, status: int) -> None:
        w.mock.get(requests_mock.ANY, status_code=status, json={"detail": f"no {SECRET}"})
        steps = w.adapter.check()
        failed = [step for step in steps if not step.ok]
        assert failed
        assert all(step.message for step in failed)
        assert SECRET not in repr(steps)

    def test_erasing_what_is_gone_is_done(self, w: Wire) -> None:
        url = self.details_url() if self.account_id else self.status_url()
        gone = w.mock.delete(url, [{"status_code": 200}, {"status_code": 404}])
        w.adapter.erase(self.scan, self.account_id)
        w.adapter.erase(self.scan, self.account_id)
        assert gone.call_count == 2

    @pytest.mark.parametrize(
        "answer",
        [
            {"status_code": 404, "text": "<!doctype html><h1>Not Found</h1>"},
            {"status_code": 404, "text": "404 page not found"},
            {"status_code": 200, "text": "<html>Welcome</html>"},
            {"status_code": 200, "text": "", "headers": {"Content-Type": "text/html"}},
        ],
    )
    def test_a_web_servers_page_erases_nothing(self, w: Wire, answer: dict[str, Any]) -> None:
        w.mock.delete(requests_mock.ANY, **answer)
        with pytest.raises(VendorProtocolError, match="page"):
            w.adapter.erase(self.scan, self.account_id)
        if self.account_url() is not None:
            with pytest.raises(VendorProtocolError, match="page"):
                w.adapter.erase_account(self.account_id or "")

    def test_a_web_servers_404_is_no_word_on_a_record(self, w: Wire) -> None:
        w.mock.get(requests_mock.ANY, status_code=404, text="<h1>Not Found</h1>")
        with pytest.raises(VendorProtocolError, match="no API at this address"):
            w.adapter.fetch(self.request())

    def test_erasing_that_fails_is_told(self, w: Wire) -> None:
        url = self.details_url() if self.account_id else self.status_url()
        w.mock.delete(url, status_code=403)
        with pytest.raises(VendorRefused):
            w.adapter.erase(self.scan, self.account_id)

    def test_erasing_an_account_that_is_gone_is_done(self, w: Wire) -> None:
        url = self.account_url()
        if url is None:
            w.adapter.erase_account("any")  # a vendor without accounts has nothing to do
            assert w.mock.request_history == []
            return
        gone = w.mock.delete(url, [{"status_code": 200}, {"status_code": 404}])
        w.adapter.erase_account(self.account_id or "")
        w.adapter.erase_account(self.account_id or "")
        assert gone.call_count == 2

    def test_erasing_an_account_that_fails_is_told(self, w: Wire) -> None:
        url = self.account_url()
        if url is None:
            return
        w.mock.delete(url, status_code=403)
        with pytest.raises(VendorRefused):
            w.adapter.erase_account(self.account_id or "")
        w.mock.reset_mock()
        for bad in ("", "../..", f"{self.account_id}/workflow-executions"):
            with pytest.raises(VendorRejectedRequest):
                w.adapter.erase_account(bad)
        assert w.mock.request_history == []

    def test_close_gives_back_connections(self, w: Wire) -> None:
        w.adapter.close()


class AdapterCases(ReadingCases, StartingCases, TroubleCases, ImageCases):
    """Every promise. Subclass this per provider type and say how the vendor's wire looks."""
