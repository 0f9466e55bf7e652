"""Log-ons to come: the odds of one on a day, the first log-on, the last log-off, and when to start and stop VMs.

A VM is a series, and a pool is one: it is used while any of its VMs is. Days are local days, and minutes are those
after a day's midnight by the local clock: 540 is nine in the morning, also on the day of a clock change (a duration
over such a change is an hour off). Series are learned many at a time, each for itself.

Knows only when series were used. Refuses to know whose they are, dates and zones, and where days are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from domain.histogram import Flags, Floats, Ints

QUARTERS = 96
"""The quarter hours of a day by the local clock."""

MOST_DAYS = 56
"""Older days teach nothing more."""

FEWEST_DAYS = 3
"""With fewer days of history nothing is said."""

SERVE = 0.95
BOOT_MINUTES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Habits:
    """When series were used, by series and day, the oldest day first.

    ``first``: the first log-on, ``last``: the last log-off, in minutes after that day's midnight; NaN where there is
    none. ``taught``: whether the day is part of the series' history: known, and not before the VM was first seen.
    ``holidays``: by day, whether most of the tenant stayed away that usually comes on such a weekday.
    """

    first: "Floats"
    last: "Floats"
    taught: "Flags"
    holidays: "Flags"
    weekdays: "Ints"


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

    A session that goes on over midnight belongs to the day on which it began. A break of less than an hour does not end
    it. One that goes on for a whole further day counts as begun anew at midnight. What goes on when the first day
    begins, or after a day that is not known, began at an unknown time and is left out.
    """
    import numpy as np  # noqa: PLC0415

    series, days = used.shape[:2]
    there = np.asarray(known, np.bool_)
    flags = used & there[None, :, None]
    begins, ends = _sessions(flags, there)
    any_begins = begins.any(axis=2)
    first = np.where(any_begins, begins.argmax(axis=2) * 15.0, np.nan)
    last = np.full((series, days), np.nan)
    last[any_begins] = _log_offs(begins, ends)[any_begins]
    del tenant_used
    begun = np.logical_or.accumulate((used | seen).any(axis=2), axis=1)
    return Habits(first, last, begun & there, np.zeros(days, np.bool_), np.asarray(weekdays, np.int64))


def _sessions(flags: "Flags", known: "Flags") -> tuple["Flags", "Flags"]:
    """Return in which quarters sessions begin, and after which they end, breaks of less than an hour joined."""
    import numpy as np  # noqa: PLC0415

    series, days, _ = flags.shape
    line = flags.reshape(series, -1)
    before, after = line.copy(), line.copy()
    for back in range(1, 4):
        before[:, back:] |= line[:, :-back]
        after[:, :-back] |= line[:, back:]
    on = line | (before & after)
    begins, ends = on.copy(), on.copy()
    begins[:, 1:] &= ~on[:, :-1]
    ends[:, :-1] &= ~on[:, 1:]
    begins, ends, on = (each.reshape(series, days, QUARTERS) for each in (begins, ends, on))
    begins[:, :, 0] |= on.all(axis=2)
    unknown_before = np.concatenate([[True], ~known[:-1]])
    begins[:, unknown_before, 0] = on[:, unknown_before].all(axis=2)
    ends.reshape(series, -1)[:, :-1] |= begins.reshape(series, -1)[:, 1:]
    return begins, ends


def _log_offs(begins: "Flags", ends: "Flags") -> "Floats":
    """Return when the last session that began on a day ends; NaN if that is not known."""
    import numpy as np  # noqa: PLC0415

    series, days, _ = begins.shape
    at = np.arange(days * QUARTERS)
    end = np.where(ends.reshape(series, -1), at, days * QUARTERS)
    end = np.minimum.accumulate(end[:, ::-1], axis=1)[:, ::-1].reshape(series, days, QUARTERS)
    latest = QUARTERS - 1 - begins[:, :, ::-1].argmax(axis=2)
    found = np.take_along_axis(end, latest[:, :, None], 2)[:, :, 0]
    minutes = (found + 1 - np.arange(days) * QUARTERS) * 15.0
    return np.where(found >= days * QUARTERS - 1, np.nan, minutes)


def ahead(
    habits: Habits, weekdays_ahead: Sequence[int], serve: float = SERVE, boot_minutes: int = BOOT_MINUTES
) -> list[list[DayAhead]]:
    """Return what is expected of each series on the days that follow its history, of these weekdays, and advice.

    ``serve``: which share of first log-ons shall find the VM up. ``boot_minutes``: how long a VM takes to start.
    """
    import numpy as np  # noqa: PLC0415

    found = []
    for first, last, taught in zip(habits.first, habits.last, habits.taught, strict=True):
        row = []
        days = int(taught.sum())
        for weekday in weekdays_ahead:
            same = taught & (habits.weekdays == weekday)
            came = ~np.isnan(first) & same
            if days < FEWEST_DAYS or not came.any():
                few = days < FEWEST_DAYS
                row.append(
                    DayAhead(None if few else 0.0, None, None, None, None, None, days, _too_few(days) if few else None)
                )
                continue
            low, middle, high = np.quantile(first[came], (0.1, 0.5, 0.9))
            ended = last[same & ~np.isnan(last)]
            low2, middle2, high2 = np.quantile(ended, (0.1, 0.5, 0.9)) if len(ended) else (1440.0,) * 3
            start = int(np.quantile(first[came], 1 - serve)) - boot_minutes
            row.append(
                DayAhead(
                    float(came.sum() / same.sum()),
                    Expected(float(middle), float(low), float(high)),
                    Expected(float(middle2), float(low2), float(high2)),
                    start,
                    int(high) + 60,
                    int(high2) + 15,
                    days,
                )
            )
        found.append(row)
    return found


def _too_few(days: int) -> str:
    return f"{days} of the {FEWEST_DAYS} days that are needed"
