"""Forecasts on made-up series of known truth, with seeds that vary."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.baselines import FEWEST_DAYS, HOURS, MOST_DAYS
from domain.forecasting import BAND_FROM, learn
from domain.forecasts import DAYS_AHEAD, RECENT_HOURS, Forecasts, course, joined

Array = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
SATURDAY = 5
NOTHING = np.full(DAYS_AHEAD * HOURS, np.nan)


def made(history: Array, last: int = 6) -> Forecasts:
    """Forecasts of the days after a history whose last day is of this weekday."""
    days = history.shape[1]
    return joined(list(learn(history, [(last + 1 - days + day) % 7 for day in range(days)], (last + 1) % 7)))


def office(chance: np.random.Generator, series: int, days: int, noise: float = 1.0) -> Array:
    """Hours that are high by day on workdays. The first day is a Monday."""
    hour = np.arange(HOURS)
    workday = np.where((hour >= 8) & (hour < 18), 75.0, 55.0)
    usual = np.array([workday if day % 7 < SATURDAY else np.full(HOURS, 55.0) for day in range(days)])
    return np.asarray(usual + noise * chance.standard_t(5, (series, days, HOURS)))


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([28, MOST_DAYS]))
def test_a_week_comes_as_weeks_came(seed: int, days: int) -> None:
    every = office(np.random.default_rng(seed), 40, days + DAYS_AHEAD)
    found = made(every[:, :days])
    apart = np.abs(found.expected - office(np.random.default_rng(0), 1, DAYS_AHEAD, noise=0))
    assert np.median(apart) < 0.6
    assert np.quantile(apart, 0.99) < 2.5  # Saturday is no workday, and Monday no Sunday
    assert found.days.tolist() == [days] * 40
    # Same time yesterday has the noise of two days, and is 20 off for ten hours on two days of seven.
    assert 0.2 < np.median(found.mase) < 0.6


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([28, MOST_DAYS]))
def test_bands_hold_four_hours_of_five_on_each_of_the_days_and_the_score_says_so(seed: int, days: int) -> None:
    every = office(np.random.default_rng(seed), 60, days + DAYS_AHEAD)
    found = made(every[:, :days])
    courses = [course(found, row, 0, NOTHING) for row in range(60)]
    low, high = (np.stack([getattr(each, end) for each in courses]) for end in ("low", "high"))
    came = every[:, days:].reshape(60, -1)
    inside = ((came >= low) & (came <= high)).reshape(60, DAYS_AHEAD, HOURS).mean(axis=(0, 2))
    assert inside.min() > 0.7
    assert inside.max() < (
        0.92 if days == MOST_DAYS else 0.96
    )  # of the first weeks less was known, and errors were larger
    if days == MOST_DAYS:
        assert 0.74 < found.coverage.mean() < 0.9


@settings(max_examples=10)
@given(SEEDS)
def test_a_level_that_wanders_is_forecast_from_where_it_is_now(seed: int) -> None:
    """For a random walk nothing beats the last value. Ours is nearly as good, and far better than what was usual."""
    steps = np.random.default_rng(seed).normal(0, 1, (60, (42 + DAYS_AHEAD) * HOURS))
    walk = 1000 + np.cumsum(steps, axis=1)
    now, later = 42 * HOURS, walk[:, 42 * HOURS :]
    found = made(walk[:, :now].reshape(60, 42, HOURS))
    came = np.full((60, DAYS_AHEAD * HOURS), np.nan)
    came[:, :6] = later[:, :6]
    ours = np.stack([course(found, row, 0, came[row]).expected for row in range(60)])[:, 6:30]
    error, least = (float(np.abs(each - later[:, 6:30]).mean()) for each in (ours, later[:, 5:6]))
    usual = float(np.abs(walk[:, :now].reshape(60, 42, HOURS).mean(axis=1) - later[:, :HOURS]).mean())
    assert error < 1.5 * least
    assert error < usual


@settings(max_examples=10)
@given(SEEDS, st.floats(0.5, 100))
def test_twice_the_values_give_twice_the_forecast(seed: int, factor: float) -> None:
    history = office(np.random.default_rng(seed), 5, 28)
    one, other = made(history), made(factor * history)
    assert other.expected == pytest.approx(factor * one.expected)
    assert other.usual * other.ends[:, :1, :1] == pytest.approx(factor * one.usual * one.ends[:, :1, :1])
    assert other.mase == pytest.approx(one.mase)


def test_a_constant_stays_and_has_no_band() -> None:
    found = course(made(np.full((1, 28, HOURS), 0.1)), 0, 0, NOTHING)
    for line in found:
        assert line == pytest.approx(np.full(DAYS_AHEAD * HOURS, 0.1))


@settings(max_examples=10)
@given(SEEDS)
def test_what_rises_all_week_and_falls_on_mondays_is_forecast_on_each_of_the_days(seed: int) -> None:
    """A week ago, the last day was as it is a week from now. It says nothing of the days between."""
    hours = (42 + DAYS_AHEAD) * HOURS
    weeks = 40 + np.arange(hours) % (7 * HOURS) / 5 + np.random.default_rng(seed).normal(0, 0.5, (10, hours))
    found = made(weeks[:, : 42 * HOURS].reshape(10, 42, HOURS)).expected
    apart = np.abs(found - weeks[:, 42 * HOURS :].reshape(10, DAYS_AHEAD, HOURS)).mean(axis=(0, 2))
    assert apart.max() < 0.8


@settings(max_examples=10)
@given(SEEDS)
def test_an_outage_yesterday_is_not_what_comes(seed: int) -> None:
    history = office(np.random.default_rng(seed), 20, 35)
    calm = made(history).expected
    history[:, -3] = 0.0
    assert np.abs(made(history).expected - calm).max() < 8  # of 75


def test_the_last_hours_correct_what_comes_the_sooner_the_more() -> None:
    history = office(np.random.default_rng(1), 1, 28, noise=0)
    history[0] += np.repeat(np.cumsum(np.random.default_rng(2).normal(0, 3, 28 * 3)), 8).reshape(28, HOURS)
    found = made(history)
    plain = course(found, 0, 0, NOTHING)
    came = NOTHING.copy()
    came[:6] = plain.expected[:6] + 10
    corrected = course(found, 0, 0, came)
    moved = corrected.expected - plain.expected
    assert np.all(moved[:6] == 0)
    assert 10 >= moved[6] > moved[12] > moved[40] > 0
    widths, before = (each.high - each.low for each in (corrected, plain))
    assert widths[6] < 0.8 * before[6]
    assert widths[160] == pytest.approx(before[160], rel=0.01)


def test_old_hours_count_no_longer() -> None:
    found = made(office(np.random.default_rng(1), 1, 28))
    came, also = NOTHING.copy(), NOTHING.copy()
    came[20:24] = also[20:24] = 60.0
    also[20 - RECENT_HOURS : 24 - RECENT_HOURS] = 1000.0
    assert course(found, 0, 0, came).expected == pytest.approx(course(found, 0, 0, also).expected)


def test_a_band_stays_within_what_can_be() -> None:
    noise = np.random.default_rng(1).normal(0, 30, (1, 28, HOURS))
    found = made(np.clip(50 + noise, 0, 100))
    told = course(found, 0, 0, NOTHING, highest=70)
    assert told.low.min() >= 0
    assert told.high.max() <= 70
    below_zero = course(made(noise), 0, 0, NOTHING)
    assert below_zero.low.min() < -20


def test_too_little_history_is_said() -> None:
    history = office(np.random.default_rng(1), 1, BAND_FROM)
    few = made(history[:, : FEWEST_DAYS - 1])
    assert np.isnan(few.expected).all()
    some = made(history[:, : BAND_FROM - 1])
    assert not np.isnan(some.expected).any()
    assert np.isnan(some.ends).all()
    assert np.isnan([some.mase[0], some.coverage[0]]).all()
    enough = made(history)
    assert not np.isnan([*enough.ends.flat, enough.mase[0]]).any()
    assert np.isnan(enough.coverage[0])  # no band was known before these days came
    assert made(history[:, :0]).days.tolist() == [0]


def test_hours_that_never_have_a_value_stay_unknown() -> None:
    """A VM that is stopped at night."""
    history = office(np.random.default_rng(1), 1, 28)
    history[:, :, :6] = math.nan
    expected = made(history).expected[0]
    assert np.isnan(expected[:, :6]).all()
    assert not np.isnan(expected[:, 6:]).any()


@pytest.mark.parametrize("value", [1e300, -1e300, 1e15, 0.0, 1.0])
def test_wild_values_harm_no_neighbour(value: float) -> None:
    history = office(np.random.default_rng(1), 3, 35)
    alone = made(history[1:])
    wild = history.copy()
    wild[0, 20, 5] = value
    wild[0, 27:] = np.where(np.random.default_rng(2).random((8, HOURS)) < 0.5, value, math.nan)
    with np.errstate(all="raise", under="ignore"):
        found = made(wild)
        told = course(found, 0, 0, np.where(np.arange(DAYS_AHEAD * HOURS) < 3, value, math.nan))
    assert found.expected[1:] == pytest.approx(alone.expected)
    for line in told:
        assert np.isfinite(line).all()


def test_weeks_without_any_value_are_left_out() -> None:
    history = office(np.random.default_rng(1), 2, 42)
    history[0, 14:28] = math.nan
    found = made(history)
    assert found.days.tolist() == [28, 42]
    assert np.abs(found.expected[0] - found.expected[1]).max() < 4
