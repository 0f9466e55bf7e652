"""First log-ons and last log-offs by day, out of the quarter hours in which somebody was logged on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.logons import habits
from tests.domain.logon_cases import learned, used, weekdays

NAN = float("nan")


def times(*stays: tuple[float, float] | None) -> tuple[list[float], list[float]]:
    found = learned(used([stays]))
    return found.first[0].tolist(), found.last[0].tolist()


def same(found: list[float], expected: list[float]) -> bool:
    return np.array_equal(found, expected, equal_nan=True)


def test_a_day_has_its_first_log_on_and_last_log_off() -> None:
    first, last = times((540, 1020), None, (600, 615))
    assert same(first, [540, NAN, 600])
    assert same(last, [1020, NAN, 615])


def test_a_session_over_midnight_belongs_to_the_day_on_which_it_began() -> None:
    first, last = times((1320, 1800), None, (1320, 1800), None)
    assert same(first, [1320, NAN, 1320, NAN])
    assert same(last, [1800, NAN, 1800, NAN])


def test_shifts_over_midnight_on_days_in_a_row_stay_apart() -> None:
    first, last = times((1320, 1800), (1320, 1800), (1320, 1800), None)
    assert same(first, [1320, 1320, 1320, NAN])
    assert same(last, [1800, 1800, 1800, NAN])


@pytest.mark.parametrize("back", [15, 60, 150])
def test_who_comes_back_after_a_break_in_the_night_begins_no_day(back: int) -> None:
    flags = used([[(1320, 1470), None, None]]) | used([[None, (30 + back, 360), None]])
    found = learned(flags)
    assert same(found.first[0].tolist(), [1320, NAN, NAN])
    assert found.last[0, 0] == 1440 + 360


def test_who_was_logged_on_all_night_and_is_back_in_the_morning_begins_a_day() -> None:
    first, last = times((540, 1440 + 390), (500, 1020), None)
    assert same(first, [540, 495, NAN])
    assert same(last, [1440 + 390, 1020, NAN])


def test_who_was_logged_on_late_begins_a_day_in_the_morning() -> None:
    first, last = times((600, 1445), (540, 1020), None)
    assert same(first, [600, 540, NAN])
    assert same(last, [1455, 1020, NAN])


def test_a_long_break_is_within_the_day() -> None:
    flags = used([[(540, 700), None]]) | used([[(900, 1000), None]])
    found = learned(flags)
    assert same(found.first[0].tolist(), [540, NAN])
    assert same(found.last[0].tolist(), [1005, NAN])


@pytest.mark.parametrize(("quarters", "ends"), [(3, False), (4, True), (5, True)])
def test_a_break_of_an_hour_ends_a_session(quarters: int, ends: bool) -> None:
    """On the first day it goes on from the day before, so only a log-on after a break counts."""
    flags = np.ones((1, 2, 96), np.bool_)
    flags[0, 0, 50 : 50 + quarters] = flags[0, 0, 90:] = flags[0, 1] = False
    assert same(learned(flags).first[0].tolist(), [(50 + quarters) * 15 if ends else NAN, NAN])


def test_a_session_of_days_begins_anew_at_each_midnight() -> None:
    first, last = times((540, 4 * 1440 - 60), None, None, None, None)
    assert same(first, [540, 0, 0, NAN, NAN])
    assert same(last, [1440, 1440, 1440 + 1380, NAN, NAN])


def test_what_goes_on_when_history_begins_or_ends_has_no_known_end_there() -> None:
    flags = np.zeros((1, 3, 96), np.bool_)
    flags[0, 0, :20] = True
    flags[0, 2, 80:] = True
    found = learned(flags)
    assert same(found.first[0].tolist(), [NAN, NAN, 1200])
    assert np.isnan(found.last).all()


def test_an_hour_that_the_clocks_skip_divides_no_shift() -> None:
    """The quarters of that hour have no windows. The hour that comes twice has each quarter once, as other days do."""
    flags = used([[(1320, 1800), (1320, 1800), None], [(540, 1020), (540, 1020), (540, 1020)]])
    flags[:, 1, 8:12] = False
    found = learned(flags)
    assert same(found.first[0].tolist(), [1320, 1320, NAN])
    assert same(found.last[0].tolist(), [1800, 1800, NAN])
    assert found.first[1].tolist() == [540] * 3


def test_a_day_that_is_not_known_teaches_nothing_and_hides_what_goes_over_it() -> None:
    flags = used([[(540, 1020), (1320, 1800), (1320, 1800), (540, 1020), None]])
    known = [True, True, False, True, True]
    found = habits(flags, flags, weekdays(5), known, [0.83] * 5)
    assert same(found.first[0].tolist(), [540, 1320, NAN, 540, NAN])
    assert same(found.last[0].tolist(), [1020, NAN, NAN, 1020, NAN])
    assert found.taught[0].tolist() == known


def test_the_history_of_a_vm_begins_when_it_is_first_seen() -> None:
    flags = np.zeros((1, 10, 96), np.bool_)
    seen = flags.copy()
    seen[0, 6, 40] = True
    found = habits(flags, seen, weekdays(10), [True] * 10, [0.8] * 10)
    assert found.taught[0].tolist() == [False] * 6 + [True] * 4


SHARES = [0.8, 0.8, 0.7, 0.8, 0.6, 0.05, 0.0] * 8


@pytest.mark.parametrize("holiday", [28, 37, 52])
def test_a_day_on_which_most_stayed_away_is_a_holiday_from_the_day_after_on(holiday: int) -> None:
    shares = [*SHARES]
    shares[holiday] = 0.06
    found = learned(np.zeros((1, 56, 96), np.bool_), tenant_used=shares).holidays
    assert np.flatnonzero(found[-1]).tolist() == [holiday]
    assert not found[: holiday + 1].any()
    assert found[holiday + 1, holiday]


def test_weekends_are_no_holidays_and_neither_is_a_week_with_few_people() -> None:
    shares = [*SHARES]
    shares[42:47] = [0.5] * 5
    assert not learned(np.zeros((1, 56, 96), np.bool_), tenant_used=shares).holidays.any()


def test_a_closed_week_is_holidays() -> None:
    shares = [*SHARES]
    shares[28:33] = [0.05] * 5
    found = learned(np.zeros((1, 56, 96), np.bool_), tenant_used=shares).holidays
    assert np.flatnonzero(found[-1]).tolist() == [28, 29, 30, 31, 32]


@pytest.mark.parametrize("vms", [1, 2, 4])
def test_in_a_small_tenant_who_is_away_is_away(vms: int) -> None:
    shares = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0] * 8
    shares[30], shares[37] = 0.0, (vms - 1) / vms
    assert not learned(np.zeros((1, 56, 96), np.bool_), tenant_used=shares).holidays.any()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_days_that_follow_change_neither_first_log_ons_nor_log_offs_on_the_same_day(seed: int, days: int) -> None:
    """Also with use at random. Only a log-off after midnight is known later."""
    chance = np.random.default_rng(seed)
    flags = np.repeat(chance.random((5, days, 24)) < chance.uniform(0.05, 0.9), 4, axis=2)
    whole, part = learned(flags), learned(flags[:, :-1], last=5)
    assert np.array_equal(whole.first[:, :-1], part.first, equal_nan=True)
    told = ~np.isnan(part.last[:, :-1]) & (part.last[:, :-1] <= 1440)
    assert np.array_equal(whole.last[:, :-2][told], part.last[:, :-1][told])
    assert ((whole.last > whole.first) | np.isnan(whole.last)).all()
