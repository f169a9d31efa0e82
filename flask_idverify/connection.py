"""*Check connection*: does the vendor accept us, and would its callbacks reach us?

No billable call is made and no user is touched. Every step says what to do when it fails.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from . import runtime
from .adapters.base import Adapter
from .adapters.endpoints import check_endpoint, host_is_address
from .errors import (
    ConfigurationError,
    DecryptionFailed,
    InvalidProvider,
    KeyUnavailable,
    ProviderUnusable,
    VendorError,
)
from .models import Provider
from .phrases import phrase
from .service.asking import asking
from .service.sessions import require_clean
from .service.urls import callback_url
from .types import CheckStep

#: What our callback view answers without storing anything, and what it says then.
PROBE_TYPE = "application/x-idverify-probe"
PROBE_ANSWER = b"idverify-callback-ok"
#: The same, where only the vendor's networks are admitted but a proxy hides who is calling.
PROBE_WITHOUT_PROXYFIX = b"idverify-callback-ok-behind-unknown-proxy"
#: Seconds for the connection, and between two bytes. Our own server is asked: it is fast or stuck.
_TIMEOUTS = (3.0, 4.0)
_LONGEST = 6.0
_MAX_BODY = 16384
#: As long as the key that stands behind the bare URL in a verification's callback URL.
_SAMPLE_KEY = "k" * 43
_LOCAL_NAMES = ("localhost", "local", "internal", "test", "invalid", "lan", "home")
_LOGIN_PATH = re.compile(r"log[-_]?in|sign[-_]?in|sso|saml|oauth|auth|account|session", re.I)
_CSRF = re.compile(rb"csrf|cross-site request", re.I)
_LOGIN_FORM = re.compile(rb"type\s*=\s*[\"']?password", re.I)


def check(provider: Provider) -> list[CheckStep]:
    """Try everything that can be tried without a verification; ``db.session`` ends up clean.

    An admin has asked for it, so that it goes out also while the vendor wants peace.
    """
    session = require_clean()
    app = runtime.current()
    try:
        bare, whole = callback_url(provider), callback_url(provider, _SAMPLE_KEY)
        with asking(provider, anyway=True) as adapter:
            steps = _vendor_steps(adapter)
    except (ProviderUnusable, ConfigurationError, KeyUnavailable, DecryptionFailed) as error:
        session.rollback()
        return [CheckStep("provider", False, error.args[0])]
    steps.append(callback_fitness(whole, adapter.callback_url_limit, sandbox=_is_sandbox(adapter)))
    steps.append(
        probe(
            bare,
            app.vendors.transport.user_agent,
            restricted=bool(app.settings.callback_networks),
        )
    )
    return steps


def _vendor_steps(adapter: Adapter) -> list[CheckStep]:
    begun = time.monotonic()
    try:
        return list(adapter.check())
    except VendorError as error:
        return [CheckStep("vendor", False, error.args[0], _since(begun), error.detail)]


def _is_sandbox(adapter: Adapter) -> bool:
    """Whether the endpoint is one that only the leniency for sandboxes admits."""
    try:
        check_endpoint(
            adapter.endpoint,
            vendor_hosts=adapter.vendor_hosts,
            allowed=adapter.transport.allowed_endpoints,
            allow_sandbox=False,
        )
    except InvalidProvider:
        return True
    return False


def callback_fitness(url: str, limit: int, *, sandbox: bool) -> CheckStep:
    """Say whether the vendor would take *url* as a callback URL (reference, 2A.3).

    :param sandbox: the provider is a sandbox, which takes local addresses too.
    """
    problems = list(_unfit(url, limit))
    if not problems:
        return CheckStep("callback URL", True, phrase("Has the form that the vendor demands."))
    told = problems.pop(0)
    for problem in problems:
        told = phrase("%(first)s and %(second)s", first=told, second=problem)
    if sandbox:
        fine = phrase("Fine for a sandbox only: the callback URL %(problems)s.", problems=told)
        return CheckStep("callback URL", True, fine)
    return CheckStep(
        "callback URL",
        False,
        phrase(
            "The callback URL %(problems)s. The vendor takes only https and a public host name, "
            "without port, query or fragment, up to %(limit)s characters: set "
            "IDVERIFY_EXTERNAL_URL to such an address.",
            problems=told,
            limit=limit,
        ),
    )


def _unfit(url: str, limit: int) -> Iterator[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        yield phrase("does not begin with https://")
    if parts.port is not None:
        yield phrase("names a port")
    if host_is_address(host):
        yield phrase("has an IP address instead of a host name")
    elif "." not in host or host.rpartition(".")[2] in _LOCAL_NAMES:
        yield phrase("has a host name that only works on your own network")
    if "?" in url or "#" in url:
        yield phrase("holds a query or a fragment")
    if not url.isascii():
        yield phrase("holds letters that need Punycode or percent-encoding")
    if len(url) > limit:
        yield phrase("has %(count)s characters, more than %(limit)s", count=len(url), limit=limit)


@dataclass(frozen=True)
class _Met:
    """What the probe met at our public address."""

    url: SplitResult
    status: int
    location: SplitResult | None
    server: str
    body: bytes


def probe(url: str, user_agent: str, *, restricted: bool = False) -> CheckStep:
    """Post to our own public callback URL, as the vendor would, and say what answered.

    Nothing is stored and no redirect is followed.

    :param restricted: callbacks are taken from the vendor's networks only; the probe cannot come
        from there, so that it proves the way and not the list.
    """
    begun = time.monotonic()
    try:
        met = _post(url, user_agent)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        # The error's own text holds the URL, and with it the provider's key.
        ok, message, detail = False, _unreachable(error, urlsplit(url)), ""
    else:
        ok, message = _judged(met)
        if ok and restricted:
            message = phrase(
                "%(answer)s Callbacks themselves are taken only from IDVERIFY_CALLBACK_NETWORKS; "
                "whether the list holds the vendor's present addresses, only a real callback "
                "shows.",
                answer=message,
            )
        detail = "" if ok else f"HTTP {met.status}{met.server}"
    return CheckStep("callback probe", ok, message, _since(begun), detail)


def _post(url: str, user_agent: str) -> _Met:
    with (
        requests.Session() as client,
        client.post(
            url,
            data=b"probe",
            headers={"Content-Type": PROBE_TYPE, "User-Agent": user_agent},
            auth=lambda request: request,  # keeps requests from looking into .netrc
            timeout=_TIMEOUTS,
            allow_redirects=False,
            stream=True,
        ) as answer,
    ):
        server = "".join(c for c in answer.headers.get("Server", "") if c.isprintable())[
            :60
        ].strip()
        location = answer.headers.get("Location")
        return _Met(
            url=urlsplit(url),
            status=answer.status_code,
            location=urlsplit(urljoin(url, location)) if location else None,
            server=f", Server: {server}" if server else "",
            body=_read(answer),
        )


def _read(answer: requests.Response) -> bytes:
    deadline = time.monotonic() + _LONGEST
    body = b""
    while len(body) < _MAX_BODY and (part := answer.raw.read1(_MAX_BODY, decode_content=True)):
        body += part
        if time.monotonic() > deadline:
            raise requests.Timeout("deadline")
    return body


def _judged(met: _Met) -> tuple[bool, str]:
    """Return whether the callback view answered, and what to do when something else did."""
    if met.status == 200 and met.body.strip() == PROBE_ANSWER:
        return True, phrase("Your public callback URL answers as it should.")
    if met.status == 200 and met.body.strip() == PROBE_WITHOUT_PROXYFIX:
        return False, phrase(
            "Your public callback URL answers, but the app sees a proxy of your own "
            "network instead of the caller. IDVERIFY_CALLBACK_NETWORKS then refuses every "
            "callback: set up werkzeug's ProxyFix with the number of proxies in front of "
            "the app (x_for)."
        )
    if met.location is not None and 300 <= met.status < 400:
        return False, _redirected(met.url, met.location)
    if met.status in (400, 403, 419) and _CSRF.search(met.body):
        return False, phrase(
            "A CSRF check refused the probe. The vendor cannot know a token: exempt the "
            "callback routes in whatever checks it (ours exempt themselves from "
            "Flask-WTF's CSRFProtect)."
        )
    if met.status in (401, 403, 407) or (met.status == 200 and _LOGIN_FORM.search(met.body)):
        return False, _wall(met.url, phrase("asks for a login or refuses access"))
    if met.status in (404, 405, 410):
        return False, phrase(
            "Nothing of ours answers at your public callback URL. IDVERIFY_EXTERNAL_URL "
            "has to be the address of this app, and a proxy in front has to pass the path "
            "on unchanged."
        )
    if met.status in (502, 503, 504):
        return False, phrase(
            "The proxy in front of the app cannot reach it; check the proxy and the app."
        )
    if met.status >= 500:
        return False, phrase("The server failed while answering; its error log says why.")
    return False, phrase(
        "Something else answers at your public callback URL (a proxy, a cache, a "
        "maintenance or landing page). Let POST requests to the path pass to this app "
        "unchanged."
    )


def _redirected(url: SplitResult, target: SplitResult) -> str:
    if url.scheme == "http" and target.scheme == "https" and url.hostname == target.hostname:
        return phrase(
            "%(hostname)s redirects from http to https, and the vendor follows no "
            "redirect: begin IDVERIFY_EXTERNAL_URL with https://.",
            hostname=url.hostname,
        )
    if _LOGIN_PATH.search(f"{target.hostname}{target.path}"):
        return _wall(
            url,
            phrase(
                "redirects to %(place)s, which looks like a login",
                place=target.path or target.hostname,
            ),
        )
    where = target.path if target.hostname == url.hostname else f"{target.hostname}{target.path}"
    return phrase(
        "The callback URL redirects to %(place)s, and the vendor follows no redirect: "
        "make IDVERIFY_EXTERNAL_URL the final address.",
        place=_without_key(where, url),
    )


def _wall(url: SplitResult, what: str) -> str:
    routes = url.path.rpartition("/")[0]
    return phrase(
        "Something in front of the callback URL %(what)s. The vendor cannot sign in: "
        "let POST requests to %(routes)s/ pass (in a before_request of the app, a "
        "proxy, a firewall).",
        what=what,
        routes=routes,
    )


def _without_key(where: str, url: SplitResult) -> str:
    key = url.path.rpartition("/")[2]
    return where.replace(key, "…") if key else where


def _unreachable(error: Exception, url: SplitResult) -> str:
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    if isinstance(error, requests.exceptions.SSLError):
        return phrase(
            "No trusted TLS connection to %(host)s: the certificate is missing, expired, "
            "incomplete or for another name. The vendor refuses it too.",
            host=host,
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return phrase(
            "%(host)s accepted no connection on port %(port)s in time. Is the app running "
            "there? If it is, check DNS and firewall.",
            host=host,
            port=port,
        )
    if isinstance(error, (requests.Timeout, TimeoutError)):
        return phrase(
            "No answer in time. A server that handles one request at a time (a development "
            "server without threads, one single worker) cannot answer itself: run it with "
            "threads or two workers and check again."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return phrase(
            "The outgoing proxy refused the way to %(host)s; check HTTPS_PROXY and NO_PROXY.",
            host=host,
        )
    return phrase(
        "%(host)s cannot be reached from here on port %(port)s. Is the app running "
        "there? If it is, check DNS, firewall and IDVERIFY_EXTERNAL_URL. Callbacks may "
        "still arrive if only this server cannot reach its own public address.",
        host=host,
        port=port,
    )


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
