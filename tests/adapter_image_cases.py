"""What every adapter promises of pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests_mock

from flask_idverify.adapters.images import MAX_BYTES
from flask_idverify.errors import (
    VendorError,
    VendorProtocolError,
    VendorRecordMissing,
    VendorRefused,
    VendorRejectedRequest,
    VendorUnavailable,
)

from .adapter_bench import AdapterBench, Wire

JPEG = b"\xff\xd8\xff\xe0 a jpeg"
PNG = b"\x89PNG\r\n\x1a\n a png"
PAGE = b"<!doctype html><script>alert(1)</script>"


class ImageCases(AdapterBench):
    """What every adapter promises of pictures. The folder's *approved* has front and face."""

    def picture(self, wire: Wire, **answer: Any) -> Any:
        """Let the vendor answer so when it is asked for the front."""
        self.serve_pictures(wire)
        return wire.mock.get(self.picture_url("front"), **answer)

    def test_pictures_are_listed_by_our_names_in_one_order(self, w: Wire) -> None:
        self.serve_pictures(w)
        assert w.adapter.images(self.request()) == ("front", "face")

    @pytest.mark.parametrize(
        ("said", "body"),
        [("image/jpeg", JPEG), ("image/png", PNG), ("IMAGE/JPEG; charset=binary", JPEG)],
    )
    def test_a_picture_is_asked_for_as_one_and_returned_as_it_came(
        self, w: Wire, said: str, body: bytes
    ) -> None:
        asked = self.picture(w, content=body, headers={"Content-Type": said})
        found = w.adapter.image(self.request(), "front")
        assert (found.content_type, found.body) == (said.partition(";")[0].lower(), body)
        assert asked.last_request.headers["Accept"] == "image/jpeg, image/png"
        assert asked.last_request.headers["Authorization"]
        assert "jpeg" not in repr(found).replace("image/jpeg", "")

    @pytest.mark.parametrize(
        ("said", "body"),
        [
            ("text/html", PAGE),
            ("text/html", JPEG),
            ("image/jpeg", PAGE),
            ("image/jpeg", PNG),
            ("image/png", JPEG),
            ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            ("image/gif", b"GIF89a"),
            ("application/json", b'{"a": 1}'),
            ("", JPEG),
            ("image/jpeg", b""),
        ],
    )
    def test_what_is_no_picture_or_not_the_one_it_says_is_refused(
        self, w: Wire, said: str, body: bytes
    ) -> None:
        self.picture(w, content=body, headers={"Content-Type": said})
        with pytest.raises(VendorProtocolError):
            w.adapter.image(self.request(), "front")

    def test_a_picture_of_just_the_limit_is_taken_and_one_more_byte_is_not(self, w: Wire) -> None:
        kind = {"Content-Type": "image/jpeg"}
        self.picture(w, content=JPEG.ljust(MAX_BYTES, b"x"), headers=kind)
        assert len(w.adapter.image(self.request(), "front").body) == MAX_BYTES
        self.picture(w, content=JPEG.ljust(MAX_BYTES + 1, b"x"), headers=kind)
        with pytest.raises(VendorProtocolError, match="longer"):
            w.adapter.image(self.request(), "front")

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirected_picture_is_not_followed(self, w: Wire, status: int) -> None:
        other = w.mock.get("https://evil.example/front", content=JPEG)
        same = w.mock.get(f"{self.picture_url('front')}/moved", content=JPEG)
        for target in ("https://evil.example/front", f"{self.picture_url('front')}/moved"):
            self.picture(w, status_code=status, headers={"Location": target})
            with pytest.raises(VendorProtocolError, match="redirect"):
                w.adapter.image(self.request(), "front")
        assert not other.called
        assert not same.called

    @pytest.mark.parametrize(
        ("status", "error"),
        [(404, VendorRecordMissing), (403, VendorRefused), (500, VendorUnavailable)],
    )
    def test_trouble_with_a_picture_is_told(
        self, w: Wire, status: int, error: type[VendorError]
    ) -> None:
        self.picture(w, status_code=status)
        with pytest.raises(error):
            w.adapter.image(replace(self.request(), patient=False), "front")
        assert w.slept == []

    def test_pictures_that_are_gone_are_a_missing_record(self, w: Wire) -> None:
        w.mock.get(requests_mock.ANY, status_code=404)
        for ask in (w.adapter.images, lambda request: w.adapter.image(request, "front")):
            with pytest.raises(VendorRecordMissing):
                ask(self.request())

    @pytest.mark.parametrize(
        "bad", ["", "..", "front/..", "front?x=1", "FRONT", "facemap", "liveness", "liveness_7"]
    )
    def test_only_the_name_of_a_picture_gets_into_a_path(self, w: Wire, bad: str) -> None:
        self.serve_pictures(w)
        before = len(w.mock.request_history)
        with pytest.raises(VendorRejectedRequest):
            w.adapter.image(self.request(), bad)
        asked = [one.url for one in w.mock.request_history[before:]]
        assert not [url for url in asked if "images/" in url or "parts/" in url]

    @pytest.mark.parametrize("bad", ["", "../../evil", "a/b", "a?b", "x" * 65])
    def test_only_an_id_gets_into_the_path_of_a_picture(self, w: Wire, bad: str) -> None:
        request = replace(self.request(), vendor_reference=bad)
        for ask in (w.adapter.images, lambda request: w.adapter.image(request, "front")):
            with pytest.raises(VendorRejectedRequest):
                ask(request)
        assert w.mock.request_history == []
