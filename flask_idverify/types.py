"""Values that cross between the adapters and the rest: frozen and pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from .claims import Consent, Document
from .errors import VendorError
from .states import Reason, Status, _Text


@dataclass(frozen=True, repr=False)
class StartRequest:
    """What an adapter needs to open a capture page. Nothing in it names the person.

    ``callback_url``, ``success_url`` and ``error_url`` are absolute; ``reference`` and
    ``user_reference`` are our pseudonyms; ``id_type`` and ``country`` preset the page;
    ``locale`` is the user's language as a BCP 47 tag (``pt-BR``) or ``None``, which the adapter
    maps to what its page speaks; ``account_id`` is the vendor's account of a returning user, where
    the vendor keeps accounts.
    """

    reference: str
    user_reference: str
    callback_url: str
    success_url: str
    error_url: str
    id_type: str | None = None
    country: str | None = None
    locale: str | None = None
    consent: Consent | None = None
    account_id: str | None = None

    def __repr__(self) -> str:
        return f"<StartRequest {self.reference}>"


@dataclass(frozen=True, repr=False)
class Started:
    """The vendor's answer to a start: where the browser goes, and how to ask for the result.

    ``redirect_url`` carries a bearer token and is a secret. ``facts`` (JSON, no personal data,
    no secret) is handed back at every fetch, since options may change meanwhile. ``answer`` is
    the vendor's answer with tokens and secrets masked, for the admin's test verification.
    """

    vendor_reference: str
    redirect_url: str
    link_expires_at: datetime
    account_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Started {self.vendor_reference}>"


@dataclass(frozen=True)
class FetchRequest:
    """What an adapter needs to ask for a result.

    ``required_checks`` are the capabilities (reference, 5.6) without which nothing is approved.
    Without ``patient`` nothing is repeated: somebody is waiting for a page.
    """

    vendor_reference: str
    account_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    required_checks: frozenset[str] = frozenset()
    patient: bool = True


class Hint(_Text):
    """What a callback says has happened. A hint to look, never a decision."""

    started = "started"
    captured = "captured"
    finished = "finished"
    unknown = "unknown"


@dataclass(frozen=True)
class Callback:
    """The readable part of an inbound notification: who it is about, nothing else.

    ``reference`` and ``user_reference`` are our own where the vendor echoes them; ``problem`` says
    why the body could not be read, in words without personal data.
    """

    hint: Hint = Hint.unknown
    vendor_reference: str | None = None
    account_id: str | None = None
    reference: str | None = None
    user_reference: str | None = None
    sent_at: datetime | None = None
    problem: str | None = None


class Severity(int, Enum):
    """How much a finding weighs; the reference's order (5.8, step 5), gravest first."""

    fraud = 0
    suspicious = 1
    unsupported = 2
    quality = 3
    review = 4
    unknown = 5
    technical = 6
    #: Seen, kept for the admin, of no consequence (a passed check, a missed precondition).
    info = 7


@dataclass(frozen=True)
class Finding:
    """One label of the vendor beside our reading of it.

    :param label: the vendor's words with their place, e.g. ``usability: BLURRED`` or
        ``rejectReason: 100 MANIPULATED_DOCUMENT``. Never personal data.
    """

    label: str
    reason: Reason | None
    severity: Severity

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        reason = str(self.reason) if self.reason else None
        return {"label": self.label, "reason": reason, "severity": self.severity.name}


@dataclass(frozen=True, repr=False)
class Outcome:
    """What an adapter says of a verification after asking the vendor.

    :param status: ``started``, ``processing``, ``in_review``, ``approved``, ``rejected``,
        ``expired`` or ``error``.
    :param reasons: primary reason first; empty when approved.
    :param retryable: the user may try again with better pictures or other papers.
    :param findings: every label the vendor gave, gravest first.
    :param checks: capabilities that passed.
    :param warned: capabilities that ended in a warning.
    :param waivable: the status is ``in_review`` on nothing but warnings that a policy may accept
        (never a watchlist hit, an unknown label or a missing check).
    :param risk: the vendor's score, if it gave one.
    :param reference: our own reference as the vendor echoes it, to tell a foreign record.
    :param related: the vendor's references of other attempts with the same face.
    :param completed_at: when the vendor finished (aware).
    """

    status: Status
    reasons: tuple[Reason, ...] = ()
    retryable: bool = False
    document: Document | None = None
    findings: tuple[Finding, ...] = ()
    checks: frozenset[str] = frozenset()
    warned: frozenset[str] = frozenset()
    waivable: bool = False
    risk: float | None = None
    reference: str | None = None
    account_id: str | None = None
    related: tuple[str, ...] = ()
    completed_at: datetime | None = None

    def __repr__(self) -> str:
        return f"<Outcome {self.status} {', '.join(self.reasons)}>"


@dataclass(frozen=True, repr=False)
class Image:
    """A picture of a person or their papers, on its way to somebody who may see it; never stored.

    :param content_type: ``image/jpeg`` or ``image/png``, and the bytes begin accordingly.
    """

    content_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"<Image {self.content_type}, {len(self.body)} bytes>"


@dataclass(frozen=True)
class CheckStep:
    """One line of a connection check: what was tried, whether it went well, what to do if not."""

    name: str
    ok: bool
    message: str
    milliseconds: int | None = None
    detail: str = ""


@dataclass(frozen=True)
class Option:
    """One setting of a provider type, from which the form and the validation are made.

    :param kind: ``text``, ``integer`` or ``choice``.
    :param choices: pairs of value and label, for ``choice``.
    :param limits: lowest and highest integer.
    """

    name: str
    label: str
    kind: str
    default: str | int | None = None
    help: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    limits: tuple[int, int] | None = None
    pattern: str | None = None


@dataclass(frozen=True, repr=False)
class Account:
    """A configured vendor account as an adapter sees it; the secret never shows in a repr.

    ``options`` are those that the adapter's :attr:`~flask_idverify.adapters.base.Adapter.options`
    declare, already validated.
    """

    client_id: str
    client_secret: str
    endpoint: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Account at {self.endpoint}>"


class TokenCache(Protocol):
    """Where tokens can be shared between processes: the shape of a cachelib cache."""

    def get(self, key: str, /) -> Any:
        """Return what was set and has not timed out, or ``None``."""

    def set(self, key: str, value: Any, /, timeout: int) -> Any:
        """Keep *value* for *timeout* seconds."""


@dataclass(frozen=True)
class Exchange:
    """One request that was sent to the vendor, and what came of it.

    :param error: ``None`` after a 2xx answer; one without a status when no answer came.
    :param with_credentials: what came of it says something of the account.
    """

    error: VendorError | None = None
    with_credentials: bool = True


def unmetered(exchange: Exchange) -> None:
    """Count nothing."""


@dataclass(frozen=True)
class Transport:
    """How an adapter may reach the network.

    :param user_agent: ``Company Application/version``, as the vendor demands (reference, 2A.1).
    :param connect_timeout: seconds until a connection stands.
    :param read_timeout: seconds between two bytes of an answer.
    :param allowed_endpoints: base URLs or hosts accepted beside the vendor's own.
    :param allow_sandbox: admit sandboxes, plain http to loopback, IP addresses and ports.
    :param retries: how often an idempotent GET is repeated on 5xx, on a broken connection, and on
        a 429 that says how soon.
    :param backoff: seconds before the first repetition; doubles each time.
    :param token_cache: shares the vendor's tokens between processes; without one each has its own.
    :param meter: told of every exchange, repetitions included, in the thread that made it.
    """

    user_agent: str
    connect_timeout: float = 5.0
    read_timeout: float = 20.0
    allowed_endpoints: tuple[str, ...] = ()
    allow_sandbox: bool = False
    retries: int = 3
    backoff: float = 0.5
    token_cache: TokenCache | None = field(default=None, repr=False, compare=False)
    meter: Callable[[Exchange], None] = field(default=unmetered, repr=False, compare=False)
