"""A list as a file: every row that the filter lets through, a batch in memory at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue

from ... import queries, service
from . import wording
from .blueprint import actor, blueprint
from .filters import FilterForm
from .verifications import list_page

_COLUMNS = (
    *("verification", "created_at", "user_id", "identity", "status", "reason"),
    *("provider", "application", "kind", "reversed_at"),
)
#: A spreadsheet takes what begins so for a formula; in some languages also the wide forms.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001


@blueprint.post("/verifications/export")
def export_verifications() -> ResponseReturnValue:
    """Hand out the list that a filter makes; a POST, since it is audited."""
    form = FilterForm.of(request.form)
    if not form.validate():
        return list_page(form, 422)
    filters, oldest_first = form.filters(), form.oldest_first
    service.note_list_export(form.facts, actor=actor(), provider_id=filters.provider_id)
    batches = queries.verification_lines(filters, oldest_first=oldest_first)
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # of a proxy
    answer = Response(_csv(app, batches), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="verifications.csv"'
    return answer


def _csv(app: Flask, batches: Iterator[Sequence[queries.Line]]) -> Iterator[str]:
    """Yield the file. Whoever reads it slowly holds no connection to the database meanwhile."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(_COLUMNS)
    while True:
        with app.app_context():  # of its own for each batch: its session ends with it
            batch = next(batches, None)
            if batch is None:
                return
            rows.writerows(map(_row, batch))
        yield written.getvalue()
        written.seek(0)
        written.truncate()


def _row(line: queries.Line) -> list[str]:
    """Return what the page of the list shows of a verification, in codes instead of words."""
    return [
        line.id,
        line.created_at.isoformat(),
        # What stands in place of a person who is gone says nothing to anybody.
        "" if wording.gone(line.user_id) else plain(line.user_id),
        line.identity_id,
        str(line.status),
        plain(line.reason or ""),
        plain(line.provider),
        plain(line.application or ""),
        "test" if line.is_test else "user",
        line.reversed_at.isoformat() if line.reversed_at else "",
    ]


def plain(text: str) -> str:
    """Return *text* so that a spreadsheet shows it instead of reckoning or calling anything."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
