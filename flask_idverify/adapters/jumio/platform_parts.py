"""Which pictures a Platform execution has, and where (reference, 2B.6 and 2B.7). Pure."""

from __future__ import annotations

from typing import Any

from ..images import NAMES
from .platform_entries import word
from .values import identifier, items, mapping

#: The Platform's word for each of our names; a face map is no picture, a document may be a PDF.
_CLASSIFIERS = {name.upper(): name for name in NAMES}


def parts_of(credentials: Any) -> dict[str, tuple[str, str]]:
    """Return credential id and classifier by our name of each picture that can be asked for.

    A part without an address is not kept there; that is all an address is good for. Of two
    pictures of the same kind the first counts.
    """
    found: dict[str, tuple[str, str]] = {}
    for credential in map(mapping, items(credentials)):
        key = identifier(credential.get("id"))
        if key is None:
            continue
        for part in map(mapping, items(credential.get("parts"))):
            classifier = word(part.get("classifier"))
            name = _CLASSIFIERS.get(classifier)
            if name is not None and part.get("href"):
                found.setdefault(name, (key, classifier))
    return found
