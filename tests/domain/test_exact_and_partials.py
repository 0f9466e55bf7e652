"""Sums and partials: order and grouping never matter, and the figures are those of the plain definitions."""

import math
import random
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import exact
from domain.exact_columns import exact_sums_of_columns
from domain.partials import Partial, merge, partial_of, partials_of_columns

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
    partial = partial_of([exact.LARGEST] * 3)
    assert (partial.mean, partial.min, partial.max) == (exact.LARGEST,) * 3


@given(values)
def test_every_figure_of_a_partial_is_finite(numbers: list[float]) -> None:
    partial = partial_of(numbers)
    assert all(map(math.isfinite, (partial.mean, partial.stddev, *partial.total)))


@given(tame)
def test_the_standard_deviation_is_that_of_the_population(numbers: list[float]) -> None:
    assert partial_of(numbers).stddev == pytest.approx(statistics.pstdev(numbers), rel=1e-9, abs=1e-6)


magnitudes = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 100).map(lambda value: round(value, 2)),
    st.integers(0, 1 << 40).map(float),
    st.sampled_from([exact.LARGEST, -exact.LARGEST, 5e-324, 0.0, -0.0]),
)
columns = st.lists(st.lists(st.one_of(st.none(), magnitudes), min_size=9, max_size=9), min_size=1, max_size=60)


@given(columns, st.booleans())
def test_the_partials_of_columns_are_those_of_each_column_bit_for_bit(
    rows: list[list[float | None]],
    enrolled: bool,
) -> None:
    found = partials_of_columns(np.array(rows, np.float64), enrolled=enrolled)
    for column, partial in zip(zip(*rows, strict=True), found, strict=True):
        there = [value for value in column if value is not None]
        assert repr(partial) == repr(partial_of(there, enrolled=enrolled) if there else None)


def test_the_sums_of_many_usual_values_are_found_the_fast_way() -> None:
    chance = random.Random(18)  # noqa: S311
    rows = [[round(chance.random() * 100, 2), chance.lognormvariate(3, 1), chance.gauss(0, 1)] for _ in range(10_000)]
    found = exact_sums_of_columns(np.array(rows))
    assert found == [exact.exact_sum(column) for column in zip(*rows, strict=True)]


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
    assert merged._replace(spread=0, tenants=1, largest=0, second=0) == whole._replace(spread=0, largest=0)
    assert merged.spread == pytest.approx(whole.spread, rel=1e-9, abs=1e-5)


@given(tame, tame, tame)
def test_merging_is_associative(one: list[float], two: list[float], three: list[float]) -> None:
    a, b, c = partial_of(one), partial_of(two), partial_of(three)
    left, right = merge([merge([a, b]), c]), merge([a, merge([b, c])])
    assert left[:5] == right[:5]
    assert left[6:] == right[6:]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_two_greatest_tenants_are_known_however_partials_are_merged(vms: list[int], chance: random.Random) -> None:
    parts = [partial_of([1.0] * count, enrolled=True) for count in vms]
    while len(parts) > 1:
        chance.shuffle(parts)
        some = chance.randint(2, len(parts))
        parts = [merge(parts[:some]), *parts[some:]]
    assert [parts[0].largest, parts[0].second] == sorted([0, *vms])[:-3:-1]


def test_tenants_that_are_not_enrolled_count_nowhere_where_it_is_asked_how_a_figure_is_shared_out() -> None:
    """As those that were stored before that was kept."""
    old = Partial(7, 3, (7.0,), 1.0, 1.0, 0.0)
    merged = merge([old, partial_of([1.0] * 9), partial_of([1.0] * 2, enrolled=True)])
    assert (merged.count, merged.tenants) == (18, 5)
    assert (merged.enrolled, merged.proven, merged.largest, merged.second) == (1, 2, 2, 0)


def test_a_partial_alone_is_merged_to_itself() -> None:
    assert merge([partial_of([2.0])]) == partial_of([2.0])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("number", [2, 3, 1000])
def test_a_sum_beyond_all_doubles_is_limited_to_the_largest(number: int, sign: int) -> None:
    assert exact.limited_sum(exact.exact_sum([sign * exact.LARGEST] * number)) == sign * exact.LARGEST
