"""Scores of advice on log-ons: each past day's advice, made of the days before it, is held against what came.

**The fixed schedule.** The rival starts VMs at one time, gives up at another, and stops from a third on, on all days or
on all workdays. Of all such schedules, in steps of a quarter hour, it is the one that has the fewest idle minutes of
those that serve as many; chosen with hindsight, so no schedule that anybody could have set is better.

Refuses to know how advice is made (domain.logons).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.logon_plans import Bands, Plans
from domain.logons import BOOT_MINUTES, QUARTERS, SERVE, DayAhead, Habits, Outlook, of_days, outlook, told

if TYPE_CHECKING:
    from domain.buckets import Flags, Floats, Ints

BACK = 28
"""So many days are scored."""

FEWEST_SCORED = 14
"""With fewer days nothing is said to be better."""

FEWEST_LOGONS = 7
"""With fewer log-ons nothing is said to be better."""

_EARLIEST = 7
"""Advice of a series is scored from so many days of its history on."""

_QUARTER = 15.0
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Score:
    """How good advice was, of one series or of many together, beside the best fixed schedule.

    ``days``: days scored; ``logons``: those on which somebody logged on. ``served``: the share of first log-ons that
    found the VM up. ``idle``: minutes a day in which the VM was up by advice and nobody was logged on: from start_by to
    the first log-on, or to give_up if nobody came until then; and from the last log-off to stop_after. Who comes
    earlier than start_by, or after give_up, waits, and is not served.
    ``fixed_served``, ``fixed_idle``: the same of the best fixed schedule.
    ``brier``: the mean square of how far the probability of a log-on was from what came (1 or 0); ``base_brier``: that
    of the series' share of days with a log-on so far. ``first_covered``, ``last_covered``: which share of first log-ons
    and last log-offs lay within their 80 % bands.
    ``better``: whether each fixed schedule that serves as many or more has more idle minutes, in at least FEWEST_SCORED
    days with FEWEST_LOGONS log-ons. What is not known is None.
    """

    days: int
    logons: int
    served: float | None
    idle: float | None
    fixed_served: float | None
    fixed_idle: float | None
    brier: float | None
    base_brier: float | None
    first_covered: float | None
    last_covered: float | None
    better: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of each series, and of all of them together."""

    of_series: Sequence[Score]
    whole: Score


class Past(NamedTuple):
    """What was foretold and what came, by series and scored day. Times are minutes after the day's midnight."""

    counted: "Flags"
    workdays: "Flags"
    first: "Floats"
    last: "Floats"
    served: "Flags"
    idle: "Floats"
    stopped_later: "Flags"
    missed_by: "Floats"
    base_missed_by: "Floats"
    first_covered: "Flags"
    last_covered: "Flags"


def scored(habits: Habits, serve: float = SERVE, boot_minutes: int = BOOT_MINUTES, back: int = BACK) -> Scores:
    """Return how good advice of the last ``back`` days was. Advice of a day is made only of the days before it."""
    return scores_of(list(past_in_parts(habits, serve, boot_minutes, back)), boot_minutes)


def past_in_parts(
    habits: Habits, serve: float = SERVE, boot_minutes: int = BOOT_MINUTES, back: int = BACK
) -> Iterator["Past"]:
    """Yield what scores_of makes the same of, for some series at a time, since it takes long: some 3 ms a series."""
    calendars = of_days(habits, [])
    for some in habits.some():
        yield _past(some, outlook(some, calendars, serve), boot_minutes, back)


def advised(
    habits: Habits,
    weekdays_ahead: Sequence[int],
    serve: float = SERVE,
    boot_minutes: int = BOOT_MINUTES,
    back: int = BACK,
    again: int = 0,
) -> tuple[list[list[DayAhead]], Scores]:
    """Return what domain.logons.ahead returns, and scored: both together take hardly longer than one of them."""
    calendars = of_days(habits, weekdays_ahead)
    days, parts = [], []
    for some in habits.some():
        foretold = outlook(some, calendars, serve)
        days += told(some, foretold, boot_minutes, again)
        parts.append(_past(some, foretold, boot_minutes, back))
    return days, scores_of(parts, boot_minutes)


def scores_of(parts: Sequence["Past"], boot_minutes: int = BOOT_MINUTES) -> Scores:
    """Return the scores of the series of all parts."""
    past = _joined(parts)
    if past is None:
        return Scores([], _NONE)
    whole, number = _score(past, boot_minutes), len(past.first)
    if number == 1:
        return Scores([whole], whole)
    rows = [Past._make(each[row : row + 1] for each in past) for row in range(number)]
    return Scores([_score(row, boot_minutes) for row in rows], whole)


def score_of_whole(parts: Sequence["Past"], boot_minutes: int = BOOT_MINUTES) -> Score:
    """Return the score of the series of all parts together, and not of each."""
    past = _joined(parts)
    return _score(past, boot_minutes) if past else _NONE


def _joined(parts: Sequence["Past"]) -> "Past | None":
    import numpy as np  # noqa: PLC0415

    return Past._make(np.concatenate(each) for each in zip(*parts, strict=True)) if parts else None


def _past(habits: Habits, foretold: Outlook, boot_minutes: int, back: int) -> Past:
    """Hold the advice of the last days against what came."""
    import numpy as np  # noqa: PLC0415

    number = habits.first.shape[1]
    come = foretold.odds.come[:, :number]
    plans = Plans._make(each[:, :number] for each in foretold.plans)
    firsts, lasts = (Bands._make(each[:, :number] for each in some) for some in (foretold.firsts, foretold.lasts))
    history: Ints = np.cumsum(habits.taught, axis=1) - habits.taught
    came = ~np.isnan(habits.first)
    base = (np.cumsum(came & habits.taught, axis=1) - (came & habits.taught)) / np.maximum(history, 1)
    first, last = habits.first, habits.last
    served = (first >= plans.begin) & (first < plans.give_up)
    waited = np.where(came & (first < plans.begin), plans.begin, np.fmin(first, plans.give_up)) - plans.begin
    waited = np.where(came & (first < plans.begin), 0.0, waited + boot_minutes)
    idle = np.nan_to_num(waited) + np.nan_to_num(np.maximum(plans.stop - last, 0))
    found = Past(
        habits.taught & (history >= _EARLIEST),
        np.broadcast_to(habits.weekdays < _SATURDAY, came.shape),
        first,
        last,
        served,
        idle,
        plans.stop >= last,
        (come - came) ** 2,
        (base - came) ** 2,
        # What came is known by the quarter: a first log-on is its beginning, a last log-off its end.
        (first + _QUARTER / 2 >= firsts.low) & (first + _QUARTER / 2 <= firsts.high),
        (last - _QUARTER / 2 >= lasts.low) & (last - _QUARTER / 2 <= lasts.high),
    )
    return Past._make(each[:, max(0, came.shape[1] - back) :] for each in found)


def _score(past: Past, boot_minutes: int) -> Score:
    """Return the score of some series together."""
    import numpy as np  # noqa: PLC0415

    days = int(past.counted.sum())
    came = past.counted & ~np.isnan(past.first)
    left = past.counted & ~np.isnan(past.last)
    logons = int(came.sum())
    if not days:
        return _NONE
    idle = float(past.idle[past.counted].mean())
    served = int(past.served[came].sum())
    fixed_served, fixed_idle = _fixed(past, served, int(past.stopped_later[left].sum()), boot_minutes)
    enough = days >= FEWEST_SCORED and logons >= FEWEST_LOGONS
    return Score(
        days,
        logons,
        served / logons if logons else None,
        idle,
        fixed_served / logons if logons else None,
        fixed_idle / days,
        float(past.missed_by[past.counted].mean()),
        float(past.base_missed_by[past.counted].mean()),
        float(past.first_covered[came].mean()) if logons else None,
        float(past.last_covered[left].mean()) if left.any() else None,
        better=enough and idle < fixed_idle / days,
    )


def _fixed(past: Past, served: int, stopped_later: int, boot_minutes: int) -> tuple[int, float]:
    """Return how many log-ons the best fixed schedule serves that serves at least so many, and its idle minutes.

    It also stops as often after the last log-off as the advice does. Nobody to serve: it starts nothing.
    """
    import numpy as np  # noqa: PLC0415

    best = (0, 0.0) if not served else (0, np.inf)
    for days in (past.counted, past.counted & past.workdays) if served else ():
        first = past.first[days]
        on_start, at = np.isnan(first), np.arange(QUARTERS + 1)
        came = np.bincount((first[~on_start] // _QUARTER).astype(np.int64), minlength=QUARTERS)
        came_by = np.append(0, np.cumsum(came))
        quarters_by = np.append(0, np.cumsum(came * at[:-1]))
        begin, end = at[:, None], at[None]
        hit = came_by[end] - came_by[begin]
        waiting = len(first) - came_by[end]
        idle = quarters_by[end] - quarters_by[begin] - hit * begin + waiting * (end - begin)
        idle = idle * _QUARTER + (hit + waiting) * boot_minutes
        idle = np.where((hit >= served) & (end > begin), idle, np.inf)
        least = np.unravel_index(idle.argmin(), idle.shape)
        last = np.sort(past.last[days & ~np.isnan(past.last)])
        number = min(max(stopped_later, 0), len(last))
        after = number * last[number - 1] - last[:number].sum() if number else 0.0
        if idle[least] + after < best[1]:
            best = int(hit[least]), float(idle[least] + after)
    return best


_NONE = Score(0, 0, None, None, None, None, None, None, None, None, better=False)
