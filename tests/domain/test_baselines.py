"""Baselines on made-up series of known truth, with seeds that vary."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.baselines import FEWEST_DAYS, HOURS, MOST_DAYS, Bands, in_parts, learn

Array = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
SATURDAY = 5


def weekdays(days: int, last: int = 6) -> list[int]:
    """The weekdays of so many days, of which the last one is this."""
    return [(last + 1 - days + day) % 7 for day in range(days)]


def office(chance: np.random.Generator, series: int, days: int, noise: float = 1.0, last: int = 6) -> Array:
    """Hours of series that are high by day on workdays, with noise that has a few large values."""
    hour = np.arange(HOURS)
    shape = 20 * ((hour >= 8) & (hour < 18)) + 5
    usual = np.array([shape if day < SATURDAY else np.full(HOURS, 5) for day in weekdays(days, last)])
    return np.asarray(usual[None] + noise * chance.standard_t(5, (series, days, HOURS)) + 50)


def shares_outside(bands: Bands, values: Array) -> tuple[float, float]:
    return float((values < bands.low).mean()), float((values > bands.high).mean())


@settings(max_examples=10)
@given(SEEDS, st.integers(0, 6), st.sampled_from([21, 28, MOST_DAYS]))
def test_a_band_holds_four_hours_of_five(seed: int, weekday: int, days: int) -> None:
    chance = np.random.default_rng(seed)
    every = office(chance, 60, days + 1, last=weekday)
    bands = learn(every[:, :-1], weekdays(days, (weekday - 1) % 7), weekday)
    below, above = shares_outside(bands, every[:, -1])
    # 1,440 hours, of which errors of the same series hang together.
    assert 0.04 < below < 0.17
    assert 0.04 < above < 0.17
    assert bands.days.tolist() == [days] * 60
    assert ((every[:, -1] < bands.rare_low) | (every[:, -1] > bands.rare_high)).mean() < 0.04


@settings(max_examples=10)
@given(SEEDS)
def test_workdays_and_weekends_have_their_own_course(seed: int) -> None:
    history = office(np.random.default_rng(seed), 30, 28)
    monday, saturday = learn(history, weekdays(28), 0), learn(history, weekdays(28), 5)
    assert abs(np.median(monday.expected[:, 12]) - 75) < 1
    assert abs(np.median(saturday.expected[:, 12]) - 55) < 1
    assert abs(np.median(monday.expected[:, 3]) - 55) < 1


@settings(max_examples=10)
@given(SEEDS)
def test_a_weekday_of_its_own_kind_is_learned_from_the_third_week_on(seed: int) -> None:
    """Every Wednesday a job runs at night."""
    chance = np.random.default_rng(seed)

    def wednesday_at_3(weeks: int) -> float:
        history = office(chance, 30, 7 * weeks)
        history[:, [day == 2 for day in weekdays(7 * weeks)], 3] += 40
        return float(np.median(learn(history, weekdays(7 * weeks), 2).expected[:, 3])) - 55

    assert wednesday_at_3(2) < 4
    assert wednesday_at_3(3) > 12
    assert wednesday_at_3(8) > 24


@pytest.mark.parametrize("ago", [1, 2, 5, 7, 12])
@pytest.mark.parametrize("hours", [slice(None), slice(8, 14)], ids=["a day", "six hours"])
@pytest.mark.parametrize("value", [0.0, 500.0, 1e15])
def test_an_incident_in_the_history_moves_the_band_by_less_than_a_tenth(ago: int, hours: Any, value: float) -> None:
    seed = random.randrange(2**32)  # noqa: S311
    history = office(np.random.default_rng(seed), 60, 28)
    before = learn(history, weekdays(28), 0)
    history[:, -ago, hours] = value
    after = learn(history, weekdays(28), 0)
    width = before.high - before.low
    for was, now in ((before.expected, after.expected), (before.low, after.low), (before.high, after.high)):
        assert np.median(np.abs(now - was) / width) < 0.1, seed


def test_a_holiday_week_teaches_nothing() -> None:
    seed = random.randrange(2**32)  # noqa: S311
    history = office(np.random.default_rng(seed), 60, MOST_DAYS)
    before = learn(history, weekdays(MOST_DAYS), 0)
    days = weekdays(MOST_DAYS)
    holidays = [at for at, day in enumerate(days) if day < SATURDAY and 14 <= at < 21]
    history[:, holidays] = office(np.random.default_rng(seed + 1), 60, MOST_DAYS)[:, [day == 6 for day in days]][:, :5]
    after = learn(history, days, 0)
    assert np.median(np.abs(after.expected - before.expected) / (before.high - before.low)) < 0.1, seed


@settings(max_examples=10)
@given(SEEDS)
def test_a_lasting_change_is_normal_after_some_days(seed: int) -> None:
    history = office(np.random.default_rng(seed), 30, 42)
    history[:, -8:] += 30
    (monday,) = (learn(history, weekdays(42), 0),)
    assert abs(np.median(monday.expected[:, 12]) - 105) < 10


@settings(max_examples=15)
@given(SEEDS, st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_a_baseline_moves_and_grows_with_its_series(seed: int, moved: float, factor: float) -> None:
    history = office(np.random.default_rng(seed), 3, 28) + 1e7
    of, again = learn(history, weekdays(28), 4), learn(history * factor + moved * factor, weekdays(28), 4)
    for was, now in ((of.expected, again.expected), (of.low, again.low), (of.high, again.high)):
        assert np.allclose(now, was * factor + moved * factor, rtol=1e-9)


@settings(max_examples=10)
@given(SEEDS)
def test_each_series_is_learned_for_itself(seed: int) -> None:
    chance = np.random.default_rng(seed)
    history = office(chance, 9, 28)
    history[chance.random(history.shape) < 0.2] = math.nan
    whole = learn(history, weekdays(28), 2)
    order = chance.permutation(9)
    moved = learn(history[order], weekdays(28), 2)
    alone = learn(history[4:5], weekdays(28), 2)
    for every, each, one in zip(arrays(whole), arrays(moved), arrays(alone), strict=True):
        assert np.array_equal(every[order], each, equal_nan=True)
        assert np.array_equal(every[4:5], one, equal_nan=True)


def arrays(bands: Bands) -> list[Array]:
    return list(bands.lines)


@pytest.mark.parametrize("days", range(6))
def test_fewer_than_three_days_make_no_baseline(days: int) -> None:
    history = np.full((2, days, HOURS), 7.0)
    if days:
        history[1, 1:] = math.nan  # the second series has one day
    found = learn(history, weekdays(days), 3)
    assert found.days.tolist() == [days, min(days, 1)]
    assert np.isnan(found.expected[1]).all()
    assert np.isnan(found.expected[0]).all() == (days < FEWEST_DAYS)


@pytest.mark.parametrize("value", [0.0, 7.5, -3.0, 1e300, -1e300, 1.7e308])
def test_a_constant_is_expected_with_a_band_of_no_width(value: float) -> None:
    found = learn(np.full((1, 28, HOURS), value), weekdays(28), 3)
    limited = max(-1e300, min(value, 1e300))
    for each in arrays(found)[:-1]:
        assert (each == limited).all()


wild = st.one_of(st.floats(-1e300, 1e300), st.sampled_from([0.0, 1.0, 1e15, -1e300, 1e300, math.nan]))


@settings(max_examples=60)
@given(st.integers(0, 30), st.lists(wild, min_size=1, max_size=40), SEEDS, st.integers(0, 6))
def test_whatever_the_values_the_expected_lies_in_the_band_and_all_is_finite(
    days: int, values: list[float], seed: int, weekday: int
) -> None:
    history = np.random.default_rng(seed).choice(np.array(values), (3, days, HOURS))
    found = learn(history, weekdays(days, weekday - 1), weekday)
    known = ~np.isnan(found.expected)
    assert (known == ~np.isnan(found.low)).all()
    assert (known == ~np.isnan(found.high)).all()
    assert np.isfinite(found.expected[known]).all()
    assert (found.low[known] <= found.expected[known]).all()
    assert (found.expected[known] <= found.high[known]).all()
    assert (found.rare_low[known] <= found.low[known]).all()
    assert (found.high[known] <= found.rare_high[known]).all()
    if not (history < 0).any():
        assert (found.low[known] >= 0).all()


def test_an_hour_that_is_never_there_has_no_baseline_and_others_have() -> None:
    history = office(np.random.default_rng(3), 2, 28)
    history[:, :, 3] = math.nan
    found = learn(history, weekdays(28), 1)
    assert np.isnan(found.expected[:, 3]).all()
    assert not np.isnan(np.delete(found.expected, 3, axis=1)).any()


@given(SEEDS, st.integers(0, 6), st.integers(3, MOST_DAYS))
def test_presence_is_the_share_of_the_last_days_of_this_type_with_a_value(seed: int, weekday: int, days: int) -> None:
    chance = np.random.default_rng(seed)
    hours = np.where(chance.random((3, days, HOURS)) < chance.random((3, 1, 1)), 1.0, math.nan)
    hours[1, : chance.integers(days)] = math.nan
    of_days = weekdays(days, (weekday - 1) % 7)
    presence = learn(hours, of_days, weekday).presence
    for series, row in zip(hours, presence, strict=True):
        known = [at for at in range(days) if not np.isnan(series[at]).all()]
        same = [
            at
            for at in range(max(0, days - 28), days)
            if (of_days[at] >= SATURDAY) == (weekday >= SATURDAY) and known and at >= known[0]
        ]
        if len(known) < FEWEST_DAYS or len(same) < FEWEST_DAYS:
            assert np.isnan(row).all()
        else:
            assert row.tolist() == [
                sum(not math.isnan(series[at, hour]) for at in same) / len(same) for hour in range(HOURS)
            ]


def test_of_many_series_only_a_few_are_learned_without_a_pause() -> None:
    hours = np.random.default_rng(1).normal(50, 5, (450, 10, HOURS))
    parts = list(in_parts(hours, [day % 7 for day in range(10)], 3))
    assert max(len(each.days) for each in parts) <= 100
    assert sum(len(each.days) for each in parts) == 450
