"""Sums and partials: order and grouping never matter, and the figures are those of the plain definitions."""

import math
import random
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import exact
from domain.partials import Partial, merge, merge_rollups, partial_of, roll_up

values = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30)
tame = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30)
MINUTES = 15


@given(values)
def test_the_terms_of_a_sum_add_up_to_exactly_the_sum(numbers: list[float]) -> None:
    assert sum(map(Fraction, exact.exact_sum(numbers))) == sum(map(Fraction, numbers))


@given(values, st.randoms(use_true_random=False))
def test_the_terms_of_a_sum_do_not_depend_on_order(numbers: list[float], chance: random.Random) -> None:
    shuffled = numbers.copy()
    chance.shuffle(shuffled)
    assert exact.exact_sum(numbers) == exact.exact_sum(shuffled)


@given(tame)
def test_the_mean_is_that_of_an_independent_calculation_bit_for_bit(numbers: list[float]) -> None:
    assert partial_of(numbers).mean == statistics.fmean(numbers)


def test_the_mean_of_the_greatest_doubles_is_the_greatest_double() -> None:
    partial = partial_of([exact.GREATEST] * 3)
    assert (partial.mean, partial.least, partial.greatest) == (exact.GREATEST,) * 3


@given(values)
def test_every_figure_of_a_partial_is_finite(numbers: list[float]) -> None:
    partial = partial_of(numbers)
    assert all(map(math.isfinite, (partial.mean, partial.stddev, *partial.total)))


@given(tame)
def test_the_standard_deviation_is_that_of_the_population(numbers: list[float]) -> None:
    assert partial_of(numbers).stddev == pytest.approx(statistics.pstdev(numbers), rel=1e-9, abs=1e-6)


def split(numbers: list[float], chance: random.Random) -> list[list[float]]:
    shuffled = numbers.copy()
    chance.shuffle(shuffled)
    groups: list[list[float]] = [[] for _ in range(chance.randint(1, len(numbers)))]
    for number in shuffled:
        chance.choice(groups).append(number)
    return [group for group in groups if group]


@given(tame, st.randoms(use_true_random=False))
def test_merging_partials_of_any_grouping_gives_the_partial_of_all(numbers: list[float], chance: random.Random) -> None:
    whole = partial_of(numbers)
    merged = merge([partial_of(group) for group in split(numbers, chance)])
    assert merged[:4] == whole[:4]
    assert merged.spread == pytest.approx(whole.spread, rel=1e-9, abs=1e-5)


@given(tame, tame, tame)
def test_merging_is_associative(one: list[float], two: list[float], three: list[float]) -> None:
    a, b, c = partial_of(one), partial_of(two), partial_of(three)
    left, right = merge([merge([a, b]), c]), merge([a, merge([b, c])])
    assert left[:4] == right[:4]


def test_a_rollup_takes_minutes_without_samples_as_no_samples() -> None:
    rollup = roll_up("t", 0, [{"a.b": [1.0] + [None] * 14}, {"a.b": [3.0, 5.0] + [None] * 13}])
    series = rollup.series["a.b"]
    assert [part and (part.count, part.mean) for part in series[:3]] == [(2, 2.0), (1, 5.0), None]


def test_a_rollup_takes_counters_that_only_some_vms_have() -> None:
    rollup = roll_up("t", 0, [{"a.b": [1.0] * MINUTES}, {"a.c": [2.0] * MINUTES}])
    assert {key: series[0].count for key, series in rollup.series.items() if series[0]} == {"a.b": 1, "a.c": 1}


def test_merging_rollups_counts_tenants_and_vms_of_each_minute() -> None:
    one = roll_up("one", 0, [{"a.b": [1.0] * MINUTES}, {"a.b": [2.0] * MINUTES}])
    two = roll_up("two", 0, [{"a.b": [6.0] + [None] * 14}])
    merged = merge_rollups([one, two], ["a.b", "a.none"])
    assert [found and (found[0].count, found[0].mean, found[1]) for found in merged["a.b"][:2]] == [
        (3, 3.0, 2),
        (2, 1.5, 1),
    ]
    assert merged["a.none"] == [None] * MINUTES


def test_a_partial_alone_is_merged_to_itself() -> None:
    assert merge([Partial(1, [2.0], 2.0, 2.0, 0.0)]) == Partial(1, [2.0], 2.0, 2.0, 0.0)
