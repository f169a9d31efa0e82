"""The provider type ``Jumio``: Netverify Web, API v4 (reference, section 2A)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from ...errors import VendorProtocolError, VendorRecordMissing
from ...phrases import phrase
from ...states import Status
from ...types import (
    Callback,
    CheckStep,
    FetchRequest,
    Image,
    Option,
    Outcome,
    Started,
    StartRequest,
)
from ..images import ACCEPT, MAX_BYTES, image_of, in_order, known_name
from .callbacks import parse_v4
from .checks import probe
from .common import (
    LOCALES,
    PRIVACY_URL,
    TOKEN_LIFETIME,
    VENDOR_REFERENCE,
    JumioAdapter,
    locale_option,
    path_id,
    report_label_option,
)
from .findings import ALL_CHECKS, DOCUMENT_CHECKS
from .v4_mapping import never_finished, outcome_of, progress
from .values import items, mapping, same

#: What is verified and how it is captured (reference, 2A.3).
WORKFLOWS = (
    ("200", phrase("ID and face: camera or upload")),
    ("201", phrase("ID and face: camera only")),
    ("202", phrase("ID and face: upload only")),
    ("100", phrase("ID only: camera or upload")),
    ("101", phrase("ID only: camera only")),
    ("102", phrase("ID only: upload only")),
)


class JumioV4(JumioAdapter):
    """Speaks Netverify Web v4: HTTP Basic, one reference per transaction."""

    type = "Jumio"
    summary = phrase(
        "Jumio API v4 (Netverify Web): API token and secret, one call per verification."
    )
    endpoint_example = "https://netverify.com"
    vendor_hosts = ("netverify.com", "*.netverify.com", "core-sgp.jumio.com", "api.jumio.com")
    options = (
        Option(
            name="workflow_id",
            label=phrase("What is verified"),
            kind="choice",
            default="200",
            choices=WORKFLOWS,
            help=phrase("Face workflows need Identity Verification enabled on the Jumio account."),
        ),
        locale_option(LOCALES),
        TOKEN_LIFETIME,
        Option(
            name="preset",
            label=phrase("Country and document type"),
            kind="choice",
            default="claim",
            choices=(
                ("claim", phrase("As the user stated")),
                ("none", phrase("The page asks")),
            ),
        ),
        report_label_option(100),
        PRIVACY_URL,
    )
    url_limits = {"callback_url": 255, "success_url": 2047, "error_url": 255}  # noqa: RUF012

    @classmethod
    def default_checks(cls, options: Mapping[str, Any]) -> frozenset[str]:
        """Return four capabilities for ID only, six for ID and face (reference, 2A.3)."""
        workflow = str(options.get("workflow_id") or "200")
        return frozenset(DOCUMENT_CHECKS) if workflow.startswith("1") else ALL_CHECKS

    def start(self, request: StartRequest) -> Started:
        """Start a transaction: one POST, never repeated (reference, 2A.3 and 2A.4)."""
        self.check_request(request)
        workflow_id = int(self.settings["workflow_id"])
        payload: dict[str, Any] = {
            "customerInternalReference": request.reference,
            "userReference": request.user_reference,
            "workflowId": workflow_id,  # an integer; a string is refused
            "tokenLifetimeInMinutes": self.settings["token_lifetime"],
            "successUrl": request.success_url,
            "errorUrl": request.error_url,
            "callbackUrl": request.callback_url,
        }
        if "reporting_criteria" in self.settings:
            payload["reportingCriteria"] = self.settings["reporting_criteria"]
        if locale := self.locale(request.locale):
            payload["locale"] = locale
        if preset := self.preset(request):
            payload["presets"] = [{"index": 1, "country": preset[0], "type": preset[1]}]
        url = f"{self.endpoint}/api/v4/initiate"
        answer = self.http.call(
            "POST",
            url,
            authorization=self.basic,
            payload=payload,
            not_found=phrase(
                "it has no API v4 at this endpoint; check the endpoint and its region."
            ),
        ).object()
        return self.started(
            answer,
            vendor_reference=answer.get("transactionReference"),
            redirect_url=answer.get("redirectUrl"),
            facts={"workflow_id": workflow_id},
        )

    def fetch(self, request: FetchRequest) -> Outcome:
        """Ask for the status, and for the details once it is no longer ``PENDING`` (2A.10)."""
        scan = path_id(request.vendor_reference, VENDOR_REFERENCE)
        repeat = request.patient
        status = progress(self._get(scan, repeat=repeat).get("status"))
        if not status:
            raise VendorProtocolError(phrase("The vendor's status answer holds no status."))
        if status == "FAILED":
            try:
                details = self._get(scan, "/data", repeat=repeat)
            except VendorRecordMissing:
                return never_finished({})  # the result stands without details (2A.9)
        elif status == "DONE":
            details = self.when_settled(
                lambda: self._get(scan, "/data", repeat=repeat), patient=repeat
            )
            if progress(mapping(details.get("transaction")).get("status")) == "PENDING":
                return Outcome(Status.started)  # status and details live apart for a moment
        else:
            # v4 has no word for *handed in*; an unknown one leaves the attempt where it is.
            return Outcome(Status.started)
        return outcome_of(
            details,
            workflow_id=request.facts.get("workflow_id", self.settings["workflow_id"]),
            required_checks=request.required_checks,
            failed=status == "FAILED",
        )

    @classmethod
    def parse_callback(cls, body: bytes, content_type: str) -> Callback:
        """Read a form-encoded notification (reference, 3.4)."""
        return parse_v4(body, content_type)

    def check(self) -> list[CheckStep]:
        """Ask for a transaction that cannot exist: a 404 proves that the credentials are good.

        Not any 404: that of a web server in front of no API at all has seen no credentials.
        """
        return [
            probe(
                "credentials",
                lambda: self.http.call(
                    "GET",
                    self._scan(str(uuid.uuid4())),
                    authorization=self.basic,
                    repeat=False,
                ),
            )
        ]

    def images(self, request: FetchRequest) -> tuple[str, ...]:
        """Ask for the list of pictures; its addresses are not believed (reference, 2A.7)."""
        scan = path_id(request.vendor_reference, VENDOR_REFERENCE)
        answer = self._get(scan, "/images", repeat=request.patient)
        listed = (mapping(item).get("classifier") for item in items(answer.get("images")))
        # Numbers from 1, in no particular order: one address more is one number more.
        moments = range(1, len(items(answer.get("livenessImages"))) + 1)
        return in_order(
            [name.lower() for name in listed if isinstance(name, str)]
            + [f"liveness_{number}" for number in moments]
        )

    def image(self, request: FetchRequest, name: str) -> Image:
        """Ask for one picture, by a URL of our own making (reference, 2A.2 and 2A.7)."""
        scan = path_id(request.vendor_reference, VENDOR_REFERENCE)
        part = known_name(name).replace("_", "/")
        return image_of(
            self.http.call(
                "GET",
                f"{self._scan(scan)}/images/{part}",
                authorization=self.basic,
                repeat=request.patient,
                accept=ACCEPT,
                max_body=MAX_BYTES,
            )
        )

    def erase(self, vendor_reference: str, account_id: str | None = None) -> None:
        """Delete one transaction at the vendor, irreversibly (reference, 2A.2)."""
        scan = path_id(vendor_reference, VENDOR_REFERENCE)
        try:
            self.http.call("DELETE", self._scan(scan), authorization=self.basic).require_no_page()
        except VendorRecordMissing:
            return

    def _scan(self, scan: str) -> str:
        return f"{self.endpoint}/api/netverify/v2/scans/{scan}"

    def _get(self, scan: str, part: str = "", *, repeat: bool = True) -> Mapping[str, Any]:
        """Return one answer about a transaction, if it is about that transaction."""
        url = self._scan(scan) + part
        answer = self.http.call("GET", url, authorization=self.basic, repeat=repeat).object()
        if not same(answer.get("scanReference"), scan):
            raise VendorProtocolError(
                phrase("The vendor answered about another transaction than asked.")
            )
        return answer
