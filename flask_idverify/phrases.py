"""English for logs, errors and the database that can still be said in another language.

What stops a step deep below the pages says so in English, and a log or a stored row keeps that.
A page that shows it to somebody says it in their language (:func:`.i18n.translated`).
"""

from __future__ import annotations

from typing import Any


class Phrase(str):
    """An English text that remembers what it was made of.

    :ivar template: the text as catalogues know it.
    :ivar values: what fills its placeholders; phrases among them are said in the language, too.
    """

    template: str
    values: dict[str, Any]


def phrase(template: str, **values: Any) -> Phrase:
    """Return an English text whose placeholders are written ``%(name)s``."""
    made = Phrase(template % values if values else template)
    made.template, made.values = template, values
    return made
