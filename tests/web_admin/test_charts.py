"""Charts say what the numbers say, whatever these are: no markup is looked at here."""

from __future__ import annotations

from itertools import pairwise

import pytest

from flask_idverify.web.admin import charts
from flask_idverify.web.admin.charts import HEIGHT


@pytest.mark.parametrize(
    ("most", "top", "step"),
    [
        (0, 1, 1),
        (1, 1, 1),
        (3, 3, 1),
        (4, 4, 1),
        (5, 6, 2),
        (9, 10, 5),
        (20, 20, 5),
        (21, 30, 10),
        (99, 100, 50),
        (100, 100, 50),
        (101, 150, 50),
        (1_234_567, 1_500_000, 500_000),
        (10**15 + 1, 15 * 10**14, 5 * 10**14),
    ],
)
def test_ticks_are_round_begin_at_nought_and_reach_the_largest(
    most: int, top: int, step: int
) -> None:
    found = charts.ticks(most)
    assert (found[0], found[-1]) == (0, top)
    assert {later - earlier for earlier, later in pairwise(found)} == {step}


def test_ticks_are_few_and_waste_little_for_any_number() -> None:
    for most in [*range(1, 2000), *(3**power for power in range(40))]:
        found = charts.ticks(most)
        assert most <= found[-1] < most + found[1], most
        assert 2 <= len(found) <= 5, most


def test_the_present_day_has_a_label_and_no_more_are_drawn_than_fit() -> None:
    for count in (1, 2, 7, 8, 30, 90, 365):
        places = charts.labelled(count)
        assert places[-1] == count - 1
        assert len(places) <= (7 if count <= 7 else 5)
        assert len({later - earlier for earlier, later in pairwise(places)}) <= 1
    assert charts.labelled(7) == tuple(range(7))
    assert charts.labelled(0) == ()


def test_no_days_and_days_of_nothing_draw_no_bar() -> None:
    assert charts.bars([]).bars == ()
    chart = charts.bars([(0, 0, 0)] * 30)
    assert [bar.pieces for bar in chart.bars] == [()] * 30
    assert [tick.value for tick in chart.ticks] == [0, 1]


def test_pieces_are_as_high_as_their_numbers_and_stand_on_each_other() -> None:
    chart = charts.bars([(10, 5, 0), (0, 0, 20)])
    assert chart.ticks[-1] == charts.Tick(20, 0)
    low, middle = chart.bars[0].pieces
    assert (low.kind, low.height, low.y + low.height) == (0, HEIGHT / 2, HEIGHT)
    assert (middle.kind, middle.height, middle.y + middle.height) == (1, HEIGHT / 4, low.y)
    (whole,) = chart.bars[1].pieces
    assert (whole.kind, whole.y, whole.height) == (2, 0, HEIGHT)


def test_one_among_a_million_is_seen() -> None:
    chart = charts.bars([(1_000_000, 1), (1, 0)])
    assert all(piece.height >= 1 for bar in chart.bars for piece in bar.pieces)


@pytest.mark.parametrize("count", [1, 7, 30, 90])
def test_bars_share_the_width_and_keep_apart(count: int) -> None:
    bars = charts.bars([(1,)] * count).bars
    assert bars[0].x > 0
    assert bars[-1].x + bars[-1].width < 100
    for one, other in pairwise(bars):
        assert one.x + one.width < other.x
    assert bars[0].middle == pytest.approx(50 / count, abs=0.02)


def test_a_line_is_not_drawn_across_days_without_a_value() -> None:
    chart = charts.line([None, 0.5, 1.0, None, 0.0, None])
    assert [(point.place, point.y) for point in chart.points] == [(1, 75), (2, 0), (4, HEIGHT)]
    assert [(one.place, other.place) for one, other in chart.segments] == [(1, 2)]
    assert [tick.value for tick in chart.ticks] == [0, 0.25, 0.5, 0.75, 1]


def test_a_line_of_nothing_and_of_one_day() -> None:
    assert charts.line([None] * 7).points == ()
    assert charts.line([]).points == ()
    (point,) = charts.line([0.25]).points
    assert (point.x, point.y) == (50, 112.5)


def test_lying_bars_are_as_long_as_their_shares() -> None:
    chart = charts.strips([0.0, 0.5, 1.0])
    assert [strip.width for strip in chart.strips] == [0, 50, 100]
    assert chart.strips[-1].y < chart.height
    assert charts.strips([]) == charts.Strips((), 0)
