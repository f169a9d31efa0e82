"""A browser without a screen: cookies, forms and redirects that it follows only when told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from .page import Form, Page

#: Longer parts of a path are keys and ids; the beginning is enough to tell them apart.
_LONG = 16
_SECONDS = 15


class Differs(Exception):
    """Something is not as expected.

    :ivar expected: in words.
    :ivar got: in words.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


class Answer:
    """What came back for one request."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.method = str(response.request.method)
        self.url = response.url
        self.status = response.status_code

    @property
    def path(self) -> str:
        """Return the path as a report shows it: without query, long ids cut."""
        return shortened(self.url)

    @cached_property
    def page(self) -> Page:
        """Return the HTML page."""
        kind = self._response.headers.get("Content-Type", "")
        if not kind.startswith("text/html"):
            raise Differs("an HTML page", kind or "nothing")
        return Page(self._response.text, self.url)

    @cached_property
    def json(self) -> Any:
        """Return the JSON document."""
        try:
            return self._response.json()
        except ValueError:
            raise Differs("JSON", self._response.headers.get("Content-Type", "nothing")) from None

    @property
    def location(self) -> str:
        """Return where the answer redirects to; empty when it does not."""
        target = self._response.headers.get("Location")
        return urljoin(self.url, target) if target else ""

    def expect(
        self,
        status: int,
        *,
        says: Sequence[str] | str = (),
        leads_to: str | None = None,
        silent_on: Sequence[str] | str = (),
    ) -> Answer:
        """Check what a person would see.

        :param says: words that are on the page.
        :param leads_to: pattern of the redirect's path.
        :param silent_on: words that are not on the page.
        """
        if self.status != status:
            raise Differs(f"status {status}", f"{self.status}{self._words()}")
        if leads_to is not None and not re.fullmatch(leads_to, urlsplit(self.location).path):
            raise Differs(f"a redirect to {leads_to}", self.location or "no redirect")
        for words in _listed(says):
            if words not in self.page.text:
                raise Differs(f"a page that says {words!r}", f"one{self._words()}")
        for words in _listed(silent_on):
            if words in self.page.text:
                raise Differs(f"a page without {words!r}", f"one{self._words()}")
        return self

    def _words(self) -> str:
        if not self._response.headers.get("Content-Type", "").startswith("text/html"):
            return ""
        return f" that reads {(self.page.heading or self.page.text)[:100]!r}"


class Browser:
    """One person at one browser.

    :param base: where paths begin.
    :param noted: told of every answer, for the report.
    """

    def __init__(self, base: str, noted: Callable[[str, str, int], None]) -> None:
        self._base = base
        self._noted = noted
        self._session = requests.Session()
        # Loopback only: a proxy of the environment has no business here.
        self._session.trust_env = False

    def get(self, address: str, **parameters: str) -> Answer:
        """Open an address."""
        return self._send("GET", address, params=parameters)

    def submit(
        self,
        form: Form,
        values: Mapping[str, str | bool] | None = None,
        button: tuple[str, str] | None = None,
    ) -> Answer:
        """Fill in and send a form that is on a page."""
        sent = form.filled(values or {}, button)
        if form.method == "GET":
            return self._send("GET", form.action, params=sent)
        return self._send("POST", form.action, data=sent)

    def post(self, address: str, values: Mapping[str, str]) -> Answer:
        """Send what no form of ours offers, as somebody with ill intent would."""
        return self._send("POST", address, data=dict(values))

    def post_json(self, address: str, value: Any, token: str) -> Answer:
        """Send JSON with a CSRF token."""
        return self._send("POST", address, json=value, headers={"X-CSRFToken": token})

    def _send(self, method: str, address: str, **settings: Any) -> Answer:
        response = self._session.request(
            method,
            urljoin(self._base, address),
            allow_redirects=False,
            timeout=_SECONDS,
            **settings,
        )
        answer = Answer(response)
        self._noted(answer.method, answer.path, answer.status)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def shortened(url: str) -> str:
    """Return the path of *url*, keys and ids cut short."""
    parts = urlsplit(url).path.split("/")
    return "/".join(part if len(part) <= _LONG else f"{part[:8]}…" for part in parts)


def _listed(words: Sequence[str] | str) -> Sequence[str]:
    return (words,) if isinstance(words, str) else words
