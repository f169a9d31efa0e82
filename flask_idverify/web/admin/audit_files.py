"""The audit log as a file: signed, and written while it is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue

from ... import clock, queries, service
from ...errors import ConfigurationError, IDVerifyError, NotFound
from ...service.sessions import session
from .audit_log import LogForm, log_page, whose
from .blueprint import actor, blueprint
from .problems import explain

if TYPE_CHECKING:
    from ...audit_export import Export

_KINDS = ("jsonl", "csv")
#: Lines between two looks at the app: as many as the log is read in at once.
_LINES = 1000


@blueprint.post("/audit/export")
def export_audit() -> ResponseReturnValue:
    """Hand out the log with its signature; a POST, since it is audited.

    Two files in one archive, since one without the other is worth nothing.
    """
    # Imported where it is used: it needs the checker, which is also run as a program.
    from ...audit_export import Export, ExportRefused, Part

    form = LogForm.of(request.form)
    if not form.validate():
        return log_page(form, 422)
    asked = form.part()
    kind = request.form.get("format", "")
    kind = kind if kind in _KINDS else _KINDS[0]
    try:
        subject = whose(asked.subject, asked.user_id)
        made = Export(session(), kind, Part(asked.since, asked.until, subject), _untold)
    except (ExportRefused, ConfigurationError, NotFound) as error:
        problem = explain(error) if isinstance(error, IDVerifyError) else None
        status = 404 if isinstance(error, NotFound) else 409
        found = queries.log_entries(form.filters(), oldest_first=form.oldest_first)
        return log_page(form, status, found=found, problem=problem)
    facts = {name: value for name, value in form.facts.items() if name in ("since", "until")}
    service.note_audit_export(
        {"filters": {**facts, "format": kind}}, actor=actor(), subject=subject
    )
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # of a proxy
    name = f"audit-{clock.now():%Y-%m-%d}.{kind}"
    answer = Response(_archive(app, made, name), mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    return answer


def _untold(_error: IDVerifyError) -> None:
    """Say nothing of a broken chain: the signed header does, and the check names its entry."""


class _Sink(io.RawIOBase):
    """Takes what is written, until it is fetched."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # whatever has bytes
        self._held += piece
        return len(piece)

    def fetched(self) -> bytes:
        """Return what was written since the last time."""
        found = bytes(self._held)
        self._held.clear()
        return found


def _archive(app: Flask, made: Export, name: str) -> Iterator[bytes]:
    """Yield the archive. Whoever reads it slowly holds no connection to the database meanwhile."""
    from ...audit_check import signature_text

    sink = _Sink()
    lines = made.lines()
    with zipfile.ZipFile(sink, "w") as archive:
        with archive.open(_member(name), "w", force_zip64=True) as out:
            more = True
            while more:
                with app.app_context():  # of its own for each batch: its session ends with it
                    batch = list(islice(lines, _LINES))
                more = len(batch) == _LINES
                out.write(b"".join(batch))
                yield sink.fetched()
        with app.app_context():
            signature = signature_text(made.header())
        with archive.open(_member(f"{name}.sig"), "w") as out:
            out.write(signature)
    yield sink.fetched()


def _member(name: str) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name, clock.now().timetuple()[:6])
    found.compress_type = zipfile.ZIP_DEFLATED
    found.external_attr = 0o600 << 16
    return found
