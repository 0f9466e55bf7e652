"""Makes disks whose truth is known: the percent used by day and hour, of the days that are learned and of a year after.

A disk has a course of its own kind, and around it noise with or without memory, and a course of the day. Those of
FILLING pass LIMIT within some months if they go on as they began, those of NEVER do not. Half of the disks have gaps or
a short history. Knows nothing of how capacity is learned.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from domain.baselines import HOURS, MOST_DAYS

Floats = NDArray[np.float64]
Random = np.random.Generator
Course = Callable[[Random], Floats]

DAYS = MOST_DAYS
AHEAD = 365

LIMIT = 95.0
"""In percent used."""

_NUMBER = (DAYS + AHEAD) * HOURS
_DAY = np.arange(_NUMBER) / HOURS
"""The time of each hour, in days."""

_NOW = DAYS * HOURS
_FEWEST = 28


def disks(course: Course, number: int, random: Random) -> tuple[Floats, Floats]:
    """Return disks of a kind: what is known of their days, with NaN where nothing is, and all of their days."""
    whole = np.stack([course(random) for _ in range(number)]).reshape(number, -1, HOURS)
    known = whole[:, :DAYS].copy()
    for each in known:
        match random.integers(6):
            case 0:  # a new VM
                each[: DAYS - random.integers(_FEWEST, DAYS)] = np.nan
            case 1:  # off on weekends
                each[(np.arange(DAYS) + random.integers(5)) % 7 >= 5] = np.nan
            case 2:  # off now and then
                each[random.uniform(size=DAYS) < random.uniform(0, 0.3)] = np.nan
    return known, whole


def _memory(random: Random, size: float, days: float) -> Floats:
    """Return noise whose autocorrelation falls to 1/e in so many days; 0: it has no memory."""
    white = random.normal(size=_NUMBER)
    if days <= 0:
        return size * white
    keep = math.exp(-1 / (HOURS * days))
    found, last = [], float(white[0])
    for each in white.tolist():
        last = keep * last + math.sqrt(1 - keep * keep) * each
        found.append(last)
    return size * np.array(found)


def _around(random: Random, times: float = 1.0) -> Floats:
    """Return noise, and a course of the day."""
    course = random.uniform(0, 1) * np.sin(2 * np.pi * (_DAY + random.uniform()))
    noise = _memory(random, random.uniform(0.05, 1.0), float(random.choice([0, 0, 0.3, 1, 3])))
    return np.asarray(times * (course + noise))


def _teeth(random: Random, period: float, height: float) -> Floats:
    """Return what grows for so many days and is then cleaned up."""
    return np.asarray(height * (((_DAY + random.uniform(0, period)) / period) % 1))


def _line(random: Random) -> tuple[Floats, float]:
    """Return a line that reaches LIMIT 2 to 120 days after DAYS, and its slope a day."""
    now = random.uniform(40, 88)
    slope = min((LIMIT - now) / random.uniform(2, 120), now / DAYS)
    return now + slope * (_DAY - DAYS), slope


def _straying(random: Random, stray: float) -> Floats:
    """Return a random walk that is 0 now, with such a standard deviation a day."""
    walk = np.cumsum(random.normal(size=_NUMBER)) * stray / math.sqrt(HOURS)
    return np.asarray(walk - walk[_NOW])


def _slope(random: Random) -> Floats:
    return _line(random)[0] + _around(random)


def _slope_of_workdays(random: Random) -> Floats:
    line, slope = _line(random)
    works = (_DAY + random.integers(7)) % 7 < 5
    grown = np.cumsum(works) * slope * 7 / 5 / HOURS
    return np.asarray(line[_NOW] + grown - grown[_NOW] + _around(random))


def _slope_and_nights(random: Random) -> Floats:
    return _slope(random) + _teeth(random, 1, random.uniform(2, 15))


def _slope_and_weeks(random: Random) -> Floats:
    return _slope(random) + _teeth(random, 7, random.uniform(2, 10))


def _slope_and_step(random: Random) -> Floats:
    step = random.uniform(5, 15) * (random.uniform(5, DAYS - 10) < _DAY)
    return np.asarray(_slope(random) + step - step[_NOW])


def _slope_that_strays(random: Random) -> Floats:
    line, slope = _line(random)
    return line + _straying(random, slope * random.uniform(0.3, 1.2)) + _around(random)


def _slope_that_changes(random: Random) -> Floats:
    line, slope = _line(random)
    changed = DAYS - random.uniform(10, 40)
    return np.asarray(line + slope * random.uniform(-0.3, 0.6) * (np.maximum(_DAY, changed) - DAYS) + _around(random))


def _noise(random: Random) -> Floats:
    return random.uniform(20, 85) + _around(random, random.uniform(1, 3))


def _noise_with_memory(random: Random) -> Floats:
    return random.uniform(20, 85) + _memory(random, random.uniform(0.5, 3), random.uniform(2, 10))


def _nights(random: Random) -> Floats:
    return random.uniform(20, 75) + _teeth(random, 1, random.uniform(2, 15)) + _around(random)


def _weeks(random: Random) -> Floats:
    return random.uniform(20, 75) + _teeth(random, 7, random.uniform(2, 15)) + _around(random)


def _odd_teeth(random: Random) -> Floats:
    return random.uniform(20, 60) + _teeth(random, random.uniform(3, 28), random.uniform(2, 25)) + _around(random)


def _steps(random: Random) -> Floats:
    found = random.uniform(20, 50) + _around(random)
    for _ in range(random.integers(1, 4)):
        found += random.uniform(-5, 12) * (random.uniform(0, DAYS) < _DAY)
    return found


def _walk(random: Random) -> Floats:
    return random.uniform(30, 60) + _straying(random, random.uniform(0.1, 0.8))


def _ended(random: Random) -> Floats:
    line, slope = _line(random)
    return np.asarray(np.minimum(line, line[0] + slope * (DAYS - random.uniform(7, 35))) + _around(random))


def _turned(random: Random) -> Floats:
    line, slope = _line(random)
    return np.asarray(line - 2 * slope * np.maximum(_DAY - DAYS + random.uniform(7, 25), 0) + _around(random))


def _constant(random: Random) -> Floats:
    return np.full(_NUMBER, random.uniform(10, 90))


def _falling(random: Random) -> Floats:
    return np.asarray(random.uniform(60, 90) - random.uniform(0.1, 1) * _DAY + _around(random))


FILLING: Mapping[str, Course] = {
    "slope": _slope,
    "slope on workdays": _slope_of_workdays,
    "slope, nightly clean-up": _slope_and_nights,
    "slope, weekly clean-up": _slope_and_weeks,
    "slope and a step": _slope_and_step,
    "slope that strays": _slope_that_strays,
    "slope that changes": _slope_that_changes,
}
NEVER: Mapping[str, Course] = {
    "noise": _noise,
    "noise with memory": _noise_with_memory,
    "nightly clean-up": _nights,
    "weekly clean-up": _weeks,
    "other clean-ups": _odd_teeth,
    "steps": _steps,
    "random walk": _walk,
    "slope that ended": _ended,
    "slope that turned": _turned,
    "constant": _constant,
    "falling": _falling,
}
