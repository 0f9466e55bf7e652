"""Coarse histograms: what values are rounded to, and that nothing but the rounded values is read from them."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.buckets import TINY
from domain.coarse_histogram import LEFT_OUT, CoarseHistograms, coarsened, merge_coarse
from domain.exact import LARGEST
from domain.histogram import histograms_of

values = st.one_of(
    st.floats(-LARGEST, LARGEST), st.floats(-100, 100), st.integers(0, 40).map(float), st.just(0.0), st.just(1e-310)
)


def of(*slots: list[float]) -> CoarseHistograms:
    where = [slot for slot, each in enumerate(slots) for _ in each]
    return coarsened(histograms_of([value for each in slots for value in each], where, len(slots)))


def reading(value: float) -> float:
    return float(of([value]).percentiles((50,))[0, 0])


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        *(
            (float(number), float(number))
            for number in (*range(33), 34, 36, 50, 62, 64, 68, 96, 100, 992, -1, -31, -100)
        ),
        (17.3, 17.0),
        (17.49, 17.0),
        (17.51, 18.0),
        (0.98, 0.96875),
        (0.99, 1.0),
        (1.03, 1.0),
        (1.04, 1.0625),
        (-17.3, -17.0),
        (99.9, 100.0),
        (103.0, 104.0),
        (1e-310, 0.0),
        (LARGEST, LARGEST),
        (-LARGEST, -LARGEST),
    ],
)
def test_a_value_is_read_as_the_number_of_five_binary_digits_that_it_rounds_to(value: float, rounded: float) -> None:
    assert reading(value) == rounded


@given(values)
def test_a_reading_is_at_most_a_thirty_second_part_away(value: float) -> None:
    found = reading(value)
    if abs(value) < TINY:
        assert found == 0
    else:
        assert abs(Fraction(found) - Fraction(value)) <= abs(Fraction(value)) / 32
        mantissa, _ = math.frexp(found)
        assert abs(found) == LARGEST or (mantissa * 32).is_integer()


@given(st.lists(values, min_size=1, max_size=30))
def test_values_that_round_to_the_same_numbers_have_the_same_coarse_histogram(found: list[float]) -> None:
    """So nothing that is read from it can tell them apart: not their min and max, and not whether they are whole."""
    rounded = list(map(reading, found))
    if LARGEST not in map(abs, rounded):
        assert of(found) == of(rounded)


@given(st.lists(st.integers(-40, 40).map(float), min_size=1, max_size=80), st.integers(1, 99))
def test_percentiles_are_those_of_the_rounded_values(found: list[float], percentile: int) -> None:
    in_order = sorted(map(reading, found))
    assert of([], found).percentiles((percentile,))[1, 0] == in_order[-(-len(found) * percentile // 100) - 1]
    assert math.isnan(of([], found).percentiles((percentile,))[0, 0])


@given(st.lists(values, min_size=1, max_size=40), values)
def test_a_rank_is_that_of_the_rounded_value_among_the_rounded_values(found: list[float], value: float) -> None:
    rounded, own = list(map(reading, found)), reading(value)
    below, equal = sum(each < own for each in rounded), rounded.count(own)
    (rank,) = of([], found).ranks(1, [value])
    assert rank == pytest.approx(100 * (below + equal / 2) / len(found))
    assert np.isnan(of([], found).ranks(0, [value])).all()


@given(
    st.lists(st.lists(values, max_size=6), min_size=3, max_size=3), st.lists(st.integers(-1, 1), min_size=3, max_size=3)
)
def test_merged_slots_are_those_of_all_their_values(slots: list[list[float]], moved: list[int]) -> None:
    expected: list[list[float]] = [[], []]
    for to, each in zip(moved, slots, strict=True):
        if to != LEFT_OUT:
            expected[to] += each
    assert merge_coarse([(of(*slots), moved)], 2) == of(*expected)
    assert merge_coarse([(of(each), [to]) for each, to in zip(slots, moved, strict=True)], 2) == of(*expected)


def test_nothing_has_no_percentiles() -> None:
    assert np.isnan(of([], []).percentiles((10, 50))).all()
    assert of([]) != of([], [])
    assert of([1.0]) != of([2.0])
    assert of([1.0]) != "something else"
