"""What is unusual: tables of cases, and properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.unusual import distances, persistent

LINES = np.array([[10.0], [8.0], [12.0], [4.0], [20.0]])
"""Expected, low, high, rare low, rare high."""


@pytest.mark.parametrize(
    ("value", "far", "rare"),
    [
        *((10, 0, 1), (8, 0, 1), (12, 0, 1), (13.9, 0, 2), (6.1, 0, 1)),
        *((14, 0.5, 2), (16, 1, 2), (20, 2, 2), (6, -0.5, 1), (24, 3, 2), (4, -1, 1), (0, -2, 1)),
        (math.nan, math.nan, 1),
    ],
)
def test_distance_is_counted_from_the_band_in_its_widths(value: float, far: float, rare: float) -> None:
    found = distances(np.array([value], float), LINES)
    assert np.array_equal(found, [[far], [rare]], equal_nan=True)


def test_a_band_of_no_width_counts_as_a_share_of_what_is_expected() -> None:
    lines = np.array([[100.0, 0.0]] * 5)
    assert distances(np.array([105.0, 0.0]), lines)[0].tolist() == [1.0, 0.0]
    far, rare = distances(np.array([100.0, 1.0]), lines)
    assert (far.tolist(), rare.tolist()) == ([0.0, math.inf], [0.0, 0.0])


@pytest.mark.parametrize(
    ("far", "found"),
    [
        ([0, 0, 0, 0], 0),
        ([1, 2, 3, 0], 1),
        ([4, 0, 2, 3], 2),
        ([9, 0, 0, 9], 0),
        ([-1, -2, -3, 0], -1),
        ([5, 5, -5, -5], 0),
        ([5, 5, -5, 5], 5),
        ([2, math.nan, 2, 2], 2),
        ([2, math.nan, math.nan, 2], 0),
    ],
)
def test_three_of_four_windows_on_one_side(far: list[float], found: float) -> None:
    assert persistent(np.array([far], float)).tolist() == [found]


@given(st.lists(st.floats(-9, 9), min_size=4, max_size=4))
def test_sides_are_alike_and_the_order_of_windows_does_not_count(far: list[float]) -> None:
    one = persistent(np.array([far]))
    assert persistent(-np.array([far])).tolist() == (-one).tolist()
    assert persistent(np.array([far[::-1]])).tolist() == one.tolist()
    reached = sum(value >= one[0] > 0 or value <= one[0] < 0 for value in far)
    assert reached >= 3 or one[0] == 0


def test_fewer_than_three_windows_tell_nothing() -> None:
    assert persistent(np.array([[9.0, 9.0]])).tolist() == [0.0]
