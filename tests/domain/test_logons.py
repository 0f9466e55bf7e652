"""Log-ons to come and advice, on made-up people of known truth, with seeds that vary."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.logons import FEWEST_DAYS, MOST_DAYS, DayAhead, Habits, ahead, habits, of_days, outlook
from tests.domain.logon_cases import SATURDAY, Flags, Stay, each, learned, nine_to_five, used, weekdays

SEEDS = st.integers(0, 2**32 - 1)
WEEK = [0, 1, 2, 3, 4, 5, 6]


def one(flags: Flags, weekday: int, serve: float = 0.95, boot_minutes: int = 10) -> DayAhead:
    """What is foretold of one series on the day that follows its history, if that is of this weekday."""
    return ahead(learned(flags, (weekday - 1) % 7), [weekday], serve, boot_minutes)[0][0]


def at(minutes: float | None) -> float:
    """A time that must be there."""
    assert minutes is not None
    return minutes


@settings(max_examples=3)
@given(SEEDS)
def test_who_comes_at_nine_is_served_and_left_alone_at_weekends(seed: int) -> None:
    chance = np.random.default_rng(seed)
    people = [nine_to_five(chance, MOST_DAYS + 5) for _ in range(40)]
    served, starts, stops = [], [], []
    for day in range(5):  # from a Wednesday on
        flags = used(people)[:, day : day + MOST_DAYS]
        weekday = (day + 2) % 7
        found = ahead(learned(flags, (weekday - 1) % 7), [weekday])
        for stays, (told,) in zip(people, found, strict=True):
            stay = stays[day + MOST_DAYS]
            if weekday >= SATURDAY:
                assert at(told.probability) < 0.1
                assert told.start_by is told.give_up is told.stop_after is None
            elif stay is not None:
                up = told.start_by is not None and told.start_by + 10 <= stay[0] < at(told.give_up)
                served.append(up)
                if up:
                    starts.append(at(told.start_by))
                    stops.append(at(told.stop_after))
    assert len(served) > 90
    assert np.mean(served) > 0.9
    assert 450 < np.median(starts) < 510
    assert 1050 < np.median(stops) < 1130


@settings(max_examples=3)
@given(SEEDS)
def test_bands_hold_four_times_of_five(seed: int) -> None:
    chance = np.random.default_rng(seed)
    people = [nine_to_five(chance, MOST_DAYS + 1, last=0) for _ in range(150)]
    inside, within = [], []
    for stays, (told,) in zip(people, ahead(learned(used(people)[:, :-1]), [0]), strict=True):
        stay = stays[-1]
        if stay is not None:
            assert told.first is not None
            assert told.last is not None
            assert told.first.low < told.first.expected < told.first.high
            inside.append(told.first.low <= stay[0] <= told.first.high)
            within.append(told.last.low <= stay[1] <= told.last.high)
    assert 0.7 < np.mean(inside) < 0.95
    assert 0.7 < np.mean(within) < 0.95


@settings(max_examples=8)
@given(SEEDS, st.integers(0, 4))
def test_a_shift_over_midnight_has_its_start_in_the_evening_and_its_stop_in_the_next_morning(
    seed: int, weekday: int
) -> None:
    chance = np.random.default_rng(seed)

    def shift(_: int, of_day: int) -> Stay:
        return None if of_day >= SATURDAY else (1320 + float(chance.uniform(-15, 15)), 1800)

    told = one(used([each(shift, MOST_DAYS, (weekday - 1) % 7)]), weekday)
    assert at(told.probability) > 0.9
    assert 1240 < at(told.start_by) < 1305
    assert 1790 < at(told.stop_after) < 1900


@settings(max_examples=8)
@given(SEEDS)
def test_a_day_off_of_each_week_has_low_odds(seed: int) -> None:
    chance = np.random.default_rng(seed)
    stays = [
        stay if weekday != 2 else None
        for stay, weekday in zip(nine_to_five(chance, 42, comes=1.0), weekdays(42), strict=True)
    ]
    found = ahead(learned(used([stays])), WEEK)[0]
    assert at(found[2].probability) < 0.15
    assert all(at(found[day].probability) > 0.7 for day in (0, 1, 3, 4))


@settings(max_examples=8)
@given(SEEDS)
def test_shifts_that_alternate_by_the_week_are_foretold_by_the_week(seed: int) -> None:
    chance = np.random.default_rng(seed)

    def shift(day: int, weekday: int) -> Stay:
        begin = (360, 840)[day // 7 % 2] + float(chance.uniform(-10, 10))
        return None if weekday >= SATURDAY else (begin, begin + 480)

    monday = ahead(learned(used([each(shift, MOST_DAYS)])), [0])[0][0]  # an early week follows a late one
    assert monday.first is not None
    assert monday.first.expected < 420
    assert at(monday.start_by) < 350


@settings(max_examples=8)
@given(SEEDS)
def test_leave_lowers_the_odds_and_a_return_raises_them(seed: int) -> None:
    chance = np.random.default_rng(seed)
    stays = nine_to_five(chance, MOST_DAYS, comes=1.0)
    on_leave = [*stays[:42], *[None] * 14]
    back = [*stays[:28], *[None] * 14, *stays[42:]]
    present, away, returned = (ahead(learned(used([some])), [0])[0][0] for some in (stays, on_leave, back))
    assert at(away.probability) < 0.4
    assert at(returned.probability) > 0.8
    assert abs(at(returned.probability) - at(present.probability)) < 0.15


@settings(max_examples=8)
@given(SEEDS, st.sampled_from([30, 43, 52]))
def test_a_holiday_changes_nothing_about_other_days(seed: int, holiday: int) -> None:
    stays = nine_to_five(np.random.default_rng(seed), MOST_DAYS, comes=1.0)
    shares = [0.1 if day >= SATURDAY else 0.83 for day in weekdays(MOST_DAYS)]
    closed = [stay if day != holiday else None for day, stay in enumerate(stays)]
    shares_then = [share if day != holiday else 0.05 for day, share in enumerate(shares)]
    before = ahead(learned(used([stays]), tenant_used=shares), WEEK)[0]
    after = ahead(learned(used([closed]), tenant_used=shares_then), WEEK)[0]
    alone = ahead(learned(used([closed]), tenant_used=shares), WEEK)[0]
    for was, now in zip(before, after, strict=True):
        assert at(now.probability) == pytest.approx(at(was.probability), abs=0.03)
        assert (now.start_by is None) == (was.start_by is None)
        assert at(now.start_by or 0) == pytest.approx(at(was.start_by or 0), abs=45)
    # Of somebody who is away while others are not, it does.
    assert at(alone[holiday % 7].probability) < at(after[holiday % 7].probability)


@settings(max_examples=8)
@given(SEEDS)
def test_who_comes_at_any_time_is_told_a_wide_band_and_served_early(seed: int) -> None:
    chance = np.random.default_rng(seed)

    def any_time(_: int, __: int) -> Stay:
        begin = float(chance.uniform(360, 1200))
        return (begin, begin + 60) if chance.random() < 0.5 else None

    found = ahead(learned(used([each(any_time, MOST_DAYS) for _ in range(20)])), WEEK)
    told = [day for days in found for day in days]
    assert 0.35 < np.mean([at(day.probability) for day in told]) < 0.65
    assert np.mean([day.first.high - day.first.low for day in told if day.first is not None]) > 450
    starts = [day.start_by for day in told if day.start_by is not None]
    assert len(starts) > 0.9 * len(told)
    assert np.mean(starts) < 450


def test_of_a_new_vm_is_said_how_many_days_it_has() -> None:
    for days in range(FEWEST_DAYS):
        flags = np.zeros((1, 20, 96), np.bool_)
        flags[0, 20 - days :, 36:68] = True
        told = ahead(learned(flags), WEEK)[0]
        assert len(told) == 7
        assert {day.days for day in told} == {days}
        assert all(day.reason == f"{days} of the 3 days that are needed" for day in told)
        assert {(day.probability, day.first, day.last, day.start_by, day.stop_after) for day in told} == {(None,) * 5}
    flags[0, 20 - FEWEST_DAYS :, 36:68] = True
    known = ahead(learned(flags), [0])[0][0]
    assert known.days == FEWEST_DAYS
    assert known.reason is None
    assert 0 < at(known.probability) < 1


def test_of_a_vm_that_nobody_logs_on_to_no_times_are_told() -> None:
    seen = np.ones((1, 30, 96), np.bool_)
    found = habits(~seen, seen, weekdays(30), [True] * 30, [0.5] * 30)
    told = ahead(found, [0])[0][0]
    assert told == DayAhead(told.probability, None, None, None, None, None, 30, "no log-on on 30 days")
    assert at(told.probability) < 0.1


def test_a_history_of_unknown_days_or_none_is_no_history() -> None:
    flags = np.ones((2, 10, 96), np.bool_)
    unknown = habits(flags, flags, weekdays(10), [False] * 10, [float("nan")] * 10)
    assert [days[0].days for days in ahead(unknown, [0])] == [0, 0]
    empty = habits(flags[:, :0], flags[:, :0], [], [], [])
    assert [days[0].reason for days in ahead(empty, [0])] == ["0 of the 3 days that are needed"] * 2
    nobody = habits(flags[:0], flags[:0], weekdays(10), [True] * 10, [0.5] * 10)
    assert ahead(nobody, [0]) == []


def test_who_is_always_logged_on_needs_no_start_but_one_before_midnight() -> None:
    told = ahead(learned(np.ones((1, 30, 96), np.bool_)), [0])[0][0]
    assert at(told.probability) > 0.9
    assert told.start_by == -10
    assert at(told.stop_after) > 1380


def histories(seed: int, series: int = 6) -> Flags:
    """People of several kinds who come between two in the morning and ten in the evening."""
    chance = np.random.default_rng(seed)

    def person(middle: float, spread: float, often: float) -> list[Stay]:
        def stay(_: int, weekday: int) -> Stay:
            if chance.random() > often * (0.2 if weekday >= SATURDAY else 1):
                return None
            begin = float(np.clip(chance.normal(middle, spread), 120, 1200))
            return begin, begin + float(chance.uniform(60, 200))

        return each(stay, MOST_DAYS)

    return used(
        [person(chance.uniform(400, 900), chance.uniform(5, 120), chance.uniform(0.3, 1)) for _ in range(series)]
    )


@settings(max_examples=8)
@given(SEEDS, st.sampled_from([2, 4]))
def test_log_ons_that_shift_move_the_advice_likewise(seed: int, quarters: int) -> None:
    flags = histories(seed)
    moved = np.roll(flags.reshape(len(flags), -1), quarters, axis=1).reshape(flags.shape)
    expected, starts = [], []
    for before, after in zip(ahead(learned(flags), WEEK), ahead(learned(moved), WEEK), strict=True):
        for was, now in zip(before, after, strict=True):
            assert at(now.probability) == pytest.approx(at(was.probability))
            assert was.first is not None
            assert now.first is not None
            expected.append(now.first.expected - was.first.expected)
            if was.start_by is not None and now.start_by is not None:
                starts.append(now.start_by - was.start_by)
    # Not each of them to the minute, since the ends of the day do not move.
    assert np.abs(np.array(expected) - 15 * quarters).max() < 15
    apart = np.abs(np.array(starts) - 15 * quarters)
    assert np.median(apart) < 3
    assert apart.max() < 90


@settings(max_examples=8)
@given(SEEDS)
def test_more_service_never_starts_later_and_a_longer_boot_starts_earlier(seed: int) -> None:
    found = learned(histories(seed))
    levels = [ahead(found, WEEK, serve) for serve in (0.5, 0.8, 0.9, 0.95, 0.99)]
    for less, more in pairwise(levels):
        for was, now in zip(
            (day for days in less for day in days), (day for days in more for day in days), strict=True
        ):
            assert was.start_by is None or at(now.start_by) <= was.start_by
            assert was.give_up is None or at(now.give_up) >= was.give_up
            assert was.stop_after is None or at(now.stop_after) >= was.stop_after
    for was, now in zip(ahead(found, WEEK)[0], ahead(found, WEEK, boot_minutes=25)[0], strict=True):
        assert now.start_by == (None if was.start_by is None else was.start_by - 15)
        assert now.stop_after == was.stop_after


@settings(max_examples=10)
@given(SEEDS, st.integers(5, MOST_DAYS - 1))
def test_what_is_foretold_of_a_past_day_depends_on_no_later_one(seed: int, day: int) -> None:
    flags = histories(seed, 3)
    shares = np.random.default_rng(seed).uniform(0, 1, MOST_DAYS).tolist()
    numbers = weekdays(MOST_DAYS)

    def until(last: int) -> Habits:
        return habits(flags[:, :last], flags[:, :last], numbers[:last], [True] * last, shares[:last])

    whole, part = until(MOST_DAYS), until(day)
    of_whole = outlook(whole, of_days(whole, []), 0.95)
    of_part = outlook(part, of_days(part, numbers[day : day + 1]), 0.95)
    parts = (of_whole.plans, of_part.plans), (of_whole.firsts, of_part.firsts), (of_whole.lasts, of_part.lasts)
    np.testing.assert_allclose(of_whole.odds.come[:, day], of_part.odds.come[:, day], rtol=1e-6)
    for some, others in parts:
        for one_of_whole, one_of_part in zip(some, others, strict=True):
            np.testing.assert_allclose(one_of_whole[:, day], one_of_part[:, day], rtol=1e-3, atol=1e-3)


def test_series_are_learned_each_for_itself() -> None:
    flags = histories(7, 40)
    together = ahead(learned(flags), WEEK)
    for row in (0, 17, 39):
        alone = ahead(learned(flags[row : row + 1]), WEEK)[0]
        for one_day, other in zip(alone, together[row], strict=True):
            assert at(one_day.probability) == pytest.approx(at(other.probability))
            assert (one_day.start_by is None) == (other.start_by is None)
            assert at(one_day.start_by or 0) == pytest.approx(at(other.start_by or 0), abs=1)
