"""Tiny but valid pictures, generated, so that no photograph of anybody is shipped."""

from __future__ import annotations

import struct
import zlib
from functools import cache


@cache
def grey_png(width: int = 32, height: int = 32, shade: int = 0xB0) -> bytes:
    """Return an evenly grey PNG."""

    def chunk(kind: bytes, payload: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + payload))
        return struct.pack(">I", len(payload)) + kind + payload + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\x00" + bytes([shade]) * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@cache
def grey_jpeg(columns: int = 6, rows: int = 4) -> bytes:
    """Return an evenly grey baseline JPEG of ``columns`` by ``rows`` blocks of 8x8 pixels."""

    def segment(marker: int, payload: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload

    quantisation = b"\x00" + b"\x01" * 64
    frame = struct.pack(">BHHB", 8, rows * 8, columns * 8, 1) + b"\x01\x11\x00"
    # One code of one bit in each Huffman table: "no difference" and "end of block".
    dc_table = b"\x00" + b"\x01" + b"\x00" * 15 + b"\x00"
    ac_table = b"\x10" + b"\x01" + b"\x00" * 15 + b"\x00"
    bits = "00" * (columns * rows)
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + segment(0xDB, quantisation)
        + segment(0xC0, frame)
        + segment(0xC4, dc_table)
        + segment(0xC4, ac_table)
        + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + scan
        + b"\xff\xd9"
    )
