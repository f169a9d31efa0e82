"""Reading a request's body as it came, and never more of it than was agreed."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

_CHUNK = 16384


def limited_body(limit: int) -> bytes | None:
    """Return the raw body, or ``None`` above *limit*; no length header is trusted."""
    if (request.content_length or 0) > limit:
        return None
    kept = bytearray()
    try:
        while len(kept) <= limit:
            chunk = request.stream.read(min(_CHUNK, limit + 1 - len(kept)))
            if not chunk:
                break
            kept += chunk
        if not kept:
            # A hook of the host may have read the body before us; then it is kept there.
            kept += request.get_data()
        if not kept and request.form:
            kept += urlencode(list(request.form.items(multi=True))).encode()
    except RequestEntityTooLarge:
        return None  # above the host's own MAX_CONTENT_LENGTH
    return bytes(kept) if len(kept) <= limit else None
