"""Minutes, windows and days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.minutes import WINDOW, first_second, identifier, minutes_of, utc_day, window_of, windows_between

SECONDS = st.integers(0, 4_000_000_000)


@given(SECONDS)
def test_a_day_begins_at_its_first_second(second: int) -> None:
    first = first_second(utc_day(second))
    assert 0 <= second - first < 86_400
    assert utc_day(first) == utc_day(second) != utc_day(first - 1)


@pytest.mark.parametrize("day", ["", "2026-13-01", "2026-09-21T00:00", "x"])
def test_what_is_no_day_has_no_first_second(day: str) -> None:
    with pytest.raises(ValueError, match=r"day|time data|unconverted"):
        first_second(day)


@given(SECONDS)
def test_a_window_has_fifteen_minutes_of_one_day_and_each_second_is_in_one_of_them(second: int) -> None:
    window = window_of(second)
    minutes = minutes_of(window)
    assert len(minutes) == 15
    assert identifier(second) in minutes
    assert {utc_day(minute) for minute in minutes} == {utc_day(window)}


@given(SECONDS, st.integers(0, 100_000))
def test_windows_between_are_those_that_hold_a_second(first: int, more: int) -> None:
    seconds = [*range(first, first + more, WINDOW), first + more]
    assert list(windows_between(first, first + more)) == sorted({window_of(second) for second in seconds})
