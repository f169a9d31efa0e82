"""The provider type ``Jumio Platform``: accounts and workflow executions (reference, 2B)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from ...errors import VendorError, VendorProtocolError, VendorRecordMissing, VendorRefused
from ...phrases import phrase
from ...types import (
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
from ..http import Answer
from ..images import ACCEPT, MAX_BYTES, image_of, in_order, known_name
from .callbacks import parse_platform
from .checks import health, probe, since
from .common import (
    ACCOUNT_ID,
    LOCALES,
    PRIVACY_URL,
    TOKEN_LIFETIME,
    VENDOR_REFERENCE,
    JumioAdapter,
    locale_option,
    path_id,
    report_label_option,
)
from .findings import ALL_CHECKS
from .hosts import Hosts
from .platform_entries import word
from .platform_mapping import EXPIRED, ended, outcome_of, progress
from .platform_parts import parts_of
from .platform_request import consent_block, start_body
from .token import TokenSource
from .values import identifier, mapping, same

_LOCALES = [code for code in LOCALES if code != "sw"]


class JumioPlatform(JumioAdapter):
    """Speaks the Jumio Platform (KYX): OAuth2, an account per person, executions of workflows."""

    type = "Jumio Platform"
    summary = phrase("Jumio Platform (KYX): OAuth2 client, workflow key, needs the user's consent.")
    endpoint_example = "https://amer-1.jumio.ai"
    vendor_hosts = (
        "amer-1.jumio.ai",
        "emea-1.jumio.ai",
        "apac-1.jumio.ai",
        "*.amer-1.jumio.ai",
        "*.emea-1.jumio.ai",
        "*.apac-1.jumio.ai",
    )
    needs_consent = True
    keeps_accounts = True
    options = (
        Option(
            name="workflow_key",
            label=phrase("Workflow key"),
            kind="text",
            default="10011",
            required=True,
            pattern=r"[A-Za-z0-9_-]{1,64}",
            help=phrase("as the Jumio portal names it, e.g. 10011 (ID and identity)."),
        ),
        locale_option(_LOCALES),
        TOKEN_LIFETIME,
        Option(
            name="preset",
            label=phrase("Country and document type"),
            kind="choice",
            default="claim",
            choices=(
                ("claim", phrase("Suggested to the user")),
                ("claim_fixed", phrase("Fixed as the user stated")),
                ("none", phrase("The page asks")),
            ),
        ),
        report_label_option(255),
        PRIVACY_URL,
    )
    url_limits = {"callback_url": 255, "success_url": 255, "error_url": 255}  # noqa: RUF012
    locales = _LOCALES

    def __init__(self, account: Account, transport: Transport) -> None:
        super().__init__(account, transport)
        self.hosts = Hosts.of(self.endpoint)
        # The secret is part of the name: a changed secret must not live on an old token.
        name = "\n".join((self.hosts.auth, account.client_id, account.client_secret))
        self.tokens = TokenSource(self._ask_token, name, transport.token_cache)

    @classmethod
    def default_checks(cls, options: Mapping[str, Any]) -> frozenset[str]:  # noqa: ARG003
        """Return the six of ID and face: workflow keys are the tenant's, they tell us nothing."""
        return ALL_CHECKS

    def start(self, request: StartRequest) -> Started:
        """Start an execution, on the account of a returning user if there is one (2B.3, 2B.4)."""
        consent = consent_block(request.consent)
        self.check_request(request)
        payload = start_body(
            request,
            consent,
            self.settings,
            preset=self.preset(request),
            locale=self.locale(request.locale),
        )
        url = f"{self.hosts.account}/api/v1/accounts"
        answer = self._again(url, request.account_id, payload) if request.account_id else None
        if answer is None:
            nowhere = phrase(
                "it has no accounts at this endpoint; check the endpoint and its region."
            )
            answer = self._call("POST", url, payload, not_found=nowhere).object()
        account_id = identifier(mapping(answer.get("account")).get("id"))
        if account_id is None:
            raise VendorProtocolError(
                phrase("The vendor's answer to the start holds no account id.")
            )
        return self.started(
            answer,
            vendor_reference=mapping(answer.get("workflowExecution")).get("id"),
            redirect_url=mapping(answer.get("web")).get("href"),
            account_id=account_id,
            facts={"workflow_key": payload["workflowDefinition"]["key"]},
        )

    def fetch(self, request: FetchRequest) -> Outcome:
        """Ask for the status, and for the details once it has ended (2B.5, 2B.6, 2B.11)."""
        account = path_id(request.account_id, ACCOUNT_ID)
        execution = path_id(request.vendor_reference, VENDOR_REFERENCE)
        url = self._execution(account, execution)
        repeat = request.patient
        answered = self._call("GET", f"{url}/status", repeat=repeat).object()
        found = mapping(answered.get("workflowExecution"))
        status = word(found.get("status"))
        if not status or (found.get("id") and not same(found["id"], execution)):
            raise VendorProtocolError(
                phrase("The vendor's status answer is not about what was asked.")
            )
        if not ended(status):
            return Outcome(progress(status), account_id=account)

        def details() -> Mapping[str, Any]:
            return self._details(account, execution, repeat=repeat)

        if status in EXPIRED:
            try:
                answer = details()
            except VendorRecordMissing:
                answer = {}  # the result stands without details (reference, section 8, point 8)
        else:
            answer = self.when_settled(details, patient=repeat)
            if answer.get("wipedOutAt") and not mapping(answer.get("capabilities")):
                raise VendorRecordMissing(
                    phrase("The vendor has wiped this result; nothing can be read.")
                )
        return outcome_of(answer, status=status, required_checks=request.required_checks)

    @classmethod
    def parse_callback(cls, body: bytes, content_type: str) -> Callback:  # noqa: ARG003
        """Read a JSON notification; its content type adds nothing (reference, 3.5)."""
        return parse_platform(body)

    def check(self) -> list[CheckStep]:
        """Try the token, a retrieval that cannot find anything, and the vendor's health."""
        begun = time.monotonic()
        try:
            self.tokens.renew()  # the step shows what the vendor says today
        except VendorError as error:
            steps = [CheckStep("token", False, error.args[0], since(begun), error.detail)]
        else:
            message = phrase("The vendor issued a token for these credentials.")
            steps = [CheckStep("token", True, message, since(begun))]
            url = self._execution(str(uuid.uuid4()), str(uuid.uuid4()))
            steps.append(probe("retrieval", lambda: self._call("GET", url, repeat=False)))

        def report() -> Answer:
            return self.http.call("GET", self.hosts.status, repeat=False)  # no credentials

        return [*steps, health(report)]

    def erase(self, vendor_reference: str, account_id: str | None = None) -> None:
        """Delete one execution at the vendor, irreversibly (reference, 2B.2)."""
        url = self._execution(
            path_id(account_id, ACCOUNT_ID), path_id(vendor_reference, VENDOR_REFERENCE)
        )
        self._delete(url)

    def erase_account(self, account_id: str) -> None:
        """Delete an account with all its executions, irreversibly (reference, 2B.2)."""
        self._delete(f"{self.hosts.retrieval}/api/v1/accounts/{path_id(account_id, ACCOUNT_ID)}")

    def images(self, request: FetchRequest) -> tuple[str, ...]:
        """Read which pictures there are from the details (reference, 2B.6 and 2B.7)."""
        return in_order(self._parts(request))

    def image(self, request: FetchRequest, name: str) -> Image:
        """Ask for one picture, by a URL of our own making: no ``href`` is followed (2B.2, 2B.7)."""
        found = self._parts(request).get(known_name(name))
        if found is None:
            raise VendorRecordMissing(phrase("The vendor has no such picture, or has deleted it."))
        credential, classifier = found
        account = path_id(request.account_id, ACCOUNT_ID)
        base = f"{self.hosts.retrieval}/api/v1/accounts/{account}"
        return image_of(
            self._call(
                "GET",
                f"{base}/credentials/{credential}/parts/{classifier}",
                repeat=request.patient,
                accept=ACCEPT,
                max_body=MAX_BYTES,
            )
        )

    def _parts(self, request: FetchRequest) -> dict[str, tuple[str, str]]:
        account = path_id(request.account_id, ACCOUNT_ID)
        execution = path_id(request.vendor_reference, VENDOR_REFERENCE)
        answer = self._details(account, execution, repeat=request.patient)
        return parts_of(answer.get("credentials"))

    def _details(self, account: str, execution: str, *, repeat: bool) -> Mapping[str, Any]:
        """Return the details, if they are about what was asked."""
        url = self._execution(account, execution)
        answer = self._call("GET", url, repeat=repeat).object()
        other_account = mapping(answer.get("account")).get("id")
        if not same(mapping(answer.get("workflow")).get("id"), execution) or (
            other_account and not same(other_account, account)
        ):
            raise VendorProtocolError(
                phrase("The vendor answered about another execution than asked.")
            )
        return answer

    def _delete(self, url: str) -> None:
        try:
            self._call("DELETE", url).require_no_page()
        except VendorRecordMissing:
            return

    def _again(
        self, url: str, account_id: str, payload: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Start on an existing account, or return ``None`` when the vendor has deleted it."""
        known = path_id(account_id, ACCOUNT_ID)
        try:
            return self._call("PUT", f"{url}/{known}", payload).object()
        except VendorRecordMissing:
            return None  # nothing was started, so that a new account may be

    def _execution(self, account_id: str, execution_id: str) -> str:
        base = f"{self.hosts.retrieval}/api/v1/accounts/{account_id}"
        return f"{base}/workflow-executions/{execution_id}"

    def _call(
        self,
        method: str,
        url: str,
        payload: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> Answer:
        """Send one request; after a 401, once more with a new token (reference, 2B.1).

        :param how: as :meth:`.HttpClient.call` takes it.
        """
        token = self.tokens.get()
        try:
            return self._send(method, url, token, payload, **how)
        except VendorRefused as error:
            if error.status != 401:
                raise
        # A 401 has started nothing, whatever the method.
        self.tokens.drop(token)
        return self._send(method, url, self.tokens.get(), payload, **how)

    def _send(
        self, method: str, url: str, token: str, payload: Mapping[str, Any] | None, **how: Any
    ) -> Answer:
        bearer = f"Bearer {token}"
        return self.http.call(method, url, authorization=bearer, payload=payload, **how)

    def _ask_token(self) -> Answer:
        return self.http.call(
            "POST",
            f"{self.hosts.auth}/oauth2/token",
            authorization=self.basic,
            form={"grant_type": "client_credentials"},
            # Whoever asks for a record takes its 404 for "deleted".
            not_found=phrase(
                "it has no token service at this endpoint; check endpoint and region."
            ),
        )
