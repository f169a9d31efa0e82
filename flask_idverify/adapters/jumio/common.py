"""What both generations of Jumio share: languages, limits, presets, and what a start may hold."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ...clock import now
from ...errors import (
    VendorProtocolError,
    VendorRecordMissing,
    VendorRejectedRequest,
    VendorUnavailable,
)
from ...phrases import phrase
from ...types import Account, Option, Started, StartRequest, Transport
from ..base import Adapter
from ..endpoints import host_is_address
from ..http import HttpClient
from .values import identifier

#: Languages of the capture page (reference, 2A.3).
LOCALES = [
    *("ar", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-MX", "et", "fi", "fr", "he"),
    *("hr", "hu", "hy", "id", "it", "ja", "ka", "km", "ko", "lt", "ms", "nl", "no", "pl", "pt"),
    *("pt-BR", "ro", "ru", "sk", "sv", "sw", "th", "tr", "vi", "zh-CN", "zh-HK"),
]
# Codes that browsers and Babel use for the same languages.
_LOCALE_ALIASES = {
    "es-419": "es-MX",
    "iw": "he",
    "in": "id",
    "nb": "no",
    "nn": "no",
    "zh": "zh-CN",
    "zh-hans": "zh-CN",
    "zh-hant": "zh-HK",
    "zh-sg": "zh-CN",
    "zh-tw": "zh-HK",
    "zh-mo": "zh-HK",
}

PRESET_TYPES = {
    "passport": "PASSPORT",
    "id_card": "ID_CARD",
    "driving_licence": "DRIVING_LICENSE",
}

#: Query parameters that Jumio appends to the return URLs (reference, 2A.3 and 4.1).
RESERVED_PARAMETERS = frozenset(
    {
        "transactionstatus",
        "customerinternalreference",
        "transactionreference",
        "errorcode",
        "acquisitionstatus",
        "accountid",
        "workflowexecutionid",
    }
)
# The stricter of two published sets (reference, 2B.3), plus what no reference of ours holds.
_REFERENCE = re.compile(r"[^<>\"/;`%{}|\s]{1,100}")
#: Stored ids, as an error names them.
ACCOUNT_ID, VENDOR_REFERENCE = phrase("account id"), phrase("vendor reference")
#: Seconds before a fresh result that is not readable yet is asked for again (reference, 2B.11).
SETTLING = (1.0, 3.0, 8.0)


def report_label_option(limit: int) -> Option:
    """Return the option ``reporting_criteria``, whose length differs (reference, 2A.3, 2B.3)."""
    return Option(
        name="reporting_criteria",
        label=phrase("Label for Jumio's reports"),
        kind="text",
        pattern=rf"[ -~]{{1,{limit}}}",
        help=phrase("up to %(limit)s plain characters; no personal data.", limit=limit),
    )


def locale_option(choices: list[str]) -> Option:
    """Return the language setting, with the languages of one generation."""
    return Option(
        name="locale",
        label=phrase("Language of the capture page"),
        kind="choice",
        choices=tuple((code, code) for code in choices),
        help=phrase(
            "Used when the user's own language is unknown or not offered; empty is English."
        ),
    )


#: Where an account has a notice of its own, e.g. because of another contract with the vendor.
PRIVACY_URL = Option(
    name="privacy_url",
    label=phrase("Privacy notice for users"),
    kind="text",
    pattern=r"https://[!-~]{1,240}",
    help=phrase("an address that begins with https://; empty is Jumio's own notice."),
)

#: How long the link lives (reference, 2A.9 and 2B.10: 5 minutes to 60 days).
TOKEN_LIFETIME = Option(
    name="token_lifetime",
    label=phrase("Link lifetime in minutes"),
    kind="integer",
    default=30,
    limits=(5, 86400),
    help=phrase("How long the link to the capture page can be opened."),
)


class JumioAdapter(Adapter):
    """The common half of both generations: connections, checks before a start, and after it."""

    vendor = "Jumio"
    #: The notice to which Jumio itself refers the end users of its customers.
    privacy_url = "https://www.jumio.com/privacy-center/privacy-notices/online-services-notice/"
    #: Longest success and error URL, by field of :class:`StartRequest` (reference, 2A.3, 2B.3).
    url_limits: Mapping[str, int]
    #: Languages that this generation's page speaks.
    locales: list[str] = LOCALES

    def __init__(self, account: Account, transport: Transport) -> None:
        super().__init__(account, transport)
        self.settings = self.clean_options(account.options)
        self.basic = basic_authorization(account.client_id, account.client_secret)
        secrets = (account.client_secret, self.basic.partition(" ")[2])
        self.http = HttpClient(transport, secrets=secrets)

    def close(self) -> None:
        """Give connections back; the adapter is not used afterwards."""
        self.http.close()

    def check_request(self, request: StartRequest) -> None:
        """Refuse, before anything is sent, what the vendor would refuse (reference, 2A.3).

        :raises VendorRejectedRequest: naming the field and the rule, never the value.
        """
        for name in ("reference", "user_reference"):
            if not _REFERENCE.fullmatch(getattr(request, name)):
                raise VendorRejectedRequest(
                    phrase(
                        '%(name)s has to be 1 to 100 characters without spaces and <>"/;`%%{}|.',
                        name=name,
                    )
                )
        for name, limit in self.url_limits.items():
            problem = _url_problem(getattr(request, name), limit, self.transport.allow_sandbox)
            if problem:
                raise VendorRejectedRequest(
                    phrase(
                        "%(name)s %(problem)s Check IDVERIFY_EXTERNAL_URL and IDVERIFY_URL_PREFIX.",
                        name=name,
                        problem=problem,
                    )
                )

    def locale(self, wanted: str | None) -> str | None:
        """Return the page's language: the user's if the page speaks it, else the configured one."""
        configured = self.settings.get("locale")
        return match_locale(wanted, self.locales) or (str(configured) if configured else None)

    def preset(self, request: StartRequest) -> tuple[str, str] | None:
        """Return country and document type to preset, if the claim gives both (2A.3, 2B.3)."""
        kind = PRESET_TYPES.get(request.id_type or "")
        if self.settings.get("preset") == "none" or not kind or not request.country:
            return None
        return request.country, kind

    def started(
        self,
        answer: Mapping[str, Any],
        *,
        vendor_reference: Any,
        redirect_url: Any,
        facts: Mapping[str, Any],
        account_id: str | None = None,
    ) -> Started:
        """Return the start that the vendor's answer describes, if it is complete.

        :raises VendorProtocolError: the reference or the link is missing or unusable.
        """
        known = identifier(vendor_reference)
        if known is None:
            raise VendorProtocolError(
                phrase("The vendor's answer to the start holds no usable reference.")
            )
        if not is_page_url(redirect_url, allow_http=self.transport.allow_sandbox):
            raise VendorProtocolError(
                phrase(
                    "The vendor's answer to the start holds no https link to the capture page; in "
                    "the vendor's portal, configure a domain prefix for the web client."
                )
            )
        lifetime = timedelta(minutes=int(self.settings["token_lifetime"]))
        return Started(
            vendor_reference=known,
            redirect_url=redirect_url,
            link_expires_at=now() + lifetime,
            account_id=account_id,
            facts=dict(facts),
            answer=self.http.redactor.value(answer),
        )

    def when_settled(
        self, ask: Callable[[], Mapping[str, Any]], *, patient: bool
    ) -> Mapping[str, Any]:
        """Return what *ask* does, with short repetitions of a 404 right after the end (2B.11).

        :raises VendorUnavailable: a 404 for somebody without patience; it may not be the last word.
        """
        if not patient:
            try:
                return ask()
            except VendorRecordMissing as error:
                raise VendorUnavailable(
                    phrase("The vendor does not show this result; it is asked again later."),
                    status=error.status,
                ) from None
        # The default back-off of half a second gives the reference's 1, 3 and 8 seconds.
        for pause in SETTLING:
            try:
                return ask()
            except VendorRecordMissing:
                self.http.sleep(pause * self.transport.backoff * 2)
        return ask()


def basic_authorization(user: str, password: str) -> str:
    """Return the header value for HTTP Basic (reference, 2A.1 and 2B.1)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def path_id(value: str | None, name: str) -> str:
    """Return a stored id that is going into a path; nothing else than an id may get there."""
    found = identifier(value)
    if found is None:
        raise VendorRejectedRequest(
            phrase("The stored %(name)s is missing or is no id of this vendor.", name=name)
        )
    return found


def match_locale(wanted: str | None, locales: list[str]) -> str | None:
    """Return the page's language for a locale as browsers or Babel write it (``de_AT``)."""
    code = (wanted or "").strip().replace("_", "-").lower()
    known = {name.lower(): name for name in locales}
    while code:
        found = known.get(_LOCALE_ALIASES.get(code, code).lower())
        if found:
            return found
        code = code.rpartition("-")[0]
    return None


def is_page_url(value: Any, *, allow_http: bool) -> bool:
    """Whether *value* is an absolute URL a browser may be sent to with a token in it."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return False
    if any(mark in value for mark in ' \\"<>'):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    schemes = ("https", "http") if allow_http else ("https",)
    return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc


def _url_problem(url: str, limit: int, lenient: bool) -> str | None:
    """Return which of the vendor's rules for URLs is broken, if any (reference, 2A.3).

    :param lenient: local addresses are admitted, since a sandbox admits them.
    """
    if not is_page_url(url, allow_http=True):
        return phrase("is no absolute URL in ASCII (write foreign host names in Punycode).")
    if len(url) > limit:
        return phrase("is longer than the %(limit)s characters that the vendor takes.", limit=limit)
    parts = urlsplit(url)
    if parts.fragment or "#" in url:
        return phrase("must not hold a fragment.")
    taken = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if taken & RESERVED_PARAMETERS:
        return phrase(
            "must not hold %(names)s in its query.",
            names=", ".join(sorted(taken & RESERVED_PARAMETERS)),
        )
    if lenient:
        return None
    if parts.scheme != "https":
        return phrase("has to begin with https://.")
    if parts.netloc.rpartition("]")[2].count(":") or host_is_address(parts.hostname or ""):
        return phrase("must name a host without a port; the vendor takes no IP addresses.")
    return None
