"""A web page is none of a vendor's answers, however it is sent."""

from __future__ import annotations

import pytest

from flask_idverify.adapters.answers import Answer
from flask_idverify.errors import VendorProtocolError


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "text/html; charset=utf-8"),
        (b" \n<html>", "text/plain"),
        (b"\xef\xbb\xbf<!doctype html>", "text/plain"),
        (b"ok", "Application/XHTML+XML"),
    ],
)
def test_a_page_is_told_by_its_kind_or_its_beginning(body: bytes, kind: str) -> None:
    with pytest.raises(VendorProtocolError, match="web page"):
        Answer(200, body, content_type=kind).require_no_page()


def test_nothing_and_json_are_no_pages() -> None:
    for body in (b"", b'{"deleted": "<b>"}'):
        Answer(200, body, content_type="application/json").require_no_page()
