"""Capacity: whether a series grows towards a limit, and when it reaches it, as a range of days.

Learned from up to MOST_DAYS days by hour, of many series at once, and for any limit: what is learned of a series is its
level, its slope, and how far both can be trusted. ``dates`` then makes a range of days for a limit. Knows nothing of
what a series is of, of calendars, or of where it is kept.

**The daily worst value** counts: the highest hour, or the lowest of a counter that is bad when low. So a clean-up each
night does not show. A day that stands out alone is smoothed away (running median of three; Tukey, "Exploratory Data
Analysis", 1977), and the largest jump upwards (an installation) is taken out: it is a step and no slope.

**The slope** is Theil and Sen's: the median of the slopes between all pairs of days (Sen, JASA 63, 1968).

**Its error** is not Sen's, who takes days to be independent: with noise that has memory, or a random walk, his interval
is many times too narrow, and nearly everything has a slope. Here the series is taken for a random walk around its line,
whose daily variance is that of its changes in one and two weeks, divided by their days. That is true for a walk, and
too careful for noise. A slope over n days is then off with the variance 6/5 of the walk's / n (Durlauf and Phillips,
"Trends versus Random Walks in Time Series Analysis", Econometrica 56, 1988). Changes in weeks do not see a clean-up
each week; one at other times makes the variance large.

**A slope is told** only if it is three times its error, and if the last week and the last days went on with it: a slope
that has ended is none. The slopes of the last two and four weeks make the range wider where they differ, and a slope
that has become steeper may go on doing so.

**The range** holds the day on which a walk with this slope passes the limit, at two errors to each side. Its ends solve
(room - slope·t)² = z²·(walk·t + error²·t²): Fieller's way to divide by what is not known exactly (1954).
"""

from typing import TYPE_CHECKING, NamedTuple

from domain.day_profiles import quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from domain.buckets import Floats

    Flags = NDArray[np.bool_]

FEWEST_DAYS = 21
"""With values of fewer days no slope is told: in three weeks a clean-up each week shows three times."""

LATEST = 6
"""What may come later than so many times the history is not told."""

_RECENT = 4
"""A series whose last value is as many days old, or older, has no slope: its VM is off."""

_TOLD, _RANGE = 3.0, 2.0
"""So many errors a slope is from zero to be told, and the ends of the range from the middle."""

_GOES_ON = 0.4, 0.5
"""Such a share of the slope the last week, and the last two days, have at least."""

_UNLIKE, _TIMES = 8 * 1.4826, 6
"""A jump is so many robust standard deviations above the usual growth of a day, and so many times that growth."""

_WEEK_SHARE = 0.7
"""What the variance of changes in a week counts beside that of two weeks, which noise makes less too large."""

_SHORT, _SHORT_TIMES = 28, 1.5
"""A history of fewer days has too few changes of two weeks. That of one week then counts for more, since it may be
small by chance."""

_LARGEST = 1e300
"""Larger values count as this, so that differences are finite."""

_AT_ONCE = 200


class Growth(NamedTuple):
    """What was learned of series: each field has a number for each of them, or NaN.

    ``value``: the worst of the last day that has values; ``days``: how many days have values; ``ago``: how many days
    have passed since the last of them, up to the end of the history. Only where a slope is told: ``level``, where its
    line is on the last day, and ``peak``, what days came to at most above it; ``slope``, a day; ``slowest`` and
    ``fastest`` that it was lately; ``walk``, the standard deviation by which it strays in a day; ``error``, that of the
    slope.
    """

    value: "Floats"
    days: "Floats"
    ago: "Floats"
    level: "Floats"
    peak: "Floats"
    slope: "Floats"
    slowest: "Floats"
    fastest: "Floats"
    walk: "Floats"
    error: "Floats"

    @property
    def told(self) -> "Flags":
        """Which series have a slope."""
        import numpy as np  # noqa: PLC0415

        return ~np.isnan(self.slope)


class Dates(NamedTuple):
    """When series reach a limit: the first and the last day of a range, 0 for the day that follows the history.

    NaN: it is not known that they do. ``reached``: which are there already; both their days are 0.
    """

    earliest: "Floats"
    latest: "Floats"
    reached: "Flags"


def learn(hours: "Floats", *, falls: bool) -> Growth:
    """Return what is known of series.

    ``hours``: by series, day and hour, the oldest day first, at most 56 days; NaN where there is no value.
    ``falls``: whether they are bad when low, so that only falling counts.
    """
    import numpy as np  # noqa: PLC0415

    sign = -1.0 if falls else 1.0
    parts = [_learn(sign * hours[at : at + _AT_ONCE]) for at in range(0, len(hours), _AT_ONCE)]
    if not parts:
        return Growth(*np.empty((len(Growth._fields), 0)))
    found = Growth(*np.concatenate(parts, axis=1))
    turned = {name: sign * getattr(found, name) for name in ("value", "level", "peak", "slope", "slowest", "fastest")}
    return found._replace(**turned)


def dates(growth: Growth, limit: float, *, falls: bool) -> Dates:
    """Return when series reach a limit, given what was learned of them. ``falls``: as they were learned."""
    import numpy as np  # noqa: PLC0415

    sign = -1.0 if falls else 1.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        reached = sign * growth.value >= sign * limit
        first = _passing(sign * (limit - growth.peak), sign * growth.fastest, growth, -1)
        last = _passing(sign * (limit - growth.level), sign * growth.slowest, growth, 1)
        # Day 0 is one day after the last of the history, and the day that holds a moment begins before it.
        earliest, latest = np.maximum(np.floor(first) - 1, 0), np.maximum(np.ceil(last), 0)
        known = growth.told & (latest <= LATEST * growth.days)
    earliest, latest = (np.where(reached, 0.0, np.where(known, each, np.nan)) for each in (earliest, latest))
    return Dates(earliest, latest, reached)


def _passing(room: "Floats", slope: "Floats", growth: Growth, side: int) -> "Floats":
    """Return after how many days a walk passes a limit at one end of the range: -1 the early one, 1 the late one.

    NaN where a slope is not far enough from zero for a late end.
    """
    import numpy as np  # noqa: PLC0415

    room, walk, error = np.maximum(room, 0.0), _RANGE * growth.walk, _RANGE * growth.error
    square = slope**2 - error**2
    middle = 2 * room * slope + walk**2
    root = np.sqrt(np.maximum(middle**2 - 4 * square * room**2, 0.0))
    if side > 0:
        return np.where((square > 0) & (slope > 0), (middle + root) / (2 * square), np.nan)
    return np.where(room > 0, 2 * room**2 / (middle + root), 0.0)


def _learn(hours: "Floats") -> "Floats":
    """Return the fields of Growth of series that are bad when high."""
    import numpy as np  # noqa: PLC0415

    some = np.clip(hours, -_LARGEST, _LARGEST)
    there = ~np.isnan(some).all(axis=2)
    worst = np.where(there, np.where(np.isnan(some), -np.inf, some).max(axis=2, initial=-np.inf), np.nan)
    number = worst.shape[1]
    days = there.sum(axis=1).astype(np.float64)
    last = np.where(there, np.arange(number), -1).max(axis=1, initial=-1)
    if not number:
        return np.full((len(Growth._fields), len(hours)), np.nan)
    value = np.take_along_axis(worst, np.maximum(last, 0)[:, None], 1)[:, 0]  # NaN if there is none
    unknown = np.full((len(Growth._fields) - 3, len(hours)), np.nan)
    known = np.concatenate([np.stack([value, days, number - 1.0 - last]), unknown])
    if number >= FEWEST_DAYS:
        enough = np.flatnonzero((days >= FEWEST_DAYS) & (number - 1 - last < _RECENT))
        known[3:, enough] = _slopes(worst[enough], days[enough])
    return known


def _slopes(worst: "Floats", days: "Floats") -> "Floats":
    """Return the fields of Growth that tell of a slope, given the worst value by day; NaN where none is told."""
    import numpy as np  # noqa: PLC0415

    number = worst.shape[1]
    middle = quantile(worst, 0.5, 1)
    size = np.nan_to_num(np.abs(worst - middle[:, None])).max(axis=1, initial=0.0)
    size = np.where(size > 0, size, 1.0)
    all_days = _filled((worst - middle[:, None]) / size[:, None])
    smooth = _smoothed(all_days)
    lift = _jump(smooth)
    all_days, smooth = all_days + lift, smooth + lift
    slope = _theil_sen(smooth)
    time = np.arange(number) - (number - 1.0)
    level = quantile(smooth - slope[:, None] * time, 0.5, 1)
    history = (~np.isnan(smooth)).sum(axis=1)
    week, weeks = (_walk(smooth, slope, history, lag) for lag in (7, 14))
    walk = np.where(history < _SHORT, _SHORT_TIMES * week, np.maximum(_WEEK_SHARE * week, weeks))
    error = np.sqrt(1.2 * walk / history)
    now, before, two, four = (_week(smooth, back) for back in (0, 1, 2, 4))
    lately = (now - two) / 14
    last = (smooth[:, -2:] - smooth[:, -9:-7]).sum(axis=1) / 14
    slowest = np.fmin(np.fmin(slope, lately), (now - four) / 28)
    fastest = np.fmax(np.fmax(slope, 2 * lately - slope), (now - four) / 28)
    near = quantile((smooth - slope[:, None] * time)[:, -7:], 0.5, 1)
    # The second highest of two weeks, so that one odd day does not count.
    highest = np.sort(all_days[:, -14:] - slope[:, None] * time[-14:], axis=1)[:, -2]
    peak = np.maximum(np.maximum(highest, near), level)
    goes_on = ((now - before) / 7 > _GOES_ON[0] * slope) & (last > _GOES_ON[1] * slope)
    told = (slope > np.maximum(_TOLD * error, 0)) & (slowest > _RANGE * error) & goes_on & (days >= history / 2)
    levels = [each * size + middle for each in (np.minimum(level, near), peak)]
    spreads = [each * size for each in (slope, slowest, fastest, np.sqrt(walk), error)]
    return np.where(told, np.stack(levels + spreads), np.nan)


def _filled(values: "Floats") -> "Floats":
    """Return series whose gaps are lines from the value before to the one after; the last value stays to the end."""
    import numpy as np  # noqa: PLC0415

    number = values.shape[1]
    there, at = ~np.isnan(values), np.arange(number)
    before = np.maximum.accumulate(np.where(there, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(there, at, number)[:, ::-1], axis=1)[:, ::-1]
    after = np.where(after < number, after, before)
    first, second = (np.take_along_axis(values, np.maximum(each, 0), 1) for each in (before, after))
    share = (at - before) / np.maximum(after - before, 1)
    return np.where(before < 0, np.nan, first + (second - first) * np.where(after > before, share, 0.0))


def _smoothed(values: "Floats") -> "Floats":
    """Return the running median of three days; the last by Tukey's rule for ends."""
    import numpy as np  # noqa: PLC0415

    found = values.copy()
    middle = np.sort(np.stack([values[:, :-2], values[:, 1:-1], values[:, 2:]]), axis=0)[1]
    found[:, 1:-1] = np.where(np.isnan(values[:, :-2]), values[:, 1:-1], middle)
    ends = np.stack([values[:, -1], found[:, -2], 3 * found[:, -2] - 2 * found[:, -3]])
    found[:, -1] = np.sort(ends, axis=0)[1]
    return found


def _jump(values: "Floats") -> "Floats":
    """Return what is to be added to each day so that the largest jump upwards is none; 0 if it is not unlike others."""
    import numpy as np  # noqa: PLC0415

    growth = np.diff(values, axis=1)
    usual = quantile(growth, 0.5, 1)
    spread = quantile(np.abs(growth - usual[:, None]), 0.5, 1)
    at = np.argmax(np.where(np.isnan(growth), -np.inf, growth), axis=1)
    jump = np.take_along_axis(growth, at[:, None], 1)[:, 0]
    unlike = jump > np.maximum(usual + _UNLIKE * spread, _TIMES * np.abs(usual))
    return np.where(np.arange(values.shape[1]) <= at[:, None], np.where(unlike, jump - usual, 0.0)[:, None], 0.0)


def _theil_sen(values: "Floats") -> "Floats":
    import numpy as np  # noqa: PLC0415

    first, second = np.triu_indices(values.shape[1], 1)
    return quantile((values[:, second] - values[:, first]) / (second - first), 0.5, 1)


def _walk(values: "Floats", slope: "Floats", history: "Floats", lag: int) -> "Floats":
    """Return the variance of a day of a random walk whose changes in ``lag`` days are as large.

    They are taken around a line through the same days, which follows a walk; the last factor makes up for that.
    """
    import numpy as np  # noqa: PLC0415

    changes = values[:, lag:] - values[:, :-lag] - lag * slope[:, None]
    number = np.maximum((~np.isnan(changes)).sum(axis=1), 1)
    found: Floats = np.nansum(changes**2, axis=1) / number / (lag * np.maximum(1 - lag / history, 0.25))
    return found


def _week(values: "Floats", back: int) -> "Floats":
    """Return the mean of a whole week that ends so many weeks before the last day; NaN where there is none."""
    import numpy as np  # noqa: PLC0415

    end = values.shape[1] - 7 * back
    if end >= 7:  # noqa: PLR2004
        return np.asarray(values[:, end - 7 : end].mean(axis=1), np.float64)
    return np.full(len(values), np.nan)
