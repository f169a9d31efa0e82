"""Which language the pages of Flask-IDVerify speak here. The bank's own are in English alone."""

from __future__ import annotations

from flask import request, session

#: What the header offers. Flask-IDVerify has its texts in each of them.
LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español", "zh": "中文"}


def chosen() -> str:
    """Return what the visitor chose in our header, or what their browser asks for."""
    if "language" in session:
        return str(session["language"])
    # zh-CN is our zh, and is not passed over for another language that is named exactly.
    wanted = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return next((code for code in wanted if code in LANGUAGES), "en")


def of_this_page() -> str:
    """Tell Flask-Babel: our pages stay English, down to what their forms complain about."""
    is_ours = not (request.blueprint or "").startswith("idverify")
    return "en" if is_ours else chosen()
