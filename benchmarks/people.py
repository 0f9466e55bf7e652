"""Advice on log-ons beside fixed schedules: on made-up people of known truth, and on real office VMs.

Advice is asked for day by day, each time with only the days before; what came is the truth to the minute. A first
log-on is served if the VM was up: booted in time, and not given up yet. Idle minutes are those in which the VM runs by
advice and nobody is logged on: before the first log-on from the start of booting on, and after the last log-off until
the stop. Who comes earlier has no idle minutes before, and waits.

Rivals, on the same days and with the same rules:

* **one for all**: a start, a give-up and a stop for all, every day or every workday: the one with the fewest idle
  minutes of those that serve as many, in steps of a quarter hour. It is chosen with hindsight.
* **one for each**: the same, but for each person alone, who is to be served as often as by the advice. Also with
  hindsight: a bound that nobody can reach who does not know what comes.
* **own quantiles**: for each person the 5 % and 95 % quantiles of their own first log-ons and last log-offs so far, on
  days of the kind (workday or not) on half of which they came so far. Without hindsight.
"""

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.made_people import DAY, SATURDAY, people
from benchmarks.traces import Array, Flags, office, there
from domain.logons import BOOT_MINUTES, MOST_DAYS, QUARTERS, Habits, ahead, habits

PEOPLE, DAYS, SCORED = 300, 70, 28
_QUARTER = 15.0


@dataclass(frozen=True, slots=True)
class Days:
    """What was done and what came, by person and scored day; minutes after the day's midnight, NaN where none."""

    workdays: Flags
    first: Array
    last: Array
    begin: Array
    give_up: Array
    stop: Array

    @property
    def served(self) -> Flags:
        return np.asarray((self.first >= self.begin) & (self.first < self.give_up))

    @property
    def idle_before(self) -> Array:
        came_before = self.first < self.begin
        waited = np.fmin(self.first, self.give_up) - self.begin + BOOT_MINUTES
        return np.nan_to_num(np.where(came_before, 0.0, waited))

    @property
    def idle_after(self) -> Array:
        return np.nan_to_num(np.maximum(self.stop - self.last, 0.0))

    def of(self, some: Flags) -> "Days":
        """Return those of some people."""
        times = (each[some] for each in (self.first, self.last, self.begin, self.give_up, self.stop))
        return Days(self.workdays[some], *times)


@dataclass(frozen=True, slots=True)
class Foretold:
    """What was foretold, by person and scored day.

    ``came``: the odds of a log-on, and ``base``, the share of days so far with one. ``bands``: of first log-ons and
    last log-offs the low and high ends. ``known``: whether anything was foretold.
    """

    came: Array
    base: Array
    bands: Array
    known: Flags


def bench_people() -> dict[str, dict[str, float]]:
    """Measure advice on made-up people, and on office VMs if their traces are here."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    print(f"people          seed {seed}; {PEOPLE} of them, {DAYS} days, of which the last {SCORED} count")
    made = people(np.random.default_rng(seed), PEOPLE, DAYS)
    used = Used(made.used, made.seen, made.weekdays, made.first, made.last)
    found = {"people": _measure("people", used, DAYS - SCORED, np.array(made.kinds))}
    if there():
        found["office"] = _measure("office VMs", _office(), MOST_DAYS // 2, np.array(["VM"] * 4))
    else:
        print("people: the traces of office VMs are not here")
    return found


@dataclass(frozen=True, slots=True)
class Used:
    """When VMs were used: ``used`` and ``seen`` as of domain.logons.habits, and the truth to the minute."""

    used: Flags
    seen: Flags
    weekdays: list[int]
    first: Array
    last: Array

    def before(self, day: int) -> Habits:
        """Return the habits learned of the days before one."""
        days = slice(max(0, day - MOST_DAYS), day)
        weekdays = self.weekdays[days]
        shares = self.used[:, days].any(axis=2).mean(axis=0).tolist()
        return habits(self.used[:, days], self.seen[:, days], weekdays, [True] * len(weekdays), shares)


def _measure(name: str, used: Used, since: int, kinds: NDArray[np.str_]) -> dict[str, float]:
    """Measure advice of the days from this one on, print it beside its rivals, and return the figures."""
    began = time.process_time()
    days, foretold = _advised(used, since)
    cost = 1e3 * (time.process_time() - began) / foretold.came.size
    known, came = foretold.known, ~np.isnan(days.first)
    told = _told(days, known) | {
        "brier": float(((foretold.came - came) ** 2)[known].mean()),
        "base brier": float(((foretold.base - came) ** 2)[known].mean()),
        "ms": cost,
    }
    for which, times, band in zip(("first", "last"), (days.first, days.last), foretold.bands, strict=True):
        told[f"{which} covered"] = float(((times >= band[0]) & (times <= band[1]))[came].mean())
    each = [np.arange(len(kinds)) == row for row in range(len(kinds))]
    of_each = [_schedules(days.of(row), known[row]) for row in each]
    whole = Schedules(*(np.sum(some, axis=0) for some in zip(*of_each, strict=True)))
    rivals = {
        "one for all": _fixed(days, known, [np.ones(len(kinds), np.bool_)], [whole]),
        "one for each": _fixed(days, known, each, of_each),
        "own quantiles": _told(_own_quantiles(used, days, since), known),
    }
    print(f"{name:16}{_line(told)}; {cost:.1f} ms a day and VM")
    for rival, of_rival in rivals.items():
        told |= {f"{rival}, {key}": value for key, value in of_rival.items()}
        shares = ", ".join(f"{told[key] / of_rival[key]:.2f} {key}" for key in ("idle", "before", "after"))
        print(f"  {rival:14}{_line(of_rival)}; by advice / by this: {shares}")
    for kind in dict.fromkeys(kinds.tolist()) if len(set(kinds)) > 1 else ():
        print(f"  of {kind:11}{_line(_told(days.of(kinds == kind), known[kinds == kind]))}")
    print(
        f"  Brier score {told['brier']:.3f}, base rate's {told['base brier']:.3f}: "
        f"{told['brier'] / told['base brier']:.2f}; bands hold {told['first covered']:.1%} of first log-ons, "
        f"{told['last covered']:.1%} of last log-offs (80 %)"
    )
    return told


def _advised(used: Used, since: int) -> tuple[Days, Foretold]:
    """Ask for advice day by day."""
    number = used.used.shape[1]
    begin, give_up, stop, came = np.full((4, *used.first[:, since:].shape), np.nan)
    bands = np.full((2, 2, *came.shape), np.nan)
    known = np.zeros(came.shape, np.bool_)
    for day in range(since, number):
        for row, (one,) in enumerate(ahead(used.before(day), used.weekdays[day : day + 1])):
            at = row, day - since
            if one.probability is None:
                continue
            known[at], came[at] = True, one.probability
            for of, band in enumerate((one.first, one.last)):
                if band is not None:
                    bands[of, :, row, day - since] = band.low, band.high
            if one.start_by is not None and one.give_up is not None and one.stop_after is not None:
                begin[at], give_up[at], stop[at] = one.start_by + BOOT_MINUTES, one.give_up, one.stop_after
    workdays = np.broadcast_to(np.array(used.weekdays[since:]) < SATURDAY, came.shape)
    # On days of which nothing is known there is no advice, and nobody is counted.
    first, last = (np.where(known, each[:, since:], np.nan) for each in (used.first, used.last))
    base = np.array([[_share(used, row, day) for day in range(since, number)] for row in range(len(came))])
    return Days(workdays, first, last, begin, give_up, stop), Foretold(came, base, bands, known)


def _share(used: Used, row: int, day: int) -> float:
    """Return on which share of the days before, from the first on which the VM was seen, somebody came."""
    since = int(used.seen[row].any(axis=1).argmax())
    return float((~np.isnan(used.first[row, since:day])).mean()) if day > since else np.nan


def _told(days: Days, known: Flags) -> dict[str, float]:
    """Return the figures of advice or schedules."""
    came = ~np.isnan(days.first)
    return {
        "served": float(days.served[came].mean()),
        "idle": float((days.idle_before + days.idle_after)[known].mean()),
        "before": float(days.idle_before[known].mean()),
        "after": float(days.idle_after[known].mean()),
        "stopped": float((days.stop >= days.last)[came].mean()),
    }


def _line(of: dict[str, float]) -> str:
    return (
        f"{of['served']:>7.1%} served{of['idle']:>6.0f} idle minutes a day ({of['before']:.0f} before, "
        f"{of['after']:.0f} after; {of['stopped']:.0%} of log-offs before the stop)"
    )


class Schedules(NamedTuple):
    """All schedules of some people: of every day, and of workdays.

    ``hits`` and ``idle`` are by kind (every day, workdays), start and give-up; ``stopped`` and ``after`` by kind and
    stop.
    """

    hits: Array
    idle: Array
    stopped: Array
    after: Array


_AT = np.arange(QUARTERS) * _QUARTER
_STOPS = np.arange(2 * QUARTERS + 1) * _QUARTER


def _schedules(days: Days, known: Flags) -> Schedules:
    begin, give_up = _AT[:, None, None], (_AT + _QUARTER)[None, :, None]
    found = []
    for kind in (known, known & days.workdays):
        first, last = days.first[kind], days.last[kind]
        hit = (first >= begin) & (first < give_up)
        waited = np.where(first < begin, 0.0, np.fmin(first, give_up) - begin + BOOT_MINUTES)
        idle = np.where(give_up[..., 0] > begin[..., 0], waited.sum(axis=2), np.inf)
        over = _STOPS[:, None] - last[~np.isnan(last)]
        found.append((hit.sum(axis=2), idle, (over >= 0).sum(axis=1), np.maximum(over, 0).sum(axis=1)))
    return Schedules(*(np.array(each, np.float64) for each in zip(*found, strict=True)))


def _fixed(days: Days, known: Flags, groups: Sequence[Flags], schedules: Sequence[Schedules]) -> dict[str, float]:
    """Return the figures of the best schedule of each group of people, each of which serves and stops as many."""
    totals = np.zeros(4)
    for group, of_group in zip(groups, schedules, strict=True):
        own = days.of(group)
        served, stopped = own.served.sum(), (own.stop >= own.last).sum()
        best = np.zeros(4)
        if served:
            options = []
            for kind in range(2):
                idle = np.where(of_group.hits[kind] >= served, of_group.idle[kind], np.inf)
                least = np.unravel_index(idle.argmin(), idle.shape)
                stop = min(int(np.searchsorted(of_group.stopped[kind], stopped)), len(_STOPS) - 1)
                of_stop = of_group.stopped[kind][stop], of_group.after[kind][stop]
                options.append((float(of_group.hits[kind][least]), float(idle[least]), *of_stop))
            best = np.array(min(options, key=lambda each: each[1] + each[3]))
        totals += best
    came, number = (~np.isnan(days.first)).sum(), known.sum()
    served, before, stopped, after = totals
    return {
        "served": served / came,
        "idle": (before + after) / number,
        "before": before / number,
        "after": after / number,
        "stopped": stopped / came,
    }


def _own_quantiles(used: Used, days: Days, since: int) -> Days:
    """Return what each person's own quantiles would have done."""
    begin, give_up, stop = np.full((3, *days.first.shape), np.nan)
    for at in range(days.first.shape[1]):
        day = since + at
        alike = [each for each in range(max(0, day - MOST_DAYS), day) if days_alike(used.weekdays, each, day)]
        for row in range(len(begin)):
            first, last = used.first[row, alike], used.last[row, alike]
            seen = used.seen[row, alike].any(axis=1)
            began = seen.argmax()
            came = ~np.isnan(first)
            if seen.any() and came[began:].mean() >= 0.5:
                begin[row, at], give_up[row, at] = np.quantile(first[came], (0.05, 0.95))
                stop[row, at] = np.quantile(last[came], 0.95)
    return Days(days.workdays, days.first, days.last, begin, give_up, stop)


def days_alike(weekdays: list[int], one: int, other: int) -> bool:
    """Tell whether both are workdays, or both of a weekend."""
    return (weekdays[one] < SATURDAY) == (weekdays[other] < SATURDAY)


def _office() -> Used:
    """Return when office VMs were used, by their network traffic: the morning's onset stands in for the first log-on.

    A quarter hour is busy if its traffic is above the geometric mean of the usual one at night and on workdays (a
    fourth of the latter if there is none at night). VMs are used from a busy quarter on that lies after four in the
    morning if three of the four quarters that begin with it are busy; so a single peak, such as a job's, is none.
    """
    traffic = office()
    weekdays = [day % 7 for day in range(traffic.shape[1])]
    workdays = [day for day, weekday in enumerate(weekdays) if weekday < SATURDAY]
    used = np.zeros(traffic.shape, np.bool_)
    for vm, of_vm in enumerate(traffic):
        night, by_day = np.nanmedian(of_vm[:, :24]), np.nanmedian(of_vm[workdays, 40:64])
        busy = np.nan_to_num(of_vm) > (np.sqrt(night * by_day) if night else by_day / 4)
        busy[:, :16] = False
        following = np.pad(busy, ((0, 0), (0, 3)))
        used[vm] = busy & (sum(following[:, more : more + QUARTERS].astype(int) for more in range(4)) >= 3)
    came = used.any(axis=2)
    first = np.where(came, used.argmax(axis=2) * _QUARTER, np.nan)
    last = np.where(came, DAY - used[:, :, ::-1].argmax(axis=2) * _QUARTER, np.nan)
    return Used(used, used, weekdays, first, last)
