"""Which language is spoken here, on our pages and on those of Flask-IDVerify.

Our texts are in ``translations``, where Flask-Babel looks for those of any app.
"""

from __future__ import annotations

from flask import request, session

try:
    from flask_babel import Babel, gettext, lazy_gettext
except ImportError:
    from .english import Babel, gettext, lazy_gettext

    LANGUAGES = {"en": "English"}
else:
    #: What the header offers. Flask-IDVerify has its texts in each of them, too.
    LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español", "zh": "中文"}

__all__ = ["LANGUAGES", "Babel", "chosen", "gettext", "lazy_gettext"]


def chosen() -> str:
    """Return what the visitor chose in our header, or what their browser asks for."""
    if session.get("language") in LANGUAGES:
        return str(session["language"])
    # zh-CN is our zh, and is not passed over for another language that is named exactly.
    wanted = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return next((code for code in wanted if code in LANGUAGES), "en")
