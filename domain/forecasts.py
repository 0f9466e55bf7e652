"""Forecasts: what a series will be in each hour of the eight local days that come.

They are learned once a day (domain.forecasting). When they are asked for, some of their first day has come, and more is
known. Knows nothing of zones, or of where forecasts are kept.

**The last hours.** Errors persist. If the last hour was above its forecast, the next ones are likely to be: its error
is added to later hours, less with each hour, and the band is narrower as long as that helps (the forecast of a
first-order autoregressive process: Box and Jenkins, "Time Series Analysis", 1970). Most of the median
error of the last hours is added to all later hours.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from domain.baselines import HOURS
from domain.counters import FIRST
from domain.day_profiles import SATURDAY
from domain.digests import Series
from domain.exact import LARGEST

if TYPE_CHECKING:
    from domain.buckets import Floats

DAYS_AHEAD = 8
"""The first may have begun, so that a week from any moment is within them."""

LEADS = (1, 2, 4, 7)
"""The days ahead at which errors are measured."""

_KNOWN_SHARE = 0.9
"""How much of the band's variance may vanish: a little is left even if errors persist wholly."""

RECENT_HOURS = 12
"""Values that came more than so many hours before the last one no longer count."""

_DAY_SHARE, _DAY_PRIOR = 0.9, 4.0
"""Of the median error of the last hours, this share stays, the less the fewer hours there are."""

_LARGEST = 1e300
"""Larger values count as this, so that differences are finite."""


class Forecasts(NamedTuple):
    """The forecasts of series for DAYS_AHEAD local days. All arrays have a row for each series; NaN: unknown.

    ``expected``: by day and hour. ``usual``: the usual errors of the hours of workdays, and of weekends. ``ends``: by
    lead the low and the high end of the band, in usual errors. ``persistence``: the part of an error that is left an
    hour later. ``floor``: what no value is below, 0 or minus infinity. ``mase`` and ``coverage``: the score, see
    domain.forecasting. ``days``: how many days each series has values of.
    """

    expected: "Floats"
    usual: "Floats"
    ends: "Floats"
    persistence: "Floats"
    floor: "Floats"
    mase: "Floats"
    coverage: "Floats"
    days: "Floats"


class Course(NamedTuple):
    """The course of one series over the hours of DAYS_AHEAD days: arrays with a value for each hour; NaN: unknown."""

    expected: "Floats"
    low: "Floats"
    high: "Floats"


def joined(parts: Sequence[Forecasts]) -> Forecasts:
    """Return the forecasts of all series of some parts (at least one), in their order."""
    import numpy as np  # noqa: PLC0415

    return Forecasts(*(np.concatenate(lines) for lines in zip(*parts, strict=True)))


def lead_of(ahead: int) -> int:
    """Return the lead by whose errors a day is judged that is so many days ahead: the next one, or the last."""
    return next((lead for lead in LEADS if lead >= ahead), LEADS[-1])


def is_forecast(series: Series) -> bool:
    """Tell whether a series is forecast: of VMs and pools, only the counters that people look at first are."""
    return series.whose.kind not in ("vm", "pool") or series.key in FIRST


def course(forecasts: Forecasts, row: int, weekday: int, came: "Floats", highest: float = LARGEST) -> Course:
    """Return the course of a series, given the values that came since the forecasts' first day began.

    ``weekday``: of the first day. ``came``: of as many hours as there are in all, NaN where there is none, or none yet.
    The hours up to the last value get the forecast as it was. ``highest``: no value is above it.
    """
    import numpy as np  # noqa: PLC0415

    expected = forecasts.expected[row].reshape(-1)
    weekends = (weekday + np.arange(DAYS_AHEAD)) % 7 >= SATURDAY
    usual = forecasts.usual[row, weekends.astype(np.int64)].reshape(-1)
    leads = [LEADS.index(lead_of(ahead)) for ahead in range(1, DAYS_AHEAD + 1)]
    low, high = np.repeat(forecasts.ends[row, leads], HOURS, axis=0).T * usual
    errors = np.clip(came - expected, -_LARGEST, _LARGEST)
    known = np.flatnonzero(~np.isnan(errors))
    if len(known):
        known = known[known > known[-1] - RECENT_HOURS]
        later = np.arange(len(expected)) - known[-1]
        of_day = _DAY_SHARE * np.median(errors[known]) * len(known) / (len(known) + _DAY_PRIOR)
        left = forecasts.persistence[row] ** np.maximum(later, 1)
        expected = expected + np.where(later > 0, of_day + left * (errors[known[-1]] - of_day), 0.0)
        narrower = np.sqrt(1 - _KNOWN_SHARE * np.where(later > 0, left, 0.0) ** 2)
        low, high = low * narrower, high * narrower
    lines = (np.clip(each, forecasts.floor[row], highest) for each in (expected, expected + low, expected + high))
    return Course(*lines)
