"""Sessions of a pool to come: how many are active in each quarter hour of the days ahead.

**Expected.** The usual course of a day of that kind (domain.day_profiles), as busy as the last days of that kind were:
times the sessions they had, divided by what was usual. Most of that ratio is used, since the last days are few.

**Band.** The same is done for each of the last four weeks' days, from the days before it. The errors, divided by the
usual error of their quarter hour, give the quantiles that are the ends (split conformal prediction; Vovk and others,
"Algorithmic Learning in a Random World", 2005). They are those of the first day ahead; later days are a little less
sure.

Refuses to know single log-ons (domain.logons).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from domain.day_profiles import SATURDAY, Profiles, quantile, usual_errors
from domain.holidays import holidays
from domain.logons import FEWEST_DAYS, QUARTERS

if TYPE_CHECKING:
    from domain.buckets import Floats, Ints

_BACK = 28
"""How many days' errors make the band."""

_LEVEL_DAYS, _LEVEL_SHARE = 3, 0.8
"""How many days tell how busy it is, and which power of the ratio is used."""

_LEVEL_PRIOR = 8.0
"""In sessions of a quarter hour: what is added to both sides of the ratio, so that a few sessions are no boom."""

_SHARES = (0.08, 0.92)
"""The shares of past errors below the ends. Errors to come are a little larger than those at hand."""


class SessionsAhead(NamedTuple):
    """Sessions by day ahead and quarter: the expected number, and an 80 % band; NaN if nothing is known."""

    expected: "Floats"
    low: "Floats"
    high: "Floats"


def sessions_ahead(
    sessions: "Floats",
    weekdays: Sequence[int],
    known: Sequence[bool],
    tenant_used: Sequence[float],
    weekdays_ahead: Sequence[int],
) -> SessionsAhead:
    """Return how many sessions a pool will have on the days that follow its history, of these weekdays.

    ``sessions``: by day, the oldest first, and quarter. The others are as of domain.logons.habits. With fewer than
    FEWEST_DAYS known days nothing is known.
    """
    import numpy as np  # noqa: PLC0415

    numbers = np.asarray(weekdays, np.int64)
    there = np.asarray(known, np.bool_)
    found = np.full((3, len(weekdays_ahead), QUARTERS), np.nan)
    if there.sum() < FEWEST_DAYS:
        return SessionsAhead(*found)
    taught = there & ~holidays(tenant_used, numbers, there)[-1]
    days = np.where(taught[:, None], np.asarray(sessions, np.float64), np.nan)
    past = _Past(days, numbers)
    first = max(FEWEST_DAYS - 1, len(days) - _BACK)
    errors = days[first:] - np.array([past.expected(day, int(numbers[day])) for day in range(first, len(days))])
    weekends = numbers[first:] >= SATURDAY
    whole = quantile(np.abs(errors).reshape(1, -1), 0.5, 1)
    usual = np.stack([usual_errors(errors[weekends == kind, None], whole)[0] for kind in (False, True)])
    scales = usual[weekends.astype(np.int64)]
    relative = (errors / np.where(scales > 0, scales, np.nan)).reshape(-1)
    low, high = (float(np.nan_to_num(quantile(relative, share, 0))) for share in _SHARES)
    for at, weekday in enumerate(weekdays_ahead):
        expected = past.expected(len(days), weekday)
        of_day = usual[int(weekday >= SATURDAY)]
        found[:, at] = expected, expected + min(low, 0.0) * of_day, expected + max(high, 0.0) * of_day
    return SessionsAhead(*np.maximum(found, 0.0))


class _Past:
    """The sessions of a pool's past days."""

    def __init__(self, days: "Floats", weekdays: "Ints") -> None:
        """Take sessions by day and quarter, NaN on days that teach nothing."""
        import numpy as np  # noqa: PLC0415

        self._profiles = Profiles(days[:, None], weekdays)
        self._weekend = weekdays >= SATURDAY
        self._usual = np.array([self._profiles.of(day, int(each))[0] for day, each in enumerate(weekdays)])
        self._came, self._were = days.sum(axis=1), self._usual.sum(axis=1)
        self._told = ~np.isnan(self._came + self._were)

    def expected(self, day: int, weekday: int) -> "Floats":
        """Return what is expected on a day of such a weekday, by quarter, from the days before it."""
        import numpy as np  # noqa: PLC0415

        usual = self._usual[day] if day < len(self._usual) else self._profiles.of(day, weekday)[0]
        alike = self._told[:day] & (self._weekend[:day] == (weekday >= SATURDAY))
        last = np.flatnonzero(alike)[-_LEVEL_DAYS:]
        ratio = (self._came[last].sum() + _LEVEL_PRIOR) / (self._were[last].sum() + _LEVEL_PRIOR)
        return np.asarray(usual * ratio**_LEVEL_SHARE, np.float64)
