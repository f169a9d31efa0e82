"""The vendor's page in a frame of ours: whose it is, and the headers that let it in there alone.

A host's own policy is kept. On this one page it is widened by one origin, which is what the setting
``IDVERIFY_DISPLAY`` asks for.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Flask, Response, g

#: What a capture page may use (reference, 4.2); the newer of the two lists holds the older.
FEATURES = (
    *("camera", "autoplay", "fullscreen", "clipboard-read", "clipboard-write"),
    *("accelerometer", "gyroscope", "magnetometer"),
)
_FRAMED = "_idverify_framed"
_POLICY = "Content-Security-Policy"
_PERMISSIONS = "Permissions-Policy"
# Nothing that could end a directive; other hosts are opened in the tab.
_NETLOC = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_PERMISSION = re.compile(r"([a-z-]+)=(\([^)]*\)|[^,]*)")


def origin_of(page: str) -> str | None:
    """Return the origin of the vendor's page, or ``None`` for one that is better not framed."""
    parts = urlsplit(page)
    if parts.scheme not in ("https", "http") or not _NETLOC.fullmatch(parts.netloc):
        return None
    return f"{parts.scheme}://{parts.netloc.lower()}"


def let_in(origin: str) -> None:
    """Have the answer to this request admit a frame of *origin*."""
    setattr(g, _FRAMED, origin)


def watch(app: Flask) -> None:
    """Set the headers behind all hooks of the host, which may set a policy of their own."""
    # Flask calls these from the last to the first.
    app.after_request_funcs.setdefault(None, []).insert(0, _admit)


def _admit(response: Response) -> Response:
    origin = g.pop(_FRAMED, None)
    if origin is not None:
        headers = response.headers
        policies = headers.getlist(_POLICY) or [""]
        headers.setlist(
            _POLICY,
            [",".join(_with_frame(part, origin) for part in one.split(",")) for one in policies],
        )
        permissions = ", ".join(headers.getlist(_PERMISSIONS))
        headers[_PERMISSIONS] = _with_features(permissions, origin)
    return response


def _with_frame(policy: str, origin: str) -> str:
    """Return a content security policy whose ``frame-src`` admits *origin* too."""
    directives = [part.split() for part in policy.split(";") if part.strip()]
    named = {words[0].lower(): words[1:] for words in reversed(directives)}
    # What holds for frames if nothing is said of them; a policy of none admits all.
    inherited = named.get("frame-src", named.get("child-src", named.get("default-src", ["'self'"])))
    admitted = [word for word in inherited if word.lower() != "'none'"]
    kept = [" ".join(words) for words in directives if words[0].lower() != "frame-src"]
    return "; ".join([*kept, " ".join(("frame-src", *dict.fromkeys([*admitted, origin])))])


def _with_features(policy: str, origin: str) -> str:
    """Return a permissions policy that lends the camera, and whatever else it limits, to *origin*.

    A feature that the policy does not name needs no word here: the frame's ``allow`` lends it.
    """
    found = dict(_PERMISSION.findall(policy))
    lent = {name: f'(self "{origin}")' for name in FEATURES if name in found or name == "camera"}
    return ", ".join(f"{name}={value}" for name, value in {**found, **lent}.items())
