"""Numbers turned into the geometry of charts. Pure: no words, no colours, no markup.

What lies across is in percent of the width and what lies upwards in pixels, so that a chart fills
any width while its letters keep their size, without a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Pixels between the lowest and the highest line.
HEIGHT = 150.0
#: Fewer than a pixel would be nothing, though something was there.
_LEAST = 1.5
#: The part of its day that a bar fills.
_FILLED = 0.8
#: So many labels fit below a chart on a phone: each day of a week, and else fewer.
_WEEK = 7
_LABELS = 5

#: Pixels from one lying bar to the next, and of the words above it.
_STRIP = 44.0
_WORDS = 22.0


@dataclass(frozen=True)
class Tick:
    """A line across the chart, and the value that it stands for."""

    value: float
    y: float


@dataclass(frozen=True)
class Piece:
    """One part of a bar; *kind* says which, counted from the bottom."""

    kind: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One bar, its pieces from the bottom to the top; those of nothing are left out."""

    x: float
    width: float
    middle: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Bars:
    """A chart of stacked bars, one for each place in its row of numbers.

    :ivar slot: the width that belongs to a bar, with the empty room beside it.
    :ivar labelled: the bars below which there is room for a label.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    slot: float
    labelled: tuple[int, ...]


@dataclass(frozen=True)
class Point:
    """A value of a line; *place* says where in its row of numbers."""

    place: int
    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """A chart of shares from 0 to 1; where there is no value there is no point.

    :ivar segments: two neighbours each; a line that crosses a gap would claim what nobody knows.
    """

    points: tuple[Point, ...]
    segments: tuple[tuple[Point, Point], ...]
    ticks: tuple[Tick, ...]
    slot: float
    labelled: tuple[int, ...]


def ticks(most: int) -> list[int]:
    """Return round numbers from 0 to the first that is not below *most*, five at most."""
    step = 1
    while step * 4 < most:
        step = _next(step)
    steps = max(-(-most // step), 1)
    return [step * number for number in range(steps + 1)]


def _next(step: int) -> int:
    """Return what follows in 1, 2, 5, 10, 20, 50 and so on."""
    first = int(str(step)[0])
    return step * 5 // 2 if first == 2 else step * 2


def labelled(count: int) -> tuple[int, ...]:
    """Return the places that have room for a label; the last one always, being the present day."""
    if count <= 0:
        return ()
    apart = -(-count // _LABELS) if count > _WEEK else 1
    return tuple(range(count - 1, -1, -apart))[::-1]


def bars(rows: Sequence[Sequence[int]]) -> Bars:
    """Return the chart of *rows*: for each bar its pieces from the bottom to the top."""
    values = ticks(max((sum(row) for row in rows), default=0))
    slot = 100 / max(len(rows), 1)
    found = []
    for place, row in enumerate(rows):
        width = slot * _FILLED
        x = slot * place + (slot - width) / 2
        pieces = _pieces(row, values[-1])
        found.append(Bar(_short(x), _short(width), _short(x + width / 2), pieces))
    return Bars(tuple(found), _lines(values, values[-1]), _short(slot), labelled(len(rows)))


def _pieces(row: Sequence[int], top: float) -> tuple[Piece, ...]:
    found, y = [], HEIGHT
    for kind, value in enumerate(row):
        if value <= 0:
            continue
        height = max(HEIGHT * value / top, _LEAST)
        y -= height
        found.append(Piece(kind, _short(y), _short(height)))
    return tuple(found)


def line(shares: Sequence[float | None]) -> Line:
    """Return the chart of *shares*, from 0 to 1 each, or ``None`` where there is none."""
    slot = 100 / max(len(shares), 1)
    points = {
        place: Point(place, _short(slot * (place + 0.5)), _short(HEIGHT * (1 - share)))
        for place, share in enumerate(shares)
        if share is not None
    }
    segments = [
        (point, points[place + 1]) for place, point in points.items() if place + 1 in points
    ]
    quarters = [quarter / 4 for quarter in range(5)]
    return Line(
        tuple(points.values()),
        tuple(segments),
        _lines(quarters, 1),
        _short(slot),
        labelled(len(shares)),
    )


@dataclass(frozen=True)
class Strip:
    """One bar of a chart of bars that lie: its upper edge, and its length in percent."""

    y: float
    width: float


@dataclass(frozen=True)
class Strips:
    """A chart of lying bars, each with a line of words above it."""

    strips: tuple[Strip, ...]
    height: float


def strips(shares: Sequence[float]) -> Strips:
    """Return the chart of *shares*, from 0 to 1 each."""
    found = (Strip(_STRIP * place + _WORDS, length(share)) for place, share in enumerate(shares))
    return Strips(tuple(found), _STRIP * len(shares))


def length(share: float) -> float:
    """Return how long a lying bar is for *share*, in percent of its track."""
    return _short(100 * min(max(share, 0), 1))


def _lines(values: Sequence[float], top: float) -> tuple[Tick, ...]:
    return tuple(Tick(value, _short(HEIGHT * (1 - value / top))) for value in values)


def _short(number: float) -> float:
    return round(number, 2)
