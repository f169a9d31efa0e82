"""Where the user goes on after verifying: only ever back into this site."""

from __future__ import annotations

#: Longer targets would crowd out the session cookie.
_LONGEST = 1000


def is_safe(target: str | None) -> bool:
    """Whether *target* is a path on this very site and nothing a browser could read otherwise.

    Browsers drop tabs and newlines, take a backslash for a slash and ``//host`` for another site.
    """
    if not target or len(target) > _LONGEST or not target.startswith("/"):
        return False
    if "\\" in target or " " in target or not target.isprintable():
        return False
    # Cut by hand: urlsplit takes the empty host out of "///evil.example", a browser does not.
    path = target.partition("#")[0].partition("?")[0]
    return "//" not in path
