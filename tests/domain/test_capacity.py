"""Capacity: ranges hold the day on which made disks fill; of those that do not, nothing is told."""

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.disks import ours
from benchmarks.made_disks import DAYS, FILLING, LIMIT, NEVER, disks
from domain.baselines import HOURS
from domain.capacity import FEWEST_DAYS, LATEST, Dates, Growth, dates, learn

Floats = NDArray[np.float64]

EACH = 25

SEED = random.SystemRandom().randrange(10**6)


@pytest.fixture
def chance() -> np.random.Generator:
    """A chance of its own in each run."""
    return np.random.default_rng(SEED)


def by_day(values: Floats) -> Floats:
    """A series whose value is the same in all hours of a day."""
    return np.repeat(np.asarray(values, np.float64)[None, :, None], HOURS, axis=2)


def learned(values: Floats, *, falls: bool = False) -> Growth:
    return learn(by_day(values), falls=falls)


def told(values: Floats, limit: float = LIMIT, *, falls: bool = False) -> Dates:
    return dates(learned(values, falls=falls), limit, falls=falls)


def line(slope: float, number: int = DAYS, now: float = 50.0) -> Floats:
    return np.asarray(now + slope * (np.arange(number) - (number - 1.0)), np.float64)


def test_ranges_hold_the_day_on_which_made_disks_fill(chance: np.random.Generator) -> None:
    right = number = fill = 0
    for course in FILLING.values():
        known, whole = disks(course, EACH, chance)
        passed = whole[:, DAYS:].max(axis=2) >= LIMIT
        before = whole[:, :DAYS].max(axis=(1, 2)) < LIMIT
        day = np.where(passed.any(axis=1), passed.argmax(axis=1), np.inf)
        earliest, latest = ours(known, LIMIT)
        some = ~np.isnan(earliest) & before
        right += int(((earliest <= day) & (day <= latest))[some].sum())
        number += int(some.sum())
        fill += int((np.isfinite(day) & before).sum())
    assert right >= 0.9 * number, f"SEED = {SEED}"
    assert number >= 0.8 * fill, f"SEED = {SEED}"


def test_nothing_is_told_of_made_disks_that_never_fill(chance: np.random.Generator) -> None:
    false = number = 0
    for course in NEVER.values():
        known, whole = disks(course, EACH, chance)
        never = whole.max(axis=(1, 2)) < LIMIT
        false += int((~np.isnan(ours(known, LIMIT)[0]) & never).sum())
        number += int(never.sum())
    assert number > EACH
    assert false <= 0.02 * number, f"SEED = {SEED}"


@pytest.mark.parametrize("falls", [False, True])
def test_a_line_without_noise_reaches_its_limit_on_its_day(*, falls: bool) -> None:
    values = line(0.5)  # 50 on the last day, so 60 on day 19: the twentieth after it
    sign = -1 if falls else 1
    found = told(sign * values, sign * 60.0, falls=falls)
    assert found.earliest[0] <= 19 <= found.latest[0]
    assert found.latest[0] - found.earliest[0] <= 2
    assert not found.reached[0]
    assert learned(sign * values, falls=falls).slope[0] == pytest.approx(sign * 0.5)
    assert learned(sign * values, falls=falls).value[0] == sign * 50
    assert not learned(-sign * values, falls=falls).told[0], "it moves away from the limit"


@pytest.mark.parametrize(("walk", "error", "ends"), [(2.0, 0.0, (67.2, 148.8)), (0.0, 0.1, (83.3, 125.0))])
def test_a_range_has_two_errors_to_each_side(walk: float, error: float, ends: tuple[float, float]) -> None:
    """Where (100 - t)² = 2²·(walk²·t + error²·t²), by hand."""
    for sign, falls in ((1.0, False), (-1.0, True)):
        numbers = [0, 56, 0, 0, 0, sign, sign, sign, walk, error]
        found = dates(Growth(*np.array(numbers, np.float64)[:, None]), sign * 100, falls=falls)
        assert (found.earliest[0], found.latest[0]) == (math.floor(ends[0]) - 1, math.ceil(ends[1]))


def test_what_is_at_its_limit_is_told_as_reached_even_if_it_has_no_slope() -> None:
    for values in (np.full(DAYS, 95.0), np.full(3, 99.0), line(0.5, now=97)):
        found = told(values)
        assert (found.earliest[0], found.latest[0], found.reached[0]) == (0, 0, True)
    assert told(np.full(DAYS, 4.0), 5, falls=True).reached[0]
    assert not told(np.full(DAYS, 94.9)).reached[0]


def test_no_slope_is_told_of_a_short_history() -> None:
    assert not learned(line(1, FEWEST_DAYS - 1)).told[0]
    assert learned(line(1, FEWEST_DAYS)).told[0]
    gaps = line(1, DAYS)
    gaps[: DAYS - 2 * (FEWEST_DAYS - 1) : 1] = np.nan
    gaps[DAYS - 2 * (FEWEST_DAYS - 1) :: 2] = np.nan
    assert learned(gaps).days[0] == FEWEST_DAYS - 1
    assert not learned(gaps).told[0]


def test_no_day_is_told_that_is_farther_off_than_histories_can_see() -> None:
    slow = line(0.1)
    assert told(slow, 50 + 0.1 * 200).latest[0] <= LATEST * DAYS
    assert np.isnan(told(slow, 50 + 0.1 * (LATEST * DAYS + 10)).earliest[0])


STEP = np.where(np.arange(DAYS) < 30, 40.0, 70.0)
TEETH = 50 + 10.0 * (np.arange(DAYS) % 7) / 7
ENDED = np.minimum(line(1), 50 - 7)
TURNED = 50 - np.abs(line(1) - 40)
SPIKE = np.where(np.arange(DAYS) == 50, 1e15, 50.0)


@pytest.mark.parametrize("values", [STEP, TEETH, ENDED, TURNED, SPIKE, np.full(DAYS, 50.0), line(-1)])
def test_steps_teeth_and_slopes_that_ended_are_no_slopes(values: Floats) -> None:
    assert not learned(values).told[0]


def test_a_clean_up_each_night_does_not_hide_a_slope() -> None:
    hours = line(0.5)[None, :, None] - np.linspace(10, 0, HOURS)[None, None, :]
    found = dates(learn(hours, falls=False), 60.0, falls=False)
    assert found.earliest[0] <= 19 <= found.latest[0]


def test_a_step_on_a_slope_does_not_make_it_steeper() -> None:
    assert learned(line(0.2) + STEP - 70).slope[0] == pytest.approx(0.2, rel=0.1)


def test_one_wild_day_does_not_hide_a_slope() -> None:
    values = line(0.5)
    values[30] = 1e15
    found = told(values, 60.0)
    assert found.earliest[0] <= 19 <= found.latest[0] < 40


def test_a_vm_that_is_off_has_no_slope_but_a_value() -> None:
    values = line(0.5)
    values[-6:] = np.nan
    growth = learned(values)
    assert not growth.told[0]
    assert (growth.value[0], growth.ago[0], growth.days[0]) == (values[-7], 6, DAYS - 6)


def test_series_do_not_depend_on_each_other(chance: np.random.Generator) -> None:
    known, _ = disks(FILLING["slope"], 5, chance)
    together = learn(np.concatenate([known, np.full((300, DAYS, HOURS), np.nan), known]), falls=False)
    for name, values in together._asdict().items():
        alone = getattr(learn(known, falls=False), name)
        assert np.array_equal(values[:5], alone, equal_nan=True)
        assert np.array_equal(values[-5:], alone, equal_nan=True)


ODD: dict[str, Callable[[], Floats]] = {
    "nothing": lambda: np.full(DAYS, np.nan),
    "one value": lambda: np.where(np.arange(DAYS) == 9, 5.0, np.nan),
    "no days": lambda: np.empty(0),
    "the largest": lambda: np.full(DAYS, 1.7e308),
    "from one end to the other": lambda: np.where(np.arange(DAYS) % 2, 1e300, -1e300),
    "a huge slope": lambda: line(1e298),
    "a tiny slope": lambda: line(5e-324, now=0),
    "negative": lambda: line(1, now=-50),
    "infinite": lambda: np.where(np.arange(DAYS) == 9, np.inf, 50.0),
}


@pytest.mark.parametrize("limit", [95.0, 0.0, -1e300, 1e300, 5e-324, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("kind", list(ODD))
def test_odd_series_and_limits_give_days_or_nothing(kind: str, limit: float) -> None:
    for falls in (False, True):
        found = told(ODD[kind](), limit, falls=falls)
        earliest, latest = found.earliest[0], found.latest[0]
        assert np.isnan(earliest) == np.isnan(latest)
        assert np.isnan(earliest) or 0 <= earliest <= latest <= LATEST * DAYS


def test_no_series_give_nothing() -> None:
    assert len(learn(np.empty((0, DAYS, HOURS)), falls=False).value) == 0
