"""Made-up histories of use for the tests of log-ons."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.logons import QUARTERS, Habits, habits

Flags = NDArray[np.bool_]
Stay = tuple[float, float] | None
"""From which minute of a day to which somebody is logged on."""

SATURDAY = 5


def weekdays(days: int, last: int = 6) -> list[int]:
    """The weekdays of so many days, of which the last one is this."""
    return [(last + 1 - days + day) % 7 for day in range(days)]


def used(stays: Sequence[Sequence[Stay]]) -> Flags:
    """The quarters in which somebody is logged on, by series and day. What lasts beyond the last day is cut."""
    found = np.zeros((len(stays), len(stays[0]) * QUARTERS), np.bool_)
    for row, of_series in enumerate(stays):
        for day, stay in enumerate(of_series):
            if stay is not None:
                found[row, int(day * QUARTERS + stay[0] // 15) : int(day * QUARTERS + np.ceil(stay[1] / 15))] = True
    return found.reshape(len(stays), -1, QUARTERS)


def learned(flags: Flags, last: int = 6, tenant_used: Sequence[float] | None = None) -> Habits:
    """The habits of series that the tenant has many others of, all known."""
    days = flags.shape[1]
    shares = [0.1 if weekday >= SATURDAY else 0.83 for weekday in weekdays(days, last)]
    return habits(flags, flags, weekdays(days, last), [True] * days, shares if tenant_used is None else tenant_used)


def nine_to_five(
    chance: np.random.Generator, days: int, last: int = 6, spread: float = 20.0, comes: float = 0.97
) -> list[Stay]:
    """Days of somebody who comes about nine on workdays, and hardly ever stays away."""

    def one(weekday: int) -> Stay:
        if weekday >= SATURDAY or chance.random() > comes:
            return None
        return 540 + float(np.clip(chance.normal(0, spread), -120, 120)), 1020 + float(chance.normal(0, 30))

    return [one(weekday) for weekday in weekdays(days, last)]


def each(stay: Callable[[int, int], Stay], days: int, last: int = 6) -> list[Stay]:
    """Days by their number and weekday."""
    return [stay(day, weekday) for day, weekday in enumerate(weekdays(days, last))]
