"""Pictures that a vendor hands out: their names, and what is believed to be one."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import VendorProtocolError, VendorRejectedRequest
from ..phrases import phrase
from ..types import Image
from .http import Answer

#: Every name that a picture may have; nothing else gets into a URL.
NAMES = ("front", "back", "face", *(f"liveness_{number}" for number in range(1, 7)))
#: What is asked for, and all that is taken.
ACCEPT = "image/jpeg, image/png"
#: Twice what the vendor says of its pictures (5 MB), since it also takes uploads of 15 MB
#: (reference, 2B.2 and section 8, point 15), which it shrinks.
MAX_BYTES = 10 * 1024 * 1024

_BEGINNINGS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


def known_name(name: str) -> str:
    """Return *name* if it is one of :data:`NAMES`.

    :raises VendorRejectedRequest: it is not; nothing was sent.
    """
    if name not in NAMES:
        raise VendorRejectedRequest(
            phrase("There is no such picture; expected one of %(names)s.", names=", ".join(NAMES))
        )
    return name


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return each known name once, in the order of :data:`NAMES`."""
    given = set(names)
    return tuple(name for name in NAMES if name in given)


def image_of(answer: Answer) -> Image:
    """Return the picture in an answer, if its bytes are what its content type says.

    :raises VendorProtocolError: it is another type, or pretends to be one of ours.
    """
    kind = answer.content_type.partition(";")[0].strip().lower()
    beginning = _BEGINNINGS.get(kind)
    if beginning is None or not answer.body.startswith(beginning):
        raise VendorProtocolError(
            phrase(
                "The vendor's answer is no JPEG or PNG picture, or not the one its content "
                "type names; it was not shown. Check the endpoint."
            ),
            status=answer.status,
        )
    return Image(kind, answer.body)
