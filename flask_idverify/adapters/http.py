"""One way to the network for every adapter: timeouts, limits, repetition, errors, no leaks."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from ..errors import (
    ConfigurationError,
    SandboxRefused,
    VendorBusy,
    VendorError,
    VendorProtocolError,
    VendorRefused,
    VendorUnavailable,
)
from ..phrases import phrase
from ..types import Exchange, Transport
from .answers import Answer, is_of_an_api
from .deadline import PunctualAdapter
from .http_errors import advice, explained, seconds, words
from .redaction import Redactor

__all__ = ["MAX_BODY", "MAX_RETRY_AFTER", "SANDBOX_HEADER", "Answer", "HttpClient"]

#: More than any documented answer by far; what is longer is not read.
MAX_BODY = 2 * 1024 * 1024
#: A vendor that asks for more patience than this is told to the caller instead of waited for.
MAX_RETRY_AFTER = 10.0
#: Every answer of a sandbox carries this header.
SANDBOX_HEADER = "X-IDVerify-Sandbox"

#: A 404 that is no word of the vendor's on a record: nothing may be ended or ticked off by it.
_NOWHERE = phrase(
    "it is a page and not the vendor's word: there is no API at this address; check the endpoint, "
    "its region, that it holds no path, and any proxy in between."
)
#: Methods that start nothing and may be repeated.
_HARMLESS = ("GET", "DELETE")
_log = logging.getLogger(__name__)


class _Authorization(AuthBase):
    """Sets exactly the given header; being there, it keeps requests from looking into .netrc."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


class _Request(NamedTuple):
    method: str
    url: str
    authorization: str | None
    headers: dict[str, str]
    body: bytes | None
    max_body: int
    not_found: str | None


class HttpClient:
    """Sends one adapter's requests. Shared between threads; keeps connections of reading open.

    Headers are those of the reference, 2A.1. Redirects are errors and TLS is always verified.
    Proxies and CA bundles of the environment are honoured, ``.netrc`` and cookies never are.
    Only calls that start nothing are repeated: GET and DELETE, on 5xx and broken connections, and
    on a 429 whose ``Retry-After`` is short: it is about the whole account, and without such a word
    a repetition would only use up more of its limit.

    :param secrets: what must never show up in an error's detail.
    :ivar sleep: how to wait before a repetition; tests put a recorder here.
    """

    def __init__(self, transport: Transport, *, secrets: Iterable[str] = ()) -> None:
        agent = transport.user_agent
        if not agent or not agent.isascii() or not agent.isprintable():
            raise ConfigurationError(
                "IDVERIFY_USER_AGENT: expected printable ASCII, like 'ExampleCo ExampleApp/1.0'."
            )
        self.transport = transport
        self.redactor = Redactor(secrets)
        self.sleep = time.sleep
        self._budget = transport.connect_timeout + 2 * transport.read_timeout
        self._kept = _session(agent, self._budget)

    def __repr__(self) -> str:
        return "<HttpClient>"

    def close(self) -> None:
        """Give the connections back."""
        self._kept.close()

    def call(
        self,
        method: str,
        url: str,
        *,
        authorization: str | None = None,
        payload: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        repeat: bool = True,
        accept: str | None = None,
        max_body: int = MAX_BODY,
        not_found: str | None = None,
    ) -> Answer:
        """Send one request and return its 2xx answer; raise the fitting ``VendorError`` otherwise.

        :param payload: sent as JSON, with a ``Content-Length`` (reference, 2A.1).
        :param form: sent url-encoded instead.
        :param repeat: ``False`` asks once even where repetition is harmless.
        :param accept: what else than JSON is asked for.
        :param max_body: the longest answer, in bytes, that is read.
        :param not_found: what a 404 means where it is about no record; it is a
            :class:`~flask_idverify.errors.VendorRefused` then. Any other 404 is a
            :class:`~flask_idverify.errors.VendorRecordMissing` only if it brings an object in JSON
            or nothing at all, as an API does; a web server's is no word on any record.
        """
        headers, body = _encoded(payload, form)
        if accept is not None:
            headers["Accept"] = accept
        request = _Request(method, url, authorization, headers, body, max_body, not_found)
        attempts = self.transport.retries if repeat and method in _HARMLESS else 0
        deadline = time.monotonic() + self._budget
        attempt = 0
        while True:
            result = self._exchange(request, deadline)
            error = None if isinstance(result, Answer) else result
            self.transport.meter(Exchange(error, with_credentials=authorization is not None))
            if isinstance(result, Answer):
                return result
            pause = self._pause(attempt, result)
            passing = isinstance(result, (VendorBusy, VendorUnavailable))
            if not passing or attempt >= attempts or pause is None:
                raise result
            if time.monotonic() + pause > deadline:
                raise result
            _log.debug("%s is tried again in %.1f s: %s", method, pause, result)
            self.sleep(pause)
            attempt += 1

    def _pause(self, attempt: int, error: VendorError) -> float | None:
        """Return the seconds to wait, or ``None`` when it would be for too many or nobody knows."""
        # Jitter, so that workers which failed together do not come back together.
        jitter = random.uniform(0.5, 1.5)  # nosec B311  # noqa: S311
        pause = self.transport.backoff * 2.0**attempt * jitter
        if error.retry_after is None:
            return None if isinstance(error, VendorBusy) else pause
        return None if error.retry_after > MAX_RETRY_AFTER else max(pause, error.retry_after)

    def _exchange(self, request: _Request, deadline: float) -> Answer | VendorError:
        """Ask once. Errors are returned, so that none keeps another (with its URL) as context."""
        limits = (self.transport.connect_timeout, self.transport.read_timeout)
        # Plain http reaches this machine only; a proxy would see the credentials.
        plain = request.url.startswith("http:")
        proxies: Any = dict.fromkeys(("http", "https", "all")) if plain else None
        # What is sent only once gets a connection of its own: a kept one may just be closing at
        # the vendor's end, and nobody could tell whether the request had arrived.
        kept = request.method in _HARMLESS
        session = self._kept if kept else _session(self.transport.user_agent, self._budget)
        try:
            with (
                nullcontext() if kept else session,
                session.request(
                    request.method,
                    request.url,
                    data=request.body,
                    headers=request.headers,
                    auth=_Authorization(request.authorization),
                    timeout=limits,
                    proxies=proxies,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                if SANDBOX_HEADER in response.headers and not self.transport.allow_sandbox:
                    return SandboxRefused(
                        phrase(
                            "The endpoint is a sandbox, whose decisions mean nothing; enter the "
                            "vendor's own endpoint, or run the app with TESTING or DEBUG."
                        ),
                        status=response.status_code,
                    )
                return self._judge(response, _read(response, deadline, request.max_body), request)
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            failure = explained(error, _place(request.url))
        return failure[0](failure[1])

    def _judge(
        self, response: requests.Response, body: bytes | None, request: _Request
    ) -> Answer | VendorError:
        status = response.status_code
        if body is None:
            return VendorProtocolError(
                phrase(
                    "The vendor's answer is longer than %(max_body)s bytes; check the endpoint.",
                    max_body=request.max_body,
                ),
                status=status,
            )
        if 200 <= status < 300:
            kind_of = response.headers.get("Content-Type", "")
            return Answer(status, body, response.headers.get("Date"), kind_of)
        kind, hint = advice(status)
        if status == 404 and request.not_found is not None:
            kind, hint = VendorRefused, request.not_found
        elif status == 404 and not is_of_an_api(body):
            kind, hint = VendorProtocolError, _NOWHERE
        return kind(
            phrase("The vendor answered HTTP %(status)s: %(hint)s", status=status, hint=hint),
            status=status,
            detail=self.redactor.detail(words(body)),
            retry_after=seconds(response.headers.get("Retry-After")),
        )


def _place(url: str) -> str:
    """Return the host, with its port where that is not the scheme's own."""
    parts = urlsplit(url)
    usual = 443 if parts.scheme == "https" else 80
    host = parts.hostname or "the endpoint"
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def _session(agent: str, seconds: float) -> requests.Session:
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    pool = PunctualAdapter(seconds, pool_connections=8, pool_maxsize=16)
    session.mount("https://", pool)
    session.mount("http://", pool)
    session.headers.update(
        # Compressed answers would only help whoever wants to fill our memory.
        {"User-Agent": agent, "Accept": "application/json", "Accept-Encoding": "identity"}
    )
    return session


def _encoded(
    payload: Mapping[str, Any] | None, form: Mapping[str, str] | None
) -> tuple[dict[str, str], bytes | None]:
    if payload is not None:
        return {"Content-Type": "application/json"}, json.dumps(payload).encode("ascii")
    if form is not None:
        return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode(
            "ascii"
        )
    return {}, None


def _read(response: requests.Response, deadline: float, max_body: int) -> bytes | None:
    """Return the body, or ``None`` when it is too long; give up on one that drips in."""
    # read1 returns what has arrived; read would sit in the socket until its whole share is there.
    raw = response.raw
    read = getattr(raw, "read1", raw.read)  # urllib3 1 has no read1: a drip takes longer there
    parts: list[bytes] = []
    size = 0
    while chunk := read(65536, decode_content=True):
        size += len(chunk)
        if size > max_body:
            return None
        if time.monotonic() > deadline:
            raise requests.Timeout("deadline")
        parts.append(chunk)
    return b"".join(parts)
