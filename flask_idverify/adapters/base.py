"""What every adapter is: one vendor protocol, no Flask, no database."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ..errors import InvalidProvider, VendorRecordMissing
from ..phrases import phrase
from ..types import (
    Account,
    Callback,
    CheckStep,
    FetchRequest,
    Image,
    Option,
    Outcome,
    Started,
    StartRequest,
    Transport,
)
from .endpoints import check_endpoint


class Adapter(ABC):
    """Speaks one provider type's protocol for one configured account.

    An instance is made once per provider and process, is shared between threads and keeps its
    connections and tokens. Making one raises :class:`~flask_idverify.errors.InvalidProvider` when
    endpoint or options are not (or no longer) admitted. Everything that it raises afterwards is a
    :class:`~flask_idverify.errors.VendorError`, or
    :class:`~flask_idverify.errors.ConsentMissing` from a start without due consent. One that does
    not use :class:`.http.HttpClient` tells ``transport.meter`` of every exchange itself.

    :ivar endpoint: the account's endpoint, checked and normalised; the only base for URLs.
    """

    #: The provider type that this class speaks, as stored and shown, e.g. ``Jumio``.
    type: ClassVar[str]
    #: What users are told of who takes and checks their pictures; the type's name when empty.
    vendor: ClassVar[str] = ""
    #: Where the vendor tells those people what becomes of their data; https.
    privacy_url: ClassVar[str] = ""
    #: One sentence for the admin's form.
    summary: ClassVar[str]
    #: An example endpoint for the admin's form.
    endpoint_example: ClassVar[str]
    #: Host names accepted without further ado; ``*.`` in front stands for any host below.
    vendor_hosts: ClassVar[tuple[str, ...]]
    #: Settings of this type, from which the form is made.
    options: ClassVar[tuple[Option, ...]]
    #: The vendor demands the user's consent before a start.
    needs_consent: ClassVar[bool] = False
    #: The vendor keeps an account per person, which a returning user re-uses.
    keeps_accounts: ClassVar[bool] = False
    #: Longest callback URL that the vendor takes.
    callback_url_limit: ClassVar[int] = 255

    def __init__(self, account: Account, transport: Transport) -> None:
        self.account = account
        self.transport = transport
        # Checked where it is used, so that no adapter can forget to and no stored row escapes.
        self.endpoint = check_endpoint(
            account.endpoint,
            vendor_hosts=self.vendor_hosts,
            allowed=transport.allowed_endpoints,
            allow_sandbox=transport.allow_sandbox,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.endpoint}>"

    @classmethod
    def clean_options(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return *raw* checked against :attr:`options`, defaults filled in, empty ones dropped.

        :raises InvalidProvider: naming the option, what was expected and what was not known.
        """
        known = {option.name: option for option in cls.options}
        for name in raw:
            if name not in known:
                raise InvalidProvider(
                    name,
                    phrase(
                        "is no option of %(type)s; known are %(known)s.",
                        type=cls.type,
                        known=", ".join(sorted(known)),
                    ),
                )
        cleaned = {}
        for option in cls.options:
            value = clean_option(option, raw.get(option.name, option.default))
            if value is not None:
                cleaned[option.name] = value
        return cleaned

    @classmethod
    def privacy_notice(cls, options: Mapping[str, Any]) -> str:
        """Return the address of the privacy notice for users: the option's, or the vendor's own."""
        return str(options.get("privacy_url") or cls.privacy_url)

    @classmethod
    @abstractmethod
    def default_checks(cls, options: Mapping[str, Any]) -> frozenset[str]:
        """Return the capabilities (reference, 5.6) that this configuration is supposed to run."""

    @abstractmethod
    def start(self, request: StartRequest) -> Started:
        """Open a capture page. Never repeated blindly: the vendor has no idempotency key."""

    @abstractmethod
    def fetch(self, request: FetchRequest) -> Outcome:
        """Ask the vendor how the verification stands: status first, details once it has ended."""

    @classmethod
    @abstractmethod
    def parse_callback(cls, body: bytes, content_type: str) -> Callback:
        """Read a notification as a hint. Never raises: ``problem`` says what cannot be read."""

    @abstractmethod
    def check(self) -> list[CheckStep]:
        """Try credentials and reachability without a billable call and without any user."""

    @abstractmethod
    def erase(self, vendor_reference: str, account_id: str | None = None) -> None:
        """Have the vendor delete what it holds of one verification. Gone already counts as done."""

    def images(self, request: FetchRequest) -> tuple[str, ...]:
        """Ask which pictures the vendor hands out of a verification.

        :return: names out of :data:`.images.NAMES`; none for a vendor that hands out no pictures.
        :raises VendorRecordMissing: the vendor has deleted them, or never had any.
        """
        return ()

    def image(self, request: FetchRequest, name: str) -> Image:
        """Ask for one of the pictures that :meth:`images` named.

        :raises VendorRejectedRequest: *name* is no name of a picture; nothing was sent.
        :raises VendorRecordMissing: the vendor has no such picture, or not any more.
        :raises VendorProtocolError: what came is too long or no picture.
        """
        raise VendorRecordMissing(phrase("This vendor hands out no pictures."))

    def erase_account(self, account_id: str) -> None:  # noqa: B027 - nothing is a good default
        """Have the vendor delete a person's account and all it holds of them.

        A vendor without accounts (:attr:`keeps_accounts`) has nothing to do. Gone already counts
        as done.

        :param account_id: as a start returned it.
        """

    @abstractmethod
    def close(self) -> None:
        """Give connections back; the adapter is not used afterwards."""


def clean_option(option: Option, value: Any) -> str | int | None:
    """Return one option's value in its type, or ``None`` when it is left empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        if option.required:
            raise InvalidProvider(option.name, phrase("is required."))
        return None
    if option.kind == "integer":
        return _clean_integer(option, value)
    text = str(value).strip()
    if option.kind == "choice" and text not in dict(option.choices):
        raise InvalidProvider(
            option.name,
            phrase("expected one of %(choices)s.", choices=", ".join(dict(option.choices))),
        )
    if option.pattern and not re.fullmatch(option.pattern, text):
        raise InvalidProvider(
            option.name, phrase("is malformed; %(hint)s", hint=option.help or option.pattern)
        )
    return text


def _clean_integer(option: Option, value: Any) -> int:
    try:
        number = int(str(value).strip())
    except ValueError:
        raise InvalidProvider(option.name, phrase("expected a whole number.")) from None
    if option.limits and not option.limits[0] <= number <= option.limits[1]:
        low, high = option.limits
        raise InvalidProvider(
            option.name, phrase("expected a number from %(low)s to %(high)s.", low=low, high=high)
        )
    return number
