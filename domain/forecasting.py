"""Forecasting: how forecasts are learned from the days before.

Like baselines, forecasts are a pure function of a series' hours, many series at a time. Knows nothing of what a series
is of, of zones, or of where forecasts are kept.

**Methods.** The last day once more; the median of the last three days; the last day's median, all day; what is usual
on such a weekday, at the level of the last days; and the median of the same weekdays. Each is the best for some series.

**Combination.** Each day of the last weeks is forecast from the days before it by all of them, as many days ahead (the
lead). A method's weight falls steeply with the errors that it made at this lead (or at four days, if it is longer),
recent ones counting most. So the best one of late leads, and another takes over without a jump.

**Band.** The errors that the combination made in the last three weeks, in usual errors of the hour. Their quantiles are
the ends of the band (split conformal prediction: Vovk and others, "Algorithmic Learning in a Random World", 2005). They
are taken a little wider than 10 and 90 %, more so for later days, since errors to come are larger than those at hand;
by how much was measured on real VMs (benchmarks.forecasts).

**Score.** How the same did on the last four weeks: errors beside those of "same time yesterday" (MASE: Hyndman and
Koehler, "Another look at measures of forecast accuracy", 2006), and the share of values within bands that were learned
before these values came.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from domain.baselines import FEWEST_DAYS, HOURS
from domain.day_profiles import SATURDAY, Profiles, quantile, unlike, usual_errors
from domain.exact import LARGEST
from domain.forecasts import DAYS_AHEAD, LEADS, Forecasts, lead_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from domain.buckets import Floats

    Ints = NDArray[np.int64]

BAND_FROM = 14
"""With fewer days there are too few errors for a band."""

_BACK = 21
"""How many days' errors make the band."""

_PRACTISED, _FEWEST_ERRORS = 14, 7
"""A band leaves out the errors of the first two weeks, when little was known, if those of seven days are left."""

_SCORED = 28
"""How many days the score is of."""

_LEARNED = 42
"""How many days are forecast again: as many, and days before them from which they are judged."""

_STEEP = 8
"""A method's weight falls with this power of its error."""

_WEIGHED = LEADS[-2]
"""Methods are weighed by their errors at this lead, or a smaller one. A week ahead, the last days are right by their
weekdays alone, which tells nothing of five, six and eight days ahead."""

_HALF_LIFE = 6.0
"""After so many days a method's error counts half."""

_LEVEL_DAYS, _LEVEL_SHARE = 3, 0.8
"""How many days' distances from what is usual make the level, and how much of it is added."""

_LAST_DAYS = 3

_SHARES = ((0.0825, 0.9175), (0.08, 0.92), (0.075, 0.925), (0.07, 0.93))
"""By lead: the shares of past errors below the band's ends."""

_LEAST_USUAL = 0.2
"""The usual error of an hour is at least this share of the mean error."""

_PERSISTENCES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
_HOURS_LATER = (1, 3, 6, 12)
"""The persistence is the one of these that makes errors so many hours later smallest."""

_AT_ONCE = 100
"""How many series are learned side by side: enough to be fast, few enough that other work waits only briefly."""

_LARGEST = 1e300
"""Larger values count as this, so that differences are finite."""


def learn(hours: "Floats", weekdays: Sequence[int], weekday: int) -> Iterator[Forecasts]:
    """Yield the forecasts of the days that follow the given ones, the first of which is this weekday (0: Monday).

    They come for some series at a time, since it takes long: about 2 ms a series. See domain.forecasts.joined.

    ``hours``: by series, day and hour, the oldest day first, at most baselines.MOST_DAYS of them; NaN where there is no
    value, or none yet. ``weekdays``: those of the days.
    """
    import numpy as np  # noqa: PLC0415

    for at in range(0, max(1, len(hours)), _AT_ONCE):
        yield _Learning(hours[at : at + _AT_ONCE], np.asarray(weekdays, np.int64), weekday).forecasts()


class _Learning:
    """What is learned of some series. Arrays are by day, series and hour."""

    def __init__(self, hours: "Floats", weekdays: "Ints", weekday: int) -> None:
        import numpy as np  # noqa: PLC0415

        self._values = np.clip(hours, -_LARGEST, _LARGEST).transpose(1, 0, 2)
        self._number, self._series = self._values.shape[:2]
        self._weekday = weekday
        if self._number >= FEWEST_DAYS:
            incidents = unlike(self._values.transpose(1, 0, 2), weekdays).T
            self._clean = np.where(incidents[:, :, None], np.nan, self._values)
            self._profiles = Profiles(self._clean, weekdays)

    def forecasts(self) -> Forecasts:
        """Return the forecasts."""
        import numpy as np  # noqa: PLC0415

        number, series = self._number, self._series
        days = (~np.isnan(self._values)).any(axis=2).sum(axis=0).astype(np.float64)
        floor = np.where((self._values < 0).any(axis=(0, 2)), -np.inf, 0.0)
        unknown = np.full(series, np.nan)
        expected = np.full((series, DAYS_AHEAD, HOURS), np.nan)
        usual, ends = np.full((series, 2, HOURS), np.nan), np.full((series, len(LEADS), 2), np.nan)
        if number < FEWEST_DAYS:
            return Forecasts(expected, usual, ends, np.zeros(series), floor, unknown, unknown, days)
        with np.errstate(all="ignore"):
            found, errors = self._backtested()
            expected = np.where((days >= FEWEST_DAYS)[:, None, None], found.transpose(1, 0, 2), np.nan)
            usual, ends = self._band(errors, max(number - _BACK, min(_PRACTISED, number - _FEWEST_ERRORS)), number)
            ends[days < BAND_FROM] = np.nan
            mase, coverage = self._score(errors)
            enough = days >= BAND_FROM
            return Forecasts(
                np.clip(expected, floor[:, None, None], LARGEST),
                usual,
                ends,
                self._persistence(errors[1]),
                floor,
                np.where(enough, mase, np.nan),
                np.where(enough, coverage, np.nan),
                days,
            )

    def _weekday_of(self, day: int) -> int:
        return int((self._weekday + day - self._number) % 7)

    def _backtested(self) -> "tuple[Floats, dict[int, dict[int, Floats]]]":
        """Return the forecasts of the days to come, and the errors of those of past days by lead and day."""
        import numpy as np  # noqa: PLC0415

        first = max(FEWEST_DAYS, self._number - _LEARNED)
        made = {end: self._methods(end) for end in range(first, self._number + 1)}
        decay = 0.5 ** (1 / _HALF_LIFE)
        expected = np.empty((DAYS_AHEAD, self._series, HOURS))
        errors: dict[int, dict[int, Floats]] = {lead: {} for lead in LEADS}
        sums = {lead: np.zeros((2, len(made[first][1]), self._series)) for lead in LEADS}
        for end, forecasts in made.items():
            for lead in LEADS:
                origin = end - lead  # its forecasts of the day that has just ended
                if origin in made:
                    apart = np.abs(made[origin][lead] - self._values[end - 1])
                    there = ~np.isnan(apart)
                    sums[lead] *= decay
                    sums[lead] += np.where(there, apart, 0.0).sum(axis=2), there.sum(axis=2)
            for ahead, each in forecasts.items():
                lead = lead_of(ahead)
                combined = _combined(each, *sums[min(lead, _WEIGHED)])
                if end == self._number:
                    expected[ahead - 1] = combined
                elif ahead == lead and end + lead - 1 < self._number:
                    errors[lead][end + lead - 1] = self._values[end + lead - 1] - combined
        return expected, errors

    def _methods(self, end: int) -> "dict[int, Floats]":
        """Return what each method says from the days before ``end``, by days ahead: by method, series and hour."""
        import numpy as np  # noqa: PLC0415

        levels = [self._apart(day) for day in range(max(FEWEST_DAYS, end - _LEVEL_DAYS), end)]
        level = np.nan_to_num(quantile(np.stack(levels), 0.5, 0)) * _LEVEL_SHARE if levels else np.zeros(self._series)
        few = quantile(self._clean[max(0, end - _LAST_DAYS) : end], 0.5, 0)
        last = self._values[end - 1]
        flat = np.repeat(quantile(last, 0.5, 1)[:, None], HOURS, axis=1)
        found: dict[int, Floats] = {}
        for ahead in LEADS if end < self._number else range(1, DAYS_AHEAD + 1):
            weekday = self._weekday_of(end + ahead - 1)
            usual = self._profiles.of(end, weekday)
            weekly = self._profiles.of_weekday(end, weekday)
            methods = np.stack([np.where(np.isnan(last), few, last), few, flat, usual + level[:, None], weekly])
            methods = np.where(np.isnan(methods), usual, methods)
            found[ahead] = np.where(np.isnan(usual), np.nan, methods)  # at this hour there never is a value
        return found

    def _apart(self, day: int) -> "Floats":
        """Return how far a day as a whole was above what was usual on such a day."""
        return quantile(self._values[day] - self._profiles.of(day, self._weekday_of(day)), 0.5, 1)

    def _band(self, errors: "dict[int, dict[int, Floats]]", first: int, after: int) -> "tuple[Floats, Floats]":
        """Return the usual errors of the hours, and the band's ends, by the errors of some days. See Forecasts."""
        import numpy as np  # noqa: PLC0415

        of_leads = {
            lead: {day: each for day, each in of.items() if first <= day < after} for lead, of in errors.items()
        }
        if not of_leads[1]:
            return np.full((self._series, 2, HOURS), np.nan), np.full((self._series, len(LEADS), 2), np.nan)
        of_days = np.stack(list(of_leads[1].values()))
        weekends = np.array([self._weekday_of(day) >= SATURDAY for day in of_leads[1]])
        sizes = np.abs(of_days).transpose(1, 0, 2).reshape(self._series, -1)
        whole = quantile(sizes, 0.5, 1)
        least = _LEAST_USUAL * np.nan_to_num(np.nansum(sizes, axis=1) / (~np.isnan(sizes)).sum(axis=1))
        usual = [usual_errors(of_days[weekends == each], whole) for each in (False, True)]
        usual = [np.maximum(each, least[:, None]) for each in usual]
        ends = np.full((self._series, len(LEADS), 2), np.nan)
        for at, lead in enumerate(LEADS):
            of_lead = of_leads[lead] or of_leads[1]  # those of a later lead come later
            scales = np.stack([usual[self._weekday_of(day) >= SATURDAY] for day in of_lead])
            relative = np.stack(list(of_lead.values())) / np.where(scales > 0, scales, np.nan)
            relative = np.clip(relative, -_LARGEST, _LARGEST).transpose(1, 0, 2).reshape(self._series, -1)
            for side, share in enumerate(_SHARES[at]):
                ends[:, at, side] = np.nan_to_num(quantile(relative, share, 1))
        ends[:, :, 0], ends[:, :, 1] = np.minimum(ends[:, :, 0], 0), np.maximum(ends[:, :, 1], 0)
        return np.stack(usual, axis=1), ends

    def _persistence(self, errors: "dict[int, Floats]") -> "Floats":
        """Return which part of an error is left an hour later, by series, given the errors of days."""
        import numpy as np  # noqa: PLC0415

        recent = [each for day, each in errors.items() if day >= self._number - _BACK]
        if not recent:
            return np.zeros(self._series)
        of_hours = np.concatenate(recent, axis=1)
        there = np.nan_to_num(of_hours)
        losses = np.zeros((len(_PERSISTENCES), self._series))
        for at, each in enumerate(_PERSISTENCES):
            for later in _HOURS_LATER:
                apart = np.abs(there[:, later:] - each**later * there[:, :-later])
                losses[at] += np.where(np.isnan(of_hours[:, later:]), 0.0, apart).mean(axis=1)
        return np.asarray(np.array(_PERSISTENCES)[losses.argmin(axis=0)], np.float64)

    def _score(self, errors: "dict[int, dict[int, Floats]]") -> "tuple[Floats, Floats]":
        """Return the score of the first two days ahead, over the last _SCORED days: see Forecasts."""
        import numpy as np  # noqa: PLC0415

        number, half = self._number, _SCORED // 2
        ours, theirs = np.zeros((2, self._series)), np.zeros((2, self._series))
        inside = np.zeros((2, self._series))
        for first in (number - _SCORED, number - half):
            usual, ends = self._band(errors, first - _BACK, first)
            for at, lead in enumerate(LEADS[:2]):
                for day in (day for day in errors[lead] if first <= day < first + half):
                    error = errors[lead][day]
                    ours += _total(np.abs(error))
                    theirs += _total(np.abs(self._values[day] - self._values[day - 1]))
                    of_day = usual[:, int(self._weekday_of(day) >= SATURDAY)]
                    low, high = ends[:, at, :1] * of_day, ends[:, at, 1:] * of_day
                    known = ~np.isnan(error) & ~np.isnan(low)
                    inside += np.stack([((error >= low) & (error <= high) & known).sum(axis=1), known.sum(axis=1)])
        mase = (ours[0] / ours[1]) / (theirs[0] / theirs[1])
        return np.where(np.isfinite(mase), mase, np.nan), inside[0] / np.where(inside[1] > 0, inside[1], np.nan)


def _combined(methods: "Floats", sums: "Floats", numbers: "Floats") -> "Floats":
    """Return the methods' mean, weighted by their errors: sums and numbers of these by method and series."""
    import numpy as np  # noqa: PLC0415

    means = np.where(numbers > 0, sums / np.maximum(numbers, _LITTLE), 0.0)
    best = means.min(axis=0)
    weights = ((means + _LITTLE * best + _TINY) / (best + _LITTLE * best + _TINY)) ** -_STEEP
    weights /= weights.sum(axis=0)
    return np.asarray((weights[:, :, None] * methods).sum(axis=0))


def _total(values: "Floats") -> "Floats":
    """Return the sum and the number of each series' values."""
    import numpy as np  # noqa: PLC0415

    return np.stack([np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1)])


_LITTLE, _TINY = 1e-3, 1e-300
"""So that methods that made no error at all are not divided by nothing."""
