"""The usual course of days: what is usual for a series in each hour of a local day, by the days before.

Takes the mean values of local hours of many series, day by day; NaN where there is none. Medians, of days and of
errors, keep one bad day from counting. Baselines (domain.baselines) and forecasts (domain.forecasts) are made of it;
it refuses to know what they make of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from domain.buckets import Floats

    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]

SATURDAY = 5

WEEKLY_FROM = 21
"""From so many days on, a day's own weekday counts, and not only whether it is a workday."""

_HALF_LIFE = 28.0
"""After so many days a day weighs half."""

_PRIOR_WEEKS = 4.0
"""How many weeks the day's type weighs, beside those of the weekday itself."""

_PRIOR_ERRORS = 20.0
"""How many errors the whole day's usual error weighs, beside those of an hour and its neighbours."""

_UNLIKE = 3.0
"""In robust standard deviations: a day farther than this from the days of its type is left out."""

_MOST_UNLIKE = 0.12
"""If a larger share of days is unlike the others, they are no incidents."""


class Profiles:
    """The usual course of days: the median of each hour over the days before a day."""

    def __init__(self, values: "Floats", weekdays: "Ints") -> None:
        """Take values by day, series and hour."""
        import numpy as np  # noqa: PLC0415

        every = np.arange(len(weekdays))
        weekend = weekdays >= SATURDAY
        self._every = Medians(values, every)
        self._of_type = {each: Medians(values, every[weekend == each]) for each in (False, True)}
        self._of_weekday = {each: Medians(values, every[weekdays == each]) for each in range(7)}

    def of(self, day: int, weekday: int) -> "Floats":
        """Return what is usual on such a weekday, by series and hour, known from the days before a day.

        It is that of its type (workday or weekend), drawn towards its weekday from WEEKLY_FROM days on.
        """
        import numpy as np  # noqa: PLC0415

        of_type, _ = self._of_type[weekday >= SATURDAY].before(day)
        if np.isnan(of_type).any():  # the other type is better than nothing
            of_type = np.where(np.isnan(of_type), self._every.before(day)[0], of_type)
        if day < WEEKLY_FROM:
            return of_type
        of_weekday, weeks = self._of_weekday[weekday].before(day)
        share = weeks / (weeks + _PRIOR_WEEKS)
        return np.where(weeks == 0, of_type, share * of_weekday + (1 - share) * of_type)

    def of_weekday(self, day: int, weekday: int) -> "Floats":
        """Return the median of the same weekdays before a day; where there is none, what is usual."""
        import numpy as np  # noqa: PLC0415

        median, weeks = self._of_weekday[weekday].before(day)
        return np.where(weeks == 0, self.of(day, weekday), median)


class Medians:
    """Medians of some days' values, recent days weighing more. The values are sorted once."""

    def __init__(self, values: "Floats", days: "Ints") -> None:
        """Take values by day, series and hour, and which of the days count, in their order."""
        import numpy as np  # noqa: PLC0415

        self._order = np.argsort(values[days], axis=0)
        self._sorted = np.take_along_axis(values[days], self._order, 0)
        self._there = ~np.isnan(self._sorted)
        self._weights = np.where(self._there, (2.0 ** (days / _HALF_LIFE))[self._order], 0.0)
        self._days = days
        self._found: dict[int, tuple[Floats, Ints]] = {}

    def before(self, day: int) -> tuple["Floats", "Ints"]:
        """Return the medians over the days before a day, by series and hour, and how many values each is of.

        A median is the least value at which half of the weight is reached; NaN where there is no value.
        """
        number = int((self._days < day).sum())
        if number not in self._found:  # else the same days come before it
            self._found[number] = self._of(number)
        return self._found[number]

    def _of(self, number: int) -> tuple["Floats", "Ints"]:
        """Return the same of the first so many days."""
        import numpy as np  # noqa: PLC0415

        if not number:
            return np.full(self._sorted.shape[1:], np.nan), np.zeros(self._sorted.shape[1:], np.int64)
        before = self._order < number
        reached = np.cumsum(self._weights * before, axis=0)
        at = np.argmax(reached >= reached[-1] / 2, axis=0)
        numbers = (self._there & before).sum(axis=0)
        return np.where(numbers > 0, np.take_along_axis(self._sorted, at[None], 0)[0], np.nan), numbers


def usual_errors(errors: "Floats", whole: "Floats") -> "Floats":
    """Return the usual size of the errors of each hour, by series, drawn towards that of the whole day."""
    import numpy as np  # noqa: PLC0415

    if not len(errors):
        return np.repeat(whole[:, None], errors.shape[2], axis=1)
    sizes = np.abs(errors)
    near = np.concatenate([np.roll(sizes, 1, axis=2), sizes, np.roll(sizes, -1, axis=2)])
    numbers = (~np.isnan(near)).sum(axis=0)
    of_hour = quantile(near, 0.5, 0)
    of_hour = np.where(np.isnan(of_hour), 0.0, of_hour)
    drawn = (numbers * of_hour + _PRIOR_ERRORS * whole[:, None]) / (numbers + _PRIOR_ERRORS)
    return np.where(np.isnan(drawn), 0.0, drawn)


def unlike(values: "Floats", weekdays: "Ints") -> "Flags":
    """Tell, by series and day, which days are incidents: far from the days of their type, and few."""
    import numpy as np  # noqa: PLC0415

    typical = np.full_like(values, np.nan)
    for weekend in (False, True):
        of_type = (weekdays >= SATURDAY) == weekend
        if of_type.any():
            typical[:, of_type] = quantile(values[:, of_type], 0.5, 1)[:, None]
    distances = quantile(np.abs(values - typical), 0.5, 2)
    middle = quantile(distances, 0.5, 1)[:, None]
    spread = 1.4826 * quantile(np.abs(distances - middle), 0.5, 1)[:, None]
    far = distances > middle + _UNLIKE * np.maximum(spread, middle / 4)
    number = (~np.isnan(distances)).sum(axis=1)
    return np.asarray(far & (far.sum(axis=1) <= np.maximum(1, _MOST_UNLIKE * number))[:, None])


def quantile(values: "Floats", share: float, axis: int) -> "Floats":
    """Return a quantile along an axis, without NaN, interpolated between neighbours; NaN where there is no value.

    numpy's nanquantile does the same, a hundred times as slowly if there is any NaN.
    """
    import numpy as np  # noqa: PLC0415

    in_order = np.sort(values, axis=axis)  # NaN come last
    last = (~np.isnan(values)).sum(axis=axis, keepdims=True) - 1
    at = np.maximum(last, 0) * share
    below = np.floor(at).astype(np.int64)
    low = np.take_along_axis(in_order, below, axis)
    high = np.take_along_axis(in_order, np.minimum(below + 1, np.maximum(last, 0)), axis)
    return np.asarray((low + (high - low) * (at - below)).squeeze(axis), np.float64)
