"""Numbers become shapes: nothing stands outside of its chart, nothing that is there is invisible."""

from itertools import pairwise

import pytest

from core.dashboard.charts import COUNTS, TIMES, Bar, Frame, bars, lines, share, ticks

FRAME = Frame(198, 18, 176)


@pytest.mark.parametrize(
    ("highest", "found"),
    [
        (0, [1]),
        (1, [1]),
        (2, [1, 2]),
        (4, [1, 2, 3, 4]),
        (5, [2, 4, 6]),
        (26, [10, 20, 30]),
        (41, [20, 40, 60]),
        (1_000_000, [500_000, 1_000_000]),
    ],
)
def test_a_grid_has_few_lines_at_round_numbers_and_none_below_the_highest_value(highest, found):
    assert ticks(highest) == found


@pytest.mark.parametrize(
    ("highest", "found"),
    [
        (0.4, [1]),
        (153, [50, 100, 150, 200]),
        (41_000, [20_000, 40_000, 60_000]),
        (130_000, [60_000, 120_000, 180_000]),
        (30 * 3_600_000, [28_800_000, 57_600_000, 86_400_000, 115_200_000]),
        (10**40, [TIMES[-1] * n for n in (1, 2, 3, 4)]),
    ],
)
def test_times_are_parted_as_clocks_do(highest, found):
    assert ticks(highest, TIMES) == found


def test_steps_grow():
    assert list(COUNTS) == sorted(set(COUNTS))
    assert list(TIMES) == sorted(set(TIMES))


def test_bars_stand_on_the_base_and_what_failed_is_set_on_top():
    assert bars([(10, 0), (20, 3), (0, 30)], 30, FRAME) == [
        Bar(0, 24, 123.3, 52.7, 123.3, 0),
        Bar(33.333, 24, 70.7, 105.3, 51.9, 15.8),
        Bar(66.667, 24, 176, 0, 18, 158),
    ]


def test_nothing_is_no_shape_and_little_beside_a_huge_bar_is_seen():
    assert bars([], 1, FRAME) == []
    nothing, little, huge = bars([(0, 0), (1, 1), (1_000_000, 0)], 1_000_000, FRAME)
    assert (nothing.height, nothing.bad_height) == (0, 0)
    assert (little.height, little.bad_height) == (1, 4)
    assert (huge.y, huge.height) == (18, 158)


def test_ninety_six_bars_fill_the_width_without_touching():
    found = bars([(1, 0)] * 96, 1, FRAME)
    assert all(one.x + one.width < two.x for one, two in pairwise(found))
    assert 99 < found[-1].x + found[-1].width < 100


def test_a_line_ends_where_there_is_no_value_and_one_alone_is_a_dash():
    frame = Frame(116, 10, 110)
    assert lines([], 1, frame) == lines([None, None], 1, frame) == []
    assert lines([0, 50, None, 100, None, 100, 0], 100, frame) == [
        "0.5,110 1.5,60",
        "3.2,10 3.8,10",
        "5.5,10 6.5,110",
    ]


def test_a_mark_stands_at_its_share_of_the_time_or_nowhere():
    assert [share(at, 100, 200) for at in (99, 100, 137, 200, 201)] == [None, 0, 37, 100, None]
    assert share(5, 5, 5) is None
