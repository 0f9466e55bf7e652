"""Made-up people of known truth: when each logs on and off, day by day.

Kinds: nine to five; part-time (fixed weekdays, now and then another); shifts (by the week early, late and night; always
nights; four days on and four off); erratic; on leave for weeks; new. Some change their hours. The tenant has holidays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.logons import QUARTERS

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

DAY = 1440
SATURDAY = 5
KINDS = {"nine to five": 0.4, "part-time": 0.15, "shift": 0.15, "erratic": 0.1, "on leave": 0.1, "new": 0.1}
"""Kinds, and the share of people of each."""


class Day(NamedTuple):
    """A person's day: from which minute to which; and whether there is a break of more than an hour."""

    begin: float
    end: float
    long_break: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """People's days. ``first`` and ``last``, in minutes after the day's midnight, are by person and day; NaN: absent.

    ``used`` and ``seen`` are by person, day and quarter, as of domain.logons.habits.
    """

    kinds: list[str]
    first: Array
    last: Array
    used: Flags
    seen: Flags
    weekdays: list[int]
    holidays: Flags

    @property
    def tenant_used(self) -> list[float]:
        shares: list[float] = self.used.any(axis=2).mean(axis=0).tolist()
        return shares


def people(chance: np.random.Generator, number: int, days: int) -> People:
    """Return people whose history ends on any weekday."""
    kinds = [str(each) for each in chance.choice(list(KINDS), number, p=list(KINDS.values()))]
    begins = int(chance.integers(7))
    weekdays = [(begins + day) % 7 for day in range(days)]
    holidays = np.zeros(days, np.bool_)
    workdays = [day for day in range(days) if weekdays[day] < SATURDAY]
    holidays[chance.choice(workdays, int(chance.integers(1, 4)), replace=False)] = True
    used, seen = np.zeros((2, number, days + 1, QUARTERS), np.bool_)
    first, last = np.full((2, number, days), np.nan)
    for one, kind in enumerate(kinds):
        of_day = MAKERS[kind](chance)
        away = _away(chance, kind, days)
        works_holidays = chance.random() < (0.6 if kind == "shift" else 0.05)
        for day, weekday in enumerate(weekdays):
            if away[day] or (holidays[day] and not works_holidays):
                continue
            found = of_day(day, weekday)
            if found is None or (day and found.begin < last[one, day - 1] - DAY + 75):
                continue
            first[one, day], last[one, day] = found.begin, found.end
            line = used[one].reshape(-1)
            at, to = (int(day * QUARTERS + each // 15) for each in (found.begin, found.end))
            line[at : to + 1] = True
            if found.long_break:
                middle = (at + to) // 2
                line[middle : middle + 6] = False
        start = max(0, int(np.argmin(away))) if kind == "new" else 0
        seen[one, start:] = used[one, start:]
        seen[one, start:, 30:80] |= chance.random() < 0.5  # some VMs are up by day, others only while used
    return People(kinds, first, last, used[:, :days], seen[:, :days], weekdays, holidays)


def _away(chance: np.random.Generator, kind: str, days: int) -> Flags:
    """Return days off: illness now and then, leave, and the days before a new one comes."""
    away = chance.random(days) < 0.02
    if chance.random() < 0.3:
        ill = int(chance.integers(days))
        away[ill : ill + int(chance.integers(2, 6))] = True
    if kind == "on leave":
        for _ in range(int(chance.integers(1, 3))):
            leaves = int(chance.integers(days // 4, days))
            away[leaves : leaves + int(chance.integers(7, 29))] = True
    if kind == "new":
        away[: days - int(chance.integers(10, 45))] = True
    return np.asarray(away)


def _clock(chance: np.random.Generator, begins: float, hours: float, spread: float) -> Callable[[], Day]:
    """Return a maker of days that begin about then, now and then much later or earlier, and last about so long."""

    def one() -> Day:
        late = spread * float(np.clip(chance.standard_t(4), -6, 6))
        if chance.random() < 0.04:
            late += float(chance.uniform(30, 180))
        begin = float(np.clip(begins + late, 0, DAY - 15))
        return Day(begin, begin + 60 * hours + float(chance.normal(0, 35)), chance.random() < 0.1)

    return one


Maker = Callable[[int, int], Day | None]


def _nine_to_five(chance: np.random.Generator) -> Maker:
    before, after = (_clock(chance, chance.normal(520, 45), 8.5, chance.uniform(5, 30)) for _ in range(2))
    changes = int(chance.integers(10, 70)) if chance.random() < 0.15 else 10**6
    home = int(chance.integers(5)) if chance.random() < 0.2 else 7

    def of_day(day: int, weekday: int) -> Day | None:
        if weekday >= SATURDAY:
            return before() if chance.random() < 0.01 else None
        found = after() if day >= changes else before()
        return Day(found.begin + 60, found.end + 60, found.long_break) if weekday == home else found

    return of_day


def _part_time(chance: np.random.Generator) -> Maker:
    own = set(chance.choice(5, int(chance.integers(1, 5)), replace=False).tolist())
    clock = _clock(chance, chance.normal(540, 60), chance.uniform(4, 8), chance.uniform(5, 30))

    def of_day(_: int, weekday: int) -> Day | None:
        chosen = 0.95 if weekday in own else 0.05 if weekday < SATURDAY else 0.005
        return clock() if chance.random() < chosen else None

    return of_day


def _shift(chance: np.random.Generator) -> Maker:
    early, late, night = (
        _clock(chance, at + chance.normal(0, 20), 8, chance.uniform(3, 15)) for at in (355, 835, 1315)
    )
    pattern = chance.choice(["weeks", "nights", "four on, four off", "two weeks"])
    phase = int(chance.integers(56))

    def of_day(day: int, weekday: int) -> Day | None:
        if pattern == "four on, four off":
            return (early if (day + phase) // 8 % 2 else night)() if (day + phase) % 8 < 4 else None
        if weekday >= SATURDAY:
            return None
        week = (day + 7 - weekday) // 7 + phase
        if pattern == "nights":
            return night()
        return ((early, late, night)[week % 3] if pattern == "weeks" else (early, late)[week % 2])()

    return of_day


def _erratic(chance: np.random.Generator) -> Maker:
    often, weekend = chance.uniform(0.3, 0.9), chance.uniform(0, 0.4)
    middle, spread = chance.uniform(480, 960), chance.uniform(60, 150)

    def of_day(_: int, weekday: int) -> Day | None:
        if chance.random() > (often if weekday < SATURDAY else weekend):
            return None
        begin = float(np.clip(chance.normal(middle, spread), 0, DAY - 60))
        return Day(begin, begin + float(chance.uniform(60, 480)))

    return of_day


MAKERS: dict[str, Callable[[np.random.Generator], Maker]] = {
    "nine to five": _nine_to_five,
    "part-time": _part_time,
    "shift": _shift,
    "erratic": _erratic,
    "on leave": _nine_to_five,
    "new": _nine_to_five,
}
