"""Placeholder pictures, drawn from a tiny font, so that no photograph of anybody is shipped.

A picture is a grid of light and dark squares. In a JPEG each square is one block of 8x8 pixels
that says nothing but its brightness, so no transform is needed.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache

#: Pixels along one square, which is what a block of a JPEG measures.
_SQUARE = 8
_COLUMNS, _ROWS = 80, 50
SIZE = (_COLUMNS * _SQUARE, _ROWS * _SQUARE)
#: Brightness, as steps of eight from the middle; chosen so that every step between two squares, and
#: the first one from the middle, takes four bits.
_SHADES = {False: 7, True: -8}
#: Five columns of a letter; in each the lowest bit is the top of seven squares. The letters of
#: SANDBOX and of every part that a vendor hands out.
_FONT = {
    "A": (126, 17, 17, 17, 126),
    "B": (127, 73, 73, 73, 54),
    "C": (62, 65, 65, 65, 34),
    "D": (127, 65, 65, 34, 28),
    "E": (127, 73, 73, 73, 65),
    "F": (127, 9, 9, 9, 1),
    "K": (127, 8, 20, 34, 65),
    "M": (127, 2, 12, 2, 127),
    "N": (127, 4, 8, 16, 127),
    "O": (62, 65, 65, 65, 62),
    "P": (127, 9, 9, 9, 6),
    "R": (127, 9, 25, 41, 70),
    "S": (38, 73, 73, 73, 50),
    "T": (1, 1, 127, 1, 1),
    "U": (63, 64, 64, 64, 63),
    "X": (99, 20, 8, 20, 99),
}
_LETTER = 6
_BLANK = (0,) * 5


@cache
def png(label: str) -> bytes:
    """Return a PNG of :data:`SIZE` that reads SANDBOX and, below, *label*."""

    def chunk(kind: bytes, payload: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + payload))
        return struct.pack(">I", len(payload)) + kind + payload + checksum

    shades = {dark: bytes([128 + 8 * shade]) * _SQUARE for dark, shade in _SHADES.items()}
    lines = (b"\x00" + b"".join(shades[dark] for dark in row) for row in _drawn(label))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"".join(line * _SQUARE for line in lines), 9))
        + chunk(b"IEND", b"")
    )


@cache
def jpeg(label: str) -> bytes:
    """Return a baseline JPEG of :data:`SIZE` that reads SANDBOX and, below, *label*."""

    def segment(marker: int, payload: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload

    width, height = SIZE
    # What stands for the brightness of a block is eight times as much, and told in steps of eight.
    quantisation = b"\x00" + bytes([8 * 8]) + b"\x01" * 63
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    # Differences: code 0 is "none", code 10 one of four bits. The rest of a block: 0 is "no more".
    dc_table = b"\x00" + b"\x01\x01" + b"\x00" * 14 + b"\x00\x04"
    ac_table = b"\x10" + b"\x01" + b"\x00" * 15 + b"\x00"
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + segment(0xDB, quantisation)
        + segment(0xC0, frame)
        + segment(0xC4, dc_table)
        + segment(0xC4, ac_table)
        + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + _scan(_drawn(label))
        + b"\xff\xd9"
    )


def _scan(rows: list[list[bool]]) -> bytes:
    bits, before = [], 0
    for dark in (square for row in rows for square in row):
        step, before = _SHADES[dark] - before, _SHADES[dark]
        # A negative number of four bits is written with 15 added.
        bits.append(f"10{step if step > 0 else step + 15:04b}0" if step else "00")
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    # A byte of ones would begin a marker; a zero behind it says that it does not.
    return int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\x00")


def _drawn(label: str) -> list[list[bool]]:
    """Return the rows of squares, true where they are dark: a frame and two lines of letters."""
    rows = [
        [row in (0, _ROWS - 1) or column in (0, _COLUMNS - 1) for column in range(_COLUMNS)]
        for row in range(_ROWS)
    ]
    for top, text in ((14, "SANDBOX"), (29, label.upper()[: _COLUMNS // _LETTER])):
        left = (_COLUMNS - len(text) * _LETTER + 1) // 2
        for place, letter in enumerate(text):
            for column, squares in enumerate(_FONT.get(letter, _BLANK)):
                for row in range(7):
                    if squares >> row & 1:
                        rows[top + row][left + place * _LETTER + column] = True
    return rows
