"""What each fault of the sandbox must end in (reference, 6.4): one entry per kind.

A kind without an entry fails the test, so that a new fault cannot be forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask_idverify.sandbox.faults import CALLBACK_FAULTS, KINDS
from tests.vendor import GENERATIONS, PLATFORM, V4

#: Where we meet the vendor, and who asks there: the user's start, a worker with patience, a person
#: who looks at a page, the deletion of an erased person's records, an admin who wants a picture.
PLACES = {
    "start": ("start",),
    "status": ("worker", "look"),
    "details": ("worker", "look"),
    "token": ("start", "worker", "look", "erasure", "picture"),
    "erase": ("erasure",),
    "image": ("picture",),
}
#: Seconds that the host of a slow fault waits for the vendor.
PATIENCE = 0.8


@dataclass(frozen=True)
class Expected:
    """What a fault ends in.

    :ivar code: of the error: what the user reads and the status that they are answered with. Empty
        for a fault that does no harm.
    :ivar ours: our words that the admin reads.
    :ivar vendors: the vendor's own, which the admin reads and the user never.
    :ivar repeated: whether a worker's GET is repeated within one fetch.
    :ivar slow: takes longer than the host waits.
    :ivar variants: further parameters, each a case of its own.
    """

    code: str
    ours: str
    vendors: str = ""
    repeated: bool = False
    slow: bool = False
    variants: tuple[dict[str, Any], ...] = field(default=({},))


_NO_JSON = "something that is not a JSON object"
_NO_PICTURE = Expected("vendor_protocol_error", "is no JPEG or PNG picture")
_HARMLESS = Expected("", "")

#: By kind, and where it differs by place or asker.
TABLE: dict[str, Expected] = {
    "401": Expected(
        "vendor_refused", "does not accept the credentials", "The access token is expired"
    ),
    "403": Expected("vendor_refused", "it refuses access", "Access denied"),
    "429": Expected(
        "vendor_busy",
        "its rate limit is reached",
        "Request limit exceeded",
        variants=({}, {"retry_after": 30}, {"plain": True}),
    ),
    "5xx": Expected(
        "vendor_unavailable",
        "it is out of order",
        "The service is temporarily unavailable",
        repeated=True,
        variants=({}, *({"code": code} for code in (500, 502, 504)), {"after": True}),
    ),
    "not_found": Expected("vendor_record_missing", "it does not know the record", "Not found"),
    # Neither is about a record, so none is missing: the endpoint is wrong.
    "not_found/start": Expected("vendor_refused", "check the endpoint and its region", "Not found"),
    "not_found/token": Expected("vendor_refused", "no token service at this endpoint", "Not found"),
    # What is gone need not be deleted.
    "not_found/erase": _HARMLESS,
    # A result that cannot be read yet is no result that is gone.
    "not_found/details/look": Expected("vendor_unavailable", "does not show this result"),
    "redirect": Expected("vendor_protocol_error", "redirects are not followed"),
    "latency": Expected(
        "vendor_unavailable",
        "did not answer in time",
        repeated=True,
        slow=True,
        variants=({"seconds": 2.5 * PATIENCE},),
    ),
    "drip": Expected(
        "vendor_unavailable",
        "did not answer in time",
        repeated=True,
        slow=True,
        variants=({"seconds": 60},),
    ),
    "malformed_json": Expected("vendor_protocol_error", _NO_JSON),
    "html": Expected("vendor_protocol_error", _NO_JSON),
    "empty": Expected("vendor_protocol_error", _NO_JSON),
    **{f"{kind}/image": _NO_PICTURE for kind in ("malformed_json", "html", "empty")},
    # The answer to a deletion is its status; its body is empty anyway, or what an API may say.
    **{f"{kind}/erase": _HARMLESS for kind in ("malformed_json", "empty")},
    # A page is no API's answer: whoever sent it has deleted nothing.
    "html/erase": Expected("vendor_protocol_error", "The vendor answered with a web page"),
    **{f"{kind}/erase": _HARMLESS for kind in ("truncated", "drip")},
    "truncated": Expected("vendor_unavailable", "The connection to 127.0.0.1:", repeated=True),
    "reset": Expected("vendor_unavailable", "The connection to 127.0.0.1:", repeated=True),
    "missing_field": Expected("vendor_protocol_error", "The vendor"),
    "bad_token": Expected("vendor_protocol_error", "no usable access_token"),
    # An early renewal, no failure.
    "short_token": Expected("", "", variants=({"seconds": 5},)),
}

#: The members of an answer without which it is of no use. Deletions and pictures have none.
FIELDS = {
    (V4, "start"): ("transactionReference", "redirectUrl"),
    (V4, "status"): ("status",),
    (V4, "details"): ("scanReference",),
    (PLATFORM, "start"): ("account.id", "workflowExecution.id", "web.href"),
    (PLATFORM, "status"): ("workflowExecution.status",),
    (PLATFORM, "details"): ("workflow.id",),
    (PLATFORM, "token"): ("access_token",),
}


@dataclass(frozen=True)
class Case:
    """One fault at one place of one generation, met by one who asks."""

    kind: str
    place: str
    generation: str
    asker: str
    parameters: dict[str, Any]
    #: One more of a kind, which differs on the wire only.
    is_variant: bool = False

    @property
    def expected(self) -> Expected:
        exactly, by_place = f"{self.kind}/{self.place}/{self.asker}", f"{self.kind}/{self.place}"
        return TABLE.get(exactly) or TABLE.get(by_place) or TABLE[self.kind]

    @property
    def fault(self) -> dict[str, Any]:
        """Return the fault as the sandbox takes it; it lasts until it is lifted."""
        where = {} if self.kind in ("bad_token", "short_token") else {"where": self.place}
        return {"kind": self.kind, **where, **self.parameters}

    @property
    def requests(self) -> range:
        """How many requests may reach the place while the case is met once."""
        if self.kind == "401" and self.generation == PLATFORM and self.place != "token":
            return range(2, 3)  # once more with a new token
        patient = self.asker in ("worker", "erasure") and self.place != "token"
        if patient and self.kind == "not_found" and self.place == "details":
            return range(4, 5)  # a result may not be readable at once (2B.11)
        if patient and self.expected.repeated:
            # A slow vendor uses the time up.
            return range(1, 5) if self.expected.slow else range(4, 5)
        return range(1, 2)

    @property
    def is_harmless(self) -> bool:
        """Whether nobody need notice."""
        return not self.expected.code

    def __str__(self) -> str:
        extra = "".join(f"-{value}" for value in self.parameters.values())
        return f"{self.kind}{extra}-{self.place}-{self.generation.split()[-1]}-{self.asker}"


def _cases() -> list[Case]:
    found = []
    for kind in KINDS:
        if kind in CALLBACK_FAULTS or kind not in TABLE:
            continue  # callbacks have a test of their own; the forgotten one is named by a test
        of_token = kind in ("bad_token", "short_token")
        for generation in GENERATIONS:
            for place, askers in PLACES.items():
                if (place == "token" and generation == V4) or (of_token and place != "token"):
                    continue
                variants: tuple[dict[str, Any], ...] = TABLE[kind].variants
                if kind == "missing_field":
                    variants = tuple(
                        {"field": name} for name in FIELDS.get((generation, place), ())
                    )
                for number, variant in enumerate(variants):
                    # The variants of one kind differ on the wire only: one who asks is enough.
                    found += [
                        Case(kind, place, generation, asker, variant, is_variant=number > 0)
                        for asker in (askers if number == 0 else askers[:1])
                    ]
    return found


CASES = _cases()
