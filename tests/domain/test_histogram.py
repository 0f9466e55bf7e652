"""Histograms against sorted values, for values of all kinds; and merging in any order and grouping."""

import bisect
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.buckets import TINY
from domain.exact import LARGEST
from domain.histogram import Histograms, histograms_of, merge_histograms

KINDS = {
    "of any size": st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True),
    "usual": st.floats(-1000, 1000),
    "zeros and ones": st.sampled_from([0.0, -0.0, 1.0]),
    "integers": st.integers(-(10**6), 10**6).map(float),
    "tiny": st.floats(-1e-290, 1e-290, allow_subnormal=True),
    "huge": st.floats(1e300, 1.7976931348623157e308),
}
values = st.one_of(*(st.lists(kind, min_size=1, max_size=200) for kind in KINDS.values()))
percents = st.floats(0, 100, exclude_min=True, exclude_max=True)


def one(found: Sequence[float]) -> Histograms:
    return histograms_of(found, [0] * len(found), 1)


def near(figure: float, truth: float) -> bool:
    """Within 1 %; and values that are as good as zero count as zero."""
    return abs(figure - truth) <= 0.01 * abs(truth) + TINY


@given(st.lists(st.one_of(st.just([]), values), min_size=1, max_size=4))
def test_spreads_are_near_the_median_and_the_median_distance_from_it_slot_by_slot(slots: list[list[float]]) -> None:
    numbers = [slot for slot, found in enumerate(slots) for _ in found]
    spreads = histograms_of([each for found in slots for each in found], numbers, len(slots)).spreads()
    for found, (median, mad) in zip(slots, spreads, strict=True):
        if not found:
            assert math.isnan(median)
            assert math.isnan(mad)
            continue
        middle = (len(found) - 1) // 2
        true_median = sorted(found)[middle]
        true_mad = sorted(min(abs(each - true_median), LARGEST) for each in found)[middle]
        assert near(median, true_median)
        # A distance is off by what its two ends are off.
        assert abs(mad - true_mad) <= 0.02 * abs(true_median) + 0.01 * true_mad + TINY


@given(values, percents)
def test_a_percentile_is_within_one_percent_of_the_sorted_values(found: list[float], percent: float) -> None:
    truth = sorted(found)[max(1, math.ceil(len(found) * (percent / 100))) - 1]
    assert near(one(found).percentiles([percent])[0, 0], truth)


@given(values)
def test_the_first_and_the_last_are_exact(found: list[float]) -> None:
    histogram = one(found)
    last = 99.9999999 if len(found) > 1 else 50
    assert histogram.percentiles([1e-9, last])[0].tolist() == [min(found), max(found)]


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=200), percents)
def test_integers_stay_integers(found: list[int], percent: float) -> None:
    """Up to 128, each integer has a bucket of its own."""
    assert one([float(each) for each in found]).percentiles([percent])[0, 0] in found


@given(st.floats(-1e9, 1e9), st.integers(1, 50), percents)
def test_a_constant_is_itself(value: float, count: int, percent: float) -> None:
    assert one([value] * count).percentiles([percent])[0, 0] == value


@given(values)
def test_a_rank_is_between_those_of_the_values_in_its_bucket(found: list[float]) -> None:
    histogram = one(found)
    in_order = sorted(0.0 if abs(each) < TINY else each for each in found)
    for value in found[:20]:
        value = 0.0 if abs(value) < TINY else value  # noqa: PLW2901
        rank = histogram.rank(0, value)
        low, high = (value - abs(value) / 60, value + abs(value) / 60)
        assert rank is not None
        assert 100 * bisect.bisect_left(in_order, low) / len(found) <= rank + 1e-9
        assert rank - 1e-9 <= 100 * bisect.bisect_right(in_order, high) / len(found)


def test_a_rank_is_within_less_than_a_point_of_the_truth_where_values_are_spread() -> None:
    found = [random.lognormvariate(3, 1) for _ in range(10_000)]
    histogram, in_order = one(found), sorted(found)
    for value in found[:500]:
        truth = 50 * (bisect.bisect_left(in_order, value) + bisect.bisect_right(in_order, value)) / len(found)
        assert abs((histogram.rank(0, value) or 0) - truth) < 0.9


def test_equal_values_have_a_rank_of_fifty_and_a_fleet_of_one_too() -> None:
    assert one([7.0] * 9).rank(0, 7.0) == 50
    assert one([7.0]).rank(0, 7.0) == 50
    assert one([0.0, 0.0, 0.0, 1.0]).rank(0, 1.0) == 87.5


slotted = st.lists(st.tuples(st.integers(0, 4), st.one_of(*KINDS.values())), max_size=60)


def of(pairs: Sequence[tuple[int, float]]) -> Histograms:
    return histograms_of([value for _, value in pairs], [slot for slot, _ in pairs], 5)


@given(slotted, st.randoms(), st.integers(1, 6))
def test_merging_in_any_order_and_grouping_gives_the_same(
    pairs: list[tuple[int, float]], chance: random.Random, groups: int
) -> None:
    whole = of(pairs)
    chance.shuffle(pairs)
    parts = [of(pairs[start::groups]) for start in range(groups)]
    assert merge_histograms([(part, None) for part in parts], 5) == whole
    half = merge_histograms([(part, None) for part in parts[1:]], 5)
    assert merge_histograms([(half, None), (parts[0], None)], 5) == whole


@given(slotted, st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_slots_may_become_one(pairs: list[tuple[int, float]], to: list[int]) -> None:
    moved = histograms_of([value for _, value in pairs], [to[slot] for slot, _ in pairs], 3)
    assert merge_histograms([(of(pairs), to)], 3) == moved


@given(slotted)
def test_totals_count_the_values_of_each_slot(pairs: list[tuple[int, float]]) -> None:
    slots = [slot for slot, _ in pairs]
    assert of(pairs).totals.tolist() == [slots.count(slot) for slot in range(5)]


@given(slotted)
def test_buckets_hold_the_values_that_they_count(pairs: list[tuple[int, float]]) -> None:
    for slot in range(5):
        mine = [0.0 if abs(value) < TINY else value for at, value in pairs if at == slot]
        found = of(pairs).buckets(slot)
        assert sum(count for _, _, count in found) == len(mine)
        for low, high, count in found:
            assert low <= high
            assert sum(low <= value <= high for value in mine) >= count


def test_a_slot_without_values_has_no_figure() -> None:
    histogram = of([(1, 5.0)])
    assert math.isnan(histogram.percentiles([50])[0, 0])
    assert histogram.rank(0, 5.0) is None
    assert histogram.buckets(0) == []
    empty = of([])
    assert math.isnan(empty.percentiles([50])[3, 0])
    assert merge_histograms([], 5) == empty
    assert empty != "something else"


def test_ends_at_the_largest_double_are_finite() -> None:
    largest = 1.7976931348623157e308
    assert one([largest, largest, -largest]).percentiles([50])[0, 0] == pytest.approx(largest, rel=0.01)
    assert all(math.isfinite(end) for low, high, _ in one([largest]).buckets(0) for end in (low, high))
