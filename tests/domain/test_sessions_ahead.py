"""Sessions of pools to come, on made-up pools of known truth, with seeds that vary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.logons import FEWEST_DAYS, QUARTERS
from domain.sessions_ahead import SessionsAhead, sessions_ahead
from tests.domain.logon_cases import SATURDAY, weekdays

SEEDS = st.integers(0, 2**32 - 1)
DAYS = 56


def pool(chance: np.random.Generator, days: int, people: float = 60.0, last: int = 6) -> NDArray[np.float64]:
    """Sessions that rise from eight on and fall from five on, on workdays, more or less."""
    hour = np.arange(QUARTERS) / 4
    course = people * np.clip((hour - 7.5) / 2, 0, 1) * np.clip((18 - hour) / 2, 0, 1)
    busy = np.array([0.05 if weekday >= SATURDAY else 1 for weekday in weekdays(days, last)])
    return np.asarray(chance.poisson(course * busy[:, None] * chance.normal(1, 0.05, (days, 1))), np.float64)


def shares(days: int) -> list[float]:
    return [0.1 if weekday >= SATURDAY else 0.83 for weekday in weekdays(days)]


def told(sessions: NDArray[np.float64], ahead: list[int], tenant_used: list[float] | None = None) -> SessionsAhead:
    days = len(sessions)
    return sessions_ahead(sessions, weekdays(days), [True] * days, tenant_used or shares(days), ahead)


@settings(max_examples=5)
@given(SEEDS)
def test_a_band_holds_four_quarters_of_five_and_what_is_expected_lies_in_the_middle(seed: int) -> None:
    chance = np.random.default_rng(seed)
    inside, errors = [], []
    for _ in range(10):
        every = pool(chance, DAYS + 1, last=0)
        found = told(every[:-1], [0])
        busy = slice(34, 68)
        inside.append(((every[-1] >= found.low[0]) & (every[-1] <= found.high[0]))[busy].mean())
        errors.append((every[-1] - found.expected[0])[busy].mean())
    assert 0.65 < np.mean(inside) < 0.95
    assert abs(np.mean(errors)) < 4


@settings(max_examples=5)
@given(SEEDS)
def test_weekends_are_expected_to_be_weekends(seed: int) -> None:
    found = told(pool(np.random.default_rng(seed), DAYS), [4, 5, 6])
    assert found.expected[0].max() > 45
    assert found.expected[1:].max() < 12
    assert (found.low <= found.expected).all()
    assert (found.expected <= found.high).all()
    assert found.low.min() == 0


@settings(max_examples=5)
@given(SEEDS)
def test_a_pool_that_has_grown_is_expected_to_stay_grown(seed: int) -> None:
    sessions = pool(np.random.default_rng(seed), DAYS)
    sessions[-7:] *= 1.5
    assert told(sessions, [0]).expected[0, 48] > 75


@settings(max_examples=5)
@given(SEEDS, st.sampled_from([36, 45, 53]))
def test_a_holiday_changes_little_about_other_days(seed: int, holiday: int) -> None:
    sessions = pool(np.random.default_rng(seed), DAYS)
    closed = sessions.copy()
    closed[holiday] = 0
    quiet = shares(DAYS)
    quiet[holiday] = 0.02
    before, after = told(sessions, [0, 1]), told(closed, [0, 1], quiet)
    assert np.abs(after.expected - before.expected).max() < 8
    assert (after.high - after.low).mean() < 1.3 * (before.high - before.low).mean()


@pytest.mark.parametrize("days", range(FEWEST_DAYS))
def test_of_too_few_days_nothing_is_known(days: int) -> None:
    found = sessions_ahead(np.ones((5, QUARTERS)), weekdays(5), [False] * (5 - days) + [True] * days, [0.5] * 5, [0, 5])
    assert all(np.isnan(each).all() and each.shape == (2, QUARTERS) for each in found)


def test_a_constant_is_expected_to_stay() -> None:
    found = told(np.full((DAYS, QUARTERS), 7.0), [0, 6])
    assert np.allclose(found.expected, 7)
    assert np.allclose(found.low, 7)
    assert np.allclose(found.high, 7)


def test_an_empty_pool_is_expected_to_stay_empty() -> None:
    assert not np.any(told(np.zeros((DAYS, QUARTERS)), [0, 6]))


@settings(max_examples=10)
@given(SEEDS, st.integers(FEWEST_DAYS, DAYS))
def test_days_that_are_not_known_are_left_out(seed: int, days: int) -> None:
    """Whatever stands in them."""
    chance = np.random.default_rng(seed)
    sessions = pool(chance, days)
    known = chance.random(days) < 0.7
    known[:FEWEST_DAYS] = True
    wild = np.where(known[:, None], sessions, 1e9)
    args = weekdays(days), known.tolist(), shares(days), [0, 3, 6]
    for one, other in zip(sessions_ahead(sessions, *args), sessions_ahead(wild, *args), strict=True):
        assert np.array_equal(one, other, equal_nan=True)
