"""Which of the Platform's hosts serves what (reference, section 1 and 2B.2). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_DATA_CENTRE = re.compile(r"(?:.+\.)?((?:amer|emea|apac)-1\.jumio\.ai)")


class Hosts(NamedTuple):
    """Base URLs by purpose."""

    auth: str
    account: str
    retrieval: str
    status: str

    @classmethod
    def of(cls, endpoint: str) -> Hosts:
        """Return the hosts of a data centre; any other base serves all paths itself.

        A single host of a data centre (``https://account.amer-1.jumio.ai``) stands for all of it.
        """
        found = _DATA_CENTRE.fullmatch(urlsplit(endpoint).netloc)
        if not found:
            return cls(endpoint, endpoint, endpoint, f"{endpoint}/")
        centre = found.group(1)
        names = ("auth", "account", "retrieval", "status")
        return cls(*(f"https://{name}.{centre}" for name in names))
