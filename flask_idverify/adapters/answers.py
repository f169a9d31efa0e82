"""What a vendor's answer may be, and what is none of a vendor's."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import Any

from ..errors import VendorProtocolError
from ..phrases import phrase
from ..safe_json import loads

_PAGES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, repr=False)
class Answer:
    """A 2xx answer, read to its end."""

    status: int
    body: bytes
    date: str | None = None
    content_type: str = ""

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {len(self.body)} bytes>"

    def require_no_page(self) -> None:
        """Refuse a web page in place of the answer of an API, whatever that looks like.

        :raises VendorProtocolError: it is one; what was asked for was not done.
        """
        kind = self.content_type.partition(";")[0].strip().lower()
        text = self.body.removeprefix(BOM_UTF8).lstrip()
        if kind in _PAGES or text[:1] == b"<":
            raise VendorProtocolError(
                phrase(
                    "The vendor answered with a web page; check that the endpoint is the vendor's "
                    "API and not a web page or proxy in front of it."
                ),
                status=self.status,
            )

    def object(self) -> dict[str, Any]:
        """Return the JSON object in the body.

        :raises VendorProtocolError: it holds something else (a page, or text cut short).
        """
        try:
            found = loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise VendorProtocolError(
                phrase(
                    "The vendor answered with something that is not a JSON object; check that the "
                    "endpoint is the vendor's API and not a web page or proxy in front of it."
                ),
                status=self.status,
            )
        return found


def is_of_an_api(body: bytes) -> bool:
    """Whether an error's body may be an API's; the fields of v4's are not told (2A.8)."""
    try:
        return not body.strip() or isinstance(loads(body), dict)
    except ValueError:
        return False
