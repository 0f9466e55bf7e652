"""Baselines: what is normal for a series in each hour of a local day, learned from the days before.

A baseline is an expected value, a band that holds the value on four days of five, and the ends beyond which it lies in
one hour of a hundred. It is a pure function of a series' hours: the mean values of local hours, day by day. Series are
learned many at a time, each for itself. Knows nothing of what a series is of, of zones (domain.zones), or of where
hours are kept.

**Expected value.** The median of the same hour on days of the same type (workday or weekend), recent days weighing
more; from three weeks on it is drawn towards the median of the same weekday, the more so the more weeks there are. Most
of the recent level is added: the median of how far the last days as a whole lay above or below. Medians, of days and
then of levels, keep one bad day from counting.

**Band.** The same is done for each of the last four weeks' days from the days before it, which gives the errors that
the method made. Errors are divided by the usual error of their hour (drawn towards that of the whole day). Their
quantiles, times the usual error of the hour, are the ends. They are a little wider than an 80 % band asks for, since
errors of days to come are larger than those at hand; by how much was measured on real VMs (benchmarks.normal). Learning
from past errors is split conformal prediction (Vovk and others, "Algorithmic Learning in a Random World", 2005).

**Incidents.** A day that is far from all days of its type (an outage, a holiday) is left out, unless there are too many
of them to be incidents.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from domain.day_profiles import SATURDAY, Profiles, quantile, unlike, usual_errors
from domain.exact import LARGEST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from domain.buckets import Floats

    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]

HOURS = 24
MOST_DAYS = 56
"""Older days teach nothing more."""

FEWEST_DAYS = 3
"""With fewer days there is no baseline."""

_BACK = 28
"""How many days' errors make the band."""

_LEVEL_DAYS, _LEVEL_SHARE = 3, 0.8

_SHARES = (0.005, 0.08, 0.92, 0.995)
"""The shares of past errors below the rare low end, the band's low and high end, and the rare high end."""

_LARGEST = 1e300
"""Larger values count as this, so that differences are finite."""

_AT_ONCE = 100
"""How many series are learned side by side: enough to be fast, few enough that other work waits only briefly."""


class Bands(NamedTuple):
    """The baselines of series for hours of one local day.

    ``lines`` has six arrays with a row for each series and a column for each hour: the expected value, the band's low
    and high end, the low and high ends beyond which a value is rare, and on which share of the days of this type
    (workday or weekend) there was a value. NaN where that is unknown. ``days``: how many days each series has values
    of.
    """

    lines: "Floats"
    days: "Ints"

    @property
    def expected(self) -> "Floats":
        """The expected values."""
        return self._line(0)

    @property
    def low(self) -> "Floats":
        """The low ends of the bands."""
        return self._line(1)

    @property
    def high(self) -> "Floats":
        """The high ends of the bands."""
        return self._line(2)

    @property
    def rare_low(self) -> "Floats":
        """The ends below which values are rare."""
        return self._line(3)

    @property
    def rare_high(self) -> "Floats":
        """The ends above which values are rare."""
        return self._line(4)

    @property
    def presence(self) -> "Floats":
        """On which share of the days of this type there was a value."""
        return self._line(5)

    def _line(self, at: int) -> "Floats":
        line: Floats = self.lines[at]
        return line


LINES = 6


def learn(hours: "Floats", weekdays: Sequence[int], weekday: int) -> Bands:
    """Return the baselines of the day that follows the given ones, of this weekday (0: Monday).

    ``hours``: by series, day and hour, the oldest day first, at most MOST_DAYS of them; NaN where there is no value.
    ``weekdays``: those of the days.
    """
    return joined(list(in_parts(hours, weekdays, weekday)))


def in_parts(hours: "Floats", weekdays: Sequence[int], weekday: int) -> Iterator[Bands]:
    """Yield the same for some series at a time, since it takes long: about 1 ms a series."""
    import numpy as np  # noqa: PLC0415

    numbers = np.asarray(weekdays, np.int64)
    for at in range(0, max(1, len(hours)), _AT_ONCE):
        some = hours[at : at + _AT_ONCE]
        days = (~np.isnan(some)).any(axis=2).sum(axis=1)
        lines = np.full((LINES, len(some), HOURS), np.nan)
        if len(numbers) >= FEWEST_DAYS and len(some):
            lines[:-1] = _learn(some, numbers, weekday)
            lines[-1] = _presence(some, numbers, weekday)
        lines[:, days < FEWEST_DAYS] = np.nan
        yield Bands(lines, days)


def joined(parts: Sequence[Bands]) -> Bands:
    """Return the baselines of all series of some parts (at least one), in their order."""
    import numpy as np  # noqa: PLC0415

    return Bands(np.concatenate([each.lines for each in parts], axis=1), np.concatenate([each.days for each in parts]))


def _learn(hours: "Floats", weekdays: "Ints", weekday: int) -> "Floats":
    """Return the lines of Bands, without the presence."""
    import numpy as np  # noqa: PLC0415

    number = len(weekdays)
    values = np.clip(hours, -_LARGEST, _LARGEST)
    values = np.where(unlike(values, weekdays)[:, :, None], np.nan, values).transpose(1, 0, 2)
    profiles = Profiles(values, weekdays)
    first = max(FEWEST_DAYS - 1, number - _BACK)
    distances = values[first:] - np.stack([profiles.of(day, int(weekdays[day])) for day in range(first, number)])
    levels = _levels(quantile(distances, 0.5, 2))
    errors = distances - levels[:-1, :, None]
    expected = profiles.of(number, weekday) + levels[-1][:, None]
    weekends = weekdays[first:] >= SATURDAY
    whole = quantile(np.abs(errors).transpose(1, 0, 2).reshape(len(hours), -1), 0.5, 1)
    usual = {each: usual_errors(errors[weekends == each], whole) for each in (False, True)}
    scales = np.stack([usual[bool(each)] for each in weekends])
    with np.errstate(over="ignore"):
        relative = np.clip(errors / np.where(scales > 0, scales, np.nan), -_LARGEST, _LARGEST)
    relative = relative.transpose(1, 0, 2).reshape(len(hours), -1)
    of_day = usual[weekday >= SATURDAY]
    ends = [np.nan_to_num(quantile(relative, share, 1))[:, None] for share in _SHARES]
    with np.errstate(over="ignore"):
        low, high = (
            [np.clip(expected + limit(end, 0) * of_day, -LARGEST, LARGEST) for end in some]
            for limit, some in ((np.minimum, ends[:2]), (np.maximum, ends[2:]))
        )
    found = np.stack([expected, low[1], high[0], low[0], high[1]])
    never_negative = np.asarray(~(values < 0).any(axis=(0, 2)))
    return np.where(never_negative[None, :, None], np.maximum(found, 0), found)


def _presence(hours: "Floats", weekdays: "Ints", weekday: int) -> "Floats":
    """Return on which share of the last days of a weekday's type each series has a value, by hour.

    Days before its first value do not count. NaN if fewer than FEWEST_DAYS are left.
    """
    import numpy as np  # noqa: PLC0415

    there = ~np.isnan(hours)
    begun = np.logical_or.accumulate(there.any(axis=2), axis=1)
    same = np.flatnonzero((weekdays >= SATURDAY) == (weekday >= SATURDAY))
    same = same[same >= len(weekdays) - _BACK]
    counted = begun[:, same].sum(axis=1)[:, None]
    return np.where(counted < FEWEST_DAYS, np.nan, there[:, same].sum(axis=1) / np.maximum(counted, 1))


def _levels(days: "Floats") -> "Floats":
    """Return what is added for the recent level, by day and series: for each of the days, and for the next."""
    import numpy as np  # noqa: PLC0415

    found = [np.zeros(days.shape[1])]
    found += [quantile(days[max(0, at - _LEVEL_DAYS) : at], 0.5, 0) for at in range(1, len(days) + 1)]
    levels = np.stack(found)
    return np.where(np.isnan(levels), 0.0, levels) * _LEVEL_SHARE
