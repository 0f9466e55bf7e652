"""Log-ons to come: the odds of one on a day, the first log-on, the last log-off, and when to start and stop VMs.

A VM is a series, and a pool is one: it is used while any of its VMs is. Days are local days, and minutes are those
after a day's midnight by the local clock: 540 is nine in the morning, also on the day of a clock change (a duration
over such a change is an hour off). Series are learned many at a time, each for itself.

Knows only when series were used. Refuses to know whose they are, dates and zones, and where days are kept.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.holidays import holidays
from domain.logon_odds import FIRST_MINUTES, LAST_MINUTES, Calendar, Odds, odds
from domain.logon_plans import Bands, Plans, bands, plans

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats, Ints

QUARTERS = 96
"""The quarter hours of a day by the local clock."""

MOST_DAYS = 56
"""Older days teach nothing more."""

FEWEST_DAYS = 3
"""With fewer days of history nothing is said."""

RETURN, MORNING = 3, 6
"""Who was logged on over midnight, and is back within so many hours and before this hour, does not begin a day."""

_AT_ONCE = 16

_HALF_QUARTER = 7.5

_BREAK = 3
"""So many quarters of a break do not end a session."""

SERVE = 0.95
BOOT_MINUTES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Habits:
    """When series were used, by series and day, the oldest day first.

    ``first``: the first log-on, ``last``: the last log-off, in minutes after that day's midnight; NaN where there is
    none. ``taught``: whether the day is part of the series' history: known, and not before the VM was first seen.
    ``holidays``: of each day, and of the day after the last one: which days were holidays as far as was known before
    it.
    """

    first: "Floats"
    last: "Floats"
    taught: "Flags"
    holidays: "Flags"
    weekdays: "Ints"

    def some(self) -> Iterator["Habits"]:
        """Return the habits of a few series at a time: enough to be fast, few enough for memory."""
        for at in range(0, len(self.first), _AT_ONCE):
            rows = slice(at, at + _AT_ONCE)
            yield Habits(self.first[rows], self.last[rows], self.taught[rows], self.holidays, self.weekdays)


class Expected(NamedTuple):
    """A time in minutes after the day's midnight: the median of what is expected, and an 80 % band."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DayAhead:
    """What is expected of a series on a day to come, and what to do about it.

    ``probability``: that there is a log-on that day. ``first`` and ``last``: the first log-on and the last log-off, if
    there is one. ``start_by``: when to start the VM so that it is up in time; ``give_up``: when to stop it again if
    nobody has logged on until then; ``stop_after``: from when on to stop it once nobody is logged on. All are minutes
    after that day's midnight: ``start_by`` may be negative, ``stop_after`` beyond 1440. They are None if the VM should
    not be started ahead. ``days``: of how many days that is learned. ``reason``: why nothing is known; else None.
    """

    probability: float | None
    first: Expected | None
    last: Expected | None
    start_by: int | None
    give_up: int | None
    stop_after: int | None
    days: int
    reason: str | None = None


def habits(
    used: "Flags", seen: "Flags", weekdays: Sequence[int], known: Sequence[bool], tenant_used: Sequence[float]
) -> Habits:
    """Return when series were used.

    ``used``, ``seen``: by series, day (the oldest first, at most MOST_DAYS) and quarter: whether somebody was logged
    on, and whether the VM reported. ``weekdays`` (0: Monday), ``known``, and ``tenant_used``, the share of the tenant's
    VMs that were used (NaN: unknown), are by day.

    A session that goes on over midnight belongs to the day on which it began, and so does what follows it within
    RETURN hours and before the hour MORNING. A break of less than an hour does not end a session. One that goes on for
    a whole further day counts as begun anew at midnight. What goes on when the first day begins, or after a day that is
    not known, began at an unknown time and is left out. So is the log-off of what still goes on when the last day, or a
    known one before one that is not, ends.

    Holidays (domain.holidays) teach nothing about other days.
    """
    import numpy as np  # noqa: PLC0415

    there = np.asarray(known, np.bool_)
    numbers = np.asarray(weekdays, np.int64)
    first, last = np.full((2, *used.shape[:2]), np.nan)
    for at in range(0, len(used), _AT_ONCE):
        rows = slice(at, at + _AT_ONCE)
        first[rows], last[rows] = _first_and_last(used[rows] & there[None, :, None], there)
    begun = np.logical_or.accumulate(used.any(axis=2) | seen.any(axis=2), axis=1)
    return Habits(first, last, begun & there, holidays(tenant_used, numbers, there), numbers)


def _first_and_last(used: "Flags", known: "Flags") -> tuple["Floats", "Floats"]:
    """Return first log-ons and last log-offs by series and day."""
    import numpy as np  # noqa: PLC0415

    begins, ends = _sessions(_joined(used.reshape(len(used), len(known) * QUARTERS), _BREAK), known)
    begins = begins.reshape(used.shape)
    first = np.where(begins.any(axis=2), begins.argmax(axis=2) * 15.0, np.nan)
    return first, np.where(np.isnan(first), np.nan, _log_offs(begins, ends, known))


def _joined(on: "Flags", most: int) -> "Flags":
    """Return flags with breaks of at most so many quarters filled."""
    import numpy as np  # noqa: PLC0415

    quarters = on.shape[1]
    lately = np.pad(on, ((0, 0), (0, most)))  # on in this quarter or one of so many before
    for back in range(1, most + 1):
        lately[:, back : back + quarters] |= on
    found = lately[:, :quarters].copy()
    for later in range(1, most + 1):
        found &= lately[:, later : later + quarters]
    return found


def _sessions(on: "Flags", known: "Flags") -> tuple["Flags", "Flags"]:
    """Return in which quarters of all days log-ons are, and after which ones log-offs."""
    import numpy as np  # noqa: PLC0415

    days = len(known)
    begins, ends = on.copy(), on.copy()
    begins[:, 1:] &= ~on[:, :-1]
    ends[:, :-1] &= ~on[:, 1:]
    by_day = begins.reshape(len(on), days, QUARTERS)
    wide = _joined(on, 4 * RETURN).reshape(by_day.shape)
    wide[:, :, 4 * MORNING :] = on.reshape(by_day.shape)[:, :, 4 * MORNING :]
    carried = np.logical_and.accumulate(wide, axis=2)
    carried[:, 1:] &= (wide[:, :-1, -1] | ~known[:-1])[:, :, None]
    by_day &= ~carried
    by_day[:, :, 0] |= on.reshape(by_day.shape)[:, :, :-_BREAK].all(axis=2)  # of a last break the end is not known yet
    ends[:, :-1] |= begins[:, 1:] & on[:, :-1]
    return begins, ends


def _log_offs(begins: "Flags", ends: "Flags", known: "Flags") -> "Floats":
    """Return the last log-off before the next day with a log-on, or that is not known; NaN if it is not known."""
    import numpy as np  # noqa: PLC0415

    series, days, _ = begins.shape
    quarters = days * QUARTERS
    at = np.arange(quarters)
    latest = np.maximum.accumulate(np.where(ends, at, -1), axis=1)
    following = np.full((series, days), quarters)
    midnights = np.arange(days) * QUARTERS
    starts = np.where(begins.any(axis=2), midnights + begins.argmax(axis=2), quarters)
    starts = np.where(known, starts, midnights)
    following[:, :-1] = np.minimum.accumulate(starts[:, ::-1], axis=1)[:, -2::-1]
    found = np.take_along_axis(latest, following - 1, 1)
    day = found // QUARTERS
    cut = (found % QUARTERS == QUARTERS - 1) & ~np.append(known, False)[day + 1]
    return np.where(cut, np.nan, (found + 1 - midnights) * 15.0)


def ahead(
    habits: Habits,
    weekdays_ahead: Sequence[int],
    serve: float = SERVE,
    boot_minutes: int = BOOT_MINUTES,
    again: int = 0,
) -> list[list[DayAhead]]:
    """Return what is expected of each series on the days that follow its history, of these weekdays, and advice.

    The first of these days must be the one after the history, since rosters are counted in days. ``serve``: which share
    of first log-ons shall find the VM up. ``boot_minutes``: how long a VM takes to start. ``again``: so many of the
    last days of the history come first, each foretold from the days before it.
    """
    calendars = of_days(habits, weekdays_ahead)
    found = []
    for some in habits.some():
        found += told(some, outlook(some, calendars, serve), boot_minutes, again)
    return found


class Outlook(NamedTuple):
    """What is foretold of each day of the history, from the days before it, and of the days ahead."""

    odds: Odds
    plans: Plans
    firsts: Bands
    lasts: Bands


def of_days(habits: Habits, weekdays_ahead: Sequence[int]) -> tuple[Calendar, Calendar]:
    """Return the calendar of the history and the days ahead: that for log-ons, and that for log-offs."""
    begins, ends = (Calendar(habits.weekdays, weekdays_ahead, habits.holidays, back) for back in (1, 2))
    return begins, ends


def outlook(habits: Habits, calendars: tuple[Calendar, Calendar], serve: float) -> Outlook:
    """Return what is foretold of some series. ``calendars``: as of_days returns them."""
    begins, ends = calendars
    chances = odds(habits.first, habits.last, habits.taught, begins, ends)
    return Outlook(
        chances,
        plans(chances, habits.first, habits.last, habits.taught, begins, ends, serve),
        # What came is known by the quarter: a first log-on is its beginning, a last log-off its end.
        bands(chances.first, habits.first + _HALF_QUARTER, FIRST_MINUTES, begins),
        bands(chances.last, habits.last - _HALF_QUARTER, LAST_MINUTES, ends),
    )


def told(habits: Habits, foretold: Outlook, boot_minutes: int, again: int = 0) -> list[list[DayAhead]]:
    """Return what is foretold of some series on the days ahead, and advice. ``again``: as of ahead."""
    import numpy as np  # noqa: PLC0415

    past = len(habits.weekdays) - again
    come = foretold.odds.come[:, past:].tolist()
    begin, give_up, stop = (each[:, past:].tolist() for each in foretold.plans)
    firsts, lasts = (
        np.moveaxis(np.stack(each)[:, :, past:], 0, 2).tolist() for each in (foretold.firsts, foretold.lasts)
    )
    found = []
    for row, days in enumerate(habits.taught.sum(axis=1).tolist()):
        number = len(come[row])
        if days < FEWEST_DAYS:
            reason = f"{days} of the {FEWEST_DAYS} days that are needed"
            found.append([DayAhead(None, None, None, None, None, None, days, reason)] * number)
            continue
        ever = not np.isnan(habits.first[row]).all()
        ended = not np.isnan(habits.last[row]).all()
        found.append(
            [
                DayAhead(
                    come[row][at],
                    Expected(*firsts[row][at]) if ever else None,
                    Expected(*lasts[row][at]) if ended else None,
                    _minute(begin[row][at] - boot_minutes) if ever else None,
                    _minute(give_up[row][at]) if ever else None,
                    _minute(stop[row][at]) if ever else None,
                    days,
                    None if ever else f"no log-on on {days} days",
                )
                for at in range(number)
            ]
        )
    return found


def _minute(minutes: float) -> int | None:
    return None if math.isnan(minutes) else math.floor(minutes)
