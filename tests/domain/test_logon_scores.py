"""Scores of advice: against people of known truth, and beside all fixed schedules, counted one by one."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.logon_scores import (
    BACK,
    FEWEST_SCORED,
    advised,
    past_in_parts,
    score_of_whole,
    scored,
)
from domain.logons import MOST_DAYS, Habits, ahead, habits
from tests.domain.logon_cases import SATURDAY, Flags, Stay, each, learned, nine_to_five, used, weekdays

SEEDS = st.integers(0, 2**32 - 1)


def mixed(seed: int, series: int = 12, days: int = MOST_DAYS) -> Flags:
    """People who come early, people who come late, and people who work at night, on workdays."""
    chance = np.random.default_rng(seed)

    def person(begin: float) -> list[Stay]:
        def stay(_: int, weekday: int) -> Stay:
            if weekday >= SATURDAY or chance.random() < 0.05:
                return None
            late = float(np.clip(chance.normal(0, 15), -60, 60))
            return begin + late, begin + 480 + float(chance.normal(0, 20))

        return each(stay, days)

    return used([person((380, 840, 1300)[row % 3]) for row in range(series)])


@settings(max_examples=3)
@given(SEEDS)
def test_advice_for_different_people_is_better_than_one_schedule_for_all(seed: int) -> None:
    whole = scored(learned(mixed(seed))).whole
    assert whole.days == 12 * BACK
    assert 180 < whole.logons <= 12 * 20
    assert whole.served is not None
    assert whole.idle is not None
    assert whole.fixed_served is not None
    assert whole.fixed_idle is not None
    assert whole.brier is not None
    assert whole.base_brier is not None
    assert whole.served > 0.9
    assert whole.fixed_served >= whole.served
    assert whole.idle < 0.5 * whole.fixed_idle
    assert whole.better
    assert whole.brier < 0.5 * whole.base_brier
    assert whole.first_covered == pytest.approx(0.83, abs=0.13)
    assert whole.last_covered == pytest.approx(0.83, abs=0.13)


def test_who_always_comes_at_the_same_time_is_served_with_the_minutes_that_can_be_counted() -> None:
    """The advice of each day is asked for and counted by hand."""
    flags = used([each(lambda _, weekday: None if weekday >= SATURDAY else (540, 1020), MOST_DAYS)])
    numbers = weekdays(MOST_DAYS)
    shares = [0.1 if weekday >= SATURDAY else 0.83 for weekday in numbers]

    def until(last: int) -> Habits:
        return habits(flags[:, :last], flags[:, :last], numbers[:last], [True] * last, shares[:last])

    idle, served = [], []
    for day in range(MOST_DAYS - BACK, MOST_DAYS):
        told = ahead(until(day), [numbers[day]])[0][0]
        came = numbers[day] < SATURDAY
        up = told.start_by is not None
        assert up == came
        if told.start_by is not None and told.stop_after is not None and told.give_up is not None:
            served.append(told.start_by + 10 <= 540 < told.give_up)
            idle.append(540 - told.start_by + max(0, told.stop_after - 1020))
    score = scored(until(MOST_DAYS)).whole
    assert score.served == np.mean(served) == 1
    assert score.logons == len(served) == 20
    assert score.idle == pytest.approx(sum(idle) / BACK, abs=1.5)
    # With hindsight, the fixed schedule has nothing but the boot.
    assert score.fixed_idle == pytest.approx(20 * 10 / BACK)
    assert not score.better


@settings(max_examples=2)
@given(SEEDS)
def test_the_fixed_schedule_is_the_best_of_all_that_serve_as_many(seed: int) -> None:
    found = learned(mixed(seed, 4))
    score = scored(found).whole
    assert score.served is not None
    assert score.fixed_idle is not None
    first, last = found.first[:, -BACK:], found.last[:, -BACK:]
    workday = found.weekdays[-BACK:] < SATURDAY
    served, least = round(score.served * score.logons), float("inf")
    for only_workdays in (False, True):
        days = workday if only_workdays else np.ones(BACK, np.bool_)
        came = first[:, days]
        for begin in range(0, 1440, 15):
            for give_up in range(begin + 15, 1441, 15):
                if ((came >= begin) & (came < give_up)).sum() >= served:
                    waited = np.fmin(came, give_up) - begin + 10
                    least = min(least, float(np.where(came < begin, 0, waited).sum()))
    assert np.isfinite(least)
    stops = [float(np.nansum(np.maximum(stop - last, 0))) for stop in range(0, 2880, 15)]
    before = score.fixed_idle * score.days
    assert least - 1e-6 <= before <= least + max(stops)
    assert any(abs(before - least - after) < 1e-6 for after in stops)


def test_little_history_is_never_called_better() -> None:
    days = FEWEST_SCORED + 6
    score = scored(learned(mixed(1, 1, days))).whole
    assert 0 < score.days < FEWEST_SCORED
    assert not score.better


def test_of_no_history_there_is_no_score() -> None:
    flags = np.zeros((2, 30, 96), np.bool_)
    scores = scored(learned(flags))
    assert scores.whole.days == 0
    assert not scores.whole.better
    assert set(astuple(scores.whole)[2:-1]) == {None}
    assert len(scores.of_series) == 2
    assert scored(learned(flags[:0])).of_series == []
    assert scored(learned(flags[:, :0])).whole.days == 0


def test_of_a_vm_that_nobody_uses_nothing_is_served_and_nothing_idle() -> None:
    seen = np.ones((1, 40, 96), np.bool_)
    found = habits(~seen, seen, weekdays(40), [True] * 40, [0.5] * 40)
    score = scored(found).whole
    assert (score.days, score.logons, score.served) == (BACK, 0, None)
    assert score.idle == 0
    assert not score.better


@settings(max_examples=3)
@given(SEEDS)
def test_scores_of_series_add_up_to_that_of_all(seed: int) -> None:
    scores = scored(learned(mixed(seed, 5)))
    parts = [score for score in scores.of_series if score.served is not None]
    assert sum(score.logons for score in parts) == scores.whole.logons
    served = sum((score.served or 0) * score.logons for score in parts)
    assert served / scores.whole.logons == pytest.approx(scores.whole.served)
    assert np.mean([score.idle for score in parts]) == pytest.approx(scores.whole.idle)


def test_advice_and_scores_together_are_those_asked_for_alone() -> None:
    found = learned(np.concatenate([mixed(3, 20), used([nine_to_five(np.random.default_rng(3), MOST_DAYS)])]))
    days, scores = advised(found, [0, 5], serve=0.9, boot_minutes=5)
    assert days == ahead(found, [0, 5], serve=0.9, boot_minutes=5)
    assert scores == scored(found, serve=0.9, boot_minutes=5)


def test_of_many_series_only_a_few_are_scored_without_a_pause() -> None:
    found = learned(mixed(3, 40))
    parts = list(past_in_parts(found))
    assert max(len(each.first) for each in parts) <= 16
    assert score_of_whole(parts) == scored(found).whole
