"""The times of a scaling plan: from advice, in an order that the service takes, also for shifts over midnight."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.logons import QUARTERS, DayAhead, Expected
from domain.scaling_plan import APART, PlanTimes, plan_times

NINE, FIVE = 9 * 60, 17 * 60


def a_day(start: int | None = 8 * 60 + 37, stop: int | None = 18 * 60 + 5, first: float = NINE) -> DayAhead:
    return DayAhead(
        0.9,
        Expected(first, first - 20, first + 30),
        Expected(float(FIVE), FIVE - 40, FIVE + 50),
        start,
        None if start is None else start + 120,
        stop,
        40,
    )


def sessions(busy: range, most: float = 10.0, else_: float = 1.0) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    found = np.full(QUARTERS, else_)
    found[busy.start : busy.stop] = most
    return found


def test_a_plan_starts_by_advice_peaks_with_half_of_the_sessions_and_ends_by_advice() -> None:
    times = plan_times(a_day(), sessions(range(38, 66)))
    assert times == PlanTimes(8 * 60 + 30, 9 * 60 + 30, 16 * 60 + 30, 18 * 60 + 15)


def test_where_sessions_are_unknown_the_bands_of_log_ons_and_log_offs_tell_the_peak() -> None:
    times = PlanTimes(8 * 60 + 30, 9 * 60 + 30, 16 * 60 + 15, 18 * 60 + 15)
    assert plan_times(a_day(), None) == times
    assert plan_times(a_day(), np.full(QUARTERS, np.nan)) == times
    assert plan_times(a_day(), np.zeros(QUARTERS)) == times


@pytest.mark.parametrize("of", [a_day(start=None), a_day(stop=None), DayAhead(0.0, None, None, None, None, None, 9)])
def test_a_day_on_which_nothing_should_be_started_has_no_times(of: DayAhead) -> None:
    assert plan_times(of, sessions(range(38, 66))) is None


def test_a_shift_over_midnight_ends_with_the_day_and_its_peak_is_that_of_its_evening() -> None:
    night = np.zeros(QUARTERS)
    night[: 6 * 4] = 10.0  # of the shift before
    night[22 * 4 :] = 9.0
    times = plan_times(a_day(start=21 * 60 + 35, stop=30 * 60, first=22 * 60), night)
    assert times == PlanTimes(21 * 60 + 30, 22 * 60, 23 * 60 + 30, 23 * 60 + 59)


def test_a_start_before_midnight_is_at_midnight() -> None:
    times = plan_times(a_day(start=-25, stop=8 * 60, first=5), sessions(range(1, 20)))
    assert times == PlanTimes(0, 15, 5 * 60, 8 * 60)


@given(st.integers(-600, 1_500), st.integers(0, 3_000), st.lists(st.floats(0, 9), min_size=96, max_size=96))
def test_times_are_always_in_order_within_the_day(start: int, lasts: int, values: list[float]) -> None:
    times = plan_times(a_day(start, start + lasts, float(start + 10)), np.array(values))
    assert times
    assert times[0] >= 0
    assert times[3] < 24 * 60
    assert all(after - before >= APART for before, after in itertools.pairwise(times))
